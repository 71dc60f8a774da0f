"""Levels of dirt for the world of `people.py`: what rows of a table of contacts get wrong, from clean to what people
complain of. Everything is drawn from the world's one generator, and every name is made of syllables.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from people import World, all_people, plain_phone

from transforms.normalise.names import nicknames

Strings = NDArray[np.object_]
FIELDS = tuple("first last mail phone company title street town state postcode born".split())
"""The columns of a row, from left to right: in a shifted row values stand one column further right from a place on."""
HEADERS = {
    "first": "First Name", "last": "Last Name", "mail": "Email", "phone": "Phone Number", "company": "Company Name",
    "title": "Job Title", "street": "Street Address", "town": "City", "state": "State/Region",
    "postcode": "Postal Code", "born": "Birthdate",
}  # fmt: skip
AFFIXED = {
    "first": "cust_first_name", "last": "cust_last_name", "mail": "email_1", "phone": "Home Phone",
    "company": "company_name_v2", "title": "job title (crm)", "street": "street_billing", "town": "city_billing",
    "state": "region_billing", "postcode": "postcode_billing", "born": "dob_export",
}  # fmt: skip
UNKNOWN = {**AFFIXED, "title": "Funktion intern", "postcode": "plz_neu", "born": "gebdat", "state": "Gebiet X"}
PLACEHOLDERS = {
    "first": ["Unknown", "-", "xxx", "Guest"], "last": ["Unknown", "-", "n/a", "Customer"],
    "mail": ["noemail@postbox.example", "none@none.example", "test@test.example"],
    "phone": ["0000000000", "1111111111", "1234567890", "+1 000 000 0000"], "company": ["Private", "n/a", "Self", "-"],
    "born": ["1900-01-01", "1970-01-01"], "postcode": ["00000", "99999"],
}  # fmt: skip
_LATIN = ("b c d f g h k l m n p r s t v".split(), "a e i o u".split())
LANGUAGES: dict[str, tuple[list[str], list[str], list[str]]] = {
    "German": ([*_LATIN[0], "sch", "st"], "a e i o u ä ö ü".split(), ["mann", "er", "berg", "ß"]),
    "French": ([*_LATIN[0], "ch"], "a e é è i o ou eau".split(), ["et", "ier", "eau", "ç"]),
    "Spanish": ([*_LATIN[0], "ñ"], "a e i o u á é í".split(), ["ez", "os", "ón"]),
    "Portuguese": (_LATIN[0], "a e i o u ã õ ç".split(), ["eira", "ões", "inho"]),
    "Polish": ([*_LATIN[0], "ł", "sz", "cz"], "a ą e ę i o ó u y".split(), ["ski", "wicz", "ska"]),
    "Czech": ([*_LATIN[0], "č", "ř", "š", "ž"], "a á e ě i í o u ů y".split(), ["ová", "ek", "ský"]),
    "Hungarian": ([*_LATIN[0], "gy", "sz"], "a á e é i o ö ő u ü ű".split(), ["né", "fi", "ay"]),
    "Turkish": ([*_LATIN[0], "ş", "ç", "ğ"], "a e ı i o ö u ü".split(), ["oğlu", "can", "er"]),
    "Swedish": ([*_LATIN[0], "sj"], "a e i o å ä ö".split(), ["sson", "qvist", "ström"]),
    "Danish": ([*_LATIN[0], "bj"], "a e i o ø æ å".split(), ["sen", "gaard"]),
    "Icelandic": ([*_LATIN[0], "þ", "ð"], "a á e i í o ó u ú æ".split(), ["sson", "dóttir"]),
    "Romanian": ([*_LATIN[0], "ș", "ț"], "a ă â e i î o u".split(), ["escu", "eanu"]),
    "Vietnamese": (["ng", "nh", "th", "tr", "đ", "h", "l"], "a ă â ê ô ơ ư ạ ế ộ".split(), ["n", "nh", "ng"]),
    "Dutch": ([*_LATIN[0], "sch"], "a aa e ee ij oo u".split(), ["stra", "man", "dijk"]),
    "Russian": (list("бвгдзклмнпрст"), list("аеиоуыя"), ["ов", "ин", "ский"]),
    "Ukrainian": (list("бвгґдзклмнпр"), list("аеиіїоуя"), ["енко", "чук"]),
    "Greek": (list("βγδζκλμνπρστ"), list("αειουάό"), ["όπουλος", "ίδης"]),
    "Hebrew": (list("בגדזחטכלמנסעפצקרשת"), list("אהוי"), ["ן", "ם"]),
    "Arabic": (list("بتثجحدرزسشعفقكلمن"), list("اوي"), ["ة", "ان"]),
    "Japanese": (["田", "山", "川", "中", "木", "村", "林", "石"], ["太", "子", "美", "一", "郎"], [""]),
}
"""Onsets, vowels and endings of names of twenty languages."""


@dataclass(frozen=True)
class Dirt:
    """What is wrong at a level; shares are of all rows, or of all values of a field, where nothing else is said.

    Attributes:
        typos: values of a field with one letter wrong.
        missing: values that are not there.
        news: rows of another time, for each kind of news: another e-mail, phone, employer with its e-mail, or address.
        short: rows with a short form of the first name.
        swapped: rows with first and last name in each other's place.
        shifted: rows whose values stand one column further right from some place on.
        truncated: values cut off.
        again: people who have several rows, and at most how many.
        odd_phones: phones with an extension, digits too many or too few, or spaces.
        families, fathers, twins: people of whom the next one is family; families of one first name; families of one
            birth date.
        couples: rows of two people together.
        guests: rows with a shared customer id.
        placeholders: values that say nothing.
        foreign: people with names of `LANGUAGES`.
        headers: how the columns are called.
    """

    typos: float
    missing: float
    news: float
    short: float
    swapped: float
    shifted: float
    truncated: float
    again: float
    most_rows: int
    odd_phones: float
    families: float
    fathers: float
    twins: float
    couples: float
    guests: float
    placeholders: float
    foreign: float
    headers: dict[str, str]


LEVELS = (
    Dirt(0, 0, 0, 0, 0, 0, 0, 0.40, 2, 0, 0.05, 0, 0, 0, 0, 0, 0.0, HEADERS),
    Dirt(0.02, 0.10, 0.05, 0.05, 0.005, 0, 0.002, 0.40, 4, 0.02, 0.06, 0.08, 0.05, 0.001, 0.002, 0.003, 0.05, HEADERS),
    Dirt(0.05, 0.20, 0.08, 0.07, 0.01, 0.002, 0.01, 0.45, 6, 0.06, 0.08, 0.10, 0.08, 0.005, 0.01, 0.01, 0.15, HEADERS),
    Dirt(0.10, 0.30, 0.12, 0.10, 0.03, 0.005, 0.03, 0.50, 8, 0.15, 0.10, 0.12, 0.10, 0.01, 0.03, 0.03, 0.25, AFFIXED),
    Dirt(0.20, 0.40, 0.16, 0.12, 0.06, 0.02, 0.06, 0.60, 8, 0.30, 0.12, 0.15, 0.12, 0.02, 0.05, 0.06, 0.40, UNKNOWN),
)  # fmt: skip
"""From clean (0) over a well-kept CRM (1) to what people complain of (3) and beyond."""


class Dirty(NamedTuple):
    """A dirty table, the truth about it, and what each row should have said."""

    table: pl.DataFrame
    truth: pl.DataFrame
    clean: pl.DataFrame


def make_dirty(rows: int, level: int, seed: int = 1) -> Dirty:
    """A table of so many rows at a level of dirt.

    Returns:
        `table` with the level's headers, `truth` (`id`, `entity`), and `clean`: `FIELDS` of each row's person.
    """
    dirt, world = LEVELS[level], World(seed)
    mean = 1 + dirt.again * (1 + (dirt.most_rows - 2) * 0.25)
    people = all_people(
        world, max(2, round(rows / mean)), families=dirt.families, fathers=dirt.fathers, twins=dirt.twins
    )
    people = _with_foreign_names(world, people, dirt.foreign)
    entity = _rows_of_people(world, len(people), rows, dirt)
    clean = people[entity.tolist()].select(FIELDS)
    value = {name: clean[name].to_numpy().astype(object) for name in FIELDS}
    _news(world, value, dirt)
    styles = world.random.integers(0, 4, rows)
    value["phone"] = np.array(
        [plain_phone(digits, style) for digits, style in zip(value["phone"], styles, strict=True)], dtype=object
    )
    own = clean["phone"].to_numpy()
    clean = clean.with_columns(
        phone=pl.Series([plain_phone(digits, style) for digits, style in zip(own, styles, strict=True)])
    )
    entity = _joint_rows(world, value, entity, dirt.couples, len(people))
    for name in FIELDS:
        chosen = np.flatnonzero(world.some(dirt.typos, rows))
        if name not in ("state", "born", "phone"):
            value[name][chosen] = world.typos(value[name][chosen])
    chosen = np.flatnonzero(world.some(dirt.odd_phones, rows))
    value["phone"][chosen] = _odd_phones(world, value["phone"][chosen])
    for name in FIELDS:
        cut = np.flatnonzero(world.some(dirt.truncated, rows))
        value[name][cut] = [text[: max(1, len(text) * 2 // 3)] for text in value[name][cut]]
        nothing = np.flatnonzero(world.some(dirt.placeholders, rows))
        if name in PLACEHOLDERS:
            value[name][nothing] = world.random.choice(np.array(PLACEHOLDERS[name], dtype=object), len(nothing))
        gone = world.some(dirt.missing, rows)
        if name in ("first", "last"):
            gone &= (value["mail"] != "") & world.some(0.15, rows)
        value[name][gone] = ""
    swapped = np.flatnonzero(world.some(dirt.swapped, rows))
    value["first"][swapped], value["last"][swapped] = value["last"][swapped], value["first"][swapped]
    _shift(world, value, dirt.shifted)
    guests = world.some(dirt.guests, rows)
    customer = np.where(guests, world.random.choice(["guest", "4711", "0"], rows).astype(object), "")
    table = {"Record ID": np.arange(1, rows + 1).astype(str).astype(object), "Customer ID": customer}
    table |= {dirt.headers[name]: value[name] for name in FIELDS}
    truth = pl.DataFrame({"id": table["Record ID"], "entity": entity})
    return Dirty(pl.DataFrame(table), truth, clean)


def _news(world: World, value: dict[str, Strings], dirt: Dirt) -> None:
    """Rows of another time: each kind of news by itself, and short forms of first names."""
    rows = len(value["first"])
    short: dict[str, list[str]] = {}
    for low, high in nicknames().iter_rows():
        short.setdefault(low, []).append(high)
        short.setdefault(high, []).append(low)
    for row in np.flatnonzero(world.some(dirt.short, rows)):
        known = short.get(value["first"][row].lower())
        if known:
            value["first"][row] = known[world.random.integers(0, len(known))].capitalize()
    chosen = np.flatnonzero(world.some(dirt.news, rows))
    names = [mail.partition("@")[0] for mail in value["mail"][chosen]]
    value["mail"][chosen] = np.array(names, dtype=object) + world.digits(len(chosen), 3) + "@postbox.example"
    chosen = np.flatnonzero(world.some(dirt.news, rows))
    value["phone"][chosen] = world.phones(len(chosen))
    chosen = np.flatnonzero(world.some(dirt.news, rows))
    there = world.random.integers(0, rows, len(chosen))
    value["company"][chosen] = value["company"][there]
    hosts = np.array([mail.partition("@")[2] for mail in value["mail"][there]], dtype=object)
    names = [mail.partition("@")[0] for mail in value["mail"][chosen]]
    value["mail"][chosen] = np.array(names, dtype=object) + "@" + hosts
    chosen = np.flatnonzero(world.some(dirt.news, rows))
    there = world.random.integers(0, rows, len(chosen))
    for name in ("street", "town", "state", "postcode"):
        value[name][chosen] = value[name][there]


def _rows_of_people(world: World, people: int, rows: int, dirt: Dirt) -> NDArray[np.int64]:
    """Whose each row is: everybody has one, and some have up to `most_rows`."""
    again = np.flatnonzero(world.some(dirt.again, people))
    extra = 1 + world.random.geometric(0.6, len(again)) % max(1, dirt.most_rows - 1)
    every = np.concatenate([np.arange(people), np.repeat(again, np.minimum(extra, dirt.most_rows - 1))])
    if len(every) < rows:  # the shares are met on average: the last rows are of people with room for more
        every = np.concatenate([every, world.random.choice(again, rows - len(every))]) if len(again) else every
    order = world.random.permutation(len(every))[:rows]
    return every[order] if len(order) == rows else np.resize(every, rows)


def _with_foreign_names(world: World, people: pl.DataFrame, share: float) -> pl.DataFrame:
    """Some people with names of other languages, family by family."""
    chosen = np.flatnonzero(world.some(share, len(people)))
    first, last = (people[name].to_numpy().astype(object) for name in ("first", "last"))
    of_language = world.random.integers(0, len(LANGUAGES), len(chosen))
    for number, (onsets, vowels, endings) in enumerate(LANGUAGES.values()):
        mine = chosen[of_language == number]
        size = max(20, len(mine) // 12)
        pools = [
            np.array(
                ["".join(map(str, (world.random.choice(onsets), world.random.choice(vowels)) * 2))
                 + str(world.random.choice(endings)) * ending for _ in range(size)],
                dtype=object,
            )
            for ending in (0, 1)
        ]  # fmt: skip
        first[mine] = [name.capitalize() for name in world.zipf(pools[0], len(mine), power=0.6)]
        last[mine] = [name.capitalize() for name in world.zipf(pools[1], len(mine), power=0.6)]
    return people.with_columns(first=pl.Series(first, dtype=pl.String), last=pl.Series(last, dtype=pl.String))


def _joint_rows(
    world: World, value: dict[str, Strings], entity: NDArray[np.int64], share: float, people: int
) -> NDArray[np.int64]:
    """Some rows become those of two people together: an entity of their own, since they are neither of the two."""
    joint = np.flatnonzero(world.some(share, len(entity)))
    partner = world.random.permutation(value["first"])[: len(joint)]
    value["first"][joint] = value["first"][joint] + np.where(world.some(0.5, len(joint)), " & ", " and ") + partner
    own = entity.copy()
    own[joint] = people + np.arange(len(joint))
    return own


def _odd_phones(world: World, phones: Strings) -> Strings:
    kinds = world.random.integers(0, 5, len(phones))
    numbers = world.random.integers(1, 9999, len(phones))
    odd = []
    for phone, kind, number in zip(phones, kinds, numbers, strict=True):
        if kind == 0:
            odd.append(f"{phone} x{number}")
        elif kind == 1:
            odd.append(f"{phone} ext. {number}")
        elif kind == 2:
            odd.append(f"{phone}{number % 10}")
        elif kind == 3:
            odd.append(phone[:-1])
        else:
            odd.append(" ".join(phone))
    return np.array(odd, dtype=object)


def _shift(world: World, value: dict[str, Strings], share: float) -> None:
    """Moves the values of some rows one column to the right, from some column on; the last one falls out."""
    rows = len(value["first"])
    shifted = np.flatnonzero(world.some(share, rows))
    begin = world.random.integers(1, len(FIELDS) - 1, len(shifted))
    for row, start in zip(shifted, begin, strict=True):
        for at in range(len(FIELDS) - 1, int(start), -1):
            value[FIELDS[at]][row] = value[FIELDS[at - 1]][row]
        value[FIELDS[int(start)]][row] = ""

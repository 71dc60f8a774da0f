"""A seeded world of contacts as CRMs hold them: the same people several times, differently, and people who are alike.

    python benchmarks/people.py ROWS FOLDER [SEED] [--level 0…4]

writes `people.csv` (an export with recognisable headers) and `truth.csv` (`id,entity`). With a level the rows are as
dirty as `dirt.py` says, from clean (0) over a well-kept CRM (1) to what people complain of (3).

Without a level two in five people stand there more than once. What a copy gets wrong is drawn for each field; who is
alike without being the same are families at one address with one mailbox, colleagues behind a switchboard or a shared
mailbox, namesakes in one firm, and twins. Everybody is invented.
"""

from __future__ import annotations

import argparse
from functools import cache
from pathlib import Path

import numpy as np
import phonenumbers
import polars as pl
from numpy.typing import NDArray

from transforms.normalise.names import nicknames

Strings = NDArray[np.object_]
_ONSETS = "b br c ch cl d dr f fl g gr h j k kl l m n p pr r s sch sh st t th tr v w z".split()
_VOWELS = "a e i o u ai ea ie ou".split()
_CODAS = "ck l ld lt m n nd ng nn r rd rk rs s ss t tt x".split()
_ENDINGS = ["", "", "er", "man", "sen", "son", "ton", "ley", "ski", "berg", "ez", "ov", "elli", "wood"]
_TITLES = (
    "Account Manager;Architect;Bookkeeper;Buyer;Consultant;Designer;Director;Engineer;Office Manager;Owner;"
    "Photographer;Producer;Teacher;Technician;Translator;Sales Manager;Project Manager;Analyst;Nurse;Driver"
).split(";")
_FORMS = ["Ltd", "Inc", "GmbH", "LLC", "Group", "& Sons", "Partners", "Studio"]
_STREETS = ["Street", "Avenue", "Road", "Lane", "Drive", "Court", "Place", "Way"]
_FREE = ["postbox.example", "quickmail.example", "letterbox.example", "mailing.example"]
_STATES = ["NY", "MA", "OR", "CO", "TX", "WA", "IL", "GA", "CA", "FL"]
COLUMNS = (
    "Record ID", "First Name", "Last Name", "Email", "Phone Number", "Company Name", "Job Title", "Street Address",
    "City", "State/Region", "Postal Code", "Birthdate",
)  # fmt: skip


class World:
    """Draws everything from one generator, so that the same seed gives the same world."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def some(self, share: float, count: int) -> NDArray[np.bool_]:
        """Which of so many are among a share of them."""
        return self.random.random(count) < share

    def words(self, count: int, syllables: int) -> Strings:
        """So many different words that could be names."""
        made: dict[str, None] = {}
        while len(made) < count:
            parts = ["".join(self.random.choice(one) for one in (_ONSETS, _VOWELS, _CODAS)) for _ in range(syllables)]
            made["".join(parts) + str(self.random.choice(_ENDINGS))] = None
        return np.array(list(made), dtype=object)

    def zipf(self, values: Strings, count: int, *, power: float = 0.9) -> Strings:
        """Values drawn as names are: few are very common, most are rare."""
        weights = 1.0 / np.arange(1, len(values) + 1) ** power
        picked = np.searchsorted(np.cumsum(weights) / weights.sum(), self.random.random(count))
        return values[np.minimum(picked, len(values) - 1)]

    def digits(self, count: int, length: int) -> Strings:
        """Numbers of so many digits, as text."""
        low, high = 10 ** (length - 1), 10**length
        return self.random.integers(low, high, count).astype(str).astype(object)

    def phones(self, count: int) -> Strings:
        """North American numbers."""
        areas = world_areas()
        area = areas[self.random.integers(0, len(areas), count)]
        return area + self.random.integers(200, 1000, count).astype(str).astype(object) + self.digits(count, 4)

    def typos(self, values: Strings) -> Strings:
        """Each value with one letter lost, doubled, changed or swapped with the next."""
        kinds = self.random.integers(0, 4, len(values))
        places, letters = self.random.random(len(values)), self.random.integers(97, 123, len(values))
        return np.array(
            [
                _typo(value, kind, place, chr(letter))
                for value, kind, place, letter in zip(values, kinds, places, letters, strict=True)
            ],
            dtype=object,
        )


@cache
def world_areas() -> Strings:
    """Area codes of the United States that are in use."""
    codes = [
        str(code) for code in range(201, 990) if phonenumbers.is_valid_number(phonenumbers.parse(f"+1{code}5550147"))
    ]
    return np.array([code for code in codes if code[1:] != "00"], dtype=object)


def _typo(value: str, kind: int, place: float, letter: str) -> str:
    if len(value) < 3:
        return value
    at = 1 + int(place * (len(value) - 2))
    if kind == 0:
        return value[:at] + value[at + 1 :]
    if kind == 1:
        return value[:at] + value[at] + value[at:]
    if kind == 2:
        return value[:at] + letter + value[at + 1 :]
    return value[:at] + value[at + 1] + value[at] + value[at + 2 :]


def all_people(
    world: World, count: int, *, families: float = 0.06, fathers: float = 0.08, twins: float = 0.05
) -> pl.DataFrame:
    """Who there is, each once, with the groups of people who are alike.

    Args:
        world: what draws everything.
        count: how many.
        families: share of people of whom the next one is family.
        fathers, twins: shares of these who have the same first name, or the same birth date.
    """
    forms = nicknames()
    firsts = world.random.permutation(np.array(sorted(set(forms["low"]) | set(forms["high"])), dtype=object))
    lasts = np.array([one.capitalize() for one in world.words(min(40_000, max(500, count // 10)), 2)], dtype=object)
    towns = np.array([one.capitalize() for one in world.words(min(4_000, max(40, count // 200)), 1)], dtype=object)
    roads = np.array([one.capitalize() for one in world.words(2_000, 2)], dtype=object)
    firms = min(200_000, max(20, count // 12))
    names = world.zipf(lasts, firms, power=0.3) + " " + world.zipf(np.array(_FORMS, dtype=object), firms, power=0.5)
    employer = (world.random.pareto(1.1, count) * firms / 40).astype(int) % firms
    first, last = world.zipf(firsts, count, power=0.6), world.zipf(lasts, count, power=0.6)
    town = world.random.integers(0, len(towns), count)
    street = world.digits(count, 3) + " " + world.zipf(roads, count, power=0.4)
    street = street + " " + world.random.choice(np.array(_STREETS, dtype=object), count)
    born = np.datetime64("1940-01-01") + world.random.integers(0, 365 * 65, count)
    mobile = world.phones(count)
    local = _locals(world, first, last, count)
    free = world.some(0.45, count)
    domain = np.array([f"{name.split(' ')[0].lower()}{at % 97}.example" for at, name in enumerate(names)], dtype=object)
    mail = local + "@" + np.where(free, world.zipf(np.array(_FREE, dtype=object), count), domain[employer])
    mail = _each_their_own(mail)
    # Families: the next person is of the same house, and some of them share mailbox and phone.
    family = np.flatnonzero(world.some(families, count - 1))
    for column, share in ((last, 1.0), (street, 1.0), (town, 1.0), (mail, 0.35), (mobile, 0.35)):
        chosen = family[world.some(share, len(family))]
        column[chosen + 1] = column[chosen]
    namesakes = family[world.some(fathers, len(family))]  # father and son
    first[namesakes + 1] = first[namesakes]
    suffix = np.full(count, "", dtype=object)
    suffix[namesakes] = "Sr"
    suffix[namesakes + 1] = "Jr"
    of_one_birth = family[world.some(twins, len(family))]
    born[of_one_birth + 1] = born[of_one_birth]
    # Colleagues: a switchboard, a mailbox for all.
    switchboard = world.phones(firms)
    phone = np.where(world.some(0.12, count), switchboard[employer], mobile)
    together = world.some(0.02, count)
    mail = np.where(together, "office@" + domain[employer], mail)
    return pl.DataFrame(
        {
            "first": first, "last": last, "suffix": suffix, "mail": mail, "phone": phone, "mobile": mobile,
            "company": names[employer], "employer": employer, "street": street, "town": towns[town],
            "title": world.random.choice(_TITLES, count).astype(object),
            "state": np.array(_STATES, dtype=object)[town % len(_STATES)],
            "postcode": (10_000 + town * 17 % 89_000).astype(str).astype(object),
            "born": born.astype(str).astype(object),
        }
    ).with_columns(pl.col("first").str.to_titlecase())  # fmt: skip


def _each_their_own(mail: Strings) -> Strings:
    """The addresses with a number in those that somebody else has already: a provider gives each out once."""
    frame = pl.DataFrame({"mail": pl.Series(mail, dtype=pl.String)}).with_columns(
        again=pl.int_range(pl.len()).over("mail"), parts=pl.col("mail").str.split("@")
    )
    number = pl.when(pl.col("again") > 0).then(pl.col("again").cast(pl.String)).otherwise(pl.lit(""))
    own = pl.concat_str(pl.col("parts").list.first(), number, pl.lit("@"), pl.col("parts").list.last())
    return frame.select(own).to_series().to_numpy().astype(object)


def _locals(world: World, first: Strings, last: Strings, count: int) -> Strings:
    low, family = (
        np.array([one.lower() for one in first], dtype=object),
        np.array([one.lower() for one in last], dtype=object),
    )
    initial = np.array([one[:1] for one in low], dtype=object)
    numbers = world.digits(count, 2)
    kinds = [low + "." + family, initial + family, low + numbers, family + "." + initial, low + "_" + family + numbers]
    return np.choose(world.random.integers(0, len(kinds), count), kinds)


def _copies(world: World, people: pl.DataFrame, rows: int) -> pl.DataFrame:
    """Everybody once, and copies of two in five until there are so many rows; which is which stands in `entity`."""
    count = len(people)
    again = np.flatnonzero(world.some(0.4, count))
    extra = again[(world.random.beta(1, 1.6, rows - count) * len(again)).astype(int)] if len(again) else again
    entity = np.concatenate([np.arange(count), world.random.permutation(extra)])
    first_of = np.zeros(rows, dtype=bool)
    first_of[:count] = True
    order = world.random.permutation(rows)
    return people[entity[order].tolist()].with_columns(
        entity=pl.Series(entity[order]), original=pl.Series(first_of[order])
    )


def _as_entered(world: World, frame: pl.DataFrame) -> pl.DataFrame:
    """What each copy says of its person: typos, short forms, other spellings, gaps, news."""
    count = len(frame)
    column = {
        name: frame[name].to_numpy().astype(object) for name in frame.columns if name not in ("entity", "original")
    }
    copy = ~frame["original"].to_numpy()

    def of(share: float) -> NDArray[np.intp]:
        """Copies of which something like this is true."""
        return np.flatnonzero(copy & world.some(share, count))

    forms = nicknames()
    short: dict[str, list[str]] = {}
    for one, other in forms.iter_rows():
        short.setdefault(one, []).append(other)
        short.setdefault(other, []).append(one)
    for at in of(0.10):
        known = short.get(column["first"][at].lower())
        if known:
            column["first"][at] = known[world.random.integers(0, len(known))].capitalize()
    for name, share in (
        ("first", 0.06),
        ("last", 0.07),
        ("mail", 0.06),
        ("street", 0.12),
        ("company", 0.06),
        ("town", 0.05),
    ):
        chosen = of(share)
        column[name][chosen] = world.typos(column[name][chosen])
    chosen = of(0.03)
    column["first"][chosen] = [one[:1] + "." for one in column["first"][chosen]]
    chosen = of(0.02)
    column["first"][chosen], column["last"][chosen] = column["last"][chosen], column["first"][chosen]
    chosen = of(0.02)  # married: another surname, the same birth date
    column["last"][chosen] = world.random.permutation(column["last"])[: len(chosen)]
    chosen = of(0.10)  # another employer, and its e-mail
    others = world.random.integers(0, count, len(chosen))
    column["company"][chosen] = column["company"][others]
    hosts = np.array([one.partition("@")[2] for one in column["mail"][others]], dtype=object)
    names = np.array([one.partition("@")[0] for one in column["mail"][chosen]], dtype=object)
    column["mail"][chosen] = names + "@" + hosts
    chosen = of(0.10)  # another address of the same person
    local = _locals(world, column["first"][chosen], column["last"][chosen], len(chosen)) + world.digits(len(chosen), 3)
    column["mail"][chosen] = local + "@" + world.zipf(np.array(_FREE, dtype=object), len(chosen))
    chosen = of(0.08)  # moved
    others = world.random.integers(0, count, len(chosen))
    for name in ("street", "town", "state", "postcode"):
        column[name][chosen] = column[name][others]
    chosen = of(0.15)
    column["phone"][chosen] = column["mobile"][chosen]
    chosen = of(0.04)
    column["phone"][chosen] = world.phones(len(chosen))
    chosen = of(0.12)
    column["company"][chosen] = [one.rpartition(" ")[0] or one for one in column["company"][chosen]]
    chosen = of(0.15)
    column["first"][chosen] = [one.upper() for one in column["first"][chosen]]
    column["last"][chosen] = [one.upper() for one in column["last"][chosen]]
    chosen = of(0.02)
    column["born"][chosen] = [
        one[:5] + one[8:] + "-" + one[5:7] if one[8:] <= "12" else one for one in column["born"][chosen]
    ]
    styles = world.random.integers(0, 4, count)
    column["phone"] = np.array(
        [plain_phone(one, style) for one, style in zip(column["phone"], styles, strict=True)], dtype=object
    )
    suffixed = np.flatnonzero((column["suffix"] != "") & world.some(0.8, count))
    column["last"][suffixed] = column["last"][suffixed] + " " + column["suffix"][suffixed]
    gaps = {
        "mail": 0.14,
        "phone": 0.35,
        "company": 0.30,
        "title": 0.45,
        "street": 0.45,
        "town": 0.35,
        "born": 0.65,
        "first": 0.03,
    }
    for name, share in gaps.items():
        missing = world.some(share, count)
        if name == "first":
            missing &= column["mail"] != ""
        column[name][missing] = ""
    column["postcode"][world.some(0.40, count)] = ""
    column["state"][column["town"] == ""] = ""
    return pl.DataFrame(
        {
            "Record ID": np.arange(1, count + 1),
            "First Name": column["first"], "Last Name": column["last"], "Email": column["mail"],
            "Phone Number": column["phone"], "Company Name": column["company"], "Job Title": column["title"],
            "Street Address": column["street"], "City": column["town"], "State/Region": column["state"],
            "Postal Code": column["postcode"], "Birthdate": column["born"],
        }
    )  # fmt: skip


def plain_phone(digits: str, style: int) -> str:
    """Ten digits as people write them."""
    area, middle, rest = digits[:3], digits[3:6], digits[6:]
    if style == 0:
        return f"({area}) {middle}-{rest}"
    if style == 1:
        return f"+1 {area} {middle} {rest}"
    return f"{area}-{middle}-{rest}" if style == 2 else digits


def make(rows: int, seed: int = 1) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A table of so many contacts, and the truth about them (`id`, `entity`)."""
    world = World(seed)
    people = all_people(world, round(rows * 0.62))
    entered = _copies(world, people, rows)
    table = _as_entered(world, entered)
    return table, pl.DataFrame({"id": table["Record ID"], "entity": entered["entity"]})


def main() -> None:
    """Writes a world."""
    reading = argparse.ArgumentParser()
    reading.add_argument("rows", type=int)
    reading.add_argument("folder", type=Path)
    reading.add_argument("seed", type=int, nargs="?", default=1)
    reading.add_argument("--level", type=int, choices=range(5))
    wanted = reading.parse_args()
    folder: Path = wanted.folder
    folder.mkdir(parents=True, exist_ok=True)
    if wanted.level is None:
        contacts, truth = make(wanted.rows, wanted.seed)
    else:
        from dirt import make_dirty

        contacts, truth, _ = make_dirty(wanted.rows, wanted.level, wanted.seed)
    contacts.write_csv(folder / "people.csv")
    truth.write_csv(folder / "truth.csv")


if __name__ == "__main__":
    main()

"""How alike two records are: one level a field, the best of all their values, null-safe.

Level 0 is *missing* and says nothing; the higher the level, the more alike. Equality is decided first, and what it
decides is not compared by letters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
import polars as pl
from rapidfuzz import process
from rapidfuzz.distance import OSA, JaroWinkler
from rapidfuzz.fuzz import token_set_ratio

from transforms.rarity import USUAL, Commonness, compared_values, rarities
from transforms.records import Records

Scorer = Callable[..., float]

LEVELS: dict[str, tuple[str, ...]] = {
    "first": ("missing", "other first name", "same initial", "nickname", "similar first name", "same first name"),
    "middle": ("missing", "other middle name", "same middle name"),
    "last": ("missing", "other surname", "part of the surname", "similar surname", "same surname"),
    "suffix": ("missing", "other generation", "one of them has a generation", "same generation"),
    "birth": ("missing", "other birth date", "similar birth date", "same birthday", "same birth date"),
    "email": (
        "missing", "other e-mail", "other e-mail at the same company", "similar e-mail", "same e-mail name",
        "same shared mailbox", "same e-mail",
    ),
    "phone": ("missing", "other phone", "similar phone", "same shared phone", "same phone"),
    "address": ("missing", "other place", "same city", "same postcode", "similar address", "same address"),
    "company": ("missing", "other company", "similar company", "same company"),
    "title": ("missing", "other job title", "same job title"),
}  # fmt: skip
"""The levels of each field, in words."""

IDENTIFIER_LEVELS = ("missing", "other value", "similar value", "same value")
JUST_LIKE = (0.6, 0.92)
"""First names of this Jaro–Winkler similarity may differ by a typo; above it they are taken to."""


@dataclass(frozen=True)
class Prepared:
    """What of the records is compared, with the rarity of each value."""

    people: pl.DataFrame
    mail: pl.DataFrame
    phone: pl.DataFrame
    home: pl.DataFrame
    identifiers: dict[str, pl.DataFrame]


def prepare(tables: Records, common: Commonness) -> Prepared:
    """The records' values as they are compared.

    Args:
        tables: the records.
        common: how common each value is, among these records or among all of which these are some.
    """
    values = compared_values(tables)
    with ThreadPoolExecutor(pl.thread_pool_size()) as threads:
        people = threads.submit(_people, tables, values, common)
        mail = threads.submit(_mail, tables, common)
        phone = threads.submit(_phone, values["phone"], common)
        home = threads.submit(_home, tables)
    held = tables.identifiers.partition_by("name", as_dict=True, include_key=False)
    return Prepared(
        people.result(),
        mail.result(),
        phone.result(),
        home.result(),
        {str(name): values for (name,), values in sorted(held.items())},
    )


def _people(tables: Records, values: Mapping[str, pl.DataFrame], common: Commonness) -> pl.DataFrame:
    people = tables.records.select(
        "first_key", "middle_key", "last_key", "suffix_key", "birthday", "company_key", "title_key",
        last=values["last"]["value"],
        born=values["birth"]["value"],
        several_names=pl.col("last_key").str.contains(" ", literal=True),
    )  # fmt: skip
    rare = [
        rarities(field, values[field]["value"], common).rename({"rarity": f"rarity_{field}", "code": f"code_{field}"})
        for field in USUAL
    ]
    return pl.concat([people, *rare], how="horizontal")


def compare_names(pairs: pl.DataFrame, prepared: Prepared) -> pl.DataFrame:
    """The part of `compare` that tells most for least: names and birth dates."""
    return pl.concat([_names(pairs, prepared.people), _birth(pairs, prepared.people)], how="horizontal")


def compare(pairs: pl.DataFrame, prepared: Prepared, names: pl.DataFrame | None = None) -> pl.DataFrame:
    """Levels of agreement for candidate pairs.

    Args:
        pairs: `left`, `right`.
        prepared: the records' values, as `prepare` returns them.
        names: what `compare_names` has found of them, where that was looked at before.

    Returns:
        The pairs with `level_<field>` (u8) for each field of `LEVELS` and each identifier, and `rarity_<field>` (f32)
        for those whose agreement is worth more the rarer the value is: log2 of how likely another person has the value
        the pair agrees on, null where it agrees on none.
    """
    people = prepared.people
    frames = [
        pairs.select("left", "right"),
        compare_names(pairs, prepared) if names is None else names,
        _suffix(pairs, people),
        _emails(pairs, prepared.mail),
        _phones(pairs, prepared.phone),
        _addresses(pairs, prepared.home),
        _company(pairs, people),
        _title(pairs, people),
    ]
    frames += [_identifier(pairs, name, held) for name, held in prepared.identifiers.items()]
    return pl.concat(frames, how="horizontal")


def _both(pairs: pl.DataFrame, people: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """The records' columns beside each pair: `<column>` of the left and `<column>_other` of the right one."""
    left, right = pairs["left"], pairs["right"]
    return pl.DataFrame(
        {
            **{name: people[name].gather(left) for name in columns},
            **{f"{name}_other": people[name].gather(right) for name in columns},
        }
    )


def similarity(left: pl.Series, right: pl.Series, scorer: Scorer, *, where: pl.Series) -> pl.Series:
    """The scorer's value for each pair of texts; 0 outside of `where`.

    Args:
        left, right: texts of equal length.
        scorer: a rapidfuzz scorer.
        where: which pairs to compare at all.
    """
    found = np.zeros(len(left), dtype=np.float32)
    places = (where & left.is_not_null() & right.is_not_null()).fill_null(value=False).arg_true()
    if len(places):
        one, two = left.gather(places).to_list(), right.gather(places).to_list()
        found[places.to_numpy()] = process.cpdist(one, two, scorer=scorer, dtype=np.float32)
    return pl.Series("score", found)


@cache
def nicknames() -> pl.DataFrame:
    """Pairs of first names that stand for each other: `low`, `high`. A name and its short form, or two short forms."""
    path = resources.files("nicknames") / "names.csv"
    forms = pl.read_csv(path.read_bytes()).select(name=pl.col("name1"), nick=pl.col("name2"))
    siblings = forms.join(forms, on="name", suffix="_other").select(name="nick", nick="nick_other")
    both = pl.concat([forms, siblings]).filter(pl.col("name") != pl.col("nick"))
    return (
        both.select(low=pl.min_horizontal("name", "nick"), high=pl.max_horizontal("name", "nick"))
        .unique()
        .sort("low", "high")
    )


def _names(pairs: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    """Names that are equal are told at once; only the others are looked at closely."""
    both = _both(pairs, people, "first_key", "last", "middle_key")
    one, two = pl.col("first_key"), pl.col("first_key_other")
    last, last_two = pl.col("last"), pl.col("last_other")
    levels = both.select(
        level_first=pl.when(one.is_null() | two.is_null()).then(0).when(one == two).then(5).otherwise(1).cast(pl.UInt8),
        level_last=pl.when(last.is_null() | last_two.is_null())
        .then(0).when(last == last_two).then(4).otherwise(1).cast(pl.UInt8),
    )  # fmt: skip
    unlike = ((levels["level_first"] < 5) | (levels["level_last"] < 4)).arg_true()
    if len(unlike):
        closer = _unlike_names(pairs[unlike], people)
        levels = levels.with_columns(
            levels["level_first"].scatter(unlike, closer["level_first"]),
            levels["level_last"].scatter(unlike, closer["level_last"]),
        )
    m, m_two = pl.col("middle_key"), pl.col("middle_key_other")
    agree = (m == m_two) | (m.str.head(1) == m_two.str.head(1)) & (
        pl.min_horizontal(m.str.len_chars(), m_two.str.len_chars()) == 1
    )
    middle = pl.when(m.is_null() | m_two.is_null()).then(0).when(agree).then(2).otherwise(1).cast(pl.UInt8)
    rare = {name: people[f"rarity_{name}"].gather(pairs["left"]) for name in ("first", "last")}
    return levels.with_columns(
        both.select(level_middle=middle)["level_middle"],
        rarity_first=rare["first"].set(levels["level_first"] < 5, None),
        rarity_last=rare["last"].set(levels["level_last"] < 4, None),
    ).select("level_first", "level_middle", "level_last", "rarity_first", "rarity_last")


def _unlike_names(pairs: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    """`level_first` and `level_last` of pairs whose names are not both equal."""
    both = _both(
        pairs, people, "first_key", "middle_key", "last", "last_key", "several_names", "code_first", "code_last"
    )
    first_alone = _once_a_pair(both, "code_first", _alike_firsts)
    last_alone = _once_a_pair(both, "code_last", _alike_lasts)
    one, two = pl.col("first_key"), pl.col("first_key_other")
    last, last_two = pl.col("last"), pl.col("last_other")
    both = both.with_columns(first_alone=first_alone, last_alone=last_alone)
    crossing = both.select(
        (pl.col("first_alone") < 4) & (pl.col("last_alone") < 3)
        & (one.str.head(1) == last_two.str.head(1)) & (last.str.head(1) == two.str.head(1))
    ).to_series()  # fmt: skip
    crossed = [
        similarity(both[a], both[b], JaroWinkler.normalized_similarity, where=crossing) >= JUST_LIKE[1]
        for a, b in (("first_key", "last_other"), ("last", "first_key_other"))
    ]
    swapped = ((one == last_two) & (two == last)).fill_null(value=False)
    glued = (pl.concat_str(one, last) == pl.concat_str(two, last_two)).fill_null(value=False)
    middles = pl.when(pl.col("middle_key").is_not_null() | pl.col("middle_key_other").is_not_null()).then(
        (one == pl.col("middle_key_other").str.extract(r"^(\w+)")).fill_null(value=False)
        | (two == pl.col("middle_key").str.extract(r"^(\w+)")).fill_null(value=False)
    )
    first_level = (
        pl.when(swapped | glued).then(5)
        .when("like_crossed").then(4)
        .when((pl.col("first_alone") < 3) & (pl.col("first_alone") > 0) & middles).then(3)
        .otherwise("first_alone")
    )  # fmt: skip
    last_level = (
        pl.when(swapped | glued).then(4)
        .when("like_crossed").then(3)
        .when((pl.col("last_alone") == 1) & _share_a_surname(both)).then(2)
        .otherwise("last_alone")
    )  # fmt: skip
    frame = both.with_columns(like_crossed=crossed[0] & crossed[1])
    return frame.select(level_first=first_level.cast(pl.UInt8), level_last=last_level.cast(pl.UInt8))


def _once_a_pair(both: pl.DataFrame, code: str, work: Callable[[pl.DataFrame], pl.Series]) -> pl.Series:
    """What `work` makes of two values, done once for each pair of them; 0 where one is missing.

    Args:
        both: pairs with the codes of their values, `<code>` and `<code>_other`.
        code: the column of the codes.
        work: from rows of `both` to their levels.
    """
    one, two = both[code], both[f"{code}_other"]
    there = (one.is_not_null() & two.is_not_null()).arg_true()
    key = one.gather(there).to_numpy().astype(np.uint64) << np.uint64(32) | two.gather(there).to_numpy()
    _, first, which = np.unique(key, return_index=True, return_inverse=True)
    levels = np.zeros(len(both), dtype=np.uint8)
    if len(first):
        levels[there.to_numpy()] = work(both[there.to_numpy()[first]]).to_numpy()[which]
    return pl.Series("level", levels)


def _alike_firsts(both: pl.DataFrame) -> pl.Series:
    """The level of two first names by themselves."""
    a, b = both["first_key"], both["first_key_other"]
    low, high = JUST_LIKE
    close = similarity(a, b, JaroWinkler.normalized_similarity, where=(a != b))
    typo = similarity(a, b, OSA.normalized_similarity, where=close.is_between(low, high))
    nick = both.select(
        low=pl.min_horizontal("first_key", "first_key_other"), high=pl.max_horizontal("first_key", "first_key_other")
    )
    nick = nick.join(
        nicknames().with_columns(nick=pl.lit(value=True)), on=["low", "high"], how="left", maintain_order="left"
    )
    one, two = pl.col("first_key"), pl.col("first_key_other")
    shorter = pl.min_horizontal(one.str.len_chars(), two.str.len_chars())
    initial = (shorter == 1) & (one.str.head(1) == two.str.head(1))
    contained = (shorter >= 3) & (one.str.starts_with(two) | two.str.starts_with(one))
    level = (
        pl.when(one == two).then(5)
        .when((pl.col("close") >= high) | ((pl.col("typo") >= 0.75) & (shorter >= 4))).then(4)
        .when(pl.col("nick") | contained).then(3)
        .when(initial).then(2)
        .otherwise(1)
    )  # fmt: skip
    told = both.with_columns(close=close, typo=typo, nick=nick["nick"].fill_null(value=False))
    return told.select(level=level.cast(pl.UInt8)).to_series()


def _alike_lasts(both: pl.DataFrame) -> pl.Series:
    """The level of two surnames by themselves."""
    x, y = both["last"], both["last_other"]
    low, high = JUST_LIKE
    close = similarity(x, y, JaroWinkler.normalized_similarity, where=(x != y))
    typo = similarity(x, y, OSA.normalized_similarity, where=close.is_between(low, high))
    last, last_two = pl.col("last"), pl.col("last_other")
    shorter = pl.min_horizontal(last.str.len_chars(), last_two.str.len_chars())
    initial = (shorter == 1) & (last.str.head(1) == last_two.str.head(1))
    level = (
        pl.when(last == last_two).then(4)
        .when((pl.col("close") >= 0.93) | ((pl.col("typo") >= 0.75) & (shorter >= 4))).then(3)
        .when(initial).then(2)
        .otherwise(1)
    )  # fmt: skip
    return both.with_columns(close=close, typo=typo).select(level=level.cast(pl.UInt8)).to_series()


def _share_a_surname(both: pl.DataFrame) -> pl.Series:
    """Which pairs have one of several surnames in common."""
    nobody = pl.Series([False]).new_from_index(0, len(both))
    some = (both["several_names"] | both["several_names_other"]).fill_null(value=False).arg_true()
    if some.is_empty():
        return nobody
    words = both[some].select(one=pl.col("last_key").str.split(" "), two=pl.col("last_key_other").str.split(" "))
    common = words.select(
        pl.col("one").list.set_intersection("two").list.eval(pl.element().str.len_chars() >= 3).list.any()
    )
    return nobody.scatter(some, common.to_series().fill_null(value=False))


def _suffix(pairs: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    one, two = pl.col("suffix_key"), pl.col("suffix_key_other")
    level = (
        pl.when(one.is_null() & two.is_null()).then(0)
        .when(one == two).then(3)
        .when(one.is_null() | two.is_null()).then(2)
        .otherwise(1)
    )  # fmt: skip
    return _both(pairs, people, "suffix_key").select(level_suffix=level.cast(pl.UInt8))


def _birth(pairs: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    both = _both(pairs, people, "born", "birthday")
    typo = similarity(both["born"], both["born_other"], OSA.distance, where=(both["born"] != both["born_other"]))
    one, two = pl.col("born"), pl.col("born_other")
    swapped = (
        (one.str.head(4) == two.str.head(4))
        & (one.str.slice(4, 2) == two.str.slice(6, 2))
        & (one.str.slice(6, 2) == two.str.slice(4, 2))
    )
    dateless = one.is_null() | two.is_null()
    level = (
        pl.when(one == two).then(4)
        .when(dateless & (pl.col("birthday") == pl.col("birthday_other"))).then(3)
        .when(dateless & (pl.col("birthday") != pl.col("birthday_other"))).then(1)
        .when(dateless).then(0)
        .when(swapped | (pl.col("typo") <= 1)).then(2)
        .otherwise(1)
    )  # fmt: skip
    found = both.with_columns(typo=typo).select(level_birth=level.cast(pl.UInt8))
    rare = people["rarity_birth"].gather(pairs["left"])
    return found.with_columns(rarity_birth=rare.set(found["level_birth"] < 4, None))


@dataclass(frozen=True)
class _Crossed:
    """Every value of a pair's left record beside every value of its right one.

    `frame` has `pair` and both records' columns; its first `alone` rows are of pairs that have no other row.
    """

    frame: pl.DataFrame
    alone: int


def _crossed(pairs: pl.DataFrame, values: pl.DataFrame) -> _Crossed:
    columns = [name for name in values.columns if name != "record"]
    records = values["record"].to_numpy()
    left, right = pairs["left"].to_numpy(), pairs["right"].to_numpy()
    most = 1 + max(int(one.max(initial=0)) for one in (left, right, records))
    held = np.bincount(records, minlength=most)
    place = np.zeros(most, dtype=np.uint32)
    place[records] = np.arange(len(records), dtype=np.uint32)
    product = held[left] * held[right]
    alone = np.flatnonzero(product == 1)
    single = pl.DataFrame(
        {
            "pair": pl.Series(alone, dtype=pl.UInt32),
            **{name: values[name].gather(place[left[alone]]) for name in columns},
            **{f"{name}_other": values[name].gather(place[right[alone]]) for name in columns},
        }
    )
    more = np.flatnonzero(product > 1)
    several = pl.DataFrame({"pair": pl.Series(more, dtype=pl.UInt32), "left": left[more], "right": right[more]})
    joined = several.join(values, left_on="left", right_on="record", maintain_order="left").join(
        values, left_on="right", right_on="record", suffix="_other", maintain_order="left"
    )
    return _Crossed(pl.concat([single, joined.select(single.columns)]), len(alone))


def _best(pairs: pl.DataFrame, crossed: _Crossed, level: pl.Expr, field: str, *, rarity: bool = False) -> pl.DataFrame:
    """The highest level of each pair over all of its values, 0 where one of the two has none.

    Args:
        pairs: the pairs.
        crossed: their values.
        level: the level of two values.
        field: the field's name.
        rarity: whether the rarity of the best value is wanted, where both have it.
    """
    wanted = {"level": level.cast(pl.UInt8)}
    if rarity:
        wanted["rarity"] = pl.when(pl.col("value") == pl.col("value_other")).then("rarity")
    found = crossed.frame.select("pair", **wanted)
    single, rest = found.head(crossed.alone), found.slice(crossed.alone)
    if len(rest):
        first = [pl.col("rarity").sort_by("level").last()] if rarity else []
        rest = rest.group_by("pair", maintain_order=True).agg(pl.col("level").max(), *first)
        single = pl.concat([single, rest.select(single.columns)])
    levels = np.zeros(len(pairs), dtype=np.uint8)
    levels[single["pair"].to_numpy()] = single["level"].to_numpy()
    best = pl.DataFrame({f"level_{field}": levels})
    if rarity:
        rare = np.full(len(pairs), np.nan, dtype=np.float32)
        rare[single["pair"].to_numpy()] = single["rarity"].fill_null(np.nan).to_numpy()
        best = best.with_columns(pl.Series(f"rarity_{field}", rare).fill_nan(None))
    return best


def _mail(tables: Records, common: Commonness) -> pl.DataFrame:
    mail = tables.emails.drop_nulls("match_key").select("record", "role", value="match_key")
    parts = mail["value"].str.splitn("@", 2).struct
    mail = mail.with_columns(
        parts[0].alias("local"),
        parts[1].alias("domain"),
        parts[0].str.replace_many([".", "_", "-"], ["", "", ""]).alias("plain"),
    )
    return mail.select(
        "record", "value", "local", "plain", "domain",
        shared=pl.col("value").is_in(common.shared_of("email").implode()) | pl.col("role"),
        company=~pl.col("domain").is_in(common.providers().implode()),
        named=_is_the_name(mail, tables.records),
        numbers=pl.col("local").str.replace_all(r"\D", ""),
        rarity=rarities("email", mail["value"], common)["rarity"],
    )  # fmt: skip


def _emails(pairs: pl.DataFrame, mail: pl.DataFrame) -> pl.DataFrame:
    crossed = _crossed(pairs, mail)
    frame = crossed.frame
    same_domain = frame["domain"] == frame["domain_other"]
    near = frame.select(
        (pl.col("value") != pl.col("value_other"))
        & (pl.col("numbers") == pl.col("numbers_other"))
        & ~pl.col("shared")
        & ((pl.col("local").str.len_bytes().cast(pl.Int32) - pl.col("local_other").str.len_bytes()).abs() <= 2)
        & (pl.Series(same_domain) | (pl.col("local").str.head(3) == pl.col("local_other").str.head(3)))
    ).to_series()
    close = similarity(frame["value"], frame["value_other"], OSA.distance, where=near)
    one, two = pl.col("value"), pl.col("value_other")
    same_local = (pl.col("plain") == pl.col("plain_other")) & (pl.col("plain").str.len_chars() >= 5)
    typo = pl.col("near") & (pl.col("close") <= 2) & (pl.col("local").str.len_chars() >= 6)
    level = (
        pl.when((one == two) & pl.col("shared")).then(5)
        .when(one == two).then(6)
        .when(same_local & (pl.col("named") & pl.col("named_other"))).then(0)  # namesakes have such addresses too
        .when(same_local & ~pl.col("shared")).then(4)
        .when(typo).then(3)
        .when((pl.col("domain") == pl.col("domain_other")) & pl.col("company")).then(2)
        .otherwise(1)
    )  # fmt: skip
    return _best(
        pairs, _Crossed(frame.with_columns(near=near, close=close), crossed.alone), level, "email", rarity=True
    )


def _is_the_name(mail: pl.DataFrame, people: pl.DataFrame) -> pl.Series:
    """Which addresses say no more before the `@` than the name of their record (`j.roe`): `record`, `plain`."""
    last = people["last_key"].str.replace_all(" ", "", literal=True)
    names = pl.DataFrame(
        {
            "first": people["first_key"].gather(mail["record"]),
            "last": last.gather(mail["record"]),
            "plain": mail["plain"],
        }
    )
    first, last_name = pl.col("first"), pl.col("last")
    spellings = [
        (first, last_name), (last_name, first), (first.str.head(1), last_name), (last_name, first.str.head(1)),
        (first, last_name.str.head(1)), (first, pl.lit("")), (last_name, pl.lit("")),
    ]  # fmt: skip
    return names.select(
        pl.any_horizontal(pl.col("plain") == pl.concat_str(*parts) for parts in spellings).fill_null(value=False)
    ).to_series()


def _phone(phone: pl.DataFrame, common: Commonness) -> pl.DataFrame:
    return phone.with_columns(
        shared=pl.col("value").is_in(common.shared_of("phone").implode()),
        digits=pl.col("value").str.replace_all("+", "", literal=True).str.tail(10),
        tail=pl.when(pl.col("value").str.len_chars() >= 8).then(pl.col("value").str.tail(8)),
        rarity=rarities("phone", phone["value"], common)["rarity"],
    )


def _phones(pairs: pl.DataFrame, phone: pl.DataFrame) -> pl.DataFrame:
    crossed = _crossed(pairs, phone)
    frame = crossed.frame
    one, two = pl.col("value"), pl.col("value_other")
    long = pl.col("tail").is_not_null() & pl.col("tail_other").is_not_null()
    near = frame.select((one != two) & long).to_series()
    close = similarity(frame["digits"], frame["digits_other"], OSA.distance, where=near)
    same = (one == two) | (pl.col("tail") == pl.col("tail_other")).fill_null(value=False)
    level = (
        pl.when(same & pl.col("shared")).then(3)
        .when(same).then(4)
        .when(pl.col("near") & (pl.col("close") <= 1)).then(2)
        .otherwise(1)
    )  # fmt: skip
    return _best(
        pairs, _Crossed(frame.with_columns(near=near, close=close), crossed.alone), level, "phone", rarity=True
    )


def _home(tables: Records) -> pl.DataFrame:
    compact = pl.col("street_key").str.replace_all(" ", "", literal=True)
    return (
        tables.addresses.filter(pl.any_horizontal(pl.col("street_key", "city_key", "postal_key").is_not_null()))
        .select(
            "record", "street_key", "postal_key", compact=compact, house=pl.col("street_key").str.extract(r"(\d+)"),
            city=pl.col("city_key").str.replace_all(" ", "", literal=True),
        )
    )  # fmt: skip


def _addresses(pairs: pl.DataFrame, home: pl.DataFrame) -> pl.DataFrame:
    crossed = _crossed(pairs, home)
    city, city_two = pl.col("city"), pl.col("city_other")
    ends = (city.str.head(2) == city_two.str.head(2)) | (city.str.tail(3) == city_two.str.tail(3))
    frame = crossed.frame
    towns = similarity(
        frame["city"],
        frame["city_other"],
        OSA.normalized_similarity,
        where=frame.select((city != city_two) & ends).to_series(),
    )
    codes = similarity(
        frame["postal_key"],
        frame["postal_key_other"],
        OSA.distance,
        where=frame["postal_key"] != frame["postal_key_other"],
    )
    same_house = (pl.col("house") == pl.col("house_other")).fill_null(value=False)
    houseless = pl.col("house").is_null() | pl.col("house_other").is_null()
    same_street = pl.col("compact") == pl.col("compact_other")
    postal = pl.col("postal_key") == pl.col("postal_key_other")
    same_city = (city == city_two) | (pl.col("towns") >= 0.8)
    place = (postal | same_city).fill_null(value=False)
    frame = frame.with_columns(towns=towns, codes=codes)
    telling = frame.select(~same_street & (same_house | houseless | place)).to_series()
    words = similarity(frame["street_key"], frame["street_key_other"], token_set_ratio, where=telling)
    letters = similarity(
        frame["compact"], frame["compact_other"], OSA.normalized_similarity, where=telling & (words < 80)
    )
    alike = (pl.col("words") >= 80) | (pl.col("letters") >= 0.8)
    like_street = alike & (same_house | houseless)
    like_code = (pl.col("postal_key") != pl.col("postal_key_other")).fill_null(value=False) & (pl.col("codes") <= 1)
    placeless = pl.col("postal_key").is_null() & city.is_null()
    level = (
        pl.when(same_street & (place | placeless)).then(5)
        .when((like_street & place) | same_street).then(4)
        .when(postal | (like_street & same_house) | (alike & place)).then(3)
        .when(same_city | like_code).then(2)
        .otherwise(1)
    )  # fmt: skip
    return _best(pairs, _Crossed(frame.with_columns(words=words, letters=letters), crossed.alone), level, "address")


def _company(pairs: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    both = _both(pairs, people, "company_key", "code_company")
    level = _once_a_pair(both, "code_company", _alike_companies)
    rare = people["rarity_company"].gather(pairs["left"])
    return pl.DataFrame({"level_company": level, "rarity_company": rare.set(level < 3, None)})


def _alike_companies(both: pl.DataFrame) -> pl.Series:
    """The level of two companies' names."""
    one, two = both["company_key"], both["company_key_other"]
    close = similarity(one, two, token_set_ratio, where=one != two)
    typo = similarity(one, two, JaroWinkler.normalized_similarity, where=(one != two) & (close < 90))
    a, b = pl.col("company_key"), pl.col("company_key_other")
    alike = (pl.col("close") >= 90) | (pl.col("typo") >= 0.92)
    level = pl.when(a == b).then(3).when(alike).then(2).otherwise(1).cast(pl.UInt8)
    return both.with_columns(close=close, typo=typo).select(level=level).to_series()


def _title(pairs: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    a, b = pl.col("title_key"), pl.col("title_key_other")
    level = pl.when(a.is_null() | b.is_null()).then(0).when(a == b).then(2).otherwise(1)
    return _both(pairs, people, "title_key").select(level_title=level.cast(pl.UInt8))


def _identifier(pairs: pl.DataFrame, name: str, held: pl.DataFrame) -> pl.DataFrame:
    crossed = _crossed(pairs, held)
    frame = crossed.frame
    close = similarity(frame["value"], frame["value_other"], OSA.distance, where=frame["value"] != frame["value_other"])
    one, two = pl.col("value"), pl.col("value_other")
    long = pl.min_horizontal(one.str.len_chars(), two.str.len_chars()) >= 5
    level = pl.when(one == two).then(3).when(long & (pl.col("close") <= 1)).then(2).otherwise(1)
    return _best(pairs, _Crossed(frame.with_columns(close=close), crossed.alone), level, name)

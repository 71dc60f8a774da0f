"""How alike two records are: one level a field, the best of all their values, null-safe.

Level 0 is *missing* and says nothing; the higher the level, the more alike. Equality is decided first, and what it
decides is not compared by letters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import OSA, JaroWinkler
from rapidfuzz.fuzz import token_set_ratio

from transforms.columns.coding import Numbers
from transforms.match.features import (
    FURTHER,
    HAS_MIDDLE,
    HAS_SURNAMES,
    MONTH_AND_DAY,
    NAMED,
    People,
    Prepared,
    Several,
    Texts,
)
from transforms.match.term_frequency import USUAL

Scorer = Callable[..., float]
Levels = NDArray[np.uint8]

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


def compare_names(pairs: pl.DataFrame, people: People) -> pl.DataFrame:
    """The levels that tell most for least: `level_first`, `level_last` and `level_birth`."""
    one, two = (dict(zip(NAMED, people.named[pairs[side].to_numpy()].T, strict=True)) for side in ("left", "right"))
    first, last = _names(pairs, one, two, people)
    return pl.DataFrame({"level_first": first, "level_last": last, "level_birth": _birth(one, two)})


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
    singles = pl.concat(
        [compare_names(pairs, people) if names is None else names, _further(pairs, people)], how="horizontal"
    )
    frames = [
        pairs.select("left", "right"),
        singles,
        *[_rarity(pairs, singles, field, people) for field in USUAL],
        _emails(pairs, prepared.mail),
        _phones(pairs, prepared.phone),
        _addresses(pairs, prepared.home),
    ]
    frames += [_identifier(pairs, name, held) for name, held in prepared.identifiers.items()]
    return pl.concat(frames, how="horizontal")


def _rarity(pairs: pl.DataFrame, levels: pl.DataFrame, field: str, people: People) -> pl.DataFrame:
    """How rare the value is that a pair has in common."""
    same = (levels[f"level_{field}"] == len(LEVELS[field]) - 1).arg_true()
    found = np.full(len(pairs), np.nan, dtype=np.float32)
    found[same.to_numpy()] = people.rarity[field].gather(pairs["left"].gather(same)).to_numpy()
    return pl.DataFrame({f"rarity_{field}": pl.Series(found).fill_nan(None)})


def _similarity(where: pl.Series, texts: Callable[[pl.Series], Sequence[list[str]]], scorer: Scorer) -> pl.Series:
    """The scorer's value for each pair of texts it is asked for; 0 for the others.

    Args:
        where: which pairs to compare; not where a text is missing.
        texts: from places to the two texts of each.
        scorer: a rapidfuzz scorer.
    """
    found = np.zeros(len(where), dtype=np.float32)
    places = where.fill_null(value=False).arg_true()
    if len(places):
        found[places.to_numpy()] = process.cpdist(*texts(places), scorer=scorer, dtype=np.float32)
    return pl.Series(found)


class _Two(NamedTuple):
    """Different values of a single field, two by two: `one` and `two` are their places among all of the field's."""

    values: Texts
    one: Numbers
    two: Numbers

    def similarity(self, scorer: Scorer, *, where: pl.Series | None = None) -> pl.Series:
        """The scorer's value for each two; 0 outside of `where`."""
        letters = self.values.letters

        def texts(places: pl.Series) -> list[list[str]]:
            return [letters[side[places.to_numpy()]].tolist() for side in (self.one, self.two)]

        everywhere = pl.Series([True]).new_from_index(0, len(self.one))
        return _similarity(everywhere if where is None else where, texts, scorer)

    def spelled(self) -> tuple[pl.Series, pl.Series]:
        """The values as texts."""
        return self.values.different.gather(self.one), self.values.different.gather(self.two)


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


def _names(
    pairs: pl.DataFrame, one: Mapping[str, Numbers], two: Mapping[str, Numbers], people: People
) -> tuple[Levels, Levels]:
    """The levels of first and last names: each by itself, then what only both together tell.

    That is names in each other's place (`Ada Novak`, `Novak Ada`), parted elsewhere (`Maryann Lee`,
    `Mary Annlee`), a first name that is the other's middle name, and one of several surnames. The numbers say where to
    look; only there the letters are read.
    """
    first_alone = _alone("first", one["first"], two["first"], people, _alike_firsts)
    last_alone = _alone("last", one["last"], two["last"], people, _alike_lasts)
    first, last = first_alone.copy(), last_alone.copy()
    named = np.minimum.reduce([side[name] for side in (one, two) for name in ("first", "last")]) > 0
    left, right = pairs["left"].to_numpy(), pairs["right"].to_numpy()

    def spelled(at: NDArray[np.intp]) -> list[pl.Series]:
        return [
            people.values[name].different.gather(side[name][at] - 1)
            for side in (one, two)
            for name in ("first", "last")
        ]

    has_surnames = (one["more"] | two["more"]) & HAS_SURNAMES > 0
    at = np.flatnonzero((last_alone == 1) & has_surnames)
    last[at[_share_a_surname(people.surnames.gather(left[at]), people.surnames.gather(right[at]))]] = 2
    has_middle = (one["more"] | two["more"]) & HAS_MIDDLE > 0
    at = np.flatnonzero((first_alone > 0) & (first_alone < 3) & has_middle)
    first[at[_is_a_middle_name(at, left, right, one, two, people)]] = 3
    mirrored = one["initials"] == (two["initials"] << 16 | two["initials"] >> 16)
    at = np.flatnonzero(named & mirrored & ((first_alone < 5) | (last_alone < 4)))
    a, b, c, d = spelled(at)
    unlike = pl.Series((first_alone[at] < 4) & (last_alone[at] < 3))

    def crosswise(one: pl.Series, other: pl.Series) -> pl.Series:
        texts = (one, other)
        return _similarity(
            unlike, lambda at: [side.gather(at).to_list() for side in texts], JaroWinkler.normalized_similarity
        )

    crossed = [crosswise(a, d), crosswise(b, c)]
    like = ((crossed[0] >= JUST_LIKE[1]) & (crossed[1] >= JUST_LIKE[1])).to_numpy()
    first[at[like]], last[at[like]] = 4, 3
    swapped = ((a == d) & (b == c)).to_numpy()
    first[at[swapped]], last[at[swapped]] = 5, 4
    at = np.flatnonzero(named & (one["whole"] == two["whole"]) & (first_alone < 5))
    a, b, c, d = spelled(at)
    glued = (a + b == c + d).to_numpy()
    first[at[glued]], last[at[glued]] = 5, 4
    return first, last


def _alone(
    field: str,
    one: Numbers,
    two: Numbers,
    people: People,
    alike: Callable[[_Two], pl.Series] | None = None,
) -> Levels:
    """The level of each two values by themselves: 0 where one is missing, the highest where both are the same.

    Args:
        field: the field.
        one, two: numbers of its values.
        people: what has the values.
        alike: the levels of different values, asked once for each two; 1 where there is none.
    """
    highest = len(LEVELS[field]) - 1
    levels = np.where(one == two, np.uint8(highest), np.uint8(1))
    levels[(one == 0) | (two == 0)] = 0
    if alike is None:
        return levels
    unlike = np.flatnonzero(levels == 1)
    key, which = np.unique(one[unlike].astype(np.uint64) << np.uint64(32) | two[unlike], return_inverse=True)
    if len(key):
        two_by_two = _Two(people.values[field], *(half.astype(np.uint32) - 1 for half in (key >> 32, key)))
        levels[unlike] = alike(two_by_two).to_numpy()[which]
    return levels


def _is_a_middle_name(
    at: NDArray[np.intp],
    left: Numbers,
    right: Numbers,
    one: Mapping[str, Numbers],
    two: Mapping[str, Numbers],
    people: People,
) -> NDArray[np.bool_]:
    """Of which pairs the first name of one is the first word of the other's middle names."""
    column = FURTHER.index("middle")
    found = np.zeros(len(at), dtype=np.bool_)
    for first, other in ((one["first"][at], right[at]), (two["first"][at], left[at])):
        middle = people.further[other, column]
        there = np.flatnonzero((first > 0) & (middle > 0))
        words = people.values["middle"].different.gather(middle[there] - 1).str.extract(r"^(\w+)")
        found[there] |= (
            (people.values["first"].different.gather(first[there] - 1) == words).fill_null(value=False).to_numpy()
        )
    return found


def _by_letters(both: _Two) -> pl.DataFrame:
    """What the letters of two names say.

    Returns:
        `one`, `two`: the names; `close`: their Jaro–Winkler similarity; `typo`: whether at most one letter in four
        differs, looked at only where that may be; `shorter`: how many letters the shorter one has; `initial`: whether
        it is the first letter of the other.
    """
    low, high = JUST_LIKE
    close = both.similarity(JaroWinkler.normalized_similarity)
    steps = both.similarity(OSA.normalized_similarity, where=close.is_between(low, high))
    a, b = both.spelled()
    one, two = pl.col("one"), pl.col("two")
    return (
        pl.DataFrame({"one": a, "two": b, "close": close, "steps": steps})
        .with_columns(shorter=pl.min_horizontal(one.str.len_chars(), two.str.len_chars()))
        .with_columns(
            typo=(pl.col("steps") >= 0.75) & (pl.col("shorter") >= 4),
            initial=(pl.col("shorter") == 1) & (one.str.head(1) == two.str.head(1)),
        )
    )


def _alike_firsts(names: _Two) -> pl.Series:
    """The levels of different first names by themselves."""
    both = _by_letters(names)
    one, two = pl.col("one"), pl.col("two")
    nick = both.select(low=pl.min_horizontal(one, two), high=pl.max_horizontal(one, two)).join(
        nicknames().with_columns(nick=pl.lit(value=True)), on=["low", "high"], how="left", maintain_order="left"
    )["nick"]
    contained = (pl.col("shorter") >= 3) & (one.str.starts_with(two) | two.str.starts_with(one))
    level = (
        pl.when((pl.col("close") >= JUST_LIKE[1]) | pl.col("typo")).then(4)
        .when(pl.col("nick") | contained).then(3)
        .when("initial").then(2)
        .otherwise(1)
    )  # fmt: skip
    return both.with_columns(nick.fill_null(value=False)).select(level=level.cast(pl.UInt8)).to_series()


def _alike_lasts(names: _Two) -> pl.Series:
    """The levels of different surnames by themselves."""
    level = (
        pl.when((pl.col("close") >= 0.93) | pl.col("typo")).then(3)
        .when("initial").then(2)
        .otherwise(1)
    )  # fmt: skip
    return _by_letters(names).select(level=level.cast(pl.UInt8)).to_series()


def _share_a_surname(a: pl.Series, b: pl.Series) -> NDArray[np.bool_]:
    """Which two surnames have a word in common."""
    words = pl.select(one=a.str.split(" "), two=b.str.split(" "))
    common = words.select(
        pl.col("one").list.set_intersection("two").list.eval(pl.element().str.len_chars() >= 3).list.any()
    )
    return common.to_series().fill_null(value=False).to_numpy()


def _birth(one: Mapping[str, Numbers], two: Mapping[str, Numbers]) -> Levels:
    """The level of two birth dates, or of birthdays where there is no year.

    Similar are two dates with one other digit, with two neighbouring digits in each other's place (both one step of
    optimal string alignment), or with day and month in each other's place.
    """
    a, b = one["born"], two["born"]
    levels = np.where(a == b, np.uint8(4), np.uint8(1))
    day, day_two = one["more"] & MONTH_AND_DAY, two["more"] & MONTH_AND_DAY
    dateless = (a == 0) | (b == 0)
    levels[dateless] = 0
    levels[dateless & (day > 0) & (day_two > 0)] = 1
    levels[dateless & (day > 0) & (day == day_two)] = 3
    unlike = np.flatnonzero((levels == 1) & ~dateless)
    a, b = a[unlike], b[unlike]
    digits = a ^ b
    digits = (digits | digits >> np.uint32(1) | digits >> np.uint32(2) | digits >> np.uint32(3)) & np.uint32(0x11111111)
    similar = np.bitwise_count(digits) == 1
    similar |= a == (b & 0xFFFF0000 | b >> 8 & 0xFF | (b & 0xFF) << 8)
    two_digits = np.flatnonzero(np.bitwise_count(digits) == 2)
    for place in range(0, 28, 4):
        low, high = np.uint32(0xF << place), np.uint32(0xF << place + 4)
        some = b[two_digits]
        similar[two_digits] |= a[two_digits] == (some & ~(low | high) | (some & low) << 4 | (some & high) >> 4)
    levels[unlike[similar]] = 2
    return levels


def _further(pairs: pl.DataFrame, people: People) -> pl.DataFrame:
    """The levels of middle names, generations, companies and job titles."""
    one, two = (dict(zip(FURTHER, people.further[pairs[side].to_numpy()].T, strict=True)) for side in ("left", "right"))
    generation, generation_two = one["suffix"], two["suffix"]
    suffix = np.where(generation == generation_two, np.uint8(3), np.uint8(1))
    suffix[(generation == 0) | (generation_two == 0)] = 2
    suffix[(generation == 0) & (generation_two == 0)] = 0
    return pl.DataFrame(
        {
            "level_middle": _alone("middle", one["middle"], two["middle"], people, _alike_middles),
            "level_suffix": suffix,
            "level_company": _alone("company", one["company"], two["company"], people, _alike_companies),
            "level_title": _alone("title", one["title"], two["title"], people),
        }
    )


def _alike_middles(names: _Two) -> pl.Series:
    """The levels of different middle names: the same where one is the other's initial."""
    a, b = names.spelled()
    one, two = pl.col("one"), pl.col("two")
    initial = pl.min_horizontal(one.str.len_chars(), two.str.len_chars()) == 1
    agree = initial & (one.str.head(1) == two.str.head(1))
    return pl.select(one=a, two=b).select(pl.when(agree).then(2).otherwise(1).cast(pl.UInt8)).to_series()


@dataclass(frozen=True)
class _Crossed:
    """Every value of a pair's left record beside every value of its right one.

    Attributes:
        frame: `pair`, both values' columns, those of the right one as `…_other`, and what is known of the left one by
            itself. Its first `alone` rows are of pairs that have no other row.
        texts: the values' texts.
        one, two: the place of each row's values among them.
    """

    frame: pl.DataFrame
    alone: int
    texts: pl.DataFrame
    one: pl.Series
    two: pl.Series

    def similarity(self, name: str, scorer: Scorer, where: pl.Series) -> pl.Series:
        """The scorer's value for the texts of this name; 0 outside of `where`, which is not where one is missing."""
        texts = self.texts[name]
        sides = (self.one, self.two)
        return _similarity(where, lambda at: [texts.gather(side.gather(at)).to_list() for side in sides], scorer)


def _crossed(pairs: pl.DataFrame, several: Several) -> _Crossed:
    left, right = pairs["left"].to_numpy(), pairs["right"].to_numpy()
    rows = several.count[left] * several.count[right]
    alone, more = np.flatnonzero(rows == 1), np.flatnonzero(rows > 1)
    times = rows[more]
    end = np.cumsum(times)
    number = np.arange(end[-1] if len(end) else 0) - np.repeat(end - times, times)
    others = np.repeat(several.count[right[more]], times)
    one = np.concatenate([several.first[left[alone]], np.repeat(several.first[left[more]], times) + number // others])
    two = np.concatenate([several.first[right[alone]], np.repeat(several.first[right[more]], times) + number % others])
    places = pl.Series(one.astype(np.uint32)), pl.Series(two.astype(np.uint32))
    frame = pl.DataFrame(
        {
            "pair": np.concatenate([alone, np.repeat(more, times)]).astype(np.uint32),
            **{one.name: one.gather(places[0]) for one in (*several.values, *several.about)},
            **{f"{one.name}_other": one.gather(places[1]) for one in several.values},
        }
    )
    return _Crossed(frame, len(alone), several.texts, *places)


def _best(
    pairs: pl.DataFrame,
    crossed: _Crossed,
    level: pl.Expr,
    field: str,
    *,
    rarity: bool = False,
    **further: pl.Series,
) -> pl.DataFrame:
    """The highest level of each pair over all of its values, 0 where one of the two has none.

    Args:
        pairs: the pairs.
        crossed: their values.
        level: the level of two values, of their columns.
        field: the field's name.
        rarity: whether the rarity of the best value is wanted, where both have it.
        further: columns for `level`.
    """
    wanted = {"level": level.cast(pl.UInt8)}
    if rarity:
        wanted["rarity"] = pl.when(pl.col("value") == pl.col("value_other")).then("rarity")
    found = crossed.frame.with_columns(**further).select("pair", **wanted)
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


def _emails(pairs: pl.DataFrame, mail: Several) -> pl.DataFrame:
    crossed = _crossed(pairs, mail)
    one, two = pl.col("value"), pl.col("value_other")
    same_domain = pl.col("domain") == pl.col("domain_other")
    near = crossed.frame.select(
        (one != two)
        & (pl.col("numbers") == pl.col("numbers_other"))
        & ~pl.col("is_shared")
        & ((pl.col("length") - pl.col("length_other")).abs() <= 2)
        & (same_domain | (pl.col("start") == pl.col("start_other")))
    ).to_series()
    close = crossed.similarity("value", OSA.distance, near)
    same_local = (pl.col("plain") == pl.col("plain_other")) & pl.col("is_plain_long")
    typo = pl.col("near") & (pl.col("close") <= 2) & pl.col("is_long")
    level = (
        pl.when((one == two) & pl.col("is_shared")).then(5)
        .when(one == two).then(6)
        .when(same_local & (pl.col("is_name") & pl.col("is_name_other"))).then(0)  # namesakes have such addresses too
        .when(same_local & ~pl.col("is_shared")).then(4)
        .when(typo).then(3)
        .when(same_domain & pl.col("is_company")).then(2)
        .otherwise(1)
    )  # fmt: skip
    return _best(pairs, crossed, level, "email", rarity=True, near=near, close=close)


def _phones(pairs: pl.DataFrame, phone: Several) -> pl.DataFrame:
    crossed = _crossed(pairs, phone)
    one, two = pl.col("value"), pl.col("value_other")
    long = pl.col("tail").is_not_null() & pl.col("tail_other").is_not_null()
    near = crossed.frame.select((one != two) & long).to_series()
    close = crossed.similarity("digits", OSA.distance, near)
    same = (one == two) | (pl.col("tail") == pl.col("tail_other")).fill_null(value=False)
    level = (
        pl.when(same & pl.col("is_shared")).then(3)
        .when(same).then(4)
        .when(pl.col("near") & (pl.col("close") <= 1)).then(2)
        .otherwise(1)
    )  # fmt: skip
    return _best(pairs, crossed, level, "phone", rarity=True, near=near, close=close)


def _addresses(pairs: pl.DataFrame, home: Several) -> pl.DataFrame:
    crossed = _crossed(pairs, home)
    city, city_two = pl.col("city"), pl.col("city_other")
    ends = (pl.col("city_start") == pl.col("city_start_other")) | (pl.col("city_end") == pl.col("city_end_other"))
    other_code = pl.col("postal") != pl.col("postal_other")
    unlike = crossed.frame.select(towns=(city != city_two) & ends, codes=other_code)
    towns = crossed.similarity("city", OSA.normalized_similarity, unlike["towns"])
    codes = crossed.similarity("postal", OSA.distance, unlike["codes"])
    same_house = (pl.col("house") == pl.col("house_other")).fill_null(value=False)
    houseless = pl.col("house").is_null() | pl.col("house_other").is_null()
    same_street = pl.col("compact") == pl.col("compact_other")
    postal = pl.col("postal") == pl.col("postal_other")
    same_city = (city == city_two) | (pl.lit(towns) >= 0.8)
    place = (postal | same_city).fill_null(value=False)
    telling = crossed.frame.select(~same_street & (same_house | houseless | place)).to_series()
    words = crossed.similarity("street", token_set_ratio, telling)
    letters = crossed.similarity("compact", OSA.normalized_similarity, telling & (words < 80))
    alike = (pl.col("words") >= 80) | (pl.col("letters") >= 0.8)
    like_street = alike & (same_house | houseless)
    like_code = other_code.fill_null(value=False) & (pl.col("codes") <= 1)
    placeless = pl.col("postal").is_null() & city.is_null()
    level = (
        pl.when(same_street & (place | placeless)).then(5)
        .when((like_street & place) | same_street).then(4)
        .when(postal | (like_street & same_house) | (alike & place)).then(3)
        .when(same_city | like_code).then(2)
        .otherwise(1)
    )  # fmt: skip
    return _best(pairs, crossed, level, "address", codes=codes, words=words, letters=letters)


def _alike_companies(names: _Two) -> pl.Series:
    """The levels of different companies' names."""
    close = names.similarity(token_set_ratio)
    typo = names.similarity(JaroWinkler.normalized_similarity, where=close < 90)
    alike = (close >= 90) | (typo >= 0.92)
    return alike.cast(pl.UInt8) + 1


def _identifier(pairs: pl.DataFrame, name: str, held: Several) -> pl.DataFrame:
    crossed = _crossed(pairs, held)
    same = pl.col("value") == pl.col("value_other")
    close = crossed.similarity("value", OSA.distance, crossed.frame.select(~same).to_series())
    long = pl.min_horizontal("length", "length_other") >= 5
    level = pl.when(same).then(3).when(long & (pl.col("close") <= 1)).then(2).otherwise(1)
    return _best(pairs, crossed, level, name, close=close)

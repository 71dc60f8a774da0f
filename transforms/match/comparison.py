"""Comparison: one level a field and pair, the best over all values of the two records.

Level 0 is *missing* and says nothing; the higher the level, the more alike. Equality is decided first, and what it
decides is not compared by letters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from rapidfuzz.distance import OSA, JaroWinkler
from rapidfuzz.fuzz import token_set_ratio

from transforms.match.compare_names import TYPO_SIMILARITIES, DistinctPairs, Scorer, alone, compare_names, similarity
from transforms.match.doubts import doubts, numbered_otherwise
from transforms.match.features import Features, MultiValued, Side, SingleValued
from transforms.match.levels import (
    Address,
    Company,
    Email,
    First,
    Further,
    Identifier,
    Middle,
    Phone,
    Suffix,
    levels_of,
)
from transforms.match.term_frequency import USUAL
from transforms.normalise.given_names import are_two_names, sounds


def compare(pairs: pl.DataFrame, prepared: Features, names: pl.DataFrame | None = None) -> pl.DataFrame:
    """Levels of agreement for candidate pairs.

    Args:
        pairs: `left`, `right`.
        prepared: the records' values, as `prepare` returns them.
        names: what `compare_names` has found of them, where that was looked at before.

    Returns:
        The pairs with `level_<field>` (u8) for each field of `FIELDS` and each identifier, their `doubt`, and
        `rarity_<field>` (f32) for fields whose agreement is worth more the rarer the value is: log2 of how likely
        another person has the value the pair agrees on, null where it agrees on none.
    """
    people = prepared.people
    names = compare_names(pairs, people) if names is None else names
    left, right = (people.further_of(pairs[side]) for side in ("left", "right"))
    names = names.with_columns(level_first=names["level_first"].set(numbered_otherwise(left, right), First.OTHER))
    singles = pl.concat([names.drop("reordered"), _further(left, right, people, names["reordered"])], how="horizontal")
    frames = [
        pairs.select("left", "right"),
        singles,
        pl.DataFrame(_rarities(pairs, singles, people)),
        _emails(pairs, prepared.mail),
        _phones(pairs, prepared.phone),
        _addresses(pairs, prepared.home),
    ]
    frames += [_identifier(pairs, name, values) for name, values in prepared.identifiers.items()]
    frames += [_column(pairs, name, values) for name, values in prepared.columns.items()]
    compared = pl.concat(frames, how="horizontal")
    return compared.with_columns(doubts(compared, names["reordered"].to_numpy(), left, right, people))


def rated(levels: pl.DataFrame, people: SingleValued) -> pl.DataFrame:
    """Levels as `compare` returns them, with the rarities of single values as these features have them."""
    return levels.with_columns(_rarities(levels, levels, people))


def _rarities(pairs: pl.DataFrame, levels: pl.DataFrame, people: SingleValued) -> list[pl.Series]:
    """Rarities of the single values that pairs agree on: `rarity_<field>`."""
    return [_rarity(pairs, levels, field, people) for field in USUAL]


def _rarity(pairs: pl.DataFrame, levels: pl.DataFrame, field: str, people: SingleValued) -> pl.Series:
    same = (levels[f"level_{field}"] == levels_of(field)["SAME"]).arg_true()
    rarity = np.full(len(pairs), np.nan, dtype=np.float32)
    rarity[same.to_numpy()] = people.rarity[field].gather(pairs["left"].gather(same)).to_numpy()
    return pl.Series(f"rarity_{field}", rarity).fill_nan(None)


def _further(left: Side, right: Side, people: SingleValued, reordered: pl.Series) -> pl.DataFrame:
    """The levels of middle names, generations, companies and job titles; reordered names have no middle one."""
    generation, generation_two = left["suffix"], right["suffix"]
    suffix = np.where(generation == generation_two, np.uint8(Suffix.SAME), np.uint8(Suffix.OTHER))
    suffix[(generation == 0) | (generation_two == 0)] = Suffix.ONE_SIDED
    suffix[(generation == 0) & (generation_two == 0)] = Suffix.MISSING
    middle = alone("middle", left["middle"], right["middle"], people, _alike_middles)
    middle[reordered.to_numpy()] = Middle.MISSING
    return pl.DataFrame(
        {
            "level_middle": middle,
            "level_suffix": suffix,
            "level_company": alone("company", left["company"], right["company"], people, _alike_companies),
            "level_title": alone("title", left["title"], right["title"], people),
        }
    )


def _alike_middles(names: DistinctPairs) -> pl.Series:
    """Levels of distinct middle names: an initial agrees with a name that begins with it, fewer names with more."""
    a, b = names.spelled()
    left, right = pl.col("one"), pl.col("two")
    letters = [side.str.split(" ").list.eval(pl.element().str.head(1)).list.join("") for side in (left, right)]
    initials = [side.str.replace_all(" ", "", literal=True) for side in (left, right)]
    same_letter = letters[0].str.head(1) == letters[1].str.head(1)
    abbreviated = pl.any_horizontal(
        letters[0].str.starts_with(initials[1]), letters[1].str.starts_with(initials[0]),
        *(side.str.contains(r"^\w(?: |$)") & same_letter for side in (left, right)),
    )  # fmt: skip
    fewer = pl.format("{} ", left).str.starts_with(pl.format("{} ", right))
    fewer |= pl.format("{} ", right).str.starts_with(pl.format("{} ", left))
    close = names.similarity(JaroWinkler.normalized_similarity)
    similar = (close >= TYPO_SIMILARITIES[1]) & ~are_two_names(a, b) | (sounds(a) == sounds(b))
    level = (
        pl.when(abbreviated | fewer).then(Middle.SAME)
        .when(pl.lit(similar)).then(Middle.SIMILAR)
        .otherwise(Middle.OTHER)
    )  # fmt: skip
    return pl.select(one=a, two=b).select(level.cast(pl.UInt8)).to_series()


@dataclass(frozen=True)
class _Crossed:
    """The cross product of the values of each pair's two records.

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
        """Similarity of each pair of texts of a column under a scorer; 0 outside of `where`."""
        texts = self.texts[name]
        sides = (self.one, self.two)
        return similarity(where, lambda at: [texts.gather(side.gather(at)).to_list() for side in sides], scorer)


def _crossed(pairs: pl.DataFrame, several: MultiValued) -> _Crossed:
    left, right = pairs["left"].to_numpy(), pairs["right"].to_numpy()
    rows = several.count[left] * several.count[right]
    alone, more = np.flatnonzero(rows == 1), np.flatnonzero(rows > 1)
    times = rows[more]
    end = np.cumsum(times)
    number = np.arange(end[-1] if len(end) else 0) - np.repeat(end - times, times)
    right_counts = np.repeat(several.count[right[more]], times)
    left_places = np.concatenate(
        [several.first[left[alone]], np.repeat(several.first[left[more]], times) + number // right_counts]
    )
    right_places = np.concatenate(
        [several.first[right[alone]], np.repeat(several.first[right[more]], times) + number % right_counts]
    )
    places = pl.Series(left_places.astype(np.uint32)), pl.Series(right_places.astype(np.uint32))
    frame = pl.DataFrame(
        {
            "pair": np.concatenate([alone, np.repeat(more, times)]).astype(np.uint32),
            **{value.name: value.gather(places[0]) for value in (*several.values, *several.about)},
            **{f"{column.name}_other": column.gather(places[1]) for column in several.values},
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
    """Highest level of each pair over the cross product of its values; 0 where a record has none.

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
    leveled = crossed.frame.with_columns(**further).select("pair", **wanted)
    single, rest = leveled.head(crossed.alone), leveled.slice(crossed.alone)
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


def _emails(pairs: pl.DataFrame, mail: MultiValued) -> pl.DataFrame:
    crossed = _crossed(pairs, mail)
    left, right = pl.col("value"), pl.col("value_other")
    same_domain = pl.col("domain") == pl.col("domain_other")
    near = crossed.frame.select(
        (left != right)
        & (pl.col("numbers") == pl.col("numbers_other"))
        & ~pl.col("is_shared")
        & ((pl.col("length") - pl.col("length_other")).abs() <= 2)
        & (same_domain | (pl.col("start") == pl.col("start_other")))
    ).to_series()
    close = crossed.similarity("value", OSA.distance, near)
    same_local = (pl.col("plain") == pl.col("plain_other")) & pl.col("is_plain_long")
    typo = pl.col("near") & (pl.col("close") <= 2) & pl.col("is_long")
    is_of_a_name = pl.col("is_name") & pl.col("is_name_other")  # namesakes have such addresses too
    level = (
        pl.when((left == right) & pl.col("is_shared")).then(Email.SHARED)
        .when(left == right).then(Email.SAME)
        .when(same_local & is_of_a_name).then(Email.MISSING)
        .when(same_local & ~pl.col("is_shared")).then(Email.NAME)
        .when(typo).then(Email.SIMILAR)
        .when(same_domain & pl.col("is_company")).then(Email.COMPANY)
        .otherwise(Email.OTHER)
    )  # fmt: skip
    return _best(pairs, crossed, level, "email", rarity=True, near=near, close=close)


def _phones(pairs: pl.DataFrame, phone: MultiValued) -> pl.DataFrame:
    crossed = _crossed(pairs, phone)
    left, right = pl.col("value"), pl.col("value_other")
    long = pl.col("tail").is_not_null() & pl.col("tail_other").is_not_null()
    near = crossed.frame.select((left != right) & long).to_series()
    close = crossed.similarity("digits", OSA.distance, near)
    same = (left == right) | (pl.col("tail") == pl.col("tail_other")).fill_null(value=False)
    desk, desk_two = pl.col("extension"), pl.col("extension_other")
    level = (
        pl.when(same & (desk != desk_two) & (desk > 0) & (desk_two > 0)).then(Phone.DESK)
        .when(same & (pl.col("is_shared") | (desk != desk_two))).then(Phone.SHARED)
        .when(same).then(Phone.SAME)
        .when(pl.col("near") & (pl.col("close") <= 1)).then(Phone.SIMILAR)
        .otherwise(Phone.OTHER)
    )  # fmt: skip
    return _best(pairs, crossed, level, "phone", rarity=True, near=near, close=close)


def _addresses(pairs: pl.DataFrame, home: MultiValued) -> pl.DataFrame:
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
        pl.when(same_street & (place | placeless)).then(Address.SAME)
        .when((like_street & place) | same_street).then(Address.SIMILAR)
        .when(postal | (like_street & same_house) | (alike & place)).then(Address.POSTCODE)
        .when(same_city | like_code).then(Address.CITY)
        .otherwise(Address.OTHER)
    )  # fmt: skip
    return _best(pairs, crossed, level, "address", codes=codes, words=words, letters=letters)


def _alike_companies(names: DistinctPairs) -> pl.Series:
    """The levels of different companies' names."""
    close = names.similarity(token_set_ratio)
    typo = names.similarity(JaroWinkler.normalized_similarity, where=close < 90)
    alike = (close >= 90) | (typo >= 0.92)
    return pl.select(pl.when(alike).then(Company.SIMILAR).otherwise(Company.OTHER).cast(pl.UInt8)).to_series()


def _column(pairs: pl.DataFrame, name: str, values: MultiValued) -> pl.DataFrame:
    crossed = _crossed(pairs, values)
    same = pl.col("value") == pl.col("value_other")
    long = pl.min_horizontal("length", "length_other") >= 4
    unlike = crossed.frame.select(~same & long).to_series()
    close = crossed.similarity("value", JaroWinkler.normalized_similarity, unlike)
    level = (
        pl.when(same).then(Further.SAME)
        .when(long & (pl.col("close") >= 0.9)).then(Further.SIMILAR)
        .otherwise(Further.OTHER)
    )  # fmt: skip
    return _best(pairs, crossed, level, name, rarity=True, close=close)


def _identifier(pairs: pl.DataFrame, name: str, values: MultiValued) -> pl.DataFrame:
    crossed = _crossed(pairs, values)
    same = pl.col("value") == pl.col("value_other")
    close = crossed.similarity("value", OSA.distance, crossed.frame.select(~same).to_series())
    long = pl.min_horizontal("length", "length_other") >= 5
    level = (
        pl.when(same).then(Identifier.SAME)
        .when(long & (pl.col("close") <= 1)).then(Identifier.SIMILAR)
        .otherwise(Identifier.OTHER)
    )  # fmt: skip
    return _best(pairs, crossed, level, name, close=close)

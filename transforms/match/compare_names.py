"""Comparison levels of names and birth dates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import OSA, JaroWinkler

from transforms.columns.coding import Numbers
from transforms.match.features import FURTHER, HAS_MIDDLE, HAS_SURNAMES, MONTH_AND_DAY, SingleValued, Texts
from transforms.match.levels import Birth, First, Last, levels_of
from transforms.normalise.given_names import are_two_names, sounds
from transforms.normalise.names import nicknames

Scorer = Callable[..., float]


Levels = NDArray[np.uint8]


TYPO_SIMILARITIES = (0.6, 0.92)
"""Jaro–Winkler similarities of first names: between them a typo is looked for; above them names are similar."""


def compare_names(pairs: pl.DataFrame, people: SingleValued) -> pl.DataFrame:
    """The levels that tell most for least: `level_first`, `level_last` and `level_birth`.

    `reordered` marks pairs with the same words in other places.
    """
    left, right = (people.named_of(pairs[side]) for side in ("left", "right"))
    first, last, reordered = _names(pairs, left, right, people)
    birth = _birth(left, right)
    return pl.DataFrame({"level_first": first, "level_last": last, "level_birth": birth, "reordered": reordered})


def similarity(where: pl.Series, texts: Callable[[pl.Series], Sequence[list[str]]], scorer: Scorer) -> pl.Series:
    """Similarity of each pair of texts under a scorer; 0 where no comparison is wanted.

    Args:
        where: which pairs to compare; not where a text is missing.
        texts: from places to the two texts of each.
        scorer: a rapidfuzz scorer.
    """
    similarities = np.zeros(len(where), dtype=np.float32)
    places = where.fill_null(value=False).arg_true()
    if len(places):
        similarities[places.to_numpy()] = process.cpdist(*texts(places), scorer=scorer, dtype=np.float32)
    return pl.Series(similarities)


class DistinctPairs(NamedTuple):
    """Distinct pairs of values of a single field: `one` and `two` are places among the field's values."""

    values: Texts
    one: Numbers
    two: Numbers

    def similarity(self, scorer: Scorer, *, where: pl.Series | None = None) -> pl.Series:
        """Similarity of each pair under a scorer; 0 outside of `where`."""
        letters = self.values.letters

        def texts(places: pl.Series) -> list[list[str]]:
            return [letters[side[places.to_numpy()]].tolist() for side in (self.one, self.two)]

        everywhere = pl.Series([True]).new_from_index(0, len(self.one))
        return similarity(everywhere if where is None else where, texts, scorer)

    def spelled(self) -> tuple[pl.Series, pl.Series]:
        """The values as texts."""
        return self.values.different.gather(self.one), self.values.different.gather(self.two)


def _names(
    pairs: pl.DataFrame, left_numbers: Mapping[str, Numbers], right_numbers: Mapping[str, Numbers], people: SingleValued
) -> tuple[Levels, Levels, NDArray[np.bool_]]:
    """Levels of first and last names, each field by itself, then both together; and which are the same words reordered.

    That is names in each other's place (`Ada Novak`, `Novak Ada`), parted elsewhere (`Maryann Lee`,
    `Mary Annlee`), a first name that is the other's middle name, and one of several surnames. The numbers say where to
    look; only there the letters are read.
    """
    first_alone = alone("first", left_numbers["first"], right_numbers["first"], people, _alike_firsts)
    letters = first_alone == First.SAME
    letters[letters] = people.values["first"].is_letter[left_numbers["first"][letters] - 1]
    first_alone[letters] = First.INITIAL
    last_alone = alone("last", left_numbers["last"], right_numbers["last"], people, _alike_lasts)
    first, last = first_alone.copy(), last_alone.copy()
    named = np.minimum.reduce([side[name] for side in (left_numbers, right_numbers) for name in ("first", "last")]) > 0
    left, right = pairs["left"].to_numpy(), pairs["right"].to_numpy()

    def spelled(at: NDArray[np.intp]) -> list[pl.Series]:
        return [
            people.values[name].different.gather(side[name][at] - 1)
            for side in (left_numbers, right_numbers)
            for name in ("first", "last")
        ]

    has_surnames = (left_numbers["more"] | right_numbers["more"]) & HAS_SURNAMES > 0
    at = np.flatnonzero((last_alone == Last.OTHER) & has_surnames)
    last[at[_share_a_surname(people.surnames.gather(left[at]), people.surnames.gather(right[at]))]] = Last.PART
    has_middle = (left_numbers["more"] | right_numbers["more"]) & HAS_MIDDLE > 0
    at = np.flatnonzero((first_alone > First.MISSING) & (first_alone < First.NICKNAME) & has_middle)
    first[at[is_a_middle_name(at, left, right, left_numbers, right_numbers, people)]] = First.SECOND
    mirrored = left_numbers["initials"] == (right_numbers["initials"] << 16 | right_numbers["initials"] >> 16)
    at = np.flatnonzero(named & mirrored & ((first_alone < First.SAME) | (last_alone < Last.SAME)))
    a, b, c, d = spelled(at)
    unlike = pl.Series((first_alone[at] < First.SIMILAR) & (last_alone[at] < Last.SIMILAR))

    def crosswise(left_texts: pl.Series, right_texts: pl.Series) -> pl.Series:
        texts = (left_texts, right_texts)
        return similarity(
            unlike, lambda at: [side.gather(at).to_list() for side in texts], JaroWinkler.normalized_similarity
        )

    crossed = [crosswise(a, d), crosswise(b, c)]
    like = ((crossed[0] >= TYPO_SIMILARITIES[1]) & (crossed[1] >= TYPO_SIMILARITIES[1])).to_numpy()
    first[at[like]], last[at[like]] = First.SIMILAR, Last.SIMILAR
    elsewhere = named & ((first_alone < First.INITIAL) | (last_alone != Last.SAME))
    glued = elsewhere & (left_numbers["whole"] == right_numbers["whole"])
    same_words = elsewhere & (left_numbers["words"] == right_numbers["words"])
    first[glued | same_words], last[glued | same_words] = First.SAME, Last.SAME
    return first, last, same_words


def alone(
    field: str,
    left: Numbers,
    right: Numbers,
    people: SingleValued,
    alike: Callable[[DistinctPairs], pl.Series] | None = None,
) -> Levels:
    """Level of each pair of values of one field, without regard to other fields.

    Args:
        field: the field.
        one, two: numbers of its values.
        people: what has the values.
        alike: the levels of different values, asked once for each two; 1 where there is none.
    """
    kind = levels_of(field)
    missing, differing, same = (kind[name] for name in ("MISSING", "OTHER", "SAME"))
    levels = np.where(left == right, np.uint8(same), np.uint8(differing))
    levels[(left == 0) | (right == 0)] = missing
    if alike is None:
        return levels
    unlike = np.flatnonzero(levels == differing)
    key, which = np.unique(left[unlike].astype(np.uint64) << np.uint64(32) | right[unlike], return_inverse=True)
    if len(key):
        two_by_two = DistinctPairs(people.values[field], *(half.astype(np.uint32) - 1 for half in (key >> 32, key)))
        levels[unlike] = alike(two_by_two).to_numpy()[which]
    return levels


def is_a_middle_name(
    at: NDArray[np.intp],
    left: Numbers,
    right: Numbers,
    left_numbers: Mapping[str, Numbers],
    right_numbers: Mapping[str, Numbers],
    people: SingleValued,
) -> NDArray[np.bool_]:
    """Per pair: one's first name equals the other's first middle name."""
    column = FURTHER.index("middle")
    is_middle = np.zeros(len(at), dtype=np.bool_)
    for first, opposite in ((left_numbers["first"][at], right[at]), (right_numbers["first"][at], left[at])):
        middle = people.further[opposite, column]
        there = np.flatnonzero((first > 0) & (middle > 0))
        words = people.values["middle"].different.gather(middle[there] - 1).str.extract(r"^(\w+)")
        is_middle[there] |= (
            (people.values["first"].different.gather(first[there] - 1) == words).fill_null(value=False).to_numpy()
        )
    return is_middle


def _by_letters(both: DistinctPairs) -> pl.DataFrame:
    """Similarities of pairs of names by their letters.

    Returns:
        `one`, `two`: the names; `close`: their Jaro–Winkler similarity; `typo`: whether at most one letter in four
        differs, or a short name has one slip; `typos`: whether two letters of a longer one differ; `shorter`: how many
        letters the shorter one has; `initial`: whether it is the first letter or two of the other.
    """
    low, high = TYPO_SIMILARITIES
    close = both.similarity(JaroWinkler.normalized_similarity)
    steps = both.similarity(OSA.normalized_similarity, where=close.is_between(low, high))
    a, b = both.spelled()
    left, right = pl.col("one"), pl.col("two")
    lengths = [side.str.len_chars() for side in (left, right)]
    names = pl.DataFrame({"one": a, "two": b, "close": close, "steps": steps}).with_columns(
        shorter=pl.min_horizontal(lengths), longer=pl.max_horizontal(lengths)
    )
    return names.with_columns(
        typo=((pl.col("steps") >= 0.75) & (pl.col("shorter") >= 4)) | pl.lit(_are_slips(names)),
        typos=(pl.col("steps") >= 0.7) & (pl.col("shorter") >= 5),
        initial=(pl.col("shorter") <= 2) & (left.str.starts_with(right) | right.str.starts_with(left)),
    )


def _are_slips(names: pl.DataFrame) -> pl.Series:
    """Marks of short names of which one has a letter more, or two in each other's place (`Tal`, `Tl`; `Ola`, `Oal`)."""
    near = (pl.col("steps") > 0.65) & (pl.col("shorter") >= 2) & pl.col("longer").is_between(3, 5)
    at = names.select(near.fill_null(value=False)).to_series().arg_true()
    letters = [pl.col(name).str.split("").list.sort().list.join("") for name in ("one", "two")]
    slips = names[at].select((pl.col("shorter") != pl.col("longer")) | (letters[0] == letters[1])).to_series()
    return pl.Series([False]).new_from_index(0, len(names)).scatter(at, slips)


def _alike_firsts(names: DistinctPairs) -> pl.Series:
    """The levels of different first names by themselves."""
    both = _by_letters(names)
    left, right = pl.col("one"), pl.col("two")
    contained = (pl.col("shorter") >= 3) & (left.str.starts_with(right) | right.str.starts_with(left))
    nick = both.select(low=pl.min_horizontal(left, right), high=pl.max_horizontal(left, right)).join(
        nicknames().with_columns(nick=pl.lit(value=True)), on=["low", "high"], how="left", maintain_order="left"
    )["nick"]
    both = both.with_columns(
        nick.fill_null(value=False),
        similar=(pl.col("close") >= TYPO_SIMILARITIES[1]) | pl.col("typo") | pl.col("typos"),
        contained=contained,
        same_sound=pl.Series(sounds(both["one"]) == sounds(both["two"])),
    )
    alike = both.select(pl.col("similar") | pl.col("contained")).to_series().arg_true()
    two_names = are_two_names(*(both[name].gather(alike) for name in ("one", "two", "nick")))
    both = both.with_columns(two_names=pl.Series([False]).new_from_index(0, len(both)).scatter(alike, two_names))
    level = (
        pl.when("two_names").then(First.LOOKALIKE)
        .when((pl.col("similar") & ~pl.col("nick")) | pl.col("same_sound")).then(First.SIMILAR)
        .when(pl.col("nick") | pl.col("contained")).then(First.NICKNAME)
        .when("initial").then(First.INITIAL)
        .otherwise(First.OTHER)
    )  # fmt: skip
    return both.select(level=level.cast(pl.UInt8)).to_series()


def _alike_lasts(names: DistinctPairs) -> pl.Series:
    """The levels of different surnames by themselves."""
    level = (
        pl.when((pl.col("close") >= 0.93) | pl.col("typo")).then(Last.SIMILAR)
        .when("initial").then(Last.PART)
        .otherwise(Last.OTHER)
    )  # fmt: skip
    return _by_letters(names).select(level=level.cast(pl.UInt8)).to_series()


def _share_a_surname(a: pl.Series, b: pl.Series) -> NDArray[np.bool_]:
    """Per pair: the surnames have a word in common."""
    words = pl.select(one=a.str.split(" "), two=b.str.split(" "))
    common = words.select(
        pl.col("one").list.set_intersection("two").list.eval(pl.element().str.len_chars() >= 3).list.any()
    )
    return common.to_series().fill_null(value=False).to_numpy()


def _birth(left: Mapping[str, Numbers], right: Mapping[str, Numbers]) -> Levels:
    """Level of each pair of birth dates, or of birthdays where a year is missing.

    Similar are two dates with one other digit, with two neighbouring digits in each other's place (both one step of
    optimal string alignment), or with day and month in each other's place. Near are two with two other digits, or of
    whose year, month and day two are the same.
    """
    a, b = left["born"], right["born"]
    levels = np.where(a == b, np.uint8(Birth.SAME), np.uint8(Birth.OTHER))
    day, day_two = left["more"] & MONTH_AND_DAY, right["more"] & MONTH_AND_DAY
    dateless = (a == 0) | (b == 0)
    levels[dateless] = Birth.MISSING
    levels[dateless & (day > 0) & (day_two > 0)] = Birth.OTHER
    levels[dateless & (day > 0) & (day == day_two)] = Birth.BIRTHDAY
    unlike = np.flatnonzero((levels == Birth.OTHER) & ~dateless)
    a, b = a[unlike], b[unlike]
    parts = [(a & mask) == (b & mask) for mask in (np.uint32(0xFFFF0000), np.uint32(0xFF00), np.uint32(0xFF))]
    near = np.sum(parts, axis=0) >= 2
    digits = a ^ b
    digits = (digits | digits >> np.uint32(1) | digits >> np.uint32(2) | digits >> np.uint32(3)) & np.uint32(0x11111111)
    similar = np.bitwise_count(digits) == 1
    similar |= a == (b & 0xFFFF0000 | b >> 8 & 0xFF | (b & 0xFF) << 8)
    two_digits = np.flatnonzero(np.bitwise_count(digits) == 2)
    for place in range(0, 28, 4):
        low, high = np.uint32(0xF << place), np.uint32(0xF << place + 4)
        candidates = b[two_digits]
        similar[two_digits] |= a[two_digits] == (
            candidates & ~(low | high) | (candidates & low) << 4 | (candidates & high) >> 4
        )
    near[two_digits] = True
    levels[unlike[near]] = Birth.NEAR
    levels[unlike[similar]] = Birth.SIMILAR
    return levels

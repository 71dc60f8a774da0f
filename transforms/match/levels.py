"""The comparison levels of each field: what each is called, and how likely it is under each hypothesis.

A level is a member of its field's enumeration; its number is its place there, so that a level that is put between two
others shifts nothing: whoever means a level names it. Level 0 is *missing* and says nothing; the higher the level, the
more alike two values are.

The shares are P(level | hypothesis) for values that are there, from contact data with known duplicates; those of chance
are what random pairs show. Where a household or a firm has none, two of its people agree as by chance.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from typing import Self

import polars as pl

COLUMN = "column "
"""What the name of a further column begins with where it stands among fields."""


class Hypothesis(StrEnum):
    """Why two records resemble each other: one person, people of a household, or of a firm, or chance."""

    PERSON = "person"
    HOUSEHOLD = "household"
    FIRM = "firm"
    CHANCE = "chance"


class Level(IntEnum):
    """A comparison level of a field.

    Attributes:
        label: the level in words.
        person, chance, household, firm: its share of the pairs of each hypothesis.
    """

    label: str
    person: float
    chance: float
    household: float | None
    firm: float | None

    def __new__(
        cls,
        label: str,
        person: float = 0.0,
        chance: float = 0.0,
        household: float | None = None,
        firm: float | None = None,
    ) -> Self:
        """The next level of its field."""
        level = int.__new__(cls, len(cls.__members__))
        level._value_ = len(cls.__members__)
        level.label = label
        level.person, level.chance, level.household, level.firm = person, chance, household, firm
        return level


class First(Level):
    """Of first names."""

    MISSING = "missing"
    OTHER = "other first name", 0.01, 0.952, 0.93
    LOOKALIKE = "another first name, spelled alike", 0.01, 0.005, 0.01
    INITIAL = "same initial", 0.03, 0.02, 0.02
    SECOND = "the other's second name", 0.01, 0.003, 0.005
    NICKNAME = "nickname", 0.07, 0.006, 0.006
    SIMILAR = "similar first name", 0.10, 0.009, 0.009
    SAME = "same first name", 0.77, 0.005, 0.02


class Middle(Level):
    """Of middle names."""

    MISSING = "missing"
    OTHER = "other middle name", 0.08, 0.90
    SIMILAR = "similar middle name", 0.04, 0.02
    SAME = "same middle name", 0.88, 0.08


class Last(Level):
    """Of surnames."""

    MISSING = "missing"
    OTHER = "other surname", 0.04, 0.983, 0.15
    PART = "part of the surname", 0.02, 0.003, 0.02
    SIMILAR = "similar surname", 0.08, 0.009, 0.03
    SAME = "same surname", 0.86, 0.005, 0.80


class Suffix(Level):
    """Of generations: Jr, Sr, II …"""

    MISSING = "missing"
    OTHER = "other generation", 0.00001, 0.02, 0.35
    ONE_SIDED = "one of them has a generation", 0.45, 0.96, 0.60
    SAME = "same generation", 0.54999, 0.02, 0.05


class Birth(Level):
    """Of birth dates."""

    MISSING = "missing"
    OTHER = "other birth date", 0.01, 0.9552, 0.90
    NEAR = "birth date with something in common", 0.02, 0.035, 0.05
    SIMILAR = "similar birth date", 0.04, 0.007, 0.01
    BIRTHDAY = "same birthday", 0.13, 0.0027, 0.01
    SAME = "same birth date", 0.80, 0.0001, 0.03


class Email(Level):
    """Of e-mail addresses."""

    MISSING = "missing"
    OTHER = "other e-mail", 0.265, 0.993, 0.80, 0.16
    COMPANY = "other e-mail at the same company", 0.015, 0.005, 0.01, 0.72
    SIMILAR = "similar e-mail", 0.06, 0.0005, 0.01, 0.005
    NAME = "same e-mail name", 0.10, 0.0005, 0.01, 0.005
    SHARED = "same shared mailbox", 0.06, 0.001, 0.06, 0.10
    SAME = "same e-mail", 0.50, 0.00001, 0.11, 0.01


class Phone(Level):
    """Of phone numbers."""

    MISSING = "missing"
    OTHER = "other phone", 0.2499, 0.9959, 0.43, 0.28
    DESK = "another extension of the same phone", 0.0001, 0.0003, 0.00001, 0.35
    SIMILAR = "similar phone", 0.06, 0.0005, 0.02, 0.05
    SHARED = "same shared phone", 0.09, 0.003, 0.10, 0.25
    SAME = "same phone", 0.60, 0.0003, 0.45, 0.07


class Address(Level):
    """Of postal addresses."""

    MISSING = "missing"
    OTHER = "other place", 0.12, 0.90, 0.03, 0.40
    CITY = "same city", 0.12, 0.08, 0.02, 0.25
    POSTCODE = "same postcode", 0.08, 0.015, 0.03, 0.10
    SIMILAR = "similar address", 0.18, 0.003, 0.12, 0.05
    SAME = "same address", 0.50, 0.002, 0.80, 0.20


class Company(Level):
    """Of companies."""

    MISSING = "missing"
    OTHER = "other company", 0.20, 0.98, None, 0.01
    SIMILAR = "similar company", 0.10, 0.01, None, 0.04
    SAME = "same company", 0.70, 0.01, None, 0.95


class Title(Level):
    """Of job titles."""

    MISSING = "missing"
    OTHER = "other job title", 0.35, 0.93
    SAME = "same job title", 0.65, 0.07


class Identifier(Level):
    """Of the values of a column that identifies people."""

    MISSING = "missing"
    OTHER = "other value", 0.03, 0.9989
    SIMILAR = "similar value", 0.05, 0.001
    SAME = "same value", 0.92, 0.0001


class Further(Level):
    """Of the values of a column that is no field of a contact."""

    MISSING = "missing"
    OTHER = "other value", 0.45, 0.95
    SIMILAR = "similar value", 0.05, 0.01
    SAME = "same value", 0.50, 0.04


FIELDS: Mapping[str, type[Level]] = {
    "first": First,
    "middle": Middle,
    "last": Last,
    "suffix": Suffix,
    "birth": Birth,
    "email": Email,
    "phone": Phone,
    "address": Address,
    "company": Company,
    "title": Title,
}
"""The fields that are compared, beside identifiers."""


def is_identifier(field: str) -> bool:
    """Whether a field is a column that was declared to identify people."""
    return field not in FIELDS and not field.startswith(COLUMN)


def levels_of(field: str) -> type[Level]:
    """The levels of a field, of a further column, or of an identifier."""
    return FIELDS.get(field, Further if field.startswith(COLUMN) else Identifier)


def level_labels(field: str) -> tuple[str, ...]:
    """A field's levels in words, by their numbers."""
    return tuple(level.label for level in levels_of(field))


def level_shares(field: str, hypothesis: Hypothesis) -> tuple[float, ...] | None:
    """P(level | hypothesis) of a field's levels above *missing*; None where people of it agree as by chance."""
    shares = [getattr(level, hypothesis) for level in levels_of(field)][1:]
    return tuple(shares) if None not in shares else None


def reasons(pairs: pl.DataFrame, model_fields: tuple[str, ...]) -> pl.Series:
    """Evidence of each pair in plain words: agreements, the strongest first, then disagreements."""
    by_field = [_words_of(pairs, field).with_columns(order=pl.lit(at)) for at, field in enumerate(model_fields)]
    words = pl.concat(by_field).sort("pair", pl.col("bits").abs() * -1, "order")
    sides = words.group_by("pair", maintain_order=True).agg(
        agree=pl.col("word").filter(pl.col("bits") > 0).str.join(", "),
        differ=pl.col("word").filter(pl.col("bits") < 0).str.join(", "),
    )
    every = pl.DataFrame({"pair": pl.int_range(len(pairs), dtype=pl.UInt32, eager=True)})
    both = every.join(sides, on="pair", how="left", maintain_order="left").with_columns(
        agree=pl.when(pl.col("agree").fill_null("") == "").then(pl.lit("nothing telling agrees")).otherwise("agree"),
        differ=pl.col("differ").fill_null(""),
    )
    against = pl.when(pl.col("differ") != "").then(pl.format("; but {}", "differ")).otherwise(pl.lit(""))
    return both.select(pl.concat_str("agree", against)).to_series()


def _words_of(pairs: pl.DataFrame, field: str) -> pl.DataFrame:
    """Evidence of one field, one row a pair of half a bit or more: `pair`, `bits`, `word`."""
    words = [word if field in FIELDS else f"{word} of {field.removeprefix(COLUMN)}" for word in level_labels(field)]
    level, bits = pl.col(f"level_{field}"), pl.col(f"bits_{field}")
    return (
        pairs.select(level, bits)
        .with_row_index("pair")
        .filter(level != 0, bits.abs() >= 0.5)
        .select("pair", bits=bits.cast(pl.Float64), word=pl.lit(pl.Series(words)).gather(level))
    )

"""The first, cheap pass over candidate pairs: which of them are compared further."""

from __future__ import annotations

import polars as pl

from transforms.match.blocking import RULES

LEAST_PROBABILITY = 0.001
"""A pair less likely than this to be one person is forgotten, unless it stands within a would-be cluster."""


SHARED_KEY_KINDS = [
    sum(1 << RULES.index(rule) for rule in kind)
    for kind in (
        ["email"],
        ["email name"],
        ["phone"],
        ["identifier"],
        ["initial, surname and company", "first name and company"],
        ["surname, initial and title"],
        ["birth and postcode", "surname and postcode", "first name and postcode"],
        ["first name and street", "surname and street", "house"],
        ["surname, initial and city"],
    )
]
"""What two records may share beside their names and birth dates, by the bits of its rules."""


DISCARDED_SHARE = 0.0005
"""Of all that could be one person, so much may be left out for looking only at names and keys at first."""


def first_pass_pattern(names: pl.DataFrame, rules: pl.Series) -> pl.Series:
    """What pairs look like at a first glance, as a number: names, birth dates, and which keys they share."""
    levels = [pl.col(f"level_{field}").cast(pl.UInt32) for field in ("first", "last", "birth")]
    glance = names.select(code=pl.fold(pl.lit(0, dtype=pl.UInt32), lambda code, level: code * 8 + level, levels))[
        "code"
    ]
    for kind in SHARED_KEY_KINDS:
        glance = glance * 2 + (rules & kind != 0).cast(pl.UInt32)
    return glance


def hopeless_patterns(levels: pl.DataFrame, probability: pl.Series) -> pl.Series:
    """What pairs look like at a first glance that are next to never one person.

    Those are left out that together hold no more than `DISCARDED_SHARE` of all that could be one person.

    Args:
        levels: a sample of the candidates, compared, with their `rules`.
        probability: how likely each is one person.
    """
    seen = pl.DataFrame({"first_pass_pattern": first_pass_pattern(levels, levels["rules"]), "likely": probability})
    by_likelihood = (
        seen.group_by("first_pass_pattern")
        .agg(pl.col("likely").sum(), pairs=pl.len())
        .sort(pl.col("likely") / pl.col("pairs"), "first_pass_pattern")
    )
    return by_likelihood.filter(pl.col("likely").cum_sum() <= DISCARDED_SHARE * pl.lit(probability).sum())[
        "first_pass_pattern"
    ]

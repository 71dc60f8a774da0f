"""The first, cheap pass over candidate pairs: which of them are compared further."""

from __future__ import annotations

import polars as pl

from transforms.match.blocking import RULES

LEAST_PROBABILITY = 0.001
"""Probability below which a pair is dropped, unless it lies within a would-be cluster."""


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
"""Kinds of shared keys beside names and birth dates, each as the bits of its rules."""


DISCARDED_SHARE = 0.0005
"""Share of the expected matches that the first pass may discard."""


def first_pass_pattern(names: pl.DataFrame, rules: pl.Series) -> pl.Series:
    """First-pass pattern of each pair as a number: levels of names and birth dates, and kinds of shared keys."""
    levels = [pl.col(f"level_{field}").cast(pl.UInt32) for field in ("first", "last", "birth")]
    glance = names.select(code=pl.fold(pl.lit(0, dtype=pl.UInt32), lambda code, level: code * 8 + level, levels))[
        "code"
    ]
    for kind in SHARED_KEY_KINDS:
        glance = glance * 2 + (rules & kind != 0).cast(pl.UInt32)
    return glance


def hopeless_patterns(levels: pl.DataFrame, probability: pl.Series) -> pl.Series:
    """First-pass patterns so unlikely to be a match that their pairs are not compared further.

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

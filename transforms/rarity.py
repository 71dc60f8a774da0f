"""How telling an agreement is: the rarer the value, the less likely somebody else has it."""

from __future__ import annotations

import polars as pl

USUAL = {"first": 0.005, "last": 0.005, "birth": 0.0001, "company": 0.01}
"""How often two people have the same value of a field, when nothing is known of the value."""
UNIQUE = {"email": 0.02, "phone": 0.1}
"""How many *other* people are to be expected behind a value that only one person should have."""
SMOOTHING = 200
"""A value's frequency is taken as if so many more records had been seen, of usual frequency."""
FEW = 100
"""Fewer records than this have the prior of so many."""
EXPECTED = 8
"""A value that one person should have may be there so often for that person alone."""


def rarities(field: str, values: pl.Series, *, records: int) -> pl.DataFrame:
    """How rare each value is, and a number that is the same for the same value.

    Args:
        field: one of `USUAL` or `UNIQUE`.
        values: the field's value of each record or, for e-mails and phones, each of their values.
        records: how many records there are.

    Returns:
        `rarity`: log2 of how likely another person has the value, and `code` (u32); both null where there is none.
    """
    counts = values.alias("value").to_frame().group_by("value").agg(count=pl.len().cast(pl.Float64))
    if field in UNIQUE:
        share = (pl.col("count") - EXPECTED).clip(UNIQUE[field]) / max(records, FEW)
    else:
        known = max(len(values) - values.null_count(), 1)
        share = (pl.col("count") + USUAL[field] * SMOOTHING) / (known + SMOOTHING)
    told = counts.drop_nulls("value").with_row_index("code").with_columns(rarity=share.log(2).cast(pl.Float32))
    frame = values.alias("value").to_frame()
    return frame.join(told, on="value", how="left", maintain_order="left").select("rarity", "code")

"""What differs between the cases of two plans: those that are new, settled, or other than before."""

from __future__ import annotations

import polars as pl

from transforms.schema.tables import Schema, conform

NEW, SETTLED, OTHER = "new", "settled", "other than before"
CHANGES: Schema = {
    # One row a case that differs: `people` are the identities of its records, by which it is the same case in both.
    "change": pl.String,
    "waits": pl.Boolean,
    "does": pl.String,
    "why": pl.String,
    "did": pl.String,
    "was": pl.String,
    "people": pl.List(pl.String),
    "record_id": pl.String,
}


def changes(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """The cases of two plans that differ: `CHANGES`, those that wait first.

    A case in which nothing is done and nothing waits is none here.

    Args:
        before, after: `people`, `waits`, `does`, `why`, `after`, `record_id` of the cases of both plans. `people` are
            the identities of a case's records in order, and `record_id` is the first of them.
    """
    key = ["people", "waits"]
    once = [frame.unique(key, keep="first", maintain_order=True) for frame in (before, after)]
    both = once[1].join(once[0], on=key, how="full", suffix="_before", coalesce=True, maintain_order="left_right")
    is_new, is_gone = pl.col("does_before").is_null(), pl.col("does").is_null()
    is_other = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_before")) for name in ("does", "after"))
    change = pl.when(is_new).then(pl.lit(NEW)).when(is_gone).then(pl.lit(SETTLED)).when(is_other).then(pl.lit(OTHER))
    found = both.select(
        "people",
        "waits",
        "does",
        "why",
        did="does_before",
        was="why_before",
        record_id=pl.coalesce("record_id", "record_id_before"),
        change=change,
    )
    return conform(found.drop_nulls("change").sort("waits", descending=True, maintain_order=True), CHANGES)

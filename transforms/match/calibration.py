"""Calibration: expected precision and recall at each threshold, by the model and by decisions of people."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from transforms.match.clustering import contradicted, supported

THRESHOLDS = (
    0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999,
)  # fmt: skip
TRUST = 20.0
"""Decisions that the model counts for in each band of probability."""
SIGMA = 1.645
"""Standard deviations below the mean within which nineteen of twenty values lie."""


class Proposal(NamedTuple):
    """Thresholds that keep a wanted precision and recall; None where none does."""

    auto: float | None
    review: float | None


def calibrated(pairs: pl.DataFrame, decided: pl.DataFrame, *, families: bool = True) -> pl.DataFrame:
    """Expected pairs, precision and recall at each threshold.

    The pairs are taken in bands of probability. In each band the share of pairs that are one person is what the model
    says, corrected by what people decided about pairs of this band.

    Args:
        pairs: scored pairs, as `match` returns them. Pairs that were never compared are in no count.
        decided: pairs that people decided about (`left`, `right`, `is_same`).
        families: whether people of one household or firm are among the records.

    Returns:
        For each threshold: `threshold`; `pairs` that would be joined; `precision` expected of them, and
        `precision_low`, which it exceeds in nineteen cases of twenty; `recall` expected; `by_model`, the precision by
        the model alone; and how many decided pairs at or above it are `same` and `apart`.
    """
    edges = np.array([0.0, *THRESHOLDS])
    joinable = pairs.select(
        joins=supported(pairs, families=families) & ~contradicted(pairs, families=families)
    ).to_series()
    banded = pairs.select("left", "right", "probability").with_columns(
        joins=joinable, band=pl.Series(np.searchsorted(edges, pairs["probability"].to_numpy(), side="right") - 1)
    )
    labelled = banded.join(decided, on=["left", "right"], how="inner")
    bands = pl.DataFrame({"band": np.arange(len(edges))}, schema_overrides={"band": banded.schema["band"]})
    counts = (
        bands.join(banded.group_by("band").agg(n=pl.len(), likely=pl.col("probability").sum()), on="band", how="left")
        .join(
            banded.filter("joins").group_by("band").agg(joined=pl.len(), joined_likely=pl.col("probability").sum()),
            on="band",
            how="left",
        )
        .join(labelled.group_by("band").agg(same=pl.col("is_same").sum(), decided=pl.len()), on="band", how="left")
        .fill_null(0)
        .sort("band")
        .with_columns(mean=(pl.col("likely") / pl.col("n")).fill_nan(0.0))
        .with_columns(
            yes=TRUST * pl.col("mean") + pl.col("same"),
            no=TRUST * (1 - pl.col("mean")) + pl.col("decided") - pl.col("same"),
        )
        .with_columns(share=pl.col("yes") / (pl.col("yes") + pl.col("no")))
        .with_columns(
            variance=pl.col("share") * (1 - pl.col("share")) / (pl.col("yes") + pl.col("no") + 1),
            apart=pl.col("decided") - pl.col("same"),
        )
    )
    every = float((counts["n"] * counts["share"]).sum())
    rows = []
    for at, threshold in enumerate(THRESHOLDS, start=1):
        above = counts.slice(at)
        joined = float(above["joined"].sum())
        right = float((above["joined"] * above["share"]).sum())
        spread = float((above["joined"] ** 2 * above["variance"]).sum()) ** 0.5
        rows.append(
            {
                "threshold": threshold,
                "pairs": int(joined),
                "precision": right / joined if joined else None,
                "precision_low": max(right - SIGMA * spread, 0.0) / joined if joined else None,
                "recall": right / every if every else None,
                "by_model": float(above["joined_likely"].sum()) / joined if joined else None,
                "same": int(above["same"].sum()),
                "apart": int(above["apart"].sum()),
            }
        )
    kinds = {"pairs": pl.UInt32, "same": pl.UInt32, "apart": pl.UInt32}
    return pl.DataFrame(rows, schema_overrides=kinds)


def proposed(expected: pl.DataFrame, *, precision: float, recall: float) -> Proposal:
    """The lowest threshold to join from that keeps the precision, and the highest to look from that keeps the recall.

    Args:
        expected: as `calibrated` returns it.
        precision: what is wanted of the pairs that are joined.
        recall: what is wanted of the pairs that are joined or looked at.
    """
    sure = expected.filter(pl.col("threshold") > 0.5, pl.col("precision_low") >= precision)["threshold"]
    auto = float(sure[0]) if len(sure) else None
    looked_at = expected.filter(pl.col("threshold") <= (auto or 1.0), pl.col("recall") >= recall)["threshold"]
    return Proposal(auto, float(looked_at[-1]) if len(looked_at) else None)

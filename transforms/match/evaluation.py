"""Evaluation: clusters held against a truth, and the pairs that were missed or wrongly joined.

The measures are ratios of sums over the entities of the truth, so that their intervals come from drawing entities anew
(a bootstrap over clusters): a pair of records says little by itself where one large entity holds thousands of them.
Source: Binette and Steorts, *(Almost) all of entity resolution* (2022), sections 4 and 5.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]
DRAWS = 200
"""Bootstrap samples behind an interval."""
DRAWN_AT_ONCE = 20_000_000
"""Weights of entities that are drawn in one step."""
SEED = 20_240_229
INTERVAL = (0.025, 0.975)
"""Quantiles of the bootstrap that an interval lies between."""
NO_CANDIDATE = "no candidate"
BELOW = "below the threshold"
REFUSED = "refused in clustering"
NOT_COMPARED = "joined through other records, the pair itself is no candidate"


class Estimate(NamedTuple):
    """A measure with its 95 % interval; all NaN where nothing is there to be measured."""

    value: float
    low: float
    high: float


class Measures(NamedTuple):
    """How right clusters are by one way of counting."""

    precision: Estimate
    recall: Estimate
    f1: Estimate


class Evaluation(NamedTuple):
    """Clusters held against a truth.

    Attributes:
        records: in both tables.
        clusters, entities: of these records.
        true_pairs, joined_pairs, right_pairs: pairs of records of one entity, of one cluster, of both.
        pairwise: right pairs of the joined ones, and of the true ones.
        b_cubed: the same, seen from each record: its right companions of those in its cluster, and of those of its
            entity, itself among them.
        exact: entities that are one whole cluster, of the clusters, and of the entities.
    """

    records: int
    clusters: int
    entities: int
    true_pairs: int
    joined_pairs: int
    right_pairs: int
    pairwise: Measures
    b_cubed: Measures
    exact: Measures


def evaluated(assigned: pl.DataFrame) -> Evaluation:
    """The measures of clusters.

    Args:
        assigned: one row a record: `cluster`, `entity`, of any type.
    """
    cells = assigned.group_by("cluster", "entity").len("both").with_columns(pl.col("both").cast(pl.Float64))
    cells = cells.with_columns(joined=pl.col("both").sum().over("cluster"), true=pl.col("both").sum().over("entity"))
    both, joined, true = pl.col("both"), pl.col("joined"), pl.col("true")
    is_whole = (both == joined) & (both == true)
    entities = cells.group_by("entity").agg(
        right=(both * (both - 1) / 2).sum(),
        joined_pairs=(both * (joined - 1) / 2).sum(),
        true_pairs=(both * (true - 1) / 2).sum(),
        pure=(both * both / joined).sum(),
        complete=(both * both / true).sum(),
        records=both.sum(),
        whole=is_whole.cast(pl.Float64).sum(),
        clusters=(both / joined).sum(),
        one=pl.lit(1.0),
    )
    sums = entities.sort("entity").drop("entity")
    drawn = _drawn(sums)
    total = {name: float(sums[name].sum()) for name in sums.columns}
    return Evaluation(
        records=len(assigned),
        clusters=assigned["cluster"].n_unique(),
        entities=len(entities),
        true_pairs=round(total["true_pairs"]),
        joined_pairs=round(total["joined_pairs"]),
        right_pairs=round(total["right"]),
        pairwise=_measures(total, drawn, ("right", "joined_pairs"), ("right", "true_pairs")),
        b_cubed=_measures(total, drawn, ("pure", "records"), ("complete", "records")),
        exact=_measures(total, drawn, ("whole", "clusters"), ("whole", "one")),
    )


def _drawn(sums: pl.DataFrame) -> dict[str, Floats]:
    """The sums over entities drawn anew, with replacement: one value a draw."""
    generator = np.random.default_rng(SEED)
    values = sums.to_numpy()
    step = max(1, DRAWN_AT_ONCE // max(len(values), 1))
    parts = []
    for start in range(0, DRAWS, step):
        draws = min(step, DRAWS - start)
        weights = generator.poisson(1.0, (draws, len(values))).astype(np.float64)
        parts.append(weights @ values)
    return dict(zip(sums.columns, np.concatenate(parts).T, strict=True))


def _measures(
    total: dict[str, float], drawn: dict[str, Floats], precision: tuple[str, str], recall: tuple[str, str]
) -> Measures:
    """Precision, recall and F1 of these ratios of sums, with their intervals."""
    points = [total[part] / total[whole] if total[whole] else float("nan") for part, whole in (precision, recall)]
    with np.errstate(divide="ignore", invalid="ignore"):
        samples = [drawn[part] / drawn[whole] for part, whole in (precision, recall)]
        samples.append(2 * samples[0] * samples[1] / (samples[0] + samples[1]))
    points.append(2 * points[0] * points[1] / (points[0] + points[1]) if sum(points) else float("nan"))
    return Measures(*(_estimate(point, sample) for point, sample in zip(points, samples, strict=True)))


def _estimate(point: float, samples: Floats) -> Estimate:
    known = samples[~np.isnan(samples)]
    if np.isnan(point) or not len(known):
        return Estimate(point, float("nan"), float("nan"))
    low, high = np.quantile(known, INTERVAL)
    return Estimate(point, float(low), float(high))


def mistakes(assigned: pl.DataFrame, links: pl.DataFrame, *, threshold: float) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The pairs that were missed, and those that were wrongly joined, by kind and levels, the commonest first.

    Args:
        assigned: one row a record: `id` (a text), `cluster`, `entity`.
        links: scored pairs: `left` and `right` (ids), `probability`, and `level_<field>` in words.
        threshold: the probability from which pairs were joined.

    Returns:
        Missed and wrong pairs, one row a kind and pattern of levels: `kind`, `levels` in words, `pairs`, and
        `examples`, the ids of three of them.
    """
    scored = links.select(
        first=pl.min_horizontal("left", "right"),
        second=pl.max_horizontal("left", "right"),
        probability="probability",
        levels=_levels_together(links),
    )
    true, joined = pairs_within(assigned, "entity"), pairs_within(assigned, "cluster")
    missed = true.join(joined, on=["first", "second"], how="anti").join(scored, on=["first", "second"], how="left")
    wrong = joined.join(true, on=["first", "second"], how="anti").join(scored, on=["first", "second"], how="left")
    why_missed = (
        pl.when(pl.col("probability").is_null()).then(pl.lit(NO_CANDIDATE))
        .when(pl.col("probability") < threshold).then(pl.lit(BELOW))
        .otherwise(pl.lit(REFUSED))
    )  # fmt: skip
    why_wrong = (
        pl.when(pl.col("probability").is_null()).then(pl.lit(NOT_COMPARED))
        .when(pl.col("probability") < threshold).then(pl.lit("joined through other records, " + BELOW + " itself"))
        .otherwise(pl.lit("joined"))
    )  # fmt: skip
    return _commonest(missed, why_missed), _commonest(wrong, why_wrong)


def pairs_within(assigned: pl.DataFrame, column: str) -> pl.DataFrame:
    """All pairs of records with the same value of a column: `first`, `second`, in the order of their ids."""
    several = assigned.select("id", column).filter(pl.len().over(column) > 1)
    return (
        several.join(several, on=column, suffix="_other")
        .filter(pl.col("id") < pl.col("id_other"))
        .select(first="id", second="id_other")
    )


def _levels_together(links: pl.DataFrame) -> pl.Expr:
    """The levels of each pair as one text, fields in their order; missing values are left out."""
    words = [pl.when(pl.col(name) != "").then(name) for name in links.columns if name.startswith("level_")]
    return pl.concat_str(words, separator=", ", ignore_nulls=True) if words else pl.lit("")


def _commonest(pairs: pl.DataFrame, kind: pl.Expr) -> pl.DataFrame:
    """Pairs counted by kind and levels, the commonest first."""
    example = pl.format("{} – {}", "first", "second")
    return (
        pairs.with_columns(kind=kind, levels=pl.col("levels").fill_null(""))
        .group_by("kind", "levels")
        .agg(pairs=pl.len(), examples=example.sort().head(3))
        .sort("pairs", "kind", "levels", descending=[True, False, False])
        .select("kind", "levels", "pairs", "examples")
    )

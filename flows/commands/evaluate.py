"""Clusters held against a truth: how right they are, and which pairs were missed or wrongly joined."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from transforms.match.evaluation import Evaluation, Measures, evaluated, mistakes
from transforms.match.parameters import AUTO
from transforms.schema.errors import InputError, UsageError

IDS = ("id", "record_id", "rec_id")
"""Columns that are taken for ids when none is named, the first that is there."""
GROUPS = ("cluster_id", "cluster", "entity", "entity_id", "ent_id")
"""Columns that are taken for clusters or entities when none is named, the first that is there."""
MOST_KINDS = 8
"""Kinds of mistakes that are shown."""


@dataclass(frozen=True)
class Evaluated:
    """An evaluation, and the mistakes where the links were given.

    Attributes:
        without_truth, without_cluster: records that only one of the tables has; they are in no number.
    """

    evaluation: Evaluation
    without_truth: int
    without_cluster: int
    missed: pl.DataFrame | None = None
    wrong: pl.DataFrame | None = None

    def text(self) -> str:
        """For a terminal."""
        counted = self.evaluation
        lines = [
            f"{counted.records:,} records, {counted.clusters:,} clusters of {counted.entities:,} entities",
            f"{counted.true_pairs:,} true pairs, {counted.joined_pairs:,} joined, {counted.right_pairs:,} right",
            *(
                [f"In no number: {self.without_truth:,} without truth, {self.without_cluster:,} without cluster"]
                if self.without_truth or self.without_cluster
                else []
            ),
            "",
            f"{'':14}{'precision':>24}{'recall':>24}{'F1':>24}",
        ]
        for title, measures in _ways(counted):
            shown = "".join(
                f"{estimate.value:>9.4f} {f'{estimate.low:.4f}–{estimate.high:.4f}':>14}" for estimate in measures
            )
            lines.append(f"{title:14}{shown}")
        for title, table in (("Missed pairs", self.missed), ("Wrong pairs", self.wrong)):
            if table is not None:
                lines += ["", f"{title}: {int(table['pairs'].sum()):,}"]
                lines += [
                    f"{pairs:>9,}  {kind}{f': {levels}' if levels else ''}   {examples[0]}"
                    for kind, levels, pairs, examples in table.head(MOST_KINDS).iter_rows()
                ]
                if len(table) > MOST_KINDS:
                    lines.append(f"           … and {len(table) - MOST_KINDS:,} more kinds (--json has all)")
        return "\n".join(lines)

    def facts(self) -> dict[str, Any]:
        """As JSON."""
        counts = ("records", "clusters", "entities", "true_pairs", "joined_pairs", "right_pairs")
        facts: dict[str, Any] = {name: getattr(self.evaluation, name) for name in counts}
        facts |= {"without_truth": self.without_truth, "without_cluster": self.without_cluster}
        for title, measures in _ways(self.evaluation):
            facts[title.lower().replace("-", "_")] = {
                name: {part: None if math.isnan(value) else value for part, value in estimate._asdict().items()}
                for name, estimate in measures._asdict().items()
            }
        facts |= {
            name: table.to_dicts()
            for name, table in (("missed", self.missed), ("wrong", self.wrong))
            if table is not None
        }
        return facts


def evaluate_files(
    clusters: Path,
    truth: Path,
    *,
    id_column: str | None = None,
    cluster_column: str | None = None,
    truth_id_column: str | None = None,
    entity_column: str | None = None,
    links: Path | None = None,
    threshold: float = AUTO,
) -> Evaluated:
    """Holds a file of clusters against a file of the truth.

    Args:
        clusters, truth: CSV or Parquet.
        id_column, cluster_column: columns of the clusters; recognised by their names when not given.
        truth_id_column, entity_column: columns of the truth; the id's is that of the clusters when not given.
        links: scored pairs, as `onefold match --links` writes them.
        threshold: the probability from which pairs were joined.

    Raises:
        UsageError: a file or a column is missing.
        InputError: a file cannot be read, an id stands in it twice, or the two have no id in common.
    """
    assigned, expected = read_table(clusters), read_table(truth)
    shared = [name for name in assigned.columns if name in expected.columns]
    key = _column(assigned, clusters, "--id", id_column, IDS if not id_column else (), only=shared)
    group = _column(assigned, clusters, "--cluster", cluster_column, GROUPS, besides={key})
    asked = truth_id_column or (key if key in expected.columns else None)
    truth_key = _column(expected, truth, "--truth-id", asked, IDS)
    entity = _column(expected, truth, "--entity", entity_column, GROUPS, besides={truth_key})
    clustered = _by_id(assigned, clusters, key, group, "cluster")
    known = _by_id(expected, truth, truth_key, entity, "entity")
    both = clustered.join(known, on="id", how="inner")
    if both.is_empty():
        raise InputError(f"No id of {clusters.name} ({key}) is in {truth.name} ({truth_key}).")
    result = Evaluated(evaluated(both), len(clustered) - len(both), len(known) - len(both))
    if links is None:
        return result
    missed, wrong = mistakes(both, _links(links), threshold=threshold)
    return Evaluated(result.evaluation, result.without_truth, result.without_cluster, missed, wrong)


def read_table(path: Path) -> pl.DataFrame:
    """A table of texts from a CSV or Parquet file, its columns by their headers.

    Raises:
        UsageError: there is no such file.
        InputError: the file is no table.
    """
    if not path.is_file():
        raise UsageError(f"There is no file {path}.")
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            return pl.read_parquet(path).with_columns(pl.exclude(pl.List, pl.Struct).cast(pl.String))
        return pl.read_csv(path, infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(f"{path.name} cannot be read as a table: {str(error).splitlines()[0]}") from error


def _column(
    table: pl.DataFrame,
    path: Path,
    option: str,
    asked: str | None,
    usual: Sequence[str],
    *,
    besides: Collection[str] = (),
    only: Sequence[str] = (),
) -> str:
    """The column that was asked for; else the first usual one, the only one in common, or the only one left."""
    if asked is not None:
        if asked not in table.columns:
            raise UsageError(f"{path.name} has no column {asked!r}. It has: {', '.join(table.columns)}.")
        return asked
    free = [name for name in table.columns if name not in besides]
    for name in usual:
        if name in free:
            return name
    for names in (only, free):
        if len(names) == 1:
            return names[0]
    raise UsageError(
        f"Which column of {path.name} is meant? Name it with {option}. It has: {', '.join(table.columns)}."
    )


def _by_id(table: pl.DataFrame, path: Path, key: str, value: str, name: str) -> pl.DataFrame:
    rows = table.select(pl.col(key).alias("id"), pl.col(value).alias(name)).drop_nulls()
    if rows["id"].is_duplicated().any():
        twice = rows.filter(pl.col("id").is_duplicated())["id"][0]
        raise InputError(f"The id {twice!r} stands in {path.name} twice, so its rows cannot be told apart.")
    return rows


def _links(path: Path) -> pl.DataFrame:
    table = read_table(path)
    missing = [name for name in ("left", "right", "probability") if name not in table.columns]
    if missing:
        raise UsageError(f"{path.name} has no column {missing[0]!r}: it is not what onefold match --links writes.")
    return table.with_columns(pl.col("probability").cast(pl.Float64, strict=False))


def _ways(evaluation: Evaluation) -> list[tuple[str, Measures]]:
    return [
        ("Pairwise", evaluation.pairwise),
        ("B-cubed", evaluation.b_cubed),
        ("Exact", evaluation.exact),
    ]

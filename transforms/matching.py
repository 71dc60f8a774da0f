"""From records to clusters: candidates, levels, weights, and who belongs together."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import polars as pl

from transforms.blocking import blocking_keys, candidate_pairs
from transforms.clustering import cluster, components, missing_pairs
from transforms.comparison import compare, prepare
from transforms.decisions import NONE, Verdicts
from transforms.records import Records
from transforms.scoring import Model, learn, probabilities, reasons, weigh

AUTO = 0.90
REVIEW = 0.50
HOPELESS = 0.001
"""A pair less likely than this to be one person is forgotten, unless it stands within a would-be cluster."""


@dataclass(frozen=True)
class Matches:
    """Scored pairs (`PAIRS` with levels and bits), the cluster of every record, the model behind them, and verdicts."""

    pairs: pl.DataFrame
    clusters: pl.DataFrame
    model: Model
    verdicts: Verdicts = NONE


def match(
    tables: Records,
    *,
    auto: float = AUTO,
    review: float = REVIEW,
    told: Iterable[tuple[int, int]] = (),
    verdicts: Verdicts = NONE,
    explain: bool = True,
) -> Matches:
    """Finds the records that are one person.

    Args:
        tables: the records.
        auto: the probability from which two records are joined.
        review: the probability from which a person should look at two records that are not joined.
        told: pairs of records known to be one person, besides those their source has merged itself.
        verdicts: what people decided about the records: honoured, and learned from.
        explain: whether the evidence is told in words.
    """
    with ThreadPoolExecutor(1) as beside:
        preparing = beside.submit(prepare, tables)
        candidates = candidate_pairs(blocking_keys(tables), records=len(tables.records))
        prepared = preparing.result()
    decided = verdicts.decided()
    if len(decided):
        candidates = pl.concat([candidates, decided.select("left", "right")]).unique().sort("left", "right")
    levels = compare(candidates, prepared)
    taught = levels.join(decided, on=["left", "right"], maintain_order="left")
    model = learn(levels, prepared, taught)
    levels = _worth_keeping(levels, probabilities(levels, model), decided, auto=auto, records=len(tables.records))
    pairs = weigh(levels, model)
    inner = missing_pairs(pairs, auto=auto, records=len(tables.records))
    if len(inner):
        pairs = pl.concat([pairs, weigh(compare(inner, prepared), model)]).sort("left", "right")
    clusters = cluster(
        pairs,
        tables,
        auto=auto,
        decided=sorted(verdicts.together),
        told=[*told, *told_by_sources(tables.records)],
        apart=sorted(verdicts.apart),
    )
    return Matches(explained(pairs, model, least=review if explain else 2.0), clusters, model, verdicts)


def _worth_keeping(
    levels: pl.DataFrame, probability: pl.Series, decided: pl.DataFrame, *, auto: float, records: int
) -> pl.DataFrame:
    """Pairs that could be one person, were decided, or stand within a would-be cluster and may speak against it."""
    group = components(levels.filter(probability >= auto), records)
    inside = group.gather(levels["left"]) == group.gather(levels["right"])
    kept = (probability >= HOPELESS) | inside
    if len(decided):
        kept |= levels.join(decided, on=["left", "right"], how="left", maintain_order="left")["is_same"].is_not_null()
    return levels.filter(kept)


def told_by_sources(records: pl.DataFrame) -> list[tuple[int, int]]:
    """Pairs of records that their own source has merged: one names the other's id among those it took in."""
    told = records.select("source", "record", old=pl.col("merged_ids").str.split(";")).drop_nulls().explode("old")
    keys = records.select("source", "source_key", other="record").drop_nulls()
    told = told.with_columns(pl.col("old").str.strip_chars())
    found = told.join(keys, left_on=["source", "old"], right_on=["source", "source_key"], how="inner")
    return sorted(
        {(min(pair), max(pair)) for pair in found.select("record", "other").iter_rows() if len(set(pair)) > 1}
    )


def explained(pairs: pl.DataFrame, model: Model, *, least: float) -> pl.DataFrame:
    """The pairs with `why`, their evidence in words, from a probability on; below it is left null."""
    likely = (pairs["probability"] >= least).arg_true()
    why = pl.Series("why", [None], dtype=pl.String).new_from_index(0, len(pairs))
    if len(likely):
        why = why.scatter(likely, [reasons(pair, model.fields) for pair in pairs[likely].iter_rows(named=True)])
    return pairs.with_columns(why)

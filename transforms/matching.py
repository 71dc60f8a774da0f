"""From records to clusters: candidates, levels, weights, and who belongs together."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import polars as pl

from transforms.blocking import blocking_keys, blocks, candidate_pairs
from transforms.clustering import cluster, components, missing_pairs
from transforms.comparison import Prepared, compare, prepare
from transforms.decisions import NONE, Verdicts
from transforms.rarity import commonness
from transforms.records import Records
from transforms.scoring import Model, learn, reasons, weigh

AUTO = 0.90
REVIEW = 0.50
HOPELESS = 0.001
"""A pair less likely than this to be one person is forgotten, unless it stands within a would-be cluster."""
AT_ONCE = 300_000
"""Pairs that are compared and weighed at once."""


NOTHING = NONE.decided()


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
        explain: whether each field's bits are kept, the evidence is told in words, and clusters get names.
    """
    count = len(tables.records)
    with ThreadPoolExecutor(1) as beside:
        preparing = beside.submit(lambda: prepare(tables, commonness(tables)))
        candidates = candidate_pairs(blocks(blocking_keys(tables)), records=count)
        prepared = preparing.result()
    decided = verdicts.decided()
    if len(decided):
        candidates = pl.concat([candidates, decided.select("left", "right")]).unique().sort("left", "right")
    model = learn(candidates, prepared, decided)
    pairs, hopeless = weighed(candidates, prepared, model, decided, fully=explain)
    inner = inner_pairs(pairs, hopeless, components(pairs.filter(pl.col("probability") >= auto), count))
    if len(inner):
        pairs = pl.concat([pairs, weigh(compare(inner, prepared), model, fully=explain)]).sort("left", "right")
    clusters = cluster(
        pairs,
        tables,
        auto=auto,
        decided=sorted(verdicts.together),
        told=[*told, *told_by_sources(tables.records)],
        apart=sorted(verdicts.apart),
        named=explain,
    )
    return Matches(explained(pairs, model, least=review if explain else 2.0), clusters, model, verdicts)


def weighed(
    candidates: pl.DataFrame, prepared: Prepared, model: Model, decided: pl.DataFrame = NOTHING, *, fully: bool
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The pairs that could be one person or were decided, weighed, and the others.

    Pairs are looked at some at a time, on all cores: only what is kept of them is held.

    Args:
        candidates: `left`, `right`.
        prepared: the records' values.
        model: what was learned.
        decided: pairs of which people said whether they are one person.
        fully: whether each field's own bits are wanted.
    """

    def work(some: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        pairs = weigh(compare(some, prepared), model, fully=fully)
        kept = pairs["probability"] >= HOPELESS
        if len(decided):
            kept |= some.join(decided, on=["left", "right"], how="left", maintain_order="left")["is_same"].is_not_null()
        return pairs.filter(kept), some.filter(~kept)

    with ThreadPoolExecutor(pl.thread_pool_size()) as threads:
        parts = list(threads.map(work, candidates.iter_slices(AT_ONCE))) or [work(candidates)]
    return pl.concat(one for one, _ in parts), pl.concat(other for _, other in parts)


def inner_pairs(pairs: pl.DataFrame, hopeless: pl.DataFrame, group: pl.Series) -> pl.DataFrame:
    """The pairs inside would-be clusters that are not among the scored ones: `left`, `right`, in order.

    Args:
        pairs: scored pairs.
        hopeless: pairs that were forgotten.
        group: the would-be cluster of each record.
    """
    inside = hopeless.filter(group.gather(hopeless["left"]) == group.gather(hopeless["right"]))
    return pl.concat([inside, missing_pairs(pairs, group)]).unique().sort("left", "right")


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

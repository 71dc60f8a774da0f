"""What else follows from a decision about some records: who joins them, and who would leave."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import NamedTuple

import polars as pl

from transforms.match.graph import components, pairs_frame
from transforms.match.matching import Matches, regrouped
from transforms.match.verdicts import Pair, Verdicts
from transforms.schema.records import Records, chosen
from transforms.schema.tables import CLUSTERS, empty


class Consequence(NamedTuple):
    """What a decision does to who is with whom.

    Attributes:
        refused: why it would not be honoured; None where it is.
        joined: ids of records that are with the decided ones then, though nobody decided about them.
        parted: ids of records that were with one of the decided ones, and are no more.
    """

    refused: str | None
    joined: tuple[str, ...]
    parted: tuple[str, ...]


def neighbourhoods(matches: Matches, review: float) -> pl.Series:
    """For each record the number of its neighbourhood: what a decision about it can change is within that."""
    numbered = matches.clusters.with_columns(left=pl.col("record").first().over("cluster"))
    chained = numbered.filter(pl.col("left") != pl.col("record")).select("left", right="record")
    alike = matches.pairs.filter(pl.col("probability") >= review).select("left", "right")
    return components(pl.concat([alike, chained]), len(matches.clusters))


def consequence(
    tables: Records,
    matches: Matches,
    neighbourhood: pl.Series,
    decided: Collection[Pair],
    *,
    before: Verdicts,
    after: Verdicts,
    auto: float,
) -> Consequence:
    """What follows from decisions, worked out among the neighbours of the decided records alone.

    Args:
        tables: the records.
        matches: their pairs and clusters.
        neighbourhood: `neighbourhoods`.
        decided: the pairs that are decided now.
        before, after: all verdicts without these, and with them.
        auto: the probability from which two records are joined.
    """
    records = sorted({record for pair in decided for record in pair})
    near = neighbourhood.is_in(neighbourhood.gather(records).unique().implode())
    number = pl.select(pl.when(near).then(near.cast(pl.UInt32).cum_sum() - 1)).to_series()
    subset = chosen(tables, near)
    pairs = matches.pairs.with_columns(
        left=number.gather(matches.pairs["left"]), right=number.gather(matches.pairs["right"])
    )
    pairs = pairs.drop_nulls(["left", "right"])

    def clustered(verdicts: Verdicts) -> Matches:
        theirs = Verdicts(_within(verdicts.together, number), _within(verdicts.apart, number))
        alone = replace(matches, pairs=pairs, clusters=empty(CLUSTERS), verdicts=theirs)
        return regrouped(alone, subset, auto=auto, named=False)

    was, is_now = clustered(before), clustered(after)
    ours = [place for record in records if (place := number[record]) is not None]
    names, contested = subset.records["record_id"], is_now.verdicts.contested
    mates_before, mates_now = (_mates(found.clusters, ours) for found in (was, is_now))
    return Consequence(
        next((contested[place] for place in ours if place in contested), None),
        tuple(names[place] for place in sorted(mates_now - mates_before - set(ours))),
        tuple(names[place] for place in sorted(mates_before - mates_now - set(ours))),
    )


def _within(pairs: Collection[Pair], number: pl.Series) -> frozenset[Pair]:
    """Pairs in the numbers of a subset; those with a record outside it are left out."""
    every = pairs_frame(sorted(pairs))
    renumbered = every.select(left=number.gather(every["left"]), right=number.gather(every["right"]))
    return frozenset(renumbered.drop_nulls().iter_rows())


def _mates(clusters: pl.DataFrame, records: Collection[int]) -> set[int]:
    """The records that are in one cluster with any of some."""
    theirs = clusters.filter(pl.col("record").is_in(list(records)))["cluster"]
    return set(clusters.filter(pl.col("cluster").is_in(theirs.implode()))["record"])

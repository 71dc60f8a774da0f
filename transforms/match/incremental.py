"""Incremental matching: new records against an index; the cost grows with the new records alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import polars as pl

from transforms.match.blocking import RULES, blocks, candidate_pairs
from transforms.match.clustering import cluster
from transforms.match.comparison import compare
from transforms.match.features import prepare
from transforms.match.further import columns_of
from transforms.match.graph import components
from transforms.match.learning import records_a_person
from transforms.match.matching import inner_pairs, scored
from transforms.match.parameters import AUTO, Model
from transforms.match.scoring import score
from transforms.match.term_frequency import TermFrequencies, compared_values
from transforms.schema.records import Records, together
from transforms.schema.tables import KEYS, empty


@dataclass(frozen=True)
class Known:
    """The known records that share a blocking key with new ones, and what was learned of all.

    Attributes:
        numbers: the numbers of those records and of all others of their clusters among all known ones, in order.
        tables: those records, numbered from 0.
        clusters: the number of each one's cluster.
        common: how common values are among all records, known and new, at least of those values that are compared here.
        model: what was learned from the known records.
    """

    numbers: pl.Series
    tables: Records
    clusters: pl.Series
    common: TermFrequencies
    model: Model


@dataclass(frozen=True)
class Placed:
    """Where new records belong.

    Attributes:
        clusters: for each new record the number of the known cluster it belongs to, or of a new one from `first` on.
        joined: pairs of known clusters that turned out to be one person; the lower number is the one that stays.
    """

    clusters: pl.Series
    joined: list[tuple[int, int]]


def alike(new: pl.DataFrame, known: pl.DataFrame, *, records: int) -> pl.DataFrame:
    """Candidate pairs of a new record with a known one or with another new one.

    Args:
        new: `KEYS` of the new records.
        known: `KEYS` of the known records that share one of them; a key many records hold must be there with all.
        records: how many records there are, new and known.

    Returns:
        `left` (known or new), `right` (new), `rules`, and `is_known` (whether the left one is known).
    """
    offset = int(str(known["record"].max())) + 1 if len(known) else 0
    both = pl.concat([known, new.with_columns(pl.col("record") + pl.lit(offset, dtype=pl.UInt32))])
    shared = blocks((rule, both.filter(pl.col("rule") == rule)) for rule in RULES)
    pairs = candidate_pairs(shared, records=records)
    pairs = pairs.filter(pl.col("right") >= offset).with_columns(is_known=pl.col("left") < offset)
    return pairs.with_columns(
        left=pl.when("is_known").then("left").otherwise(pl.col("left") - offset), right=pl.col("right") - offset
    )


def place(new: Records, known: Known, pairs: pl.DataFrame, *, first: int, auto: float = AUTO) -> Placed:
    """The clusters of new records: a known one, one among themselves, or one of their own.

    Args:
        new: the new records.
        known: what they could belong to.
        pairs: as `alike` returns them, known records by their number among all known ones.
        first: the number of the first new cluster.
        auto: the probability from which two records are joined.
    """
    offset = len(known.tables.records)
    tables = together([known.tables, new], new.date_orders)
    among = known.numbers.search_sorted(pairs["left"])
    candidates = pairs.select(
        left=pl.when("is_known").then(among).otherwise(pl.col("left") + offset).cast(pl.UInt32),
        right=(pl.col("right") + offset).cast(pl.UInt32),
    ).sort("left", "right")
    common = replace(known.common, records_a_person=records_a_person(known.model))
    prepared = prepare(tables, compared_values(tables), common, columns_of(tables, known.model.fields))
    pairs_scored, hopeless = scored(candidates, prepared, known.model, fully=False)
    members = pl.DataFrame({"record": pl.int_range(offset, dtype=pl.UInt32, eager=True), "cluster": known.clusters})
    chains = members.with_columns(left=pl.col("record").min().over("cluster"))
    known_links = chains.filter(pl.col("left") != pl.col("record")).select("left", right="record")
    edges = pl.concat([pairs_scored.filter(pl.col("probability") >= auto).select("left", "right"), known_links])
    inner = inner_pairs(pairs_scored, hopeless, components(edges, len(tables.records))).filter(
        pl.col("right") >= offset
    )
    if len(inner):
        pairs_scored = pl.concat([pairs_scored, score(compare(inner, prepared), known.model, fully=False)]).sort(
            "left", "right"
        )
    links = known_links.iter_rows()
    grouped = cluster(pairs_scored, tables, auto=auto, known_links=links, named=False, families=known.model.families)[
        "cluster"
    ]
    return _numbered(grouped, known.clusters, first)


def _numbered(grouped: pl.Series, known: pl.Series, first: int) -> Placed:
    """Cluster numbers of the new records: that of the known cluster, else new ones in order."""
    both = pl.DataFrame(
        {"group": grouped, "known": known.cast(pl.UInt32).extend_constant(None, len(grouped) - len(known))}
    )
    number = both.group_by("group", maintain_order=True).agg(number=pl.col("known").min())
    fresh = number["number"].is_null()
    number = number.with_columns(
        number=pl.when(fresh).then(fresh.cast(pl.UInt32).cum_sum() - 1 + first).otherwise("number").cast(pl.UInt32)
    )
    numbered = both.join(number, on="group", how="left", maintain_order="left")
    joined = (
        numbered.filter(pl.col("known") != pl.col("number")).select("number", "known").unique().sort("number", "known")
    )
    return Placed(numbered["number"].slice(len(known)), joined.rows())


def keys_table(keys: Iterable[tuple[str, pl.DataFrame]]) -> pl.DataFrame:
    """`KEYS` of keys as `blocking_keys` returns them."""
    return pl.concat(
        [empty(KEYS), *(frame.select(pl.lit(rule).alias("rule"), "key", "record") for rule, frame in keys)]
    )

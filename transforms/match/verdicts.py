"""Verdicts: decisions of people about records, applied to the records at hand.

A decision names records by what they are, not by where they stood: the next export has its rows in other places.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations

import polars as pl

from transforms.match.graph import components, pairs_frame
from transforms.schema.ids import short_id
from transforms.schema.tables import IDENTITIES, SITE, TOGETHER, conform

Pair = tuple[int, int]
CONTRADICTORY = "decisions about its records contradict each other"
NO_CONTACTS: Mapping[str, str] = {}


@dataclass(frozen=True)
class Verdicts:
    """Decisions about the records at hand, as pairs.

    Attributes:
        together: pairs of records that people say are one person.
        apart: pairs of records that people say are not.
        deciders: of pairs that were decided themselves, who said so and when.
        contested: records about which decisions contradict each other or strong evidence, with what is wrong; none of
            these decisions is honoured.
        missing: how many decisions are about records that are not here.
    """

    together: frozenset[Pair] = frozenset()
    apart: frozenset[Pair] = frozenset()
    deciders: Mapping[Pair, str] = field(default_factory=dict)
    contested: Mapping[int, str] = field(default_factory=dict)
    missing: int = 0

    def without(self, torn: Mapping[int, str]) -> Verdicts:
        """Verdicts without those about contested records, whose problems are noted."""
        refused = {pair for pair in self.together if torn.keys() & set(pair)}
        return replace(
            self,
            together=self.together - refused,
            deciders={pair: by for pair, by in self.deciders.items() if pair not in refused},
            contested={**self.contested, **torn},
        )

    def labelled_pairs(self) -> pl.DataFrame:
        """The pairs that were decided themselves: `left`, `right`, `is_same`, in order."""
        rows = [(*pair, pair in self.together) for pair in sorted(self.deciders)]
        return pl.DataFrame(rows, schema={"left": pl.UInt32, "right": pl.UInt32, "is_same": pl.Boolean}, orient="row")


NO_VERDICTS = Verdicts()


def identities(records: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """`IDENTITIES`: stable names of records from export to export.

    A contact is known by its id, a row by its source's own key where no other row has it, else by what it says.

    Args:
        records: `RECORDS`.
        rows: `ROWS` of the exports.
    """
    said = rows.select("source", "row", "raw")
    there = records.select("record", "record_id", "source", "row", "source_key", "contact_id").join(
        said, on=["source", "row"], how="left", maintain_order="left"
    )
    alone = there["source_key"].is_not_null() & (there.select(pl.len().over("source", "source_key") == 1).to_series())
    distinct_rows = there.select("source", "raw", is_named=pl.col("contact_id").is_not_null() | alone).iter_rows()
    whole = [None if is_named else short_id(source, raw or "") for source, raw, is_named in distinct_rows]
    there = there.with_columns(
        identity=pl.when(pl.col("contact_id").is_not_null())
        .then(pl.format(f"{SITE}:{{}}", "contact_id"))
        .when(pl.Series(alone))
        .then(pl.format("{}#{}", "source", "source_key"))
        .otherwise(pl.format("{}~{}", "source", pl.Series(whole, dtype=pl.String)))
    )
    return conform(there, IDENTITIES)


def of_site(decisions: pl.DataFrame, names: Collection[str]) -> pl.DataFrame:
    """The decisions about records of a site, by any of its names; those that name no site are among them."""
    return decisions.filter(pl.col("site").is_null() | pl.col("site").is_in(list(names)))


def differing(before: pl.DataFrame, now: pl.DataFrame) -> pl.DataFrame:
    """Decisions that were added, changed or withdrawn between two states of a file."""
    what = ["verdict", "records", "identities"]
    return pl.concat(
        [
            kept.join(against, on=what, how="anti", nulls_equal=True)
            for kept, against in ((before.drop_nulls("verdict"), now), (now.drop_nulls("verdict"), before))
        ]
    )


def meant(decisions: pl.DataFrame, known: pl.DataFrame, placed: Mapping[str, str] = NO_CONTACTS) -> set[int]:
    """The records that decisions are about.

    Args:
        decisions: `DECISIONS`.
        known: `IDENTITIES` of the records.
        placed: the identity of a record with that of the contact which it went to in an earlier run.
    """
    at: dict[str, list[int]] = {}
    for record, record_id, identity in known.select("record", "record_id", "identity").iter_rows():
        for name in {record_id, identity}:
            at.setdefault(name, []).append(record)
    names = {
        name
        for records, identities in decisions.select("records", "identities").iter_rows()
        for name in identities or records
    }
    return {record for name in names for identity in (name, placed.get(name, name)) for record in at.get(identity, [])}


def resolved(decisions: pl.DataFrame, known: pl.DataFrame, placed: Mapping[str, str] = NO_CONTACTS) -> Verdicts:
    """Decisions applied to the records at hand: which pairs are together, apart, or contested.

    Of two decisions about the same pair the later one counts. Where decisions contradict each other round a corner (one
    and two together, two and three together, one and three apart), none of them is honoured.

    Args:
        decisions: `DECISIONS`.
        known: `IDENTITIES` of the records.
        placed: the identity of a record with that of the contact which it went to in an earlier run.
    """
    at: dict[str, list[int]] = {}
    spoken_of = _spoken_of(decisions, known, placed)
    for record, identity in spoken_of.select("record", "identity").iter_rows():
        at.setdefault(identity, []).append(record)
    by_id = dict(spoken_of.select("record_id", "identity").iter_rows())
    latest: dict[tuple[str, str], tuple[bool, str]] = {}
    missing = 0
    made = decisions.drop_nulls("verdict").sort("decided_at", maintain_order=True, nulls_last=False)
    for row in made.iter_rows(named=True):
        names = row["identities"] or [by_id.get(name, name) for name in row["records"]]
        missing += any(name not in at and placed.get(name) not in at for name in names)
        by = f"{row['verdict']}, {row['by'] or 'somebody'}" + (
            f", {row['decided_at'][:10]}" if row["decided_at"] else ""
        )
        for left, right in combinations(dict.fromkeys(names), 2):
            key = (left, right) if left < right else (right, left)
            latest[key] = (row["verdict"] == TOGETHER, by)
    together: set[Pair] = set()
    apart: set[Pair] = set()
    reasons: dict[Pair, str] = {}
    for (left, right), (is_same, by) in latest.items():
        own = [(at.get(name, []), at.get(placed.get(name, ""), [])) for name in (left, right)]
        direct = set(_pairs(own[0][0], own[1][0]))
        behind = set(_pairs([*own[0][0], *own[0][1]], [*own[1][0], *own[1][1]]))
        if not is_same and set(own[0][1]) & set(own[1][1]):
            behind = direct  # both went into one contact before this was decided
        reasons |= dict.fromkeys(direct, by)
        (together if is_same else apart).update(behind)
    contested = _contested(together, apart, len(known))
    return Verdicts(
        together=frozenset(pair for pair in together if contested.isdisjoint(pair)),
        apart=frozenset(pair for pair in apart if contested.isdisjoint(pair)),
        deciders={pair: by for pair, by in reasons.items() if contested.isdisjoint(pair)},
        contested=dict.fromkeys(contested, CONTRADICTORY),
        missing=missing,
    )


def _spoken_of(decisions: pl.DataFrame, known: pl.DataFrame, placed: Mapping[str, str]) -> pl.DataFrame:
    """The records that decisions name, by id or identity, and those that are known by the same."""
    names = {name for column in ("records", "identities") for several in decisions[column] for name in several}
    names |= {placed[name] for name in names if name in placed}
    by_id = known.filter(pl.col("record_id").is_in(list(names)))["identity"]
    names |= set(by_id) | {placed[name] for name in by_id if name in placed}
    return known.filter(pl.col("record_id").is_in(list(names)) | pl.col("identity").is_in(list(names)))


def _pairs(lefts: Iterable[int], rights: Iterable[int]) -> Iterable[Pair]:
    rights = list(rights)
    return ((min(left, right), max(left, right)) for left in lefts for right in rights if left != right)


def _contested(together: set[Pair], apart: set[Pair], records: int) -> frozenset[int]:
    """Records of groups that hold a pair decided to be apart."""
    if not together or not apart:
        return frozenset()
    group = components(pairs_frame(sorted(together)), records)
    split = {group[left] for left, right in apart if group[left] == group[right]}
    return frozenset(record for pair in together for record in pair if group[record] in split)

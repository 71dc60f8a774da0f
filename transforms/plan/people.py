"""People of several records, dealt with one by one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from transforms.plan.operations import (
    CompanyKeys,
    Draft,
    FoldingContext,
    Row,
    SiteContents,
    contributions_of,
    needs_opt_out_label,
    opt_out_draft,
    write_operations,
)
from transforms.plan.policy import Policy
from transforms.plan.reasons import LEFT_BEFORE, NOBODY_ELSE, OPT_OUT_LOST, TWO_MEMBERS, Reason, too_many_items
from transforms.schema.contact import Info
from transforms.schema.tables import PLAN, Schema, empty

AT_ONCE = 10_000
"""People whose operations are held as objects before they become rows of a table."""


class ClusterReasons(NamedTuple):
    """What is told of clusters beside their records: doubts, evidence, contradictions, and what is decided already."""

    doubts: Mapping[str, Reason]
    evidence: Mapping[str, Reason]
    contradicted: Collection[str]
    contested: Mapping[str, str]
    decided: Mapping[str, bool]

    def of(self, cluster: str) -> tuple[object, ...]:
        """All of it about one cluster, as a key."""
        doubt, link = self.doubts.get(cluster, ("", []))
        evidence, weakest = self.evidence.get(cluster, ("", []))
        contested, differ = self.contested.get(cluster), cluster in self.contradicted
        return cluster, doubt, tuple(link), evidence, tuple(weakest), differ, contested


@dataclass(frozen=True)
class FoldedPerson:
    """What became of a cluster of several records: the contacts it leaves changed (as JSON), and those that are gone.

    `number` is that of its operations and losses.
    """

    number: int
    changed: Mapping[str, str]
    gone: Sequence[str]


_NUMBERED: Schema = {"person": pl.UInt32, "place": pl.UInt32}


_LOST: Schema = dict.fromkeys(("cluster", "record_id", "field", "value", "kept", "reason"), pl.String)


@dataclass
class FoldedPeople:
    """People who were dealt with one by one, so that the next plan of the same records does not do it again.

    Attributes:
        people: by all that decides about them.
        operations: `PLAN` of them, with `person` and `place`.
        losses: what is lost of them, with `person` and `place`.
        said, lost: the rows' `contents` and `unplaced` values.
    """

    people: dict[tuple[object, ...], FoldedPerson] = field(default_factory=dict)
    operations: pl.DataFrame = field(default_factory=lambda: empty({**_NUMBERED, **PLAN}))
    losses: pl.DataFrame = field(default_factory=lambda: empty({**_NUMBERED, **_LOST}))
    said: pl.DataFrame | None = None
    lost: pl.DataFrame | None = None

    def deal_with(
        self,
        rows: pl.DataFrame,
        told: ClusterReasons,
        contacts: pl.DataFrame,
        opted_out: frozenset[str],
        policy: Policy,
    ) -> list[FoldedPerson]:
        """The people whose records these are, each dealt with once.

        Args:
            rows: records with `cluster`, `place`, `reach`, `is_shared`.
            told: what is told of their clusters.
            contacts: `CONTACTS`.
            opted_out: addresses that somebody opted out with.
            policy: what decides.
        """
        clusters = rows.group_by("cluster").agg(shared=pl.col("is_shared").any())
        keys = {cluster: (*told.of(cluster), shared) for cluster, shared in clusters.iter_rows()}
        fresh = [cluster for cluster, key in keys.items() if key not in self.people]
        if fresh:
            wanted = rows.filter(pl.col("cluster").is_in(fresh))
            assert self.said is not None
            assert self.lost is not None
            texts = contacts.join(wanted.select("contact_id"), on="contact_id", how="semi")
            known = FoldingContext(
                contributions_of(wanted, self.said, self.lost),
                SiteContents(dict(texts.iter_rows())),
                CompanyKeys(wanted.select("company", "company_key").drop_nulls("company").unique().iter_rows()),
                opted_out,
                policy,
            )
            clusters_in_turn = _clusters(wanted)
            while several := list(islice(clusters_in_turn, AT_ONCE)):
                drafts: list[tuple[int, Draft]] = []
                for cluster, group in several:
                    number = len(self.people)
                    made, changed, gone = _dealt_with(cluster, group, told, known)
                    drafts += [(number, draft) for draft in made]
                    after = {contact: info.to_json() for contact, info in changed.items()}
                    self.people[keys[cluster]] = FoldedPerson(number, after, gone)
                self.operations = pl.concat([self.operations, _as_operations(drafts)])
                self.losses = pl.concat([self.losses, _as_losses(drafts)])
        return [self.people[key] for key in keys.values()]


def _dealt_with(
    cluster: str, group: list[Row], told: ClusterReasons, known: FoldingContext
) -> tuple[list[Draft], dict[str, Info], list[str]]:
    """What is to be done with the records of one person; the contacts that are changed by it; those that are gone."""
    policy = known.policy
    existing = sorted((row for row in group if row["contact_id"]), key=lambda row: _tie_breaks(row, policy))
    rows = [row for row in group if not row["contact_id"]]
    evidence, link = told.evidence.get(cluster, ("", []))
    draft = Draft(cluster, group[0]["place"], [row["record_id"] for row in group], evidence, link)
    if cluster in told.contradicted and (len(existing) > 1 or rows):
        draft.state, draft.reason = "review", "birth dates of its records differ"
    if cluster in told.doubts and not existing:
        draft.state, (draft.reason, draft.link) = "review", told.doubts[cluster]
    if cluster in told.contested:
        draft.state, draft.reason = "review", told.contested[cluster]
    if any(row["opted_out"] for row in existing):
        written_to = next((row for row in existing if known.infos[row["contact_id"]].emails), None)
        if written_to is not None and written_to["subscribed"]:
            draft.state, draft.reason = "review", OPT_OUT_LOST
    if len(existing) > 1:
        too_many = too_many_items([known.infos[row["contact_id"]] for row in existing])
        if too_many is not None:
            draft.state, draft.reason = "review", too_many
    if sum(row["is_member"] for row in existing) > 1:
        draft.state, draft.reason = "blocked", TWO_MEMBERS
    before = [told.decided.get(row["record_id"]) for row in group]
    settled = None not in before
    if settled and any(before) and draft.state == "auto":
        draft.state, draft.reason = "review", LEFT_BEFORE
    if draft.state == "auto" and not draft.evidence:
        draft.evidence = NOBODY_ELSE
    allowed = any(row["is_shared"] for row in group)
    after, operation = write_operations(draft, existing, rows, known, allowed=allowed)
    if draft.state == "auto" and not settled:
        return [draft], {operation: after}, [row["contact_id"] for row in existing[1:]]
    if draft.state == "auto":
        draft.operations.clear()
    drafts, changed = [draft], {}
    for row in existing:  # what waits does not keep an opt-out from being seen
        contact, info = row["contact_id"], known.infos[row["contact_id"]]
        if needs_opt_out_label(info, known) and policy.opt_out_label not in info.labels:
            drafts.append(opt_out_draft(row, info, policy))
            changed[contact] = info.model_copy(update={"labels": (*info.labels, policy.opt_out_label)})
    return drafts, changed, []


def _as_operations(drafts: Sequence[tuple[int, Draft]]) -> pl.DataFrame:
    """The operations of people, by their number: `person`, `place`, `PLAN`."""
    rows = [row for _, draft in drafts for row in draft.operations]
    numbers = [(number, draft.place) for number, draft in drafts for _ in draft.operations]
    columns = {
        name: _lists([row.get(name) or [] for row in rows])
        if kind == pl.List(pl.String)
        else pl.Series(name, [row.get(name) for row in rows], dtype=kind)
        for name, kind in PLAN.items()
    }
    numbered = pl.DataFrame(numbers, schema=dict(_NUMBERED), orient="row")
    return pl.concat([numbered, pl.DataFrame(columns)], how="horizontal")


def _as_losses(drafts: Sequence[tuple[int, Draft]]) -> pl.DataFrame:
    """What is lost of people who will be applied, by their number: `person`, `place`, and the loss."""
    rows = [
        (number, draft.place, draft.cluster, loss.record_id, loss.field, loss.value, loss.kept, loss.reason)
        for number, draft in drafts
        if draft.state == "auto"
        for loss in draft.losses
    ]
    return pl.DataFrame(rows, schema={**_NUMBERED, **_LOST}, orient="row")


def _lists(values: Sequence[Sequence[str]]) -> pl.Series:
    """Lists of texts as a series: their items at once, which is quicker than list by list."""
    lengths = np.fromiter(map(len, values), dtype=np.uint32, count=len(values))
    flat = pl.DataFrame(
        {
            "row": np.repeat(np.arange(len(values), dtype=np.uint32), lengths),
            "item": pl.Series([item for one in values for item in one], dtype=pl.String),
        }
    )
    grouped = flat.group_by("row", maintain_order=True).agg("item")
    rows = pl.DataFrame({"row": np.arange(len(values), dtype=np.uint32)})
    return rows.join(grouped, on="row", how="left", maintain_order="left")["item"].fill_null([])


def _clusters(people: pl.DataFrame) -> Iterator[tuple[str, list[Row]]]:
    """Each cluster with its records, the most trusted first; clusters in order of their first record."""
    together = people.select(_FOLDED_BY).sort(pl.col("place").min().over("cluster"), "place")
    for cluster, rows in groupby(together.iter_rows(named=True), key=itemgetter("cluster")):
        yield cluster, list(rows)


def _tie_breaks(row: Row, policy: Policy) -> tuple[object, ...]:
    def moment(value: Any) -> float:  # noqa: ANN401 - a datetime or nothing, straight from the frame
        return value.timestamp() if value is not None else 0.0

    orders: dict[str, object] = {
        "member": not row["is_member"],
        "precedence": row["source_rank"],
        "most_complete": -row["complete"],
        "most_recent": -moment(row["updated"]),
        "oldest": moment(row["created"]),
        "id": row["contact_id"],
    }
    return tuple(orders[name] for name in (*policy.target, "id"))


_FOLDED_BY = (
    "record", "record_id", "cluster", "place", "source", "source_rank", "row", "contact_id", "is_member", "created",
    "updated", "opted_out", "subscribed", "company", "company_key", "complete", "reach", "is_shared",
)  # fmt: skip
"""What folding a person needs to know of each record."""

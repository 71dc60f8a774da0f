"""People of several records, dealt with one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby, islice
from operator import attrgetter

import polars as pl

from transforms.plan.guards import Case, ClusterReasons, first_hold
from transforms.plan.operations import (
    CompanyKeys,
    Draft,
    FoldingContext,
    PersonRecord,
    SiteContents,
    contributions_of,
    needs_opt_out_label,
    opt_out_draft,
    write_operations,
)
from transforms.plan.policy import Policy
from transforms.plan.reasons import NOBODY_ELSE
from transforms.schema.contact import Info
from transforms.schema.operations import State, operations_table
from transforms.schema.tables import PLAN, Schema, empty

PEOPLE_AT_ONCE = 10_000
"""People whose operations are held as objects before they become rows of a table."""


@dataclass(frozen=True)
class FoldedPerson:
    """A folded cluster: the contacts it leaves changed (as JSON), and those merged away.

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
        reasons: ClusterReasons,
        contacts: pl.DataFrame,
        opted_out: frozenset[str],
        policy: Policy,
    ) -> list[FoldedPerson]:
        """The people whose records these are, each dealt with once.

        Args:
            rows: records with `cluster`, `place`, `reach`, `is_shared`.
            reasons: what is told of their clusters.
            contacts: `CONTACTS`.
            opted_out: addresses that somebody opted out with.
            policy: what decides.
        """
        clusters = rows.group_by("cluster").agg(shared=pl.col("is_shared").any())
        keys = {cluster: (*reasons.of(cluster), shared) for cluster, shared in clusters.iter_rows()}
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
            while several := list(islice(clusters_in_turn, PEOPLE_AT_ONCE)):
                drafts: list[tuple[int, Draft]] = []
                for cluster, group in several:
                    number = len(self.people)
                    made, changed, gone = _dealt_with(cluster, group, reasons, known)
                    drafts += [(number, draft) for draft in made]
                    after = {contact: info.to_json() for contact, info in changed.items()}
                    self.people[keys[cluster]] = FoldedPerson(number, after, gone)
                self.operations = pl.concat([self.operations, _as_operations(drafts)])
                self.losses = pl.concat([self.losses, _as_losses(drafts)])
        return [self.people[key] for key in keys.values()]


def _dealt_with(
    cluster: str, group: list[PersonRecord], reasons: ClusterReasons, known: FoldingContext
) -> tuple[list[Draft], dict[str, Info], list[str]]:
    """The operations of one person; the contacts they change; the contacts they merge away."""
    policy = known.policy
    ranked = sorted((row for row in group if row.contact_id), key=lambda row: _tie_breaks(row, policy))
    existing = {row.contact_id: row for row in ranked if row.contact_id}
    rows = [row for row in group if not row.contact_id]
    evidence, link = reasons.evidence.get(cluster, ("", []))
    draft = Draft(cluster, group[0].place, [row.record_id for row in group], evidence, link)
    case = Case(cluster, existing, rows, reasons, known.infos)
    hold = first_hold(case)
    if hold is not None:
        draft.state, draft.reason, draft.cause, draft.link = hold.state, hold.reason, hold.cause, hold.link or link
    elif not draft.evidence:
        draft.evidence = NOBODY_ELSE
    allowed = any(row.is_shared for row in group)
    after, operation = write_operations(draft, existing, rows, known, allowed=allowed)
    if hold is None and not case.is_settled():
        return [draft], {operation: after}, list(existing)[1:]
    if hold is None:
        draft.operations.clear()
    drafts, changed = [draft], {}
    for contact, row in existing.items():  # what waits does not keep an opt-out from being seen
        info = known.infos[contact]
        if needs_opt_out_label(info, known) and policy.opt_out_label not in info.labels:
            drafts.append(opt_out_draft(row, contact, info, policy))
            changed[contact] = info.model_copy(update={"labels": (*info.labels, policy.opt_out_label)})
    return drafts, changed, []


def _as_operations(drafts: Sequence[tuple[int, Draft]]) -> pl.DataFrame:
    """The operations of people, by their number: `person`, `place`, `PLAN`."""
    numbers = [(number, draft.place) for number, draft in drafts for _ in draft.operations]
    numbered = pl.DataFrame(numbers, schema=dict(_NUMBERED), orient="row")
    operations = operations_table([operation for _, draft in drafts for operation in draft.operations])
    return pl.concat([numbered, operations], how="horizontal")


def _as_losses(drafts: Sequence[tuple[int, Draft]]) -> pl.DataFrame:
    """Losses of people whose operations are automatic: `person`, `place`, and the loss."""
    rows = [
        (number, draft.place, draft.cluster, loss.record_id, loss.field, loss.value, loss.kept, loss.reason)
        for number, draft in drafts
        if draft.state == State.AUTO
        for loss in draft.losses
    ]
    return pl.DataFrame(rows, schema={**_NUMBERED, **_LOST}, orient="row")


def _clusters(people: pl.DataFrame) -> Iterator[tuple[str, list[PersonRecord]]]:
    """Each cluster with its records, the most trusted first; clusters in order of their first record."""
    together = people.select(PersonRecord._fields).sort(pl.col("place").min().over("cluster"), "place")
    for cluster, rows in groupby(map(PersonRecord._make, together.iter_rows()), key=attrgetter("cluster")):
        yield cluster, list(rows)


def _tie_breaks(row: PersonRecord, policy: Policy) -> tuple[object, ...]:
    def seconds(moment: datetime | None) -> float:
        return moment.timestamp() if moment is not None else 0.0

    orders: dict[str, object] = {
        "member": not row.is_member,
        "precedence": row.source_rank,
        "most_complete": -row.complete,
        "most_recent": -seconds(row.updated),
        "oldest": seconds(row.created),
        "id": row.contact_id,
    }
    return tuple(orders[name] for name in (*policy.target, "id"))

"""Guards: reasons that keep a person's operations from being automatic, the most severe first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from transforms.plan.operations import PersonRecord
from transforms.plan.reasons import LEFT_BEFORE, OPT_OUT_LOST, TWO_MEMBERS, Reason, too_many_items
from transforms.schema.contact import Info
from transforms.schema.operations import Cause, State


class ClusterReasons(NamedTuple):
    """Findings about clusters: doubts, evidence, contradictions, contested decisions, and earlier settlements."""

    doubts: Mapping[str, Reason]
    evidence: Mapping[str, Reason]
    contradicted: Collection[str]
    contested: Mapping[str, str]
    settled_earlier: Mapping[str, bool]

    def of(self, cluster: str) -> tuple[object, ...]:
        """The findings about one cluster, as a key."""
        doubt, link = self.doubts.get(cluster, ("", []))
        evidence, weakest = self.evidence.get(cluster, ("", []))
        contested, differ = self.contested.get(cluster), cluster in self.contradicted
        return cluster, doubt, tuple(link), evidence, tuple(weakest), differ, contested


@dataclass(frozen=True)
class Case:
    """A person whose operations are planned.

    Attributes:
        cluster: the id of the cluster.
        existing: the records of the contacts, by their ids: the first is the one that stays.
        rows: the export rows.
        reasons: what is told of clusters.
        contents: the site's contacts as they are.
    """

    cluster: str
    existing: Mapping[str, PersonRecord]
    rows: Sequence[PersonRecord]
    reasons: ClusterReasons
    contents: Mapping[str, Info]

    def was_left(self) -> list[bool | None]:
        """For each record: whether an earlier run left it to a person; None where none dealt with it as it is now."""
        return [self.reasons.settled_earlier.get(row.record_id) for row in (*self.existing.values(), *self.rows)]

    def is_settled(self) -> bool:
        """Whether nothing has changed about any of the records since an earlier run dealt with them."""
        return None not in self.was_left()


class Hold(NamedTuple):
    """Why the operations of a person are held, and the two records it is about, where it is about two."""

    reason: str
    cause: Cause
    link: Sequence[str] = ()
    state: State = State.REVIEW


Guard = Callable[[Case], Hold | None]


def two_members(case: Case) -> Hold | None:
    """The site never merges two of its members."""
    if sum(bool(row.is_member) for row in case.existing.values()) > 1:
        return Hold(TWO_MEMBERS, Cause.MEMBERS, state=State.BLOCKED)
    return None


def more_than_a_contact_holds(case: Case) -> Hold | None:
    """Contacts that together have more e-mails, phones or addresses than one may have."""
    reason = too_many_items([case.contents[contact] for contact in case.existing]) if len(case.existing) > 1 else None
    return Hold(reason, Cause.TOO_MANY) if reason is not None else None


def opt_out_would_be_lost(case: Case) -> Hold | None:
    """A merge of somebody who has opted out into a contact that is subscribed."""
    if not any(row.opted_out for row in case.existing.values()):
        return None
    written_to = next((row for contact, row in case.existing.items() if case.contents[contact].emails), None)
    return Hold(OPT_OUT_LOST, Cause.OPT_OUT) if written_to is not None and written_to.subscribed else None


def contested_decision(case: Case) -> Hold | None:
    """Decisions about its records that contradict each other, or strong evidence."""
    reason = case.reasons.contested.get(case.cluster)
    return Hold(reason, Cause.CONTRADICTION) if reason is not None else None


def doubtful_newcomer(case: Case) -> Hold | None:
    """A person without a contact who may be somebody else's duplicate."""
    if case.existing or case.cluster not in case.reasons.doubts:
        return None
    doubt, link = case.reasons.doubts[case.cluster]
    return Hold(doubt, Cause.ALIKE, link)


def differing_birth_dates(case: Case) -> Hold | None:
    """Records with birth dates that differ, where something would be done with them."""
    is_something = len(case.existing) > 1 or bool(case.rows)
    return (
        Hold("birth dates of its records differ", Cause.BIRTH)
        if case.cluster in case.reasons.contradicted and is_something
        else None
    )


def left_by_an_earlier_run(case: Case) -> Hold | None:
    """What an earlier run left to a person, and about which nothing has changed."""
    return Hold(LEFT_BEFORE, Cause.LEFT) if case.is_settled() and any(case.was_left()) else None


GUARDS: tuple[Guard, ...] = (
    two_members,
    more_than_a_contact_holds,
    opt_out_would_be_lost,
    contested_decision,
    doubtful_newcomer,
    differing_birth_dates,
    left_by_an_earlier_run,
)


def first_hold(case: Case) -> Hold | None:
    """The most severe reason why the person's operations are held; None where they may be done."""
    return next((hold for guard in GUARDS if (hold := guard(case)) is not None), None)

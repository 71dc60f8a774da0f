"""The operations of one person: creates, merges, updates, labels."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import polars as pl

from transforms.normalise.names import company_keys
from transforms.plan.contents import info_json
from transforms.plan.policy import Policy
from transforms.plan.survivorship import Change, Contribution, Loss, fingerprint, fold, merge_losses, merged, preferred
from transforms.schema.contact import Info
from transforms.schema.ids import short_id
from transforms.schema.operations import CREATED_BY, Cause, Kind, Operation, State

SOURCES_A_CALL = 5
"""The site merges at most this many contacts into one in a call."""
NO_PRECONDITIONS: Mapping[str, str] = {}


class PersonRecord(NamedTuple):
    """A record of a person, as folding needs it.

    Attributes:
        place: the record's place in the order of trust.
        complete: how many of its fields are filled.
        reach: its e-mails and phones.
        is_shared: whether another person's record has one of these, too.
    """

    record: int
    record_id: str
    cluster: str
    place: int
    source: str
    source_rank: int
    row: int
    contact_id: str | None
    is_member: bool | None
    created: datetime | None
    updated: datetime | None
    opted_out: bool | None
    subscribed: bool | None
    company: str | None
    company_key: str | None
    complete: int
    reach: Sequence[str]
    is_shared: bool


@dataclass
class Draft:
    """One cluster's part of the plan while it is being made."""

    cluster: str
    place: int
    records: list[str]
    evidence: str
    link: Sequence[str]
    state: State = State.AUTO
    reason: str = ""
    cause: Cause = Cause.NONE
    operations: list[Operation] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)

    def add(
        self,
        kind: Kind,
        *,
        after: Info,
        changes: Sequence[str],
        target: str = "",
        before: Info | None = None,
        sources: Sequence[str] = (),
        labels: Sequence[str] = (),
        preconditions: Mapping[str, str] = NO_PRECONDITIONS,
        allow_duplicates: bool = True,
    ) -> str:
        """Adds an operation; returns its id."""
        step = len(self.operations)
        name = short_id(self.cluster, str(step), kind, *self.records)
        self.operations.append(
            Operation(
                id=name,
                cluster=self.cluster,
                step=step,
                kind=kind,
                state=self.state,
                reason=self.reason,
                cause=self.cause,
                target=target,
                sources=sources,
                records=self.records,
                allow_duplicates=allow_duplicates,
                labels=labels,
                preconditions=json.dumps(preconditions) if preconditions else "{}",
                before=before.to_json() if before is not None else None,
                after=after.to_json(),
                changes=changes,
                evidence=self.evidence,
                link=self.link,
            )
        )
        return name


@dataclass(frozen=True)
class FoldingContext:
    """The inputs of folding people.

    Attributes:
        given: what each export row says.
        infos: the site's contacts as they are.
        company_keys: folded company names by the names as they stand.
        opted_out: addresses that somebody opted out with.
        policy: what decides.
    """

    given: Contributions
    infos: SiteContents
    company_keys: CompanyKeys
    opted_out: frozenset[str]
    policy: Policy


def needs_opt_out_label(info: Info, known: FoldingContext) -> bool:
    """Whether a contact is to have the label of opt-outs: it has an address that somebody opted out with."""
    if not known.opted_out:
        return False
    emails = (email.email.lower() in known.opted_out for email in info.emails)
    return any(emails) or any((phone.e164 or phone.phone) in known.opted_out for phone in info.phones)


def opt_out_draft(record: PersonRecord, contact: str, info: Info, policy: Policy) -> Draft:
    """The label of an opt-out on a contact of which nothing else is done, as a person's own: it waits for nothing."""
    cluster = short_id("opt-out", contact)
    draft = Draft(cluster, record.place, [record.record_id], "somebody with its address opted out", [])
    draft.add(
        Kind.LABEL,
        target=contact,
        before=info,
        after=info.model_copy(update={"labels": (*info.labels, policy.opt_out_label)}),
        labels=[policy.opt_out_label],
        changes=[f"label: {policy.opt_out_label}"],
    )
    return draft


def write_operations(
    draft: Draft,
    existing: Mapping[str, PersonRecord],
    rows: list[PersonRecord],
    known: FoldingContext,
    *,
    allowed: bool,
) -> tuple[Info, str]:
    """Writes one cluster's operations; returns the contact's content afterwards, and its id.

    Args:
        draft: the cluster's part of the plan.
        existing: the records of its contacts, by their ids: the first is the one that stays.
        rows: its export rows, the most trusted first.
        known: what folding rests on.
        allowed: whether the site is to take a contact that may be a duplicate.
    """
    if not existing and (known.policy.import_as == "fold" or len(rows) == 1):
        info, changes = _folded(draft, Info(), rows, known, frozenset())
        info, more = _preferred(draft, info, (known.given[row.record] for row in rows), known.policy)
        changes += more
        labels = _with_opt_out(_labelled(info.labels, known.policy), info, known)
        info = info.model_copy(update={"labels": labels})
        return info, _created(draft, info, changes, allow_duplicates=allowed)
    if known.policy.import_as == "merge" and rows:
        return _imported(draft, existing, rows, known)
    target, *merged_away = existing
    info = _chained(draft, target, merged_away, known.infos)
    for contact in merged_away:
        draft.losses += merge_losses(existing[contact].record_id, known.infos[contact], info)
    full, changes = _folded(draft, info, rows, known, known.policy.overwrite)
    everyone = sorted([*existing.values(), *rows], key=lambda row: row.source_rank)
    records = (
        Contribution(row.record_id, row.source, known.infos[row.contact_id])
        if row.contact_id
        else known.given[row.record]
        for row in everyone
    )
    full, more = _preferred(draft, full, records, known.policy)
    return _completed(draft, target, info, full, [*changes, *more], known, allow_duplicates=allowed)


def _imported(
    draft: Draft,
    existing: Mapping[str, PersonRecord],
    rows: list[PersonRecord],
    known: FoldingContext,
) -> tuple[Info, str]:
    """As `write_operations`, but each row becomes a contact of its own that is merged: the trail is on the site.

    A contact that a step before creates goes by `CREATED_BY` and the step's operation.
    """
    contents = {contact: known.infos[contact] for contact in existing}
    people = [(row, contact) for contact, row in existing.items()]
    for row in rows:
        content, changes = _folded(draft, Info(), [row], known, frozenset())
        name = CREATED_BY + _created(draft, content, changes, allow_duplicates=True)
        contents[name] = content
        people.append((row, name))
    (_, target), *merged_away = people
    merged_away.sort(key=lambda ranked_person: (ranked_person[0].source_rank, ranked_person[0].row))
    info = _chained(draft, target, [name for _, name in merged_away], contents)
    for row, name in merged_away:
        draft.losses += merge_losses(row.record_id, contents[name], info)
    ranked = sorted(people, key=lambda ranked_person: ranked_person[0].source_rank)
    records = [Contribution(row.record_id, row.source, contents[name]) for row, name in ranked]
    full, changes = _preferred(draft, info, records, known.policy)
    after, name = _completed(draft, target, info, full, changes, known, allow_duplicates=True)
    return after, name.removeprefix(CREATED_BY)


def _created(draft: Draft, content: Info, changes: list[Change], *, allow_duplicates: bool) -> str:
    """Writes the create of a contact; returns the operation's id."""
    return draft.add(
        Kind.CREATE,
        labels=content.labels,
        after=content,
        changes=[change.in_words() for change in changes],
        allow_duplicates=allow_duplicates,
    )


def _chained(draft: Draft, target: str, merged_away: list[str], contents: Mapping[str, Info]) -> Info:
    """Writes the merges of contacts into a target, some a call; returns what it is then."""
    info = contents[target]
    for start in range(0, len(merged_away), SOURCES_A_CALL):
        sources = merged_away[start : start + SOURCES_A_CALL]
        rests_on = {source: fingerprint(contents[source]) for source in sources} | {target: fingerprint(info)}
        after = merged(info, [contents[contact] for contact in sources])
        draft.add(
            Kind.MERGE,
            target=target,
            sources=sources,
            preconditions={contact: seen for contact, seen in rests_on.items() if not contact.startswith(CREATED_BY)},
            before=info,
            after=after,
            changes=[f"{len(sources)} contact{'s' * (len(sources) > 1)} merged into this one, in this order"],
        )
        info = after
    return info


def _completed(
    draft: Draft,
    target: str,
    info: Info,
    full: Info,
    changes: list[Change],
    known: FoldingContext,
    *,
    allow_duplicates: bool,
) -> tuple[Info, str]:
    """Writes the update and the labels that turn one content into another; returns as `write_operations`."""
    content = full.model_copy(update={"labels": info.labels})
    if content != info:
        draft.add(
            Kind.UPDATE,
            target=target,
            preconditions={target: fingerprint(info)} if not target.startswith(CREATED_BY) else NO_PRECONDITIONS,
            before=info,
            after=content,
            changes=[change.in_words() for change in changes],
            allow_duplicates=allow_duplicates,
        )
    labels = _labelled(full.labels, known.policy) if draft.operations else full.labels
    labels = _with_opt_out(labels, full, known)
    fresh = [label for label in labels if label not in info.labels]
    if fresh:
        after = content.model_copy(update={"labels": labels})
        draft.add(
            Kind.LABEL,
            target=target,
            before=content,
            after=after,
            labels=fresh,
            changes=[f"label: {label}" for label in fresh],
        )
        return after, target
    return content, target


def _folded(
    draft: Draft, info: Info, rows: list[PersonRecord], known: FoldingContext, overwrite: frozenset[str]
) -> tuple[Info, list[Change]]:
    """The content with each row folded in, the most trusted first; what is lost goes to the draft's ledger."""
    changes: list[Change] = []
    overwritten: set[str] = set()
    company = known.company_keys[info.company] if info.company else None
    for row in rows:
        info, made, lost = fold(info, known.given[row.record], overwrite=overwrite - overwritten, company_key=company)
        overwritten |= {change.field for change in made}
        if any(change.field == "company" for change in made):
            company = row.company_key
        changes += made
        draft.losses += lost
    return info, changes


def _preferred(draft: Draft, info: Info, records: Iterable[Contribution], policy: Policy) -> tuple[Info, list[Change]]:
    """The content with the values of fields that have an order of trust of their own; see `preferred`."""
    if not policy.precedence:
        return info, []
    info, changes, lost = preferred(info, list(records), policy.precedence)
    said = {(change.field, change.after) for change in changes}
    shown = [loss for loss in draft.losses if (loss.field, loss.value) not in said]
    draft.losses = shown + lost
    return info, changes


def _labelled(labels: tuple[str, ...], policy: Policy) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*labels, policy.label])) if policy.label else labels


def _with_opt_out(labels: tuple[str, ...], info: Info, known: FoldingContext) -> tuple[str, ...]:
    """The labels with that of opt-outs, where the contact is to have it."""
    if not needs_opt_out_label(info, known):
        return labels
    return tuple(dict.fromkeys([*labels, known.policy.opt_out_label]))


class Contributions:
    """Contributions of export rows, parsed on demand: most people were folded before."""

    def __init__(
        self, texts: Mapping[int, tuple[str, ...]], unplaced_values: Mapping[int, list[tuple[str, str, str]]]
    ) -> None:
        self._texts = texts
        self._unplaced = unplaced_values

    def __getitem__(self, record: int) -> Contribution:
        record_id, source, company_key, text = self._texts[record]
        unplaced_values = tuple(self._unplaced.get(record, ()))
        return Contribution(record_id, source, Info.model_validate_json(text), company_key, unplaced_values)


class SiteContents(Mapping[str, Info]):
    """Contents of the site's contacts, parsed on demand."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def __getitem__(self, contact: str) -> Info:
        return Info.model_validate_json(self._texts[contact])

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)


class CompanyKeys(dict[str, str | None]):
    """The folded name of each company, found when it is first asked for."""

    def __missing__(self, company: str) -> str | None:
        return self.setdefault(company, company_keys(pl.Series([company]))[0])


def contributions_of(rows: pl.DataFrame, said: pl.DataFrame, lost: pl.DataFrame) -> Contributions:
    """The contribution of each of these export rows.

    Args:
        rows: records.
        said: the `contents` of all rows.
        lost: `unplaced` values of all rows.
    """
    wanted = rows.filter(pl.col("contact_id").is_null()).select("record", "record_id", "source", "company_key")
    texts = said.join(wanted, on="record", how="semi").select("record", info=info_json(pl.col("labels"), primary=False))
    texts = wanted.join(texts, on="record", maintain_order="left")
    values: dict[int, list[tuple[str, str, str]]] = {}
    for record, field_name, value, reason in lost.join(wanted, on="record", how="semi").iter_rows():
        values.setdefault(record, []).append((field_name, value, reason))
    return Contributions({record: tuple(rest) for record, *rest in texts.iter_rows()}, values)

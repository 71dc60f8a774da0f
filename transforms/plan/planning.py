"""From clusters to operations: what to create, merge, update and label, in which order, and why."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from transforms.match.matching import Matches
from transforms.normalise.names import company_keys
from transforms.plan.contents import contents, unplaced
from transforms.plan.new_contacts import _new_contacts
from transforms.plan.opt_outs import OptOuts, _count_opt_outs, _opted_out, _reaches
from transforms.plan.people import Folded, _Person, _Told
from transforms.plan.policy import Policy
from transforms.plan.reasons import (
    _birth_conflicts,
    _decided_by,
    _doubts,
    _evidence,
    _held_pairs,
)
from transforms.plan.survivorship import (
    IN_WORDS,
    Change,
    Given,
    Loss,
    fingerprint,
    fold,
    merge_losses,
    merged,
    preferred,
)
from transforms.schema.contact import Info
from transforms.schema.ids import short_id
from transforms.schema.records import Records
from transforms.schema.tables import CONTACTS, LOSSES, PLAN, conform

NOTHING: Mapping[str, bool] = {}

SOURCES_A_CALL = 5
"""The site merges at most this many contacts into one in a call."""


MADE = "@"
"""Before the id of an operation, in the place of a contact: the one that it creates."""


Row = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """The operations (`PLAN`), the loss ledger (`LOSSES`), the contacts as they will be (`CONTACTS`), and opt-outs.

    In `outcome`, a contact that is still to be created goes by the id of its operation.
    """

    operations: pl.DataFrame
    losses: pl.DataFrame
    outcome: pl.DataFrame
    opt_outs: OptOuts


@dataclass
class _Draft:
    """One cluster's part of the plan while it is being made."""

    cluster: str
    place: int
    records: list[str]
    evidence: str
    link: list[str]
    state: str = "auto"
    reason: str = ""
    operations: list[Row] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)

    def add(self, kind: str, **more: object) -> str:
        step = len(self.operations)
        operation = short_id(self.cluster, str(step), kind, *self.records)
        self.operations.append(
            {
                "operation": operation,
                "cluster": self.cluster,
                "step": step,
                "kind": kind,
                "state": self.state,
                "reason": self.reason,
                "records": self.records,
                "evidence": self.evidence,
                "link": self.link,
                "allow_duplicates": True,
                **more,
            }
        )
        return operation


def plan(
    tables: Records,
    matches: Matches,
    contacts: pl.DataFrame,
    policy: Policy,
    *,
    decided: Mapping[str, bool] = NOTHING,
    folded: Folded | None = None,
) -> Plan:
    """The operations that leave one contact for each person.

    A row that is nobody else's becomes a contact in columns, and a contact that is nobody else's is left as it is; only
    where several records are one person are they folded, one person after the other.

    Args:
        tables: the records.
        matches: their pairs and clusters.
        contacts: `CONTACTS`: the site's contacts as they are.
        policy: what decides.
        decided: records about which nothing has changed since an earlier run dealt with them, and whether it left them
            to a person. A person all of whose records are such is not dealt with again.
        folded: people who were folded before, under the same policy and for the same contacts; added to.

    Returns:
        The plan; a cluster in which nothing is to be done has no operation in it.
    """
    folded = folded if folded is not None else Folded()
    people = _with_clusters(tables, matches)
    if folded.said is None or folded.lost is None:
        folded.said, folded.lost = contents(tables, opt_out_label=policy.opt_out_label), unplaced(tables)
    opted_out = _opted_out(people, policy)
    contested: dict[str, str] = {}
    for cluster, record in people.select("cluster", "record").iter_rows() if matches.verdicts.contested else ():
        if record in matches.verdicts.contested:
            contested.setdefault(cluster, matches.verdicts.contested[record])
    doubts = _doubts(matches, people, policy)
    people = people.with_columns(is_shared=_is_shared(people))
    is_alone = pl.len().over("cluster") == 1
    plain = pl.col("record").is_in(folded.said.filter("is_plain")["record"].implode())
    is_new = is_alone & pl.col("contact_id").is_null() & plain
    is_as_it_is = is_alone & pl.col("contact_id").is_not_null() & ~_reaches(pl.col("reach"), opted_out)
    kinds = people.select(new=is_new, rest=~is_new & ~is_as_it_is)
    new = people.filter(kinds["new"]).select("record", "record_id", "cluster", "place", "reach", "is_shared")
    made = _new_contacts(
        new.join(folded.said, on="record", how="left", maintain_order="left"),
        folded.lost, doubts, contested, decided, opted_out, policy,
    )  # fmt: skip
    told = _Told(
        doubts,
        _evidence(matches, people) | _decided_by(matches, people),
        _birth_conflicts(matches, people),
        contested,
        decided,
    )
    dealt_with = folded.deal_with(people.filter(kinds["rest"]), told, contacts, opted_out, policy)
    numbers = pl.Series([person.number for person in dealt_with], dtype=pl.UInt32).implode()
    operations = folded.operations.filter(pl.col("person").is_in(numbers)).drop("person")
    operations = pl.concat([made.operations, operations]).sort("place", maintain_order=True).drop("place")
    held = pl.DataFrame(_held_pairs(matches, people, policy), schema=dict(PLAN))
    operations = pl.concat([operations, conform(held, PLAN)])
    outcome = _outcome(contacts, made.outcome, dealt_with)
    losses = _ledger(folded.losses.filter(pl.col("person").is_in(numbers)), tables, made.losses)
    return Plan(operations, losses, outcome, _count_opt_outs(people, operations, outcome, policy))


@dataclass(frozen=True)
class _Known:
    """What folding people rests on.

    Attributes:
        given: what each export row says.
        infos: the site's contacts as they are.
        company_keys: folded company names by the names as they stand.
        opted_out: addresses that somebody opted out with.
        policy: what decides.
    """

    given: _Given
    infos: _Infos
    company_keys: _CompanyKeys
    opted_out: frozenset[str]
    policy: Policy


def _outcome(contacts: pl.DataFrame, created: pl.DataFrame, people: Sequence[_Person]) -> pl.DataFrame:
    """The contacts as a plan leaves them: `CONTACTS`."""
    changed = {contact: info for person in people for contact, info in person.changed.items()}
    new = pl.DataFrame({"contact_id": list(changed), "info": list(changed.values())}, schema=dict(CONTACTS))
    stays = contacts.filter(~pl.col("contact_id").is_in([contact for person in people for contact in person.gone]))
    stays = stays.update(new, on="contact_id") if len(stays) else stays
    return pl.concat([stays, created, new.join(stays, on="contact_id", how="anti", maintain_order="left")])


def _shows_opt_out(info: Info, known: _Known) -> bool:
    """Whether a contact is to have the label of opt-outs: it has an address that somebody opted out with."""
    if not known.opted_out:
        return False
    emails = (one.email.lower() in known.opted_out for one in info.emails)
    return any(emails) or any((one.e164 or one.phone) in known.opted_out for one in info.phones)


def _opt_out_draft(row: Row, info: Info, policy: Policy) -> _Draft:
    """The label of an opt-out on a contact of which nothing else is done, as a person's own: it waits for nothing."""
    cluster = short_id("opt-out", row["contact_id"])
    draft = _Draft(cluster, row["place"], [row["record_id"]], "somebody with its address opted out", [])
    draft.add(
        "label",
        target=row["contact_id"],
        sources=[],
        needs="{}",
        before=info.to_json(),
        after=info.model_copy(update={"labels": (*info.labels, policy.opt_out_label)}).to_json(),
        labels=[policy.opt_out_label],
        changes=[f"label: {policy.opt_out_label}"],
    )
    return draft


def _ledger(losses: pl.DataFrame, tables: Records, unplaced_values: pl.DataFrame) -> pl.DataFrame:
    """The losses of all people who will be applied, with the file and line each value comes from.

    Args:
        losses: of the people who were folded, with their `place`.
        tables: the records.
        unplaced_values: what rows that are nobody else's hold without a place: `cluster`, `record`, `place`, `field`,
            `value`, `reason`.
    """
    where = tables.records.select("record", "record_id", "file", "line")
    new = unplaced_values.join(where, on="record", how="left", maintain_order="left")
    losses = losses.with_columns(pl.col("field").replace(IN_WORDS))
    losses = losses.join(where, on="record_id", how="left", maintain_order="left")
    both = pl.concat([_placed_losses(losses), _placed_losses(new)]).sort("place", maintain_order=True)
    return both.drop("place")


def _placed_losses(losses: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([losses.select(pl.col("place").cast(pl.UInt32)), conform(losses, LOSSES)], how="horizontal")


def _operate(
    draft: _Draft,
    existing: list[Row],
    rows: list[Row],
    known: _Known,
    *,
    allowed: bool,
) -> tuple[Info, str]:
    """Writes one cluster's operations; returns the contact's content afterwards, and its id."""
    if not existing and (known.policy.import_as == "fold" or len(rows) == 1):
        info, changes = _folded(draft, Info(), rows, known, frozenset())
        info, more = _preferred(draft, info, (known.given[row["record"]] for row in rows), known.policy)
        changes += more
        labels = _with_opt_out(_labelled(info.labels, known.policy), info, known)
        info = info.model_copy(update={"labels": labels})
        return info, _created(draft, info, changes, allow_duplicates=allowed)
    if known.policy.import_as == "merge" and rows:
        return _imported(draft, existing, rows, known)
    target, *others = [row["contact_id"] for row in existing]
    info = _chained(draft, target, others, known.infos)
    for row in existing[1:]:
        draft.losses += merge_losses(row["record_id"], known.infos[row["contact_id"]], info)
    full, changes = _folded(draft, info, rows, known, known.policy.overwrite)
    everyone = sorted([*existing, *rows], key=lambda row: row["source_rank"])
    records = (
        Given(row["record_id"], row["source"], known.infos[row["contact_id"]])
        if row["contact_id"]
        else known.given[row["record"]]
        for row in everyone
    )
    full, more = _preferred(draft, full, records, known.policy)
    return _completed(draft, target, info, full, [*changes, *more], known, allow_duplicates=allowed)


def _imported(
    draft: _Draft,
    existing: list[Row],
    rows: list[Row],
    known: _Known,
) -> tuple[Info, str]:
    """As `_operate`, but each row becomes a contact of its own that is merged, so that the trail is on the site.

    A contact that a step before creates goes by `MADE` and the step's operation.
    """
    contents = {row["contact_id"]: known.infos[row["contact_id"]] for row in existing}
    people = [(row, row["contact_id"]) for row in existing]
    for row in rows:
        content, changes = _folded(draft, Info(), [row], known, frozenset())
        name = MADE + _created(draft, content, changes, allow_duplicates=True)
        contents[name] = content
        people.append((row, name))
    (_, target), *others = people
    others.sort(key=lambda one: (one[0]["source_rank"], one[0]["row"]))
    info = _chained(draft, target, [name for _, name in others], contents)
    for row, name in others:
        draft.losses += merge_losses(row["record_id"], contents[name], info)
    ranked = sorted(people, key=lambda one: one[0]["source_rank"])
    records = [Given(row["record_id"], row["source"], contents[name]) for row, name in ranked]
    full, changes = _preferred(draft, info, records, known.policy)
    after, name = _completed(draft, target, info, full, changes, known, allow_duplicates=True)
    return after, name.removeprefix(MADE)


def _created(draft: _Draft, content: Info, changes: list[Change], *, allow_duplicates: bool) -> str:
    """Writes the create of a contact; returns the operation's id."""
    return draft.add(
        "create",
        sources=[],
        labels=list(content.labels),
        needs="{}",
        after=content.to_json(),
        changes=[change.in_words() for change in changes],
        allow_duplicates=allow_duplicates,
    )


def _chained(draft: _Draft, target: str, others: list[str], contents: Mapping[str, Info]) -> Info:
    """Writes the merges of contacts into a target, some a call; returns what it is then."""
    info = contents[target]
    for start in range(0, len(others), SOURCES_A_CALL):
        sources = others[start : start + SOURCES_A_CALL]
        needs = {one: fingerprint(contents[one]) for one in sources} | {target: fingerprint(info)}
        after = merged(info, [contents[one] for one in sources])
        draft.add(
            "merge",
            target=target,
            sources=sources,
            needs=json.dumps({one: seen for one, seen in needs.items() if not one.startswith(MADE)}),
            before=info.to_json(),
            after=after.to_json(),
            changes=[f"{len(sources)} contact{'s' * (len(sources) > 1)} merged into this one, in this order"],
            labels=[],
        )
        info = after
    return info


def _completed(
    draft: _Draft,
    target: str,
    info: Info,
    full: Info,
    changes: list[Change],
    known: _Known,
    *,
    allow_duplicates: bool,
) -> tuple[Info, str]:
    """Writes what makes a contact of one content one of another: an update and labels. As `_operate`."""
    content = full.model_copy(update={"labels": info.labels})
    if content != info:
        draft.add(
            "update",
            target=target,
            sources=[],
            needs=json.dumps({target: fingerprint(info)} if not target.startswith(MADE) else {}),
            before=info.to_json(),
            after=content.to_json(),
            changes=[change.in_words() for change in changes],
            labels=[],
            allow_duplicates=allow_duplicates,
        )
    labels = _labelled(full.labels, known.policy) if draft.operations else full.labels
    labels = _with_opt_out(labels, full, known)
    fresh = [label for label in labels if label not in info.labels]
    if fresh:
        after = content.model_copy(update={"labels": labels})
        draft.add(
            "label",
            target=target,
            sources=[],
            needs="{}",
            before=content.to_json(),
            after=after.to_json(),
            labels=fresh,
            changes=[f"label: {label}" for label in fresh],
        )
        return after, target
    return content, target


def _folded(
    draft: _Draft, info: Info, rows: list[Row], known: _Known, overwrite: frozenset[str]
) -> tuple[Info, list[Change]]:
    """The content with each row folded in, the most trusted first; what is lost goes to the draft's ledger."""
    changes: list[Change] = []
    overwritten: set[str] = set()
    company = known.company_keys[info.company] if info.company else None
    for row in rows:
        info, made, lost = fold(
            info, known.given[row["record"]], overwrite=overwrite - overwritten, company_key=company
        )
        overwritten |= {change.field for change in made}
        if any(change.field == "company" for change in made):
            company = row["company_key"]
        changes += made
        draft.losses += lost
    return info, changes


def _preferred(draft: _Draft, info: Info, records: Iterable[Given], policy: Policy) -> tuple[Info, list[Change]]:
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


def _with_opt_out(labels: tuple[str, ...], info: Info, known: _Known) -> tuple[str, ...]:
    """The labels with that of opt-outs, where the contact is to have it."""
    if not _shows_opt_out(info, known):
        return labels
    return tuple(dict.fromkeys([*labels, known.policy.opt_out_label]))


def _with_clusters(tables: Records, matches: Matches) -> pl.DataFrame:
    """The records with their cluster, how complete they are, and their e-mails and phones (`reach`)."""
    filled = [
        pl.col(name).is_not_null().cast(pl.Int32) for name in ("first", "last", "company", "job_title", "birthdate")
    ]
    reached = pl.concat(
        [
            tables.emails.select("record", value=pl.col("email").str.to_lowercase()),
            tables.phones.select("record", value=pl.coalesce("e164", "phone")),
        ]
    ).drop_nulls()
    values = reached.group_by("record", maintain_order=True).agg(reach=pl.col("value"))
    joined = tables.records.join(matches.clusters.select("record", "cluster"), on="record", maintain_order="left")
    joined = joined.join(values, on="record", how="left", maintain_order="left").with_columns(
        pl.col("reach").fill_null([])
    )
    places = joined.select(pl.struct("source_rank", "row", "record").rank("ordinal")).to_series()
    joined = joined.with_columns(place=(places - 1).cast(pl.UInt32))
    return joined.with_columns(complete=pl.sum_horizontal(*filled) + pl.col("reach").list.len().cast(pl.Int32))


def _is_shared(people: pl.DataFrame) -> pl.Series:
    """Whether a record has an e-mail or phone that another person's record has, too: duplicates are wanted then."""
    values = people.select("record", "cluster", value="reach").explode("value").drop_nulls("value")
    shared = values.filter(pl.col("cluster").n_unique().over("value") > 1)
    return people.select(pl.col("record").is_in(shared["record"].unique().implode())).to_series()


class _Given:
    """What export rows say, made of its text when it is asked for: most people were folded before."""

    def __init__(
        self, texts: Mapping[int, tuple[str, ...]], unplaced_values: Mapping[int, list[tuple[str, str, str]]]
    ) -> None:
        self._texts = texts
        self._unplaced = unplaced_values

    def __getitem__(self, record: int) -> Given:
        record_id, source, company_key, text = self._texts[record]
        unplaced_values = tuple(self._unplaced.get(record, ()))
        return Given(record_id, source, Info.model_validate_json(text), company_key, unplaced_values)


class _Infos(Mapping[str, Info]):
    """The site's contacts, each made of its text when it is asked for."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def __getitem__(self, contact: str) -> Info:
        return Info.model_validate_json(self._texts[contact])

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)


class _CompanyKeys(dict[str, str | None]):
    """The folded name of each company, found when it is first asked for."""

    def __missing__(self, company: str) -> str | None:
        return self.setdefault(company, company_keys(pl.Series([company]))[0])

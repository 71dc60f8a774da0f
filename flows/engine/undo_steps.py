"""The steps that undo what is done of a run, and those that others have made impossible."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from operator import attrgetter

import polars as pl

from connectors.contacts import Contact, ContactsSite
from connectors.store.journal import Entry, Journal
from connectors.store.run_folder import Run
from flows.engine.batches import read_pages
from flows.engine.keys import SiteKeys, marker_of
from transforms.schema.contact import Info
from transforms.schema.errors import RunError
from transforms.schema.ids import short_id
from transforms.schema.operations import CREATED_BY, Kind, Operation, Outcome, State, operations_of

CHANGED_BY_OTHERS = "it was changed by somebody else since"


NO_LONGER_THERE = "it is gone"


class StepKind(StrEnum):
    """Kinds of steps: for created, changed and merged contacts, and for labels that were put on."""

    DELETE = "delete"
    RESTORE = "restore"
    RECREATE = "recreate"
    UNLABEL = "unlabel"


@dataclass(frozen=True)
class Step:
    """One step of an undo.

    Attributes:
        name: the step's id; the same each time.
        cluster: whose it is.
        kind: what is done.
        contact: the contact it is done to; for `recreate` the id it had.
        expected: the content the contact must have, else somebody has changed it.
        image: the content it gets.
        labels: keys of labels that are taken off.
    """

    name: str
    cluster: str
    kind: StepKind
    contact: str
    expected: Info | None
    image: Info | None
    labels: tuple[str, ...] = ()


@dataclass
class Undo:
    """The steps of an undo, cluster by cluster, and the clusters it leaves, with the reason.

    `marker` is the name of the field that the run has marked contacts with; `whole`, whether all of the run is undone.
    """

    steps: dict[str, list[Step]]
    marker: str
    whole: bool
    left: dict[str, str] = field(default_factory=dict)

    def count(self, kind: StepKind) -> int:
        """Number of steps of a kind."""
        todo = (step for cluster, steps in self.steps.items() if cluster not in self.left for step in steps)
        return sum(step.kind == kind for step in todo)

    def text(self) -> str:
        """For a terminal."""
        lines = [
            f"  - delete   {self.count(StepKind.DELETE):>7,} contacts that the run created",
            f"  ~ restore  {self.count(StepKind.RESTORE):>7,} contacts that it changed",
            f"  + recreate {self.count(StepKind.RECREATE):>7,} contacts that it merged away, under new ids",
            f"  # unlabel  {self.count(StepKind.UNLABEL):>7,} contacts",
        ]
        if self.left:
            lines.append(f"  = leave    {len(self.left):>7,} people as they are")
            lines += [f"      {cluster}: {reason}" for cluster, reason in list(self.left.items())[:5]]
            if len(self.left) > 5:
                lines.append(f"      … and {len(self.left) - 5:,} more in undo.csv")
        return "\n".join(lines)


def undo_steps(run: Run, journal: Journal, labels: Mapping[str, str], *, only: Sequence[str] = ()) -> Undo:
    """The steps that undo what is done of a run, the last cluster first.

    Args:
        run: an applied run.
        journal: its journal.
        labels: keys of the site's labels by display name.
        only: clusters to undo; all where empty.

    Raises:
        RunError: an operation is still open, so that nobody knows yet whether it was done.
    """
    entries = {entry.operation: entry for entry in journal.each()}
    if any(entry.state == Outcome.OPEN for entry in entries.values()):
        raise RunError(f"An operation is still open. First let apply find out about it: onefold apply {run.folder}")
    plan = run.table("plan").filter(pl.col("state") == State.AUTO)
    steps: dict[str, list[Step]] = {}
    for cluster, operations in groupby(operations_of(plan), key=attrgetter("cluster")):
        done = [
            (operation, entry)
            for operation in operations
            if (entry := entries.get(operation.id)) is not None and entry.state == Outcome.DONE
        ]
        if done and (not only or cluster in only):
            images = {contact: Contact.model_validate_json(text) for contact, text in journal.images(cluster).items()}
            steps[cluster] = list(_steps(cluster, done, images, labels))
    return Undo(dict(reversed(steps.items())), marker_of(journal), not only)


def _steps(
    cluster: str, done: Sequence[tuple[Operation, Entry]], images: Mapping[str, Contact], labels: Mapping[str, str]
) -> Iterator[Step]:
    """The steps that undo one cluster's operations."""

    def step(
        kind: StepKind, contact: str, expected: Info | None, image: Info | None, taken_off: tuple[str, ...] = ()
    ) -> Step:
        return Step(short_id("undo", cluster, kind, contact), cluster, kind, contact, expected, image, taken_off)

    target = str(done[-1][1].contact)
    created = {str(entry.contact): (operation, entry) for operation, entry in done if operation.kind == Kind.CREATE}
    gone = {name for operation, _ in done for name in operation.sources}
    labelled = [name for operation, _ in done if operation.kind == Kind.LABEL for name in operation.labels]
    added = tuple(labels[name] for name in labelled if name in labels)
    contents = [content for _, entry in done if entry.contact == target and (content := entry.content()) is not None]
    now = contents[-1] if contents else images[target].info
    now = now.model_copy(update={"labels": tuple(dict.fromkeys([*now.labels, *added]))})
    for name, (operation, entry) in created.items():  # those still there: merged away ones are part of another by now
        if name != target and CREATED_BY + operation.id not in gone:
            yield step(StepKind.DELETE, name, entry.content(), None)
    if target in created:
        yield step(StepKind.DELETE, target, now, None)
    else:
        before = images[target].info
        if not is_same(now.model_copy(update={"labels": before.labels}), before, None):
            yield step(StepKind.RESTORE, target, now, before)
        extra = tuple(key for key in now.labels if key not in before.labels)
        if extra:
            yield step(StepKind.UNLABEL, target, now, before, extra)
    for name in sorted(gone):
        if not name.startswith(CREATED_BY):
            yield step(StepKind.RECREATE, name, None, images[name].info)


async def look(undo: Undo, site: ContactsSite, states: Mapping[str, Outcome], *, at_once: int) -> None:
    """Finds out which clusters somebody has changed since: they are left.

    Args:
        undo: the steps.
        site: the site.
        states: the states of the steps that were begun before: their people are not looked at again.
        at_once: contacts that are read side by side.
    """
    marker = await SiteKeys(site, undo.marker).known_marker()
    begun = {
        step.cluster
        for steps in undo.steps.values()
        for step in steps
        if states.get(step.name) in (Outcome.DONE, Outcome.OPEN)
    }
    wanted = [
        step
        for cluster, steps in undo.steps.items()
        if cluster not in begun
        for step in steps
        if step.expected is not None
    ]
    contacts = await read_pages(site, {step.contact for step in wanted}, at_once)
    for step in wanted:
        contact = contacts.get(step.contact)
        if contact is None or contact.id != step.contact:
            undo.left[step.cluster] = f"{step.contact}: {NO_LONGER_THERE}"
        elif step.expected is not None and not is_same(contact.info, step.expected, marker):
            undo.left[step.cluster] = f"{step.contact}: {CHANGED_BY_OTHERS}"


def is_same(left: Info, right: Info, marker: str | None) -> bool:
    """Whether two contents are the same, but for the order of labels and the field that marks a create."""

    def comparable(info: Info) -> Info:
        rest = {key: value for key, value in info.extended.items() if key != marker}
        phones = tuple(phone.with_e164(None) for phone in info.phones)
        return info.model_copy(update={"labels": tuple(sorted(info.labels)), "extended": rest, "phones": phones})

    return comparable(left) == comparable(right)

"""Applying a plan: each operation checked against the site as it is now, journalled, and done once.

Clusters are done in batches. Of a batch, the contacts are read first, all by one call; the intents of its operations go
into the journal before the first of them is done, and the outcomes after. Clusters of a batch are done side by side,
the operations of a cluster one after the other. Labels are put on in bulk, at the end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import groupby, islice
from operator import attrgetter

import polars as pl

from connectors.contacts import MAX_PAGE, Contact, ContactsSite, request_id
from connectors.site_reading import holds
from connectors.store.journal import Closing, Image, Intent, Journal
from flows.engine.batches import Steps, find_marked, in_parts, put_on, read_pages, side_by_side, touched_contacts
from flows.engine.keys import SiteKeys, changed_fields, marker_of
from flows.engine.newcomers import CLOCKS_APART, Newcomers
from flows.engine.options import AS_USUAL, BATCH, LABELLED, Options
from transforms.plan.survivorship import fingerprint
from transforms.schema.contact import Info
from transforms.schema.errors import (
    AlreadyChanged,
    Denied,
    Duplicate,
    NotFound,
    PreconditionFailed,
    RunError,
    SiteError,
    TooManyCalls,
    Unanswered,
    Unavailable,
)
from transforms.schema.operations import CREATED_BY, Kind, Operation, Outcome, State, operations_of

ATTEMPTS = 3
"""Tries of an operation with a fresh revision when somebody else is faster."""
OUTCOMES_AT_ONCE = 25
"""Outcomes that are written together at most."""
ENOUGH_TO_TELL = 20
"""Operations after which the share of those that went wrong is looked at."""
APPEARED = "another contact with this e-mail, phone or name has appeared since the plan was made"
CHANGED = "a contact of this person was changed since the plan was made"
LATER = "an earlier step of this person was not done"


class Stale(Exception):  # noqa: N818 - a state of an operation, never shown as an error
    """The site is no longer what the decision rested on."""


class HeldBack(Exception):  # noqa: N818
    """The site would do something else than was planned."""


async def apply_plan(
    plan: pl.DataFrame,
    site: ContactsSite,
    journal: Journal,
    options: Options = AS_USUAL,
    *,
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Executes the operations of a plan that need nobody's decision.

    Operations that the journal has as done are not repeated; one that was left open, by a crash or a lost answer, is
    settled by asking the site first. When a step of a cluster is not done, its later steps are held.

    Args:
        plan: `PLAN`.
        site: the site it was made for.
        journal: the run's journal.
        options: how.
        progress: called with the number of operations dealt with.

    Raises:
        Denied, TooManyCalls, Unavailable: the site takes no calls now; applying again goes on from here.
        RunError: too many operations went wrong; applying again goes on from here.
    """
    work = Applier(site, journal, options, progress)
    if work.states:
        await work.names.known_marker()
    wanted = plan.filter(pl.col("state") == State.AUTO)
    if options.only:
        wanted = wanted.filter(pl.col("cluster").is_in(list(options.only)))
    clusters = (list(steps) for _, steps in groupby(operations_of(wanted), key=attrgetter("cluster")))
    undone = (steps for steps in clusters if work.is_left(steps))
    todo = islice(undone, options.limit)
    try:
        while not options.is_to_stop() and (batch := list(islice(todo, BATCH))):
            await work.batch(batch)
        await work.label(all_of_them=True)
    finally:
        work.flush()
    if not options.is_partial() and not options.keep_marker and Outcome.OPEN not in journal.states().values():
        await work.names.remove_marker()


@dataclass
class Applier:
    """Applies operations: holds the contacts that were read, closings not yet written, and labels not yet put on."""

    site: ContactsSite
    journal: Journal
    options: Options
    progress: Callable[[int], None]
    states: dict[str, Outcome] = field(init=False)
    names: SiteKeys = field(init=False)
    made: dict[str, str] = field(init=False)
    contacts: dict[str, Contact] = field(default_factory=dict)
    closings: list[Closing] = field(default_factory=list)
    to_label: list[Operation] = field(default_factory=list)
    newcomers: Newcomers | None = field(init=False)
    seen: int = 0
    tried: int = 0
    wrong: int = 0
    written: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.states = self.journal.states()
        self.made = self.journal.contacts()
        self.names = SiteKeys(self.site, marker_of(self.journal))
        seen = self.options.seen
        self.newcomers = Newcomers(self.site, self.names, seen, set(self.made.values())) if seen is not None else None

    def is_left(self, steps: Steps) -> bool:
        """Whether something is left to do of a cluster; what is done already is counted."""
        left = any(self.states.get(step.id) != Outcome.DONE for step in steps)
        if not left:
            self._count(len(steps))
        return left

    async def batch(self, clusters: Sequence[Steps]) -> None:
        """Does clusters, side by side, but for their labels."""
        todo = [[self._with_created_contacts(step) for step in steps] for steps in clusters]
        await self._read(todo)
        await self._settle(todo)
        ready = [steps for steps in todo if await self._is_ready(steps)]
        ready = await self._without_newcomers(ready)
        if any(step.kind in (Kind.CREATE, Kind.MERGE) for steps in ready for step in steps):
            await self.names.marker()
        self._intend(ready)
        await side_by_side(self._cluster, ready, self.options.concurrency)
        self.flush()
        self.contacts.clear()
        await self.label()
        if self.tried >= ENOUGH_TO_TELL and self.wrong > self.options.most_wrong * self.tried:
            raise RunError(
                f"Stopped: {self.wrong} of {self.tried} operations were held, stale or failed. Look at the report; "
                "plan again, or apply again to go on."
            )

    async def _read(self, clusters: Sequence[Steps]) -> None:
        """Reads the contacts that operations touch, by pages; those of operations that were left open, as they are now.

        A page may lag behind. That does no harm, since each write is checked by revision, and `_claim` is a write too.
        """
        left = [step for steps in clusters for step in steps if self.states.get(step.id) != Outcome.DONE]
        open_ones = [step for step in left if self.states.get(step.id) == Outcome.OPEN]
        read = await read_pages(self.site, touched_contacts(left), self.options.concurrency)
        self.contacts |= {name: self.names.unmarked(contact) for name, contact in read.items()}
        await side_by_side(self._again, touched_contacts(open_ones), self.options.concurrency)

    async def _settle(self, clusters: Sequence[Steps]) -> None:
        """Asks the site about operations that were left open."""
        reopened = [step for steps in clusters for step in steps if self.states.get(step.id) == Outcome.OPEN]
        creates = [operation.id for operation in reopened if operation.kind == Kind.CREATE]
        is_marked = bool(creates) and await self.names.known_marker() is not None
        created = await find_marked(self.site, await self.names.marker(), creates) if is_marked else {}
        for operation in reopened:
            contact = created.get(operation.id)
            if operation.kind == Kind.CREATE and not is_marked:  # somebody has taken the marker away
                contact = await self._look_alike(operation)
            elif operation.kind == Kind.MERGE:
                ends = [self.contacts.get(source) for source in operation.sources]
                if all(end is not None and end.id == operation.target for end in ends):
                    contact = ends[0]
            elif operation.kind == Kind.UPDATE:
                now = self.contacts.get(operation.target)
                if now is not None and now.id == operation.target and holds(now.info, await self._patch(operation)):
                    contact = now
            if contact is not None:
                self._done(operation, contact)
            else:
                self.states.pop(operation.id)

    async def _look_alike(self, operation: Operation) -> Contact | None:
        """The contact with exactly the content that an open create was to have, when it is new enough to be its."""
        after = operation.content_after()
        opened = self.journal.opened_at(operation.id)
        since = (opened or datetime.now(UTC)) - CLOCKS_APART
        reach = [*(email.email for email in after.emails), *(phone.phone for phone in after.phones)]
        if reach:
            candidates = list((await self.site.query(search=reach[0], limit=MAX_PAGE)).items)
        else:
            candidates = [candidate async for candidate in self.site.scan(created_since=since)]
        alike = (
            candidate
            for candidate in candidates
            if candidate.created >= since and fingerprint(candidate.info) == fingerprint(after)
        )
        return next(alike, None)

    async def _is_ready(self, steps: Steps) -> bool:
        """Whether the contacts of a cluster are what the decision rested on; else its steps are closed."""
        left = [step for step in steps if self.states.get(step.id) != Outcome.DONE]
        if left and (reason := self.options.waiting.get(left[0].cluster)) is not None:
            self._not_done(left, Outcome.HELD, reason)
            self.wrong -= 1
            return False
        try:
            if left:
                self._check(left[0], [step for step in left if step is not left[0]])
        except Stale as reason:
            self._not_done(left, Outcome.STALE, str(reason))
            return False
        return bool(left)

    def _check(self, operation: Operation, later: Sequence[Operation] = ()) -> None:
        """Whether what an operation needs still holds, by the contacts that were read.

        Args:
            operation: the operation.
            later: those that come after it: what they merge away must be what it was, before any of them is done.

        Raises:
            Stale: it does not.
        """
        rests_on = dict.fromkeys(name for name in operation.sources if not name.startswith(CREATED_BY))
        rests_on |= operation.fingerprints()
        for step in later:
            rests_on |= {name: seen for name, seen in step.fingerprints().items() if name in step.sources}
        if operation.kind == Kind.LABEL:
            rests_on[operation.target] = None
        for name, seen in rests_on.items():
            contact = self.contacts.get(name)
            if contact is None:
                raise Stale("a contact of this person is gone")
            if contact.id != name:
                raise Stale("a contact of this person was merged into another one since the plan was made")
            if seen is not None and fingerprint(contact.info) != seen:
                raise Stale(CHANGED)

    async def _without_newcomers(self, clusters: Sequence[Steps]) -> list[Steps]:
        """The clusters but for those whose creates the site would take although somebody else has appeared since."""
        if self.newcomers is None:
            return list(clusters)
        left = [[step for step in steps if self.states.get(step.id) != Outcome.DONE] for steps in clusters]
        beaten = await self.newcomers.beat(step for steps in left for step in steps if step.kind == Kind.CREATE)
        ready = []
        for steps, undone in zip(clusters, left, strict=True):
            if any(step.id in beaten for step in undone):
                self._not_done(undone, Outcome.STALE, APPEARED)
            else:
                ready.append(steps)
        return ready

    def _intend(self, clusters: Sequence[Steps]) -> None:
        """Writes that the operations of these clusters are about to be done, and what their contacts are now."""
        intents, images = [], []
        for steps in clusters:
            left = [step for step in steps if self.states.get(step.id) != Outcome.DONE]
            for step in left:
                if step.kind != Kind.LABEL:
                    now = self.contacts.get(step.target)
                    revision = now.revision if now is not None and step is left[0] else None
                    intents.append(Intent(step.id, step.target, revision))
            if left == steps:
                images += [
                    Image(steps[0].cluster, name, self.contacts[name].model_dump_json())
                    for name in touched_contacts(steps)
                ]
        self._write(intents=intents, images=images)

    async def _cluster(self, steps: Steps) -> None:
        """Does the operations of a cluster in order; what it says of labels is kept for the end."""
        if self.options.is_to_stop():
            return None
        for number, planned in enumerate(steps):
            if self.states.get(planned.id) == Outcome.DONE:
                continue
            operation = self._with_created_contacts(planned)
            if operation.kind == Kind.LABEL:
                self.to_label.append(operation)
                continue
            try:
                if number:  # the first one was looked at with the whole batch
                    self._check(operation)
                contact, revision = await self._do(operation)
            except Stale as reason:
                return self._not_done(steps[number:], Outcome.STALE, str(reason))
            except HeldBack as reason:
                return self._not_done(steps[number:], Outcome.HELD, str(reason))
            except Unanswered:
                self._count(len(steps) - number)
                return None  # its intent stays: applying again asks the site whether it was done
            except (Denied, TooManyCalls, Unavailable):
                raise
            except SiteError as error:
                return self._not_done(steps[number:], Outcome.FAILED, f"{error.code}: {error}")
            self._done(operation, contact, revision)
        return None

    async def _do(self, operation: Operation) -> tuple[Contact, int | None]:
        """The contact that the operation leaves, and the revision it was done on."""
        if operation.kind == Kind.CREATE:
            return await self._create(operation), None
        if operation.kind == Kind.MERGE:
            return await self._merge(operation)
        return await self._update(operation)

    async def _create(self, operation: Operation) -> Contact:
        info = await self.names.keyed(operation.content_after())
        marked = {**info.extended, await self.names.marker(): operation.id}
        try:
            return await self.site.create(
                info.model_copy(update={"extended": marked}), allow_duplicates=operation.allow_duplicates
            )
        except Duplicate as error:
            raise Stale("another contact with this e-mail or phone has appeared since the plan was made") from error

    async def _merge(self, operation: Operation) -> tuple[Contact, int]:
        planned = fingerprint(operation.content_after())
        for attempt in range(ATTEMPTS):
            if attempt:
                await self._again(operation.target)
                self._check(operation)
            target = self.contacts[operation.target]
            try:
                if self.options.preview:
                    preview = await self.site.preview_merge(target.id, operation.sources)
                    if fingerprint(preview.info) != planned:
                        raise HeldBack("the site's preview of this merge differs from what was planned")
                await self._claim(operation)
                done = await self.site.merge(target.id, target.revision, operation.sources)
                return done, target.revision
            except (AlreadyChanged, PreconditionFailed) as error:
                reason = str(error)
        raise Stale(f"the site refuses the merge: {reason}")

    async def _claim(self, operation: Operation) -> None:
        """Writes the operation's id on what a merge is about to take away.

        The merge asks for no revision of that, but this does. So who has read such a contact before and saves it after
        is refused by the site, and not lost.

        Raises:
            Stale: it is no longer what the decision rested on.
            HeldBack: it is a member by now.
        """
        if any(closing.contact in operation.sources for closing in self.closings):
            self.flush()  # what was just created is now found by the journal, not by the marker it had

        async def claim(name: str) -> None:
            key = await self.names.marker()
            contact = self.contacts[name]
            for attempt in range(ATTEMPTS):
                if attempt:
                    known = fingerprint(contact.info)
                    await self._again(name)
                    self._check(operation)
                    contact = self.contacts[name]
                    if fingerprint(contact.info) != known:
                        raise Stale(CHANGED)
                    self._write(images=[Image(operation.cluster, name, contact.model_dump_json())])
                mark = Info(extended={**contact.info.extended, key: operation.id})
                try:
                    contact = await self.site.update(name, contact.revision, mark, allow_duplicates=True)
                except (AlreadyChanged, NotFound):
                    continue
                self.contacts[name] = self.names.unmarked(contact)
                if contact.is_member:
                    raise HeldBack("a contact that would be merged away is a member of the site by now")
                return
            raise Stale("a contact of this person keeps being changed by somebody else")

        await side_by_side(claim, operation.sources, self.options.concurrency)

    async def _update(self, operation: Operation) -> tuple[Contact, int]:
        patch = await self._patch(operation)
        for attempt in range(ATTEMPTS):
            if attempt:
                await self._again(operation.target)
                self._check(operation)
            contact = self.contacts[operation.target]
            try:
                done = await self.site.update(
                    contact.id, contact.revision, patch, allow_duplicates=operation.allow_duplicates
                )
                return done, contact.revision
            except Duplicate as error:
                raise Stale("another contact with this e-mail or phone has appeared since the plan was made") from error
            except AlreadyChanged:
                continue
        raise Stale("a contact of this person keeps being changed by somebody else")

    async def _patch(self, operation: Operation) -> Info:
        """The patch of an update."""
        after = operation.content_after()
        return changed_fields(operation.content_before(), after, await self.names.keyed(after))

    async def _again(self, name: str) -> None:
        """Reads a contact again, as it is now."""
        try:
            self.contacts[name] = self.names.unmarked(await self.site.get(name))
        except NotFound:
            self.contacts.pop(name, None)

    def _with_created_contacts(self, operation: Operation) -> Operation:
        """An operation with the contacts that earlier ones have created, as far as they are known."""
        if not operation.touches_a_new_contact():
            return operation

        def placed(name: str) -> str:
            return self.made.get(name.removeprefix(CREATED_BY), name) if name.startswith(CREATED_BY) else name

        return replace(
            operation, target=placed(operation.target), sources=[placed(source) for source in operation.sources]
        )

    async def label(self, *, all_of_them: bool = False) -> None:
        """Puts on the labels that wait, in bulk: those of which there are enough for a job, or all."""
        groups: dict[tuple[str, ...], list[Operation]] = {}
        for operation in self.to_label:
            groups.setdefault(tuple(operation.labels), []).append(operation)
        self.to_label = []
        for labels, operations in groups.items():
            for part in in_parts(operations, LABELLED):
                if len(part) < LABELLED and not all_of_them:
                    self.to_label += part
                else:
                    await self._put_on(labels, part)

    async def _put_on(self, labels: tuple[str, ...], operations: Sequence[Operation]) -> None:
        keys = await self.names.labels(labels)
        self._write(intents=[Intent(operation.id, operation.target) for operation in operations])
        for labelled in await put_on(self.site, [(labelled, labelled.target) for labelled in operations], keys):
            if labelled.problem is None:
                self._done(labelled.wanted, labelled.contact)
            else:
                self._not_done([labelled.wanted], Outcome.STALE, labelled.problem)
        self.flush()

    def _done(self, operation: Operation, contact: Contact | None, before: int | None = None) -> None:
        name = operation.id
        self.states[name] = Outcome.DONE
        if contact is not None:
            contact = self.names.unmarked(contact)
            self.contacts[contact.id] = contact
            if operation.kind == Kind.CREATE:
                self.made[name] = contact.id
                if self.newcomers is not None:
                    self.newcomers.own.add(contact.id)
        self.closings.append(
            Closing(
                name,
                Outcome.DONE,
                contact.id if contact is not None else operation.target,
                contact.info.to_json() if contact is not None else None,
                before,
                contact.revision if contact is not None else None,
                request_id.get(),
            )
        )
        self.tried += 1
        self._count(1)

    def _not_done(self, operations: Sequence[Operation], state: Outcome, detail: str) -> None:
        """Closes an operation that was not done, and holds those that would have come after it."""
        for operation in operations:
            self.states[operation.id] = state
            self.closings.append(Closing(operation.id, state, request=request_id.get(), detail=detail))
            state, detail = Outcome.HELD, LATER
        self.tried += 1
        self.wrong += 1
        self._count(len(operations))

    def _count(self, operations: int) -> None:
        self.seen += operations
        self.progress(self.seen)
        if len(self.closings) >= OUTCOMES_AT_ONCE or (self.closings and time.monotonic() - self.written > 0.5):
            self.flush()

    def flush(self) -> None:
        """Writes the outcomes that wait."""
        self._write()

    def _write(self, *, intents: Sequence[Intent] = (), images: Sequence[Image] = ()) -> None:
        self.journal.write(closings=self.closings, intents=intents, images=images)
        self.closings.clear()
        self.written = time.monotonic()

"""Undoing a run from its journal: what it created is deleted, what it changed put back, what it merged away made again.

The site itself cannot take a merge back. A contact that was merged away is created anew from its image, with another
id. What others have changed since is left as it is, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import polars as pl

from connectors.contacts import Contact, ContactsSite, request_id
from connectors.exports.guards import write_report_csv
from connectors.site_reading import all_labels
from connectors.store.journal import Closing, Intent, Journal
from connectors.store.memory import ENDED, LEFT_TO_A_PERSON, PARTIAL
from connectors.store.run_folder import Run
from flows.engine.batches import find_marked, put_on, side_by_side
from flows.engine.keys import SiteKeys, changed_fields, marker_of
from flows.engine.options import BATCH
from flows.engine.pipeline import UNDO_JOURNAL, stricter
from flows.engine.right_site import checked_journal, planned_settings, refuse_another_site, site_held
from flows.engine.summaries import UndoSummary
from flows.engine.undo_steps import CHANGED_BY_OTHERS, NO_LONGER_THERE, Step, StepKind, Undo, is_same, look, undo_steps
from flows.engine.waiting import run_blocking
from flows.settings import Settings
from flows.sites import memory_of, opened
from transforms.plan.survivorship import fingerprint
from transforms.schema.contact import Info
from transforms.schema.errors import (
    AlreadyChanged,
    Denied,
    NotFound,
    RunError,
    SiteError,
    TooManyCalls,
    Unanswered,
    Unavailable,
)
from transforms.schema.ids import short_id
from transforms.schema.operations import Outcome
from transforms.schema.tables import UNDO


async def carry_out(
    undo: Undo,
    site: ContactsSite,
    journal: Journal,
    *,
    at_once: int,
    stopped: Callable[[], bool] = lambda: False,
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Does the steps of an undo, through its own journal; repeated, it goes on where it was interrupted.

    Args:
        undo: the steps, after `look`.
        site: the site.
        journal: the undo's own journal.
        at_once: clusters that are dealt with side by side.
        stopped: asked before each cluster whether to stop.
        progress: called with the number of clusters dealt with.

    Raises:
        Denied, TooManyCalls, Unavailable: the site takes no calls now; undoing again goes on from here.
    """
    work = _Undoing(site, journal, undo, stopped, progress)
    await work.settle()
    todo = [cluster for cluster in undo.steps if cluster not in undo.left]
    for start in range(0, len(todo), BATCH):
        await work.batch(todo[start : start + BATCH], at_once)
    if Outcome.OPEN not in journal.states().values() and not stopped():
        await work.names.remove_marker()
        if undo.whole and not undo.left:
            await SiteKeys(site, undo.marker).remove_marker()


@dataclass
class _Undoing:
    site: ContactsSite
    journal: Journal
    undo: Undo
    stopped: Callable[[], bool]
    progress: Callable[[int], None]
    names: SiteKeys = field(init=False)
    states: dict[str, Outcome] = field(init=False)
    marker: str | None = None
    count: int = 0

    def __post_init__(self) -> None:
        self.names = SiteKeys(self.site, marker_of(self.journal))
        self.states = self.journal.states()

    async def settle(self) -> None:
        """Asks the site about steps that were left open."""
        self.marker = await SiteKeys(self.site, self.undo.marker).known_marker()
        every = [
            step for steps in self.undo.steps.values() for step in steps if self.states.get(step.name) == Outcome.OPEN
        ]
        names = [step.name for step in every if step.kind == StepKind.RECREATE]
        made = await find_marked(self.site, await self.names.marker(), names) if names else {}
        for step in every:
            contact: Contact | None = made.get(step.name)
            is_done = contact is not None
            if step.kind != StepKind.RECREATE:
                contact = await self._now(step.contact)
                is_done = (
                    contact is None
                    if step.kind == StepKind.DELETE
                    else step.kind == StepKind.RESTORE and contact is not None and _is_restored(contact, step)
                )
            if is_done:
                self._close(step, Outcome.DONE, contact)
            else:
                self.states.pop(step.name)

    async def _now(self, name: str) -> Contact | None:
        try:
            contact = await self.site.get(name)
        except NotFound:
            return None
        return contact if contact.id == name else None

    async def batch(self, clusters: Sequence[str], at_once: int) -> None:
        """Undoes clusters side by side; the labels of all at the end."""
        steps = [step for cluster in clusters for step in self.undo.steps[cluster]]
        left = [step for step in steps if self.states.get(step.name) != Outcome.DONE]
        if any(step.kind == StepKind.RECREATE for step in left):
            await self.names.marker()
        self.journal.write(intents=[Intent(step.name, step.contact) for step in left])
        await side_by_side(self._cluster, clusters, at_once)
        groups: dict[tuple[str, ...], list[Step]] = {}
        for step in left:
            if (
                step.kind == StepKind.UNLABEL
                and self.states.get(step.name) is None
                and step.cluster not in self.undo.left
            ):
                groups.setdefault(step.labels, []).append(step)
        for labels, to_unlabel in groups.items():
            wanted = [(step, step.contact) for step in to_unlabel]
            for labelled in await put_on(self.site, wanted, labels, off=True):
                state = Outcome.DONE if labelled.problem is None else Outcome.STALE
                self._close(labelled.wanted, state, labelled.contact, labelled.problem or "")

    async def _cluster(self, cluster: str) -> None:
        if self.stopped():
            return
        for step in self.undo.steps[cluster]:
            if self.states.get(step.name) == Outcome.DONE or step.kind == StepKind.UNLABEL:
                continue
            try:
                contact = await self._do(step)
            except Unanswered:
                self.undo.left[cluster] = f"{step.contact}: the answer was lost; undo again asks the site about it"
                return
            except (Denied, TooManyCalls, Unavailable):
                raise
            except SiteError as error:
                detail = CHANGED_BY_OTHERS if isinstance(error, AlreadyChanged) else f"{error.code}: {error}"
                self.undo.left[cluster] = f"{step.contact}: {detail}"
                self._close(step, Outcome.STALE if isinstance(error, AlreadyChanged) else Outcome.FAILED, None, detail)
                return
            self._close(step, Outcome.DONE, contact)
        self.count += 1
        self.progress(self.count)

    async def _do(self, step: Step) -> Contact | None:
        """Does a step; returns the contact it leaves."""
        if step.kind == StepKind.RECREATE:
            assert step.image is not None
            extended = {**step.image.extended, await self.names.marker(): step.name}
            info = step.image.model_copy(update={"extended": extended})
            return await self.site.create(info, allow_duplicates=True)
        contact = await self._now(step.contact)
        if contact is None:
            raise NotFound("CONTACT_NOT_FOUND", NO_LONGER_THERE)
        if step.expected is not None and not is_same(contact.info, step.expected, self.marker):
            raise AlreadyChanged("CONTACT_ALREADY_CHANGED", CHANGED_BY_OTHERS)
        if step.kind == StepKind.DELETE:
            await self.site.delete(contact.id)
            return contact
        assert step.image is not None
        cleared = {key: "" for key in contact.info.extended if key not in step.image.extended}
        keyed = step.image.model_copy(update={"extended": {**cleared, **step.image.extended}})
        patch = changed_fields(contact.info, step.image, keyed)
        return await self.site.update(contact.id, contact.revision, patch, allow_duplicates=True)

    def _close(self, step: Step, state: Outcome, contact: Contact | None, detail: str = "") -> None:
        self.states[step.name] = state
        made = contact.id if contact is not None and step.kind == StepKind.RECREATE else step.contact
        after = contact.info.to_json() if contact is not None else None
        revision = contact.revision if contact is not None else None
        closing = Closing(step.name, state, made, after, None, revision, request_id.get(), detail)
        self.journal.write(closings=[closing])


def _is_restored(contact: Contact, step: Step) -> bool:
    if step.image is None:
        return False
    return is_same(contact.info.model_copy(update={"labels": step.image.labels}), step.image, None)


def undone_table(undo: Undo, journal: Journal) -> pl.DataFrame:
    """Outcome of an undo: `UNDO`."""
    entries = {entry.operation: entry for entry in journal.each()}
    rows: list[tuple[str | None, ...]] = []
    for cluster, steps in undo.steps.items():
        for step in steps:
            entry = entries.get(step.name)
            at = entry.closed if entry is not None else None
            if entry is not None and entry.state == Outcome.DONE:
                now = entry.contact if step.kind != StepKind.DELETE else None
                rows.append((cluster, step.kind, step.contact, now, Outcome.DONE, "", at))
            else:
                detail = undo.left.get(cluster) or (entry.detail if entry is not None else None) or ""
                rows.append((cluster, step.kind, step.contact, None, "left", detail, at))
    return pl.DataFrame(rows, schema=dict(UNDO), orient="row")


def remember_undone(run: Run, settings: Settings, undone: pl.DataFrame) -> None:
    """Remembers that what was undone is left to people: the next plan does not do it again by itself."""
    states = undone.group_by("cluster").agg(done=(pl.col("outcome") == Outcome.DONE).all())
    clusters = states.filter("done")["cluster"].implode()
    records = run.table("clusters").filter(pl.col("cluster").is_in(clusters))
    known = run.table("fingerprints").join(records, on="record_id", how="semi")
    decisions = dict.fromkeys(known["fingerprint"], LEFT_TO_A_PERSON)
    contents = dict(run.table("contacts").iter_rows())
    scope = run.facts().scope
    made = undone.filter(pl.col("kind") == StepKind.RECREATE, pl.col("outcome") == Outcome.DONE)
    for old, new in made.select("contact", "now").iter_rows():
        content = fingerprint(Info.model_validate_json(contents[old]))
        decisions[short_id(scope, new, content)] = LEFT_TO_A_PERSON
    memory_of(settings).remember(decisions, {})


def prepared(run: Run, settings: Settings, *, only: Sequence[str] = ()) -> Undo:
    """The undo of a run, prepared for its site as it is now. Nothing is changed.

    Args:
        run: an applied run.
        settings: the settings the run was planned with.
        only: clusters to undo; all where empty.

    Raises:
        RunError: nothing of the run was applied, or an operation is still open.
    """
    path = checked_journal(run, settings)

    async def looked_at() -> Undo:
        async with opened(settings) as site:
            labels = {all_label.display_name: all_label.key for all_label in await all_labels(site)}
            with Journal(path) as done:
                await refuse_another_site(run, site, done)
                undo = undo_steps(run, done, labels, only=only)
            begun: dict[str, Outcome] = {}
            if (run.folder / UNDO_JOURNAL).exists():
                with Journal(run.folder / UNDO_JOURNAL) as own:
                    begun = own.states()
            await look(undo, site, begun, at_once=settings.apply.concurrency)
            return undo

    return run_blocking(looked_at())


def undo_settings(run: Run, current: Settings, *, site: str | None = None) -> Settings:
    """The settings a run was planned with, with the key and the stricter limits of the current ones.

    Raises:
        RunError: the run was planned for another site.
    """
    planned = planned_settings(run, current, site=site)
    return planned.model_copy(update={"apply": stricter(planned.apply, current.apply)})


def undo_run(
    run: Run,
    settings: Settings,
    undo: Undo,
    *,
    over_budget: bool = False,
    wait: bool = False,
    stopped: Callable[[], bool] = lambda: False,
    progress: Callable[[int], None] = lambda _: None,
) -> UndoSummary:
    """Undoes a run and writes `undo.csv`. Returns the summary.

    Args:
        run: an applied run.
        settings: the settings the run was planned with.
        undo: what `prepared` found.
        over_budget: whether more contacts are deleted than the settings allow.
        wait: whether to wait for a run that is at work on the site.
        stopped: asked before each cluster whether to stop.
        progress: called with the number of clusters dealt with.

    Raises:
        RunError: it would delete more contacts than the settings allow.
        Busy: another process is at work on the run or its site.
    """
    most, deletes = settings.apply.max_deletes, undo.count(StepKind.DELETE)
    if most is not None and deletes > most and not over_budget:
        raise RunError(
            f"This would delete {deletes:,} contacts, and [apply] max_deletes allows {most:,}. To do it: --over-budget"
        )

    async def carried_out(own: Journal) -> None:
        async with opened(settings) as site:
            await carry_out(undo, site, own, at_once=settings.apply.concurrency, stopped=stopped, progress=progress)

    path = checked_journal(run, settings)
    with (
        site_held(settings, by=f"the undo of run {run.name}", wait=wait),
        Journal(path, writing=True),
        Journal(run.folder / UNDO_JOURNAL, writing=True) as own,
    ):
        try:
            run_blocking(carried_out(own))
        finally:
            table = undone_table(undo, own)
            write_report_csv(table, run.folder / "undo.csv")
            remember_undone(run, settings, table)
        memory_of(settings).leave(run.id, ENDED if undo.whole and not stopped() else PARTIAL)
    done = table.filter(pl.col("outcome") == Outcome.DONE)
    kinds = dict(done["kind"].value_counts().iter_rows())
    return UndoSummary(
        run=str(run.folder),
        deleted=kinds.get(StepKind.DELETE, 0),
        restored=kinds.get(StepKind.RESTORE, 0),
        recreated=kinds.get(StepKind.RECREATE, 0),
        unlabelled=kinds.get(StepKind.UNLABEL, 0),
        left=table.filter(pl.col("outcome") != Outcome.DONE)["cluster"].n_unique(),
        report=str(run.folder / "undo.csv"),
    )

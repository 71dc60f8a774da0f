"""One run a site, and each run on the site it was planned for, with the settings it was planned with."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from connectors.contacts import ContactsSite
from connectors.local import LocalSite
from connectors.store.journal import Journal
from connectors.store.locking import held
from connectors.store.memory import RUNNING, BegunRun
from connectors.store.run_facts import RunState
from connectors.store.run_folder import Run
from connectors.wix.transport import is_loopback
from flows.settings import LOCAL, PlannedSettings, Settings
from flows.sites import WIX, lock_of, memory_of, shown_site
from transforms.schema.errors import NotFound, RunError

SAMPLE = 100
"""Contacts of the plan that are looked for on a service, to tell whether it is the same site."""
CLOCK_SKEW = timedelta(minutes=5)
"""By how much the site's clock and ours may differ."""
JOURNAL = "journal.db"
"""The journal of a run's apply, in its folder."""

_held_here: ContextVar[frozenset[Path]] = ContextVar("locks of sites held in this context", default=frozenset())


@contextmanager
def site_held(settings: Settings, *, by: str, wait: bool = False) -> Iterator[None]:
    """Keeps every other run away from the site of the settings; within the block, the same flow may hold it again.

    Args:
        settings: the settings.
        by: what holds it, for people.
        wait: whether to wait for a run that holds it.

    Raises:
        Busy: another run holds it, and `wait` is not given.
    """
    path = lock_of(settings).absolute()
    if path in _held_here.get():
        yield
        return
    with held(path, shown_site(settings.site.url), by=by, wait=wait):
        token = _held_here.set(_held_here.get() | {path})
        try:
            yield
        finally:
            _held_here.reset(token)


def planned_settings(run: Run, current: Settings, *, site: str | None = None) -> Settings:
    """The settings a run was planned with, and the key of the current ones where its site needs one.

    The key goes to no other site than the one that the current settings, or `site`, name: what a run's folder says is
    not enough.

    Args:
        run: a planned run.
        current: the settings as they are now.
        site: the site that was named explicitly.

    Raises:
        RunError: the run was planned for another site.
    """
    try:
        planned = PlannedSettings(**run.facts().settings)
    except (ValidationError, TypeError) as error:
        raise RunError(f"The settings in {run.folder} are not those of a plan. Plan again.") from error
    url = planned.site.url
    named = current.with_site(site)
    if site is not None and named.site.url != url:
        raise RunError(
            f"This run was planned for {shown_site(url)}, not for {shown_site(named.site.url)}. "
            "Plan again for that site."
        )
    if url.startswith(LOCAL):
        return planned
    if url == WIX and named.wix_base_url.rstrip("/") != planned.wix_base_url.rstrip("/"):
        raise RunError(
            f"This run was planned for the service at {planned.wix_base_url}, and WIX_BASE_URL is "
            f"{named.wix_base_url}. Plan again for that service."
        )
    if url != WIX and named.site.url != url and (current.wix_api_key is not None or not is_loopback(url)):
        raise RunError(
            f"This run was planned for {url}, which the settings do not name, so the key is not sent there. If that is "
            f"the site, say so: --site {url}"
        )
    if planned.wix_site_id != current.wix_site_id:
        raise RunError(
            f"This run was planned for the site {planned.wix_site_id or 'without an id'}, and WIX_SITE_ID is "
            f"{current.wix_site_id or 'not set'}. Set it to that site's id, or plan again."
        )
    return planned.model_copy(update={"wix_api_key": current.wix_api_key})


def begun_journal(run: Run, settings: Settings) -> Journal:
    """The journal to apply a run by; made when the run was never begun before.

    Raises:
        RunError: the run was begun, and its journal is gone or is another one: nobody knows what was done.
        Busy: another process does operations by it.
    """
    _refuse_without_journal(run, settings)
    known = _journal_id(run, settings)
    journal = Journal(run.folder / JOURNAL, writing=True)
    if known is not None and journal.fact("id") != known:
        journal.close()
        raise RunError(_lost(run))
    if journal.fact("id") is None:
        journal.note("id", uuid.uuid4().hex)
    return journal


def checked_journal(run: Run, settings: Settings) -> Path:
    """The path of the journal of a run that was begun.

    Raises:
        RunError: nothing of the run was applied, or its journal is gone or is another one.
    """
    path = run.folder / JOURNAL
    _refuse_without_journal(run, settings)
    if not path.exists():
        raise RunError(f"Nothing of {run.folder} was applied, so there is nothing to undo.")
    with Journal(path) as journal:
        if journal.fact("id") != _journal_id(run, settings):
            raise RunError(_lost(run))
    return path


def _journal_id(run: Run, settings: Settings) -> str | None:
    """The id of the journal a run was begun with, by the run's folder and by the site's memory."""
    known = run.progress().journal or memory_of(settings).journal_of(run.id)
    return str(known) if known else None


def _refuse_without_journal(run: Run, settings: Settings) -> None:
    if _journal_id(run, settings) is not None and not (run.folder / JOURNAL).exists():
        raise RunError(_lost(run))


def _lost(run: Run) -> str:
    return (
        f"This run was begun, and the journal it was begun with is no longer {run.folder / JOURNAL}: what was done is "
        "not known, so nothing is applied and nothing undone. Put that file back, or plan again with "
        "--despite-unfinished."
    )


def begin(run: Run, settings: Settings, journal: Journal, marker: str) -> None:
    """Notes in the run and in the site's memory that the run is about to be applied."""
    name = str(journal.fact("id"))
    run.note(run.progress().model_copy(update={"state": RunState.APPLYING, "journal": name}))
    memory_of(settings).begin(BegunRun(run.id, run.folder.absolute(), name, marker))


async def refuse_another_site(run: Run, site: ContactsSite, journal: Journal) -> None:
    """Refuses a site that is not the one the run was planned for, though it has the same address.

    An embedded site is known by the identity in its file. A service is taken for another site when it has fewer than
    half of the contacts that the plan read, or has older ones where the plan read none.

    Raises:
        RunError: it is another site.
    """
    facts = run.facts()
    refusal = RunError(
        f"{shown_site(facts.site)} is not the site this run was planned for: its contents are others. Plan again."
    )
    if isinstance(site, LocalSite):
        if site.identity != (facts.site_identity or journal.fact("site_identity")):
            raise refusal
        return
    names: Sequence[str] = run.table("contacts")["contact_id"].to_list()
    if not names:
        before = datetime.fromisoformat(facts.planned_at) - CLOCK_SKEW
        if (await site.query({"createdDate": {"$lt": before.isoformat()}}, limit=1)).items:
            raise refusal
        return
    step = max(1, len(names) // SAMPLE)
    sample = set(names[::step][:SAMPLE])
    there = {item.id for item in (await site.query({"id": {"$in": sorted(sample)}}, limit=len(sample))).items}
    for name in sorted(sample - there):
        if len(there) * 2 >= len(sample):
            return
        with suppress(NotFound):  # a contact that was merged is found under its old id
            await site.get(name)
            there.add(name)
    if len(there) * 2 < len(sample):
        raise refusal


class Unfinished(NamedTuple):
    """A run that was begun on a site and not ended; `run` is None where its folder is gone."""

    begun: BegunRun
    run: Run | None

    def broken_off(self) -> Run | None:
        """The run, where it was broken off rather than left on purpose."""
        return self.run if self.begun.state == RUNNING else None


def unfinished_runs(settings: Settings) -> list[Unfinished]:
    """The runs that were begun on the site of the settings and have something left to do, the oldest first."""
    unfinished = []
    for begun in memory_of(settings).unfinished():
        try:
            run = Run.opened(begun.folder)
            is_same = run.id == begun.run and run.facts().site == settings.site.url
        except RunError:
            is_same = False
        unfinished.append(Unfinished(begun, run if is_same else None))
    return unfinished

"""Applying a plan to a copy of its site, to see what it does before anything real is touched."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from connectors.local import LocalSite
from connectors.site_reading import named_contacts
from connectors.store.journal import Journal
from connectors.store.run_folder import Run
from flows.commands.copy_site import pull
from flows.engine.applying import apply_plan
from flows.engine.options import Options
from flows.engine.waiting import run_blocking
from flows.settings import LOCAL, Settings
from flows.sites import is_missing
from transforms.plan.audit import tally
from transforms.plan.survivorship import differences
from transforms.schema.contact import Info
from transforms.schema.operations import Outcome, State, Tally

FOLDER = "rehearsal"
"""Folder of the copy and its journal within a run's; made anew each time."""


@dataclass(frozen=True)
class Rehearsal:
    """Result of applying a plan to a copy.

    Attributes:
        counts: as `onefold apply` tells them.
        not_done: operations that were not done, with the reason.
        unlike: contacts that are not what was planned: the field, what was planned, what it is.
        contacts: contacts of the copy before and after.
        copy: the copy's file.
    """

    counts: Tally
    not_done: list[tuple[str, str]]
    unlike: list[tuple[str, str, str, str]]
    contacts: tuple[int, int]
    copy: Path

    @property
    def is_as_planned(self) -> bool:
        """Whether all was done and every contact is what was planned."""
        return not self.not_done and not self.unlike

    def text(self) -> str:
        """For a terminal. No value of a contact stands in it."""
        counts = self.counts
        lines = [
            f"\nRehearsed on a copy: {counts.created} created, {counts.merged} merged away, {counts.updated} "
            f"updated, {counts.labelled} labelled; {self.contacts[0]:,} contacts became {self.contacts[1]:,}.",
        ]
        if self.is_as_planned:
            lines.append("Every contact is what was planned. The site itself was not touched.")
        else:
            lines.append(
                f"{len(self.not_done)} operations were not done, {len(self.unlike)} fields are not as planned:"
            )
            lines += [f"  {operation}: {reason}" for operation, reason in self.not_done[:10]]
            lines += [f"  {contact}: {field} is another one" for contact, field, _, _ in self.unlike[:10]]
        lines.append(f"The copy: {self.copy}")
        return "\n".join(lines)

    def facts(self) -> dict[str, Any]:
        """As JSON."""
        return {
            **self.counts._asdict(),
            "as_planned": self.is_as_planned,
            "not_done": self.not_done,
            "unlike": [(contact, field) for contact, field, _, _ in self.unlike],
            "contacts_before": self.contacts[0],
            "contacts_after": self.contacts[1],
            "copy": str(self.copy),
        }


def rehearse(
    run: Run, settings: Settings, options: Options, *, progress: Callable[[int], None] = lambda _: None
) -> Rehearsal:
    """Applies a planned run to a copy of its site, and compares what came of it with what was planned.

    Args:
        run: the run.
        settings: all settings, with the run's site.
        options: how it would be applied.
        progress: called with the number of operations dealt with.
    """
    folder = run.folder / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    copy = folder / "site.db"
    if not is_missing(settings.site.url):
        pull(settings, f"{LOCAL}{copy}")
    plan = run.table("plan")

    async def rehearsed() -> tuple[pl.DataFrame, tuple[int, int], dict[str, Info]]:
        with LocalSite(copy, create=True) as site, Journal(folder / "journal.db", writing=True) as journal:
            before = (await site.query(limit=1)).total or 0
            await apply_plan(plan, site, journal, options, progress=progress)
            contacts = {named_contact.id: named_contact.info for named_contact in await named_contacts(site)}
            return journal.entries(), (before, len(contacts)), contacts

    entries, counted, contacts = run_blocking(rehearsed())
    states = plan.filter(pl.col("state") == State.AUTO).join(entries, on="operation", how="left", suffix="_now")
    wrong = states.filter(pl.col("state_now") != Outcome.DONE)
    last = states.filter(pl.col("state_now") == Outcome.DONE).group_by("cluster", maintain_order=True).last()
    unlike = [
        (contact, field, planned, now)
        for contact, after in last.select("contact", "after").iter_rows()
        for field, (planned, now) in differences(Info.model_validate_json(after), contacts[contact]).items()
    ]
    return Rehearsal(tally(plan, entries), wrong.select("operation", "detail").rows(), unlike, counted, copy)

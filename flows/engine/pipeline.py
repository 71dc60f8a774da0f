"""The pipeline, defined once: the command line runs its stages directly, Prefect as tasks."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import ParamSpec

import polars as pl

from connectors.contacts import ContactsSite
from connectors.store.decisions import read_decisions
from connectors.store.memory import ENDED, PARTIAL
from connectors.store.run_facts import DecisionFacts, OptOutFacts, RunFacts, RunState, UnfinishedFacts
from connectors.store.run_folder import Run
from flows.engine.applying import apply_plan
from flows.engine.forecast import calls, minutes
from flows.engine.forecast import over_budget as budget_problem
from flows.engine.inputs import normalise, read_exports, read_site, redirected, site_rows_of
from flows.engine.keys import SiteKeys, marker_of
from flows.engine.options import Options, SiteAsRead
from flows.engine.recall import placed_by_decisions, recall, remember, scope_of
from flows.engine.reporting import report, save
from flows.engine.right_site import (
    begin,
    begun_journal,
    planned_settings,
    refuse_another_site,
    site_held,
    unfinished_runs,
)
from flows.engine.settling import settle
from flows.engine.summaries import RunSummary
from flows.engine.waiting import T, run_blocking
from flows.settings import ApplySettings, Settings
from flows.sites import identity_of, is_missing, memory_of, opened, site_names
from flows.stages import Stage, directly
from transforms.match.verdicts import Verdicts, differing, identities, meant, of_site, resolved
from transforms.plan.audit import counts
from transforms.schema.errors import OnefoldError, RunError
from transforms.schema.operations import Outcome

P = ParamSpec("P")
UNDO_JOURNAL = "undo.db"
"""The journal of an undo, beside the run's own."""


def plan_run(
    settings: Settings, run: Run, stage: Stage = directly, *, wait: bool = False, despite_unfinished: bool = False
) -> RunSummary:
    """Reads everything, finds who is who, and writes the plan; the site is not touched. Returns the summary.

    Args:
        settings: all settings.
        run: a new run.
        stage: what runs a stage.
        wait: whether to wait for a run that is at work on the site.
        despite_unfinished: whether to plan although an earlier run was broken off and is not finished.

    Raises:
        UsageError: no site is set, or an export is missing.
        InputError: exports were given and none of them can be read.
        RunError: a run on this site was broken off.
        Busy: another run is at work on the site.
    """
    settings = settings.with_site(None)
    with site_held(settings, by=f"run {run.name}", wait=wait):
        return _planned(settings, run, stage, despite_unfinished)


def _planned(settings: Settings, run: Run, stage: Stage, despite_unfinished: bool) -> RunSummary:
    began = time.monotonic()
    seconds: dict[str, float] = {}
    stage = _timed(stage, seconds)
    unfinished = unfinished_runs(settings)
    for earlier in unfinished:
        if (broken_off := earlier.broken_off()) is not None and not despite_unfinished:
            raise RunError(
                f"Run {broken_off.name} on this site was broken off, and is in {earlier.begun.folder}. Finish it with "
                f"onefold apply, or take it back with onefold undo, then plan again; or plan with --despite-unfinished."
            )
    planned_at = datetime.now(UTC)
    contacts = stage("read the site", read_site, settings)
    exports = stage("read the exports", read_exports, settings)
    site_rows = site_rows_of(settings, contacts)
    tables = stage("normalise", normalise, [site_rows, exports.rows], settings)
    known = stage("follow what the site has merged", redirected, settings, contacts, exports)
    policy = settings.policy_for(run.name)
    every = stage("read the decisions", read_decisions, settings.decisions)
    names = site_names(settings)
    decisions = of_site(every, names)
    named = identities(tables.records, exports.rows)
    verdicts = stage("follow the decisions", resolved, decisions, named, placed_by_decisions(settings))
    decided = stage("recall", recall, run, settings, tables, exports.rows, contacts, verdicts)
    matches, planned = stage(
        "match and plan", settle, tables, contacts, site_rows, decided, known, verdicts, settings, policy
    )
    stage("save", save, run, tables, exports.rejects, named, contacts, decisions, matches, planned)
    options = apply_options(settings)
    facts = RunFacts(
        id=run.id,
        name=run.name,
        planned_at=planned_at.isoformat(timespec="seconds"),
        scope=scope_of(settings),
        settings=settings.to_facts(),
        site=settings.site.url,
        site_id=settings.wix_site_id,
        site_identity=identity_of(settings),
        unfinished=[UnfinishedFacts(run=earlier.begun.run, folder=str(earlier.begun.folder)) for earlier in unfinished],
        site_contacts=len(contacts),
        new_site=is_missing(settings.site.url),
        sources=[source.name for source in settings.ranked()],
        files=exports.files,
        auto=settings.match.auto,
        review=settings.match.review,
        site_names=names,
        decisions=DecisionFacts(
            file=str(settings.decisions.absolute()),
            read=decisions["verdict"].count(),
            undecided=every["verdict"].null_count(),
            of_another_site=len(every) - len(decisions),
            of_nobody_here=verdicts.missing,
            contradicting=contradicting(decisions, named, matches.verdicts),
        ),
        model=asdict(matches.model),
        opt_outs=OptOutFacts(**planned.opt_outs._asdict()),
        calls=calls(planned.operations, options),
        minutes=minutes(planned.operations, settings, options),
        over_budget=budget_problem(counts(planned.operations).merge, len(contacts), settings.apply),
        stages=seconds,
        plan_seconds=round(time.monotonic() - began, 3),
    )
    run.planned(facts)
    return stage("report", report, run)


def _timed(stage: Stage, seconds: dict[str, float]) -> Stage:
    """A stage runner that notes how many seconds each stage took."""

    def run(title: str, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        began = time.monotonic()
        try:
            return stage(title, work, *args, **kwargs)
        finally:
            seconds[title] = round(time.monotonic() - began, 3)

    return run


def apply_run(
    run: Run,
    settings: Settings,
    stage: Stage = directly,
    *,
    options: Options | None = None,
    over_budget: bool = False,
    site: str | None = None,
    wait: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> RunSummary:
    """Applies a planned run to its site, with the settings it was planned with, and reports. Returns the summary.

    Args:
        run: the run.
        settings: the settings as they are now: the key comes from them, and a limit of theirs that is stricter than the
            plan's counts, too.
        stage: what runs a stage.
        options: how; as the plan's settings say when it is not given.
        over_budget: whether a plan that is over its budget is applied all the same.
        site: the site that was named explicitly.
        wait: whether to wait for a run that is at work on the site.
        progress: called with the number of operations dealt with.

    Raises:
        RunError: the run is of another site, was undone, is over its budget, or too much of it went wrong.
        Busy: another run is at work on the site.
    """
    planned = planned_settings(run, settings.with_site(None), site=site)
    with site_held(planned, by=f"run {run.name}", wait=wait):
        return _applied(run, planned, stricter(planned.apply, settings.apply), stage, options, over_budget, progress)


def _applied(
    run: Run,
    settings: Settings,
    limits: ApplySettings,
    stage: Stage,
    options: Options | None,
    over_budget: bool,
    progress: Callable[[int], None],
) -> RunSummary:
    began = time.monotonic()
    if (run.folder / UNDO_JOURNAL).exists():
        raise RunError("This run was undone, so it is not applied again. Plan again.")
    merged = counts(run.table("plan")).merge
    problem = None if over_budget else budget_problem(merged, run.facts().site_contacts, limits)
    if problem is not None:
        raise RunError(f"The plan is over its budget, so nothing was applied. {problem} To do it: --over-budget")
    chosen = options or apply_options(settings)
    chosen = replace(chosen, most_wrong=min(chosen.most_wrong, limits.max_wrong))
    stopped = stage("apply", execute, run, settings, chosen, progress)
    stage("remember", remember, run, settings)
    seconds = round(time.monotonic() - began, 3)
    run.note(run.progress().model_copy(update={"state": RunState.APPLIED, "apply_seconds": seconds}))
    summary = stage("report", report, run)
    if stopped is not None:
        raise stopped
    return summary


def migrate_run(
    settings: Settings,
    folder: Path | None,
    stage: Stage = directly,
    *,
    by: str,
    site: str | None = None,
    wait: bool = False,
) -> RunSummary:
    """Finishes what was broken off on the site, plans a run and applies it, with the site held from first to last.

    Args:
        settings: all settings.
        folder: the new run's folder; a new one below `runs` when not given.
        stage: what runs a stage.
        by: who holds the site meanwhile, for those who find it held.
        site: the site that was named explicitly.
        wait: whether to wait for a run that is at work on the site.

    Raises:
        OnefoldError: as `plan_run` and `apply_run`.
    """
    with site_held(settings, by=by, wait=wait):
        for unfinished in unfinished_runs(settings):
            if (broken_off := unfinished.broken_off()) is not None:
                apply_run(broken_off, settings, stage, site=site)
        run = Run.new(folder)
        plan_run(settings, run, stage)
        return apply_run(run, settings, stage, site=site)


def stricter(planned: ApplySettings, now: ApplySettings) -> ApplySettings:
    """The plan's limits, each replaced by one that is set now and stricter."""
    names = {"max_merge_share", "max_deletes", "max_wrong"} & now.model_fields_set
    limits = {name: (getattr(planned, name), getattr(now, name)) for name in names}
    closer = {name: new for name, (old, new) in limits.items() if new is not None and (old is None or new < old)}
    return planned.model_copy(update=closer)


def contradicting(decisions: pl.DataFrame, named: pl.DataFrame, verdicts: Verdicts) -> int:
    """Number of decisions not honoured, because they contradict others or strong evidence."""
    made = decisions.drop_nulls("verdict") if verdicts.contested else decisions.head(0)
    return sum(not verdicts.contested.keys().isdisjoint(meant(iter_slice, named)) for iter_slice in made.iter_slices(1))


def apply_options(settings: Settings) -> Options:
    """Options of applying a plan under these settings."""
    return Options(
        concurrency=settings.apply.concurrency,
        preview=settings.apply.preview,
        keep_marker=settings.apply.keep_marker,
        most_wrong=settings.apply.max_wrong,
    )


def execute(run: Run, settings: Settings, options: Options, progress: Callable[[int], None]) -> OnefoldError | None:
    """Applies the run's plan to its site through its journal; returns what stopped it on the way.

    Raises:
        RunError: it is not the run's site, or the run's journal is gone: nothing was done.
        Busy: another process is at work on the run.
    """
    facts = run.facts()
    seen = SiteAsRead(datetime.fromisoformat(facts.planned_at), frozenset(run.table("contacts")["contact_id"]))
    options = replace(options, seen=seen, waiting=decided_since(run, settings))

    async def applied() -> OnefoldError | None:
        is_new, identity = facts.new_site, None
        with begun_journal(run, settings) as journal:
            if is_new:
                identity = journal.fact("site_identity") or uuid.uuid4().hex
                journal.note("site_identity", identity)
            async with opened(settings, create=is_new, identity=identity) as site:
                await refuse_another_site(run, site, journal)
                begin(run, settings, journal, marker_of(journal))
                await leave_unfinished(run, settings, site)
                memory = memory_of(settings)
                try:
                    await apply_plan(run.table("plan"), site, journal, options, progress=progress)
                except OnefoldError as error:
                    if isinstance(error, RunError):  # a person is to look before anything goes on
                        memory.leave(run.id, PARTIAL)
                    return error
                if Outcome.OPEN not in journal.states().values():
                    memory.leave(run.id, PARTIAL if options.is_partial() else ENDED)
                return None

    return run_blocking(applied())


def decided_since(run: Run, settings: Settings) -> dict[str, str]:
    """The clusters of a run about which a decision was written, changed or taken back after its plan was made.

    Raises:
        InputError: the file of decisions is not one of decisions any more.
    """
    facts = run.facts()
    now = of_site(read_decisions(settings.decisions), facts.site_names)
    changed = differing(run.table("decisions"), now)
    if changed.is_empty():
        return {}
    records = meant(changed, run.table("identities"), placed_by_decisions(settings))
    clusters = run.table("clusters").filter(pl.col("record").is_in(list(records)))["cluster"]
    reason = "a decision about one of its records was written or changed after the plan was made; plan again"
    return dict.fromkeys(clusters, reason)


async def leave_unfinished(run: Run, settings: Settings, site: ContactsSite) -> None:
    """Takes the markers of the unfinished runs that this plan knew of off the site: they are left as they are."""
    memory = memory_of(settings)
    known = {earlier.run for earlier in run.facts().unfinished}
    for begun in memory.unfinished():
        if begun.run in known:
            await SiteKeys(site, begun.marker).remove_marker()
            memory.leave(begun.run, ENDED)

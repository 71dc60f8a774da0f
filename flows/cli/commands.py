"""The command line. Heavy parts are imported when a command runs, so that `--help` is quick."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.evidence import audit_app, evidence_app
from flows.cli.files import files_app
from flows.cli.options import (
    EXIT_WITH_CASES,
    AsJson,
    Config,
    DespiteUnfinished,
    EncodingOption,
    Exports,
    Mapped,
    Only,
    OverBudget,
    RunFolder,
    SiteAgain,
    SiteUrl,
    UsePrefect,
    Wait,
    Yes,
    mapped_columns,
)
from flows.cli.site import server_app, site_app
from flows.cli.terminal import StageProgress, answer, is_agreed, moment, say, stopping, system_problem
from flows.cli.through_prefect import reaching_prefect, through_prefect
from transforms.schema.errors import OnefoldError, UsageError

if TYPE_CHECKING:
    from connectors.store.run_folder import Run
    from flows.engine.options import Options
    from flows.engine.summaries import RunSummary
    from flows.settings import Settings


app = typer.Typer(
    help="One person, one contact: contact exports in, a clean contact list out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"onefold {version('onefold')}")
        raise typer.Exit


@app.callback()
def _options_of_all(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    pass


app.add_typer(files_app)
app.add_typer(evidence_app)
app.add_typer(server_app)
app.add_typer(site_app, name="site")
app.add_typer(audit_app, name="audit")


@app.command()
def migrate(
    exports: Exports = None,
    config: Config = None,
    site: SiteUrl = None,
    run: RunFolder = None,
    mapped: Mapped = None,
    encoding: EncodingOption = None,
    over_budget: OverBudget = False,
    wait: Wait = False,
    despite_unfinished: DespiteUnfinished = False,
    yes: Yes = False,
    as_json: AsJson = False,
    prefect: UsePrefect = False,
) -> None:
    """Plan, show the plan, ask, apply, report. With --yes, a run that was broken off on this site is finished first."""
    from flows.engine.right_site import site_held

    wanted = _Wanted(exports, config, site, run, mapped, encoding, wait, despite_unfinished, as_json, prefect)
    settings = _settings(wanted)
    apply_too = _Apply(over_budget=over_budget, wait=wait, as_json=as_json, prefect=prefect, config=config, site=site)
    with ExitStack() as stack:
        if yes and not through_prefect(prefect):  # nobody is asked, so nothing comes between plan and apply
            stack.enter_context(site_held(settings, by="onefold migrate", wait=wait))
            if not despite_unfinished:
                _finish_broken_off(settings, apply_too)
        planned, summary = _plan(settings, wanted)
        if _nothing_to_do(planned) or not (yes or _agreed_to_apply(planned)):
            _finish(summary, planned, as_json)
        _apply(planned, settings, {}, apply_too)


@app.command()
def plan(
    exports: Exports = None,
    config: Config = None,
    site: SiteUrl = None,
    run: RunFolder = None,
    mapped: Mapped = None,
    encoding: EncodingOption = None,
    wait: Wait = False,
    despite_unfinished: DespiteUnfinished = False,
    as_json: AsJson = False,
    prefect: UsePrefect = False,
) -> None:
    """Find who is who and write the plan; the site is not touched."""
    wanted = _Wanted(exports, config, site, run, mapped, encoding, wait, despite_unfinished, as_json, prefect)
    settings = _settings(wanted)
    planned, summary = _plan(settings, wanted)
    if not _nothing_to_do(planned):
        say(f"\nNothing has been written. Next:  onefold apply {planned.folder}")
    _finish(summary, planned, as_json)


@app.command()
def apply(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a planned run.")],
    config: Config = None,
    only: Only = None,
    limit: Annotated[int | None, typer.Option("--limit", metavar="N", min=1, help="At most so many people.")] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Begin nothing after this: 17:30, or a date and time.")
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option("--concurrency", metavar="N", min=1, max=32, help="So many people side by side.")
    ] = None,
    no_preview: Annotated[
        bool, typer.Option("--no-preview", help="Do not preview merges: fewer calls, one check less.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")] = False,
    over_budget: OverBudget = False,
    site: SiteAgain = None,
    wait: Wait = False,
    yes: Yes = False,
    as_json: AsJson = False,
    prefect: UsePrefect = False,
) -> None:
    """Apply a planned run, as it was planned. Repeated, it goes on where it was interrupted."""
    from connectors.store.run_folder import Run
    from flows.engine.right_site import planned_settings
    from flows.settings import load_settings

    planned = Run.opened(run)
    settings = load_settings(config)
    planned_settings(planned, settings, site=site)  # refused before anything is shown or asked
    wanted: dict[str, Any] = {"limit": limit, "until": moment(until)}
    wanted["only"] = frozenset(_clusters(planned, only))
    if concurrency is not None:
        wanted["concurrency"] = concurrency
    if no_preview:
        wanted["preview"] = False
    _show_plan(planned, as_json)
    if dry_run:
        say("\nNothing has been written: this was a dry run.")
        _finish(_report(planned), planned, as_json)
    if not yes and not _nothing_to_do(planned) and not _agreed_to_apply(planned):
        _finish(_report(planned), planned, as_json)
    apply_too = _Apply(over_budget=over_budget, wait=wait, as_json=as_json, prefect=prefect, config=config, site=site)
    _apply(planned, settings, wanted, apply_too)


def _clusters(run: Run, only: list[str] | None) -> list[str]:
    """The clusters that were named, each one of the plan's."""
    known = set(run.table("plan")["cluster"])
    for cluster in only or []:
        if cluster not in known:
            raise UsageError(f"The plan has nothing to do for a cluster {cluster!r}. The report names them.")
    return only or []


@app.command()
def rehearse(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a planned run.")],
    config: Config = None,
    site: SiteAgain = None,
    as_json: AsJson = False,
) -> None:
    """Apply a planned run to a copy of its site, and show what came of it. The site itself is not touched."""
    from connectors.store.run_folder import Run
    from flows.commands.rehearse import rehearse as rehearsed
    from flows.engine.pipeline import apply_options
    from flows.engine.right_site import planned_settings
    from flows.settings import load_settings

    planned = Run.opened(run)
    settings = planned_settings(planned, load_settings(config), site=site)
    shown = StageProgress()
    rehearsal = shown(
        "copy the site and apply", rehearsed, planned, settings, apply_options(settings), progress=shown.advance
    )
    answer(rehearsal.text(), facts=rehearsal.facts(), as_json=as_json)
    raise typer.Exit(0 if rehearsal.is_as_planned else EXIT_WITH_CASES)


@app.command()
def undo(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of an applied run.")],
    config: Config = None,
    only: Only = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be undone, and do nothing.")] = False,
    over_budget: Annotated[
        bool, typer.Option("--over-budget", help="Delete more contacts than the settings allow.")
    ] = False,
    site: SiteAgain = None,
    wait: Wait = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Take a run back, but for what others have changed since. Repeated, it goes on where it was interrupted."""
    from connectors.store.run_folder import Run
    from flows.engine.undoing import prepared, undo_run, undo_settings
    from flows.settings import load_settings
    from flows.sites import shown_site

    applied = Run.opened(run)
    settings = undo_settings(applied, load_settings(config), site=site)
    shown = StageProgress()
    steps = shown("look at what others have changed since", prepared, applied, settings, only=_clusters(applied, only))
    (say if as_json else answer)(f"\nUndo {applied.name}  site: {shown_site(settings.site.url)}\n\n{steps.text()}")
    if dry_run or not (yes or is_agreed("Undo this", f"onefold undo {applied.folder} --yes")):
        raise typer.Exit(0)
    with stopping() as stopped:
        summary = shown(
            "undo", undo_run, applied, settings, steps,
            over_budget=over_budget, wait=wait, stopped=stopped, progress=shown.advance,
        )  # fmt: skip
    answer(
        f"\nUndone: {summary.deleted} deleted, {summary.restored} restored, "
        f"{summary.recreated} created again, {summary.unlabelled} unlabelled; "
        f"{summary.left} people left as they are.\nEach step: {summary.report}",
        facts=summary.to_json(),
        as_json=as_json,
    )
    raise typer.Exit(EXIT_WITH_CASES if summary.left else 0)


@app.command()
def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")],
    xlsx: Annotated[
        bool, typer.Option("--xlsx", help="Write review.xlsx, too: the cases that wait, to be filled in.")
    ] = False,
    redact: Annotated[
        bool, typer.Option("--redact", help="Write the audit without personal data, too: audit-redacted.csv …")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write a run's report again, and say where it is."""
    from connectors.store.run_folder import Run

    planned = Run.opened(run)
    if xlsx:
        from flows.commands.decide import write_review

        write_review(planned)
    if redact:
        from flows.engine.reporting import write_redacted

        write_redacted(planned)
    summary = _report(planned)
    _show_plan(planned, as_json)
    _finish(summary, planned, as_json)


@dataclass(frozen=True)
class _Wanted:
    """Options of planning."""

    exports: list[str] | None
    config: Path | None
    site: str | None
    folder: Path | None
    mapped: list[str] | None
    encoding: str | None
    wait: bool
    despite_unfinished: bool
    as_json: bool
    prefect: bool


def _settings(wanted: _Wanted) -> Settings:
    """The settings of a plan: the file, the environment, and what the command line says."""
    from flows.settings import load_settings

    columns = mapped_columns(wanted.mapped)
    settings = load_settings(wanted.config).with_site(wanted.site).with_exports(wanted.exports or [])
    is_told = wanted.site is not None or wanted.config is not None or Path("onefold.toml").exists()
    if not any(source.files for source in settings.source) and not is_told:
        raise UsageError(
            "There is nothing to read. Give exports, or --config FILE, or --site to clean a site by itself."
        )
    return settings.with_columns(columns).with_encoding(wanted.encoding)


def _plan(settings: Settings, wanted: _Wanted) -> tuple[Run, RunSummary]:
    """Plans a run, shows the plan, and returns the run and its summary."""
    from connectors.store.run_folder import Run
    from flows.engine.pipeline import plan_run
    from flows.engine.summaries import RunSummary

    more = {"wait": wanted.wait, "despite_unfinished": wanted.despite_unfinished}
    if through_prefect(wanted.prefect):
        from flows.plan import plan as plan_flow

        with reaching_prefect():
            answered = plan_flow(
                wanted.exports,
                str(wanted.config) if wanted.config else None,
                wanted.site,
                str(wanted.folder) if wanted.folder else None,
                mapped_columns(wanted.mapped),
                wanted.encoding,
                **more,
            )
        summary = RunSummary.model_validate(answered)
        run = Run.opened(Path(summary.run))
    else:
        run = Run.new(wanted.folder)
        summary = plan_run(settings, run, StageProgress(), **more)
    _show_plan(run, wanted.as_json)
    return run, summary


def _finish_broken_off(settings: Settings, how: _Apply) -> None:
    """Applies the rest of the runs that were broken off on the site of the settings."""
    from flows.engine.pipeline import apply_run
    from flows.engine.right_site import unfinished_runs

    for unfinished in unfinished_runs(settings):
        if (broken_off := unfinished.broken_off()) is not None:
            say(f"Run {broken_off.name} in {broken_off.folder} was broken off: it is finished first.")
            with stopping() as stopped:
                options = replace(_options(broken_off, settings, how), stopped=stopped)
                apply_run(broken_off, settings, StageProgress(), options=options, site=how.site, wait=how.wait)


@dataclass(frozen=True)
class _Apply:
    """Options of applying."""

    over_budget: bool
    wait: bool
    as_json: bool
    prefect: bool
    config: Path | None
    site: str | None


def _options(run: Run, settings: Settings, how: _Apply) -> Options:
    from flows.engine.pipeline import apply_options
    from flows.engine.right_site import planned_settings

    return apply_options(planned_settings(run, settings, site=how.site))


def _apply(run: Run, settings: Settings, wanted: dict[str, Any], how: _Apply) -> None:
    from flows.engine.summaries import RunSummary

    if through_prefect(how.prefect):
        if any(wanted.values()) or wanted.get("preview") is False:
            raise UsageError(
                "Through Prefect a plan is applied as the settings say: set [apply] there, or leave Prefect."
            )
        from flows.apply import apply as apply_flow

        with reaching_prefect():
            answered = apply_flow(
                str(run.folder), str(how.config) if how.config else None, how.over_budget, how.site, wait=how.wait
            )
        summary = RunSummary.model_validate(answered)
    else:
        from flows.engine.pipeline import apply_run

        shown = StageProgress(total=len(run.table("plan").filter(state="auto")))
        with stopping() as stopped:
            summary = apply_run(
                run,
                settings,
                shown,
                options=replace(_options(run, settings, how), **wanted, stopped=stopped),
                over_budget=how.over_budget,
                site=how.site,
                wait=how.wait,
                progress=shown.advance,
            )
            if stopped():
                say(f"\nStopped. {summary.left} operations are left:  onefold apply {run.folder}")
    (say if how.as_json else answer)(
        f"\nApplied: {summary.created} created, {summary.merged} merged away, {summary.updated} updated, "
        f"{summary.labelled} labelled; {summary.held} held, {summary.failed} failed"
        + (f", {summary.left} left." if summary.left else ".")
    )
    _finish(summary, run, how.as_json)


def _finish(summary: RunSummary, run: Run, as_json: bool) -> None:
    """Says where the report is, prints the summary as JSON when asked, and ends with the exit code that is due."""
    answer(f"Report: {summary.report}", facts=summary.to_json(), as_json=as_json)
    unreadable = any(file.problem is not None for file in run.facts().files)
    raise typer.Exit(EXIT_WITH_CASES if summary.held or summary.failed or unreadable else 0)


def _report(run: Run) -> RunSummary:
    from flows.engine.reporting import report as write

    return write(run)


def _nothing_to_do(run: Run) -> bool:
    from transforms.plan.audit import counts

    return counts(run.table("plan")).is_nothing()


def _agreed_to_apply(run: Run) -> bool:
    return is_agreed("Apply this plan", f"onefold apply {run.folder} --yes")


def _show_plan(run: Run, as_json: bool) -> None:
    from flows.cli.plan_summary import plan_summary

    (say if as_json else answer)(plan_summary(run))


def main() -> None:
    """The entry point: every error a user may see is one sentence, with its exit code."""
    os.umask(0o077)  # what is written holds personal data
    try:
        app(prog_name="onefold")
    except OnefoldError as error:
        say(f"onefold: {error}")
        sys.exit(error.exit_code)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        say(f"onefold: {where}{error.strerror or error}. What was done before is on record.")
        sys.exit(1)
    except Exception as error:
        if (sentence := system_problem(error)) is None:
            raise
        say(f"onefold: {sentence}. What was done before is on record.")
        sys.exit(1)
    except KeyboardInterrupt:
        say("onefold: stopped. What was done is on record; the same command goes on.")
        sys.exit(1)

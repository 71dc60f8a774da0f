"""The command line. Heavy parts are imported when a command runs, so that `--help` is quick."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from flows.cli.options import (
    AsJson,
    Config,
    DespiteUnfinished,
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
)
from flows.cli.terminal import _agreed, _answer, _moment, _of_the_system, _say, _Shown, _stopping
from flows.cli.through_prefect import _reaching_prefect, _through_prefect
from transforms.schema.errors import OnefoldError, RunError, UsageError

if TYPE_CHECKING:
    from connectors.store.run_folder import Run
    from flows.engine.options import Options
    from flows.settings import Settings

HELD = 3
"""Exit code of a run that came to its end with something held, failed or unreadable."""

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


site_app = typer.Typer(help="Look at a site, copy it, write it to a file.", no_args_is_help=True)
app.add_typer(site_app, name="site")


@app.command()
def migrate(
    exports: Exports = None,
    config: Config = None,
    site: SiteUrl = None,
    run: RunFolder = None,
    mapped: Mapped = None,
    over_budget: OverBudget = False,
    wait: Wait = False,
    despite_unfinished: DespiteUnfinished = False,
    yes: Yes = False,
    as_json: AsJson = False,
    prefect: UsePrefect = False,
) -> None:
    """Plan, show the plan, ask, apply, report. With --yes, a run that was broken off on this site is finished first."""
    from flows.engine.right_site import site_held

    wanted = _Wanted(exports, config, site, run, mapped, wait, despite_unfinished, as_json, prefect)
    settings = _settings(wanted)
    apply_too = _Apply(over_budget=over_budget, wait=wait, as_json=as_json, prefect=prefect, config=config, site=site)
    with ExitStack() as stack:
        if yes and not _through_prefect(prefect):  # nobody is asked, so nothing comes between plan and apply
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
    wait: Wait = False,
    despite_unfinished: DespiteUnfinished = False,
    as_json: AsJson = False,
    prefect: UsePrefect = False,
) -> None:
    """Find who is who and write the plan; the site is not touched."""
    wanted = _Wanted(exports, config, site, run, mapped, wait, despite_unfinished, as_json, prefect)
    settings = _settings(wanted)
    planned, summary = _plan(settings, wanted)
    if not _nothing_to_do(planned):
        _say(f"\nNothing has been written. Next:  onefold apply {planned.folder}")
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
    wanted: dict[str, Any] = {"limit": limit, "until": _moment(until)}
    wanted["only"] = frozenset(_clusters(planned, only))
    if concurrency is not None:
        wanted["concurrency"] = concurrency
    if no_preview:
        wanted["preview"] = False
    _show_plan(planned, as_json)
    if dry_run:
        _say("\nNothing has been written: this was a dry run.")
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
    shown = _Shown()
    told = shown(
        "copy the site and apply", rehearsed, planned, settings, apply_options(settings), progress=shown.advance
    )
    _answer(told.text(), facts=told.facts(), as_json=as_json)
    raise typer.Exit(0 if told.is_as_planned else HELD)


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
    from flows.engine.pipeline import stricter
    from flows.engine.right_site import planned_settings
    from flows.engine.undoing import prepared, undo_run
    from flows.settings import load_settings
    from flows.sites import shown_site

    applied = Run.opened(run)
    current = load_settings(config)
    settings = planned_settings(applied, current, site=site)
    settings = settings.model_copy(update={"apply": stricter(settings.apply, current.apply)})
    shown = _Shown()
    found = shown("look at what others have changed since", prepared, applied, settings, only=_clusters(applied, only))
    (_say if as_json else _answer)(f"\nUndo {applied.name}  site: {shown_site(settings.site.url)}\n\n{found.text()}")
    if dry_run or not (yes or _agreed("Undo this", f"onefold undo {applied.folder} --yes")):
        raise typer.Exit(0)
    with _stopping() as stopped:
        summary = shown(
            "undo", undo_run, applied, settings, found,
            over_budget=over_budget, wait=wait, stopped=stopped, progress=shown.advance,
        )  # fmt: skip
    _answer(
        f"\nUndone: {summary['deleted']} deleted, {summary['restored']} restored, "
        f"{summary['recreated']} created again, {summary['unlabelled']} unlabelled; "
        f"{summary['left']} people left as they are.\nEach step: {summary['report']}",
        facts=summary,
        as_json=as_json,
    )
    raise typer.Exit(HELD if summary["left"] else 0)


@app.command()
def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")], as_json: AsJson = False
) -> None:
    """Write a run's report again, and say where it is."""
    from connectors.store.run_folder import Run

    planned = Run.opened(run)
    summary = _report(planned)
    _show_plan(planned, as_json)
    _finish(summary, planned, as_json)


@app.command()
def match(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="A table with one row a record.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where id,cluster_id of every row goes.")],
    id_column: Annotated[
        str | None,
        typer.Option("--id", metavar="COLUMN", help="The column with the row's id (default: the row's number)."),
    ] = None,
    match_on: Annotated[
        list[str] | None,
        typer.Option("--match-on", metavar="COLUMN", help="A further column that identifies a person; repeatable."),
    ] = None,
    region: Annotated[
        str | None,
        typer.Option("--region", metavar="XX", help="The country of phones without a country code."),
    ] = None,
    decisions: Annotated[
        Path | None,
        typer.Option("--decisions", metavar="FILE", help="What people decided, with the ids of this file as records."),
    ] = None,
    index: Annotated[
        Path | None,
        typer.Option("--index", metavar="DIR", help="Match against known records kept here, and add these to them."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file that --out names.")] = False,
    as_json: AsJson = False,
) -> None:
    """Find the duplicates of one file: every row, in order, with its cluster."""
    from flows.commands.match import match_file

    summary = match_file(
        file,
        out,
        id_column=id_column,
        match_on=match_on or [],
        region=region,
        decisions=decisions,
        index=index,
        force=force,
        stage=_Shown(),
    )
    lines = [
        f"{summary['records']} rows are {summary['clusters']} people; {summary['duplicates']} are duplicates. "
        f"Written to {out}."
    ]
    lines += [
        f"The known clusters {stays} and {gone} are one person: {gone} is {stays} from now on."
        for stays, gone in summary.get("joined", [])
    ]
    lines += [f"Not honoured: {reason}." for reason in summary.get("not_honoured", [])]
    _answer("\n".join(lines), facts=summary, as_json=as_json)


@app.command()
def check(
    exports: Exports = None,
    config: Config = None,
    mapped: Mapped = None,
    dns: Annotated[
        bool, typer.Option("--check-dns", help="Ask name servers whether the e-mails' domains take mail.")
    ] = False,
    show_values: Annotated[
        bool, typer.Option("--show-values", help="Show examples whole; else only their shape is shown.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what exports are taken for and what is wrong with them. Nothing is written."""
    from flows.commands.check import check_exports
    from flows.settings import load_settings

    settings = load_settings(config).with_exports(exports or []).with_columns(_columns(mapped))
    if not any(one.files for one in settings.source):
        raise UsageError("There is nothing to check. Give exports, or --config FILE with sources.")
    checked = _Shown()("read and normalise the exports", check_exports, settings, dns=dns)
    facts = checked.facts(show_values=show_values)
    _answer(checked.text(show_values=show_values), facts=facts, as_json=as_json)
    raise typer.Exit(0 if checked.is_sound else HELD)


@app.command()
def explain(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a planned run.")],
    record: Annotated[
        str, typer.Argument(metavar="RECORD", help="A record (source:row or site:contact-id), or a cluster's id.")
    ],
    other: Annotated[
        str | None, typer.Argument(metavar="[RECORD]", help="A second one: why the two are one person, or are not.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the evidence for a pair of records, or what holds the cluster of one together."""
    from connectors.store.run_folder import Run
    from flows.engine.explaining import explain as explained
    from flows.engine.explaining import facts

    told = explained(Run.opened(run), record, other)
    _answer(told.text(), facts=facts(told), as_json=as_json)


@app.command()
def decide(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a planned run.")],
    verdict: Annotated[Literal["together", "apart"], typer.Argument(metavar="together|apart", help="What they are.")],
    records: Annotated[list[str], typer.Argument(metavar="RECORD", help="Two records or more.")],
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Why.")] = "",
    by: Annotated[
        str | None, typer.Option("--by", metavar="NAME", help="Who decided (default: who is logged in).")
    ] = None,
) -> None:
    """Write down whether records are one person; every later plan honours it."""
    from connectors.store.run_folder import Run
    from flows.commands.decide import decide as decided

    path = decided(Run.opened(run), verdict, records, by=by, note=note)
    _answer(f"Written to {path}. Plan again to have it honoured.")


@app.command()
def calibrate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a planned run.")],
    precision: Annotated[
        float, typer.Option("--precision", min=0.5, max=1, help="Wanted of the pairs that are joined.")
    ] = 0.99,
    recall: Annotated[
        float, typer.Option("--recall", min=0, max=1, help="Wanted of the pairs that are joined or looked at.")
    ] = 0.99,
    as_json: AsJson = False,
) -> None:
    """Show what to expect at each threshold, by the model and by what people decided, and propose thresholds."""
    from connectors.store.run_folder import Run
    from flows.commands.calibrate import calibrate as calibrated

    told = calibrated(Run.opened(run), precision=precision, recall=recall)
    _answer(told.text(), facts=told.facts(), as_json=as_json)


@site_app.command("load")
def site_load(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE.jsonl", help="Contacts as the Contacts API writes them, one a line."),
    ],
    site: Annotated[str, typer.Option("--site", metavar="URL", help="The embedded site to make: local:PATH.")],
) -> None:
    """Make an embedded site from a file of contacts."""
    from connectors.local import read_contacts
    from flows.sites import embedded, embedded_path

    path = embedded_path(site)
    if path.exists():
        raise UsageError(f"{path} is there already. Choose another file or remove it first.")
    contacts, labels, fields = read_contacts(file)
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with embedded(f"local:{part}", create=True) as made:  # it takes its place when it is whole
        count = made.load(contacts, labels, fields)
    part.rename(path)
    _answer(f"{site} has {count} contacts.")


@site_app.command("check")
def site_check(site: SiteUrl = None, config: Config = None, as_json: AsJson = False) -> None:
    """Show whether key, site and permissions work, and what is there. Nothing is changed."""
    from flows.commands.inspect_site import check_site
    from flows.settings import load_settings

    checked = check_site(load_settings(config).with_site(site))
    _answer(checked.text(), facts=checked.facts(), as_json=as_json)
    if not checked.works:
        raise RunError("The key lacks a permission. Give it the ones marked 'no', then check again.")


@site_app.command("stats")
def site_stats(site: SiteUrl = None, config: Config = None, as_json: AsJson = False) -> None:
    """Count what a site holds."""
    from flows.commands.inspect_site import count_site
    from flows.settings import load_settings

    shown = _Shown()
    counted = shown("read the site", count_site, load_settings(config).with_site(site), shown.advance)
    _answer(counted.text(), facts=counted.facts(), as_json=as_json)


@site_app.command("pull")
def site_pull(
    to: Annotated[str, typer.Option("--to", metavar="URL", help="The copy to make: local:PATH.")],
    site: SiteUrl = None,
    config: Config = None,
) -> None:
    """Copy a site to an embedded one. Interrupted, the same command goes on."""
    from flows.commands.copy_site import pull
    from flows.settings import load_settings

    shown = _Shown()
    count = shown("pull the site", pull, load_settings(config).with_site(site), to, shown.advance)
    _answer(f"{to} has {count} contacts.")


@site_app.command("export")
def site_export(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="A new .csv, .parquet or .vcf file.")],
    site: SiteUrl = None,
    config: Config = None,
) -> None:
    """Write all contacts of a site to a file."""
    from flows.commands.copy_site import export
    from flows.settings import load_settings

    shown = _Shown()
    count = shown("read the site", export, load_settings(config).with_site(site), out, shown.advance)
    _answer(f"{out} has {count} contacts. They are personal data: delete the file when it is no longer needed.")


@app.command()
def serve(
    site: SiteUrl = None,
    config: Config = None,
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port; 0 takes a free one.")] = 8080,
    api_key: Annotated[
        str | None, typer.Option("--api-key", metavar="KEY", help="The only key to let in (default: any key).")
    ] = None,
    chaos: Annotated[
        Path | None, typer.Option("--chaos", metavar="FILE.toml", help="Faults to have, for rehearsals.")
    ] = None,
    webhook: Annotated[str | None, typer.Option("--webhook", metavar="URL", help="Where events are posted.")] = None,
    webhook_key: Annotated[
        Path | None,
        typer.Option("--webhook-key", metavar="FILE.pem", help="A private RSA key; events are then signed tokens."),
    ] = None,
    seed: Annotated[
        bool, typer.Option("--seed", help="Let contacts be planted as they are, members too (POST /onefold/seed).")
    ] = False,
) -> None:
    """Serve an embedded site over HTTP, exactly as the Contacts API speaks. Ctrl-C ends it."""
    from flows.commands.serve import serve_site
    from flows.settings import load_settings
    from flows.sites import shown_site

    url = load_settings(config).with_site(site).site.url
    with suppress(KeyboardInterrupt):
        serve_site(
            url,
            host=host,
            port=port,
            api_key=api_key,
            chaos=chaos,
            webhook=webhook,
            webhook_key=webhook_key,
            seed=seed,
            started=lambda address: _say(f"Serving {shown_site(url)} at {address}  (documentation: {address}/docs)"),
        )


@dataclass(frozen=True)
class _Wanted:
    """What the command line says of a plan."""

    exports: list[str] | None
    config: Path | None
    site: str | None
    folder: Path | None
    mapped: list[str] | None
    wait: bool
    despite_unfinished: bool
    as_json: bool
    prefect: bool


def _settings(wanted: _Wanted) -> Settings:
    """The settings of a plan: the file, the environment, and what the command line says."""
    from flows.settings import load_settings

    columns = _columns(wanted.mapped)
    settings = load_settings(wanted.config).with_site(wanted.site).with_exports(wanted.exports or [])
    is_told = wanted.site is not None or wanted.config is not None or Path("onefold.toml").exists()
    if not any(one.files for one in settings.source) and not is_told:
        raise UsageError(
            "There is nothing to read. Give exports, or --config FILE, or --site to clean a site by itself."
        )
    return settings.with_columns(columns)


def _plan(settings: Settings, wanted: _Wanted) -> tuple[Run, dict[str, Any]]:
    """Plans a run, shows the plan, and returns the run and its summary."""
    from connectors.store.run_folder import Run
    from flows.engine.pipeline import plan_run

    more = {"wait": wanted.wait, "despite_unfinished": wanted.despite_unfinished}
    if _through_prefect(wanted.prefect):
        from flows.plan import plan as plan_flow

        with _reaching_prefect():
            summary = plan_flow(
                wanted.exports,
                str(wanted.config) if wanted.config else None,
                wanted.site,
                str(wanted.folder) if wanted.folder else None,
                _columns(wanted.mapped),
                **more,
            )
        run = Run.opened(Path(summary["run"]))
    else:
        run = Run.new(wanted.folder)
        summary = plan_run(settings, run, _Shown(), **more)
    _show_plan(run, wanted.as_json)
    return run, summary


def _finish_broken_off(settings: Settings, how: _Apply) -> None:
    """Applies the rest of the runs that were broken off on the site of the settings."""
    from connectors.store.memory import RUNNING
    from flows.engine.pipeline import apply_run
    from flows.engine.right_site import unfinished_runs

    for one in unfinished_runs(settings):
        if one.run is not None and one.begun.state == RUNNING:
            _say(f"Run {one.run.name} in {one.begun.folder} was broken off: it is finished first.")
            with _stopping() as stopped:
                options = replace(_options(one.run, settings, how), stopped=stopped)
                apply_run(one.run, settings, _Shown(), options=options, site=how.site, wait=how.wait)


def _columns(mapped: list[str] | None) -> dict[str, str]:
    """Columns and the fields they are to go to, from `COLUMN=FIELD`."""
    pairs = [one.rpartition("=") for one in mapped or []]
    for column, equals, place in pairs:
        if not (column.strip() and equals and place.strip()):
            raise UsageError('--map takes "COLUMN=FIELD", for example --map "Handle=nickname".')
    return {column.strip(): place.strip() for column, _, place in pairs}


@dataclass(frozen=True)
class _Apply:
    """What the command line says of applying."""

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
    if _through_prefect(how.prefect):
        if any(wanted.values()) or wanted.get("preview") is False:
            raise UsageError(
                "Through Prefect a plan is applied as the settings say: set [apply] there, or leave Prefect."
            )
        from flows.apply import apply as apply_flow

        with _reaching_prefect():
            summary = apply_flow(
                str(run.folder), str(how.config) if how.config else None, how.over_budget, how.site, wait=how.wait
            )
    else:
        from flows.engine.pipeline import apply_run

        shown = _Shown(total=len(run.table("plan").filter(state="auto")))
        with _stopping() as stopped:
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
                _say(f"\nStopped. {summary['left']} operations are left:  onefold apply {run.folder}")
    (_say if how.as_json else _answer)(
        f"\nApplied: {summary['created']} created, {summary['merged']} merged away, {summary['updated']} updated, "
        f"{summary['labelled']} labelled; {summary['held']} held, {summary['failed']} failed"
        + (f", {summary['left']} left." if summary["left"] else ".")
    )
    _finish(summary, run, how.as_json)


def _finish(summary: dict[str, Any], run: Run, as_json: bool) -> None:
    """Says where the report is, prints the summary as JSON when asked, and ends with the exit code that is due."""
    _answer(f"Report: {summary['report']}", facts=summary, as_json=as_json)
    unreadable = any("problem" in one for one in run.facts().get("files", []))
    raise typer.Exit(HELD if summary["held"] or summary["failed"] or unreadable else 0)


def _report(run: Run) -> dict[str, Any]:
    from flows.engine.reporting import report as write

    return write(run)


def _nothing_to_do(run: Run) -> bool:
    from transforms.plan.audit import counts, nothing_to_do

    return nothing_to_do(counts(run.table("plan")))


def _agreed_to_apply(run: Run) -> bool:
    return _agreed("Apply this plan", f"onefold apply {run.folder} --yes")


def _show_plan(run: Run, as_json: bool) -> None:
    from flows.cli.plan_summary import plan_summary

    (_say if as_json else _answer)(plan_summary(run))


def main() -> None:
    """The entry point: every error a user may see is one sentence, with its exit code."""
    os.umask(0o077)  # what is written holds personal data
    try:
        app()
    except OnefoldError as error:
        _say(f"onefold: {error}")
        sys.exit(error.exit_code)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _say(f"onefold: {where}{error.strerror or error}. What was done before is on record.")
        sys.exit(1)
    except Exception as error:
        if (sentence := _of_the_system(error)) is None:
            raise
        _say(f"onefold: {sentence}. What was done before is on record.")
        sys.exit(1)
    except KeyboardInterrupt:
        _say("onefold: stopped. What was done is on record; the same command goes on.")
        sys.exit(1)

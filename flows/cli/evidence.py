"""Commands about evidence: why records are one person, what people decided, what thresholds do."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

import typer

from flows.cli.options import EXIT_WITH_CASES, AsJson, Config, SiteUrl
from flows.cli.terminal import StageProgress, answer, say
from transforms.schema.errors import UsageError

evidence_app = typer.Typer()
audit_app = typer.Typer(help="The audit of a run.", no_args_is_help=True)


@evidence_app.command()
def explain(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a planned run.")],
    record: Annotated[
        str,
        typer.Argument(
            metavar="RECORD", help="A record (source:row or site:contact-id), a cluster's id, a name, or an e-mail."
        ),
    ],
    record_two: Annotated[
        str | None, typer.Argument(metavar="[RECORD]", help="A second one: why the two are one person, or are not.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the evidence for a pair of records, or what holds the cluster of one together."""
    from connectors.store.run_folder import Run
    from flows.engine.explaining import explain as explained
    from flows.engine.explaining import facts

    evidence = explained(Run.opened(run), record, record_two)
    answer(evidence.text(), facts=facts(evidence), as_json=as_json)


@evidence_app.command()
def decide(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a planned run.")],
    verdict: Annotated[
        Literal["together", "apart"] | None, typer.Argument(metavar="[together|apart]", help="What they are.")
    ] = None,
    records: Annotated[list[str] | None, typer.Argument(metavar="[RECORD…]", help="Two records or more.")] = None,
    filled: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="Take the decisions of a filled review.xlsx, CSV or JSON instead."),
    ] = None,
    is_list: Annotated[bool, typer.Option("--list", help="List the decisions about this run's site instead.")] = False,
    undo: Annotated[
        int | None, typer.Option("--undo", metavar="NUMBER", help="Take back the decision of this number (--list).")
    ] = None,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Why.")] = "",
    by: Annotated[
        str | None, typer.Option("--by", metavar="NAME", help="Who decided (default: who is logged in).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write down whether records are one person; every later plan honours it."""
    from connectors.store.run_folder import Run
    from flows.commands import decide as deciding

    ways = [bool(verdict or records), filled is not None, is_list, undo is not None]
    if sum(ways) != 1:
        raise UsageError("Say what they are and which (together crm:1 crm:2), or give one of --from, --list, --undo.")
    planned = Run.opened(run)
    if is_list:
        answer(
            deciding.listed(planned), facts={"decisions": deciding.decisions_of(planned).to_dicts()}, as_json=as_json
        )
    elif undo is not None:
        told = deciding.undo_decision(planned, undo)
        answer(told, facts={"taken_back": undo}, as_json=as_json)
    else:
        receipt = (
            deciding.decide_from(planned, filled, by=by)
            if filled is not None
            else deciding.decide(planned, str(verdict), records or [], by=by, note=note)
        )
        answer(receipt.text(), facts=receipt.facts(), as_json=as_json)


@evidence_app.command()
def review(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a planned run.")],
    site: SiteUrl = None,
    config: Config = None,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port; 0 takes a free one.")] = 0,
) -> None:
    """Review a run's cases in a browser on this machine: decide, plan again, apply. Ctrl-C ends it."""
    from connectors.store.run_folder import Run
    from flows.commands.review import Review, serve_review
    from flows.settings import load_settings

    found = StageProgress()("read the run", Review, Run.opened(run), load_settings(config), site)
    with suppress(KeyboardInterrupt):
        serve_review(found, port=port, started=lambda address: say(f"Review run {found.run.name} at {address}"))


@evidence_app.command()
def diff(
    before: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of an earlier planned run.")],
    after: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a later one.")],
    as_json: AsJson = False,
) -> None:
    """Show what differs between two plans: cases that are new, settled, or other than before."""
    from connectors.store.run_folder import Run
    from flows.commands.diff import compare_runs

    found = compare_runs(Run.opened(before), Run.opened(after))
    answer(found.text(), facts=found.facts(), as_json=as_json)


@evidence_app.command()
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

    calibration = calibrated(Run.opened(run), precision=precision, recall=recall)
    answer(calibration.text(), facts=calibration.facts(), as_json=as_json)


@audit_app.command()
def verify(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")],
    site: SiteUrl = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Check that the audit is whole and what was done; with --site, that the site shows it, value by value."""
    from connectors.store.run_folder import Run
    from flows.commands.audit import verify as verified
    from flows.settings import load_settings

    found = verified(Run.opened(run), load_settings(config), site=site, with_site=site is not None)
    answer(found.text(), facts=found.facts(), as_json=as_json)
    if found.findings:
        raise typer.Exit(EXIT_WITH_CASES)

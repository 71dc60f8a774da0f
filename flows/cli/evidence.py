"""Commands about evidence: why records are one person, what people decided, what thresholds do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from flows.cli.options import AsJson
from flows.cli.terminal import answer

evidence_app = typer.Typer()


@evidence_app.command()
def explain(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a planned run.")],
    record: Annotated[
        str, typer.Argument(metavar="RECORD", help="A record (source:row or site:contact-id), or a cluster's id.")
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
    answer(f"Written to {path}. Plan again to have it honoured.")


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

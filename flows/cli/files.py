"""Commands about files alone: what is in them, and who is who in one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.options import EXIT_WITH_CASES, AsJson, Config, EncodingOption, Exports, Mapped, mapped_columns
from flows.cli.terminal import StageProgress, answer
from transforms.schema.errors import UsageError

files_app = typer.Typer()


@files_app.command()
def match(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE…", help="Tables with one row a record, the most trusted first.")
    ],
    out: Annotated[
        Path,
        typer.Option("--out", metavar="FILE", help="Where id,cluster_id of every row goes: .csv, .parquet, .xlsx."),
    ],
    id_column: Annotated[
        str | None,
        typer.Option("--id", metavar="COLUMN", help="The column with the row's id (default: the row's number)."),
    ] = None,
    match_on: Annotated[
        list[str] | None,
        typer.Option("--match-on", metavar="COLUMN", help="A further column that identifies a person; repeatable."),
    ] = None,
    ignored: Annotated[
        list[str] | None,
        typer.Option("--ignore", metavar="COLUMN", help="A column that is left out; repeatable."),
    ] = None,
    region: Annotated[
        str | None,
        typer.Option("--region", metavar="XX", help="The country of phones without a country code."),
    ] = None,
    encoding: EncodingOption = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold", metavar="P", help="Join rows from this probability on (default: [match] auto, 0.9)."
        ),
    ] = None,
    link: Annotated[
        bool, typer.Option("--link", help="Join across the files alone: a person has one row a file at most.")
    ] = False,
    links: Annotated[
        Path | None, typer.Option("--links", metavar="FILE", help="Where the scored pairs go, with their evidence.")
    ] = None,
    golden: Annotated[
        Path | None, typer.Option("--golden", metavar="FILE", help="Where one folded row a person goes.")
    ] = None,
    review: Annotated[
        Path | None,
        typer.Option(
            "--review",
            metavar="FILE",
            help="Where doubtful pairs go, the most uncertain first; filled in: --decisions.",
        ),
    ] = None,
    households: Annotated[
        Path | None, typer.Option("--households", metavar="FILE", help="Where people who live together go.")
    ] = None,
    decisions: Annotated[
        Path | None,
        typer.Option("--decisions", metavar="FILE", help="What people decided, with the ids of this file as records."),
    ] = None,
    index: Annotated[
        Path | None,
        typer.Option("--index", metavar="DIR", help="Match against known records kept here, and add these to them."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there already.")] = False,
    as_json: AsJson = False,
) -> None:
    """Find who is who in one or several tables: every row, in order, with its cluster."""
    from flows.commands.match import Outputs, match_files

    outputs = Outputs(links, golden, review, households)
    summary = match_files(
        files,
        out,
        id_column=id_column,
        match_on=match_on or [],
        ignored=ignored or [],
        region=region,
        encoding=encoding,
        decisions=decisions,
        index=index,
        threshold=threshold,
        link=link,
        outputs=outputs,
        force=force,
        stage=StageProgress(),
    )
    lines = [
        f"{summary.records} rows are {summary.clusters} people; {summary.duplicates} are duplicates. Written to {out}."
    ]
    lines += [f"Written to {path}." for path in outputs.paths()]
    if summary.columns:
        lines.append(f"Compared as well: {', '.join(summary.columns)} (--ignore leaves one out).")
    lines += [
        f"The known clusters {stays} and {gone} are one person: {gone} is {stays} from now on."
        for stays, gone in summary.joined or []
    ]
    lines += [f"Look first: {doubt}." for doubt in summary.warnings]
    lines += [f"Not honoured: {reason}." for reason in summary.not_honoured]
    answer("\n".join(lines), facts=summary.to_json(), as_json=as_json)


@files_app.command()
def check(
    exports: Exports = None,
    config: Config = None,
    mapped: Mapped = None,
    encoding: EncodingOption = None,
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

    settings = load_settings(config).with_exports(exports or []).with_columns(mapped_columns(mapped))
    settings = settings.with_encoding(encoding)
    if not any(source.files for source in settings.source):
        raise UsageError("There is nothing to check. Give exports, or --config FILE with sources.")
    checked = StageProgress()("read and normalise the exports", check_exports, settings, dns=dns)
    facts = checked.facts(show_values=show_values)
    answer(checked.text(show_values=show_values), facts=facts, as_json=as_json)
    raise typer.Exit(0 if checked.is_sound else EXIT_WITH_CASES)


@files_app.command()
def formats(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="A format, to see what it reads.", show_default=False)
    ] = None,
    header: Annotated[
        str | None,
        typer.Option("--header", metavar="LINE", help="A header line, to see what it is taken for and where it goes."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the formats of exports, show what one reads, or try a header line on them."""
    from flows.commands.list_formats import list_formats, show_format, try_header

    if name is not None and header is not None:
        raise UsageError("Give either the name of a format or --header.")
    found = show_format(name) if name is not None else try_header(header) if header is not None else list_formats()
    answer(found.text(), facts=found.facts(), as_json=as_json)


@files_app.command()
def evaluate(
    clusters: Annotated[Path, typer.Argument(metavar="CLUSTERS", help="The clusters: CSV or Parquet.")],
    truth: Annotated[Path, typer.Argument(metavar="TRUTH", help="Who is who in truth: CSV or Parquet.")],
    id_column: Annotated[
        str | None, typer.Option("--id", metavar="COLUMN", help="Where CLUSTERS has the ids (default: by its name).")
    ] = None,
    cluster_column: Annotated[
        str | None, typer.Option("--cluster", metavar="COLUMN", help="Where it has the clusters.")
    ] = None,
    truth_id_column: Annotated[
        str | None, typer.Option("--truth-id", metavar="COLUMN", help="Where TRUTH has the ids (default: as CLUSTERS).")
    ] = None,
    entity_column: Annotated[
        str | None, typer.Option("--entity", metavar="COLUMN", help="Where it has the entities.")
    ] = None,
    links: Annotated[
        Path | None,
        typer.Option(
            "--links", metavar="FILE", help="Scored pairs, as match --links writes them: what was missed, why."
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", min=0, max=1, help="The probability from which pairs were joined (default: 0.9)."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hold clusters against a truth: pairwise, B-cubed and exact measures with intervals, and the mistakes by kind."""
    from flows.commands.evaluate import evaluate_files
    from transforms.match.parameters import AUTO

    evaluated = evaluate_files(
        clusters,
        truth,
        id_column=id_column,
        cluster_column=cluster_column,
        truth_id_column=truth_id_column,
        entity_column=entity_column,
        links=links,
        threshold=AUTO if threshold is None else threshold,
    )
    answer(evaluated.text(), facts=evaluated.facts(), as_json=as_json)

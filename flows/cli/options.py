"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from transforms.schema.errors import UsageError

Exports = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="EXPORT",
        help="Export files, folders or PATH=SOURCE-NAME, the most trusted first.",
        show_default=False,
    ),
]


Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Settings (default: onefold.toml, if it is here)."),
]


SiteUrl = Annotated[
    str | None,
    typer.Option(
        "--site",
        metavar="SITE",
        help="local:PATH, an embedded site (default: local:onefold.db); wix; or a service's address, http(s)://…",
    ),
]


SiteAgain = Annotated[
    str | None,
    typer.Option("--site", metavar="SITE", help="The run's site, where the settings do not name it."),
]


RunFolder = Annotated[
    Path | None,
    typer.Option("--run", metavar="DIR", help="Where the run's tables and report go (default: below runs/)."),
]


Mapped = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar='"COLUMN=FIELD"',
        help="Where a column goes, before what its format says: first name, emails.work, ignore, keep …; repeatable.",
    ),
]


EncodingOption = Annotated[
    str | None,
    typer.Option("--encoding", metavar="NAME", help="What text files are in (cp1252, utf-8 …); found when not given."),
]


Only = Annotated[
    list[str] | None, typer.Option("--only", metavar="CLUSTER", help="Only this person's operations; repeatable.")
]


Yes = Annotated[bool, typer.Option("--yes", "-y", help="Apply without asking.")]


OverBudget = Annotated[
    bool, typer.Option("--over-budget", help="Apply although the plan merges more than the settings allow.")
]


Wait = Annotated[bool, typer.Option("--wait", help="Wait while another run is at work on the site.")]


DespiteUnfinished = Annotated[
    bool, typer.Option("--despite-unfinished", help="Plan although an earlier run on this site was broken off.")
]


AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, and only that, on standard output.")]


UsePrefect = Annotated[
    bool, typer.Option("--prefect", help="Run as a Prefect flow (default: when PREFECT_API_URL is set).")
]


EXIT_WITH_CASES = 3
"""Exit code of a run that ended with cases waiting, failed or unreadable."""


def mapped_columns(mapped: list[str] | None) -> dict[str, str]:
    """Columns and the fields they are to go to, from `COLUMN=FIELD`."""
    pairs = [text.rpartition("=") for text in mapped or []]
    for column, equals, place in pairs:
        if not (column.strip() and equals and place.strip()):
            raise UsageError('--map takes "COLUMN=FIELD", for example --map "Handle=nickname".')
    return {column.strip(): place.strip() for column, _, place in pairs}

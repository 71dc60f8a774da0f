"""The page of all commands, `docs/commands.md`, made of what their `--help` says."""

from __future__ import annotations

import typer
from typer.cli import get_docs_for_click
from typer.main import get_command

from flows.cli.commands import app


def described() -> str:
    """The page, in Markdown."""
    command = get_command(app)
    context = typer.Context(command, info_name="onefold")
    page = get_docs_for_click(obj=command, ctx=context, name="onefold", title="Commands")
    note = "<!-- Written by `make commands` from what each command's --help says. -->"
    return page.strip().replace("# Commands\n", f"# Commands\n\n{note}\n", 1) + "\n"

"""The terminal: progress, answers, questions, and signals that end a run early."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, time, timedelta
from typing import Any

from rich.console import Console

from transforms.schema.errors import UsageError


def moment(text: str | None) -> datetime | None:
    """A time of today (or of tomorrow, when it is past), or a date and time; ours where no zone is given."""
    if text is None:
        return None
    now = datetime.now().astimezone()
    try:
        clock = time.fromisoformat(text)
    except ValueError:
        try:
            return datetime.fromisoformat(text).astimezone()
        except ValueError as error:
            raise UsageError(f"{text!r} is not a time. Give one like 17:30, or 2026-11-24T17:30.") from error
    at = datetime.combine(now.date(), clock, now.tzinfo)
    return at if at > now else at + timedelta(days=1)


@contextmanager
def stopping() -> Iterator[Callable[[], bool]]:
    """Whether somebody asked to stop: Ctrl-C or a SIGTERM. The second one stops at once."""
    asked: list[int] = []

    def ask(number: int, _: object) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        say("\nStopping after what is under way. Once more to stop at once.")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def is_agreed(what: str, later: str) -> bool:
    """Whether a person typed yes; the site cannot undo merges.

    Args:
        what: what is asked.
        later: the command that does it later.
    """
    print(f"\n{what}? Type yes: ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline()
    if not answer:
        say("")
        raise UsageError(f"Nobody answered, so nothing was done. Add --yes, or later: {later}")
    if answer.strip().casefold() == "yes":
        return True
    say(f"Nothing has been written. Next:  {later.removesuffix(' --yes')}")
    return False


def console() -> Console:
    """Standard error, as a console."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """Progress, questions and problems: to standard error."""
    from connectors.visible import visible

    console().print(visible(text), markup=False)


def answer(text: str, *, facts: object = None, as_json: bool = False) -> None:
    """Prints an answer to standard output: its text, or with `--json` its facts and the text beside it."""
    from connectors.visible import visible

    if as_json:
        say(text)
        print(json.dumps(facts))
    else:
        print(visible(text))


class StageProgress:
    """A stage runner that shows each stage's name, and a bar on a terminal."""

    def __init__(self, total: int | None = None) -> None:
        self.console = console()
        self._bar: Any = None
        self._total = total

    def __call__(self, title: str, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as `Stage`
        """Runs a stage, and shows its title and, where it counts, how far it is."""
        if not self.console.is_terminal:
            self.console.print(f"  {title} …", markup=False)
            return work(*args, **kwargs)
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        far = (MofNCompleteColumn(), TimeRemainingColumn()) if self._total is not None and title == "apply" else ()
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), *far, TimeElapsedColumn())
        with Progress(*columns, console=self.console, transient=True) as progress:
            task = progress.add_task(title, total=self._total if far else None)
            self._bar = (progress, task)
            return work(*args, **kwargs)

    def advance(self, count: int) -> None:
        """Shows how far the stage under way is."""
        if self._bar is not None:
            progress, task = self._bar
            progress.update(task, completed=count)


def system_problem(error: Exception) -> str | None:
    """Message of a refusal by the system, a full disk for example, inside a library's own error."""
    import sqlite3

    if isinstance(error, sqlite3.OperationalError):
        return str(error)
    text, mark, _ = str(error).partition(" (os error ")
    return text.rpartition(": ")[2] if mark else None

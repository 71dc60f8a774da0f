"""A run's folder: every table of the run, its journal and its reports."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from transforms.clustering import short_id
from transforms.errors import RunError

FACTS = "run.json"


class Run:
    """The folder of one run.

    Args:
        folder: where it is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def name(self) -> str:
        """What the run is called: the name it was planned under."""
        return str(self.facts().get("name") or self.folder.name)

    @classmethod
    def new(cls, folder: Path | None) -> Run:
        """A folder for a new run: the given one, which must not hold a planned run, or a new one below `runs`.

        Raises:
            RunError: the folder holds a run already, or cannot be made.
        """
        now = datetime.now(UTC)
        name = f"{now:%Y-%m-%d}-{short_id(now.isoformat())[:5]}"
        chosen = folder if folder is not None else Path("runs") / name
        if (chosen / FACTS).exists() and cls(chosen).facts().get("state") != "planning":
            raise RunError(f"{chosen} holds a run already. Choose another folder, or apply it: onefold apply {chosen}")
        try:
            chosen.mkdir(parents=True, exist_ok=True)
            (chosen / FACTS).write_text(json.dumps({"name": name, "state": "planning"}), "utf-8")
        except OSError as error:
            raise RunError(f"The run's folder {chosen} cannot be written: {error.strerror}.") from error
        return cls(chosen)

    @classmethod
    def opened(cls, folder: Path) -> Run:
        """A planned run.

        Raises:
            RunError: there is no planned run in the folder.
        """
        run = cls(folder)
        if not (folder / FACTS).is_file():
            raise RunError(f"There is no run in {folder}. Make one with: onefold plan")
        if run.facts().get("state") == "planning":
            raise RunError(f"The run in {folder} was never planned to its end. Plan again into another folder.")
        return run

    def save(self, name: str, table: pl.DataFrame) -> None:
        """Saves a table as `<name>.parquet`, whole or not at all."""
        path = self.folder / f"{name}.parquet"
        part = path.with_suffix(".part")
        table.write_parquet(part)
        part.replace(path)

    def table(self, name: str) -> pl.DataFrame:
        """A table of the run.

        Raises:
            RunError: the table is missing or damaged.
        """
        path = self.folder / f"{name}.parquet"
        try:
            return pl.read_parquet(path)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise RunError(f"The run's table {path} is missing or damaged. Plan again.") from error

    def facts(self) -> dict[str, Any]:
        """What is known of the run beside its tables."""
        try:
            known: dict[str, Any] = json.loads((self.folder / FACTS).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise RunError(f"{self.folder / FACTS} is missing or damaged.") from error
        return known

    def note(self, **facts: object) -> None:
        """Adds to what is known of the run."""
        path = self.folder / FACTS
        part = path.with_suffix(".part")
        part.write_text(json.dumps({**self.facts(), **facts}, indent=1), "utf-8")
        part.replace(path)

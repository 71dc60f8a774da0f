"""A run's folder: every table of the run, its journal and its reports.

`run.json` and the tables are written by the plan and sealed with their checksums; what is done with the plan afterwards
is noted in `apply.json`.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError

from connectors.private import private_folder, write_whole
from transforms.schema.errors import RunError
from transforms.schema.ids import short_id

FACTS = "run.json"
PROGRESS = "apply.json"
CHECKSUMS = "SHA256SUMS"
"""The checksums of `run.json` and the tables, in the format of `sha256sum`."""
PLANNING = "planning"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


class _Decisions(_Strict):
    file: str
    read: int
    of_nobody_here: int


class _File(_Strict):
    source: str
    file: str
    rows: int


class RunFacts(_Strict):
    """What `run.json` must hold of a planned run."""

    id: str
    name: str
    state: str
    site: str
    site_id: str | None
    site_identity: str | None
    site_contacts: int
    new_site: bool
    planned_at: str
    scope: str
    sources: list[str]
    files: list[_File]
    settings: dict[str, Any]
    auto: float
    review: float
    decisions: _Decisions
    calls: int
    minutes: float | None
    over_budget: str | None
    plan_seconds: float


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

    @property
    def id(self) -> str:
        """What no other run is called, whatever folder it is in."""
        return str(self.facts()["id"])

    @classmethod
    def new(cls, folder: Path | None) -> Run:
        """A folder for a new run: the given one, which must be new, empty, or of a plan that was broken off; or a new
        one below `runs`.

        Raises:
            RunError: the folder holds a run already or something else, or cannot be made.
        """
        now = datetime.now(UTC)
        name = f"{now:%Y-%m-%d}-{short_id(now.isoformat())[:5]}"
        chosen = folder if folder is not None else Path("runs") / name
        try:
            if (chosen / FACTS).exists():
                if cls(chosen).facts().get("state") != PLANNING:
                    raise RunError(
                        f"{chosen} holds a run already. Choose another folder, or apply it: onefold apply {chosen}"
                    )
            elif chosen.is_dir() and any(chosen.iterdir()):
                raise RunError(f"{chosen} is not empty and holds no run. Choose a new folder for the run.")
            if folder is None:
                private_folder(chosen.parent)
            private_folder(chosen)
            facts = {"id": uuid.uuid4().hex, "name": name, "state": PLANNING}
            with write_whole(chosen / FACTS) as part:
                part.write_text(json.dumps(facts), "utf-8")
        except OSError as error:
            raise RunError(f"The run's folder {chosen} cannot be written: {error.strerror}.") from error
        return cls(chosen)

    @classmethod
    def opened(cls, folder: Path) -> Run:
        """A planned run.

        Raises:
            RunError: there is no planned run in the folder, or what is there is not what a plan wrote.
        """
        run = cls(folder)
        if not (folder / FACTS).is_file():
            raise RunError(f"There is no run in {folder}. Make one with: onefold plan")
        facts = _json(folder / FACTS)
        if facts.get("state") == PLANNING:
            raise RunError(f"The run in {folder} was never planned to its end. Plan again into another folder.")
        try:
            RunFacts.model_validate(facts)
        except ValidationError as error:
            problem = error.errors()[0]
            where = ".".join(str(part) for part in problem["loc"])
            raise RunError(
                f"{folder / FACTS} is not what a plan of this version wrote ({where}: {problem['msg']}). Plan again."
            ) from error
        run._check(FACTS)
        return run

    def seal(self) -> None:
        """Writes down the checksums of `run.json` and of every table: from now on they are only read."""
        names = [FACTS, *sorted(path.name for path in self.folder.glob("*.parquet"))]
        with write_whole(self.folder / CHECKSUMS) as part:
            part.write_text("".join(f"{_checksum(self.folder / name)}  {name}\n" for name in names), "utf-8")

    def _check(self, name: str) -> None:
        """Refuses a file that is no longer what the plan wrote; while a run is still being planned, none is.

        Raises:
            RunError: it is not, or nobody knows.
        """
        if name == FACTS or (self.folder / CHECKSUMS).exists():
            try:
                lines = (self.folder / CHECKSUMS).read_text("utf-8").splitlines()
                known = {file: checksum for checksum, _, file in (line.partition("  ") for line in lines)}
                same = known.get(name) == _checksum(self.folder / name)
            except (OSError, ValueError) as error:
                raise RunError(f"{self.folder / CHECKSUMS} is missing or damaged. Plan again.") from error
            if not same:
                raise RunError(f"{self.folder / name} is not what the plan wrote: its checksum differs. Plan again.")

    def save(self, name: str, table: pl.DataFrame) -> None:
        """Saves a table as `<name>.parquet`, whole or not at all."""
        with write_whole(self.folder / f"{name}.parquet") as part:
            table.write_parquet(part)

    def table(self, name: str) -> pl.DataFrame:
        """A table of the run, as the plan wrote it.

        Raises:
            RunError: the table is missing, damaged, or not what the plan wrote.
        """
        path = self.folder / f"{name}.parquet"
        try:
            table = pl.read_parquet(path)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise RunError(f"The run's table {path} is missing or damaged. Plan again.") from error
        self._check(path.name)
        return table

    def facts(self) -> dict[str, Any]:
        """What is known of the run beside its tables: what the plan noted, and what was done since.

        Raises:
            RunError: a file of facts is missing or damaged.
        """
        planned = _json(self.folder / FACTS)
        done = _json(self.folder / PROGRESS) if (self.folder / PROGRESS).exists() else {}
        return {**done, **planned, "state": done.get("state", planned.get("state"))}

    def note(self, **facts: object) -> None:
        """Adds to what is known of the run: to the plan's facts until it is sealed, then to those of what is done."""
        path = self.folder / (PROGRESS if (self.folder / CHECKSUMS).exists() else FACTS)
        with write_whole(path) as part:
            part.write_text(json.dumps({**(_json(path) if path.exists() else {}), **facts}, indent=1), "utf-8")


def _json(path: Path) -> dict[str, Any]:
    try:
        known = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path} is missing or damaged.") from error
    if not isinstance(known, Mapping):
        raise RunError(f"{path} is missing or damaged.")
    return dict(known)


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

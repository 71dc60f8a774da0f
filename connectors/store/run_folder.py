"""A run's folder: every table of the run, its journal and its reports.

`run.json` and the tables are written by the plan and sealed with their checksums; what is done with the plan afterwards
is noted in `apply.json`.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError

from connectors.private import private_folder, write_whole
from connectors.store.run_facts import RunBegun, RunFacts, RunProgress, RunState
from transforms.schema.errors import RunError
from transforms.schema.ids import short_id
from transforms.schema.tables import (
    ADDRESSES,
    CLUSTERS,
    CONTACTS,
    DATE_ORDERS,
    DECISIONS,
    EMAILS,
    EXTRAS,
    FINGERPRINTS,
    IDENTIFIERS,
    IDENTITIES,
    LABELS,
    LOSSES,
    PAIRS,
    PHONES,
    PLAN,
    RECORDS,
    REJECTS,
    REPAIRS,
    Schema,
)

FACTS = "run.json"
PROGRESS = "apply.json"
Shape = TypeVar("Shape", bound=BaseModel)
CHECKSUMS = "SHA256SUMS"
"""The checksums of `run.json` and the tables, in the format of `sha256sum`."""
TABLES: Mapping[str, Schema] = {
    "records": RECORDS,
    "emails": EMAILS,
    "phones": PHONES,
    "addresses": ADDRESSES,
    "labels": LABELS,
    "extras": EXTRAS,
    "identifiers": IDENTIFIERS,
    "repairs": REPAIRS,
    "date_orders": DATE_ORDERS,
    "rejects": REJECTS,
    "identities": {**IDENTITIES, "is_decided": pl.Boolean},
    "fingerprints": FINGERPRINTS,
    "decisions": DECISIONS,
    "contacts": CONTACTS,
    "pairs": PAIRS,
    "clusters": CLUSTERS,
    "plan": PLAN,
    "losses": LOSSES,
}
"""The tables of a run, with the columns that each has at least."""


class Run:
    """The folder of one run.

    Args:
        folder: where it is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def name(self) -> str:
        """The name of the run, under which it was planned."""
        return self._begun().name

    @property
    def id(self) -> str:
        """The unique id of the run, whatever folder it is in."""
        return self._begun().id

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
                if cls(chosen)._begun().state != RunState.PLANNING:
                    raise RunError(
                        f"{chosen} holds a run already. Choose another folder, or apply it: onefold apply {chosen}"
                    )
            elif chosen.is_dir() and any(chosen.iterdir()):
                raise RunError(f"{chosen} is not empty and holds no run. Choose a new folder for the run.")
            if folder is None:
                private_folder(chosen.parent)
            private_folder(chosen)
            cls(chosen)._write(FACTS, RunBegun(id=uuid.uuid4().hex, name=name))
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
        if run._begun().state == RunState.PLANNING:
            raise RunError(f"The run in {folder} was never planned to its end. Plan again into another folder.")
        run.facts()
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
        missing = [column for column in TABLES[name] if column not in table.columns]
        if missing:
            raise RunError(f"The run's table {path} has no column {missing[0]}: it is another version's. Plan again.")
        return table

    def facts(self) -> RunFacts:
        """The facts of the plan.

        Raises:
            RunError: `run.json` is missing, damaged, or not what a plan of this version wrote.
        """
        return self._read(FACTS, RunFacts)

    def progress(self) -> RunProgress:
        """The facts of applying.

        Raises:
            RunError: `apply.json` is damaged.
        """
        return self._read(PROGRESS, RunProgress) if (self.folder / PROGRESS).exists() else RunProgress()

    def planned(self, facts: RunFacts) -> None:
        """Writes what the plan notes of the run, and seals it: from now on its tables are only read."""
        self._write(FACTS, facts)
        self.seal()

    def note(self, progress: RunProgress) -> None:
        """Writes what was done with the plan."""
        self._write(PROGRESS, progress)

    def _begun(self) -> RunBegun:
        known = self._read(FACTS, _Begun)
        return RunBegun(id=known.id, name=known.name, state=known.state)

    def _read(self, name: str, shape: type[Shape]) -> Shape:
        path = self.folder / name
        try:
            text = path.read_text("utf-8")
        except (OSError, ValueError) as error:
            raise RunError(f"{path} is missing or damaged.") from error
        try:
            return shape.model_validate_json(text)
        except ValidationError as error:
            problem = error.errors()[0]
            where = ".".join(str(part) for part in problem["loc"])
            raise RunError(
                f"{path} is not what a plan of this version wrote ({where or 'JSON'}: {problem['msg']}). Plan again."
            ) from error

    def _write(self, name: str, facts: BaseModel) -> None:
        with write_whole(self.folder / name) as part:
            part.write_text(facts.model_dump_json(indent=1), "utf-8")


class _Begun(RunBegun):
    """The same of a run in any state, whatever else is known of it."""

    model_config = ConfigDict(extra="ignore")


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

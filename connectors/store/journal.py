"""The journal of a run: what was about to be done, and what came of it, in a SQLite file in the run's folder.

A row is written before a call (its intent) and completed after it (its outcome), so that an interrupted run
knows which operations are done and which one it has to ask the site about. Intents are on the disk before the first of
their calls is made; several are written at once, because each writing waits for the disk.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import polars as pl

from connectors.sqlite import connected, transaction, written_ahead
from connectors.store.locking import locked
from transforms.schema.contact import Info
from transforms.schema.errors import RunError
from transforms.schema.operations import Outcome

VERSION = 2
_TABLES = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS entries (
    operation TEXT PRIMARY KEY, state TEXT NOT NULL, contact TEXT, after TEXT,
    revision_before INTEGER, revision_after INTEGER, attempts INTEGER NOT NULL, request TEXT,
    detail TEXT, opened TEXT NOT NULL, closed TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS images (
    cluster TEXT NOT NULL, contact TEXT NOT NULL, image TEXT NOT NULL, PRIMARY KEY (cluster, contact)
) STRICT;
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
PRAGMA user_version = {VERSION};
COMMIT;
"""
"""All of it or nothing, whenever the process ends."""

SCHEMA = {
    "operation": pl.String,
    "state": pl.String,
    "contact": pl.String,
    "after": pl.String,
    "revision_before": pl.Int64,
    "revision_after": pl.Int64,
    "attempts": pl.Int64,
    "request": pl.String,
    "detail": pl.String,
    "opened": pl.String,
    "closed": pl.String,
}


class Intent(NamedTuple):
    """An operation that is about to be done, and the revision of its target as far as it is known."""

    operation: str
    contact: str | None = None
    revision: int | None = None


class Image(NamedTuple):
    """A contact as it was before the first operation on its cluster, as JSON in full."""

    cluster: str
    contact: str
    image: str


class Closing(NamedTuple):
    """The end of an operation: `contact` is the one it left, `after` its content as JSON."""

    operation: str
    state: Outcome
    contact: str | None = None
    after: str | None = None
    revision_before: int | None = None
    revision: int | None = None
    request: str | None = None
    detail: str = ""


class Entry(NamedTuple):
    """A row of the journal; its fields are the columns of `SCHEMA`."""

    operation: str
    state: Outcome
    contact: str | None
    after: str | None
    revision_before: int | None
    revision_after: int | None
    attempts: int
    request: str | None
    detail: str | None
    opened: str
    closed: str | None

    def content(self) -> Info | None:
        """The content it left on its contact, where that is known."""
        return Info.model_validate_json(self.after) if self.after else None


class Journal:
    """The journal file of one run.

    Args:
        path: the file.
        writing: whether operations are to be done by it: only one process at a time does that.

    Raises:
        RunError: the file is damaged.
        Busy: another process does operations by it.
    """

    def __init__(self, path: Path, *, writing: bool = False) -> None:
        self._lock = locked(path.with_suffix(".lock"), str(path.parent)) if writing else None
        self._database = connected(path, patience=5)
        try:
            written_ahead(self._database, synchronous="FULL")
            sound = self._database.execute("PRAGMA quick_check").fetchone()[0] == "ok"
            version = self._database.execute("PRAGMA user_version").fetchone()[0]
            empty = not self._database.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
            if sound and empty:
                self._database.executescript(_TABLES)
        except sqlite3.DatabaseError as error:
            self.close()
            raise RunError(f"The journal {path} cannot be read: {error}. Nothing was applied.") from error
        if not sound or (not empty and version != VERSION):
            self.close()
            state = "is damaged" if not sound else "was made by another version"
            raise RunError(f"The journal {path} {state}. Nothing was applied.")

    def close(self) -> None:
        """Closes the file."""
        self._database.close()
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def states(self) -> dict[str, Outcome]:
        """The state of every operation that was begun."""
        states = self._database.execute("SELECT operation, state FROM entries")
        return {operation: Outcome(state) for operation, state in states}

    def contacts(self) -> dict[str, str]:
        """The contact that each operation which is done has left."""
        return dict(self._database.execute("SELECT operation, contact FROM entries WHERE state = ?", (Outcome.DONE,)))

    def opened_at(self, operation: str) -> datetime | None:
        """When an operation was last about to be done."""
        row = self._database.execute("SELECT opened FROM entries WHERE operation = ?", (operation,)).fetchone()
        return datetime.fromisoformat(row[0]) if row else None

    def images(self, cluster: str) -> dict[str, str]:
        """The contacts of a cluster as they were before, by id."""
        images = self._database.execute("SELECT contact, image FROM images WHERE cluster = ?", (cluster,))
        return dict(images)

    def fact(self, name: str) -> str | None:
        """The value noted under a name."""
        row = self._database.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else None

    def note(self, name: str, value: str) -> None:
        """Notes something under a name."""
        self._database.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def write(
        self, *, closings: Sequence[Closing] = (), intents: Sequence[Intent] = (), images: Sequence[Image] = ()
    ) -> None:
        """Writes the ends of what was done, intents of what is done next, and images, all or none."""
        if not closings and not intents and not images:
            return
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        with transaction(self._database):
            self._database.executemany(
                "INSERT INTO entries (operation, state, contact, after, revision_before, revision_after, request, "
                "detail, attempts, opened, closed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?) "
                "ON CONFLICT (operation) DO UPDATE SET state = excluded.state, "
                "contact = coalesce(excluded.contact, contact), after = excluded.after, "
                "revision_before = coalesce(excluded.revision_before, revision_before), "
                "revision_after = excluded.revision_after, request = excluded.request, detail = excluded.detail, "
                "closed = excluded.closed",
                ((*closing, now, now) for closing in closings),
            )
            self._database.executemany(
                "INSERT INTO entries (operation, state, contact, revision_before, attempts, opened) "
                "VALUES (?, ?, ?, ?, 1, ?) ON CONFLICT (operation) DO UPDATE SET state = excluded.state, "
                "contact = excluded.contact, revision_before = excluded.revision_before, attempts = attempts + 1, "
                "opened = excluded.opened, closed = NULL",
                ((intent.operation, Outcome.OPEN, intent.contact, intent.revision, now) for intent in intents),
            )
            self._database.executemany("INSERT OR REPLACE INTO images VALUES (?, ?, ?)", images)

    def entries(self) -> pl.DataFrame:
        """All entries as a frame."""
        rows = self._database.execute(f"SELECT {', '.join(SCHEMA)} FROM entries ORDER BY rowid").fetchall()
        return pl.DataFrame(rows, schema=SCHEMA, orient="row")

    def each(self) -> Iterator[Entry]:
        """All entries, one by one, in the order in which they were begun."""
        for operation, state, *rest in self.entries().iter_rows():
            yield Entry(operation, Outcome(state), *rest)

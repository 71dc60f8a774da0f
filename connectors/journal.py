"""The journal of a run: what was about to be done, and what came of it, in a SQLite file in the run's folder.

A row is written before a call (its intent) and completed after it (its outcome), so that an interrupted run
knows which operations are done and which one it has to ask the site about.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl

from transforms.errors import RunError

OPEN = "open"
DONE = "done"
HELD = "held"
STALE = "stale"
FAILED = "failed"

_TABLE = """
CREATE TABLE IF NOT EXISTS entries (
    operation TEXT PRIMARY KEY, state TEXT NOT NULL, contact TEXT, before TEXT, after TEXT,
    revision_before INTEGER, revision_after INTEGER, detail TEXT, opened TEXT NOT NULL, closed TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS images (
    operation TEXT NOT NULL, contact TEXT NOT NULL, image TEXT NOT NULL, PRIMARY KEY (operation, contact)
) STRICT;
"""

SCHEMA = {
    "operation": pl.String,
    "state": pl.String,
    "contact": pl.String,
    "before": pl.String,
    "after": pl.String,
    "revision_before": pl.Int64,
    "revision_after": pl.Int64,
    "detail": pl.String,
    "opened": pl.String,
    "closed": pl.String,
}


class Journal:
    """The journal file of one run.

    Raises:
        RunError: the file is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None, timeout=5)
        try:
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")
            sound = self._database.execute("PRAGMA quick_check").fetchone()[0] == "ok"
            self._database.executescript(_TABLE)
        except sqlite3.DatabaseError as error:
            self._database.close()
            raise RunError(f"The journal {path} cannot be read: {error}. Nothing was applied.") from error
        if not sound:
            raise RunError(f"The journal {path} is damaged. Nothing was applied.")

    def close(self) -> None:
        """Closes the file."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def states(self) -> dict[str, str]:
        """The state of every operation that was begun."""
        return dict(self._database.execute("SELECT operation, state FROM entries"))

    def opened_at(self, operation: str) -> datetime | None:
        """When an operation was first about to be done."""
        row = self._database.execute("SELECT opened FROM entries WHERE operation = ?", (operation,)).fetchone()
        return datetime.fromisoformat(row[0]) if row else None

    def open(
        self,
        operation: str,
        *,
        contact: str | None,
        before: str | None,
        revision: int | None,
        images: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Writes that an operation is about to be done, with an image of every contact it touches."""
        self._database.execute("BEGIN IMMEDIATE")
        self._database.execute(
            "INSERT INTO entries (operation, state, contact, before, revision_before, opened) "
            "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (operation) DO UPDATE SET state = excluded.state",
            (operation, OPEN, contact, before, revision, _now()),
        )
        self._database.executemany(
            "INSERT OR IGNORE INTO images VALUES (?, ?, ?)", [(operation, *one) for one in images]
        )
        self._database.execute("COMMIT")

    def close_entry(
        self,
        operation: str,
        state: str,
        *,
        contact: str | None = None,
        after: str | None = None,
        revision: int | None = None,
        detail: str = "",
    ) -> None:
        """Writes what came of an operation."""
        self._database.execute(
            "INSERT INTO entries (operation, state, contact, after, revision_after, detail, opened, closed) "
            "VALUES (:operation, :state, :contact, :after, :revision, :detail, :now, :now) "
            "ON CONFLICT (operation) DO UPDATE SET state = :state, contact = coalesce(:contact, contact), "
            "after = :after, revision_after = :revision, detail = :detail, closed = :now",
            {
                "operation": operation,
                "state": state,
                "contact": contact,
                "after": after,
                "revision": revision,
                "detail": detail,
                "now": _now(),
            },
        )

    def entries(self) -> pl.DataFrame:
        """All entries as a frame."""
        rows = self._database.execute(f"SELECT {', '.join(SCHEMA)} FROM entries ORDER BY rowid").fetchall()
        return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")

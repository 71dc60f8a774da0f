"""The memory of a site: decisions of earlier runs, so that nothing is decided twice, and the runs begun on it.

The embedded site keeps it in its own file: a copy of the site knows what the site knows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from connectors.private import private_folder
from connectors.sqlite import connected, transaction

LEFT_TO_A_PERSON = ""
"""In the place of a contact: the record was left to a person."""

_TABLES = (
    "CREATE TABLE IF NOT EXISTS decided (fingerprint TEXT PRIMARY KEY, contact TEXT NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS placed (identity TEXT PRIMARY KEY, contact TEXT NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS runs (run TEXT PRIMARY KEY, folder TEXT NOT NULL, journal TEXT NOT NULL, "
    "marker TEXT NOT NULL, began TEXT NOT NULL, state TEXT NOT NULL) STRICT",
)


RUNNING, PARTIAL, ENDED = "running", "partial", "ended"
"""States of a run: under way, or killed; applied in part, as somebody wanted it; nothing left to be done."""


class BegunRun(NamedTuple):
    """A run whose apply was begun on a site: its id, its folder, the id of its journal, and its marker field's name."""

    run: str
    folder: Path
    journal: str
    marker: str
    state: str = RUNNING


class Memory:
    """Decisions by the fingerprint of what they were about: the contact a record went to, or `LEFT_TO_A_PERSON`.

    Args:
        path: the SQLite file; made when it is missing and something is to be remembered.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def recall(self, fingerprints: Iterable[str]) -> dict[str, str]:
        """Contacts by fingerprint, as far as they are remembered."""
        known = self._all("decided", "fingerprint")
        return {fingerprint: known[fingerprint] for fingerprint in fingerprints if fingerprint in known}

    def placed(self) -> dict[str, str]:
        """The contacts to which records went that people decided about, by the records' identities."""
        return self._all("placed", "identity")

    def _all(self, table: str, key: str) -> dict[str, str]:
        if not self._has(table):
            return {}
        with closing(connected(self._path)) as database:
            return dict(database.execute(f"SELECT {key}, contact FROM {table}"))

    def remember(self, decisions: Mapping[str, str], placed: Mapping[str, str]) -> None:
        """Adds to what is remembered, in one transaction; what is newer replaces what is older.

        Args:
            decisions: by fingerprint.
            placed: contacts by the identity of the records that went to them.
        """
        with closing(self._writing()) as database, transaction(database):
            database.executemany("INSERT OR REPLACE INTO decided VALUES (?, ?)", decisions.items())
            database.executemany("INSERT OR REPLACE INTO placed VALUES (?, ?)", placed.items())

    def begin(self, run: BegunRun) -> None:
        """Notes that a run is about to be applied; one that ended before is under way again."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with closing(self._writing()) as database, transaction(database):
            database.execute(
                "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (run) DO UPDATE SET folder = excluded.folder, "
                "journal = excluded.journal, marker = excluded.marker, state = excluded.state",
                (run.run, str(run.folder), run.journal, run.marker, now, run.state),
            )

    def leave(self, run: str, state: str) -> None:
        """Notes in which state a run was left: `PARTIAL` or `ENDED`."""
        with closing(self._writing()) as database, transaction(database):
            database.execute("UPDATE runs SET state = ? WHERE run = ?", (state, run))

    def journal_of(self, run: str) -> str | None:
        """The id of the journal that a run was begun with; None for a run that was never begun."""
        return next((begun.journal for begun in self._runs() if begun.run == run), None)

    def unfinished(self) -> list[BegunRun]:
        """The runs that were begun and have not ended, the oldest first."""
        return [run for run in self._runs() if run.state != ENDED]

    def _runs(self) -> list[BegunRun]:
        if not self._has("runs"):
            return []
        with closing(connected(self._path)) as database:
            rows = database.execute("SELECT run, folder, journal, marker, state FROM runs ORDER BY began, rowid")
            return [BegunRun(run, Path(folder), *rest) for run, folder, *rest in rows]

    def _has(self, table: str) -> bool:
        if not self._path.exists():
            return False
        with closing(connected(self._path)) as database:
            return bool(database.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone())

    def _writing(self) -> sqlite3.Connection:
        private_folder(self._path.parent)
        database = connected(self._path)
        for table in _TABLES:
            database.execute(table)
        return database

"""What was decided in earlier runs, so that nothing is decided twice until something about it changes.

The embedded site keeps it in its own file: a copy of the site knows what the site knows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path

HELD = ""
"""What is remembered of a record that was left to a person, in place of its contact."""

_TABLES = (
    "CREATE TABLE IF NOT EXISTS decided (fingerprint TEXT PRIMARY KEY, contact TEXT NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS placed (identity TEXT PRIMARY KEY, contact TEXT NOT NULL) STRICT",
)


class Memory:
    """Decisions by the fingerprint of what they were about: the contact a record went to, or `HELD`.

    Args:
        path: the SQLite file; made when it is missing and something is to be remembered.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def recall(self, fingerprints: Iterable[str]) -> dict[str, str]:
        """What is remembered of these fingerprints."""
        known = self._all("decided", "fingerprint")
        return {one: known[one] for one in fingerprints if one in known}

    def placed(self) -> dict[str, str]:
        """The contacts to which records went that people decided about, by the records' identities."""
        return self._all("placed", "identity")

    def _all(self, table: str, key: str) -> dict[str, str]:
        if not self._path.exists():
            return {}
        with closing(sqlite3.connect(self._path, timeout=30)) as database:
            if not database.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
                return {}
            return dict(database.execute(f"SELECT {key}, contact FROM {table}"))

    def remember(self, decisions: Mapping[str, str], placed: Mapping[str, str]) -> None:
        """Adds to what is remembered, in one transaction; what is newer replaces what is older.

        Args:
            decisions: by fingerprint.
            placed: contacts by the identity of the records that went to them.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self._path, timeout=30)) as database, database:
            for table in _TABLES:
                database.execute(table)
            database.executemany("INSERT OR REPLACE INTO decided VALUES (?, ?)", decisions.items())
            database.executemany("INSERT OR REPLACE INTO placed VALUES (?, ?)", placed.items())

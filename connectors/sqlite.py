"""SQLite files: opened for their owner alone, changed in transactions."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.private import private_file

MEMORY = ":memory:"
"""The path of a database that is forgotten when it is closed."""


def connected(path: Path | str, *, patience: float = 30.0) -> sqlite3.Connection:
    """The database at a path, made where there is none; each statement is a transaction unless one is open.

    Args:
        path: the file, or `MEMORY`.
        patience: seconds to wait for another process that is writing.

    Raises:
        sqlite3.DatabaseError: the file is none of SQLite's.
    """
    if str(path) != MEMORY:
        private_file(Path(path))
    return sqlite3.connect(str(path), isolation_level=None, timeout=patience)


def written_ahead(database: sqlite3.Connection, *, synchronous: str) -> None:
    """Has the database keep a write-ahead log: readers never wait for a writer.

    Args:
        database: the connection.
        synchronous: `FULL`: a transaction is on the disk when it is committed; `NORMAL`: the file stays whole whatever
            happens, but the last transactions may be lost with the machine's power.
    """
    database.execute("PRAGMA journal_mode = WAL")
    database.execute(f"PRAGMA synchronous = {synchronous}")


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """A transaction: the writes of the block, whole or not at all."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")

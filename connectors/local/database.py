"""The SQLite file of an embedded site: opening, transactions, the clock, facts about it, and the outbox of events."""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from connectors.local.filters import (
    Condition,
)
from connectors.local.tables import IDENTITY, TABLES, VERSION, Event
from connectors.sqlite import MEMORY, connected, transaction, written_ahead
from connectors.wire.shapes import ENTITY
from connectors.wire.writing import contact_to_wire, formatted
from transforms.schema.errors import (
    Refused,
    UsageError,
)

_CACHE_KIB = 1 << 17
_WAL_PAGES = 10_000
"""Pages that may wait to be written back: those that change often are then written once for many changes."""


class Database:
    """The SQLite file of an embedded site: what `LocalSite` says of its arguments and errors holds here."""

    def __init__(
        self, path: Path | str, *, create: bool = False, events: bool = False, identity: str | None = None
    ) -> None:
        memory = str(path) == MEMORY
        if not memory and not create and not Path(path).is_file():
            raise UsageError(
                f"There is no embedded site at {path}. Make one with: onefold site load FILE --site local:{path}"
            )
        if not memory:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        self.path = None if memory else Path(path)
        """The file; None for a site that is forgotten."""
        self._events = events
        self._clock = 0
        self._database = connected(path)
        self._database.create_function("folded", 1, _folded, deterministic=True)
        self._database.create_function("formatted", 1, lambda e164: e164 and formatted(e164), deterministic=True)
        try:
            version = self._database.execute("PRAGMA user_version").fetchone()[0]
            written_ahead(self._database, synchronous="NORMAL")
            self._database.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
            self._database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            if version == 0:
                self._database.executescript(TABLES)
                self._identify(identity)
        except sqlite3.DatabaseError as error:
            self._database.close()
            raise UsageError(f"{path} is not an embedded site: {error}.") from error
        if version not in (0, VERSION):
            self._database.close()
            raise UsageError(f"{path} was made by another version of Onefold. Load or pull the site into a new file.")

    def close(self) -> None:
        """Closes the file."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def changes(self) -> int:
        """A number that grows with everything that is written here."""
        return self._database.total_changes

    def note(self, **facts: str) -> None:
        """Keeps facts about the file itself: where it was copied from, for example."""
        with self.transaction():
            self._database.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", facts.items())

    def facts(self) -> dict[str, str]:
        """The facts of the file by their names."""
        return dict(self._database.execute("SELECT name, value FROM facts"))

    @property
    def identity(self) -> str:
        """Identity of the site: other contents at the same path are another site."""
        if IDENTITY not in (known := self.facts()):
            known = {IDENTITY: self._identify(None)}
        return known[IDENTITY]

    def _identify(self, identity: str | None) -> str:
        """Gives the site an identity where it has none; returns the one it has then."""
        chosen = identity or uuid.uuid4().hex
        self._database.execute("INSERT OR IGNORE INTO facts VALUES (?, ?)", (IDENTITY, chosen))
        return self.facts()[IDENTITY]

    def hold(self) -> None:
        """From now on reads see what is there now, whatever others write."""
        if self._database.in_transaction:
            self._database.execute("COMMIT")
        self._database.execute("BEGIN")
        self._database.execute("SELECT count(*) FROM (SELECT 1 FROM contacts LIMIT 1)").fetchone()

    def events(self, most: int = 100) -> list[tuple[int, Event]]:
        """The oldest events not yet delivered, each with its number."""
        rows = self._database.execute("SELECT sequence, event FROM outbox ORDER BY sequence LIMIT ?", (most,))
        return [(sequence, json.loads(event)) for sequence, event in rows]

    def delivered(self, sequence: int) -> None:
        """Takes an event off the outbox."""
        self._database.execute("DELETE FROM outbox WHERE sequence = ?", (sequence,))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction: the writes of the block, whole or not at all."""
        try:
            with transaction(self._database):
                yield
        except BaseException:
            self._forget()
            raise

    def _forget(self) -> None:
        """Clears caches of the file's contents after a transaction that failed; here there are none."""

    def _now(self) -> datetime:
        """The time to a millisecond, never the same twice here: what is newer also sorts so."""
        self._clock = max(self._clock + 1, time.time_ns() // 1_000_000)
        return datetime.fromtimestamp(self._clock / 1000, UTC)

    def _page(
        self, table: str, columns: str, wanted: Condition, order: str, limit: int, offset: int, most: int
    ) -> tuple[list[Sequence[Any]], int]:
        if not 0 < limit <= most:
            raise Refused("ILLEGAL_LIMIT", f"A page holds 1 to {most}.")
        if offset < 0:
            raise Refused("INVALID_ARGUMENT", "An offset is not negative.")
        count = f"SELECT count(*) FROM {table} WHERE {wanted.sql}"
        total = self._database.execute(count, wanted.values).fetchone()[0]
        page = f"SELECT {columns} FROM {table} WHERE {wanted.sql} ORDER BY {order} LIMIT ? OFFSET ?"
        return self._database.execute(page, (*wanted.values, limit, offset)).fetchall(), total

    def _emit(self, slug: str, contact_id: str, body: Mapping[str, Any], origin: str | None = None) -> None:
        """Leaves an event in the outbox, in the transaction of the change itself."""
        if not self._events:
            return
        event = {
            "id": str(uuid.uuid4()),
            "entityFqdn": ENTITY,
            "slug": slug,
            "entityId": contact_id,
            "eventTime": datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "triggeredByAnonymizeRequest": False,
            **({"originatedFrom": origin} if origin else {}),
            **body,
        }
        text = json.dumps(event, default=contact_to_wire)
        sequence = self._database.execute("INSERT INTO outbox (event) VALUES (?)", (text,)).lastrowid
        numbered = json.dumps({**json.loads(text), "entityEventSequence": str(sequence)})
        self._database.execute("UPDATE outbox SET event = ? WHERE sequence = ?", (numbered, sequence))


def _folded(text: str | float | None) -> str | float | None:
    return text.casefold() if isinstance(text, str) else text

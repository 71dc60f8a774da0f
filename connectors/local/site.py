"""The embedded site: a `ContactsSite` in one SQLite file.

Every call is one transaction, so a process killed in the middle of one leaves nothing half done.
"""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from connectors.contacts import (
    MAX_LABEL_KEYS,
    MAX_PAGE,
    MAX_SOURCES,
    Contact,
    ExtendedField,
    Filter,
    Job,
    JobProblem,
    Label,
    Member,
    Page,
    Sort,
)
from connectors.local import assumed, rules
from connectors.local.filters import (
    FIELD_COLUMNS,
    LABEL_COLUMNS,
    Column,
    Condition,
    both,
    compiled,
    contact_columns,
    found_by,
    ordered,
)
from connectors.private import private_file
from connectors.wire.shapes import ENTITY
from connectors.wire.writing import contact_to_wire, formatted
from transforms.schema.contact import Email, Info, Phone
from transforms.schema.errors import (
    AlreadyChanged,
    Duplicate,
    NotFound,
    PreconditionFailed,
    Refused,
    SiteError,
    UsageError,
)

Named = TypeVar("Named", Label, ExtendedField)
Event = dict[str, Any]

VERSION = 2
IDENTITY = "identity"
"""The fact that tells one embedded site from another."""
_INDEXES = {
    "contacts_created": "contacts (created, place)",
    "contacts_updated": "contacts (updated)",
    "reach_contact": "reach (contact)",
}
_TABLES = f"""
CREATE TABLE IF NOT EXISTS contacts (
    place INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, revision INTEGER NOT NULL, created TEXT NOT NULL,
    updated TEXT NOT NULL, info TEXT NOT NULL, member TEXT, subscription TEXT NOT NULL, deliverability TEXT NOT NULL,
    phone_subscription TEXT NOT NULL, source TEXT NOT NULL, app_id TEXT, activity TEXT NOT NULL, active TEXT,
    statuses TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS reach (
    kind TEXT NOT NULL, value TEXT NOT NULL, contact TEXT NOT NULL,
    PRIMARY KEY (kind, value, contact)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS redirects (source TEXT PRIMARY KEY, target TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS labels (
    key TEXT PRIMARY KEY, display_name TEXT NOT NULL, type TEXT NOT NULL, created TEXT, updated TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS fields (
    key TEXT PRIMARY KEY, display_name TEXT NOT NULL, data_type TEXT NOT NULL, type TEXT NOT NULL,
    created TEXT, updated TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS jobs (place INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, job TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS outbox (sequence INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL) STRICT;
{"".join(f"CREATE INDEX IF NOT EXISTS {name} ON {columns};" for name, columns in _INDEXES.items())}
PRAGMA user_version = {VERSION};
"""
_COLUMNS = (
    "id", "revision", "created", "updated", "info", "member", "subscription", "deliverability", "phone_subscription",
    "source", "app_id", "activity", "active", "statuses",
)  # fmt: skip
_READ = ", ".join(_COLUMNS[:-1])
_WRITE = (
    f"INSERT INTO contacts ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))}) ON CONFLICT (id) "
    f"DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _COLUMNS[1:])}"
)
_CHUNK = 1000
_LOADED = 20_000
"""Contacts planted at once: sorted, they touch each page of an index once."""
_CACHE_KIB = 1 << 17
_WAL_PAGES = 10_000
"""Pages that may wait to be written back: those that change often are then written once for many changes."""


class LocalSite:
    """A `ContactsSite` in a SQLite file. Use it as a context manager, or call `close`.

    Args:
        path: the file; made when `create` is given, else it must be there. `:memory:` is a site that is forgotten.
        create: whether a missing file is made.
        events: whether every change leaves an event in the outbox, for `events` and `delivered`.
        identity: what a site that is made now is known by; a random one when it is not given.

    Raises:
        UsageError: the file is missing or is not an embedded site.
    """

    def __init__(
        self, path: Path | str, *, create: bool = False, events: bool = False, identity: str | None = None
    ) -> None:
        memory = str(path) == ":memory:"
        if not memory and not create and not Path(path).is_file():
            raise UsageError(
                f"There is no embedded site at {path}. Make one with: onefold site load FILE --site local:{path}"
            )
        if not memory:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            private_file(Path(path))
        self.path = None if memory else Path(path)
        """The file; None for a site that is forgotten."""
        self._events = events
        self._clock = 0
        self._types: dict[str, str] | None = None
        self._types_version = 0
        self._database = sqlite3.connect(str(path), isolation_level=None, timeout=30)
        self._database.create_function("folded", 1, _folded, deterministic=True)
        self._database.create_function("formatted", 1, lambda e164: e164 and formatted(e164), deterministic=True)
        try:
            version = self._database.execute("PRAGMA user_version").fetchone()[0]
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._database.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
            self._database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            if version == 0:
                self._database.executescript(_TABLES)
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

    def load(
        self, contacts: Iterable[Contact], labels: Iterable[Label] = (), fields: Iterable[ExtendedField] = ()
    ) -> int:
        """Plants contacts as they are, with ids, revisions and memberships; returns how many. One transaction.

        A site that has no contacts yet gets its indexes behind them: that is quicker than keeping them up to date.
        """
        count = 0
        with self._transaction():
            empty = self._database.execute("SELECT 1 FROM contacts LIMIT 1").fetchone() is None
            for index in _INDEXES if empty else ():
                self._database.execute(f"DROP INDEX {index}")
            for one in labels:
                self._put_label(one)
            for field in fields:
                self._put_field(field)
            rest = iter(contacts)
            while chunk := list(islice(rest, _LOADED)):
                planted = [
                    one.model_copy(update={"info": rules.stored(one.info, keep_e164=True)})
                    if _is_raw(one.info)
                    else one
                    for one in chunk
                ]
                if not empty:
                    self._database.executemany("DELETE FROM reach WHERE contact = ?", [(one.id,) for one in planted])
                self._database.executemany(_WRITE, [_row(one, None) for one in planted])
                self._database.executemany(
                    "INSERT OR IGNORE INTO reach VALUES (?, ?, ?)",
                    sorted(line for one in planted for line in _reach(one)),
                )
                count += len(planted)
            if empty:
                for index, columns in _INDEXES.items():
                    self._database.execute(f"CREATE INDEX {index} ON {columns}")
                if count > self._database.execute("SELECT count(*) FROM contacts").fetchone()[0]:
                    self._forget_what_was_overwritten()
        return count

    def _forget_what_was_overwritten(self) -> None:
        """After some contacts were planted twice: each is reached only by what it holds now."""
        self._database.execute("DELETE FROM reach")
        for row in self._database.execute(f"SELECT {_READ} FROM contacts").fetchall():
            self._database.executemany("INSERT OR IGNORE INTO reach VALUES (?, ?, ?)", _reach(_contact(row)))

    def redirect(self, redirects: Mapping[str, str]) -> None:
        """Notes contacts that were merged away elsewhere, with the contact each went into."""
        with self._transaction():
            self._database.executemany("INSERT OR REPLACE INTO redirects VALUES (?, ?)", redirects.items())

    def note(self, **facts: str) -> None:
        """Keeps facts about the file itself: where it was copied from, for example."""
        with self._transaction():
            self._database.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", facts.items())

    def facts(self) -> dict[str, str]:
        """What was noted."""
        return dict(self._database.execute("SELECT name, value FROM facts"))

    @property
    def identity(self) -> str:
        """What the site is known by: other contents at the same path are another site."""
        if IDENTITY not in (known := self.facts()):
            known = {IDENTITY: self._identify(None)}
        return known[IDENTITY]

    def _identify(self, identity: str | None) -> str:
        """Gives the site an identity where it has none; returns the one it has then."""
        chosen = identity or uuid.uuid4().hex
        self._database.execute("INSERT OR IGNORE INTO facts VALUES (?, ?)", (IDENTITY, chosen))
        return self.facts()[IDENTITY]

    def newest(self) -> datetime | None:
        """When the youngest contact was created."""
        return _moment(self._database.execute("SELECT max(created) FROM contacts").fetchone()[0])

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

    # --- contacts ---

    @property
    def lag(self) -> float:
        """See `ContactsSite.lag`: it has none."""
        return 0.0

    def mark_creates(self, key: str) -> None:
        """See `ContactsSite.mark_creates`: no answer is lost here."""

    async def create(self, info: Info, *, allow_duplicates: bool = False) -> Contact:
        """See `ContactsSite.create`."""
        with self._transaction():
            stored = self._acceptable(info)
            if not allow_duplicates:
                self._refuse_duplicates(stored, but=None)
            now = self._now()
            contact = Contact(
                id=str(uuid.uuid4()),
                revision=assumed.FIRST_REVISION,
                created=now,
                updated=now,
                active=now,
                info=stored,
                phone_subscription=_phone_status(stored),
            )
            self._write(contact, {})
            self._emit("created", contact.id, {"createdEvent": {"entity": contact}})
            return contact

    async def get(self, contact_id: str) -> Contact:
        """See `ContactsSite.get`. Chains of merges are followed to the end."""
        seen = contact_id
        while (contact := self._find(seen)) is None:
            row = self._database.execute("SELECT target FROM redirects WHERE source = ?", (seen,)).fetchone()
            if row is None:
                raise _unknown()
            seen = row[0]
        return contact

    async def update(self, contact_id: str, revision: int, info: Info, *, allow_duplicates: bool = False) -> Contact:
        """See `ContactsSite.update`."""
        with self._transaction():
            contact = self._current(contact_id)
            if contact.revision != revision:
                raise AlreadyChanged(
                    "CONTACT_ALREADY_CHANGED", "Contact has been updated since the requested revision."
                )
            stored = self._patched(contact, info)
            if not allow_duplicates and info.model_fields_set & {"emails", "phones"}:
                self._refuse_duplicates(stored, but=contact_id)
            return self._changed(contact, stored)

    async def merge(self, target_id: str, revision: int, source_ids: Sequence[str]) -> Contact:
        """See `ContactsSite.merge`. All sources go in one transaction, or none."""
        with self._transaction():
            target, merged = self._merged(target_id, source_ids)
            if target.revision != revision:
                raise PreconditionFailed(assumed.STALE_MERGE, "The target has been updated since that revision.")
            statuses: dict[str, list[str]] = {}
            for source in reversed(source_ids):
                statuses |= self._statuses(self._current(source))
            contact = self._changed(target, merged, statuses=statuses, origin="merge")
            for source in source_ids:
                self._remove(source, origin="merge")
                self._database.execute("INSERT INTO redirects VALUES (?, ?)", (source, target_id))
            merging = {"targetContactId": target_id, "sourceContactIds": list(source_ids), "targetContact": contact}
            self._emit("merged", target_id, {"actionEvent": {"body": merging}})
            return contact

    async def preview_merge(self, target_id: str, source_ids: Sequence[str]) -> Contact:
        """See `ContactsSite.preview_merge`."""
        target, merged = self._merged(target_id, source_ids)
        return target.model_copy(update={"info": merged})

    async def delete(self, contact_id: str) -> None:
        """See `ContactsSite.delete`."""
        with self._transaction():
            if refusal := _undeletable(self._current(contact_id).member):
                raise refusal
            self._remove(contact_id)

    async def label(self, contact_id: str, keys: Sequence[str]) -> Contact:
        """See `ContactsSite.label`."""
        return self._relabelled(contact_id, add=keys, remove=())

    async def unlabel(self, contact_id: str, keys: Sequence[str]) -> Contact:
        """See `ContactsSite.unlabel`."""
        return self._relabelled(contact_id, add=(), remove=keys)

    async def query(
        self,
        filter: Filter | None = None,
        *,
        search: str | None = None,
        sort: Sort = Sort(),  # noqa: B008 - immutable
        limit: int = 50,
        offset: int = 0,
    ) -> Page[Contact]:
        """See `ContactsSite.query`."""
        columns = contact_columns(self._field_types())
        wanted = both(compiled(filter, columns), found_by(search))
        rows, total = self._page(
            "contacts", _READ, wanted, ordered(sort, columns, assumed.DEFAULT_SORT), limit, offset, MAX_PAGE
        )
        return Page(items=tuple(_contact(row) for row in rows), offset=offset, total=total)

    async def list_contacts(self, *, sort: Sort = Sort(), limit: int = 50, offset: int = 0) -> Page[Contact]:  # noqa: B008
        """See `ContactsSite.list_contacts`."""
        return await self.query(sort=sort, limit=limit, offset=offset)

    async def scan(
        self, *, changed_since: datetime | None = None, created_since: datetime | None = None
    ) -> AsyncIterator[Contact]:
        """See `ContactsSite.scan`. What is added behind the reader's place while it reads is read as well."""
        since = _text(changed_since) or ""
        created, place = _text(created_since) or "", 0
        while rows := self._database.execute(
            f"SELECT {_READ}, place FROM contacts WHERE (created, place) > (?, ?) AND updated >= ? "
            "ORDER BY created, place LIMIT ?",
            (created, place, since, _CHUNK),
        ).fetchall():
            for row in rows:
                yield _contact(row)
            created, place = rows[-1][2], rows[-1][-1]

    async def bulk_delete(self, filter: Filter | None = None, *, search: str | None = None) -> str:
        """See `ContactsSite.bulk_delete`. The job is done when the call answers."""

        def one(contact: Contact) -> None:
            if refusal := _undeletable(contact.member):
                code = "CANNOT_DELETE_SITE_MEMBERS" if refusal.code == "CANNOT_DELETE_MEMBER" else refusal.code
                raise PreconditionFailed(code, str(refusal))
            self._remove(contact.id)

        return self._job("DELETE", filter, search, one)

    async def bulk_update(self, info: Info, filter: Filter | None = None, *, search: str | None = None) -> str:
        """See `ContactsSite.bulk_update`. The job is done when the call answers."""
        return self._job("UPDATE", filter, search, lambda one: self._changed(one, self._patched(one, info)))

    async def bulk_label(
        self,
        filter: Filter | None = None,
        *,
        search: str | None = None,
        add: Sequence[str] = (),
        remove: Sequence[str] = (),
    ) -> str:
        """See `ContactsSite.bulk_label`. The job is done when the call answers."""
        self._known_labels([*add, *remove])
        kind = "ADD_REMOVE_LABELS" if add and remove else "REMOVE_LABELS" if remove else "ADD_LABELS"
        return self._job(kind, filter, search, lambda one: self._relabel(one, add, remove))

    async def job(self, job_id: str) -> Job:
        """See `ContactsSite.job`."""
        row = self._database.execute("SELECT job FROM jobs WHERE id = ?", (job_id,)).fetchone()
        if row is None:
            raise NotFound("NOT_FOUND", "There is no such bulk job.")
        return Job.model_validate_json(row[0])

    async def jobs(self) -> Sequence[Job]:
        """See `ContactsSite.jobs`."""
        rows = self._database.execute("SELECT job FROM jobs ORDER BY place DESC LIMIT 100")
        return [Job.model_validate_json(job) for (job,) in rows]

    # --- labels and custom fields ---

    async def find_or_create_label(self, display_name: str) -> Label:
        """See `ContactsSite.find_or_create_label`."""
        with self._transaction():
            _named(display_name, 180)
            rows = self._database.execute("SELECT * FROM labels WHERE display_name = ? ORDER BY rowid", (display_name,))
            if row := rows.fetchone():
                return _label(row)
            known = {key for (key,) in self._database.execute("SELECT key FROM labels")}
            if len(known) >= assumed.LABELS_QUOTA:
                quota = {"labelsQuota": str(assumed.LABELS_QUOTA), "labelsCurrentTotal": str(len(known))}
                raise PreconditionFailed("LABELS_QUOTA_REACHED", "The site has as many labels as it may have.", quota)
            now = self._now()
            label = Label(key=_free_key(display_name, known), display_name=display_name, created=now, updated=now)
            self._put_label(label)
            return label

    async def get_label(self, key: str) -> Label:
        """See `ContactsSite.get_label`."""
        return _label(self._named_row("labels", key))

    async def rename_label(self, key: str, display_name: str) -> Label:
        """See `ContactsSite.rename_label`."""
        with self._transaction():
            self._rename("labels", key, display_name, 180)
            return _label(self._named_row("labels", key))

    async def delete_label(self, key: str) -> None:
        """See `ContactsSite.delete_label`."""
        with self._transaction():
            self._delete_named("labels", key)
            for contact in self._those(compiled({"info.labelKeys": {"$hasSome": [key]}}, contact_columns({}))):
                self._relabel(contact, (), (key,))

    async def list_labels(
        self,
        *,
        starts_with: str | None = None,
        filter: Filter | None = None,
        sort: Sort | None = None,
        limit: int = 1000,
        offset: int = 0,
    ) -> Page[Label]:
        """See `ContactsSite.list_labels`; here also with a filter and sorted."""
        rows, total = self._queried("labels", filter, LABEL_COLUMNS, sort, limit, offset, 2000, starts_with)
        return Page(items=tuple(_label(row) for row in rows), offset=offset, total=total)

    async def query_labels(
        self, filter: Filter | None = None, *, sort: Sort | None = None, limit: int = 50, offset: int = 0
    ) -> Page[Label]:
        """See `ContactsSite.query_labels`."""
        rows, total = self._queried("labels", filter, LABEL_COLUMNS, sort, limit, offset)
        return Page(items=tuple(_label(row) for row in rows), offset=offset, total=total)

    async def find_or_create_field(self, display_name: str, data_type: str = "TEXT") -> ExtendedField:
        """See `ContactsSite.find_or_create_field`. A site has at most a hundred custom fields."""
        with self._transaction():
            _named(display_name, 150)
            rows = self._database.execute("SELECT * FROM fields WHERE display_name = ? ORDER BY rowid", (display_name,))
            if row := rows.fetchone():
                return _field(row)
            if data_type not in ("TEXT", "NUMBER", "DATE", "URL"):
                raise Refused("INVALID_ARGUMENT", "A field's data type is TEXT, NUMBER, DATE or URL.")
            types = self._field_types()
            if sum(key.startswith("custom.") for key in types) >= assumed.FIELDS_QUOTA:
                most = assumed.FIELDS_QUOTA
                raise PreconditionFailed("FIELDS_QUOTA_EXCEEDED", f"A site has at most {most} custom fields.")
            now, key = self._now(), _free_key(display_name, set(types))
            field = ExtendedField(key=key, display_name=display_name, data_type=data_type, created=now, updated=now)
            self._put_field(field)
            return field

    async def get_field(self, key: str) -> ExtendedField:
        """See `ContactsSite.get_field`."""
        return _field(self._named_row("fields", key))

    async def rename_field(self, key: str, display_name: str) -> ExtendedField:
        """See `ContactsSite.rename_field`."""
        with self._transaction():
            self._rename("fields", key, display_name, 150)
            return _field(self._named_row("fields", key))

    async def delete_field(self, key: str) -> None:
        """See `ContactsSite.delete_field`."""
        with self._transaction():
            self._named_row("fields", key)
            having = compiled({f"info.extendedFields.{key}": {"$exists": True}}, contact_columns(self._field_types()))
            self._delete_named("fields", key)
            self._types = None
            for contact in self._those(having):
                rest = {name: value for name, value in contact.info.extended.items() if name != key}
                self._changed(contact, contact.info.model_copy(update={"extended": rest}))

    async def list_fields(
        self,
        *,
        starts_with: str | None = None,
        filter: Filter | None = None,
        sort: Sort | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> Page[ExtendedField]:
        """See `ContactsSite.list_fields`; here also with a filter and sorted."""
        rows, total = self._queried("fields", filter, FIELD_COLUMNS, sort, limit, offset, MAX_PAGE, starts_with)
        return Page(items=tuple(_field(row) for row in rows), offset=offset, total=total)

    async def query_fields(
        self, filter: Filter | None = None, *, sort: Sort | None = None, limit: int = 50, offset: int = 0
    ) -> Page[ExtendedField]:
        """See `ContactsSite.query_fields`."""
        rows, total = self._queried("fields", filter, FIELD_COLUMNS, sort, limit, offset)
        return Page(items=tuple(_field(row) for row in rows), offset=offset, total=total)

    # --- within a transaction ---

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            self._types = None
            raise
        self._database.execute("COMMIT")

    def _now(self) -> datetime:
        """The time to a millisecond, never the same twice here: what is newer also sorts so."""
        self._clock = max(self._clock + 1, time.time_ns() // 1_000_000)
        return datetime.fromtimestamp(self._clock / 1000, UTC)

    def _find(self, contact_id: str) -> Contact | None:
        row = self._database.execute(f"SELECT {_READ} FROM contacts WHERE id = ?", (contact_id,)).fetchone()
        return _contact(row) if row else None

    def _current(self, contact_id: str) -> Contact:
        contact = self._find(contact_id)
        if contact is None:
            raise _unknown()
        return contact

    def _those(self, wanted: Condition) -> list[Contact]:
        rows = self._database.execute(f"SELECT {_READ} FROM contacts WHERE {wanted.sql} ORDER BY place", wanted.values)
        return [_contact(row) for row in rows.fetchall()]

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

    def _queried(
        self,
        table: str,
        filter: Filter | None,
        columns: Mapping[str, Column],
        sort: Sort | None,
        limit: int,
        offset: int,
        most: int = MAX_PAGE,
        starts_with: str | None = None,
    ) -> tuple[list[Sequence[Any]], int]:
        """A page of labels or fields; these two name some refusals otherwise than contacts do."""
        try:
            order = ordered(sort, columns, "displayName") if sort else "rowid"
            wanted = both(compiled(filter, columns), _starting(starts_with))
            return self._page(table, "*", wanted, order, limit, offset, most)
        except Refused as refusal:
            names = {
                "UNSUPPORTED_SORT_FIELD": "INVALID_SORT",
                "UNSUPPORTED_FILTER_FIELD_UNKNOWN": "UNSUPPORTED_FILTER_FIELD",
                "UNSUPPORTED_FILTER_VALUE_TYPE": "UNSUPPORTED_FILTER_VALUE",
            }
            raise Refused(names.get(refusal.code, refusal.code), str(refusal)) from refusal

    def _write(self, contact: Contact, statuses: Mapping[str, Sequence[str]], before: Info | None = None) -> None:
        self._database.execute(_WRITE, _row(contact, statuses))
        if before is not None and (before.emails, before.phones) == (contact.info.emails, contact.info.phones):
            return
        self._database.execute("DELETE FROM reach WHERE contact = ?", (contact.id,))
        self._database.executemany("INSERT OR IGNORE INTO reach VALUES (?, ?, ?)", _reach(contact))

    def _statuses(self, contact: Contact) -> dict[str, list[str]]:
        """What is known of the consent to each e-mail and phone of a contact, the primary ones included."""
        text = self._database.execute("SELECT statuses FROM contacts WHERE id = ?", (contact.id,)).fetchone()[0]
        known: dict[str, list[str]] = json.loads(text) if text else {}
        if email := rules.primary(contact.info.emails):
            known[assumed.same_email(email.email)] = [contact.subscription, contact.deliverability]
        if phone := rules.primary(contact.info.phones):
            known[assumed.same_phone(phone.phone, phone.e164)] = [contact.phone_subscription]
        return known

    def _changed(
        self,
        contact: Contact,
        info: Info,
        *,
        statuses: Mapping[str, Sequence[str]] | None = None,
        origin: str | None = None,
    ) -> Contact:
        known = {**(statuses or {}), **self._statuses(contact)}
        email, phone = rules.primary(info.emails), rules.primary(info.phones)
        mail = known.get(assumed.same_email(email.email)) if email else None
        call = known.get(assumed.same_phone(phone.phone, phone.e164)) if phone else None
        changed = contact.model_copy(
            update={
                "info": info,
                "revision": contact.revision + 1,
                "updated": self._now(),
                "subscription": mail[0] if mail else "NOT_SET",
                "deliverability": mail[1] if mail else "NOT_SET",
                "phone_subscription": call[0] if call else _phone_status(info),
            }
        )
        self._write(changed, known, contact.info)
        self._emit("updated", contact.id, {"updatedEvent": {"currentEntity": changed}}, origin)
        return changed

    def _patched(self, contact: Contact, info: Info) -> Info:
        """A contact's content with what an update sets, or the refusal the API gives."""
        given = {name: getattr(info, name) for name in info.model_fields_set}
        if not given:
            raise Refused("INSUFFICIENT_UPDATE_CONTACT_DATA", "There is nothing to update.")
        if "extended" in given:
            given["extended"] = {**contact.info.extended, **info.extended}
        stored = self._acceptable(contact.info.model_copy(update=given))
        before, after = rules.primary(contact.info.emails), rules.primary(stored.emails)
        if contact.member and contact.member.id and (before and before.email) != (after and after.email):
            raise PreconditionFailed("CANNOT_UPDATE_MEMBER_EMAIL", "A member's primary e-mail cannot be changed.")
        return stored

    def _relabelled(self, contact_id: str, *, add: Sequence[str], remove: Sequence[str]) -> Contact:
        with self._transaction():
            if not 1 <= len(add or remove) <= MAX_LABEL_KEYS:
                raise Refused("INVALID_ARGUMENT", f"A call takes 1 to {MAX_LABEL_KEYS} label keys.")
            contact = self._current(contact_id)
            self._known_labels([*add, *remove])
            return self._relabel(contact, add, remove)

    def _relabel(self, contact: Contact, add: Sequence[str], remove: Sequence[str]) -> Contact:
        labels = tuple(key for key in dict.fromkeys([*contact.info.labels, *add]) if key not in remove)
        if labels == contact.info.labels:
            return contact
        return self._changed(contact, contact.info.model_copy(update={"labels": labels}))

    def _remove(self, contact_id: str, *, origin: str | None = None) -> None:
        self._database.execute("DELETE FROM contacts WHERE id = ?", (contact_id,))
        self._database.execute("DELETE FROM reach WHERE contact = ?", (contact_id,))
        self._emit("deleted", contact_id, {"deletedEvent": {}}, origin)

    def _job(self, kind: str, filter: Filter | None, search: str | None, work: Any) -> str:  # noqa: ANN401 - a function of a contact
        if filter is None and not search:
            raise Refused(assumed.BULK_WITHOUT_FILTER, "A bulk call needs a filter or a search.")
        began = self._now()
        problems: dict[str, tuple[int, str]] = {}
        with self._transaction():
            wanted = both(compiled(filter, contact_columns(self._field_types())), found_by(search))
            contacts = self._those(wanted)
            for contact in contacts:
                try:
                    work(contact)
                except SiteError as refusal:
                    count, message = problems.get(refusal.code, (0, str(refusal)))
                    problems[refusal.code] = (count + 1, message)
            failed = sum(count for count, _ in problems.values())
            job = Job(
                id=str(uuid.uuid4()),
                type=kind,
                status="COMPLETED",
                started=began,
                finished=self._now(),
                total=len(contacts),
                succeeded=len(contacts) - failed,
                failed=failed,
                problems=tuple(
                    JobProblem(count=count, code=code, message=message) for code, (count, message) in problems.items()
                ),
            )
            self._database.execute("INSERT INTO jobs (id, job) VALUES (?, ?)", (job.id, job.model_dump_json()))
        return job.id

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

    def _acceptable(self, info: Info) -> Info:
        """The info as it is stored, or the refusal the API gives."""
        rules.check(info)
        self._known_labels(info.labels)
        if info.extended:
            info = info.model_copy(update={"extended": rules.extended(info.extended, self._field_types())})
        return rules.stored(info)

    def _field_types(self) -> dict[str, str]:
        """The data type of every custom field, by key; read again when another process has written to the file."""
        version = self._database.execute("PRAGMA data_version").fetchone()[0]
        if self._types is None or version != self._types_version:
            self._types_version = version
            self._types = dict(self._database.execute("SELECT key, data_type FROM fields"))
        return self._types

    def _known_labels(self, keys: Sequence[str]) -> None:
        for key in keys:
            if not self._database.execute("SELECT 1 FROM labels WHERE key = ?", (key,)).fetchone():
                raise NotFound(assumed.UNKNOWN_LABEL, f"There is no label {key}.")

    def _refuse_duplicates(self, info: Info, *, but: str | None) -> None:
        mails = [("email", assumed.same_email(one.email), one.email, "duplicateEmail") for one in info.emails]
        phones = [(*_reached(one), one.phone, "duplicatePhone") for one in info.phones]
        for kind, value, given, name in mails or phones:
            row = self._database.execute(
                "SELECT id FROM reach JOIN contacts ON id = contact WHERE kind = ? AND value = ? AND id IS NOT ? "
                "ORDER BY created, place LIMIT 1",
                (kind, value, but),
            ).fetchone()
            if row:
                found = {"duplicateContactId": row[0], name: given}
                raise Duplicate("DUPLICATE_CONTACT_EXISTS", "Duplicate contact exists.", found)

    def _merged(self, target_id: str, source_ids: Sequence[str]) -> tuple[Contact, Info]:
        """The target and what a merge would make of it, or the refusal the API gives."""
        if not 1 <= len(source_ids) <= MAX_SOURCES:
            raise Refused("INVALID_ARGUMENT", f"A merge takes 1 to {MAX_SOURCES} source contacts.")
        if target_id in source_ids or len(set(source_ids)) < len(source_ids):
            raise Refused("ILLEGAL_MERGE", "A contact cannot be merged into itself or twice.")
        target = self._current(target_id)
        sources = [self._current(source) for source in source_ids]
        if any(source.is_member for source in sources):
            raise PreconditionFailed("FAILED_PRECONDITION", assumed.PROTECTED_SOURCE)
        info = target.info
        for source in sources:
            info = rules.absorbed(info, source.info)
        if max(len(info.emails), len(info.phones), len(info.addresses)) > rules.MAX_ITEMS:
            raise Refused("INVALID_ARGUMENT", f"The merged contact would have more than {rules.MAX_ITEMS} of a kind.")
        return target, info

    def _put_label(self, label: Label) -> None:
        self._database.execute(
            "INSERT OR REPLACE INTO labels VALUES (?, ?, ?, ?, ?)",
            (label.key, label.display_name, label.type, _text(label.created), _text(label.updated)),
        )

    def _put_field(self, field: ExtendedField) -> None:
        self._types = None
        self._database.execute(
            "INSERT OR REPLACE INTO fields VALUES (?, ?, ?, ?, ?, ?)",
            (field.key, field.display_name, field.data_type, field.type, _text(field.created), _text(field.updated)),
        )

    def _named_row(self, table: str, key: str) -> Sequence[Any]:
        row: Sequence[Any] | None = self._database.execute(f"SELECT * FROM {table} WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise NotFound("NOT_FOUND", f"There is no {table.removesuffix('s')} {key}.")
        return row

    def _rename(self, table: str, key: str, display_name: str, longest: int) -> None:
        _named(display_name, longest)
        self._named_row(table, key)
        self._database.execute(
            f"UPDATE {table} SET display_name = ?, updated = ? WHERE key = ?", (display_name, _text(self._now()), key)
        )

    def _delete_named(self, table: str, key: str) -> None:
        self._named_row(table, key)
        if not key.startswith("custom."):
            raise PreconditionFailed("FAILED_PRECONDITION", f"The {table.removesuffix('s')} {key} is the site's own.")
        self._database.execute(f"DELETE FROM {table} WHERE key = ?", (key,))


def _row(contact: Contact, statuses: Mapping[str, Sequence[str]] | None) -> tuple[object, ...]:
    return (
        contact.id,
        contact.revision,
        _text(contact.created),
        _text(contact.updated),
        contact.info.to_json(),
        contact.member.model_dump_json(exclude_none=True) if contact.member else None,
        contact.subscription,
        contact.deliverability,
        contact.phone_subscription,
        contact.source,
        contact.app_id,
        contact.activity,
        _text(contact.active or contact.created),
        json.dumps(statuses) if statuses else None,
    )


def _contact(row: Sequence[Any]) -> Contact:
    return Contact(
        id=row[0],
        revision=row[1],
        created=datetime.fromisoformat(row[2]),
        updated=datetime.fromisoformat(row[3]),
        info=Info.model_validate_json(row[4]),
        member=Member.model_validate_json(row[5]) if row[5] else None,
        subscription=row[6],
        deliverability=row[7],
        phone_subscription=row[8],
        source=row[9],
        app_id=row[10],
        activity=row[11],
        active=_moment(row[12]),
    )


def _label(row: Sequence[Any]) -> Label:
    key, name, kind, created, updated = row
    return Label(key=key, display_name=name, type=kind, created=_moment(created), updated=_moment(updated))


def _field(row: Sequence[Any]) -> ExtendedField:
    key, name, data_type, kind, created, updated = row
    return ExtendedField(
        key=key,
        display_name=name,
        data_type=data_type,
        type=kind,
        created=_moment(created),
        updated=_moment(updated),
    )


def _text(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds") if moment else None


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _reach(contact: Contact) -> list[tuple[str, str, str]]:
    mails = [("email", assumed.same_email(one.email), contact.id) for one in contact.info.emails]
    return mails + [(*_reached(one), contact.id) for one in contact.info.phones]


def _reached(phone: Phone) -> tuple[str, str]:
    return ("e164" if phone.e164 else "phone", assumed.reached_phone(phone.phone, phone.e164))


def _is_raw(info: Info) -> bool:
    """Whether a content lacks what a site adds to it."""
    listed: tuple[tuple[Email | Phone, ...], ...] = (info.emails, info.phones)
    without = any(items and not any(one.primary for one in items) for items in listed)
    return without or any(one.e164 is None for one in info.phones)


def _phone_status(info: Info) -> str:
    phone = rules.primary(info.phones)
    return "NO_SUBSCRIPTION_STATUS" if phone and not phone.e164 else "NOT_SET"


def _undeletable(member: Member | None) -> SiteError | None:
    if member is None:
        return None
    if member.role is not None:
        code = "CANNOT_DELETE_MEMBER_OWNER_OR_CONTRIBUTOR"
        return PreconditionFailed(code, "Somebody who runs the site cannot be deleted as a contact.")
    if member.status == "DELETED":
        return None
    return PreconditionFailed("CANNOT_DELETE_MEMBER", "A site member cannot be deleted as a contact.")


def _named(display_name: str, longest: int) -> None:
    if not 1 <= len(display_name) <= longest:
        raise Refused("INVALID_ARGUMENT", f"A display name has 1 to {longest} letters.")


def _starting(text: str | None) -> Condition:
    return Condition("substr(display_name, 1, length(?)) = ?", (text, text)) if text else Condition()


def _free_key(display_name: str, taken: set[str]) -> str:
    key, copy = f"custom.{assumed.slug(display_name)}", 1
    while key in taken:
        copy += 1
        key = f"custom.{assumed.slug(display_name)}-{copy}"
    return key


def _unknown() -> SiteError:
    return NotFound("CONTACT_NOT_FOUND", "There is no such contact.")


def _folded(text: str | float | None) -> str | float | None:
    return text.casefold() if isinstance(text, str) else text

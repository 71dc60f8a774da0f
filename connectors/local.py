"""The embedded site: a contact list in one SQLite file with the rules of the Contacts API.

Every call is one transaction, so a process killed in the middle of one leaves nothing half done.
"""

from __future__ import annotations

import json
import re
import sqlite3
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import phonenumbers

from connectors.contacts import MAX_PAGE, MAX_SOURCES, Contact, ExtendedField, Label, Page
from connectors.wire import contact_from_wire
from transforms.errors import (
    AlreadyChanged,
    Duplicate,
    NotFound,
    PreconditionFailed,
    Refused,
    SiteError,
    UsageError,
)
from transforms.schema import Address, Email, Info, Phone

Item = TypeVar("Item", Email, Phone)
Thing = TypeVar("Thing")

MAX_ITEMS = 50
MAX_FIELDS = 100

_TABLES = """
CREATE TABLE IF NOT EXISTS contacts (
    id TEXT PRIMARY KEY, revision INTEGER NOT NULL, created TEXT NOT NULL, updated TEXT NOT NULL,
    is_member INTEGER NOT NULL, subscription TEXT NOT NULL, info TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS contacts_created ON contacts (created, id);
CREATE TABLE IF NOT EXISTS reach (kind TEXT NOT NULL, value TEXT NOT NULL, contact TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS reach_value ON reach (kind, value);
CREATE INDEX IF NOT EXISTS reach_contact ON reach (contact);
CREATE TABLE IF NOT EXISTS redirects (source TEXT PRIMARY KEY, target TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS labels (key TEXT PRIMARY KEY, display_name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE IF NOT EXISTS fields (
    key TEXT PRIMARY KEY, display_name TEXT NOT NULL UNIQUE, data_type TEXT NOT NULL
) STRICT;
PRAGMA user_version = 1;
"""


class LocalSite:
    """A `ContactsSite` in a SQLite file. Use it as a context manager, or call `close`.

    Args:
        path: the file; made when `create` is given, else it must be there. `:memory:` is a site that is forgotten.
        create: whether a missing file is made.

    Raises:
        UsageError: the file is missing or is not an embedded site.
    """

    def __init__(self, path: Path | str, *, create: bool = False) -> None:
        memory = str(path) == ":memory:"
        if not memory and not create and not Path(path).is_file():
            raise UsageError(
                f"There is no embedded site at {path}. Make one with: onefold site load FILE --site local:{path}"
            )
        if not memory:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(str(path), isolation_level=None, timeout=30)
        try:
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._database.executescript(_TABLES)
        except sqlite3.DatabaseError as error:
            self._database.close()
            raise UsageError(f"{path} is not an embedded site: {error}.") from error

    def close(self) -> None:
        """Closes the file."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def load(
        self, contacts: Iterable[Contact], labels: Iterable[Label] = (), fields: Iterable[ExtendedField] = ()
    ) -> int:
        """Plants contacts as they are, with ids, revisions and memberships; returns how many. One transaction."""
        count = 0
        with self._transaction():
            self._database.executemany(
                "INSERT OR REPLACE INTO labels VALUES (:key, :display_name)",
                [one.model_dump() for one in labels],
            )
            self._database.executemany(
                "INSERT OR REPLACE INTO fields VALUES (:key, :display_name, :data_type)",
                [one.model_dump() for one in fields],
            )
            for contact in contacts:
                self._write(contact.model_copy(update={"info": _stored(contact.info)}))
                count += 1
        return count

    async def create(self, info: Info, *, allow_duplicates: bool = False) -> Contact:
        """See `ContactsSite.create`."""
        with self._transaction():
            stored = self._acceptable(info)
            if not allow_duplicates:
                self._refuse_duplicates(stored, but=None)
            now = _now()
            contact = Contact(id=str(uuid.uuid4()), revision=1, created=now, updated=now, info=stored)
            self._write(contact)
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
            given = {name: getattr(info, name) for name in info.model_fields_set}
            if not given:
                raise Refused("INSUFFICIENT_UPDATE_CONTACT_DATA", "There is nothing to update.")
            if "extended" in given:
                given["extended"] = {**contact.info.extended, **info.extended}
            stored = self._acceptable(contact.info.model_copy(update=given))
            if contact.is_member and _primary_email(stored) != _primary_email(contact.info):
                raise PreconditionFailed("CANNOT_UPDATE_MEMBER_EMAIL", "A member's primary e-mail cannot be changed.")
            if not allow_duplicates and given.keys() & {"emails", "phones"}:
                self._refuse_duplicates(stored, but=contact_id)
            return self._changed(contact, stored)

    async def merge(self, target_id: str, revision: int, source_ids: Sequence[str]) -> Contact:
        """See `ContactsSite.merge`. All sources go in one transaction, or none."""
        with self._transaction():
            target, merged = self._merged(target_id, source_ids)
            if target.revision != revision:
                raise PreconditionFailed("FAILED_PRECONDITION", "The target has been updated since that revision.")
            contact = self._changed(target, merged)
            for source in source_ids:
                self._remove(source)
                self._database.execute("INSERT INTO redirects VALUES (?, ?)", (source, target_id))
            return contact

    async def preview_merge(self, target_id: str, source_ids: Sequence[str]) -> Contact:
        """See `ContactsSite.preview_merge`."""
        target, merged = self._merged(target_id, source_ids)
        return target.model_copy(update={"info": merged})

    async def delete(self, contact_id: str) -> None:
        """See `ContactsSite.delete`."""
        with self._transaction():
            if self._current(contact_id).is_member:
                raise PreconditionFailed("CANNOT_DELETE_MEMBER", "A site member cannot be deleted as a contact.")
            self._remove(contact_id)

    async def label(self, contact_id: str, keys: Sequence[str]) -> Contact:
        """See `ContactsSite.label`."""
        with self._transaction():
            self._known_labels(keys)
            contact = self._current(contact_id)
            labels = _joined(contact.info.labels, keys)
            if labels == contact.info.labels:
                return contact
            return self._changed(contact, contact.info.model_copy(update={"labels": labels}))

    async def unlabel(self, contact_id: str, keys: Sequence[str]) -> Contact:
        """See `ContactsSite.unlabel`."""
        with self._transaction():
            self._known_labels(keys)
            contact = self._current(contact_id)
            labels = tuple(key for key in contact.info.labels if key not in keys)
            if labels == contact.info.labels:
                return contact
            return self._changed(contact, contact.info.model_copy(update={"labels": labels}))

    async def query(self, conditions: Mapping[str, object] | None = None, *, limit: int = 50, offset: int = 0) -> Page:
        """See `ContactsSite.query`. Understands `id`, `info.emails.email` and `info.phones.e164Phone`."""
        if not 0 < limit <= MAX_PAGE:
            raise Refused("ILLEGAL_LIMIT", f"A page holds 1 to {MAX_PAGE} contacts.")
        where, values = ["1"], []
        for path, value in (conditions or {}).items():
            clause = _CONDITIONS.get(path)
            if clause is None:
                raise Refused("UNSUPPORTED_FILTER_FIELD_UNKNOWN", f"Contacts cannot be filtered by {path}.")
            where.append(clause)
            values.append(str(value).casefold() if path.endswith("email") else value)
        clause = " AND ".join(where)
        total = self._database.execute(f"SELECT count(*) FROM contacts WHERE {clause}", values).fetchone()[0]
        rows = self._database.execute(
            f"SELECT * FROM contacts WHERE {clause} ORDER BY created, id LIMIT ? OFFSET ?",
            [*values, limit, offset],
        )
        return Page(contacts=tuple(_contact(row) for row in rows), offset=offset, total=total)

    async def scan(self) -> AsyncIterator[Contact]:
        """See `ContactsSite.scan`."""
        for row in self._database.execute("SELECT * FROM contacts ORDER BY created, id").fetchall():
            yield _contact(row)

    async def labels(self) -> list[Label]:
        """See `ContactsSite.labels`."""
        rows = self._database.execute("SELECT key, display_name FROM labels ORDER BY key")
        return [Label(key=key, display_name=name) for key, name in rows]

    async def find_or_create_label(self, display_name: str) -> Label:
        """See `ContactsSite.find_or_create_label`."""
        with self._transaction():
            known = {one.display_name: one for one in await self.labels()}
            if display_name in known:
                return known[display_name]
            key = _free_key(display_name, {one.key for one in known.values()})
            self._database.execute("INSERT INTO labels VALUES (?, ?)", (key, display_name))
            return Label(key=key, display_name=display_name)

    async def fields(self) -> list[ExtendedField]:
        """See `ContactsSite.fields`."""
        rows = self._database.execute("SELECT key, display_name, data_type FROM fields ORDER BY key")
        return [ExtendedField(key=key, display_name=name, data_type=kind) for key, name, kind in rows]

    async def find_or_create_field(self, display_name: str) -> ExtendedField:
        """See `ContactsSite.find_or_create_field`. A site has at most a hundred custom fields."""
        with self._transaction():
            known = {one.display_name: one for one in await self.fields()}
            if display_name in known:
                return known[display_name]
            if len(known) >= MAX_FIELDS:
                raise PreconditionFailed("FIELDS_QUOTA_EXCEEDED", f"A site has at most {MAX_FIELDS} custom fields.")
            key = _free_key(display_name, {one.key for one in known.values()})
            self._database.execute("INSERT INTO fields VALUES (?, ?, 'TEXT')", (key, display_name))
            return ExtendedField(key=key, display_name=display_name)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def _find(self, contact_id: str) -> Contact | None:
        row = self._database.execute("SELECT * FROM contacts WHERE id = ?", (contact_id,)).fetchone()
        return _contact(row) if row else None

    def _current(self, contact_id: str) -> Contact:
        contact = self._find(contact_id)
        if contact is None:
            raise _unknown()
        return contact

    def _write(self, contact: Contact) -> None:
        self._database.execute(
            "INSERT OR REPLACE INTO contacts VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                contact.id,
                contact.revision,
                contact.created.isoformat(timespec="milliseconds"),
                contact.updated.isoformat(timespec="milliseconds"),
                contact.is_member,
                contact.subscription,
                contact.info.to_json(),
            ),
        )
        self._database.execute("DELETE FROM reach WHERE contact = ?", (contact.id,))
        mails = [("email", one.email.casefold(), contact.id) for one in contact.info.emails]
        phones = [("phone", one.e164 or one.phone, contact.id) for one in contact.info.phones]
        self._database.executemany("INSERT INTO reach VALUES (?, ?, ?)", mails + phones)

    def _changed(self, contact: Contact, info: Info) -> Contact:
        changed = contact.model_copy(update={"info": info, "revision": contact.revision + 1, "updated": _now()})
        self._write(changed)
        return changed

    def _remove(self, contact_id: str) -> None:
        self._database.execute("DELETE FROM contacts WHERE id = ?", (contact_id,))
        self._database.execute("DELETE FROM reach WHERE contact = ?", (contact_id,))

    def _acceptable(self, info: Info) -> Info:
        """The info as it is stored, or the refusal the API gives."""
        if not (info.first or info.last or info.emails or info.phones):
            raise Refused("INSUFFICIENT_CONTACT_DATA", "A contact needs a name, an e-mail or a phone.")
        for name in ("emails", "phones", "addresses"):
            if len(getattr(info, name)) > MAX_ITEMS:
                raise Refused("INVALID_ARGUMENT", f"A contact has at most {MAX_ITEMS} {name}.")
        if any(not 1 <= len(one.email) <= 320 or "@" not in one.email for one in info.emails):
            raise Refused("INVALID_ARGUMENT", "An e-mail of the contact is not one.")
        if sum(one.primary for one in info.emails) > 1 or sum(one.primary for one in info.phones) > 1:
            raise Refused("CANNOT_HAVE_MULTIPLE_PRIMARY_INFO", "Only one e-mail and one phone can be primary.")
        self._known_labels(info.labels)
        known = {key for (key,) in self._database.execute("SELECT key FROM fields")}
        if unknown := sorted(key for key in info.extended if key not in known):
            raise Refused("INVALID_EXTENDED_FIELD_VALUE", f"There is no custom field {', '.join(unknown)}.")
        return _stored(info)

    def _known_labels(self, keys: Sequence[str]) -> None:
        known = {key for (key,) in self._database.execute("SELECT key FROM labels")}
        if unknown := sorted(set(keys) - known):
            raise NotFound("LABEL_NOT_FOUND", f"There is no label {', '.join(unknown)}.")

    def _refuse_duplicates(self, info: Info, *, but: str | None) -> None:
        mails = [("email", one.email.casefold()) for one in info.emails]
        wanted = mails or [("phone", one.e164 or one.phone) for one in info.phones]
        for kind, value in wanted:
            row = self._database.execute(
                "SELECT contact FROM reach WHERE kind = ? AND value = ? AND contact IS NOT ?",
                (kind, value, but),
            ).fetchone()
            if row:
                raise Duplicate("DUPLICATE_CONTACT_EXISTS", "Duplicate contact exists.", {"duplicateContactId": row[0]})

    def _merged(self, target_id: str, source_ids: Sequence[str]) -> tuple[Contact, Info]:
        """The target and what a merge would make of it, or the refusal the API gives."""
        if not 1 <= len(source_ids) <= MAX_SOURCES:
            raise Refused("INVALID_ARGUMENT", f"A merge takes 1 to {MAX_SOURCES} source contacts.")
        if target_id in source_ids or len(set(source_ids)) < len(source_ids):
            raise Refused("ILLEGAL_MERGE", "A contact cannot be merged into itself or twice.")
        target = self._current(target_id)
        sources = [self._current(source) for source in source_ids]
        if any(source.is_member for source in sources):
            raise PreconditionFailed("FAILED_PRECONDITION", "Cannot merge contact with membership status")
        info = target.info
        for source in sources:
            info = _absorbed(info, source.info)
        if max(len(info.emails), len(info.phones), len(info.addresses)) > MAX_ITEMS:
            raise Refused("INVALID_ARGUMENT", f"The merged contact would have more than {MAX_ITEMS} of a kind.")
        return target, info


def read_contacts(path: Path) -> tuple[list[Contact], list[Label], list[ExtendedField]]:
    """Contacts, labels and fields from a file with one JSON object a line.

    A line is a contact as the API writes it, or `{"label": {"key", "displayName"}}`, or `{"field": {…, "dataType"}}`.

    Raises:
        UsageError: the file is missing or a line is not such an object; the message names the line.
    """
    if not path.is_file():
        raise UsageError(f"There is no file {path}.")
    contacts: list[Contact] = []
    labels: list[Label] = []
    fields: list[ExtendedField] = []
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                one = json.loads(line)
                if "label" in one:
                    labels.append(Label(key=one["label"]["key"], display_name=one["label"]["displayName"]))
                elif "field" in one:
                    wire = one["field"]
                    fields.append(
                        ExtendedField(
                            key=wire["key"],
                            display_name=wire["displayName"],
                            data_type=wire.get("dataType", "TEXT"),
                        )
                    )
                else:
                    contacts.append(contact_from_wire(one))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise UsageError(f"{path.name}, line {number}, is not a contact of the Contacts API.") from error
    return contacts, labels, fields


_CONDITIONS = {
    "id": "id = ?",
    "info.emails.email": "id IN (SELECT contact FROM reach WHERE kind = 'email' AND value = ?)",
    "info.phones.e164Phone": "id IN (SELECT contact FROM reach WHERE kind = 'phone' AND value = ?)",
}


def _contact(row: Sequence[str]) -> Contact:
    contact_id, revision, created, updated, is_member, subscription, info = row
    return Contact(
        id=contact_id,
        revision=int(revision),
        created=datetime.fromisoformat(created),
        updated=datetime.fromisoformat(updated),
        is_member=bool(is_member),
        subscription=subscription,
        info=Info.model_validate_json(info),
    )


def _absorbed(target: Info, source: Info) -> Info:
    """What the API's merge makes of a target and one source.

    Nothing of the target is overwritten; its empty fields are filled, its lists continued with what they lack.
    """
    blank = {
        name: getattr(source, name)
        for name in ("first", "last", "company", "job_title", "birthdate", "locale")
        if not getattr(target, name)
    }
    merged = target.model_copy(
        update={
            **blank,
            "emails": _continued(target.emails, map(_second, source.emails), lambda one: one.email.casefold()),
            "phones": _continued(target.phones, map(_second, source.phones), _same_phone),
            "addresses": _continued(target.addresses, source.addresses, Address.content),
            "labels": _joined(target.labels, source.labels),
            "extended": {**source.extended, **target.extended},
        }
    )
    return merged.model_copy(update={"emails": _one_primary(merged.emails), "phones": _one_primary(merged.phones)})


def _continued(
    items: tuple[Thing, ...], more: Iterable[Thing], identity: Callable[[Thing], object]
) -> tuple[Thing, ...]:
    known = {identity(one) for one in items}
    for one in more:
        if identity(one) not in known:
            known.add(identity(one))
            items = (*items, one)
    return items


def _stored(info: Info) -> Info:
    """The info with a primary e-mail and phone, and E.164 where phone and country allow it."""
    phones = tuple(one.model_copy(update={"e164": _e164(one)}) for one in info.phones)
    return info.model_copy(update={"emails": _one_primary(info.emails), "phones": _one_primary(phones)})


def _one_primary(items: tuple[Item, ...]) -> tuple[Item, ...]:
    if not items or any(one.primary for one in items):
        return items
    return tuple(one.model_copy(update={"primary": at == 0}) for at, one in enumerate(items))


def _second(item: Item) -> Item:
    return item.model_copy(update={"primary": False})


def _e164(phone: Phone) -> str | None:
    try:
        number = phonenumbers.parse(phone.phone, phone.country_code)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _same_phone(phone: Phone) -> str:
    return phone.e164 or re.sub(r"\D", "", phone.phone) or phone.phone


def _primary_email(info: Info) -> str | None:
    return next((one.email.casefold() for one in info.emails if one.primary), None)


def _joined(first: Sequence[str], more: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*first, *more]))


def _free_key(display_name: str, taken: set[str]) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", display_name.casefold()).strip("-") or "label"
    key, copy = f"custom.{slug[:60]}", 1
    while key in taken:
        copy += 1
        key = f"custom.{slug[:60]}-{copy}"
    return key


def _unknown() -> SiteError:
    return NotFound("CONTACT_NOT_FOUND", "There is no such contact.")


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=datetime.now(UTC).microsecond // 1000 * 1000)

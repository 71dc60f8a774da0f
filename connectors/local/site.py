"""The embedded site: a `ContactsSite` in one SQLite file.

Every call is one transaction, so a process killed in the middle of one leaves nothing half done.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

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
    Condition,
    both,
    compiled,
    contact_columns,
    found_by,
    ordered,
)
from connectors.local.named import NamedLists
from connectors.local.tables import (
    INDEXES,
    READ,
    WRITE,
    as_moment,
    as_text,
    contact_row,
    reach_rows,
    reached,
    row_contact,
)
from transforms.schema.contact import Email, Info, Phone
from transforms.schema.errors import (
    AlreadyChanged,
    Duplicate,
    NotFound,
    PreconditionFailed,
    Refused,
    SiteError,
)

_CHUNK = 1000
_LOADED = 20_000
"""Contacts planted at once: sorted, they touch each page of an index once."""


class LocalSite(NamedLists):
    """A `ContactsSite` in a SQLite file. Use it as a context manager, or call `close`.

    Args:
        path: the file; made when `create` is given, else it must be there. `:memory:` is a site that is forgotten.
        create: whether a missing file is made.
        events: whether every change leaves an event in the outbox, for `events` and `delivered`.
        identity: what a site that is made now is known by; a random one when it is not given.

    Raises:
        UsageError: the file is missing or is not an embedded site.
    """

    def load(
        self, contacts: Iterable[Contact], labels: Iterable[Label] = (), fields: Iterable[ExtendedField] = ()
    ) -> int:
        """Plants contacts as they are, with ids, revisions and memberships; returns how many. One transaction.

        A site that has no contacts yet gets its indexes behind them: that is quicker than keeping them up to date.
        """
        count = 0
        with self.transaction():
            empty = self._database.execute("SELECT 1 FROM contacts LIMIT 1").fetchone() is None
            for index in INDEXES if empty else ():
                self._database.execute(f"DROP INDEX {index}")
            for label in labels:
                self._put_label(label)
            for field in fields:
                self._put_field(field)
            rest = iter(contacts)
            while chunk := list(islice(rest, _LOADED)):
                planted = [
                    contact.model_copy(update={"info": rules.stored(contact.info, keep_e164=True)})
                    if _is_raw(contact.info)
                    else contact
                    for contact in chunk
                ]
                if not empty:
                    self._database.executemany(
                        "DELETE FROM reach WHERE contact = ?", [(contact.id,) for contact in planted]
                    )
                self._database.executemany(WRITE, [contact_row(contact, None) for contact in planted])
                self._database.executemany(
                    "INSERT OR IGNORE INTO reach VALUES (?, ?, ?)",
                    sorted(line for contact in planted for line in reach_rows(contact)),
                )
                count += len(planted)
            if empty:
                for index, columns in INDEXES.items():
                    self._database.execute(f"CREATE INDEX {index} ON {columns}")
                if count > self._database.execute("SELECT count(*) FROM contacts").fetchone()[0]:
                    self._forget_what_was_overwritten()
        return count

    def _forget_what_was_overwritten(self) -> None:
        """After some contacts were planted twice: each is reached only by what it holds now."""
        self._database.execute("DELETE FROM reach")
        for row in self._database.execute(f"SELECT {READ} FROM contacts").fetchall():
            self._database.executemany("INSERT OR IGNORE INTO reach VALUES (?, ?, ?)", reach_rows(row_contact(row)))

    def newest(self) -> datetime | None:
        """When the youngest contact was created."""
        return as_moment(self._database.execute("SELECT max(created) FROM contacts").fetchone()[0])

    # --- contacts ---

    @property
    def lag(self) -> float:
        """See `ContactsSite.lag`: it has none."""
        return 0.0

    def mark_creates(self, key: str) -> None:
        """See `ContactsSite.mark_creates`: no answer is lost here."""

    async def create(self, info: Info, *, allow_duplicates: bool = False) -> Contact:
        """See `ContactsSite.create`."""
        with self.transaction():
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
        with self.transaction():
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
        with self.transaction():
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
        with self.transaction():
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
            "contacts", READ, wanted, ordered(sort, columns, assumed.DEFAULT_SORT), limit, offset, MAX_PAGE
        )
        return Page(items=tuple(row_contact(row) for row in rows), offset=offset, total=total)

    async def list_contacts(self, *, sort: Sort = Sort(), limit: int = 50, offset: int = 0) -> Page[Contact]:  # noqa: B008
        """See `ContactsSite.list_contacts`."""
        return await self.query(sort=sort, limit=limit, offset=offset)

    async def scan(
        self, *, changed_since: datetime | None = None, created_since: datetime | None = None
    ) -> AsyncIterator[Contact]:
        """See `ContactsSite.scan`. What is added behind the reader's place while it reads is read as well."""
        since = as_text(changed_since) or ""
        created, place = as_text(created_since) or "", 0
        while rows := self._database.execute(
            f"SELECT {READ}, place FROM contacts WHERE (created, place) > (?, ?) AND updated >= ? "
            "ORDER BY created, place LIMIT ?",
            (created, place, since, _CHUNK),
        ).fetchall():
            for row in rows:
                yield row_contact(row)
            created, place = rows[-1][2], rows[-1][-1]

    async def bulk_delete(self, filter: Filter | None = None, *, search: str | None = None) -> str:
        """See `ContactsSite.bulk_delete`. The job is done when the call answers."""

        def delete_contact(contact: Contact) -> None:
            if refusal := _undeletable(contact.member):
                code = "CANNOT_DELETE_SITE_MEMBERS" if refusal.code == "CANNOT_DELETE_MEMBER" else refusal.code
                raise PreconditionFailed(code, str(refusal))
            self._remove(contact.id)

        return self._job("DELETE", filter, search, delete_contact)

    async def bulk_update(self, info: Info, filter: Filter | None = None, *, search: str | None = None) -> str:
        """See `ContactsSite.bulk_update`. The job is done when the call answers."""
        return self._job("UPDATE", filter, search, lambda contact: self._changed(contact, self._patched(contact, info)))

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
        return self._job(kind, filter, search, lambda contact: self._relabel(contact, add, remove))

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

    async def delete_label(self, key: str) -> None:
        """See `ContactsSite.delete_label`."""
        with self.transaction():
            self._delete_named("labels", key)
            for contact in self._those(compiled({"info.labelKeys": {"$hasSome": [key]}}, contact_columns({}))):
                self._relabel(contact, (), (key,))

    async def delete_field(self, key: str) -> None:
        """See `ContactsSite.delete_field`."""
        with self.transaction():
            self._named_row("fields", key)
            having = compiled({f"info.extendedFields.{key}": {"$exists": True}}, contact_columns(self._field_types()))
            self._delete_named("fields", key)
            self._types = None
            for contact in self._those(having):
                rest = {name: value for name, value in contact.info.extended.items() if name != key}
                self._changed(contact, contact.info.model_copy(update={"extended": rest}))

    # --- within a transaction ---

    def _find(self, contact_id: str) -> Contact | None:
        row = self._database.execute(f"SELECT {READ} FROM contacts WHERE id = ?", (contact_id,)).fetchone()
        return row_contact(row) if row else None

    def _current(self, contact_id: str) -> Contact:
        contact = self._find(contact_id)
        if contact is None:
            raise _unknown()
        return contact

    def _those(self, wanted: Condition) -> list[Contact]:
        rows = self._database.execute(f"SELECT {READ} FROM contacts WHERE {wanted.sql} ORDER BY place", wanted.values)
        return [row_contact(row) for row in rows.fetchall()]

    def _write(self, contact: Contact, statuses: Mapping[str, Sequence[str]], before: Info | None = None) -> None:
        self._database.execute(WRITE, contact_row(contact, statuses))
        if before is not None and (before.emails, before.phones) == (contact.info.emails, contact.info.phones):
            return
        self._database.execute("DELETE FROM reach WHERE contact = ?", (contact.id,))
        self._database.executemany("INSERT OR IGNORE INTO reach VALUES (?, ?, ?)", reach_rows(contact))

    def _statuses(self, contact: Contact) -> dict[str, list[str]]:
        """Consent to each e-mail and phone of a contact, the primary ones included."""
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
        with self.transaction():
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
        with self.transaction():
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

    def _acceptable(self, info: Info) -> Info:
        """The info as it is stored, or the refusal the API gives."""
        rules.check(info)
        self._known_labels(info.labels)
        if info.extended:
            info = info.model_copy(update={"extended": rules.extended(info.extended, self._field_types())})
        return rules.stored(info)

    def _known_labels(self, keys: Sequence[str]) -> None:
        for key in keys:
            if not self._database.execute("SELECT 1 FROM labels WHERE key = ?", (key,)).fetchone():
                raise NotFound(assumed.UNKNOWN_LABEL, f"There is no label {key}.")

    def _refuse_duplicates(self, info: Info, *, but: str | None) -> None:
        mails = [("email", assumed.same_email(email.email), email.email, "duplicateEmail") for email in info.emails]
        phones = [(*reached(phone), phone.phone, "duplicatePhone") for phone in info.phones]
        for kind, value, given, name in mails or phones:
            row = self._database.execute(
                "SELECT id FROM reach JOIN contacts ON id = contact WHERE kind = ? AND value = ? AND id IS NOT ? "
                "ORDER BY created, place LIMIT 1",
                (kind, value, but),
            ).fetchone()
            if row:
                data = {"duplicateContactId": row[0], name: given}
                raise Duplicate("DUPLICATE_CONTACT_EXISTS", "Duplicate contact exists.", data)

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


def _is_raw(info: Info) -> bool:
    """Whether a content lacks what a site adds to it."""
    listed: tuple[tuple[Email | Phone, ...], ...] = (info.emails, info.phones)
    without = any(items and not any(item.primary for item in items) for items in listed)
    return without or any(phone.e164 is None for phone in info.phones)


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


def _unknown() -> SiteError:
    return NotFound("CONTACT_NOT_FOUND", "There is no such contact.")

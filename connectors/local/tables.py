"""The tables of an embedded site, and their rows as contacts, labels and custom fields."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.contacts import Contact, ExtendedField, Label, Member
from connectors.local import assumed
from transforms.schema.contact import Info, Phone

Event = dict[str, Any]


VERSION = 2


IDENTITY = "identity"
"""The fact that tells one embedded site from another."""


INDEXES = {
    "contacts_created": "contacts (created, place)",
    "contacts_updated": "contacts (updated)",
    "reach_contact": "reach (contact)",
}


TABLES = f"""
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
{"".join(f"CREATE INDEX IF NOT EXISTS {name} ON {columns};" for name, columns in INDEXES.items())}
PRAGMA user_version = {VERSION};
"""


COLUMNS = (
    "id", "revision", "created", "updated", "info", "member", "subscription", "deliverability", "phone_subscription",
    "source", "app_id", "activity", "active", "statuses",
)  # fmt: skip


READ = ", ".join(COLUMNS[:-1])


WRITE = (
    f"INSERT INTO contacts ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))}) ON CONFLICT (id) "
    f"DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in COLUMNS[1:])}"
)


def contact_row(contact: Contact, statuses: Mapping[str, Sequence[str]] | None) -> tuple[object, ...]:
    """The values of `COLUMNS` of a contact; `statuses`: what is known of the consent to its e-mails and phones."""
    return (
        contact.id,
        contact.revision,
        as_text(contact.created),
        as_text(contact.updated),
        contact.info.to_json(),
        contact.member.model_dump_json(exclude_none=True) if contact.member else None,
        contact.subscription,
        contact.deliverability,
        contact.phone_subscription,
        contact.source,
        contact.app_id,
        contact.activity,
        as_text(contact.active or contact.created),
        json.dumps(statuses) if statuses else None,
    )


def row_contact(row: Sequence[Any]) -> Contact:
    """The contact of a row read as `READ` says."""
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
        active=as_moment(row[12]),
    )


def row_label(row: Sequence[Any]) -> Label:
    """The label of a row of `labels`."""
    key, name, kind, created, updated = row
    return Label(key=key, display_name=name, type=kind, created=as_moment(created), updated=as_moment(updated))


def row_field(row: Sequence[Any]) -> ExtendedField:
    """The custom field of a row of `fields`."""
    key, name, data_type, kind, created, updated = row
    return ExtendedField(
        key=key,
        display_name=name,
        data_type=data_type,
        type=kind,
        created=as_moment(created),
        updated=as_moment(updated),
    )


def as_text(moment: datetime | None) -> str | None:
    """A moment as it is stored, to a millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds") if moment else None


def as_moment(text: str | None) -> datetime | None:
    """The moment a stored text means."""
    return datetime.fromisoformat(text) if text else None


def reach_rows(contact: Contact) -> list[tuple[str, str, str]]:
    """Rows of `reach`: the e-mails and phones that a create compares."""
    mails = [("email", assumed.same_email(email.email), contact.id) for email in contact.info.emails]
    return mails + [(*reached(phone), contact.id) for phone in contact.info.phones]


def reached(phone: Phone) -> tuple[str, str]:
    """The kind and value by which `reach` has a phone."""
    return ("e164" if phone.e164 else "phone", assumed.reached_phone(phone.phone, phone.e164))

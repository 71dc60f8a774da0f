"""The protocol every contacts site speaks, and what it speaks of."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import polars as pl
from pydantic import BaseModel, ConfigDict

from transforms.schema import ROWS, SITE, Info, conform

MAX_SOURCES = 5
"""A merge takes at most this many source contacts."""
MAX_PAGE = 1000


class Contact(BaseModel):
    """A contact as a site holds it. `revision` grows by one with every change."""

    model_config = ConfigDict(frozen=True)

    id: str
    revision: int
    created: datetime
    updated: datetime
    is_member: bool = False
    subscription: str = "NOT_SET"
    info: Info


class Label(BaseModel):
    """A label of the site: contacts carry its key, people see its display name."""

    model_config = ConfigDict(frozen=True)

    key: str
    display_name: str


class ExtendedField(BaseModel):
    """A custom field of the site."""

    model_config = ConfigDict(frozen=True)

    key: str
    display_name: str
    data_type: str = "TEXT"


class Page(BaseModel):
    """One page of a query's contacts, and how many there are in all."""

    contacts: tuple[Contact, ...]
    offset: int
    total: int


class ContactsSite(Protocol):
    """A contact list with the rules of the Wix Contacts API v4. Refusals are raised as `SiteError`s."""

    async def create(self, info: Info, *, allow_duplicates: bool = False) -> Contact:
        """Creates a contact; refused when its e-mail (or, without one, its phone) is another contact's."""
        ...

    async def get(self, contact_id: str) -> Contact:
        """The contact of this id; for one that was merged away, the contact it went into."""
        ...

    async def update(self, contact_id: str, revision: int, info: Info, *, allow_duplicates: bool = False) -> Contact:
        """Changes the fields that are set in `info`; a list that is set replaces the whole list."""
        ...

    async def merge(self, target_id: str, revision: int, source_ids: Sequence[str]) -> Contact:
        """Merges up to five contacts into the target, the first having precedence. They are gone afterwards."""
        ...

    async def preview_merge(self, target_id: str, source_ids: Sequence[str]) -> Contact:
        """The target as a merge would leave it; changes nothing."""
        ...

    async def delete(self, contact_id: str) -> None:
        """Deletes a contact for good."""
        ...

    async def label(self, contact_id: str, keys: Sequence[str]) -> Contact:
        """Adds labels to a contact."""
        ...

    async def unlabel(self, contact_id: str, keys: Sequence[str]) -> Contact:
        """Takes labels off a contact."""
        ...

    async def query(self, conditions: Mapping[str, object] | None = None, *, limit: int = 50, offset: int = 0) -> Page:
        """Contacts that meet all conditions (field path = value), oldest first."""
        ...

    def scan(self) -> AsyncIterator[Contact]:
        """All contacts, oldest first."""
        ...

    async def labels(self) -> list[Label]:
        """All labels."""
        ...

    async def find_or_create_label(self, display_name: str) -> Label:
        """The label of this name, made when there is none."""
        ...

    async def fields(self) -> list[ExtendedField]:
        """All custom fields."""
        ...

    async def find_or_create_field(self, display_name: str) -> ExtendedField:
        """The custom text field of this name, made when there is none."""
        ...


async def named_contacts(site: ContactsSite) -> list[Contact]:
    """All contacts of a site, their labels and custom fields by display name; a key without a name stays."""
    labels = {one.key: one.display_name for one in await site.labels()}
    fields = {one.key: one.display_name for one in await site.fields()}
    named = []
    async for contact in site.scan():
        info = contact.info
        names = {
            "labels": tuple(labels.get(key, key) for key in info.labels),
            "extended": {fields.get(key, key): value for key, value in info.extended.items()},
        }
        named.append(contact.model_copy(update={"info": info.model_copy(update=names)}))
    return named


def contact_rows(
    contacts: Iterable[Contact],
    *,
    rank: int,
    region: str | None = None,
) -> pl.DataFrame:
    """A site's contacts as rows of the schema `ROWS`.

    Args:
        contacts: the contacts, with labels and custom fields by name (see `named`).
        rank: the site's place in the order of trust.
        region: the country phones without a country code are taken to be in.
    """
    rows = [_row(number, contact) for number, contact in enumerate(contacts, start=1)]
    frame = pl.DataFrame(
        rows, schema_overrides={name: dtype for name, dtype in ROWS.items() if rows and name in rows[0]}
    )
    placed = {"source": pl.lit(SITE), "source_rank": pl.lit(rank), "region": pl.lit(region, dtype=pl.String)}
    return conform(frame.with_columns(**placed) if rows else frame, ROWS)


def _row(number: int, contact: Contact) -> dict[str, object]:
    info = contact.info
    return {
        "row": number,
        "contact_id": contact.id,
        "revision": contact.revision,
        "is_member": contact.is_member,
        "created": contact.created.strftime("%Y-%m-%d %H:%M:%S"),
        "updated": contact.updated.strftime("%Y-%m-%d %H:%M:%S"),
        "first": info.first,
        "last": info.last,
        "company": info.company,
        "job_title": info.job_title,
        "birthdate": info.birthdate,
        "locale": info.locale,
        "email_status": contact.subscription,
        "emails": [{"value": one.email, "tag": one.tag} for one in info.emails],
        "phones": [
            {"value": one.e164 or one.phone, "tag": one.tag, "country": one.country_code} for one in info.phones
        ],
        "addresses": [
            {
                "tag": one.tag,
                "street": one.line,
                "street2": one.line2,
                "city": one.city,
                "region": one.subdivision,
                "postal_code": one.postal_code,
                "country": one.country,
            }
            for one in info.addresses
        ],
        "labels": list(info.labels),
        "extras": [{"name": name, "value": str(value)} for name, value in info.extended.items()],
    }

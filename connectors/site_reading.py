"""All of a site's contacts, labels and custom fields, and contacts as rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import polars as pl

from connectors.contacts import MAX_PAGE, Contact, ContactsSite, ExtendedField, Label
from transforms.schema.contact import Info, cell_of
from transforms.schema.tables import ROWS, SITE, conform

UNREACHED = ("BOUNCED", "SPAM_COMPLAINT")
"""Deliverabilities of an e-mail that is not to be written to, whatever its subscription is."""


def holds(content: Info, patch: Info) -> bool:
    """Whether a contact's content is what an update set, but for what the site adds: primaries, E.164."""

    def content_of(info: Info, name: str) -> object:
        if name == "emails":
            return [(email.email.casefold(), email.tag) for email in info.emails]
        if name == "phones":
            return [(phone.phone, phone.tag, phone.country_code) for phone in info.phones]
        if name == "addresses":
            return [address.content() for address in info.addresses]
        if name == "extended":
            return (
                {key: str(content.extended.get(key, "")) for key in patch.extended}
                if info is content
                else {key: str(value) for key, value in patch.extended.items()}
            )
        return getattr(info, name) or None

    return all(content_of(content, name) == content_of(patch, name) for name in patch.model_fields_set)


async def all_labels(site: ContactsSite) -> list[Label]:
    """All labels of a site."""
    labels: list[Label] = []
    while (page := await site.list_labels(offset=len(labels))).items:
        labels += page.items
        if page.total is not None and len(labels) >= page.total:
            break
    return labels


async def all_fields(site: ContactsSite) -> list[ExtendedField]:
    """All custom fields of a site."""
    fields: list[ExtendedField] = []
    while (page := await site.list_fields(offset=len(fields))).items:
        fields += page.items
        if page.total is not None and len(fields) >= page.total:
            break
    return fields


async def named_contacts(site: ContactsSite, progress: Callable[[int], None] = lambda _: None) -> list[Contact]:
    """All contacts of a site, their labels and custom fields by display name; a key without a name stays.

    Args:
        site: the site.
        progress: called now and then with the number of contacts read.
    """
    labels = {all_label.key: all_label.display_name for all_label in await all_labels(site)}
    fields = {field.key: field.display_name for field in await all_fields(site)}
    named = []
    async for contact in site.scan():
        info = contact.info
        names = {
            "labels": tuple(labels.get(key, key) for key in info.labels),
            "extended": {fields.get(key, key): value for key, value in info.extended.items()},
        }
        named.append(contact.model_copy(update={"info": info.model_copy(update=names)}))
        if len(named) % MAX_PAGE == 0:
            progress(len(named))
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
        "email_status": contact.deliverability if contact.deliverability in UNREACHED else contact.subscription,
        "emails": [{"value": email.email, "tag": email.tag} for email in info.emails],
        "phones": [{"value": phone.written, "tag": phone.tag, "country": phone.country_code} for phone in info.phones],
        "addresses": [
            {
                "tag": address.tag,
                "street": address.line or " ".join(filter(None, (address.street_number, address.street_name))) or None,
                "street2": address.line2,
                "city": address.city,
                "region": address.subdivision,
                "postal_code": address.postal_code,
                "country": address.country,
            }
            for address in info.addresses
        ],
        "labels": [cell_of([label]) for label in info.labels],
        "extras": [{"name": name, "value": str(value)} for name, value in info.extended.items()],
    }

"""The Contacts API's own names and shapes: the one place where they are spelled."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connectors.contacts import Contact
from transforms.schema import Address, Email, Info, Phone

_ADDRESS = {
    "line": "addressLine",
    "line2": "addressLine2",
    "city": "city",
    "subdivision": "subdivision",
    "postal_code": "postalCode",
    "country": "country",
}


def contact_from_wire(contact: Mapping[str, Any]) -> Contact:
    """A contact object of the API as our model. A missing revision is 0."""
    return Contact(
        id=contact["id"],
        revision=int(contact.get("revision") or 0),
        created=_moment(contact["createdDate"]),
        updated=_moment(contact.get("updatedDate") or contact["createdDate"]),
        is_member="memberInfo" in contact,
        subscription=contact.get("primaryEmail", {}).get("subscriptionStatus", "NOT_SET"),
        info=info_from_wire(contact.get("info", {})),
    )


def info_from_wire(info: Mapping[str, Any]) -> Info:
    """The content of a contact as our model."""
    name = info.get("name") or {}
    return Info(
        first=name.get("first") or None,
        last=name.get("last") or None,
        emails=tuple(
            Email(email=one["email"], tag=one.get("tag", "UNTAGGED"), primary=one.get("primary", False))
            for one in _items(info, "emails")
        ),
        phones=tuple(
            Phone(
                phone=one["phone"],
                tag=one.get("tag", "UNTAGGED"),
                country_code=one.get("countryCode"),
                e164=one.get("e164Phone"),
                primary=one.get("primary", False),
            )
            for one in _items(info, "phones")
        ),
        addresses=tuple(
            Address(
                tag=one.get("tag", "UNTAGGED"),
                **{ours: one.get("address", {}).get(wire) for ours, wire in _ADDRESS.items()},
            )
            for one in _items(info, "addresses")
        ),
        company=info.get("company") or None,
        job_title=info.get("jobTitle") or None,
        birthdate=info.get("birthdate") or None,
        locale=info.get("locale") or None,
        labels=tuple(_items(info, "labelKeys")),
        extended=dict((info.get("extendedFields") or {}).get("items") or {}),
    )


def _items(info: Mapping[str, Any], name: str) -> list[Any]:
    return list((info.get(name) or {}).get("items") or [])


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))

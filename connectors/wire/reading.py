"""From the API's shapes to contacts, labels and fields."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from connectors.contacts import Contact, ExtendedField, Job, JobProblem, Label, Member, Sort
from connectors.wire.shapes import (
    Items,
    WireActivity,
    WireAddress,
    WireContact,
    WireField,
    WireInfo,
    WireJob,
    WireLabel,
    WireName,
    WirePrimaryEmail,
    WirePrimaryPhone,
    WireProfile,
    WireSort,
    WireSource,
    WireStreet,
    WireUser,
)
from transforms.schema.contact import Address, Email, Info, Phone
from transforms.schema.errors import Refused

Item = TypeVar("Item")
DERIVED = ("emailSubscriptions.", "members.membershipStatus", "contacts.displayBy")
"""Extended fields that only repeat what the contact says elsewhere."""


def info_from_wire(info: WireInfo) -> Info:
    """The content of a contact; set is what the wire has, so that an update changes nothing else."""
    values: dict[str, Any] = {}
    given = info.model_fields_set
    if "name" in given:
        name = info.name or WireName(first=None, last=None)
        values |= {part: getattr(name, part) or None for part in name.model_fields_set}
    for ours, text in (
        ("company", info.company),
        ("job_title", info.job_title),
        ("birthdate", info.birthdate),
        ("locale", info.locale),
    ):
        if ours in given:
            values[ours] = text or None
    if "emails" in given:
        values["emails"] = tuple(
            Email(email=item.email, tag=item.tag or "UNTAGGED", primary=bool(item.primary))
            for item in _items(info.emails)
        )
    if "phones" in given:
        values["phones"] = tuple(
            Phone(
                phone=item.phone,
                tag=item.tag or "UNTAGGED",
                country_code=item.country_code or None,
                e164=item.e164_phone,
                primary=bool(item.primary),
            )
            for item in _items(info.phones)
        )
    if "addresses" in given:
        values["addresses"] = tuple(_address(item) for item in _items(info.addresses))
    if "label_keys" in given:
        values["labels"] = tuple(_items(info.label_keys))
    if "extended_fields" in given:
        items = (info.extended_fields.items if info.extended_fields else None) or {}
        values["extended"] = {
            key: "" if value is None else value for key, value in items.items() if not key.startswith(DERIVED)
        }
    if "locations" in given:
        values["locations"] = tuple(_items(info.locations))
    if "assigned_user_ids" in given:
        values["assigned_users"] = tuple(_items(info.assigned_user_ids))
    if "picture" in given:
        values["picture"] = (info.picture.image if info.picture else None) or None
    return Info(**values)


def contact_from_wire(wire: WireContact) -> Contact:
    """A contact. A missing revision is 0, a missing date the oldest there is."""
    created = wire.created_date or datetime.fromtimestamp(0, UTC)
    primary, phone = wire.primary_email or WirePrimaryEmail(), wire.primary_phone or WirePrimaryPhone()
    source, activity, member = wire.source or WireSource(), wire.last_activity or WireActivity(), wire.member_info
    user = (member and member.user_info) or WireUser()
    profile = (member and member.profile_info) or WireProfile()
    return Contact(
        id=wire.id,
        revision=wire.revision or 0,
        created=created,
        updated=wire.updated_date or created,
        info=info_from_wire(wire.info),
        member=None
        if member is None
        else Member(
            id=member.member_id,
            status=member.status,
            email=member.email,
            nickname=profile.nickname,
            signed_up=member.signup_date,
            user_id=user.user_id,
            role=user.role,
        ),
        subscription=primary.subscription_status or "NOT_SET",
        deliverability=primary.deliverability_status or "NOT_SET",
        phone_subscription=phone.subscription_status or "NOT_SET",
        source=source.source_type or "OTHER",
        app_id=source.app_id,
        activity=activity.activity_type or "CONTACT_CREATED",
        active=activity.activity_date,
    )


def label_from_wire(wire: WireLabel) -> Label:
    """A label."""
    return Label(
        key=wire.key,
        display_name=wire.display_name,
        type=wire.label_type or "USER_DEFINED",
        created=wire.created_date,
        updated=wire.updated_date,
    )


def field_from_wire(wire: WireField) -> ExtendedField:
    """An extended field."""
    return ExtendedField(
        key=wire.key,
        display_name=wire.display_name,
        data_type=wire.data_type or "TEXT",
        type=wire.field_type or "USER_DEFINED",
        created=wire.created_date,
        updated=wire.updated_date,
    )


def job_from_wire(wire: WireJob) -> Job:
    """A bulk job."""
    return Job(
        id=wire.id,
        type=wire.type or "UNKNOWN_TYPE",
        status=wire.status or "UNKNOWN_STATUS",
        started=wire.started_date,
        finished=wire.finished_date,
        total=wire.total_items or 0,
        succeeded=wire.success_total or 0,
        failed=wire.failed_total or 0,
        problems=tuple(
            JobProblem(count=error.count, code=error.code or "", message=error.message or "")
            for error in wire.errors or ()
        ),
    )


def sort_from_wire(sort: Sequence[WireSort] | WireSort | None) -> Sort | None:
    """The order of a list, if one is asked for.

    Raises:
        Refused: by more than one field.
    """
    wanted = [sort] if isinstance(sort, WireSort) else list(sort or ())
    if len(wanted) > 1:
        raise Refused("UNSUPPORTED_SORT_FIELD", "A list can be sorted by one field only.")
    return Sort(wanted[0].field_name, wanted[0].order == "DESC") if wanted and wanted[0].field_name else None


def _items(wrapped: Items[Item] | None) -> list[Item]:
    return (wrapped.items if wrapped else None) or []


def _address(wire: WireAddress) -> Address:
    place, street = wire.address, wire.address.street_address or WireStreet()
    return Address(
        tag=wire.tag or "UNTAGGED",
        line=place.address_line or None,
        line2=place.address_line2 or None,
        city=place.city or None,
        subdivision=place.subdivision or None,
        postal_code=place.postal_code or None,
        country=place.country or None,
        street_name=street.name or None,
        street_number=street.number or None,
    )

"""From contacts, labels and fields to the API's shapes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar
from uuid import NAMESPACE_URL, uuid5

import phonenumbers
from pydantic.alias_generators import to_camel

from connectors.contacts import Contact, ExtendedField, Job, Label, Page
from connectors.wire.shapes import (
    Items,
    WireActivity,
    WireAddress,
    WireContact,
    WireEmail,
    WireExtended,
    WireField,
    WireInfo,
    WireJob,
    WireLabel,
    WireMember,
    WireName,
    WirePhone,
    WirePicture,
    WirePlace,
    WirePrimary,
    WirePrimaryEmail,
    WirePrimaryPhone,
    WireProblem,
    WireProfile,
    WireSource,
    WireStreet,
    WireUser,
)
from transforms.schema.contact import Address, Email, Info, Phone

Item = TypeVar("Item")
MEMBERSHIP = {"ACTIVE": "APPROVED", "PENDING": "PENDING", "BLOCKED": "DENIED", "OFFLINE": "INACTIVE"}
FIELDSETS: Mapping[str, tuple[str, ...]] = {
    "BASIC": ("primaryInfo", "info.name"),
    "COMMUNICATION_DETAILS": ("primaryInfo", "info.name", "info.emails", "info.phones", "info.addresses"),
    "EXTENDED": ("primaryInfo", "info.name", "info.extendedFields"),
}


def info_to_wire(info: Info) -> dict[str, Any]:
    """The fields that are set in a content, as a request gives them: what is set and empty clears."""
    given = info.model_fields_set
    wire: dict[str, Any] = {}
    if given & {"first", "last"}:
        wire["name"] = {part: getattr(info, part) for part in ("first", "last") if part in given}
    for ours in ("company", "job_title", "birthdate", "locale"):
        if ours in given:
            wire[to_camel(ours)] = getattr(info, ours)
    for ours, alias, items in (
        ("emails", "emails", lambda: [_email_to_wire(email).to_json() for email in info.emails]),
        ("phones", "phones", lambda: [_phone_to_wire(phone).to_json() for phone in info.phones]),
        ("addresses", "addresses", lambda: [_address_to_wire(address).to_json() for address in info.addresses]),
        ("labels", "labelKeys", lambda: list(info.labels)),
        ("locations", "locations", lambda: list(info.locations)),
        ("assigned_users", "assignedUserIds", lambda: list(info.assigned_users)),
    ):
        if ours in given:
            wire[alias] = {"items": items()}
    if "extended" in given:
        wire["extendedFields"] = {"items": dict(info.extended)}
    if "picture" in given:
        wire["picture"] = {"image": info.picture} if info.picture else None
    return wire


def contact_to_wire(contact: Contact) -> dict[str, Any]:
    """A contact as the API answers it, with what it derives: ids of items, primary values, formatted phones."""
    info = contact.info
    email = next((item for item in info.emails if item.primary), None)
    phone = next((item for item in info.phones if item.primary), None)
    member = contact.member
    wire = WireContact(
        id=contact.id,
        revision=contact.revision,
        source=WireSource(source_type=contact.source, app_id=contact.app_id),
        created_date=contact.created,
        updated_date=contact.updated,
        last_activity=WireActivity(activity_date=contact.active or contact.created, activity_type=contact.activity),
        primary_info=WirePrimary(email=email and email.email, phone=phone and phone.phone) if email or phone else None,
        primary_email=email
        and WirePrimaryEmail(
            email=email.email,
            subscription_status=contact.subscription,
            deliverability_status=contact.deliverability,
        ),
        primary_phone=phone
        and WirePrimaryPhone(
            phone=phone.phone,
            country_code=phone.country_code,
            e164_phone=phone.e164,
            formatted_phone=phone.e164 and formatted(phone.e164),
            subscription_status=contact.phone_subscription,
        ),
        member_info=member
        and WireMember(
            member_id=member.id,
            signup_date=member.signed_up,
            email=member.email,
            status=member.status,
            profile_info=WireProfile(nickname=member.nickname) if member.nickname else None,
            user_info=WireUser(user_id=member.user_id, role=member.role) if member.role else None,
        ),
        info=_full(contact, email),
    )
    return wire.to_json()


def _full(contact: Contact, primary: Email | None) -> WireInfo:
    info = contact.info
    extended: dict[str, str | float | None] = dict(info.extended)
    if primary is not None:
        extended |= {
            "emailSubscriptions.subscriptionStatus": contact.subscription,
            "emailSubscriptions.deliverabilityStatus": contact.deliverability,
            "emailSubscriptions.effectiveEmail": primary.email,
        }
    if contact.member is not None and contact.member.status in MEMBERSHIP:
        extended["members.membershipStatus"] = MEMBERSHIP[contact.member.status]
    return WireInfo(
        name=WireName(first=info.first, last=info.last) if info.first or info.last else None,
        emails=_some(_email_to_wire(email, _item_id(contact, email.email.casefold())) for email in info.emails),
        phones=_some(_phone_to_wire(phone, _item_id(contact, phone.e164 or phone.phone)) for phone in info.phones),
        addresses=_some(_address_to_wire(address, _item_id(contact, *address.content())) for address in info.addresses),
        company=info.company,
        job_title=info.job_title,
        birthdate=info.birthdate,
        locale=info.locale,
        label_keys=_some(info.labels),
        extended_fields=WireExtended(items=extended) if extended else None,
        locations=_some(info.locations),
        assigned_user_ids=_some(info.assigned_users),
        picture=WirePicture(image=info.picture) if info.picture else None,
    )


def projected(wire: Mapping[str, Any], fields: Sequence[str], fieldsets: Sequence[str]) -> dict[str, Any]:
    """A contact with only the fields asked for; `id` and `revision` always come. Asked for none, it is whole."""
    if (not fields and not fieldsets) or "FULL" in fieldsets:
        return dict(wire)
    wanted = {*fields, *(path for fieldset in fieldsets for path in FIELDSETS.get(fieldset, ()))}
    shown = {name: wire[name] for name in wire if name in wanted or name in ("id", "revision")}
    inner = {name: value for name, value in wire["info"].items() if f"info.{name}" in wanted or "info" in wanted}
    return {**shown, "info": inner} if inner else shown


def label_to_wire(label: Label) -> dict[str, Any]:
    """A label."""
    namespace = label.key.split(".")[0]
    return WireLabel(
        namespace=namespace,
        namespace_display_name=namespace.capitalize(),
        key=label.key,
        display_name=label.display_name,
        label_type=label.type,
        created_date=label.created,
        updated_date=label.updated,
    ).to_json()


def field_to_wire(field: ExtendedField) -> dict[str, Any]:
    """An extended field."""
    return WireField(
        namespace=field.key.split(".")[0],
        key=field.key,
        display_name=field.display_name,
        data_type=field.data_type,
        field_type=field.type,
        created_date=field.created,
        updated_date=field.updated,
    ).to_json()


def job_to_wire(job: Job) -> dict[str, Any]:
    """A bulk job."""
    return WireJob(
        id=job.id,
        type=job.type,
        status=job.status,
        started_date=job.started,
        finished_date=job.finished,
        total_items=job.total,
        success_total=job.succeeded,
        failed_total=job.failed,
        errors=[WireProblem(**problem.model_dump()) for problem in job.problems],
    ).to_json()


def paging_to_wire(page: Page[Any]) -> dict[str, Any]:
    """`pagingMetadata` of a page."""
    return {"count": len(page.items), "offset": page.offset, "total": page.total, "tooManyToCount": False}


def _some(items: Iterable[Item]) -> Items[Item] | None:
    listed = list(items)
    return Items(items=listed) if listed else None


def _email_to_wire(email: Email, item_id: str | None = None) -> WireEmail:
    return WireEmail(id=item_id, tag=email.tag, email=email.email, primary=email.primary)


def _phone_to_wire(phone: Phone, item_id: str | None = None) -> WirePhone:
    """With an id as the site answers it; without, as a request gives it: read-only parts are left out."""
    return WirePhone(
        id=item_id,
        tag=phone.tag,
        country_code=phone.country_code,
        phone=phone.phone,
        e164_phone=phone.e164 if item_id else None,
        formatted_phone=formatted(phone.e164) if item_id and phone.e164 else None,
        primary=phone.primary,
    )


def _address_to_wire(address: Address, item_id: str | None = None) -> WireAddress:
    street = WireStreet(number=address.street_number, name=address.street_name)
    return WireAddress(
        id=item_id,
        tag=address.tag,
        address=WirePlace(
            country=address.country,
            subdivision=address.subdivision,
            city=address.city,
            postal_code=address.postal_code,
            street_address=street if address.street_number or address.street_name else None,
            address_line=address.line,
            address_line2=address.line2,
        ),
    )


def _item_id(contact: Contact, *value: str) -> str:
    """The id of an item: the same for the same value of the same contact."""
    return str(uuid5(NAMESPACE_URL, "\n".join((contact.id, *value))))


@lru_cache(maxsize=65_536)
def formatted(e164: str) -> str:
    """A phone as it is written in international form."""
    number = phonenumbers.parse(e164)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)

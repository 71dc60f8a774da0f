"""The Contacts API's own names and shapes: the one place where they are spelled.

Every shape reads and writes itself; unknown members are ignored, empty ones are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, Generic, TypeVar
from uuid import NAMESPACE_URL, uuid5

import phonenumbers
from pydantic import AfterValidator, BaseModel, ConfigDict, PlainSerializer
from pydantic.alias_generators import to_camel

from connectors.contacts import Contact, ExtendedField, Job, JobProblem, Label, Member, Page, Sort
from transforms.errors import (
    AlreadyChanged,
    Denied,
    Duplicate,
    NotFound,
    PreconditionFailed,
    Refused,
    SiteError,
    TooManyCalls,
    Unavailable,
    Violation,
)
from transforms.schema import Address, Email, Info, Phone

Item = TypeVar("Item")
ENTITY = "wix.contacts.v4.contact"
DERIVED = ("emailSubscriptions.", "members.membershipStatus", "contacts.displayBy")
"""Extended fields that only repeat what the contact says elsewhere."""
MEMBERSHIP = {"ACTIVE": "APPROVED", "PENDING": "PENDING", "BLOCKED": "DENIED", "OFFLINE": "INACTIVE"}
FIELDSETS: Mapping[str, tuple[str, ...]] = {
    "BASIC": ("primaryInfo", "info.name"),
    "COMMUNICATION_DETAILS": ("primaryInfo", "info.name", "info.emails", "info.phones", "info.addresses"),
    "EXTENDED": ("primaryInfo", "info.name", "info.extendedFields"),
}


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def timestamp(moment: datetime) -> str:
    """A moment as the API writes it: RFC 3339, UTC, milliseconds, `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Moment = Annotated[datetime, AfterValidator(_utc), PlainSerializer(timestamp, return_type=str)]


class Wire(BaseModel):
    """A JSON object of the API, its members in camelCase."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)

    def to_json(self) -> dict[str, Any]:
        """As the API writes it, empty members left out."""
        return self.model_dump(by_alias=True, exclude_none=True)


class Items(Wire, Generic[Item]):
    """A list of the API, which wraps every list of a contact."""

    items: list[Item] | None = None


class WireName(Wire):
    """`info.name`."""

    first: str | None = None
    last: str | None = None


class WireEmail(Wire):
    """`info.emails.items[]`."""

    id: str | None = None
    tag: str | None = None
    email: str
    primary: bool | None = None


class WirePhone(Wire):
    """`info.phones.items[]`."""

    id: str | None = None
    tag: str | None = None
    country_code: str | None = None
    phone: str
    e164_phone: str | None = None
    formatted_phone: str | None = None
    primary: bool | None = None


class WireStreet(Wire):
    """`streetAddress`."""

    number: str | None = None
    name: str | None = None


class WirePlace(Wire):
    """`info.addresses.items[].address`."""

    country: str | None = None
    subdivision: str | None = None
    city: str | None = None
    postal_code: str | None = None
    street_address: WireStreet | None = None
    address_line: str | None = None
    address_line2: str | None = None


class WireAddress(Wire):
    """`info.addresses.items[]`."""

    id: str | None = None
    tag: str | None = None
    address: WirePlace = WirePlace()


class WireExtended(Wire):
    """`info.extendedFields`."""

    items: dict[str, str | float | None] | None = None


class WirePicture(Wire):
    """`info.picture`."""

    image: dict[str, Any] | None = None


class WireInfo(Wire):
    """`info`: what a contact holds."""

    name: WireName | None = None
    emails: Items[WireEmail] | None = None
    phones: Items[WirePhone] | None = None
    addresses: Items[WireAddress] | None = None
    company: str | None = None
    job_title: str | None = None
    birthdate: str | None = None
    locale: str | None = None
    label_keys: Items[str] | None = None
    extended_fields: WireExtended | None = None
    locations: Items[str] | None = None
    assigned_user_ids: Items[str] | None = None
    picture: WirePicture | None = None


class WireSource(Wire):
    """`source`."""

    source_type: str | None = None
    app_id: str | None = None


class WireActivity(Wire):
    """`lastActivity`."""

    activity_date: Moment | None = None
    activity_type: str | None = None


class WirePrimary(Wire):
    """`primaryInfo`."""

    email: str | None = None
    phone: str | None = None


class WirePrimaryEmail(Wire):
    """`primaryEmail`."""

    email: str | None = None
    subscription_status: str | None = None
    deliverability_status: str | None = None


class WirePrimaryPhone(Wire):
    """`primaryPhone`."""

    phone: str | None = None
    country_code: str | None = None
    e164_phone: str | None = None
    formatted_phone: str | None = None
    subscription_status: str | None = None


class WireProfile(Wire):
    """`memberInfo.profileInfo`."""

    nickname: str | None = None


class WireUser(Wire):
    """`memberInfo.userInfo`."""

    user_id: str | None = None
    role: str | None = None


class WireMember(Wire):
    """`memberInfo`."""

    member_id: str | None = None
    signup_date: str | None = None
    email: str | None = None
    status: str | None = None
    profile_info: WireProfile | None = None
    user_info: WireUser | None = None


class WireContact(Wire):
    """A contact."""

    id: str
    revision: int | None = None
    source: WireSource | None = None
    created_date: Moment | None = None
    updated_date: Moment | None = None
    last_activity: WireActivity | None = None
    primary_info: WirePrimary | None = None
    primary_email: WirePrimaryEmail | None = None
    primary_phone: WirePrimaryPhone | None = None
    member_info: WireMember | None = None
    info: WireInfo = WireInfo()


class WireLabel(Wire):
    """A label."""

    namespace: str | None = None
    namespace_display_name: str | None = None
    key: str
    display_name: str
    label_type: str | None = None
    created_date: Moment | None = None
    updated_date: Moment | None = None


class WireField(Wire):
    """An extended field."""

    namespace: str | None = None
    key: str
    display_name: str
    data_type: str | None = None
    field_type: str | None = None
    created_date: Moment | None = None
    updated_date: Moment | None = None


class WireProblem(Wire):
    """`job.errors[]`."""

    count: int = 0
    code: str | None = None
    message: str | None = None


class WireJob(Wire):
    """A bulk job."""

    id: str
    type: str | None = None
    status: str | None = None
    started_date: Moment | None = None
    finished_date: Moment | None = None
    total_items: int | None = None
    success_total: int | None = None
    failed_total: int | None = None
    errors: list[WireProblem] | None = None


class WireSort(Wire):
    """`sort`."""

    field_name: str = ""
    order: str | None = None


class WirePaging(Wire):
    """`paging`."""

    limit: int | None = None
    offset: int | None = None


class WireQuery(Wire):
    """`query`. Old samples give one sort object instead of a list."""

    filter: Any = None
    sort: list[WireSort] | WireSort | None = None
    paging: WirePaging | None = None
    fields: list[str] | None = None
    fieldsets: list[str] | None = None


# --- from the wire ---


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
            Email(email=one.email, tag=one.tag or "UNTAGGED", primary=bool(one.primary)) for one in _items(info.emails)
        )
    if "phones" in given:
        values["phones"] = tuple(
            Phone(
                phone=one.phone,
                tag=one.tag or "UNTAGGED",
                country_code=one.country_code or None,
                e164=one.e164_phone,
                primary=bool(one.primary),
            )
            for one in _items(info.phones)
        )
    if "addresses" in given:
        values["addresses"] = tuple(_address(one) for one in _items(info.addresses))
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
            JobProblem(count=one.count, code=one.code or "", message=one.message or "") for one in wire.errors or ()
        ),
    )


def sort_from_wire(sort: Sequence[WireSort] | WireSort | None) -> Sort | None:
    """What a list is to be sorted by, if anything.

    Raises:
        Refused: by more than one field.
    """
    wanted = [sort] if isinstance(sort, WireSort) else list(sort or ())
    if len(wanted) > 1:
        raise Refused("UNSUPPORTED_SORT_FIELD", "A list can be sorted by one field only.")
    return Sort(wanted[0].field_name, wanted[0].order == "DESC") if wanted and wanted[0].field_name else None


# --- to the wire ---


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
        ("emails", "emails", lambda: [_email_to_wire(one).to_json() for one in info.emails]),
        ("phones", "phones", lambda: [_phone_to_wire(one).to_json() for one in info.phones]),
        ("addresses", "addresses", lambda: [_address_to_wire(one).to_json() for one in info.addresses]),
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
    email = next((one for one in info.emails if one.primary), None)
    phone = next((one for one in info.phones if one.primary), None)
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
        emails=_some(_email_to_wire(one, _item_id(contact, one.email.casefold())) for one in info.emails),
        phones=_some(_phone_to_wire(one, _item_id(contact, one.e164 or one.phone)) for one in info.phones),
        addresses=_some(_address_to_wire(one, _item_id(contact, *one.content())) for one in info.addresses),
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
    wanted = {*fields, *(path for one in fieldsets for path in FIELDSETS.get(one, ()))}
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
        errors=[WireProblem(**one.model_dump()) for one in job.problems],
    ).to_json()


def paging_to_wire(page: Page[Any]) -> dict[str, Any]:
    """`pagingMetadata` of a page."""
    return {"count": len(page.items), "offset": page.offset, "total": page.total, "tooManyToCount": False}


# --- errors ---


def error_to_wire(error: SiteError) -> dict[str, Any]:
    """The body of an answer that is an error."""
    if error.violations:
        violations = [
            {
                "field": one.field,
                "description": one.description,
                "violatedRule": one.rule,
                **({"data": {"threshold": one.threshold}} if one.threshold is not None else {}),
            }
            for one in error.violations
        ]
        return {"message": str(error), "details": {"validationError": {"fieldViolations": violations}}}
    if error.status >= 500:
        return {"message": "", "details": {}}
    application = {"code": error.code, "description": str(error), "data": error.data}
    return {"message": str(error), "details": {"applicationError": application}}


_BY_STATUS: Mapping[int, type[SiteError]] = {
    401: Denied, 403: Denied, 404: NotFound, 428: PreconditionFailed, 429: TooManyCalls,
}  # fmt: skip
_BY_CODE: Mapping[str, type[SiteError]] = {
    "DUPLICATE_CONTACT_EXISTS": Duplicate,
    "DUPLICATE_CONTACT_EXIST": Duplicate,
    "CONTACT_ALREADY_CHANGED": AlreadyChanged,
    "CONTACT_NOT_FOUND": NotFound,
    "NOT_FOUND": NotFound,
    "FAILED_PRECONDITION": PreconditionFailed,
    "UNAUTHENTICATED": Denied,
    "PERMISSION_DENIED": Denied,
    "RESOURCE_EXHAUSTED": TooManyCalls,
}


def error_from_wire(status: int, body: object, request_id: str | None = None) -> SiteError:
    """The error of the project's tree that an answer means: by its application code, then by its status."""
    body = body if isinstance(body, Mapping) else {}
    details = body.get("details")
    details = details if isinstance(details, Mapping) else {}
    application, validation = details.get("applicationError"), details.get("validationError")
    message = str(body.get("message") or "")
    code, data, violations = "", {}, []
    if isinstance(application, Mapping):
        code = str(application.get("code") or "")
        message = str(application.get("description") or message)
        found = application.get("data")
        data = {str(name): str(value) for name, value in found.items()} if isinstance(found, Mapping) else {}
    elif isinstance(validation, Mapping):
        code = "INVALID_ARGUMENT"
        for one in validation.get("fieldViolations") or ():
            threshold = (one.get("data") or {}).get("threshold")
            violations.append(
                Violation(
                    str(one.get("field", "")),
                    str(one.get("description", "")),
                    str(one.get("violatedRule", "OTHER")),
                    threshold if isinstance(threshold, int) else None,
                )
            )
    kind = _BY_CODE.get(code) or _BY_STATUS.get(status) or (Unavailable if status >= 500 else Refused)
    return kind(
        code or f"HTTP_{status}",
        message or f"The site answered {status}.",
        data,
        violations=violations,
        status=status,
        request_id=request_id,
    )


# --- parts ---


def _items(wrapped: Items[Item] | None) -> list[Item]:
    return (wrapped.items if wrapped else None) or []


def _some(items: Iterable[Item]) -> Items[Item] | None:
    found = list(items)
    return Items(items=found) if found else None


def _address(one: WireAddress) -> Address:
    place, street = one.address, one.address.street_address or WireStreet()
    return Address(
        tag=one.tag or "UNTAGGED",
        line=place.address_line or None,
        line2=place.address_line2 or None,
        city=place.city or None,
        subdivision=place.subdivision or None,
        postal_code=place.postal_code or None,
        country=place.country or None,
        street_name=street.name or None,
        street_number=street.number or None,
    )


def _email_to_wire(one: Email, item_id: str | None = None) -> WireEmail:
    return WireEmail(id=item_id, tag=one.tag, email=one.email, primary=one.primary)


def _phone_to_wire(one: Phone, item_id: str | None = None) -> WirePhone:
    """With an id as the site answers it; without, as a request gives it: read-only parts are left out."""
    return WirePhone(
        id=item_id,
        tag=one.tag,
        country_code=one.country_code,
        phone=one.phone,
        e164_phone=one.e164 if item_id else None,
        formatted_phone=formatted(one.e164) if item_id and one.e164 else None,
        primary=one.primary,
    )


def _address_to_wire(one: Address, item_id: str | None = None) -> WireAddress:
    street = WireStreet(number=one.street_number, name=one.street_name)
    return WireAddress(
        id=item_id,
        tag=one.tag,
        address=WirePlace(
            country=one.country,
            subdivision=one.subdivision,
            city=one.city,
            postal_code=one.postal_code,
            street_address=street if one.street_number or one.street_name else None,
            address_line=one.line,
            address_line2=one.line2,
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

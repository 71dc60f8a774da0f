"""Rules of the Contacts API about a contact's content. No database here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import TypeVar

import phonenumbers

from connectors.local.assumed import SYSTEM_NAMESPACES, is_email, same_email, same_phone
from transforms.schema.contact import Address, Email, Info, Phone
from transforms.schema.errors import Refused, Violation

Reach = TypeVar("Reach", Email, Phone)
Thing = TypeVar("Thing")

MAX_ITEMS = 50
MAX_LABELS = 2000
EMAIL_TAGS = ("UNTAGGED", "MAIN", "HOME", "WORK")
PHONE_TAGS = ("UNTAGGED", "MAIN", "HOME", "MOBILE", "WORK", "FAX")
ADDRESS_TAGS = ("UNTAGGED", "HOME", "WORK", "BILLING", "SHIPPING")
SINGLE = ("first", "last", "company", "job_title", "birthdate", "locale")
WIRE_NAMES = {"first": "name.first", "last": "name.last", "job_title": "jobTitle", "labels": "labelKeys"}
LENGTHS = {"line": 1000, "line2": 1000, "city": 1000, "subdivision": 100, "postal_code": 100,
           "street_name": 1000, "street_number": 100}  # fmt: skip


def check(info: Info) -> None:
    """Whether a content can be a contact's.

    Raises:
        Refused: `INSUFFICIENT_CONTACT_DATA`, `CANNOT_HAVE_MULTIPLE_PRIMARY_INFO`, or `INVALID_ARGUMENT` with the
            fields that are too long, too many or malformed.
    """
    if not (info.first or info.last or info.emails or info.phones):
        raise Refused("INSUFFICIENT_CONTACT_DATA", "A contact needs a name, an e-mail or a phone.")
    if sum(email.primary for email in info.emails) > 1 or sum(phone.primary for phone in info.phones) > 1:
        raise Refused("CANNOT_HAVE_MULTIPLE_PRIMARY_INFO", "Only one e-mail and one phone can be primary.")
    if violations := list(_violations(info)):
        places = ", ".join(f"{violation.field} {violation.description}" for violation in violations[:3])
        raise Refused("INVALID_ARGUMENT", f"The contact is not acceptable: {places}.", violations=violations)


def _violations(info: Info) -> Iterable[Violation]:
    for name in SINGLE:
        yield from _text(WIRE_NAMES.get(name, name), getattr(info, name), 1000)
    if info.birthdate is not None and not is_date(info.birthdate):
        yield Violation("info.birthdate", "is not a date (YYYY-MM-DD)", "FORMAT")
    for name in ("emails", "phones", "addresses"):
        if len(getattr(info, name)) > MAX_ITEMS:
            yield Violation(f"info.{name}", f"holds more than {MAX_ITEMS}", "MAX", MAX_ITEMS)
    if len(info.labels) > MAX_LABELS:
        yield Violation("info.labelKeys", f"holds more than {MAX_LABELS}", "MAX", MAX_LABELS)
    for at, email in enumerate(info.emails):
        place = f"emails[{at}].email"
        yield from _text(place, email.email, 320, least=1)
        if email.email and not is_email(email.email):
            yield Violation(f"info.{place}", "is not an e-mail", "FORMAT")
        yield from _tag(f"emails[{at}]", email.tag, EMAIL_TAGS)
    for at, phone in enumerate(info.phones):
        yield from _text(f"phones[{at}].phone", phone.phone, 50, least=1)
        yield from _country(f"phones[{at}].countryCode", phone.country_code)
        yield from _tag(f"phones[{at}]", phone.tag, PHONE_TAGS)
    for at, address in enumerate(info.addresses):
        for name, most in LENGTHS.items():
            yield from _text(f"addresses[{at}].address.{name}", getattr(address, name), most)
        yield from _country(f"addresses[{at}].address.country", address.country)
        if address.subdivision and not re.fullmatch(r"[A-Z]{2}-[A-Z0-9]{1,3}", address.subdivision):
            yield Violation(
                f"info.addresses[{at}].address.subdivision", "is not a subdivision code like US-ME", "FORMAT"
            )
        yield from _tag(f"addresses[{at}]", address.tag, ADDRESS_TAGS)


def _text(place: str, text: str | None, most: int, *, least: int = 0) -> Iterable[Violation]:
    if text is not None and len(text) > most:
        yield Violation(f"info.{place}", f"is longer than {most}", "MAX_LENGTH", most)
    if text is not None and len(text) < least:
        yield Violation(f"info.{place}", "is empty", "MIN_LENGTH", least)


def _country(place: str, code: str | None) -> Iterable[Violation]:
    if code is not None and not re.fullmatch(r"[A-Z]{2}", code):
        yield Violation(f"info.{place}", "is not a country code of two letters", "FORMAT")


def _tag(place: str, tag: str, known: Sequence[str]) -> Iterable[Violation]:
    if tag not in known:
        yield Violation(f"info.{place}.tag", f"must be one of {', '.join(known)}", "OTHER")


def extended(values: Mapping[str, str | float], types: Mapping[str, str]) -> dict[str, str | float]:
    """Extended values as they are kept: those that cannot be written left out, empty ones kept as ""(they clear).

    Args:
        values: by key, as sent.
        types: the data type of every field of the site, by key.

    Raises:
        Refused: a key is not defined, or a value is not of its field's type.
    """
    kept: dict[str, str | float] = {}
    for key, value in values.items():
        if key.split(".")[0] in SYSTEM_NAMESPACES:
            continue
        kind = types.get(key)
        if kind is None:
            raise Refused("INVALID_EXTENDED_FIELD_VALUE", f"There is no custom field {key}.")
        kept[key] = "" if value == "" else _typed(key, kind, value)
    return kept


def _typed(key: str, kind: str, value: str | float) -> str | float:
    number = isinstance(value, int | float)
    if kind == "NUMBER" and number:
        return float(value)
    if kind == "TEXT" and not number:
        return value
    if kind == "DATE" and not number and is_date(str(value)):
        return value
    if kind == "URL" and not number:
        return value if re.match(r"[a-z][a-z0-9+.-]*:", str(value), re.IGNORECASE) else f"https://{value}"
    raise Refused("INVALID_EXTENDED_FIELD_VALUE", f"The value of {key} is not a {kind}.")


def is_date(text: str) -> bool:
    """Whether a text is a date, written YYYY-MM-DD."""
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def stored(info: Info, *, keep_e164: bool = False) -> Info:
    """The content as it is kept: one primary e-mail and phone, E.164 where phone and country allow it.

    Args:
        info: the content.
        keep_e164: whether an E.164 that is there is taken as it is, as in a copy of another site.
    """
    phones = tuple(
        phone if keep_e164 and phone.e164 else phone.with_e164(e164(phone.phone, phone.country_code))
        for phone in info.phones
    )
    values = {
        "emails": _one_primary(info.emails),
        "phones": _one_primary(phones),
        "labels": tuple(dict.fromkeys(info.labels)),
        "extended": {key: value for key, value in info.extended.items() if value != ""},
    }
    return info.model_copy(update=values)


def absorbed(target: Info, source: Info) -> Info:
    """The API's merge of one source into a target.

    Nothing of the target is overwritten; its empty fields are filled, its lists continued with what they lack.
    """
    blank = {name: getattr(source, name) for name in SINGLE if not getattr(target, name)}
    merged = target.model_copy(
        update={
            **blank,
            "emails": _continued(target.emails, map(_second, source.emails), lambda item: same_email(item.email)),
            "phones": _continued(
                target.phones, map(_second, source.phones), lambda item: same_phone(item.phone, item.e164)
            ),
            "addresses": _continued(target.addresses, source.addresses, Address.content),
            "labels": _continued(target.labels, source.labels, str),
            "extended": {**source.extended, **target.extended},
            "picture": target.picture or source.picture,
            "locations": _continued(target.locations, source.locations, str),
            "assigned_users": _continued(target.assigned_users, source.assigned_users, str),
        }
    )
    return merged.model_copy(update={"emails": _one_primary(merged.emails), "phones": _one_primary(merged.phones)})


def primary(items: Iterable[Reach]) -> Reach | None:
    """The primary one of some e-mails or phones."""
    return next((item for item in items if item.primary), None)


@lru_cache(maxsize=65_536)
def e164(phone: str, country: str | None) -> str | None:
    """A phone as E.164, when phone and country are valid."""
    try:
        number = phonenumbers.parse(phone, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _continued(
    items: tuple[Thing, ...], more: Iterable[Thing], identity: Callable[[Thing], object]
) -> tuple[Thing, ...]:
    known = {identity(item) for item in items}
    for item in more:
        if identity(item) not in known:
            known.add(identity(item))
            items = (*items, item)
    return items


def _one_primary(items: tuple[Reach, ...]) -> tuple[Reach, ...]:
    if not items or any(item.primary for item in items):
        return items
    return tuple(item.model_copy(update={"primary": at == 0}) for at, item in enumerate(items))


def _second(item: Reach) -> Reach:
    return item.model_copy(update={"primary": False}) if item.primary else item

"""Which value survives: how records of one person fold into one contact.

*Merge* is what the site does with contacts, *fold* what we do with an export's row. Both keep what is there, fill what
is empty from the more trusted first, and continue lists in order without repeats.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from transforms.schema.contact import Address, Email, Info, Phone
from transforms.schema.ids import short_id

Item = TypeVar("Item", Email, Phone, Address)
Reach = TypeVar("Reach", Email, Phone)
Thing = TypeVar("Thing")

SINGLE = ("first", "last", "company", "job_title", "birthdate", "locale")
GROUPS = {
    "first": ("first", "last"), "last": ("first", "last"), "company": ("company", "job_title"),
    "job_title": ("job_title",), "birthdate": ("birthdate",), "locale": ("locale",),
}  # fmt: skip
"""The fields that travel with a field when its value is taken from another record."""
IN_WORDS = {
    "first": "first name", "last": "last name", "job_title": "job title", "birthdate": "birth date",
    "emails": "e-mail", "phones": "phone", "addresses": "address", "labels": "label", "extended": "custom field",
}  # fmt: skip
MAX_ITEMS = 50
"""The site keeps at most this many e-mails, phones and addresses a contact."""


@dataclass(frozen=True)
class Contribution:
    """The contribution of one record: its content, and the values a contact has no place for."""

    record_id: str
    source: str
    info: Info
    company_key: str | None = None
    unplaced: tuple[tuple[str, str, str], ...] = ()
    """`field`, `value`, `reason` of each value that cannot be carried over."""


@dataclass(frozen=True)
class Change:
    """A value that a fold puts on a contact, where from and by which rule."""

    field: str
    before: str | None
    after: str
    record_id: str
    rule: str

    def in_words(self) -> str:
        """One line for the report."""
        field = IN_WORDS.get(self.field, self.field)
        was = f" (was {self.before})" if self.before else ""
        return f"{field}: {self.after}{was} from {self.record_id}, {self.rule}"


@dataclass(frozen=True)
class Loss:
    """A value of a record that no contact shows afterwards, the value shown instead, and the reason."""

    record_id: str
    field: str
    value: str
    kept: str | None
    reason: str


def merged(target: Info, sources: Sequence[Info]) -> Info:
    """The target as the site's merge leaves it. Source: the reference of the Contacts API, *Merge*, rules 1 to 4."""
    for source in sources:
        values = {name: getattr(source, name) for name in SINGLE if getattr(target, name) is None}
        target = target.model_copy(
            update={
                **values,
                "emails": _with_primary(_joined(target.emails, _second(source.emails), _email_identity)),
                "phones": _with_primary(_joined(target.phones, _second(source.phones), _phone_identity)),
                "addresses": _joined(target.addresses, source.addresses, Address.content),
                "labels": _joined(target.labels, source.labels, str),
                "extended": {**source.extended, **target.extended},
                "picture": target.picture or source.picture,
                "locations": _joined(target.locations, source.locations, str),
                "assigned_users": _joined(target.assigned_users, source.assigned_users, str),
            }
        )
    return target


def fold(
    info: Info, given: Contribution, *, overwrite: Collection[str] = (), company_key: str | None = None
) -> tuple[Info, list[Change], list[Loss]]:
    """A contact's content with the contribution of one record folded in.

    Args:
        info: the content so far.
        given: the record, the next one in the order of trust.
        overwrite: single fields in which this record's value replaces the one there.
        company_key: the folded company of the content so far; a job title belongs to its company.

    Returns:
        The content afterwards, each change, and each value of the record that is now visible nowhere.
    """
    update: dict[str, object] = {}
    changes: list[Change] = []
    losses = [Loss(given.record_id, field, value, None, reason) for field, value, reason in given.unplaced]
    for name in SINGLE:
        value, present = getattr(given.info, name), getattr(info, name)
        if value is None or _same(value, present):
            continue
        foreign = name == "job_title" and info.company is not None and given.company_key not in (None, company_key)
        if present is None and not foreign:
            update[name] = value
            changes.append(Change(name, None, value, given.record_id, "it was empty"))
        elif name in overwrite:
            update[name] = value
            changes.append(Change(name, present, value, given.record_id, "the policy lets it overwrite"))
            losses.append(Loss(given.record_id, name, str(present), value, "overwritten, as the policy says"))
        else:
            reason = "belongs to another company" if present is None else "a more trusted source has another value"
            losses.append(Loss(given.record_id, name, value, present, reason))
    emails = _continued("emails", info.emails, given.info.emails, given, changes, losses)
    phones = _continued("phones", info.phones, given.info.phones, given, changes, losses)
    addresses = _continued("addresses", info.addresses, given.info.addresses, given, changes, losses)
    if emails != info.emails:
        update["emails"] = _with_primary(emails)
    if phones != info.phones:
        update["phones"] = _with_primary(phones)
    if addresses != info.addresses:
        update["addresses"] = addresses
    labels = _joined(info.labels, given.info.labels, str)
    if labels != info.labels:
        update["labels"] = labels
    blank = {name: value for name, value in given.info.extended.items() if name not in info.extended}
    for name, text in blank.items():
        changes.append(Change(name, None, str(text), given.record_id, "it was empty"))
    for name, text in given.info.extended.items():
        if name in info.extended and not _same(str(text), str(info.extended[name])):
            kept = str(info.extended[name])
            losses.append(Loss(given.record_id, name, str(text), kept, "a more trusted source has another value"))
    if blank:
        update["extended"] = {**info.extended, **blank}
    return info.model_copy(update=update), changes, losses


def preferred(
    info: Info, records: Sequence[Contribution], precedence: Mapping[str, Sequence[str]]
) -> tuple[Info, list[Change], list[Loss]]:
    """A contact's content where some fields take their value from the sources in an order of their own.

    A first name travels with its last name, and a job title with its company. An empty value never wins. Sources that a
    field's order does not name come behind those that it names.

    Args:
        info: the content so far.
        records: all records of the person, the most trusted first.
        precedence: sources by field of `GROUPS`, the most trusted first.

    Returns:
        The content afterwards, each change, and each value that is now visible nowhere.
    """
    changes: list[Change] = []
    losses: list[Loss] = []
    for field, sources in precedence.items():
        rank = {source: place for place, source in enumerate(sources)}
        having = [record for record in records if getattr(record.info, field) is not None]
        best = min(having, key=lambda record: rank.get(record.source, len(rank)), default=None)
        if best is None or best.source not in rank or _same(getattr(best.info, field), getattr(info, field)):
            continue
        rule = f"the policy takes {IN_WORDS.get(field, field)} from {best.source} first"
        for name in GROUPS[field]:
            value, present = getattr(best.info, name), getattr(info, name)
            if value == present:
                continue
            if value is not None:
                changes.append(Change(name, present, value, best.record_id, rule))
            if present is not None:
                holder = next((record for record in records if _same(present, getattr(record.info, name))), best)
                losses.append(Loss(holder.record_id, name, str(present), value, rule))
            info = info.model_copy(update={name: value})
        losses = [loss for loss in losses if not _same(loss.value, getattr(info, loss.field))]
    return info, changes, losses


def merge_losses(record_id: str, source: Info, result: Info) -> list[Loss]:
    """The values of a source contact that its merge leaves visible nowhere.

    Of lists the site leaves out what it takes for the same: an extension of a number that is there.
    """
    pairs: list[tuple[str, object, object]] = [(name, getattr(source, name), getattr(result, name)) for name in SINGLE]
    pairs += [(name, value, result.extended.get(name)) for name, value in source.extended.items()]
    if source.picture != result.picture:
        pairs.append(("picture", _picture(source), _picture(result)))
    losses = [
        Loss(
            record_id,
            name,
            str(value),
            None if kept is None else str(kept),
            "the merge keeps the target's value",
        )
        for name, value, kept in pairs
        if value is not None and not _same(str(value), None if kept is None else str(kept))
    ]
    kept_phones = {(_phone_identity(phone), phone.extension): phone for phone in result.phones}
    numbers = {_phone_identity(phone): phone.phone for phone in reversed(result.phones)}
    losses += [
        Loss(
            record_id,
            "phones",
            phone.phone,
            numbers.get(_phone_identity(phone)),
            "the merge keeps the number that is there",
        )
        for phone in source.phones
        if phone.extension and (_phone_identity(phone), phone.extension) not in kept_phones
    ]
    return losses


def _picture(info: Info) -> str | None:
    """Where a contact's picture is, as the site describes it."""
    picture = info.picture or {}
    return next((str(picture[name]) for name in ("url", "id", "filename") if picture.get(name)), None)


def fingerprint(info: Info) -> str:
    """A short text that changes when what a decision rested on changes.

    What the site adds by itself, and what says nothing about who it is (labels, custom fields, the picture), do not
    count.
    """
    content = info.model_copy(
        update={
            "labels": (),
            "extended": {},
            "picture": None,
            "locations": (),
            "assigned_users": (),
            "phones": tuple(phone.with_e164(None) for phone in info.phones),
        }
    )
    return short_id(content.to_json())


def differences(before: Info, after: Info) -> dict[str, tuple[str, str]]:
    """The fields in which two contents differ, in words, with both values."""
    fields: dict[str, tuple[str, str]] = {}
    for name in (*SINGLE, "emails", "phones", "addresses", "labels", "extended"):
        was, is_now = getattr(before, name), getattr(after, name)
        if was != is_now:
            fields[IN_WORDS.get(name, name)] = (_text(was), _text(is_now))
    return fields


def shown(item: Email | Phone | Address) -> str:
    """A list item as people write it."""
    if isinstance(item, Email):
        return item.email
    if isinstance(item, Phone):
        return item.phone
    parts = (item.line, item.line2, item.postal_code, item.city, item.subdivision, item.country)
    return ", ".join(part for part in parts if part)


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return "; ".join(item if isinstance(item, str) else shown(item) for item in value)
    if isinstance(value, Mapping):
        return "; ".join(f"{name} = {text}" for name, text in value.items())
    return "" if value is None else str(value)


def _same(value: str, present: str | None) -> bool:
    return present is not None and " ".join(value.casefold().split()) == " ".join(present.casefold().split())


def _said(item: object) -> object:
    """The identity of a list item, for comparison."""
    if isinstance(item, Email):
        return _email_identity(item)
    return item.content() if isinstance(item, Address) else item


def _holds(present: object, item: object) -> bool:
    """Whether a present list item covers an item to be added."""
    if isinstance(present, Phone) and isinstance(item, Phone):
        same = _phone_identity(present) == _phone_identity(item) or _same_number(present, item)
        return same and item.extension in (None, present.extension)
    if isinstance(present, tuple) and isinstance(item, tuple):
        return all(part in ("", there) for part, there in zip(item, present, strict=True))
    return present == item


def _email_identity(item: Email) -> str:
    return item.email.casefold()


def _same_number(left: Phone, right: Phone) -> bool:
    """Whether one of two numbers, written without its country, is the other."""
    if left.e164 and right.e164:
        return False
    short, long = sorted((re.sub(r"\D", "", item.e164 or item.phone).lstrip("0") for item in (left, right)), key=len)
    return len(short) >= 8 and long.endswith(short)


def _phone_identity(item: Phone) -> str:
    return item.e164 or re.sub(r"\D", "", item.phone) or item.phone


def _continued(
    name: str,
    present: tuple[Item, ...],
    given_items: Sequence[Item],
    given: Contribution,
    changes: list[Change],
    losses: list[Loss],
) -> tuple[Item, ...]:
    """A list with what a record adds at its end; notes each change, and each value there is no room for."""
    if not given_items:
        return present
    items = list(present)
    known = [_said(known_item) for known_item in items]
    for item in given_items:
        said = _said(item)
        if any(_holds(known_item, said) for known_item in known):
            continue
        if len(items) >= MAX_ITEMS:
            losses.append(Loss(given.record_id, name, shown(item), None, f"a contact holds {MAX_ITEMS} at most"))
            continue
        items.append(item)
        known.append(said)
        changes.append(Change(name, None, shown(item), given.record_id, "added at the end"))
    return tuple(items)


def _joined(first: tuple[Thing, ...], more: Sequence[Thing], identity: Callable[[Thing], object]) -> tuple[Thing, ...]:
    """A list continued with what it does not hold yet."""
    known = {identity(thing) for thing in first}
    fresh = {identity(thing): thing for thing in reversed(more) if identity(thing) not in known}
    order = dict.fromkeys(identity(thing) for thing in more)
    return (*first, *(fresh[thing] for thing in order if thing in fresh))


def _second(items: Sequence[Reach]) -> list[Reach]:
    return [item.model_copy(update={"primary": False}) for item in items]


def _with_primary(items: tuple[Reach, ...]) -> tuple[Reach, ...]:
    """The first item is the primary one where none is marked."""
    if not items or any(item.primary for item in items):
        return items
    return tuple(item.model_copy(update={"primary": at == 0}) for at, item in enumerate(items))

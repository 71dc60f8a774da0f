"""vCards (2.1, 3.0, 4.0), one row each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import vobject

from connectors.exports.limits import Limits
from transforms.schema.tables import ADDRESS_PARTS

_TYPES = {"CELL": "MOBILE", "WORK": "WORK", "HOME": "HOME", "FAX": "FAX", "IPHONE": "MOBILE", "MAIN": "MAIN"}
_PICTURES = re.compile(
    r"^(?:[\w-]+\.)?(?:PHOTO|LOGO|SOUND|KEY)[;:].*(?:\r?\n[ \t].*)*\r?\n?", re.IGNORECASE | re.MULTILINE
)
_TOO_LONG = (
    "a card of more than {limits.card_characters:,} characters or {limits.card_lines:,} lines; "
    "[limits] card_characters and card_lines allow that"
)
_NO_YEAR = re.compile(r"^--(\d\d)-?(\d\d)")
Card = dict[str, Any]


def is_cards(text: str) -> bool:
    """Whether a text is vCards."""
    return text.lstrip("\ufeff \t\r\n")[:11].upper() == "BEGIN:VCARD"


def cards(lines: Iterable[str], limits: Limits) -> Iterator[tuple[int, str, Card | str]]:
    """Each card's line, its text without pictures, and its row's places, or why it cannot be one."""
    for line, raw in _apart(lines):
        plain = _PICTURES.sub("", raw)
        if not plain.rstrip().upper().endswith("END:VCARD"):
            yield line, plain, "a card that is not whole"
            continue
        if len(plain) > limits.card_characters or plain.count("\n") > limits.card_lines:
            yield line, plain, _TOO_LONG.format(limits=limits)
            continue
        try:
            parsed = vobject.readOne(plain, allowQP=True)
            row = _row(parsed)
        except Exception as error:  # the library raises whatever a broken card makes it raise
            yield line, plain, f"a card that cannot be read ({type(error).__name__})"
        else:
            yield line, plain, row


def _apart(text: Iterable[str]) -> Iterator[tuple[int, str]]:
    begun, lines = 0, list[str]()
    for number, line in enumerate(text, start=1):
        if line.lstrip("\ufeff").strip().upper() == "BEGIN:VCARD":
            if lines:
                yield begun, "".join(lines)
            begun, lines = number, ["BEGIN:VCARD\n"]
        elif lines:
            lines.append(line)
            if line.strip().upper() == "END:VCARD":
                yield begun, "".join(lines)
                lines = []
        elif line.strip("\ufeff \t\r\n"):
            yield number, line.rstrip("\r\n")
    if lines:
        yield begun, "".join(lines)


def _row(card: vobject.base.Component) -> Card | str:
    kind = _text(card, "kind") or _text(card, "x-addressbookserver-kind")
    if kind and kind.casefold() == "group":
        return "a group, not a person"
    name = card.contents["n"][0].value if "n" in card.contents else None
    given = _joined(getattr(name, "given", None))
    family = _joined(getattr(name, "family", None))
    units = card.contents["org"][0].value if "org" in card.contents else []
    places: Card = {
        "first": given,
        "middle": _joined(getattr(name, "additional", None)),
        "last": family,
        "suffix": _joined(getattr(name, "suffix", None)),
        "full_name": None if given or family or _is_company(card) else _text(card, "fn"),
        "nickname": _joined(card.contents["nickname"][0].value) if "nickname" in card.contents else None,
        "company": (_joined(units[0]) if isinstance(units, list) and units else _joined(units)) or None,
        "job_title": _text(card, "title"),
        "birthdate": _birthday(card),
        "locale": _text(card, "lang"),
        "source_key": _text(card, "uid"),
        "updated": _moment(_text(card, "rev")),
        "emails": [{"value": str(entry.value), "tag": _tag(entry)} for entry in card.contents.get("email", ())],
        "phones": [
            {"value": str(entry.value).removeprefix("tel:"), "tag": _tag(entry), "country": None}
            for entry in card.contents.get("tel", ())
        ],
        "addresses": [_address(card, entry) for entry in card.contents.get("adr", ())],
        "labels": [
            label for entry in card.contents.get("categories", ()) for label in _several(entry.value) if label.strip()
        ],
    }
    if places["company"] is None and _is_company(card):
        places["company"] = _text(card, "fn")
    return places


def _is_company(card: vobject.base.Component) -> bool:
    return (_text(card, "x-abshowas") or "").casefold() == "company" or (_text(card, "kind") or "").casefold() == "org"


def _text(card: vobject.base.Component, name: str) -> str | None:
    if name not in card.contents:
        return None
    return _joined(card.contents[name][0].value)


def _several(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list | tuple) else str(value).split(",")


def _joined(value: object) -> str | None:
    text = " ".join(filter(None, map(str, value))) if isinstance(value, list | tuple) else str(value or "")
    return text.strip() or None


def _tag(line: vobject.base.ContentLine) -> str | None:
    kinds = [kind.upper() for kind in line.params.get("TYPE", ())] + [kind.upper() for kind in line.singletonparams]
    known = [_TYPES[kind] for kind in kinds if kind in _TYPES]
    return "FAX" if "FAX" in known else next(iter(known), None)


def _birthday(card: vobject.base.Component) -> str | None:
    text = _text(card, "bday")
    if text is None:
        return None
    without = card.contents["bday"][0].params.get("X-APPLE-OMIT-YEAR", ())
    if without and text.startswith(tuple(without)):
        return f"--{text[-5:]}"
    date = _NO_YEAR.match(text)
    return f"--{date[1]}-{date[2]}" if date else text.partition("T")[0]


def _moment(text: str | None) -> str | None:
    """`REV` as other exports write a moment; its short form has no marks."""
    parts = re.fullmatch(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z?", text or "")
    return f"{parts[1]}-{parts[2]}-{parts[3]} {parts[4]}:{parts[5]}:{parts[6]}" if parts else text


def _address(card: vobject.base.Component, line: vobject.base.ContentLine) -> Card:
    value = line.value
    group = [
        country.value for country in card.contents.get("x-abadr", ()) if line.group and country.group == line.group
    ]  # the country of an address, as address books of Apple note it
    parts = {
        "street": _joined(value.street),
        "street2": _joined(value.extended),
        "city": _joined(value.city),
        "region": _joined(value.region),
        "postal_code": _joined(value.code),
        "country": _joined(value.country) or (str(group[0]).upper() if group else None),
    }
    return {"tag": _tag(line), **{part: parts.get(part) for part in ADDRESS_PARTS}}

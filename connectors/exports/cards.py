"""vCards (2.1, 3.0, 4.0), one row each, read property by property: an odd line costs itself and never the card."""

from __future__ import annotations

import quopri
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from connectors.exports.balance import Balance
from connectors.exports.limits import Limits
from transforms.schema.contact import cell_of

FIELD = "X-ONEFOLD-FIELD"
"""Property of a custom field, whose name is the label of its group."""
_TYPES = {
    "BILLING": "BILLING",
    "SHIPPING": "SHIPPING",
    "CELL": "MOBILE",
    "WORK": "WORK",
    "HOME": "HOME",
    "FAX": "FAX",
    "IPHONE": "MOBILE",
    "MAIN": "MAIN",
}
_BULKY = ("PHOTO", "LOGO", "SOUND", "KEY")
_PICTURES = re.compile(
    rf"^(?:[\w-]+\.)?(?:{'|'.join(_BULKY)})[;:].*(?:\r?\n(?:[ \t].*|[A-Za-z0-9+/=]+(?=\r?$)))*\r?\n?",
    re.IGNORECASE | re.MULTILINE,
)
"""Pattern of pictures and the like, whose further lines may lack the blank before them."""
_TOO_LONG = (
    "a card of more than {limits.card_characters:,} characters or {limits.card_lines:,} lines; "
    "[limits] card_characters and card_lines allow that"
)
_NO_YEAR = re.compile(r"^--(\d\d)-?(\d\d)")
_PROPERTY = re.compile(r'^(?:([\w-]+)\.)?([A-Za-z][A-Za-z0-9-]*)((?:;(?:"[^"]*"|[^":])*)?):(.*)$', re.DOTALL)
"""Pattern of a line: its group, its name, its parameters, its value."""
_PARAMETERS = re.compile(r';((?:"[^"]*"|[^;"])*)')
_SHORTENED = ("BDAY", "TEL")
"""Properties of which a row holds less than they say: no time, no `tel:`."""
_OF_PROGRAMS = frozenset(
    "VERSION PRODID UID REV KIND SOURCE CLIENTPIDMAP XML MAILER CLASS SORT-STRING LANG BEGIN END "
    "X-ABUID X-ABSHOWAS X-ADDRESSBOOKSERVER-KIND X-ABADR X-PRODID X-IMAGETYPE X-IMAGEHASH".split()
)
"""Properties that say nothing of the person."""
_PARTED = {"N": ";", "ADR": ";", "ORG": ";", "NICKNAME": ",", "CATEGORIES": ","}
"""Properties of several parts, and what stands between these."""
_READ = frozenset("N FN NICKNAME ORG TITLE BDAY EMAIL TEL ADR CATEGORIES".split())
"""Properties that have a place in a row."""
Places = dict[str, Any]


@dataclass
class _Property:
    """A line of a card.

    Attributes:
        name: in capitals.
        group: what it belongs together with (`item1`), if anything.
        parameters: by name in capitals; those without one (`HOME`) are under `TYPE`.
        value: with its escapes.
    """

    name: str
    group: str | None
    parameters: dict[str, list[str]]
    value: str

    def parts(self, mark: str) -> list[str]:
        """The value apart at each mark (`;` or `,`) that is not escaped, as plain text."""
        if "\\" not in self.value:
            return self.value.split(mark)
        pieces = [""]
        for letter in re.findall(r"\\.|.", self.value, re.DOTALL):
            if letter == mark:
                pieces.append("")
            else:
                pieces[-1] += letter
        return [_plain(piece) for piece in pieces]

    def text(self) -> str | None:
        """The whole value as plain text."""
        return _plain(self.value).strip() or None

    def tag(self) -> str | None:
        """The kind of an e-mail, phone or address, as rows have it."""
        kinds = [kind.strip().upper() for kind in self.parameters.get("TYPE", ())]
        known = [_TYPES[kind] for kind in kinds if kind in _TYPES]
        return "FAX" if "FAX" in known else next(iter(known), None)


@dataclass
class _Card:
    """The properties of a card, and its lines that are none."""

    properties: list[_Property] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)

    def telling(self) -> Iterator[_Property]:
        """The properties that say something of the person: no program's own, and no label that is a field's name."""
        fields = {one.group for one in self.every(FIELD)}
        for one in self.properties:
            is_label = one.value.startswith("_$!<") or (one.name == "X-ABLABEL" and one.group in fields)
            if one.name not in _OF_PROGRAMS and not is_label:
                yield one

    def values(self) -> Iterator[tuple[str, str]]:
        """What the card says of the person: name and plain text of each part of each property, and its odd lines."""
        for one in self.telling():
            parts = one.parts(_PARTED[one.name]) if one.name in _PARTED else [one.text() or ""]
            yield from ((one.name, part.strip()) for part in parts if part.strip())
        yield from (("line of the card", line) for line in self.odd)

    def every(self, name: str) -> list[_Property]:
        """The properties of a name."""
        return [one for one in self.properties if one.name == name]

    def first(self, name: str) -> _Property | None:
        """The first property of a name."""
        return next(iter(self.every(name)), None)

    def text(self, name: str) -> str | None:
        """The first text of a name."""
        return next((text for one in self.every(name) if (text := one.text())), None)


def is_cards(text: str) -> bool:
    """Whether a text is vCards."""
    return text.lstrip("\ufeff \t\r\n")[:11].upper() == "BEGIN:VCARD"


class ReadCard(NamedTuple):
    """The reading of a card: its line, its text without pictures, and its row's places, or why it cannot be one."""

    line: int
    raw: str
    places: Places
    reason: str | None = None
    balance: Balance = Balance()


def cards(lines: Iterable[str], limits: Limits) -> Iterator[ReadCard]:
    """The cards of a file, one by one."""
    for line, raw in _apart(lines):
        plain, pictures = _PICTURES.subn("", raw)
        if not plain.rstrip().upper().endswith("END:VCARD"):
            yield ReadCard(line, plain, {}, "a card that is not whole")
        elif len(plain) > limits.card_characters or plain.count("\n") > limits.card_lines:
            yield ReadCard(line, plain, {}, _TOO_LONG.format(limits=limits))
        else:
            card = _parsed(plain)
            row = _row(card)
            if isinstance(row, str):
                said = sum(1 for _ in card.values())
                yield ReadCard(line, plain, {}, row, Balance(cells=said, rejected=said))
            else:
                yield ReadCard(line, plain, row, balance=_balance(card, row) + Balance(pictures, left_out=pictures))


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


def _parsed(text: str) -> _Card:
    """The properties of a card without pictures: folded lines together, quoted-printable as text.

    A line that is no property goes with the note before it; else it is an odd one.
    """
    card = _Card()
    lines: list[str] = []
    for line in re.split(r"\r\n|\n|\r", text):
        soft = bool(lines) and lines[-1].endswith("=") and "QUOTED-PRINTABLE" in lines[-1].partition(":")[0].upper()
        if soft:
            lines[-1] = lines[-1][:-1] + line
        elif line[:1] in (" ", "\t") and lines:
            lines[-1] += line[1:]
        elif line.strip():
            lines.append(line)
    for line in lines:
        found = _PROPERTY.match(line)
        before = card.properties[-1] if card.properties else None
        if found is not None:
            card.properties.append(_property(found))
        elif before is not None and before.name == "NOTE":
            before.value += rf"\n{line}"
        else:
            card.odd.append(line.strip())
    return card


def _property(found: re.Match[str]) -> _Property:
    group, name, given, value = found.groups()
    parameters: dict[str, list[str]] = {}
    for parameter in _PARAMETERS.findall(given or ""):
        key, _, values = parameter.rpartition("=") if "=" in parameter else ("TYPE", "", parameter)
        several = [one for one in values.strip().strip('"').split(",") if one]
        parameters.setdefault(key.strip().upper(), []).extend(several)
    encodings = [one.upper() for key in ("ENCODING", "TYPE") for one in parameters.get(key, ())]
    if "QUOTED-PRINTABLE" in encodings:
        value = _from_quoted(value, next(iter(parameters.get("CHARSET", ())), "utf-8"))
    return _Property(name.upper(), group, parameters, value)


def _from_quoted(value: str, charset: str) -> str:
    """Quoted-printable as text, in its charset; in UTF-8 or cp1252 where that is unknown or wrong."""
    given = quopri.decodestring(value.encode("utf-8", errors="surrogateescape"))
    for codec in (charset, "utf-8"):
        try:
            return given.decode(codec)
        except (UnicodeDecodeError, LookupError):
            continue
    return given.decode("cp1252", errors="replace")


def _plain(text: str) -> str:
    """A value without escapes."""
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] in "nN" else found[1], text, flags=re.DOTALL)


def _row(card: _Card) -> Places | str:
    kind = card.text("KIND") or card.text("X-ADDRESSBOOKSERVER-KIND")
    if kind and kind.casefold() == "group":
        return "a group, not a person"
    named = card.first("N")
    family, given, additional, prefix, suffix = ((named.parts(";") if named else []) + [""] * 5)[:5]
    nicknames = [name for one in card.every("NICKNAME") for name in one.parts(",") if name.strip()]
    units = [unit.strip() for one in card.every("ORG") for unit in one.parts(";") if unit.strip()]
    is_company = (card.text("X-ABSHOWAS") or "").casefold() == "company" or (kind or "").casefold() == "org"
    shown = card.text("FN")
    beside = [("N", prefix), *(("NICKNAME", name) for name in nicknames[1:]), *(("ORG", unit) for unit in units[1:])]
    beside += [(one.name, one.text() or "") for name in ("N", "FN", "TITLE", "BDAY") for one in card.every(name)[1:]]
    names = {one.group: one.text() for one in card.every("X-ABLABEL")}
    beside += [
        (str(names.get(one.group) or one.name) if one.name == FIELD else one.name, (one.text() or "").strip())
        for one in card.telling()
        if one.name not in _READ
    ]
    beside += [("line of the card", line) for line in card.odd]
    return {
        "first": given.strip() or None,
        "middle": additional.strip() or None,
        "last": family.strip() or None,
        "suffix": suffix.strip() or None,
        "full_name": None if is_company else shown,
        "nickname": nicknames[0].strip() if nicknames else None,
        "company": next(iter(units), None) or (shown if is_company else None),
        "job_title": card.text("TITLE"),
        "birthdate": _birthday(card),
        "locale": card.text("LANG"),
        "source_key": card.text("UID"),
        "updated": _moment(card.text("REV")),
        "emails": [{"value": text, "tag": one.tag()} for one in card.every("EMAIL") if (text := one.text())],
        "phones": [
            {"value": text.removeprefix("tel:"), "tag": one.tag(), "country": None}
            for one in card.every("TEL")
            if (text := one.text())
        ],
        "addresses": [_address(card, one) for one in card.every("ADR")],
        "labels": [
            cell_of([label.strip()]) for one in card.every("CATEGORIES") for label in one.parts(",") if label.strip()
        ],
        "extras": [{"name": name, "value": value} for name, value in beside if value.strip()],
    }


def _balance(card: _Card, row: Places) -> Balance:
    """Where each value of a card is in its row; one that is nowhere is put beside it."""
    beside = [_bare(one["value"]) for one in row["extras"]]
    placed = [_bare(text) for name, value in row.items() if name != "extras" for text in _texts(value)]
    counted = Balance()
    for name, value in card.values():
        plain = _bare(value)
        if any(plain in text or (name in _SHORTENED and text in plain) for text in placed):
            counted += Balance(1, placed=1)
            continue
        if not any(plain in text for text in beside):
            row["extras"].append({"name": name, "value": value})
        counted += Balance(1, beside=1)
    return counted


def _bare(text: str) -> str:
    """A text by which it is looked for: without blanks and commas, which placing may change."""
    return re.sub(r"[\s,]+", "", text)


def _texts(value: object) -> Iterator[str]:
    """All texts within a place of a row."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)


def _birthday(card: _Card) -> str | None:
    born, text = card.first("BDAY"), card.text("BDAY")
    if born is None or text is None:
        return None
    without = born.parameters.get("X-APPLE-OMIT-YEAR", ())
    if without and text.startswith(tuple(without)):
        return f"--{text[-5:]}"
    date = _NO_YEAR.match(text)
    return f"--{date[1]}-{date[2]}" if date else text.partition("T")[0]


def _moment(text: str | None) -> str | None:
    """`REV` as other exports write a moment; its short form has no marks."""
    parts = re.fullmatch(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z?", text or "")
    return f"{parts[1]}-{parts[2]}-{parts[3]} {parts[4]}:{parts[5]}:{parts[6]}" if parts else text


def _address(card: _Card, one: _Property) -> Places:
    """An address; a box stands in the street's place where there is none, else beside it.

    The country in `X-ABADR` of the same group is as address books of Apple note it.
    """
    box, extended, street, city, region, code, country = (
        [re.sub(r"\s*\n\s*", ", ", part).strip() for part in one.parts(";")] + [""] * 7
    )[:7]
    noted = [other.text() for other in card.every("X-ABADR") if one.group and other.group == one.group]
    return {
        "tag": one.tag(),
        "street": street or box or None,
        "street2": ", ".join(filter(None, (extended, box if street else ""))) or None,
        "city": city or None,
        "region": region or None,
        "postal_code": code or None,
        "country": country or (str(noted[0]).upper() if noted else None),
    }

"""Formats of exports, as data: one description a format, recognised by its headers and never by its name.

A description maps a header to a *place* in a row: a single field (`first`), or a slot of a list with an
optional part (`emails.main`, `phones.2.tag`, `addresses.home.city`). `{n}` stands for a number in both.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

NEVER_READ = re.compile(
    r"passw|passcode|credit card|card (number|last4|brand)|cvv|iban|token|secret|"
    r"government id|identity number|national id|passport|tax id"
)
"""Columns that are ignored on purpose in every file, wherever they come from."""

_NUMBER = re.compile(r"(?<![a-z0-9])\d{1,2}(?![a-z0-9])")


_AFFIX = re.compile(
    r"(cust|customer|client|contact|person|people|lead|member|subscriber|crm|erp|import|export|imported|exported|"
    r"new|raw|clean|cleaned|orig|original|fake|default|current|c|v\d{1,2}|\d{1,2})"
)
"""Words around a known header that say nothing about whose value the column holds, nor what it is."""
_WORD = re.compile(r"[^\s()\[\]{}:;,.|]+")
_GENDERED = re.compile(r"/-?(?:e|r|er|es|in)$")
"""Endings that leave a word's gender open (`weiteres/r`)."""
_KINDS = ("mobile", "fax")
"""Slots of phones that say what a phone is, not whose it is."""
_WORDS = "words.toml"
_OF_A_PERSON = ("first", "middle", "last", "full_name", "nickname", "suffix", "company", "job_title", "birthdate")
_LISTS = ("emails", "phones", "addresses")
_MOST_WORDS = 8
"""Words up to which a text may be a known header with affixes; a longer one is a sentence."""


def normalised(header: str) -> str:
    """A header as descriptions name it: without BOM, folded, blanks and underscores as one blank."""
    return " ".join(header.replace("\ufeff", "").replace("_", " ").casefold().split())


@dataclass(frozen=True)
class Format:
    """One kind of export: how it is recognised and what its columns mean."""

    name: str
    title: str
    signature: tuple[tuple[str, ...], ...]
    ignored: frozenset[str]
    columns: dict[str, str]
    beside: frozenset[str] = frozenset()
    """Headers of what a contact has no place for, and another format would take for something else."""
    bare_international: bool = False
    """Whether phones are international numbers without their plus."""
    auto_saved: frozenset[str] = frozenset()
    """Labels of rows that the address book saved on its own, which nobody meant to be contacts."""

    def fits(self, headers: Sequence[str]) -> bool:
        """Whether each group of the signature has one of its headers here (headers normalised)."""
        present = set(headers)
        return bool(self.signature) and all(present.intersection(group) for group in self.signature)

    def keeps_beside(self, header: str) -> bool:
        """Whether a normalised header is one of no place, whatever other formats say."""
        return header in self.beside or _NUMBER.sub("{n}", header, count=1) in self.beside

    def place(self, header: str) -> str | None:
        """The place of a normalised header, `"ignored"`, or None when this format does not know it."""
        numbers = _NUMBER.findall(header)
        pattern = _NUMBER.sub("{n}", header, count=1)
        if header in self.ignored or pattern in self.ignored or NEVER_READ.search(header):
            return "ignored"
        exact = self.columns.get(header)
        if exact is not None:
            return exact
        numbered = self.columns.get(pattern)
        return numbered.replace("{n}", numbers[0]) if numbered is not None and numbers else None

    def affixed_place(self, header: str) -> str | None:
        """The place of a normalised header with affixes (`cust first name`, `postcode billing`, `job title (crm)`).

        Only affixes that leave no doubt whose value it is are taken off: a *spouse e-mail* stays unknown.
        """
        words = [_GENDERED.sub("", word) for word in _WORD.findall(header) if word not in ("-", "/")]
        if len(words) > _MOST_WORDS:
            return None
        slot_of, nothing = _words_around()
        spans = [(start, end) for start in range(len(words)) for end in range(start + 1, len(words) + 1)]
        for start, end in sorted(spans, key=lambda span: span[0] - span[1]):
            around = [*words[:start], *words[end:]]
            slots = {slot_of[word] for word in around if word in slot_of}
            known = (word in slot_of or word in nothing or _AFFIX.fullmatch(word) for word in around)
            if not around or len(slots) > 1 or not all(known):
                continue
            place = self.place(" ".join(words[start:end])) or ""
            number = next((word for word in around if word.isdecimal() and word != "1"), "")
            if (affixed := _affixed(place, next(iter(slots), None), number)) is not None:
                return affixed
        return None


def _affixed(place: str, slot: str | None, number: str) -> str | None:
    """The place of a header that has this slot and number around it, if that leaves no doubt."""
    head, _, rest = place.partition(".")
    if head not in _LISTS:
        return place if place in _OF_A_PERSON and slot is None else None
    own, _, part = rest.partition(".")
    if slot is not None and ((own != "main" and own not in _KINDS) or (slot in _KINDS and head != "phones")):
        return None
    named = slot if slot is not None and own == "main" else own
    if head != "addresses":
        return f"{head}.{named}{number}"
    if part == "street" and number:
        return f"{head}.{named}.street2" if number == "2" else None
    return f"{head}.{named}.{part}"


@cache
def _words_around() -> tuple[Mapping[str, str], frozenset[str]]:
    """The slot that each word around a header names, and the words that say nothing, normalised."""
    words = tomllib.loads((resources.files(__package__) / _WORDS).read_text("utf-8"))
    slots = {normalised(word): slot for slot, several in words["slots"].items() for word in several}
    return slots, frozenset(map(normalised, words["nothing"]["words"]))


def _load(text: str) -> Format:
    description = tomllib.loads(text)
    columns: dict[str, str] = dict(description.get("columns", {}))
    for place, headers in description.get("synonyms", {}).items():
        columns |= {normalised(header): place for header in headers}
    return Format(
        name=description["name"],
        title=description["title"],
        signature=tuple(tuple(group) for group in description["signature"]),
        ignored=frozenset(description["ignored"]),
        columns=columns,
        beside=frozenset(description.get("beside", ())),
        bare_international=description.get("phones") == "international without a plus",
        auto_saved=frozenset(description.get("auto_saved", ())),
    )


@cache
def known_formats() -> dict[str, Format]:
    """All descriptions by name; `generic` is among them."""
    here = resources.files(__package__)
    formats = [
        _load(file.read_text("utf-8")) for file in here.iterdir() if file.name.endswith(".toml") and file.name != _WORDS
    ]
    return {form.name: form for form in sorted(formats, key=lambda form: form.name)}


def recognise(headers: Sequence[str]) -> Format:
    """The format whose signature these normalised headers carry, the most telling one first, else `generic`."""
    formats = known_formats()
    fitting = [form for form in formats.values() if form.fits(headers)]
    return max(fitting, key=lambda form: len(form.signature), default=formats["generic"])


def described() -> str:
    """All formats as a page for people: how each is recognised, what is read, and what is left out on purpose."""
    lines = [
        "# Formats",
        "",
        "<!-- Written by `make formats` from the descriptions in connectors/exports/formats. -->",
        "",
        "A file is recognised by its headers, never by its name: by a signature of two to four of them.",
        "Capitals, blanks and underscores make no difference. A header that a format does not know is looked up in the",
        "last one, which knows synonyms in many languages; what nobody knows is named in the report, and",
        "`[policy] extended_fields` keeps it.",
        "",
    ]
    formats = known_formats()
    for form in sorted(formats.values(), key=lambda known: (known.name == "generic", known.title.casefold())):
        lines += [f"## {form.title}", "", f'`format = "{form.name}"`', ""]
        if form.signature:
            groups = " and ".join(" or ".join(f"`{header}`" for header in group) for group in form.signature)
            lines += [f"Recognised by {groups}.", ""]
        places: dict[str, list[str]] = {}
        for header, place in form.columns.items():
            places.setdefault(place, []).append(f"`{header}`")
        lines += ["| goes to | columns |", "|---|---|"]
        lines += [f"| {place.replace('_', ' ')} | {', '.join(headers)} |" for place, headers in places.items()]
        if form.ignored:
            lines += ["", f"Left out on purpose: {', '.join(f'`{header}`' for header in sorted(form.ignored))}."]
        if form.beside:
            lines += ["", f"Kept beside the row: {', '.join(f'`{header}`' for header in sorted(form.beside))}."]
        if form.auto_saved:
            saved = " or ".join(f"`{header}`" for header in sorted(form.auto_saved))
            lines += ["", f"Rows labelled {saved} are taken only with `auto_saved = true`."]
        lines.append("")
    return "\n".join(lines)

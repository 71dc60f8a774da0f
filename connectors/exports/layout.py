"""From headers to places: which column of a table goes where in a row of `ROWS`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import polars as pl

from connectors.exports.formats import Format, known_formats, normalised, recognise
from transforms.schema.errors import InputError
from transforms.schema.tables import ADDRESS_PARTS, ROWS

TAGS = {"work", "home", "mobile", "fax", "main", "billing", "shipping"}
IGNORED = "ignored"
"""The place of a column that is left out on purpose."""
_TELLING = {"first", "last", "full_name", "emails", "phones"}
_LISTS = ("emails", "phones", "addresses")
_SINGLES = frozenset(
    name for name, kind in ROWS.items() if kind == pl.String and name not in ("source", "file", "region", "raw")
)
CUSTOM = "Custom field: "
"""What stands before the name of a custom field in the header of Onefold's own export."""
_BORN = ("birth_year", "birth_month", "birth_day")
"""Columns that hold a birth date together, and no date each alone."""
_OWN_WORDS = {"ignore": IGNORED, "ignored": IGNORED, "skip": IGNORED, "keep": None, "extra": None}
"""Names of places in `--map` beside the known headers: `keep` makes a column one of no place."""


@dataclass(frozen=True)
class Layout:
    """Which column of a file goes to which place of a row; a column of no place is kept beside the row."""

    format: Format
    columns: list[str]
    places: dict[str, str | None]
    identifiers: frozenset[str]

    @property
    def unmapped(self) -> list[str]:
        """The columns of no place."""
        return [name for name, place in self.places.items() if place is None and name not in self.identifiers]

    @property
    def ignored(self) -> list[str]:
        """The columns left out on purpose."""
        return [name for name, place in self.places.items() if place == IGNORED and name not in self.identifiers]

    @property
    def wanted(self) -> list[int]:
        """The numbers of the columns that are read."""
        left_out = set(self.ignored)
        return [at for at, name in enumerate(self.columns) if name not in left_out]

    def unasked(self) -> pl.Expr | None:
        """Whether a row is one that the address book saved on its own; None where this format has none."""
        labels = [str(at) for at, name in enumerate(self.columns) if self.places[name] == "labels"]
        if not labels or not self.format.auto_saved:
            return None
        return pl.col(labels[0]).str.strip_chars().str.to_lowercase().is_in(sorted(self.format.auto_saved))

    def expressions(self) -> dict[str, pl.Expr]:
        """One expression a column of `ROWS` that the file has something for, of cells in columns `0`, `1`, `2` …."""
        return self._assembled.expressions

    @property
    def ends(self) -> dict[str, list[End]]:
        """Where the cells of each column are in `ROWS`, the first place first."""
        return self._assembled.ends

    @cached_property
    def _assembled(self) -> _Assembled:
        cell = {name: pl.col(str(at)) for at, name in enumerate(self.columns)}
        singles: dict[str, pl.Expr] = {}
        slots: dict[str, dict[str, dict[str, pl.Expr]]] = {}
        plain: dict[str, list[pl.Expr]] = {"labels": [], "extras": [], "identifiers": []}
        ends: dict[str, list[End]] = {name: [] for name in self.columns}

        def add(name: str, head: str, element: pl.Expr, part: str = "") -> None:
            ends[name].append(End(head, len(plain[head]), part))
            plain[head].append(element)

        def keep_beside(name: str, value: pl.Expr) -> None:
            add(name, "extras", pl.struct(name=pl.lit(name.removeprefix(CUSTOM)), value=value), "value")

        for name in self.unmapped:
            keep_beside(name, cell[name])
        for name, place in self.places.items():
            if place in (None, IGNORED):
                continue
            filled: pl.Expr = pl.when(cell[name].str.strip_chars() != "").then(cell[name])
            head, _, rest = str(place).partition(".")
            slot, _, part = rest.partition(".")
            if head == "labels":
                add(name, head, cell[name])
                continue
            if head not in _LISTS:
                columns, key = singles, head
                ends[name].append(End("birthdate" if head in _BORN else head))
            else:
                columns, key = slots.setdefault(head, {}).setdefault(slot, {}), part or "value"
                if key in columns and head != "addresses":  # a second column of e-mails or phones is one more of them
                    slot = f"{slot}+{len(slots[head])}"
                    columns = slots[head][slot] = {}
                    filled = cell[name]
                ends[name].append(End(head, list(slots[head]).index(slot), "street" if key == "number" else key))
            if key in columns:  # the first column that is filled counts; what another says stays beside it
                differing = pl.when(columns[key].str.strip_chars() != filled.str.strip_chars()).then(filled)
                keep_beside(name, differing)
            columns[key] = pl.coalesce(columns[key], filled) if key in columns else filled
        if all(part in singles for part in _BORN):
            born = _birthdate(*(singles.pop(part) for part in _BORN))
            singles["birthdate"] = pl.coalesce(singles["birthdate"], born) if "birthdate" in singles else born
        for name in sorted(self.identifiers):
            add(name, "identifiers", pl.struct(name=pl.lit(name), value=cell[name]), "value")
        plain |= {
            head: [_slot(self.format, head, slot, parts) for slot, parts in by_slot.items()]
            for head, by_slot in slots.items()
        }
        lists = {head: pl.concat_list(elements) for head, elements in plain.items() if elements}
        return _Assembled(singles | lists, ends)


class End(NamedTuple):
    """A place in `ROWS`: a column, and for a list which element and which part of it."""

    column: str
    at: int | None = None
    part: str = ""

    @property
    def is_beside(self) -> bool:
        """Whether it is no field."""
        return self.column == "extras"

    def texts(self, rows: pl.DataFrame) -> pl.Series:
        """The texts there, row by row."""
        elements = rows[self.column] if self.at is None else rows[self.column].list.get(self.at)
        return elements.struct[self.part] if self.part else elements


class _Assembled(NamedTuple):
    expressions: dict[str, pl.Expr]
    ends: dict[str, list[End]]


def layout(
    header: list[str],
    file: str,
    *,
    format_name: str | None = None,
    columns: Mapping[str, str] | None = None,
    identifiers: Sequence[str] = (),
    key_column: str | None = None,
) -> Layout:
    """The places of a table's columns.

    Args:
        header: its cells.
        file: the table's name for people.
        format_name: the format to read it as; recognised by its headers when not given.
        columns: places that a person has chosen, by header; they go before what the format says. One that this table
            does not have is passed over.
        identifiers: further columns that identify a person, by header.
        key_column: the column that holds the row's own id in its source, by header.

    Raises:
        InputError: a column, a place or a format is not known, or no column can be used.
    """
    names = _unique(header)
    folded = [normalised(cell) for cell in header]
    if format_name is not None and format_name not in known_formats():
        known = ", ".join(known_formats())
        raise InputError(f"{file}: there is no format {format_name!r}. Known formats: {known}.")
    form = known_formats()[format_name] if format_name is not None else recognise(folded)
    places = _beside_their_street(
        {column: _place(name, form) if name else None for column, name in zip(names, folded, strict=True)}
    )
    chosen_places = {normalised(wanted): place_called(word, file) for wanted, word in (columns or {}).items()}
    for column in names:
        if normalised(column) in chosen_places:
            places[column] = chosen_places[normalised(column)]
    if not set(_BORN).issubset(places.values()):
        places = {column: None if place in _BORN else place for column, place in places.items()}
    declared = frozenset(_named(names, wanted, file) for wanted in identifiers)
    places = {column: None if column in declared else place for column, place in places.items()}
    if key_column is not None:
        chosen = _named(names, key_column, file)
        places = {column: None if place == "source_key" else place for column, place in places.items()}
        places[chosen] = "source_key"
    if not declared and not _TELLING.intersection(str(place).partition(".")[0] for place in places.values()):
        raise no_column(file)
    return Layout(form, names, places, declared)


def no_column(file: str) -> InputError:
    """The error for a table without a column that names or reaches a person."""
    return InputError(
        f"{file} has no column that can be used: none of its headers names a person, an e-mail or a phone. "
        'Say which ones do: --map "Column=field".'
    )


def place_called(word: str, file: str) -> str | None:
    """The place a person means: the place itself (`emails.work`), a known header (`work email`), `ignore` or `keep`.

    Raises:
        InputError: there is no such place.
    """
    text = word.strip().casefold()
    if text in _OWN_WORDS:
        return _OWN_WORDS[text]
    head, _, rest = text.partition(".")
    if text.replace(" ", "_") in {*_SINGLES, "labels"}:
        return text.replace(" ", "_")
    slot, _, part = rest.partition(".")
    parts = {"emails": ("", "tag"), "phones": ("", "tag", "country"), "addresses": (*ADDRESS_PARTS, "number", "tag")}
    if head in parts and re.fullmatch(r"[a-z0-9]+", slot) and part in parts[head]:
        return text
    generic = known_formats()["generic"]
    if (place := generic.place(normalised(text))) is not None:
        return place
    near = difflib.get_close_matches(text, [*_SINGLES, *generic.columns, "ignore", "keep"], n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ". Fields: docs/formats.md."
    raise InputError(f"{file}: there is no field {word!r}{hint}")


def how_many_known(cells: Sequence[str]) -> int:
    """Number of cells that are known headers."""
    names = [normalised(cell) for cell in cells]
    form = recognise(names)
    return sum(_place(name, form) is not None for name in names if name)


def _place(header: str, form: Format) -> str | None:
    """The place of a normalised header: as its format says, else as any export does, else without its affixes."""
    generic = known_formats()["generic"]
    if form.keeps_beside(header) or header.startswith(normalised(CUSTOM)):
        return None
    return form.place(header) or generic.place(header) or generic.affixed_place(header)


def _beside_their_street(places: dict[str, str | None]) -> dict[str, str | None]:
    """The places, with parts of an address that name none themselves in that of the columns before them.

    Such headers repeat: `Adresse privée`, `Ville`, `Adresse professionnelle`, `Ville`.
    """
    found: dict[str, str | None] = {}
    slot = "main"
    for column, place in places.items():
        head, _, rest = (place or "").partition(".")
        own, _, part = rest.partition(".")
        if head != "addresses":
            slot = "main"
        elif own != "main":
            slot = own
        elif part not in ("street", "number"):
            place = f"addresses.{slot}.{part}"
        else:
            slot = "main"
        found[column] = place
    return found


def _birthdate(year: pl.Expr, month: pl.Expr, day: pl.Expr) -> pl.Expr:
    """A date from its three columns; without a year, a birthday."""
    tail = pl.concat_str(month.str.zfill(2), day.str.zfill(2), separator="-")
    return pl.concat_str(year.fill_null("-"), tail, separator="-")


def _slot(form: Format, head: str, slot: str, parts: dict[str, pl.Expr]) -> pl.Expr:
    """One element of a list column: an e-mail, a phone or an address of the row."""
    nothing = pl.lit(None, dtype=pl.String)
    name = slot.partition("+")[0].rstrip("0123456789")
    tag = parts.get("tag", pl.lit(name.upper()) if name in TAGS else nothing)
    if head == "phones" and form.bare_international and "value" in parts:
        parts = {**parts, "value": parts["value"].str.replace(r"^([1-9]\d{7,14})$", "+$1")}
    if head == "emails":
        return pl.struct(value=parts.get("value", nothing), tag=tag)
    if head == "phones":
        return pl.struct(value=parts.get("value", nothing), tag=tag, country=parts.get("country", nothing))
    if "number" in parts:
        street = pl.concat_str([parts["number"], parts.get("street", nothing)], separator=" ", ignore_nulls=True)
        parts = {**parts, "street": street}
    return pl.struct(tag.alias("tag"), *[parts.get(part, nothing).alias(part) for part in ADDRESS_PARTS])


def _named(columns: list[str], wanted: str, file: str) -> str:
    for column in columns:
        if normalised(column) == normalised(wanted):
            return column
    raise InputError(f"{file} has no column {wanted!r}. Its columns: {', '.join(columns)}.")


def _unique(header: list[str]) -> list[str]:
    """Column names without repeats: a blank one is called by its number, a second one `Name (2)`."""
    names: dict[str, None] = {}
    for number, cell in enumerate(header, start=1):
        base = cell.replace("\ufeff", "").strip() or f"column {number}"
        name, copy = base, 1
        while name in names:
            copy += 1
            name = f"{base} ({copy})"
        names[name] = None
    return list(names)

"""Numbers as a workbook shows them: `02134` where the cell holds 2134 and the format `00000`.

Only formats that put digits into places are meant, as postcodes, phones and customer numbers have them. Amounts,
fractions, shares and dates are what the cell holds.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from xml.etree import ElementTree

import polars as pl

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|[_*].|\[[^\]]*\]|(?P<place>[0#?])|(?P<plain>[ ()+:-])|(?P<other>.)'
)
"""Pattern of the parts of a format: literals, paddings, conditions and colours, places of digits, all else."""
_CONDITION = re.compile(r"(<=|>=|<>|<|>|=)(-?\d+(?:\.\d+)?)")
_SECTIONS = re.compile(r'((?:"[^"]*"|\\.|[^;"\\])*)(?:;|$)')
_COMPARED = {
    "<": float.__lt__, "<=": float.__le__, ">": float.__gt__, ">=": float.__ge__, "=": float.__eq__, "<>": float.__ne__,
}  # fmt: skip
_UNREADABLE = (zipfile.BadZipFile, KeyError, ElementTree.ParseError, ValueError)
_MOST_DIGITS = 15
"""Digits that a workbook's number keeps."""


def shown(value: float, code: str) -> str | None:
    """The text of a number under a format of digits; None where the format is another.

    Args:
        value: the number.
        code: the format, as ECMA-376 part 1, 18.8.31 describes it.
    """
    if value != int(value) or abs(value) >= 10**_MOST_DIGITS:
        return None
    section, is_own = _section(float(value), code)
    parts: list[tuple[str, bool]] = []
    for token in _TOKEN.finditer(section):
        if token["other"]:
            return None
        literal = token["quoted"] or token["escaped"] or token["plain"]
        if token["place"] or literal:
            parts.append((token["place"] or literal, bool(token["place"])))
    places = [text for text, is_place in parts if is_place]
    is_mask = places.count("0") > 1 or any(not is_place and text.strip() for text, is_place in parts)
    if not places or not is_mask:
        return None
    digits = str(abs(int(value)))
    at = len(places)
    shown_parts: list[str] = []
    for text, is_place in reversed(parts):
        if not is_place:
            shown_parts.append(text)
            continue
        at -= 1
        digits, digit = (digits[:-1], digits[-1:]) if at else ("", digits)
        shown_parts.append(digit or {"0": "0", "?": " ", "#": ""}[text])
    sign = "-" if value < 0 and not is_own else ""
    return sign + "".join(reversed(shown_parts)).strip()


def _section(value: float, code: str) -> tuple[str, bool]:
    """The part of a format that counts for a number, and whether it says the sign itself."""
    sections = _SECTIONS.findall(code)[:3]
    for section in sections:
        condition = _CONDITION.match(section.partition("[")[2])
        if condition is not None and _COMPARED[condition[1]](value, float(condition[2])):
            return section, False
    plain = [section for section in sections if not _CONDITION.match(section.partition("[")[2])]
    if len(plain) < len(sections):
        return (plain or sections)[0], False
    at = 1 if value < 0 else 2 if value == 0 else 0
    if at < len(sections) and sections[at]:
        return sections[at], at == 1
    return sections[0], False


def as_shown(book: Path, sheets: Iterable[pl.DataFrame], count: int) -> Iterator[pl.DataFrame]:
    """The sheets of a workbook one by one, with numbers under formats of digits as it shows them.

    Only the parts of `.xlsx` (ECMA-376) say so in a way that is read here; other workbooks are left as they are.

    Args:
        book: the workbook.
        sheets: the cells of its sheets as text, in their order: all rows from the first on, the columns from the first
            with anything in it.
        count: number of sheets.
    """
    paths, codes = _formatted(book)
    if not codes or len(paths) != count:
        yield from sheets
        return
    with zipfile.ZipFile(book) as packed:
        for path, sheet in zip(paths, sheets, strict=True):
            try:
                yield _sheet_as_shown(packed, path, sheet, codes)
            except _UNREADABLE:
                yield sheet


def _formatted(book: Path) -> tuple[list[str], dict[str, str]]:
    """The paths of a workbook's sheets and its formats of digits; nothing where it is no `.xlsx`."""
    try:
        with zipfile.ZipFile(book) as packed:
            return _sheet_paths(packed), _digit_formats(packed)
    except _UNREADABLE:
        return [], {}


def _digit_formats(packed: zipfile.ZipFile) -> dict[str, str]:
    """The formats of digits by the number of the style that has them."""
    styles = ElementTree.fromstring(packed.read("xl/styles.xml"))
    codes = {
        one.get("numFmtId"): one.get("formatCode", "")
        for one in styles.iterfind(f"{_MAIN}numFmts/{_MAIN}numFmt")
        if shown(1, one.get("formatCode", "")) is not None
    }
    named = (one.get("numFmtId") for one in styles.iterfind(f"{_MAIN}cellXfs/{_MAIN}xf"))
    return {str(style): codes[number] for style, number in enumerate(named) if number in codes}


def _sheet_paths(packed: zipfile.ZipFile) -> list[str]:
    """The paths of a workbook's sheets, in their order."""
    relations = ElementTree.fromstring(packed.read("xl/_rels/workbook.xml.rels"))
    target = {one.get("Id"): one.get("Target", "") for one in relations}
    book = ElementTree.fromstring(packed.read("xl/workbook.xml"))
    paths = [target[one.get(_RELATION)] for one in book.iterfind(f"{_MAIN}sheets/{_MAIN}sheet")]
    return [path.removeprefix("/") if path.startswith("/") else f"xl/{path}" for path in paths]


def _sheet_as_shown(packed: zipfile.ZipFile, path: str, cells: pl.DataFrame, codes: Mapping[str, str]) -> pl.DataFrame:
    first: int | None = None
    instead: dict[int, dict[int, str]] = {}
    number = 0
    with packed.open(path) as file:
        for _, row in ElementTree.iterparse(file):
            if row.tag != f"{_MAIN}row":
                continue
            number = int(row.get("r", number + 1))
            column = 0
            for cell in row:
                column = _column(cell.get("r")) or column + 1
                if (first is None or column < first) and len(cell):
                    first = column
                code = codes.get(cell.get("s", ""))
                if code is None or cell.get("t", "n") != "n" or not (value := cell.findtext(f"{_MAIN}v")):
                    continue
                if (text := shown(float(value), code)) is not None:
                    instead.setdefault(column, {})[number - 1] = text
            row.clear()
    for column, texts in instead.items():
        name = cells.columns[column - (first or column)]
        cells = cells.with_columns(cells[name].scatter(list(texts), list(texts.values())))
    return cells


def _column(reference: str | None) -> int:
    """The number of a column, from 1, in a reference like `AB12`; 0 without one."""
    number = 0
    for letter in (reference or "").rstrip("0123456789"):
        number = number * 26 + ord(letter) - ord("A") + 1
    return number

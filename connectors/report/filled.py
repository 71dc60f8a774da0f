"""Sheets that people filled in and gave back, as a workbook or as CSV: rows of cells by column, with their places."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from connectors.exports.containers import parts
from connectors.exports.decoding import decoded
from connectors.exports.guards import unguarded_text
from connectors.exports.limits import Limits
from transforms.schema.errors import InputError

Row = tuple[str, dict[str, str]]
"""The place of the row's cell in the first wanted column (`D12`), and its cells by column in lower case."""


def filled_rows(path: Path, needed: tuple[str, ...]) -> list[Row]:
    """The rows of a filled sheet.

    Args:
        path: a workbook, or CSV with commas, semicolons or tabs.
        needed: columns it must have, in lower case; further ones are read, too.

    Raises:
        InputError: it cannot be read, or no sheet of it has these columns.
    """
    if not path.is_file():
        raise InputError(f"There is no file {path}.")
    for sheet in _sheets(path):
        header = [cell.strip().lower() for cell in sheet[0]] if sheet else []
        if set(needed) <= set(header):
            at = header.index(needed[0])
            return [
                (f"{_letters(at)}{number}", dict(zip(header, cells, strict=False)))
                for number, cells in enumerate(sheet[1:], start=2)
                if any(cells)
            ]
    wanted = " and ".join(repr(name) for name in needed)
    raise InputError(f"{path} has no columns {wanted}: it is no sheet of cases.")


def _sheets(path: Path) -> Iterator[list[list[str]]]:
    for part in parts(path, Limits()):
        if part.sheet is not None:
            yield part.sheet
            continue
        with part.file as file:
            lines = list(decoded(part.name, file).lines())
        delimiter = max(",;\t", key=lines[0].count) if lines else ","
        yield [[unguarded_text(cell) for cell in row] for row in csv.reader(lines, delimiter=delimiter)]


def _letters(column: int) -> str:
    """The letters of a column: A is 0."""
    return (_letters(column // 26 - 1) if column >= 26 else "") + chr(ord("A") + column % 26)

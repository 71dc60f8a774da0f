"""Text to rows of cells: what a table's lines hold, and what is wrong with those that hold none.

Nearly all lines of nearly all files are one row each, with a cell for every column. These are taken apart in columns,
many at once; whatever spans lines, is ragged or breaks the rules of quoting goes through `csv`, row by row. Both ways
give the same cells.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

import polars as pl

CHUNK = 50_000
"""Lines in memory at a time."""

csv.field_size_limit((1 << 31) - 1)  # a long cell costs its own row, which is told by the reader


class Line(NamedTuple):
    """One row of a file: the line it begins on, its cells, its raw text, and what is wrong with it."""

    number: int
    cells: list[str]
    raw: str
    problem: str | None = None


@dataclass(frozen=True)
class Piece:
    """Some rows of a table: those with a cell for every column still as `text`, the others one by one.

    Attributes:
        single: the rows that were read one by one.
        line: the line that each of the others is on.
        text: their text.
        delimiter: what stands between their cells.
    """

    single: list[Line]
    line: pl.Series = field(default_factory=lambda: pl.Series([], dtype=pl.UInt32))
    text: pl.Series = field(default_factory=lambda: pl.Series([], dtype=pl.String))
    delimiter: str = ","

    def __len__(self) -> int:
        return len(self.single) + len(self.text)

    def apart(self, width: int) -> pl.DataFrame:
        """The rows that are still text: `line`, `raw`, and the cells of column 0, 1, 2 … as `0`, `1`, `2` …."""
        cells = _apart(self.text, self.delimiter, width)
        return cells.with_columns(line=self.line, raw=self.text)


def rows(lines: Iterator[str], delimiter: str) -> Iterator[Line]:
    """The rows of a table, one by one; one that cannot be parsed costs only its own line."""
    feed = _Feed(lines)
    number = 1
    while feed.fill(1):
        yield from _row(feed, 0, number, delimiter)
        number += feed.at
        feed.drop(feed.at)


def pieces(lines: Iterator[str], delimiter: str, width: int, *, first_line: int, chunk: int = CHUNK) -> Iterator[Piece]:
    """The rows of a table in pieces; each of its rows is in one of them, in one way or the other.

    Args:
        lines: the lines behind the header, with their ends.
        delimiter: what stands between cells.
        width: how many columns the header has.
        first_line: the number of the first of these lines in its file.
        chunk: how many lines are looked at at once.
    """
    feed, number = _Feed(lines), first_line
    sound = _sound(delimiter) if width > 1 and delimiter.isascii() else None
    while count := feed.fill(chunk):
        text = pl.Series(feed.kept[:count]).str.strip_chars_end("\r\n")
        bare, broken = _without_quotes(text, delimiter, sound)
        single: list[Line] = []
        spans: list[int] = []
        end = 0
        for at in broken.arg_true():
            if at >= end:
                single += _row(feed, at, number + at, delimiter)
                end = feed.at
                spans += range(at, min(end, count))
        whole = (bare.str.count_matches(delimiter, literal=True) == width - 1) & ~text.str.contains(_odd(delimiter))
        if spans:
            whole = whole.scatter(spans, False)
        rest = (~whole).scatter(spans, False) if spans else ~whole
        for at in rest.arg_true():
            single += _row(feed, at, number + at, delimiter)
        numbers = pl.int_range(number, number + count, dtype=pl.UInt32, eager=True).filter(whole)
        yield Piece(sorted(single), numbers, text if whole.all() else text.filter(whole), delimiter)
        passed = max(count, end)
        feed.drop(passed)
        number += passed


class _Feed:
    """Lines that wait until their row is known, so that they can be read again."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.kept: list[str] = []
        self.at = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self.at == len(self.kept):
            self.kept.append(next(self._lines))
        self.at += 1
        return self.kept[self.at - 1]

    def fill(self, count: int) -> int:
        """Keeps so many lines, where there are so many; returns how many there are."""
        self.kept += islice(self._lines, max(0, count - len(self.kept)))
        return min(count, len(self.kept))

    def drop(self, count: int) -> None:
        """Forgets the first lines."""
        del self.kept[:count]
        self.at = 0


def _row(feed: _Feed, at: int, number: int, delimiter: str) -> list[Line]:
    """The row that begins in a kept line, if it is not blank; the feed stands behind it then."""
    feed.at = at
    try:
        cells = next(csv.reader(feed, delimiter=delimiter, strict=True), [])
    except csv.Error:
        feed.at = at + 1
        return [_repaired(feed.kept[at], number, delimiter)]
    raw = "".join(feed.kept[at : feed.at]).rstrip("\r\n")
    return [Line(number, cells, raw)] if cells else []


def _repaired(line: str, number: int, delimiter: str) -> Line:
    """A line that breaks the quoting rules: its inner quotes are behind backslashes, or stand there as they are.

    A quote is an inner one unless a cell begins behind it or ends before it. Where that leaves doubt it is no row.
    """
    raw = line.rstrip("\r\n")
    mark = re.escape(delimiter)
    escaped = raw.replace('\\"', '""')
    within = re.sub(rf'\\"(?!{mark}|$)', '""', raw)
    bare = re.sub(rf'(?<!^)(?<!{mark})"(?!{mark}|$)', '""', within.replace('""', '"'))
    for doubled in (escaped, within, bare):
        with suppress(csv.Error):
            cells = next(csv.reader([doubled], delimiter=delimiter, strict=True))
            if doubled is not bare or all(cell.count('"') % 2 == 0 for cell in cells):
                return Line(number, cells, raw)
    is_open = line.count('"') % 2 == 1
    problem = "a quote is opened and never closed" if is_open else "its quotes do not tell where a cell ends"
    return Line(number, [], raw, problem)


def _without_quotes(text: pl.Series, delimiter: str, sound: str | None) -> tuple[pl.Series, pl.Series]:
    """Lines without what is quoted in them, and in which of them the quotes are unsound.

    Most lines with quotes have them around empty cells alone; these are told without looking at each cell.
    """
    nowhere = pl.Series([False]).new_from_index(0, len(text))
    if sound is None:
        return text, ~nowhere
    bare = text.str.strip_prefix('""').str.replace_all(f'{delimiter}""', delimiter, literal=True)
    quoted = bare.str.contains('"', literal=True) | text.str.contains(f'""[^{re.escape(delimiter)}]')
    places = quoted.arg_true()
    if places.is_empty():
        return bare, nowhere
    quoted = text.gather(places)
    return bare.scatter(places, quoted.str.replace_all(_QUOTED, "")), nowhere.scatter(
        places, ~quoted.str.contains(sound)
    )


_QUOTED = r'"(?:[^"]|"")*"'


def _sound(delimiter: str) -> str:
    """Lines in which every quote is one of a pair around a whole cell, or doubled within such a pair."""
    cell = rf'(?:{_QUOTED}|[^"{re.escape(delimiter)}]*)'
    return rf"^{cell}(?:{re.escape(delimiter)}{cell})*$"


def _odd(delimiter: str) -> str:
    """Lines that are blank, or a comment."""
    blank = rf'[\s\x1c-\x1f"{re.escape(delimiter)}]'
    return rf'^{blank}*$|^[\s"]*#'


def _apart(text: pl.Series, delimiter: str, width: int) -> pl.DataFrame:
    """Lines with a cell for every column and sound quotes, taken apart."""
    schema = {str(at): pl.String for at in range(width)}
    if text.is_empty():
        return pl.DataFrame(schema=schema)
    data = text.str.join("\n").cast(pl.Binary).item()
    return pl.read_csv(
        io.BytesIO(data), has_header=False, schema=schema, separator=delimiter, empty_string_is_null=False
    )

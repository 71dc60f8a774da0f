"""The balance of a file: where each of its filled cells went, by looking for it there."""

from __future__ import annotations

from dataclasses import astuple, dataclass

import polars as pl

from connectors.exports.layout import IGNORED, Layout
from transforms.schema.errors import InputError


@dataclass(frozen=True)
class Balance:
    """The filled cells of a file's rows, each counted where it was found; a file of which one is nowhere is not read.

    Attributes:
        cells: all of them.
        placed: in a field of its row.
        beside: beside its row, because a contact has no field for it or another cell fills that.
        left_out: in a column that is left out on purpose.
        rejected: in a row that is rejected whole.
    """

    cells: int = 0
    placed: int = 0
    beside: int = 0
    left_out: int = 0
    rejected: int = 0

    def __add__(self, other: Balance) -> Balance:
        return Balance(*(one + more for one, more in zip(astuple(self), astuple(other), strict=True)))


def balance(lines: pl.DataFrame, rows: pl.DataFrame, rejects: pl.DataFrame, places: Layout, file: str) -> Balance:
    """The balance of a piece of a table.

    Args:
        lines: the cells of the lines that are rows, as `0`, `1` ….
        rows: what they became (`ROWS`).
        rejects: the cells of the lines that are none.
        places: which column went where.
        file: the table's name for people.

    Raises:
        InputError: a cell is nowhere. The reader has a fault then, and its reading is not to be used.
    """
    placed = beside = left_out = 0
    for at, column in enumerate(places.columns):
        cells = lines[str(at)]
        if places.places[column] == IGNORED and column not in places.identifiers:
            left_out += _filled(cells)
            continue
        open_cells = (cells != "").fill_null(value=False)  # blanks alone are found nowhere, and are nothing
        for end in places.ends[column]:
            texts = end.texts(rows)
            found = open_cells & (texts == cells).fill_null(value=False)
            odd = (open_cells & ~found).arg_true()
            if len(odd):
                within = _is_within(cells.gather(odd), texts.gather(odd))
                found = found.scatter(odd.filter(within), values=True)
            count = int(found.sum())
            beside, placed = (beside + count, placed) if end.is_beside else (beside, placed + count)
            open_cells &= ~found
        if open_cells.any() and _filled(cells.filter(open_cells)):
            line = lines["line"].filter(open_cells)[0]
            raise InputError(f"{file} was not read: what column {column!r} says in line {line} was found nowhere.")
    rejected = sum(_filled(rejects[str(at)]) for at in range(len(places.columns)))
    return Balance(placed + beside + left_out + rejected, placed, beside, left_out, rejected)


def _filled(cells: pl.Series) -> int:
    """Number of cells with anything but blanks in them."""
    return int((cells.str.strip_chars() != "").sum())


def _is_within(cells: pl.Series, texts: pl.Series) -> pl.Series:
    """Which cells stand in the text of a field that has more than one of them."""
    both = pl.DataFrame({"cell": cells.str.strip_chars(), "text": texts.fill_null("")})
    is_there = pl.col("text").str.contains(pl.col("cell"), literal=True)
    return both.select(is_there & (pl.col("cell") != "")).to_series()

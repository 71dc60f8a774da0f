"""Cleaning a cell of what spreadsheets and people leave in it, before anyone looks at its meaning."""

from __future__ import annotations

import re
from collections.abc import Collection

import ftfy
import polars as pl

MARKS = (
    "-", "--", "---", ".", "?", "n/a", "n.a.", "#n/a", "#ref!", "#value!", "#name?", "#null!", "(null)", "(none)",
    "not available", '""', "[[unknown]]",
)  # fmt: skip
"""What people and programs write into empty cells, and nobody is called."""
NO_PLACE = ("null", "none", "undefined", "unknown", "tbd")
"""Words for nothing that are names (Ms Null), but neither places nor codes."""
WORDS = (*NO_PLACE, "na", "nil", "nan")
"""Words for nothing that are names, places or codes (Nan in Thailand, Namibia's NA)."""


_ODD = rf"[^ -~]|  |^[ '=]| $|^(?i:{'|'.join(map(re.escape, (*MARKS, *WORDS)))}|)$"
"""Pattern of cells that may need cleaning; most cells have none of it."""
_INVISIBLE = r"[\u200b\u200e\u200f\u202a-\u202e\u2060\ufeff\x00]"
_JOINERS = (
    (r"([\x00-\x{24f}\s])[\u200c\u200d]+", "$1"), (r"[\u200c\u200d]+([\x00-\x{24f}\s])", "$1"),
    (r"^[\u200c\u200d]+|[\u200c\u200d]+$", ""),
)  # fmt: skip
"""Joiners that join nothing: those beside a blank or a Latin letter. Persian and Indian names have them within."""


MANGLED = r"[À-ÿ][^\x00-\x7f]|Ã |ï¿½"
"""Pattern of UTF-8 text read in another encoding; ftfy decides whether it is."""


def cleaned(cell: pl.Expr, *, words: Collection[str] = WORDS) -> pl.Expr:
    """The cell without invisible characters, Excel's guards and placeholders; nothing left becomes null.

    Text that was read in a wrong encoding (`JosÃ©`) is as it was meant.

    Args:
        cell: the cell.
        words: the words that are placeholders here: fewer in the place of a name or a code.
    """
    return cell.map_batches(lambda cells: _cleaned(cells, words), return_dtype=pl.String, is_elementwise=True)


def repaired(given: pl.Series, kept: pl.Series) -> pl.Series:
    """Marks of values that differ from their cell by more than blanks: repairs."""
    differs = (given != kept).fill_null(value=False)
    if not differs.any():
        return differs
    blanks = r"[\s\u00a0]+"
    trimmed = given.filter(differs).str.replace_all(blanks, " ").str.strip_chars()
    return differs.scatter(differs.arg_true(), trimmed != kept.filter(differs).str.replace_all(blanks, " "))


def how_mended(given: pl.Expr) -> pl.Expr:
    """Words for what cleaning did to a cell."""
    return (
        pl.when(given.str.contains(MANGLED)).then(pl.lit("read in a wrong encoding by its source"))
        .when(given.str.contains(r"^\s*[=']")).then(pl.lit("guarded by a spreadsheet"))
        .otherwise(pl.lit("invisible characters"))
    )  # fmt: skip


def _cleaned(cells: pl.Series, words: Collection[str]) -> pl.Series:
    odd = cells.str.contains(_ODD).arg_true()
    if not len(odd):
        return cells
    text = _as_meant(cells.gather(odd)).str.replace_all(_INVISIBLE, "")
    for pattern, instead in _JOINERS:
        text = text.str.replace_all(pattern, instead)
    text = (
        text.str.replace_all(r"[\s\u00a0]+", " ")
        .str.strip_chars()
        .str.replace(r'^="(.*)"$', "$1")
        .str.replace(r"^'([\d=+\-@(])", "$1")
        .str.strip_chars()
    )
    nothing = text.str.to_lowercase().is_in(["", *MARKS, *words])
    return cells.clone().scatter(odd, text.set(nothing, None) if nothing.any() else text)


def _as_meant(cells: pl.Series) -> pl.Series:
    """Text that was read in a wrong encoding as it was meant."""
    mangled = cells.filter(cells.str.contains(MANGLED)).unique()
    if mangled.is_empty():
        return cells
    return cells.replace(mangled, pl.Series([ftfy.fix_encoding(cell) for cell in mangled], dtype=pl.String))


def position() -> pl.Expr:
    """The place of each row within its record, from 0; the rows of a record stand together."""
    row = pl.int_range(pl.len(), dtype=pl.UInt32)
    first = pl.when(pl.col("record").ne_missing(pl.col("record").shift(1))).then(row)
    return row - first.forward_fill()


def once(frame: pl.DataFrame, column: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows without those that repeat an earlier value of the same record, and those that do.

    A record's rows stand together. A value that is missing is repeated by none.
    """
    nobody = frame.clear()
    again = frame.select((pl.col("record") == pl.col("record").shift(1)).fill_null(value=False)).to_series()
    if not again.any():
        return frame, nobody
    first = frame.select(pl.struct("record", column).is_first_distinct()).to_series()
    return (frame, nobody) if first.all() else (frame.filter(first), frame.filter(~first))

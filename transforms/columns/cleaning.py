"""Cleaning a cell of what spreadsheets and people leave in it, before anyone looks at its meaning."""

from __future__ import annotations

import re

import ftfy
import polars as pl

PLACEHOLDERS = (
    "-", "--", ".", "?", "n/a", "na", "n.a.", "#n/a", "#ref!", "#value!", "#name?", "null", "none", "nil", "nan",
    "(null)", "(none)", "undefined", "unknown", "not available", "tbd", '""', "[[unknown]]",
)  # fmt: skip
"""Words that people and programs write into empty cells."""


_ODD = rf"[^ -~]|  |^[ '=]| $|^(?i:{'|'.join(map(re.escape, PLACEHOLDERS))}|)$"
"""Pattern of cells that may need cleaning; most cells have none of it."""


MANGLED = r"[À-ÿ][^\x00-\x7f]|Ã |ï¿½"
"""Pattern of UTF-8 text read in another encoding; ftfy decides whether it is."""


def cleaned(cell: pl.Expr) -> pl.Expr:
    """The cell without invisible characters, Excel's guards and placeholders; nothing left becomes null.

    Text that was read in a wrong encoding (`JosÃ©`) is as it was meant.
    """
    return cell.map_batches(_cleaned, return_dtype=pl.String, is_elementwise=True)


def repaired(given: pl.Series, kept: pl.Series) -> pl.Series:
    """Marks of values that differ from their cell by more than blanks: repairs."""
    differs = (given != kept).fill_null(value=False)
    if not differs.any():
        return differs
    blanks = r"[\s\u00a0]+"
    trimmed = given.filter(differs).str.replace_all(blanks, " ").str.strip_chars()
    return differs.scatter(differs.arg_true(), trimmed != kept.filter(differs).str.replace_all(blanks, " "))


def _cleaned(cells: pl.Series) -> pl.Series:
    odd = cells.str.contains(_ODD).arg_true()
    if not len(odd):
        return cells
    text = (
        _as_meant(cells.gather(odd))
        .str.replace_all(r"[\u200b-\u200f\u202a-\u202e\u2060\ufeff\x00]", "")
        .str.replace_all(r"[\s\u00a0]+", " ")
        .str.strip_chars()
        .str.replace(r'^="(.*)"$', "$1")
        .str.replace(r"^'(\S)", "$1")
        .str.strip_chars()
    )
    nothing = text.str.to_lowercase().is_in(["", *PLACEHOLDERS])
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


def once(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    """The rows without those that repeat an earlier value of the same record; a record's rows stand together."""
    again = frame.select((pl.col("record") == pl.col("record").shift(1)).fill_null(value=False)).to_series()
    if not again.any():
        return frame
    return frame.unique(["record", column], keep="first", maintain_order=True)

"""Cleaning a cell of what spreadsheets and people leave in it, before anyone looks at its meaning."""

from __future__ import annotations

import polars as pl

PLACEHOLDERS = (
    "-", "--", ".", "?", "n/a", "na", "n.a.", "#n/a", "#ref!", "#value!", "#name?", "null", "none", "nil", "nan",
    "(null)", "(none)", "undefined", "unknown", "not available", "tbd", '""', "[[unknown]]",
)  # fmt: skip
"""What people and programs write where there is nothing."""


_ODD = r"[^ -~]|  |^[ '=]| $"
"""What only a cell that may need cleaning has; most have none of it."""


def cleaned(cell: pl.Expr) -> pl.Expr:
    """The cell without invisible characters, Excel's guards and placeholders; nothing left becomes null."""
    return cell.map_batches(_cleaned, return_dtype=pl.String, is_elementwise=True)


def _cleaned(cells: pl.Series) -> pl.Series:
    odd = cells.str.contains(_ODD).arg_true()
    if len(odd):
        text = (
            cells.gather(odd)
            .str.replace_all(r"[\u200b-\u200f\u202a-\u202e\u2060\ufeff\x00]", "")
            .str.replace_all(r"[\s\u00a0]+", " ")
            .str.strip_chars()
            .str.replace(r'^="(.*)"$', "$1")
            .str.replace(r"^'(\S)", "$1")
            .str.strip_chars()
        )
        cells = cells.clone().scatter(odd, text)
    nothing = cells.str.to_lowercase().is_in(["", *PLACEHOLDERS])
    return cells.set(nothing, None) if nothing.any() else cells


def position() -> pl.Expr:
    """The place of each row within its record, from 0; the rows of a record stand together."""
    row = pl.int_range(pl.len(), dtype=pl.UInt32)
    first = pl.when(pl.col("record").ne_missing(pl.col("record").shift(1))).then(row)
    return row - first.forward_fill()

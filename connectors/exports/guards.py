"""Cells that a spreadsheet would take for a formula: marked when they are written, unmarked when they are read."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import xlsxwriter

from connectors.private import write_whole
from connectors.visible import SHOWN_AS_THEY_ARE, visible
from transforms.schema.errors import UsageError

TABLES = (".csv", ".parquet", ".xlsx")
_LIVE = r"^('*[=+\-@\t\r])"
_GUARDED = r"^'('*[=+\-@\t\r])"
_NOT_SHOWN = rf"[\p{{Cc}}\p{{Cf}}\p{{Zl}}\p{{Zp}}--[{SHOWN_AS_THEY_ARE}]]"
_NUMBER = r"^[+-]?\d+(?:[.,]\d+)?$"


def guarded(cells: pl.Expr, *, numbers: bool = True) -> pl.Expr:
    """Texts with a mark before what would be a formula; `unguarded` gives them back.

    Args:
        cells: texts.
        numbers: whether a number with a sign gets the mark too: a phone keeps its plus by it, an id does not need it.
    """
    marked = cells.str.replace(_LIVE, "'$1")
    return marked if numbers else pl.when(cells.str.contains(_NUMBER)).then(cells).otherwise(marked)


def unguarded(cells: pl.Series) -> pl.Series:
    """Cells as they were before a writer, ours or another, put the mark before them."""
    return cells.str.replace(_GUARDED, "$1") if cells.str.starts_with("'").any() else cells


def unguarded_text(cell: str) -> str:
    """A cell as it was before a writer put the mark before it."""
    return cell[1:] if re.match(_GUARDED, cell) else cell


def write_csv(table: pl.DataFrame, path: Path) -> None:
    """CSV that spreadsheets open as it is: with a byte-order mark, and no cell and no header taken for a formula."""
    texts = [name for name, kind in table.schema.items() if kind == pl.String]
    headers = dict(
        zip(table.columns, pl.Series(table.columns).to_frame().select(guarded(pl.first())).to_series(), strict=True)
    )
    table.with_columns(guarded(pl.col(texts))).rename(headers).write_csv(path, include_bom=True)


def write_table(table: pl.DataFrame, path: Path) -> None:
    """A table as CSV, Parquet or XLSX, by the suffix; whole or not at all, and readable by its owner alone.

    Raises:
        UsageError: the suffix is none of these.
    """
    suffix = path.suffix.lower()
    if suffix not in TABLES:
        raise UsageError(f"{path} cannot be written: its suffix must be one of {', '.join(TABLES)}.")
    with write_whole(path) as part:
        if suffix == ".parquet":
            table.write_parquet(part)
        elif suffix == ".xlsx":
            with xlsxwriter.Workbook(part, {"strings_to_formulas": False, "strings_to_urls": False}) as book:
                table.write_excel(book, worksheet="onefold")
        else:
            texts = [name for name, kind in table.schema.items() if kind == pl.String]
            table.with_columns(guarded(pl.col(texts), numbers=False)).write_csv(part)


def write_report_csv(table: pl.DataFrame, path: Path) -> None:
    """`write_csv`, for people to read: whole or not at all, and with characters that are not shown as escapes."""
    texts = [name for name, kind in table.schema.items() if kind == pl.String]
    with write_whole(path) as part:
        write_csv(table.with_columns(visible_texts(table[name]) for name in texts), part)


def visible_texts(values: pl.Series) -> pl.Series:
    """Texts with characters that are not shown as escapes, as `visible` has them."""
    odd = values.str.contains(_NOT_SHOWN).arg_true()
    return values.scatter(odd, [visible(value) for value in values.gather(odd)]) if len(odd) else values

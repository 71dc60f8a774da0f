"""The workbook in which people decide: cases in blocks, a list to choose a decision from, all else locked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import xlsxwriter

from connectors.exports.guards import visible_texts
from connectors.private import write_whole

SHEET = "Cases"
MOST_ROWS = 1_048_575
"""Rows that a sheet holds below its header."""
MOST_LETTERS = 32_767
"""Letters that a cell of a workbook holds."""
_WIDTHS = {"why": 50, "note": 30, "lost": 30, "e-mail": 30, "address": 35, "record": 24, "decision": 12}
_USUAL_WIDTH = 18
_BANDS = ("#ffffff", "#f3f4f6")


def write_workbook(
    sheet: pl.DataFrame, path: Path, *, edited: Sequence[str], choices: Sequence[str], legend: str
) -> None:
    """Writes a sheet for people to fill in, whole or not at all.

    Args:
        sheet: its cells, as texts; the first column tells the block that a row is in.
        path: the workbook.
        edited: columns that are filled in; of the first of them there is a list to choose from.
        choices: that list.
        legend: what is to be done, a line a row, on a sheet of its own.
    """
    shown = sheet.head(MOST_ROWS).with_columns(visible_texts(sheet[name]) for name in sheet.columns)
    shown = shown.with_columns(pl.all().str.slice(0, MOST_LETTERS))
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with write_whole(path) as part, xlsxwriter.Workbook(part, options) as book:
        cells = book.add_worksheet(SHEET)
        head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top", "locked": True})
        formats = {
            (band, is_open, is_first): book.add_format(
                {
                    "bg_color": "#fff8c5" if is_open else _BANDS[band], "locked": not is_open, "text_wrap": True,
                    "valign": "top", "num_format": "@", "top": 1 if is_first else 0, "bold": is_first and not is_open,
                }
            )
            for band in (0, 1) for is_open in (False, True) for is_first in (False, True)
        }  # fmt: skip
        for column, name in enumerate(shown.columns):
            cells.set_column(column, column, _WIDTHS.get(name, _USUAL_WIDTH))
            cells.write_string(0, column, name, head)
        band, block = 1, None
        for number, row in enumerate(shown.iter_rows(), start=1):
            is_first = row[0] != block
            band, block = (1 - band if is_first else band), row[0]
            for column, (name, text) in enumerate(zip(shown.columns, row, strict=True)):
                look = formats[band, name in edited, is_first]
                if text:
                    cells.write_string(number, column, text, look)
                else:
                    cells.write_blank(number, column, None, look)
        cells.freeze_panes(1, 1)
        cells.autofilter(0, 0, max(len(shown), 1), shown.width - 1)
        column = shown.columns.index(edited[0])
        cells.data_validation(
            1, column, max(len(shown), 1), column,
            {"validate": "list", "source": list(choices), "ignore_blank": True,
             "error_message": f"{' or '.join(choices)}, or nothing for undecided"},
        )  # fmt: skip
        cells.protect("", {"sort": True, "autofilter": True, "format_columns": True, "format_rows": True})
        told = book.add_worksheet("Legend")
        told.set_column(0, 0, 110)
        for number, line in enumerate(legend.splitlines()):
            told.write_string(number, 0, line)

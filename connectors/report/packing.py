"""Tables packed into a page: columns as JSON, compressed, in letters that HTML leaves alone."""

from __future__ import annotations

import base64
import gzip
import json

import polars as pl

from connectors.exports.guards import visible_texts


def packed(table: pl.DataFrame) -> str:
    """A table as base64 of gzipped JSON: `{"rows": 2, "columns": {"n": [1, 2], "text": {"of": ["a"], "at": [0, 0]}}}`.

    A column of texts that repeat is a list of the different ones (`of`) and which of them each row has (`at`); null is
    -1. Characters that are not seen are shown as escapes.
    """
    text = json.dumps(as_columns(table), ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode("utf-8", errors="replace"), compresslevel=6, mtime=0)).decode()


def as_columns(table: pl.DataFrame) -> dict[str, object]:
    """A table as the page's scripts have it: how many rows there are, and its columns."""
    return {"rows": len(table), "columns": {name: _column(table[name]) for name in table.columns}}


def _column(values: pl.Series) -> object:
    if values.dtype in (pl.Float32, pl.Float64):
        return values.round(4).to_list()
    if values.dtype != pl.String:
        return values.to_list()
    shown = visible_texts(values)
    different = shown.drop_nulls().unique(maintain_order=True)
    if 2 * len(different) > len(shown):
        return shown.to_list()
    numbers = pl.DataFrame({"text": different}).with_row_index("at")
    at = pl.DataFrame({"text": shown}).join(numbers, on="text", how="left", maintain_order="left")["at"]
    return {"of": different.to_list(), "at": at.cast(pl.Int32).fill_null(-1).to_list()}

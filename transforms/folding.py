"""Folding text to plain lower-case ASCII, so that spelling habits do not stand between equal values."""

from __future__ import annotations

import polars as pl
from anyascii import anyascii


def folded(values: pl.Series) -> pl.Series:
    """Lower-case ASCII of each value, blanks collapsed; empty becomes null.

    Marks are dropped by Unicode decomposition (`José` → `jose`); only what is still not ASCII after that goes
    value by value through a transliteration table (`Søren` → `soren`, `Ольга` → `olga`).
    """
    plain = values.str.normalize("NFKD").str.replace_all(r"\p{M}", "")
    foreign = plain.filter(plain.str.contains(r"[^\x00-\x7f]")).unique().drop_nulls()
    if len(foreign):
        plain = plain.replace(foreign, pl.Series([anyascii(value) for value in foreign]))
    plain = plain.str.to_lowercase().str.replace_all(r"[\s\x00-\x1f]+", " ").str.strip_chars()
    return plain.replace({"": None})

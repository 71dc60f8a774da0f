"""Folding text to plain lower-case ASCII, so that spelling habits do not stand between equal values."""

from __future__ import annotations

import polars as pl
from anyascii import anyascii

_ODD = r"[^!-~ ]|  |^ | $"
"""Pattern of values that are more than plain words."""


def folded(values: pl.Series) -> pl.Series:
    """Lower-case ASCII of each value, blanks collapsed; empty becomes null.

    Marks are dropped by Unicode decomposition (`José` → `jose`); only what is still not ASCII after that goes
    value by value through a transliteration table (`Søren` → `soren`, `Ольга` → `olga`).
    """
    odd = values.str.contains(_ODD).arg_true()
    plain = values.str.to_lowercase()
    if len(odd):
        plain = plain.scatter(odd, _folded(values.gather(odd)))
    nothing = plain == ""
    return plain.set(nothing, None) if nothing.any() else plain


def _folded(values: pl.Series) -> pl.Series:
    plain = values.str.normalize("NFKD").str.replace_all(r"\p{M}", "")
    foreign = plain.filter(plain.str.contains(r"[^\x00-\x7f]")).unique().drop_nulls()
    if len(foreign):
        plain = plain.replace(foreign, pl.Series([anyascii(value) for value in foreign]))
    return plain.str.to_lowercase().str.replace_all(r"[\s\x00-\x1f]+", " ").str.strip_chars()

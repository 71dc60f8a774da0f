"""Working on what is said rather than on how often it is said: people share names, towns and employers."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl


def by_value(values: pl.Series, work: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """What `work` makes of each value, done once a distinct value where values repeat.

    Args:
        values: the values.
        work: from values to as many results, each from its value alone.
    """
    distinct = values.unique()
    if len(distinct) * 2 > len(values):
        return work(values)
    made = work(distinct)
    return values.replace_strict(distinct, made, return_dtype=made.dtype).alias(values.name)

"""Dictionary encoding: work once per distinct value, since people share names, towns and employers."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

Numbers = NDArray[np.uint32]


class Coded(NamedTuple):
    """A column in dictionary encoding: `code` (u32) is each value's place in `different`; null stays null."""

    code: pl.Series
    different: pl.Series

    def each(self, work: Callable[[pl.Series], pl.Series]) -> pl.Series:
        """The result of `work` for each value, called once per distinct value."""
        return work(self.different).gather(self.code)

    def by(self, work: Callable[[pl.Series], pl.Series]) -> Coded:
        """The results of `work` on the distinct values, in dictionary encoding of their own."""
        made = coded(work(self.different))
        return Coded(made.code.gather(self.code), made.different)

    def counts(self) -> pl.Series:
        """How often each different value is there."""
        counts = np.bincount(self.code.drop_nulls().to_numpy(), minlength=len(self.different))
        return pl.Series("count", counts, dtype=pl.UInt32)


def hashed(texts: pl.Series, seed: int = 0) -> pl.Series:
    """Hashes (u64) of texts, equal for equal texts; collisions are next to impossible. Null stays null."""
    return pl.select(pl.when(texts.is_not_null()).then(texts.hash(seed))).to_series()


def begins(in_order: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Marks of the first of each run of equal numbers, for numbers in order."""
    return np.append(True, in_order[1:] != in_order[:-1])[: len(in_order)]


def coded(values: pl.Series) -> Coded:
    """Values by their number, which depends on the values alone."""
    there = values.is_not_null().arg_true() if values.null_count() else None
    present = values if there is None else values.gather(there)
    hashes = present.hash()
    order = hashes.arg_sort()
    first = begins(hashes.gather(order).to_numpy())
    number = np.empty(len(present), dtype=np.uint32)
    number[order.to_numpy()] = np.cumsum(first, dtype=np.uint32) - np.uint32(1)
    different = present.gather(order.filter(pl.Series(first, dtype=pl.Boolean)))
    code = pl.Series("code", number)
    if not (different.gather(code) == present).all():  # two values of one hash
        different = present.unique().sort()
        code = different.search_sorted(present).cast(pl.UInt32).alias("code")
    if there is not None:
        code = pl.Series("code", [None], dtype=pl.UInt32).new_from_index(0, len(values)).scatter(there, code)
    return Coded(code, different)


def by_value(values: pl.Series, work: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """The result of `work` for each value, called once per distinct value where values repeat.

    Args:
        values: the values.
        work: from values to as many results, each from its value alone; from null to null.
    """
    distinct = coded(values)
    if len(distinct.different) * 2 > len(values):
        return work(values)
    return distinct.each(work).alias(values.name)

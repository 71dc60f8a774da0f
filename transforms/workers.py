"""Values that only a library can judge, on all cores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import polars as pl
from loky import get_reusable_executor

Given = TypeVar("Given")
Found = TypeVar("Found")
MANY = 20_000
"""Values from which starting further processes costs less than it saves."""
_AT_ONCE = 2_000


def each(work: Callable[[Given], Found], values: Sequence[Given]) -> list[Found]:
    """The work's result for each value, in order; many values are shared among processes.

    Args:
        work: a function of a module, without effects.
        values: what it is called with, one by one.
    """
    if len(values) < MANY or pl.thread_pool_size() == 1:
        return [work(value) for value in values]
    return list(
        get_reusable_executor(max_workers=pl.thread_pool_size(), timeout=30).map(work, values, chunksize=_AT_ONCE)
    )

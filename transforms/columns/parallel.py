"""Work on all cores."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import polars as pl
from loky import get_reusable_executor

Contribution = TypeVar("Contribution")
Found = TypeVar("Found")
VALUES_FOR_PROCESSES = 20_000
"""Values from which starting further processes costs less than it saves."""
_AT_ONCE = 2_000


def in_pieces(work: Callable[[pl.DataFrame], Found], frame: pl.DataFrame, *, most: int) -> list[Found]:
    """The results of `work` on pieces of a frame, in order; an empty frame is one piece.

    Args:
        work: from some rows to what becomes of them.
        frame: the rows.
        most: rows that are worked on at once, at most.
    """
    if len(frame) <= most:
        return [work(frame)]
    cores = pl.thread_pool_size()
    pieces = math.ceil(len(frame) / most / cores) * cores  # so that no core waits for the last one
    with ThreadPoolExecutor(cores) as threads:
        return list(threads.map(work, frame.iter_slices(math.ceil(len(frame) / pieces))))


def each(work: Callable[[Contribution], Found], values: Sequence[Contribution]) -> list[Found]:
    """The work's result for each value, in order; many values are shared among processes.

    Args:
        work: a function of a module, without effects.
        values: what it is called with, one by one.
    """
    if len(values) < VALUES_FOR_PROCESSES or pl.thread_pool_size() == 1:
        return [work(value) for value in values]
    return list(
        get_reusable_executor(max_workers=pl.thread_pool_size(), timeout=30).map(work, values, chunksize=_AT_ONCE)
    )

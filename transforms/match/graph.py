"""Pairs of records as a graph: its components, and groups that grow."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl


def components(edges: pl.DataFrame, records: int) -> pl.Series:
    """The connected component of each record under these edges (`left`, `right`), called by its first record.

    Each record takes over the lowest name it sees, until both ends of every edge have one name.
    """
    left, right = edges["left"].to_numpy(), edges["right"].to_numpy()
    name = np.arange(records, dtype=np.uint32)
    while (name[left] != name[right]).any():
        lowest = np.minimum(name[left], name[right])
        for end in (left, right):
            np.minimum.at(name, name[end], lowest)
        while (name[name] != name).any():
            name = name[name]
    return pl.Series("component", name)


def both_ways(pairs: pl.DataFrame) -> pl.DataFrame:
    """Each pair from both of its ends."""
    return pl.concat([pairs, pairs.with_columns(left="right", right="left")])


def pairs_frame(pairs: Iterable[tuple[int, int]]) -> pl.DataFrame:
    """Pairs of records as a frame: `left`, `right`."""
    return pl.DataFrame(list(pairs), schema={"left": pl.UInt32, "right": pl.UInt32}, orient="row")


class Groups:
    """Disjoint groups of records, by their members."""

    def __init__(self) -> None:
        self._group: dict[int, list[int]] = {}

    def of(self, record: int) -> list[int]:
        """The group of a record, itself among it."""
        return self._group.setdefault(record, [record])

    def join(self, left: int, right: int) -> None:
        """Makes the groups of two records one."""
        larger, smaller = self.of(left), self.of(right)
        if larger is smaller:
            return
        if len(larger) < len(smaller):
            larger, smaller = smaller, larger
        larger.extend(smaller)
        for record in smaller:
            self._group[record] = larger

    def members(self) -> dict[int, list[int]]:
        """The groups of more than one record, each in order, by its first record."""
        distinct = {id(group): sorted(group) for group in self._group.values() if len(group) > 1}
        return {group[0]: group for group in distinct.values()}

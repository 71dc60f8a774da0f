"""Which pairs are worth comparing: records that share at least one telling key."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from transforms.records import Records

Numbers = NDArray[np.uint32]

MAX_BLOCK = 60
"""A key held by more records than this says nothing about identity. One a cluster could hold is well below it."""

RULES = (
    "email", "email name", "phone", "name", "joined name", "initial, surname and company", "first name and company",
    "surname and title", "first name and birth", "surname and birth", "birth and postcode", "surname and postcode",
    "first name and postcode", "first name and street", "surname and street", "surname, initial and city", "house",
    "identifier",
)  # fmt: skip
"""What two records may have the same of, to be compared."""
LESS_TELLING = {"surname and title": 0.2, "joined name": 0.3, "email name": 0.4, "phone": 0.5}
"""Keys that strangers share more often: of these only blocks of this part of the size are looked at."""
PAIRS_AT_ONCE = 30_000_000
"""Pairs of the same key that are held at once: memory does not grow with their number."""
RULE_BITS = 5
"""Bits that tell the rules apart."""


class Blocks(NamedTuple):
    """Records that share a key of a rule: one row a key, its holders in order. All these keys have equally many."""

    rule: str
    held: Numbers

    @property
    def pairs(self) -> int:
        """How many pairs of records share one of these keys."""
        keys, size = self.held.shape
        return keys * size * (size - 1) // 2


def blocking_keys(tables: Records) -> Iterator[tuple[str, pl.DataFrame]]:
    """Every record's blocking keys: values in which two records of one person rarely all differ.

    Returns:
        For each rule its name, and `record` (u32), `key` (u64), each key once a record.
    """
    people = tables.records.select(
        "record",
        "company_key",
        "title_key",
        first="first_key",
        last=pl.col("last_key").str.replace_all(" ", "", literal=True),
        born=pl.col("birthdate").dt.strftime("%Y%m%d"),
    )
    homes = tables.addresses.select(
        "record",
        "postal_key",
        "city_key",
        house=pl.col("street_key").str.extract(r"(\d+)"),
        street=pl.col("street_key").str.extract(r"([a-z]{4,})"),
    )
    home = people.join(homes, on="record", how="inner", maintain_order="right")
    first, last = pl.col("first"), pl.col("last")
    mail = tables.emails.drop_nulls("match_key").select(
        "record", "match_key", "role", local=pl.col("match_key").str.extract(r"^(.*)@")
    )
    phone = tables.phones.select("record", number=pl.coalesce("e164", "phone").str.replace_all(r"\D", ""))

    rules: dict[str, tuple[pl.DataFrame, list[pl.Expr]]] = {
        "email": (mail, [pl.col("match_key")]),
        "email name": (mail.filter(~pl.col("role"), pl.col("local").str.len_chars() >= 6), [pl.col("local")]),
        "phone": (phone, [pl.col("number").str.tail(8)]),
        "name": (people, [pl.min_horizontal(first, last), pl.max_horizontal(first, last)]),
        "joined name": (people, [pl.concat_str(first, last).str.head(14)]),
        "initial, surname and company": (people, [first.str.head(1), last, pl.col("company_key")]),
        "first name and company": (people, [first, pl.col("company_key")]),
        "surname and title": (people, [last, pl.col("title_key")]),
        "first name and birth": (people, [first.str.head(3), pl.col("born")]),
        "surname and birth": (people, [last.str.head(3), pl.col("born")]),
        "birth and postcode": (home, [pl.col("born"), pl.col("postal_key")]),
        "surname and postcode": (home, [last.str.head(4), pl.col("postal_key")]),
        "first name and postcode": (home, [first.str.head(4), pl.col("postal_key")]),
        "first name and street": (home, [first.str.head(3), pl.col("house"), pl.col("street")]),
        "surname and street": (home, [last.str.head(3), pl.col("house"), pl.col("street")]),
        "surname, initial and city": (home, [last, first.str.head(1), pl.col("city_key")]),
        "house": (home, [pl.col("house"), pl.col("street"), pl.col("postal_key")]),
        "identifier": (tables.identifiers, [pl.col("name"), pl.col("value")]),
    }

    def keyed(rule: str) -> tuple[str, pl.DataFrame]:
        frame, columns = rules[rule]
        seed = zlib.crc32(rule.encode())
        key = pl.sum_horizontal(column.hash(seed + place) for place, column in enumerate(columns))
        there = pl.all_horizontal(column.is_not_null() for column in columns)
        keys = frame.select("record", key=pl.when(there).then(key)).drop_nulls("key")
        several = frame is not people and (keys["record"] == keys["record"].shift(1)).any()
        return rule, keys.unique() if several else keys

    with ThreadPoolExecutor(pl.thread_pool_size()) as threads:
        yield from threads.map(keyed, rules)


def largest(rule: str) -> int:
    """The most records that may hold a key of this rule: one that more hold says nothing."""
    return max(2, round(MAX_BLOCK * LESS_TELLING.get(rule, 1)))


def blocks(keys: Iterable[tuple[str, pl.DataFrame]]) -> list[Blocks]:
    """Who shares a key that is worth looking at: one that two or more hold, but not too many.

    Args:
        keys: as `blocking_keys` returns them.
    """
    return [Blocks(rule, held) for rule, frame in keys for held in _held(frame, largest(rule))]


def _held(keys: pl.DataFrame, most: int) -> Iterator[Numbers]:
    """The records that share a key (`record`, `key`), by how many those are."""
    order = keys["key"].arg_sort()
    key, record = (keys[name].gather(order).to_numpy() for name in ("key", "record"))
    first = np.flatnonzero(np.append(True, key[1:] != key[:-1])[: len(key)])
    size = np.diff(first, append=len(key))
    shared = (size >= 2) & (size <= most)
    first, size = first[shared], size[shared]
    for count in np.unique(size):
        held = record[first[size == count][:, None] + np.arange(count)]
        held.sort(axis=1)
        yield held


def candidate_pairs(shared: Sequence[Blocks], *, records: int, at_once: int = PAIRS_AT_ONCE) -> pl.DataFrame:
    """Pairs of records that share a key worth looking at.

    Args:
        shared: as `blocks` returns it.
        records: how many records there are; their numbers are below that.
        at_once: how many pairs of the same key are held at once; it makes no difference to what is found.

    Returns:
        `left`, `right` (u32, left < right), each pair once, in order, with the bits of the `rules` it shares keys of.
    """
    parts = max(1, math.ceil(sum(one.pairs for one in shared) / at_once))
    bounds = [records * part // parts for part in range(parts + 1)]
    return pl.concat(_pairs(shared, low, high, records) for low, high in pairwise(bounds))


def _pairs(shared: Sequence[Blocks], low: int, high: int, records: int) -> pl.DataFrame:
    """The pairs whose left record is at least `low` and below `high`.

    A pair and its rule are one number while they are collected: both records in as many bits as the largest takes, and
    the rule. Sorted, what is the same pair stands together.
    """
    width = records.bit_length()
    numbers = [np.empty(0, dtype=np.uint64)]
    for rule, held in shared:
        one, other = np.triu_indices(held.shape[1], k=1)
        whole = held.astype(np.uint64) << np.uint64(RULE_BITS)
        pairs = whole[:, one] << np.uint64(width) | whole[:, other] | np.uint64(RULES.index(rule))
        within = (held >= low) & (held < high)
        numbers.append(pairs.ravel() if within.all() else pairs[within[:, one]])
    found = pl.Series(np.concatenate(numbers)).sort().to_numpy()
    pair = found >> np.uint64(RULE_BITS)
    first = np.flatnonzero(np.append(True, pair[1:] != pair[:-1])[: len(pair)])
    rules = np.left_shift(np.uint32(1), (found & np.uint64((1 << RULE_BITS) - 1)).astype(np.uint32))
    pair = pair[first]
    return pl.DataFrame(
        {
            "left": (pair >> np.uint64(width)).astype(np.uint32),
            "right": (pair & np.uint64((1 << width) - 1)).astype(np.uint32),
            "rules": np.bitwise_or.reduceat(rules, first) if len(first) else rules,
        }
    )

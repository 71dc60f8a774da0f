"""Which pairs are worth comparing: records that share at least one telling key."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import polars as pl

from transforms.records import Records

MAX_BLOCK = 60
"""A key held by more records than this says nothing about identity. One a cluster could hold is well below it."""

ENOUGH = 0.35
"""A pair must share keys worth this part of what telling all records apart takes (see `candidate_pairs`)."""
PARTS = 1024
"""Bits are counted in whole parts of this size: such sums do not depend on the order of adding."""
RULES = (
    "email", "email name", "phone", "name", "joined name", "initial, surname and company", "first name and company",
    "surname and title", "first name and birth", "surname and birth", "birth and postcode", "surname and postcode",
    "first name and postcode", "first name and street", "surname and street", "surname, initial and city", "house",
    "identifier",
)  # fmt: skip
"""What two records may have the same of, to be compared."""
LESS_TELLING = {"surname and title": 0.2, "joined name": 0.3, "email name": 0.4, "phone": 0.5}
"""Keys that strangers share more often: of these only blocks of this part of the size are looked at."""

FEW = 1_000
"""Fewer records than this are weighed as if they were so many: among few, a shared value is no less telling."""


PAIRS_AT_ONCE = 30_000_000
"""Pairs of the same key that are held at once: memory does not grow with their number."""


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


def blocks(keys: Iterable[tuple[str, pl.DataFrame]]) -> pl.DataFrame:
    """Who shares a key that is worth looking at.

    Args:
        keys: as `blocking_keys` returns them.

    Returns:
        `held` (list of u32): the records that share a key, once for each key that two or more but not too many hold,
        and `rules` (u32): the rule's bit.
    """
    return pl.concat(
        frame.group_by("key")
        .agg(held="record")
        .filter(pl.col("held").list.len().is_between(2, largest(rule)))
        .select("held", rules=pl.lit(1 << RULES.index(rule), dtype=pl.UInt32))
        for rule, frame in keys
    )


def worth(holders: pl.Expr, *, records: int) -> pl.Expr:
    """How telling a key is that so many of all records hold: `log2(records / holders)`, in parts."""
    return (everyone(records) - (holders.cast(pl.Float64).log(2) * PARTS).round()).cast(pl.Int32)


def everyone(records: int) -> int:
    """What telling all records apart takes, in parts."""
    return round(math.log2(max(records, FEW)) * PARTS)


def candidate_pairs(shared: pl.DataFrame, *, records: int, at_once: int = PAIRS_AT_ONCE) -> pl.DataFrame:
    """Pairs of records that share a rare key, or several less rare ones.

    A key held by `n` of `N` records is worth `log2(N / n)` bits; a pair is kept when its keys' worth together reaches
    `ENOUGH` of `log2(N)`.

    Args:
        shared: as `blocks` returns it.
        records: how many records there are.
        at_once: how many pairs of the same key are held at once; it makes no difference to what is found.

    Returns:
        `left`, `right` (u32, left < right), each pair once, in order, with the bits of the `rules` it shares keys of.
    """
    told = shared.select(
        "held", "rules", worth=worth(pl.col("held").list.len(), records=records), block=pl.int_range(pl.len())
    )
    holders = told.explode("held")
    size = told["held"].list.len().cast(pl.UInt64)
    parts = max(1, math.ceil(int((size * (size - 1) // 2).sum() or 0) / at_once))
    found = []
    for part in range(parts):
        low, high = records * part // parts, records * (part + 1) // parts
        mine = holders.filter(pl.col("held").is_between(low, high, closed="left")) if parts > 1 else holders
        pairs = (
            mine.lazy()
            .join(holders.lazy().select("block", other="held"), on="block")
            .filter(pl.col("held") < pl.col("other"))
            .group_by(left="held", right="other")
            .agg(pl.col("worth").sum(), pl.col("rules").bitwise_or())
            .filter(pl.col("worth") >= ENOUGH * everyone(records))
            .select("left", "right", "rules")
            .collect()
        )
        found.append(pairs.sort("left", "right"))
    return pl.concat(found)

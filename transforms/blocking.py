"""Which pairs are worth comparing: records that share at least one telling key."""

from __future__ import annotations

import math
import zlib
from concurrent.futures import ThreadPoolExecutor

import polars as pl

from transforms.records import Records

MAX_BLOCK = 60
"""A key held by more records than this says nothing about identity. One a cluster could hold is well below it."""

ENOUGH = 0.35
"""A pair must share keys worth this part of what telling all records apart takes (see `candidate_pairs`)."""
PARTS = 1024
"""Bits are counted in whole parts of this size: such sums do not depend on the order of adding."""
LESS_TELLING = {"surname and title": 0.2, "joined name": 0.3, "email name": 0.4, "phone": 0.5}
"""Keys that strangers share more often: of these only blocks of this part of the size are looked at."""

FEW = 1_000
"""Fewer records than this are weighed as if they were so many: among few, a shared value is no less telling."""


def blocking_keys(tables: Records, *, max_block: int = MAX_BLOCK) -> pl.DataFrame:
    """Every record's blocking keys that another record has too: values in which two of one person rarely all differ.

    Args:
        tables: the records.
        max_block: keys held by more records than this are left out: they say nothing about identity.

    Returns:
        `record` (u32), `key` (u64), `held` (u32, how many records hold it); each key once a record.
    """
    people = tables.records.select(
        "record", "first_key", "last_key", "company_key", "title_key", "birthdate"
    ).with_columns(
        last=pl.col("last_key").str.replace_all(" ", ""),
        born=pl.col("birthdate").dt.strftime("%Y%m%d"),
    )
    homes = tables.addresses.select("record", "postal_key", "city_key", "street_key")
    home = people.join(homes, on="record", how="inner")
    first, last = pl.col("first_key"), pl.col("last")
    mail = tables.emails.drop_nulls("match_key").select("record", "match_key", "role")
    local = pl.col("match_key").str.extract(r"^(.*)@")
    phone = tables.phones.select("record", number=pl.coalesce("e164", "phone").str.replace_all(r"\D", ""))
    house = pl.col("street_key").str.extract(r"(\d+)")
    street = pl.col("street_key").str.extract(r"([a-z]{4,})")

    rules: dict[str, tuple[pl.DataFrame, list[pl.Expr]]] = {
        "email": (mail, [pl.col("match_key")]),
        "email name": (mail.filter(~pl.col("role"), local.str.len_chars() >= 6), [local]),
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
        "first name and street": (home, [first.str.head(3), house, street]),
        "surname and street": (home, [last.str.head(3), house, street]),
        "surname, initial and city": (home, [last, first.str.head(1), pl.col("city_key")]),
        "house": (home, [house, street, pl.col("postal_key")]),
        "identifier": (tables.identifiers, [pl.col("name"), pl.col("value")]),
    }

    def held(rule: str) -> pl.DataFrame:
        frame, columns = rules[rule]
        value = pl.concat_str(columns, separator="\x1f", ignore_nulls=False)
        keyed = frame.select("record", key=value.hash(seed=zlib.crc32(rule.encode())), there=value.is_not_null())
        keyed = keyed.filter("there").select("record", "key").unique()
        most = max(2, round(max_block * LESS_TELLING.get(rule, 1)))
        counts = keyed.group_by("key").agg(held=pl.len()).filter(pl.col("held").is_between(2, most))
        return keyed.join(counts, on="key")

    with ThreadPoolExecutor(pl.thread_pool_size()) as threads:
        return pl.concat(threads.map(held, rules))


def candidate_pairs(keys: pl.DataFrame, *, records: int) -> pl.DataFrame:
    """Pairs of records that share a rare key, or several less rare ones.

    A key held by `n` of `N` records is worth `log2(N / n)` bits; a pair is kept when its keys' worth together reaches
    `ENOUGH` of `log2(N)`.

    Args:
        keys: as `blocking_keys` returns them.
        records: how many records there are.

    Returns:
        `left`, `right` (u32, left < right), each pair once, in order.
    """
    everyone = round(math.log2(max(records, FEW)) * PARTS)
    worth = (everyone - (pl.col("held").cast(pl.Float64).log(2) * PARTS).round()).cast(pl.Int32)
    blocks = keys.group_by("key").agg("record", worth=worth.first())
    pairs = (
        blocks.lazy()
        .explode("record")
        .join(blocks.lazy().select("key", other="record").explode("other"), on="key")
        .filter(pl.col("record") < pl.col("other"))
        .group_by(left="record", right="other")
        .agg(worth=pl.col("worth").sum())
        .filter(pl.col("worth") >= ENOUGH * everyone)
        .select("left", "right")
        .collect()
    )
    return pairs.sort("left", "right")

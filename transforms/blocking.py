"""Which pairs are worth comparing: records that share at least one telling key."""

from __future__ import annotations

import math

import polars as pl

from transforms.records import Records

MAX_BLOCK = 60
"""A key held by more records than this says nothing about identity. One a cluster could hold is well below it."""

ENOUGH = 0.35
"""A pair must share keys worth this part of what telling all records apart takes (see `candidate_pairs`)."""


FEW = 1_000
"""Fewer records than this are weighed as if they were so many: among few, a shared value is no less telling."""


def blocking_keys(tables: Records) -> pl.DataFrame:
    """Every record's blocking keys: values in which two records of one person rarely all differ.

    Returns:
        `record` (u32), `key` (u64), `rule` (str); each key once a record.
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
        "joined name": (people, [pl.concat_str(first, last).str.head(10)]),
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
    parts = []
    for rule, (frame, columns) in rules.items():
        value = pl.concat_str(columns, separator="\x1f", ignore_nulls=False)
        keyed = frame.select("record", value=pl.lit(rule) + "\x1e" + value).drop_nulls()
        parts.append(keyed.select("record", key=pl.col("value").hash(seed=0), rule=pl.lit(rule)))
    return pl.concat(parts).unique(["record", "key"], maintain_order=True)


def candidate_pairs(keys: pl.DataFrame, *, records: int, max_block: int = MAX_BLOCK) -> pl.DataFrame:
    """Pairs of records that share a rare key, or several less rare ones.

    A key held by `n` of `N` records is worth `log2(N / n)` bits; a pair is kept when its keys' worth together reaches
    `ENOUGH` of `log2(N)`.

    Args:
        keys: as `blocking_keys` returns them.
        records: how many records there are.
        max_block: keys held by more records than this are left out.

    Returns:
        `left`, `right` (u32, left < right), each pair once, in order.
    """
    blocks = keys.group_by("key").agg("record").filter(pl.col("record").list.len().is_between(2, max_block))
    everyone = math.log2(max(records, FEW))
    worth = (everyone - pl.col("record").list.len().cast(pl.Float64).log(2)).cast(pl.Float32)
    members = blocks.select("key", worth=worth, record="record").explode("record")
    pairs = (
        members.join(members.select("key", other="record"), on="key")
        .filter(pl.col("record") < pl.col("other"))
        .group_by(left="record", right="other")
        .agg(worth=pl.col("worth").sum())
    )
    return pairs.filter(pl.col("worth") >= ENOUGH * everyone).select("left", "right").sort("left", "right")

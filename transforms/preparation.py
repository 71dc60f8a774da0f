"""The records' values as they are compared: as numbers, by the record that has them, with the rarity of each."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from transforms.rarity import USUAL, Commonness, compared_values, rarities
from transforms.records import Records

Numbers = NDArray[np.uint32]
NAMED = ("first", "last", "whole", "initials", "born", "more")
"""What is seen of a record at first. `whole` tells first and last name written together, `initials` holds both, one
above the other, `born` is the birth date with four bits a digit, `more` the birthday and what stands below."""
FURTHER = ("middle", "suffix", "company", "title")
"""What is compared of those pairs that are looked at more closely."""
MONTH_AND_DAY = 0xFFFF
HAS_MIDDLE, HAS_SURNAMES = 1 << 16, 1 << 17
"""What `more` holds beside the birthday: whether there is a middle name, and whether there are several surnames."""


@dataclass(frozen=True)
class People:
    """What is compared of each record's single fields: numbers, so that equality takes no letters.

    A value's number is its place in `values` plus one; 0 is *missing*.

    Attributes:
        named: one row a record, `NAMED`: name and birth date. A pair is seen at first by these alone.
        further: the same of `FURTHER`.
        values: of each field its different values.
        rarity: of each field in `USUAL` how rare each record's value is.
        surnames: each record's surname as it is written, in words.
    """

    named: Numbers
    further: Numbers
    values: Mapping[str, pl.Series]
    rarity: Mapping[str, pl.Series]
    surnames: pl.Series

    def __len__(self) -> int:
        return len(self.named)


@dataclass(frozen=True)
class Several:
    """What a record can have several of: one row a value, in the order of the records.

    `first` is the place of each record's first value, `count` how many it has.
    """

    values: pl.DataFrame
    first: Numbers
    count: Numbers


@dataclass(frozen=True)
class Prepared:
    """What of the records is compared, with the rarity of each value."""

    people: People
    mail: Several
    phone: Several
    home: Several
    identifiers: dict[str, Several]


def prepare(tables: Records, common: Commonness) -> Prepared:
    """The records' values as they are compared.

    Args:
        tables: the records.
        common: how common each value is, among these records or among all of which these are some.
    """
    values = compared_values(tables)
    with ThreadPoolExecutor(pl.thread_pool_size()) as threads:
        people = threads.submit(_people, tables, values, common)
        mail = threads.submit(_mail, tables, common)
        phone = threads.submit(_phone, values["phone"], common)
        home = threads.submit(_home, tables)
    held = tables.identifiers.partition_by("name", as_dict=True, include_key=False)
    count = len(tables.records)
    return Prepared(
        people.result(),
        _several(mail.result(), count),
        _several(phone.result(), count),
        _several(home.result(), count),
        {str(name): _several(values, count) for (name,), values in sorted(held.items())},
    )


def _several(values: pl.DataFrame, records: int) -> Several:
    """Values by the record that has them (`record` and any others)."""
    if not values["record"].is_sorted():
        values = values.sort("record", maintain_order=True)
    count = np.bincount(values["record"].to_numpy(), minlength=records).astype(np.uint32)
    first = np.cumsum(count, dtype=np.uint32) - count
    return Several(values.drop("record"), first, count)


def _people(tables: Records, values: Mapping[str, pl.DataFrame], common: Commonness) -> People:
    records = tables.records
    rare = {field: rarities(field, values[field]["value"], common) for field in USUAL}
    numbers = {field: _number(frame["code"]) for field, frame in rare.items()}
    different = {field: common.of(field)["value"] for field in USUAL}
    for field in ("middle", "suffix", "title"):
        numbers[field], different[field] = _numbered(records[f"{field}_key"])
    first, last = records["first_key"], values["last"]["value"]
    initials, _ = _numbered(pl.concat([first.str.head(1), last.str.head(1)]))
    more = records.select(
        pl.col("birthday").str.replace("-", "", literal=True).cast(pl.UInt32).fill_null(0)
        + pl.col("middle_key").is_not_null() * HAS_MIDDLE
        + pl.col("last_key").str.contains(" ", literal=True).fill_null(value=False) * HAS_SURNAMES
    ).to_series()
    numbers |= {
        "whole": pl.select(pl.concat_str(first, last).hash() & 0xFFFFFFFF).to_series().to_numpy().astype(np.uint32),
        "initials": initials[: len(records)] << np.uint32(16) | initials[len(records) :],
        "born": values["birth"]["value"].str.to_integer(base=16, dtype=pl.UInt32).fill_null(0).to_numpy(),
        "more": more.to_numpy().astype(np.uint32),
    }
    return People(
        named=np.column_stack([numbers[name] for name in NAMED]),
        further=np.column_stack([numbers[name] for name in FURTHER]),
        values=different,
        rarity={field: frame["rarity"] for field, frame in rare.items()},
        surnames=records["last_key"],
    )


def _number(code: pl.Series) -> Numbers:
    return (code.cast(pl.UInt32) + 1).fill_null(0).to_numpy().astype(np.uint32)


def _numbered(texts: pl.Series) -> tuple[Numbers, pl.Series]:
    """The number of each text among the different ones, and these."""
    different = texts.drop_nulls().unique().sort()
    code = texts.to_frame("text").join(
        different.to_frame("text").with_row_index("code"), on="text", how="left", maintain_order="left"
    )["code"]
    return _number(code), different


def _mail(tables: Records, common: Commonness) -> pl.DataFrame:
    mail = tables.emails.drop_nulls("match_key").select("record", "role", value="match_key")
    parts = mail["value"].str.splitn("@", 2).struct
    mail = mail.with_columns(
        parts[0].alias("local"),
        parts[1].alias("domain"),
        parts[0].str.replace_many([".", "_", "-"], ["", "", ""]).alias("plain"),
    )
    return mail.select(
        "record", "value", "local", "plain", "domain",
        shared=pl.col("value").is_in(common.shared_of("email").implode()) | pl.col("role"),
        company=~pl.col("domain").is_in(common.providers().implode()),
        named=_is_the_name(mail, tables.records),
        numbers=pl.col("local").str.replace_all(r"\D", ""),
        rarity=rarities("email", mail["value"], common)["rarity"],
    )  # fmt: skip


def _is_the_name(mail: pl.DataFrame, people: pl.DataFrame) -> pl.Series:
    """Which addresses say no more before the `@` than the name of their record (`j.roe`): `record`, `plain`."""
    last = people["last_key"].str.replace_all(" ", "", literal=True)
    names = pl.DataFrame(
        {
            "first": people["first_key"].gather(mail["record"]),
            "last": last.gather(mail["record"]),
            "plain": mail["plain"],
        }
    )
    first, last_name = pl.col("first"), pl.col("last")
    spellings = [
        (first, last_name), (last_name, first), (first.str.head(1), last_name), (last_name, first.str.head(1)),
        (first, last_name.str.head(1)), (first, pl.lit("")), (last_name, pl.lit("")),
    ]  # fmt: skip
    return names.select(
        pl.any_horizontal(pl.col("plain") == pl.concat_str(*parts) for parts in spellings).fill_null(value=False)
    ).to_series()


def _phone(phone: pl.DataFrame, common: Commonness) -> pl.DataFrame:
    return phone.with_columns(
        shared=pl.col("value").is_in(common.shared_of("phone").implode()),
        digits=pl.col("value").str.replace_all("+", "", literal=True).str.tail(10),
        tail=pl.when(pl.col("value").str.len_chars() >= 8).then(pl.col("value").str.tail(8)),
        rarity=rarities("phone", phone["value"], common)["rarity"],
    )


def _home(tables: Records) -> pl.DataFrame:
    compact = pl.col("street_key").str.replace_all(" ", "", literal=True)
    return (
        tables.addresses.filter(pl.any_horizontal(pl.col("street_key", "city_key", "postal_key").is_not_null()))
        .select(
            "record", "street_key", "postal_key", compact=compact, house=pl.col("street_key").str.extract(r"(\d+)"),
            city=pl.col("city_key").str.replace_all(" ", "", literal=True),
        )
    )  # fmt: skip

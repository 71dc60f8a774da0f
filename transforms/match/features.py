"""Features: the values of records as they are compared, in dictionary encoding, with the rarity of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from transforms.columns.coding import Coded, Numbers, coded, hashed
from transforms.match.term_frequency import USUAL, FieldValues, TermFrequencies, rarities
from transforms.schema.records import Records

NAMED = ("first", "last", "whole", "initials", "born", "more")
"""Columns of the first, cheap pass.

`whole`: first and last name written together. `initials`: first initial in the high 16 bits, last in the low. `born`:
the birth date with four bits a digit. `more`: the birthday and the bits below.
"""
FURTHER = ("middle", "suffix", "company", "title")
"""Columns of the second pass."""
MONTH_AND_DAY = 0xFFFF
HAS_MIDDLE, HAS_SURNAMES = 1 << 16, 1 << 17
"""Bits of `more` above the birthday: a middle name is there; several surnames are there."""


@dataclass(frozen=True)
class Texts:
    """Different texts, by their place among them."""

    different: pl.Series

    @cached_property
    def letters(self) -> NDArray[np.object_]:
        """The texts as rapidfuzz takes them."""
        return np.array(self.different.to_list(), dtype=object)


@dataclass(frozen=True)
class SingleValued:
    """Single-valued features, one row a record, in dictionary encoding: equality needs no letters.

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
    values: Mapping[str, Texts]
    rarity: Mapping[str, pl.Series]
    surnames: pl.Series

    def __len__(self) -> int:
        return len(self.named)


@dataclass(frozen=True)
class MultiValued:
    """Multi-valued features, one row a value, in the order of the records.

    Attributes:
        values: what is compared of two values, by numbers.
        about: what is known of a value by itself.
        texts: what is compared by letters, where the numbers differ, one row a value.
        first: the place of each record's first value.
        count: how many values each record has.
    """

    values: pl.DataFrame
    about: pl.DataFrame
    texts: pl.DataFrame
    first: Numbers
    count: Numbers


@dataclass(frozen=True)
class Features:
    """All features of the records, with the rarity of each value."""

    people: SingleValued
    mail: MultiValued
    phone: MultiValued
    home: MultiValued
    identifiers: dict[str, MultiValued]


def prepare(tables: Records, field_values: Mapping[str, FieldValues], common: TermFrequencies) -> Features:
    """The records' values as they are compared.

    Args:
        tables: the records.
        held: their values.
        common: how common each value is, among these records or among all of which these are some.
    """
    count = len(tables.records)
    with ThreadPoolExecutor(pl.thread_pool_size()) as threads:
        mail = threads.submit(_mail, tables, field_values["email"], common, count)
        people = threads.submit(_people, tables, field_values, common)
        phone = threads.submit(_phone, field_values["phone"], common, count)
        home = threads.submit(_home, tables, count)
    named = tables.identifiers.partition_by("name", as_dict=True, include_key=False)
    return Features(
        people.result(),
        mail.result(),
        phone.result(),
        home.result(),
        {str(name): _identifier(values, count) for (name,), values in sorted(named.items())},
    )


def _several(
    record: pl.Series, values: pl.DataFrame, texts: pl.DataFrame, records: int, *, about: Sequence[str] = ()
) -> MultiValued:
    """Multi-valued features of a field; the columns `about` describe the left value alone."""
    if not record.is_sorted():
        order = record.to_frame("record").with_row_index("place").sort("record", "place")["place"]
        record, values, texts = record.gather(order), values[order], texts[order]
    count = np.bincount(record.to_numpy(), minlength=records).astype(np.uint32)
    first = np.cumsum(count, dtype=np.uint32) - count
    return MultiValued(values.drop(about), values.select(about), texts, first, count)


def _people(tables: Records, field_values: Mapping[str, FieldValues], common: TermFrequencies) -> SingleValued:
    records = tables.records
    single = {field: field_values[field].values for field in USUAL}
    single |= {field: coded(records[f"{field}_key"]) for field in ("middle", "suffix", "title")}
    first, last = single["first"], single["last"]
    letters = coded(pl.concat([names.different.str.head(1) for names in (first, last)]))
    initials = [
        Coded(letters.code.slice(start, len(names.different)).gather(names.code), letters.different)
        for start, names in ((0, first), (len(first.different), last))
    ]
    birthday = coded(records["birthday"]).each(lambda names: names.str.replace("-", "", literal=True).cast(pl.UInt32))
    more = pl.select(
        birthday.fill_null(0)
        + pl.lit(records["middle_key"]).is_not_null() * HAS_MIDDLE
        + pl.lit(records["last_key"]).str.contains(" ", literal=True).fill_null(value=False) * HAS_SURNAMES
    ).to_series()
    whole = pl.select(pl.concat_str(*(names.different.gather(names.code) for names in (first, last)))).to_series()
    born = single["birth"].each(lambda names: names.str.to_integer(base=16, dtype=pl.UInt32))
    numbers = {field: _number(values.code) for field, values in single.items()}
    numbers |= {
        "whole": (whole.hash() & 0xFFFFFFFF).to_numpy().astype(np.uint32),
        "initials": _number(initials[0].code) << np.uint32(16) | _number(initials[1].code),
        "born": born.fill_null(0).to_numpy(),
        "more": more.to_numpy().astype(np.uint32),
    }
    return SingleValued(
        named=np.column_stack([numbers[name] for name in NAMED]),
        further=np.column_stack([numbers[name] for name in FURTHER]),
        values={field: Texts(values.different) for field, values in single.items()},
        rarity={field: rarities(field, single[field].different, common).gather(single[field].code) for field in USUAL},
        surnames=records["last_key"],
    )


def _number(code: pl.Series) -> Numbers:
    return (code + 1).fill_null(0).to_numpy().astype(np.uint32)


def _mail(tables: Records, field_values: FieldValues, common: TermFrequencies, records: int) -> MultiValued:
    """E-mail features, one row an address: the address, its local part, that without dots, its domain; as hashes."""
    role = tables.emails.drop_nulls("match_key")["role"]
    code, mails = field_values.values
    parts = mails.str.splitn("@", 2).struct
    local, domain = parts[0], parts[1]
    plain = local.str.replace_all("[._-]", "")
    numbers = local.str.replace_all("[^0-9]+", "")
    different = pl.select(
        domain=hashed(domain),
        plain=hashed(plain),
        numbers=hashed(numbers),
        start=hashed(local.str.head(3)),
        length=local.str.len_bytes().cast(pl.Int32),
        is_long=local.str.len_chars() >= 6,
        is_plain_long=plain.str.len_chars() >= 5,
        is_shared=mails.is_in(common.shared["email"].implode()),
        is_company=~domain.is_in(common.providers().implode()),
        rarity=rarities("email", mails, common),
    )
    several = different["plain"].is_duplicated().gather(code).arg_true()  # of those alone it is asked for
    named = _is_the_name(field_values.record.gather(several), plain.gather(code.gather(several)), tables.records)
    values = different[code].with_columns(
        code.alias("value"),
        is_shared=pl.col("is_shared") | role,
        is_name=pl.Series([False]).new_from_index(0, len(code)).scatter(several, named),
    )
    texts = mails.gather(code).alias("value").to_frame()
    about = ["is_long", "is_plain_long", "is_shared", "is_company", "rarity"]
    return _several(field_values.record, values, texts, records, about=about)


def _is_the_name(record: pl.Series, plain: pl.Series, people: pl.DataFrame) -> pl.Series:
    """Which addresses say no more before the `@` than the name of their record (`j.roe`).

    Args:
        record: the addresses' records.
        plain: what stands before the `@`, without points and the like.
        people: the records.
    """
    names = people.select("first_key", "last_key")[record]
    names = names.with_columns(last=pl.col("last_key").str.replace_all(" ", "", literal=True))
    spelled, first, last = pl.col("plain"), pl.col("first_key"), pl.col("last")
    ways = [
        (first, (last, last.str.head(1), pl.lit(""))), (last, (first, first.str.head(1), pl.lit(""))),
        (first.str.head(1), (last,)),
    ]  # fmt: skip
    matching = [
        spelled.str.starts_with(begin) & pl.any_horizontal(spelled.str.strip_prefix(begin) == end for end in ends)
        for begin, ends in ways
    ]
    return names.with_columns(plain=plain).select(pl.any_horizontal(matching).fill_null(value=False)).to_series()


def _phone(field_values: FieldValues, common: TermFrequencies, records: int) -> MultiValued:
    """Phones: the whole (`value`), and its last digits."""
    code, phones = field_values.values
    tail = pl.select(pl.when(phones.str.len_chars() >= 8).then(phones.str.tail(8))).to_series()
    different = pl.select(
        tail=hashed(tail),
        is_shared=phones.is_in(common.shared["phone"].implode()),
        rarity=rarities("phone", phones, common),
    )
    values = different[code].with_columns(code.alias("value"))
    digits = phones.str.strip_prefix("+").str.tail(10).gather(code).alias("digits").to_frame()
    return _several(field_values.record, values, digits, records, about=["is_shared", "rarity"])


def _home(tables: Records, records: int) -> MultiValued:
    """Addresses: house number, street (`compact`: without blanks), town and postcode."""
    homes = tables.addresses.filter(pl.any_horizontal(pl.col("street_key", "city_key", "postal_key").is_not_null()))
    street, postal = homes["street_key"], homes["postal_key"]
    compact = street.str.replace_all(" ", "", literal=True)
    city = coded(homes["city_key"]).by(lambda cities: cities.str.replace_all(" ", "", literal=True))
    values = pl.select(
        house=hashed(street.str.extract(r"(\d+)")),
        compact=hashed(compact),
        postal=hashed(postal),
        city=city.code,
        city_start=city.each(lambda cities: hashed(cities.str.head(2))),
        city_end=city.each(lambda cities: hashed(cities.str.tail(3))),
    )
    texts = pl.select(street=street, compact=compact, postal=postal, city=city.different.gather(city.code))
    return _several(homes["record"], values, texts, records)


def _identifier(values: pl.DataFrame, records: int) -> MultiValued:
    """Features of a declared identifier: `record`, `value`."""
    texts = values.select("value")
    numbers = pl.select(value=hashed(values["value"]), length=values["value"].str.len_chars())
    return _several(values["record"], numbers, texts, records)

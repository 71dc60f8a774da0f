"""Features: the values of records as they are compared, in dictionary encoding, with the rarity of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from transforms.columns.coding import Coded, Numbers, coded, hashed
from transforms.columns.folding import folded
from transforms.match.term_frequency import PAIR, USUAL, FieldValues, TermFrequencies, birth_dates, is_reached, rarities
from transforms.normalise.given_names import known_given_names
from transforms.normalise.name_words import AND, HINT_OF_FAMILY, ORDINAL, are_joint, simpler
from transforms.schema.records import Records

NAMED = ("first", "last", "whole", "words", "initials", "born", "more")
"""Columns of the first, cheap pass.

`whole`: all names written together. `words`: their words in the order of the alphabet. `initials`: first initial in the
high 16 bits, last in the low. `born`: the birth date with four bits a digit. `more`: the birthday and the bits below.
"""
FURTHER = ("middle", "suffix", "company", "title", "numbers", "letters", "characters", "joint")
"""Columns of the second pass.

`numbers`: the digits in the names, `letters`: the rest of them. `characters`: those of names in Chinese characters.
`joint`: the names of a row that stands for two people.
"""
Side = Mapping[str, Numbers]
"""The single-valued features of the left or the right records of pairs, by column."""
LEAST_RARITY = -6.0
"""log2 of the least frequency that is believed of a value of a further column."""
FAMILIES_OF_A_NAME = 3
"""Surnames with which a first name stands from which it is a name and no misspelling."""
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

    @cached_property
    def is_letter(self) -> NDArray[np.bool_]:
        """Which texts are a letter alone."""
        return (self.different.str.len_chars() == 1).to_numpy()


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
        families: with how many surnames each of the different first names stands.
    """

    named: Numbers
    further: Numbers
    values: Mapping[str, Texts]
    rarity: Mapping[str, pl.Series]
    surnames: pl.Series
    families: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.named)

    def named_of(self, records: pl.Series) -> Side:
        """The columns `NAMED` of some records."""
        return dict(zip(NAMED, self.named[records.to_numpy()].T, strict=True))

    def further_of(self, records: pl.Series) -> Side:
        """The columns `FURTHER` of some records."""
        return dict(zip(FURTHER, self.further[records.to_numpy()].T, strict=True))

    @cached_property
    def is_given_name(self) -> NDArray[np.bool_]:
        """Which of the different first names are names: listed ones, and those that stand with several surnames."""
        listed = self.values["first"].different.is_in(known_given_names().implode()).to_numpy()
        marks: NDArray[np.bool_] = listed | (self.families >= FAMILIES_OF_A_NAME)
        return marks


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
    columns: dict[str, MultiValued]


def prepare(
    tables: Records, field_values: Mapping[str, FieldValues], common: TermFrequencies, columns: pl.DataFrame
) -> Features:
    """The records' values as they are compared.

    Args:
        tables: the records.
        held: their values.
        common: how common each value is, among these records or among all of which these are some.
        columns: values of further columns, as `further_columns` returns them.
    """
    count = len(tables.records)
    with ThreadPoolExecutor(pl.thread_pool_size()) as threads:
        mail = threads.submit(_mail, tables, field_values["email"], common, count)
        people = threads.submit(_people, tables, field_values, common)
        phone = threads.submit(_phone, field_values["phone"], tables, common, count)
        home = threads.submit(_home, tables, count)
    named = tables.identifiers.partition_by("name", as_dict=True, include_key=False)
    return Features(
        people.result(),
        mail.result(),
        phone.result(),
        home.result(),
        {str(name): _identifier(values, count) for (name,), values in sorted(named.items())},
        {
            str(name): _column(values, count)
            for (name,), values in sorted(columns.partition_by("name", as_dict=True, include_key=False).items())
        },
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
    told = records["birthday"].set(birth_dates(records).is_null() & records["birthdate"].is_not_null(), None)
    birthday = coded(told).each(lambda names: names.str.replace("-", "", literal=True).cast(pl.UInt32))
    more = pl.select(
        birthday.fill_null(0)
        + pl.lit(records["middle_key"]).is_not_null() * HAS_MIDDLE
        + pl.lit(records["last_key"]).str.contains(" ", literal=True).fill_null(value=False) * HAS_SURNAMES
    ).to_series()
    names = records.select(
        "first_key",
        pl.col("middle_key").fill_null("").str.replace_all(" ", "", literal=True),
        pl.col("last_key").str.replace_all(" ", "", literal=True),
    )
    whole = names.select(pl.concat_str("first_key", "middle_key", "last_key")).to_series()
    words = sum((_words(coded(records[name])) for name in ("middle_key", "last_key")), start=_words(first))
    further = _around_names(records, whole)
    born = single["birth"].each(lambda names: names.str.to_integer(base=16, dtype=pl.UInt32))
    numbers = {field: _number(values.code) for field, values in single.items()}
    numbers |= {
        "whole": (whole.hash() & 0xFFFFFFFF).to_numpy().astype(np.uint32),
        "words": (words & np.uint64(0xFFFFFFFF)).astype(np.uint32),
        **further,
        "initials": _number(initials[0].code) << np.uint32(16) | _number(initials[1].code),
        "born": born.fill_null(0).to_numpy(),
        "more": more.to_numpy().astype(np.uint32),
    }
    return SingleValued(
        named=np.column_stack([numbers[name] for name in NAMED]),
        further=np.column_stack([numbers[name] for name in FURTHER]),
        values={field: Texts(values.different) for field, values in single.items()},
        rarity=_rarities(field_values, common),
        surnames=records["last_key"],
        families=_families(first, last),
    )


def _families(first: Coded, last: Coded) -> NDArray[np.intp]:
    """With how many surnames each of the different first names stands."""
    both = pl.DataFrame({"first": first.code, "last": last.code}).drop_nulls().unique()
    return np.bincount(both["first"].to_numpy(), minlength=len(first.different))


def _words(texts: Coded) -> NDArray[np.uint64]:
    """For each record the sum of the hashes of its words, whatever their order; 0 for none."""

    def summed(values: pl.Series) -> pl.Series:
        hashes = hashed(values)
        several = values.str.contains(" ", literal=True).arg_true()
        if not len(several):
            return hashes
        long = values.gather(several).str.split(" ").to_frame("word").with_row_index("at").explode("word")
        sums = long.with_columns(hashed(long["word"])).group_by("at", maintain_order=True).agg(pl.col("word").sum())
        return hashes.scatter(several, sums["word"])

    return texts.each(summed).fill_null(0).to_numpy()


def _around_names(records: pl.DataFrame, whole: pl.Series) -> dict[str, Numbers]:
    """Of each record the digits and the Chinese characters in its names, and whether it stands for two; 0 for none."""
    spelled = records.select(pl.concat_str("first", "last", separator=" ", ignore_nulls=True)).to_series()
    numbers, characters, joint = (np.zeros(len(records), dtype=np.uint32) for _ in range(3))
    numbered = spelled.str.contains(r"\d").fill_null(value=False).arg_true()
    digits = spelled.gather(numbered).str.replace_all(ORDINAL, "").str.replace_all(r"\D+", " ").str.strip_chars()
    numbers[numbered.to_numpy()] = _number(coded(digits.replace({"": None})).code)
    chinese = spelled.str.contains(r"\p{Han}").fill_null(value=False).arg_true()
    characters[chinese.to_numpy()] = _number(coded(_characters(spelled.gather(chinese))).code)
    of_several = pl.col("first").str.contains(r"[\s&+/]").fill_null(value=False)
    of_several |= pl.lit(spelled).str.contains(HINT_OF_FAMILY).fill_null(value=False)
    several = records.select(of_several).to_series().arg_true()
    joint[several.to_numpy()] = _number(coded(_joint(records.select("first", "last")[several])).code)
    bare = whole.scatter(numbered, whole.gather(numbered).str.replace_all(r"\d", "")) if len(numbered) else whole
    letters = (bare.hash() & 0xFFFFFFFF).to_numpy().astype(np.uint32)
    return {"numbers": numbers, "letters": letters, "characters": characters, "joint": joint}


def _joint(names: pl.DataFrame) -> pl.Series:
    """The folded names of rows that stand for two people, written in one way; null for others."""
    first, last = (folded(names[name]) for name in ("first", "last"))
    both = pl.select(pl.concat_str(first, last, separator=" ", ignore_nulls=True).str.replace_all(AND, " & "))
    return both.to_series().zip_with(are_joint(first, last), pl.Series([None], dtype=pl.String))


def _characters(names: pl.Series) -> pl.Series:
    """The Chinese characters of names, simplified, in one order, so that it makes none which name stands first."""
    characters = names.str.replace_all(r"[^\p{Han}]", "")
    return pl.Series(["".join(sorted(simpler().convert(name))) for name in characters], dtype=pl.String)


def with_rarities(features: Features, field_values: Mapping[str, FieldValues], common: TermFrequencies) -> Features:
    """The same features, with the rarities of single values under these term frequencies."""
    return replace(features, people=replace(features.people, rarity=_rarities(field_values, common)))


def _rarities(field_values: Mapping[str, FieldValues], common: TermFrequencies) -> dict[str, pl.Series]:
    values = {field: field_values[field].values for field in USUAL}
    return {field: rarities(field, coded.different, common).gather(coded.code) for field, coded in values.items()}


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


def _phone(field_values: FieldValues, tables: Records, common: TermFrequencies, records: int) -> MultiValued:
    """Phones: the whole (`value`), its last digits, and its extension."""
    code, phones = field_values.values
    tail = pl.select(pl.when(phones.str.len_chars() >= 8).then(phones.str.tail(8))).to_series()
    different = pl.select(
        tail=hashed(tail),
        is_shared=phones.is_in(common.shared["phone"].implode()),
        rarity=rarities("phone", phones, common),
    )
    extension = tables.phones.filter(is_reached(tables.phones))["extension"]
    values = different[code].with_columns(code.alias("value"), extension=hashed(extension).fill_null(0))
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


def _column(values: pl.DataFrame, records: int) -> MultiValued:
    """Features of a further column, `record`, `value`: what is rare in it says more."""
    code = coded(values["value"])
    share = (code.counts().cast(pl.Float64) - PAIR).clip(0.5) / len(values)
    rarity = share.log(2).cast(pl.Float32).clip(LEAST_RARITY, None)
    texts = values.select("value")
    numbers = pl.select(value=code.code, length=values["value"].str.len_chars(), rarity=rarity.gather(code.code))
    return _several(values["record"], numbers, texts, records, about=["rarity"])

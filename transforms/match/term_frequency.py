"""Term frequencies: an agreement on a rare value is stronger evidence than one on a common value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import polars as pl

from transforms.columns.coding import Coded, coded
from transforms.schema.records import Records

USUAL = {"first": 0.005, "last": 0.005, "birth": 0.0001, "company": 0.01}
"""Prior probability that two people share a value of the field."""
UNIQUE = {"email": 0.02, "phone": 0.1}
"""Prior count of other people behind a value that should be one person's own."""
SMOOTHING = 200
"""Pseudo-count that smooths term frequencies."""
FEWEST_RECORDS = 100
"""Least number of records that priors are scaled to."""
PAIR = 2.0
"""Records of one person, at least, that a value is not counted against: those of the pair itself."""
EXPECTED = 8
"""Rows of one person that a value of its own is not counted against."""


NOBODYS_BIRTH_DATES = [
    date(1, 1, 1), date(1753, 1, 1), date(1800, 1, 1), date(1899, 12, 30), date(1899, 12, 31), date(1900, 1, 1),
    date(1904, 1, 1), date(1970, 1, 1), date(9999, 12, 31),
]  # fmt: skip
"""Dates from which computers count, or that forms fill in."""
FREE_MAIL_FANOUT = 40
"""A domain with more different mailboxes than this part of all is a provider's, not a company's (per mille)."""
PEOPLE_BEHIND = 3
"""Pairs of initials from which a value belongs to several people."""


class FieldValues(NamedTuple):
    """Values of a field, one row a value, with the `record` (u32) that has it; of a single field one row a record."""

    record: pl.Series
    values: Coded


@dataclass(frozen=True)
class TermFrequencies:
    """How common each value is among all records.

    Attributes:
        records: how many records there are.
        totals: how many values of each field there are.
        counts: of each field `value` and `count`: how often each is there; of `domain`, how many mailboxes each has.
        shared: of e-mails and phones the values that belong to several people.
        records_a_person: records of somebody with several, whose values are not counted against them.
    """

    records: int
    totals: Mapping[str, int]
    counts: Mapping[str, pl.DataFrame]
    shared: Mapping[str, pl.Series]
    records_a_person: float = PAIR

    def plus(self, added: TermFrequencies) -> TermFrequencies:
        """Of the records of both."""
        counts = {
            field: pl.concat([count, added.counts[field]]).group_by("value").agg(pl.col("count").sum())
            for field, count in self.counts.items()
        }
        totals = {field: self.totals.get(field, 0) + added.totals.get(field, 0) for field in added.totals}
        shared = {field: pl.concat([values, added.shared[field]]).unique() for field, values in self.shared.items()}
        return TermFrequencies(self.records + added.records, totals, counts, shared)

    def providers(self) -> pl.Series:
        """The domains that are everybody's."""
        many = max(8, self.totals["email"] * FREE_MAIL_FANOUT // 1000)
        return self.counts["domain"].filter(pl.col("count") > many)["value"]


def compared_values(tables: Records) -> dict[str, FieldValues]:
    """The values of each field that has term frequencies."""
    people, phones = tables.records, tables.phones
    mails = tables.emails.drop_nulls("match_key")

    def reached() -> FieldValues:
        odd = phones["e164"].is_null().arg_true()
        digits = phones["phone"].gather(odd).str.replace_all(r"\D", "")
        numbers = phones["e164"].scatter(odd, digits) if len(odd) else phones["e164"]
        there = is_reached(phones)
        return FieldValues(phones["record"].filter(there), coded(numbers.filter(there)))

    work: dict[str, Callable[[], FieldValues]] = {
        "first": lambda: FieldValues(people["record"], coded(people["first_key"])),
        "last": lambda: FieldValues(
            people["record"], coded(people["last_key"]).by(lambda texts: texts.str.replace_all(" ", "", literal=True))
        ),
        "birth": lambda: FieldValues(
            people["record"], coded(birth_dates(people)).by(lambda texts: texts.dt.strftime("%Y%m%d"))
        ),
        "company": lambda: FieldValues(people["record"], coded(people["company_key"])),
        "email": lambda: FieldValues(mails["record"], coded(mails["match_key"])),
        "phone": reached,
    }
    with ThreadPoolExecutor(pl.thread_pool_size()) as threads:
        return dict(zip(work, threads.map(lambda texts: texts(), work.values()), strict=True))


def is_reached(phones: pl.DataFrame) -> pl.Series:
    """Marks of phones that are compared: those with a digit at least."""
    return phones.select(pl.coalesce("e164", "phone").str.contains(r"\d").fill_null(value=False)).to_series()


def birth_dates(people: pl.DataFrame) -> pl.Series:
    """Birth dates, null for those that programs fill in where none is known."""
    return people["birthdate"].set(people["birthdate"].is_in(NOBODYS_BIRTH_DATES), None)


def term_frequencies(tables: Records, field_values: Mapping[str, FieldValues]) -> TermFrequencies:
    """Term frequencies of these records.

    Args:
        tables: the records.
        held: their values.
    """
    counts = {
        field: pl.DataFrame({"value": values.different, "count": values.counts()})
        for field, (_, values) in field_values.items()
    }
    domains = coded(domain_of(field_values["email"].values.different))
    counts["domain"] = pl.DataFrame({"value": domains.different, "count": domains.counts()})
    totals = {field: len(values.code) - values.code.null_count() for field, (_, values) in field_values.items()}
    shared = {field: shared_values(field_values[field], tables.records) for field in UNIQUE}
    return TermFrequencies(len(tables.records), totals, counts, shared)


def domain_of(mails: pl.Series) -> pl.Series:
    """Domains of e-mail addresses."""
    return mails.str.splitn("@", 2).struct[1]


def shared_values(field_values: FieldValues, people: pl.DataFrame) -> pl.Series:
    """Which values belong to several people, by the initials of who has them.

    Args:
        held: the values.
        people: `RECORDS`.
    """
    code, different = field_values.values
    many = (field_values.values.counts() >= PEOPLE_BEHIND).gather(code).arg_true()
    who = people.select("first_key", "last_key")[field_values.record.gather(many)]
    first_initial, last_initial = pl.col("first_key").str.head(1), pl.col("last_key").str.head(1)
    initials = who.select(
        code=code.gather(many),
        initials=pl.min_horizontal(first_initial, last_initial) + pl.max_horizontal(first_initial, last_initial),
    )
    several = initials.drop_nulls().group_by("code").agg(people=pl.col("initials").n_unique())
    return different.gather(several.filter(pl.col("people") >= PEOPLE_BEHIND)["code"].sort())


def rarities(field: str, values: pl.Series, common: TermFrequencies) -> pl.Series:
    """log2 frequency (f32) of each distinct value: how likely another person has it.

    Args:
        field: one of `USUAL` or `UNIQUE`.
        values: different values of the field.
        common: how common each value is among all records.
    """
    counts = common.counts[field]
    if not counts["value"].equals(values):
        counts = values.alias("value").to_frame().join(counts, on="value", how="left", maintain_order="left")
    count = pl.col("count").cast(pl.Float64)
    if field in UNIQUE:
        share = (count - EXPECTED).clip(UNIQUE[field]) / max(common.records, FEWEST_RECORDS)
    else:
        share = ((count - common.records_a_person).clip(0) + USUAL[field] * SMOOTHING) / (
            max(common.totals[field], 1) + SMOOTHING
        )
    return counts.select(share.log(2).cast(pl.Float32)).to_series()

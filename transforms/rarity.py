"""How telling an agreement is: the rarer the value, the less likely somebody else has it."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import polars as pl

from transforms.records import Records
from transforms.schema import COMMON, VALUES, conform

USUAL = {"first": 0.005, "last": 0.005, "birth": 0.0001, "company": 0.01}
"""How often two people have the same value of a field, when nothing is known of the value."""
UNIQUE = {"email": 0.02, "phone": 0.1}
"""How many *other* people are to be expected behind a value that only one person should have."""
SMOOTHING = 200
"""A value's frequency is taken as if so many more records had been seen, of usual frequency."""
FEW = 100
"""Fewer records than this have the prior of so many."""
EXPECTED = 8
"""A value that one person should have may be there so often for that person alone."""


FREE_MAIL_FANOUT = 40
"""A domain with more different mailboxes than this part of all is a provider's, not a company's (per mille)."""
PEOPLE_BEHIND = 3
"""A value under so many different pairs of initials belongs to several people."""


@dataclass(frozen=True)
class Commonness:
    """How common each value is among all records.

    Attributes:
        records: how many records there are.
        totals: how many values of each field there are.
        counts: `COMMON`: how often each value is there; of the field `domain`, how many mailboxes it has.
        shared: `VALUES`: e-mails and phones that belong to several people.
    """

    records: int
    totals: Mapping[str, int]
    counts: pl.DataFrame
    shared: pl.DataFrame

    def plus(self, other: Commonness) -> Commonness:
        """Of the records of both."""
        counts = pl.concat([self.counts, other.counts]).group_by("field", "value").agg(pl.col("count").sum())
        totals = {field: self.totals.get(field, 0) + other.totals.get(field, 0) for field in other.totals}
        shared = pl.concat([self.shared, other.shared]).unique()
        return Commonness(self.records + other.records, totals, counts, shared)

    def of(self, field: str) -> pl.DataFrame:
        """The counts of a field: `value`, `count`."""
        return self.counts.filter(pl.col("field") == field).select("value", "count")

    def shared_of(self, field: str) -> pl.Series:
        """The shared values of a field."""
        return self.shared.filter(pl.col("field") == field)["value"]

    def providers(self) -> pl.Series:
        """The domains that are everybody's."""
        many = max(8, self.totals["email"] * FREE_MAIL_FANOUT // 1000)
        return self.of("domain").filter(pl.col("count") > many)["value"]


def compared_values(tables: Records) -> dict[str, pl.DataFrame]:
    """What is compared of each field that has rarities: `record`, `value`; of a single field every record's value."""
    people = tables.records
    digits = pl.col("phone").str.replace_all(r"\D", "").replace({"": None})
    return {
        "first": people.select("record", value="first_key"),
        "last": people.select("record", value=pl.col("last_key").str.replace_all(" ", "", literal=True)),
        "birth": people.select("record", value=pl.col("birthdate").dt.strftime("%Y%m%d")),
        "company": people.select("record", value="company_key"),
        "email": tables.emails.drop_nulls("match_key").select("record", value="match_key"),
        "phone": tables.phones.select("record", value=pl.coalesce("e164", digits)).drop_nulls(),
    }


def commonness(tables: Records) -> Commonness:
    """How common each value is among these records."""
    values = compared_values(tables)
    domains = values["email"].select(value=pl.col("value").unique().str.extract("@(.*)$"))

    def counted(field: str) -> pl.DataFrame:
        held = domains if field == "domain" else values[field]
        counts = held.drop_nulls("value").group_by("value").agg(count=pl.len())
        return conform(counts.with_columns(field=pl.lit(field)), COMMON)

    def several(field: str) -> pl.DataFrame:
        shared = shared_values(values[field], tables.records).alias("value")
        return conform(shared.to_frame().with_columns(field=pl.lit(field)), VALUES)

    with ThreadPoolExecutor(pl.thread_pool_size()) as threads:
        counts, shared = threads.map(counted, [*values, "domain"]), threads.map(several, UNIQUE)
        totals = {field: len(frame) - frame["value"].null_count() for field, frame in values.items()}
        return Commonness(len(tables.records), totals, pl.concat(counts), pl.concat(shared))


def shared_values(values: pl.DataFrame, people: pl.DataFrame) -> pl.Series:
    """Which values belong to several people, by the initials of who has them.

    Args:
        values: `record`, `value`.
        people: `RECORDS`.
    """
    many = values.filter(pl.len().over("value") >= PEOPLE_BEHIND)
    one, two = pl.col("first_key").str.head(1), pl.col("last_key").str.head(1)
    initials = people.select("record", initials=pl.concat_str(pl.min_horizontal(one, two), pl.max_horizontal(one, two)))
    held = many.join(initials, on="record", how="left")
    several = held.group_by("value").agg(people=pl.col("initials").drop_nulls().n_unique())
    return several.filter(pl.col("people") >= PEOPLE_BEHIND)["value"]


def rarities(field: str, values: pl.Series, common: Commonness) -> pl.DataFrame:
    """How rare each value is, and a number that is the same for the same value.

    Args:
        field: one of `USUAL` or `UNIQUE`.
        values: the field's values.
        common: how common each value is among all records.

    Returns:
        `rarity`: log2 of how likely another person has the value, and `code` (u32); both null where there is none.
    """
    count = pl.col("count").cast(pl.Float64)
    if field in UNIQUE:
        share = (count - EXPECTED).clip(UNIQUE[field]) / max(common.records, FEW)
    else:
        share = (count + USUAL[field] * SMOOTHING) / (max(common.totals[field], 1) + SMOOTHING)
    told = common.of(field).with_row_index("code").with_columns(rarity=share.log(2).cast(pl.Float32))
    frame = values.alias("value").to_frame()
    return frame.join(told, on="value", how="left", maintain_order="left").select("rarity", "code")

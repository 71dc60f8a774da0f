"""Values of records and of contents as a person reads them: one row each, one column a field."""

from __future__ import annotations

import json

import polars as pl

from transforms.plan.contents import CONTENT
from transforms.plan.survivorship import IN_WORDS, SINGLE
from transforms.schema.records import Records
from transforms.schema.tables import ADDRESS_PARTS, Schema

BETWEEN = "\n"
"""Between the values of a field that has several."""
NAMED = ": "
"""Between the name and the value of a further column."""
FIELDS: tuple[str, ...] = (
    "first name", "last name", "suffix", "nickname", "company", "job title", "birth date", "locale", "e-mail", "phone",
    "address", "label", "further",
)  # fmt: skip
"""Fields of a record, in the order in which they are shown; `further` holds the columns that are no field, by name."""
VALUES: Schema = dict.fromkeys(FIELDS, pl.String)
_OF_RECORDS = {
    "first name": "first", "last name": "last", "suffix": "suffix", "nickname": "nickname", "company": "company",
    "job title": "job_title", "locale": "locale",
}  # fmt: skip
_OF_ADDRESSES = ("line", "street_number", "street_name", "line2", "city", "subdivision", "postal_code", "country")


def record_values(tables: Records) -> pl.DataFrame:
    """The values of all records, in their order: `record`, `VALUES`; null where a record says nothing."""
    records = tables.records
    singles = records.select(
        "record",
        *(pl.col(column).alias(field) for field, column in _OF_RECORDS.items()),
        pl.coalesce(pl.col("birthdate").cast(pl.String), "birthday").alias("birth date"),
    )
    parts = [pl.when(pl.col(part) != "").then(pl.col(part)) for part in ADDRESS_PARTS]
    several = {
        "e-mail": (tables.emails, pl.coalesce("email", "given")),
        "phone": (tables.phones, pl.coalesce("phone", "given")),
        "address": (tables.addresses, pl.concat_str(parts, separator=", ", ignore_nulls=True)),
        "label": (tables.labels, pl.col("label")),
        "further": (
            pl.concat([table.select("record", "name", "value") for table in (tables.extras, tables.identifiers)]),
            pl.concat_str("name", "value", separator=NAMED),
        ),
    }
    for field, (table, value) in several.items():
        lines = table.select("record", value=value).filter(pl.col("value") != "")
        joined = lines.group_by("record", maintain_order=True).agg(pl.col("value").str.join(BETWEEN).alias(field))
        singles = singles.join(joined, on="record", how="left", maintain_order="left")
    return singles.select("record", *FIELDS)


def names_of(records: pl.DataFrame, wanted: pl.Series) -> dict[str, str]:
    """Names of records, with their ids: `Ada Novak (crm:1)`; the id alone where a record has no name.

    Args:
        records: `RECORDS`.
        wanted: the ids.
    """
    name = pl.concat_str("first", "last", separator=" ", ignore_nulls=True)
    named = records.filter(pl.col("record_id").is_in(wanted.implode())).select(
        "record_id", name=pl.coalesce(pl.when(name != "").then(name), "company")
    )
    return {record: f"{said} ({record})" if said else record for record, said in named.iter_rows()}


def content_values(contents: pl.Series) -> pl.DataFrame:
    """The values of contents (`Info` as JSON), in their order: `VALUES`; null where a content says nothing."""
    known = contents.fill_null("{}")
    item = pl.element().struct
    address = pl.concat_str(
        [pl.when(item[part] != "").then(item[part]) for part in _OF_ADDRESSES], separator=", ", ignore_nulls=True
    )
    values = pl.DataFrame({"content": known.str.json_decode(CONTENT)}).unnest("content")
    lists = {
        "e-mail": pl.col("emails").list.eval(item["email"]).list.join(BETWEEN),
        "phone": pl.col("phones").list.eval(item["phone"]).list.join(BETWEEN),
        "address": pl.col("addresses").list.eval(address).list.join(BETWEEN),
        "label": pl.col("labels").list.join(BETWEEN),
    }
    singles = {IN_WORDS.get(name, name.replace("_", " ")): pl.col(name) for name in SINGLE}
    nothing = pl.lit(None, dtype=pl.String)
    shown = values.select(**{name: (singles | lists).get(name, nothing) for name in FIELDS})
    named = known.str.contains('"extended":', literal=True).arg_true()
    further = pl.Series("further", [_custom_fields(text) for text in known.gather(named)], dtype=pl.String)
    return shown.with_columns(shown["further"].scatter(named, further)).select(
        pl.when(pl.col(name) != "").then(pl.col(name)).alias(name) for name in FIELDS
    )


def _custom_fields(content: str) -> str:
    fields = json.loads(content, parse_float=_without_zeros).get("extended", {})
    return BETWEEN.join(f"{name}{NAMED}{value}" for name, value in fields.items() if value not in ("", None))


def _without_zeros(number: str) -> str:
    """A number as people write it: `38`, not `38.0`."""
    return number.removesuffix(".0")

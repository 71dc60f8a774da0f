"""The account of what rows say: every value stands in a record, beside it, or among what was mended.

Normalising cleans, splits and drops. What it drops without a word of its own is found here, by comparing what was given
with what stands in the tables, and is listed: a value for nothing (`n/a`) and one that was mended among the repairs,
anything else beside its record.
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from transforms.columns.cleaning import cleaned, how_mended
from transforms.columns.folding import folded
from transforms.normalise.addresses import country_code, subdivision_code
from transforms.normalise.dates import without_no_dates
from transforms.schema.records import Records
from transforms.schema.tables import ADDRESS_PARTS, EXTRAS, REPAIRS, conform

NOT_HELD = "no field holds all of it"
"""Why a value stands beside its record that no part of normalising has put there."""
FOR_NOTHING = "a word for nothing"
_IN_WORDS = {
    "first": "first name", "middle": "middle name", "last": "last name", "full_name": "full name",
    "job_title": "job title", "source_key": "key", "merged_ids": "merged ids", "birthdate": "birth date",
    "emails": "e-mail", "phones": "phone", "labels": "label", "extras": "further column", "street2": "street",
    "postal_code": "postal code",
}  # fmt: skip
_SAME = ("last", "nickname", "suffix", "company", "job_title", "source_key", "merged_ids")
"""Values that a record has as they are."""
_LISTED = ("emails", "phones", "labels", "extras")
_DATES = ("created", "updated")
_WORD = r"[\p{L}\p{M}\p{N}]+"


def accounted(rows: pl.DataFrame, tables: Records) -> Records:
    """The tables, with what they leave out of the rows listed among `extras` and `repairs`.

    Args:
        rows: the rows of the records, in their order, as given (`ROWS`).
        tables: what they became.
    """
    if rows.is_empty():
        return tables
    left = pl.concat([*_singles(rows, tables), *_lists(rows, tables)]).filter(pl.col("text").str.contains(r"\S"))
    if left.is_empty():
        return tables
    left = left.with_columns(value=cleaned(pl.col("text")))
    is_date = left["field"].is_in(["birthdate", *_DATES])
    left = left.with_columns(value=left["value"].zip_with(~is_date, without_no_dates(left["value"])))
    held = _texts(tables, left["record"].unique())
    left = left.join(held.unique(), on=["record", "text"], how="anti", maintain_order="left")
    words = _words(held.filter(pl.col("record").is_in(left["record"].unique().implode())))
    without_flags = pl.when(pl.col("field") == "emails").then(pl.col("text").str.replace_all(r"\b[01]\b", ""))
    is_mended = _are_within(left.select("record", text="value"), words)
    is_whole = _are_within(left.select("record", text=without_flags.otherwise("text")), words)
    field = pl.col("field").replace(_IN_WORDS)
    mended_field = pl.when(pl.col("field").is_in(_LISTED)).then(field).otherwise("field")
    repairs = left.filter(left["value"].is_null() | (is_mended & ~is_whole)).select(
        "record",
        field=mended_field,
        given="text",
        value="value",
        repair=pl.when(pl.col("value").is_null()).then(pl.lit(FOR_NOTHING)).otherwise(how_mended(pl.col("text"))),
    )
    extras = left.filter(left["value"].is_not_null() & ~is_mended & ~is_whole).select(
        "record", name=field, value=pl.col("text").str.strip_chars(), kept=pl.lit(value=False), why=pl.lit(NOT_HELD)
    )
    extras = pl.concat([tables.extras, conform(extras, EXTRAS)]).sort("record", maintain_order=True)
    return replace(tables, extras=extras, repairs=pl.concat([tables.repairs, conform(repairs, REPAIRS)]))


def _singles(rows: pl.DataFrame, tables: Records) -> list[pl.DataFrame]:
    """`record`, `field`, `text` of single values that a record does not have as they are."""
    now = tables.records
    name = pl.concat_str("first", "middle", separator=" ", ignore_nulls=True)
    whole = rows["full_name"].is_not_null()
    if whole.any():
        whole = rows["full_name"] != now.select(pl.concat_str("first", "last", separator=" ")).to_series()
    differing = [(column, rows[column].ne_missing(now[column])) for column in _SAME]
    is_other_name = rows.select(name).to_series().replace("", None).ne_missing(now["first"])
    differing += [
        ("first", is_other_name),
        ("middle", is_other_name),
        ("full_name", whole.fill_null(value=True)),
    ]
    differing += [(column, now[column].is_null()) for column in _DATES]
    differing += [("birthdate", now["birthday"].is_null()), ("locale", now["locale"].is_null())]
    return [_left(rows, column, mask & rows[column].is_not_null()) for column, mask in differing]


def _left(rows: pl.DataFrame, column: str, mask: pl.Series) -> pl.DataFrame:
    at = mask.arg_true()
    return pl.DataFrame({"record": at.cast(pl.UInt32), "text": rows[column].gather(at)}).select(
        "record", pl.lit(column).alias("field"), "text"
    )


def _lists(rows: pl.DataFrame, tables: Records) -> list[pl.DataFrame]:
    """`record`, `field`, `text` of values in lists that stand nowhere as they are."""
    record = pl.int_range(pl.len(), dtype=pl.UInt32)
    found = []
    for column, held in (("emails", tables.emails), ("phones", tables.phones), ("extras", tables.extras)):
        cells = rows.select(record=record, cell=pl.col(column)).explode("cell")
        given = cells.select("record", text=pl.col("cell").struct["value"]).drop_nulls("text")
        found.append(_not_in(given, held, "given" if "given" in held.columns else "value", column))
    labels = rows.select(record=record, text=pl.col("labels")).explode("text").drop_nulls("text")
    found.append(_not_in(labels, tables.labels, "label", "labels"))
    postal = rows.select(record=record, cell=pl.col("addresses")).explode("cell").drop_nulls("cell").unnest("cell")
    postal = postal.filter(pl.any_horizontal(pl.col(part).is_not_null() for part in ADDRESS_PARTS))
    is_aligned = len(postal) == len(tables.addresses) and (postal["record"] == tables.addresses["record"]).all()
    for part in ADDRESS_PARTS:
        given = postal.select("record", text=part)
        if is_aligned:
            given = given.filter(given["text"].ne_missing(tables.addresses[part]))
        given = given.drop_nulls("text")
        if part == "country":
            codes = {text: country_code(text.strip()) for text in given["text"].unique()}
            given = given.filter(pl.col("text").replace_strict(codes, default=None, return_dtype=pl.String).is_null())
        left = _not_in(given, tables.addresses, part, part)
        found.append(_without_codes(left, tables.addresses) if part == "region" else left)
    return found


def _without_codes(left: pl.DataFrame, addresses: pl.DataFrame) -> pl.DataFrame:
    """The regions (`record`, `field`, `text`) that are not in an address of their record by their code."""
    known = left.join(addresses.select("record", "country", "region").drop_nulls(), on="record")
    pairs = known.select("country", "text").unique()
    codes = pl.Series([subdivision_code(country, text.strip()) for country, text in pairs.iter_rows()], dtype=pl.String)
    coded = known.join(pairs.with_columns(codes.alias("code")), on=["country", "text"])
    same = coded.filter(pl.col("code") == pl.col("region"))
    return left.join(same, on=["record", "text"], how="anti", maintain_order="left")


def _not_in(given: pl.DataFrame, held: pl.DataFrame, column: str, field: str) -> pl.DataFrame:
    """`record`, `field`, `text` of values that a table does not have for the record."""
    if len(given) == len(held) and (given["record"] == held["record"]).all():
        given = given.filter(given["text"].ne_missing(held[column]))
    if len(given):
        own = held.select("record", text=column).drop_nulls()
        given = given.join(own, on=["record", "text"], how="anti", maintain_order="left")
    return given.select("record", pl.lit(field).alias("field"), "text")


def _texts(tables: Records, records: pl.Series) -> pl.DataFrame:
    """`record`, `text` of all that the tables say of some records."""
    parts = (
        (
            tables.records,
            ("first", "last", "suffix", "nickname", "company", "job_title", "source_key", "merged_ids", "locale"),
        ),
        (tables.emails, ("given", "email")),
        (tables.phones, ("given", "phone")),
        (tables.addresses, ADDRESS_PARTS),
        (tables.labels, ("label",)),
        (tables.extras, ("value",)),
        (tables.repairs, ("given", "value")),
    )
    texts = []
    for table, columns in parts:
        some = table.filter(pl.col("record").is_in(records.implode()))
        texts += [some.select("record", text=column) for column in columns]
    return pl.concat(texts).drop_nulls()


def _words(texts: pl.DataFrame) -> pl.DataFrame:
    """`record`, `word` of texts, in which case and accents make no difference."""
    words = texts.select("record", word=folded(texts["text"]).str.extract_all(_WORD)).explode("word")
    return words.drop_nulls().unique()


def _are_within(texts: pl.DataFrame, words: pl.DataFrame) -> pl.Series:
    """Which texts (`record`, `text`) have all their words among those of their record; one without words has not."""
    numbered = texts.with_row_index("at").with_columns(text=folded(texts["text"]).str.extract_all(_WORD))
    own = numbered.select("at", "record", word="text").explode("word").drop_nulls("word")
    missing = own.join(words, on=["record", "word"], how="anti")["at"].unique()
    return pl.Series([False]).new_from_index(0, len(texts)).scatter(own["at"].unique(), True).scatter(missing, False)

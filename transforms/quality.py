"""Quality of values: valid, repaired and unusable values, with their places."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from transforms.columns.coding import coded
from transforms.match.term_frequency import FieldValues, shared_values
from transforms.normalise.names import nicknames
from transforms.schema.records import Records
from transforms.schema.tables import PROBLEMS, conform

SWAPPED = 0.7
"""First and last names look swapped when so many of the rows that tell have a first name for a last name."""
EXAMPLES_ENOUGH = 5
"""Fewer rows than this tell nothing about a column."""


def email_counts(emails: pl.DataFrame) -> Mapping[str, int]:
    """How many e-mails of `EMAILS` are valid, and valid only after repair, and how many cannot be used."""
    valid = emails["email"].is_not_null()
    return {
        "valid": int(valid.sum()),
        "repaired": int((valid & emails["repaired"]).sum()),
        "rejected": int((~valid).sum()),
        "role": int(emails["role"].sum()),
        "free": int(emails["free"].sum()),
        "disposable": int(emails["disposable"].sum()),
    }


def phone_counts(phones: pl.DataFrame) -> Mapping[str, int]:
    """How many phones of `PHONES` are valid, valid only after repair, kept as they are, and how many cannot be used."""
    valid, usable = phones["e164"].is_not_null(), phones["phone"].is_not_null()
    return {
        "valid": int(valid.sum()),
        "repaired": int((valid & phones["repaired"]).sum()),
        "kept as they are": int((usable & ~valid).sum()),
        "rejected": int((~usable).sum()),
        "mobile": int((phones["kind"] == "MOBILE").sum()),
        "with an extension": int(phones["extension"].is_not_null().sum()),
    }


def problems(tables: Records) -> pl.DataFrame:
    """Everything that is wrong with rows and values, or was and is mended.

    Returns:
        `PROBLEMS`, one row a problem and place: what it is, and the line it is on.
    """
    where = tables.records.select("record", "line")
    mails, numbers = tables.emails, tables.phones
    role = mails.filter(pl.col("role")).select("record", what=pl.lit("e-mail: the mailbox of a task, not of a person"))
    fleeting = mails.filter(pl.col("disposable")).select("record", what=pl.lit("e-mail: one to be thrown away"))
    keyed = mails.drop_nulls("match_key")
    shared = shared_values(FieldValues(keyed["record"], coded(keyed["match_key"])), tables.records)
    several = mails.filter(pl.col("match_key").is_in(shared.implode()))
    foreign = numbers.filter(pl.col("phone").is_not_null() & pl.col("e164").is_null())
    unread = tables.extras.filter(pl.col("name").is_in(["birth date", "locale"]) & ~pl.col("kept"))
    values = [
        mails.drop_nulls("problem").select("record", what=pl.format("e-mail: {}", "problem")),
        numbers.drop_nulls("problem").select("record", what=pl.format("phone: {}", "problem")),
        foreign.select(
            "record",
            what=pl.when(pl.col("country").is_null())
            .then(pl.lit("phone: of no known country; kept as it is"))
            .otherwise(pl.lit("phone: not valid in its country; kept as it is")),
        ),
        role,
        fleeting,
        several.filter(~pl.col("role")).select("record", what=pl.lit("e-mail: several people have it")),
        unread.select("record", what=pl.format("{}: not understood", "name")),
        tables.repairs.select(
            "record",
            what=pl.concat_str(
                pl.col("field").str.replace("_", " "),
                pl.when(pl.col("value").is_null()).then(pl.lit(": left empty, ")).otherwise(pl.lit(": mended, ")),
                "repair",
            ),
        ),
        mails.filter("repaired").select("record", what=pl.lit("e-mail: mended")),
        numbers.filter(pl.col("repaired") & pl.col("e164").is_not_null()).select(
            "record", what=pl.lit("phone: mended")
        ),
    ]
    located = pl.concat(values).join(where, on="record", how="left", maintain_order="left")
    rejected = tables.rejects.select(
        what=pl.format("row: {}", pl.col("reason").str.replace(r"[:;].*$", "")), line="line"
    )
    return conform(pl.concat([rejected, located.select("what", "line"), _swapped(tables.records)]), PROBLEMS)


def _swapped(records: pl.DataFrame) -> pl.DataFrame:
    """Rows whose last name is a first name while the first name is none, where most rows that tell are such."""
    known = nicknames()
    names = pl.concat([known["low"], known["high"]]).unique().implode()
    telling = records.select(
        "line", first=pl.col("first_key").is_in(names), last=pl.col("last_key").is_in(names)
    ).filter(pl.col("first") != pl.col("last"))
    suspected = telling.filter("last")
    if len(suspected) < max(EXAMPLES_ENOUGH, SWAPPED * len(telling)):
        suspected = suspected.clear()
    return suspected.select(what=pl.lit("name: first and last name look swapped"), line="line")

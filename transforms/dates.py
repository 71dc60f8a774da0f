"""Dates as files write them. Day-first or month-first is decided once a source, from all of its values."""

from __future__ import annotations

import polars as pl

MONTH_FIRST_REGIONS = ("US", "PH", "FM", "MH", "PW")
NO_YEAR = 1604
"""Address books write this year for a birthday whose year is not known."""

SPELLINGS = (
    "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%m/%d/%Y %I:%M %p", "%m/%d/%Y %H:%M", "%d-%m-%Y %H:%M",
    "%Y-%m-%d %H:%M:%S %z", "%Y-%m-%d %H:%M:%S%z", "%Y-%m-%d", "%m/%d/%Y", "%d-%m-%Y", "%d %b %Y", "%d.%m.%Y",
)  # fmt: skip
"""How exports write a point in time, the likeliest first."""

_NUMERIC = r"^(\d{1,2})[./\- ](\d{1,2})[./\- ](\d{4})$"


def birthdates(rows: pl.DataFrame) -> pl.DataFrame:
    """Birth dates and birthdays.

    Args:
        rows: `source`, `region`, `given` (as text).

    Returns:
        The frame with `birthdate` (Date; null without a year) and `birthday` (`MM-DD`).
    """
    text = pl.col("given").str.strip_chars()
    first = text.str.extract(_NUMERIC, 1).cast(pl.Int32)
    second = text.str.extract(_NUMERIC, 2).cast(pl.Int32)
    year = text.str.extract(_NUMERIC, 3)
    evidence = (first > 12).sum().over("source").cast(pl.Int64) - (second > 12).sum().over("source").cast(pl.Int64)
    american = pl.col("region").fill_null("").is_in(MONTH_FIRST_REGIONS)
    month_first = (evidence < 0) | ((evidence == 0) & american)
    day = pl.when(month_first).then(second).otherwise(first).cast(pl.String).str.zfill(2)
    month = pl.when(month_first).then(first).otherwise(second).cast(pl.String).str.zfill(2)
    iso = pl.coalesce(
        text.str.extract(r"^(\d{4}-\d{2}-\d{2})"),
        text.str.replace(r"^(\d{4})[./]?(\d{2})[./]?(\d{2})$", "$1-$2-$3").str.extract(r"^(\d{4}-\d{2}-\d{2})$"),
        pl.concat_str(year, month, day, separator="-"),
    )
    full = iso.str.to_date("%Y-%m-%d", strict=False)
    without_year = text.str.extract(r"^(?:--|1604-)(\d{2}-?\d{2})$").str.replace(r"^(\d{2})(\d{2})$", "$1-$2")
    short = text.str.extract(r"^(\d{1,2}/\d{1,2})$").str.split("/")
    short = pl.concat_str([short.list.get(part, null_on_oob=True).str.zfill(2) for part in (0, 1)], separator="-")
    return rows.with_columns(
        birthdate=pl.when(full.dt.year() != NO_YEAR, full.dt.year() >= 1850).then(full),
        birthday=pl.coalesce(full.dt.strftime("%m-%d"), without_year, short),
    )


def moments(text: pl.Expr) -> pl.Expr:
    """Points in time in UTC from the spellings exports use; what is none of them becomes null."""
    return text.map_batches(_moments, return_dtype=pl.Datetime("ms", "UTC"), is_elementwise=True)


def _moments(texts: pl.Series) -> pl.Series:
    """Each spelling is tried on what the ones before it could not read."""
    found = pl.Series(texts.name, [None], dtype=pl.Datetime("ms", "UTC")).new_from_index(0, len(texts))
    left = texts.is_not_null().arg_true()
    plain = (
        texts.gather(left)
        .str.strip_chars()
        .str.replace(r"^(\d{4}-\d\d-\d\d)T", "$1 ")
        .str.replace(r"(\.\d+)?Z?$", "")
        .str.replace(r"([+-]\d\d):(\d\d)$", "$1$2")
    )
    for spelling in SPELLINGS:
        if plain.is_empty():
            break
        zone = "UTC" if "%z" in spelling else None
        read = plain.str.to_datetime(spelling, strict=False, time_unit="ms", time_zone=zone)
        read = read if zone else read.dt.replace_time_zone("UTC")
        found = found.scatter(left.filter(read.is_not_null()), read.drop_nulls())
        left, plain = left.filter(read.is_null()), plain.filter(read.is_null())
    return found

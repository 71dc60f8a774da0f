"""Dates as files write them. Day first or month first is decided once a column of a file, from all of its values."""

from __future__ import annotations

from functools import cache

import polars as pl
from babel import Locale

from transforms.columns.coding import coded
from transforms.columns.folding import folded
from transforms.schema.tables import DATE_ORDERS, WHEN, conform

MONTH_FIRST_REGIONS = ("US", "PH", "FM", "MH", "PW")
NO_YEAR = 1604
"""Address books write this year for a birthday whose year is not known."""
COLUMNS = ("birthdate", "created", "updated")

_NUMERIC = r"^(\d{1,2})[./\- ](\d{1,2})[./\- ](\d{4})\b"
_SHORT = r"^(\d{1,2})/(\d{1,2})$"
_MAYBE_NUMERIC = r"^\s*\d{1,2}[./\- ]"
"""Pattern of the beginning of dates in either spelling."""
_SERIAL = r"^[1-5]\d{4}$"
"""A day as spreadsheets count them, from 1927 to 2064."""
_WRITTEN = ("%d %b %Y", "%d %B %Y", "%b %d %Y", "%B %d %Y")
_NOTHING = r"^0{1,4}[./-]0{1,2}[./-]0{1,4}(?: 0?0:00(?::00)?)?$"
"""Pattern of a date that stands for none (`0/0/00`)."""
_LANGUAGES = "en de fr es it pt nl pl sv da nb fi cs hu".split()
_TIMES = ("%H:%M:%S", "%H:%M", "%I:%M %p", "%I:%M:%S %p", "%H:%M:%S %z", "%H:%M:%S%z", "%H:%M%z")


def date_orders(rows: pl.DataFrame) -> pl.DataFrame:
    """Which of day and month comes first in each column of dates of each file, and why.

    Args:
        rows: `source`, `file`, `region` and the date columns, as text.

    Returns:
        `DATE_ORDERS`, one row a file and column that holds numeric dates. What the values show decides; where they
        show nothing, what the file's other columns show; else points and hyphens mean day first, `AM` and `PM` and a
        lack of years month first; else the region.
    """
    orders = []
    for column in COLUMNS:
        text = pl.col(column).str.strip_chars()
        numeric = rows.lazy().filter(pl.col(column).str.contains(_MAYBE_NUMERIC)).select(
            "source", "file", "region", column=pl.lit(column), text=text,
            first=pl.coalesce(text.str.extract(_NUMERIC, 1), text.str.extract(_SHORT, 1)).cast(pl.UInt8, strict=False),
            second=pl.coalesce(text.str.extract(_NUMERIC, 2), text.str.extract(_SHORT, 2)).cast(pl.UInt8, strict=False),
        )  # fmt: skip
        orders.append(
            numeric.drop_nulls(["first", "second"])
            .group_by("source", "file", "column", maintain_order=True)
            .agg(
                day_first=((pl.col("first") > 12) & (pl.col("second") <= 12)).sum(),
                month_first=((pl.col("second") > 12) & (pl.col("first") <= 12)).sum(),
                points=pl.col("text").str.contains(r"^\d+[.-]").any(),
                half_days=pl.col("text").str.contains(r"(?i) [ap]m$").any(),
                american=pl.col("region").is_in(MONTH_FIRST_REGIONS).any(),
                yearless=pl.col("text").str.contains(_SHORT).all(),
            )
            .collect()
        )
    seen = pl.concat(orders).with_columns(
        all_day=pl.col("day_first").sum().over("source", "file"),
        all_month=pl.col("month_first").sum().over("source", "file"),
    )
    day, month, all_day, all_month = (pl.col(column) for column in ("day_first", "month_first", "all_day", "all_month"))
    return conform(
        seen.with_columns(
            is_month_first=pl.when(day != month).then(month > day)
            .when(all_day != all_month).then(all_month > all_day)
            .when("points").then(statement=False)
            .when(pl.col("half_days") | pl.col("yearless")).then(statement=True)
            .otherwise("american"),
            why=pl.when(day != month).then(pl.lit("their values"))
            .when(all_day != all_month).then(pl.lit("the file's other dates"))
            .when("points").then(pl.lit("points or hyphens"))
            .when("half_days").then(pl.lit("AM and PM"))
            .when("yearless").then(pl.lit("their lack of years"))
            .otherwise(pl.lit("the region")),
        ),
        DATE_ORDERS,
    )  # fmt: skip


def without_no_dates(given: pl.Series) -> pl.Series:
    """Dates without those that stand for none (`0/0/00`)."""
    return given.set(given.str.strip_chars().str.contains(_NOTHING), None)


@cache
def _months() -> dict[str, str]:
    """Month names of fourteen languages, folded, and the English one of each."""
    named = pl.DataFrame(
        [
            (name, number)
            for locale in map(Locale, _LANGUAGES)
            for usage in locale.months.values()
            for width in ("wide", "abbreviated")
            for number, name in usage[width].items()
        ],
        schema=["name", "number"],
        orient="row",
    )
    months = (
        named.with_columns(folded(named["name"]).str.strip_chars(".")).group_by("name").agg(pl.col("number").unique())
    )
    certain = months.filter(pl.col("number").list.len() == 1, pl.col("name").str.len_chars() > 2)
    english = Locale("en").months["format"]["wide"]
    return {name: english[number] for name, (number,) in certain.iter_rows()}


def _in_english(text: pl.Series) -> pl.Series:
    """Dates that have a month in words, with its English name, without points, hyphens and *de*."""
    words = text.str.contains(r"\p{L}{3}").fill_null(value=False).arg_true()
    if words.is_empty():
        return text
    spelled = folded(text.gather(words)).str.replace_all(r"[.,\- ]+|\b(?:de|of|the)\b", " ").str.strip_chars()
    spelled = spelled.str.replace_all(r" +", " ").str.replace_all(r"(\d)(?:st|nd|rd|th)\b", "$1")
    word = spelled.str.extract(r"([a-z]{3,})")
    month = word.replace_strict(_months(), default=None, return_dtype=pl.String)
    both = pl.DataFrame({"spelled": spelled, "word": word, "month": month}).drop_nulls()
    told = [one.replace(two, three) for one, two, three in both.iter_rows()]
    return text.scatter(words.filter(spelled.is_not_null() & month.is_not_null()), pl.Series(told, dtype=pl.String))


def birthdates(given: pl.Series, month_first: pl.Series) -> pl.DataFrame:
    """Birth dates and birthdays.

    Args:
        given: the dates as text.
        month_first: whether the month comes first in a numeric one (null counts as no).

    Returns:
        `birthdate` (Date; null without a year) and `birthday` (`MM-DD`); both null where the text is no date.
    """
    distinct, swapped = coded(given), month_first.fill_null(value=False)
    orders = [
        pl.DataFrame([column.gather(distinct.code) for column in _birthdates(distinct.different, month_first=order)])
        for order in (False, True)
        if (swapped == order).any()
    ]
    if len(orders) < 2:
        return orders[0] if orders else _birthdates(given, month_first=False)
    return pl.DataFrame([column.zip_with(~swapped, orders[1][column.name]) for column in orders[0]])


def _birthdates(given: pl.Series, *, month_first: bool) -> pl.DataFrame:
    """Birth dates and birthdays of texts of one order."""
    text = _in_english(given.str.strip_chars())
    order = pl.Series([month_first]).new_from_index(0, len(text))
    full = _days(text, order)
    frame = pl.DataFrame({"text": text, "full": full, "month_first": order})
    without_year = pl.col("text").str.extract(r"^(?:--|1604-)(\d{2}-?\d{2})$").str.replace(r"^(\d\d)(\d\d)$", "$1-$2")
    short = _in_order(_SHORT, pl.lit("2000"))
    yearless = pl.coalesce(pl.lit("2000-") + without_year, short).str.to_date("%Y-%m-%d", strict=False)
    named = [pl.format("{} 2000", "text").str.to_date(spelling, strict=False) for spelling in _WRITTEN]
    yearless = pl.coalesce(yearless, *named)
    dated = pl.when(pl.col("full").dt.year() != NO_YEAR, pl.col("full").dt.year() >= 1850).then("full")
    return frame.select(
        birthdate=dated, birthday=pl.coalesce(pl.col("full").dt.strftime("%m-%d"), yearless.dt.strftime("%m-%d"))
    )


def moments(given: pl.Series, month_first: pl.Series) -> pl.Series:
    """Points in time in UTC; other texts become null.

    Args:
        given: the moments as text; a date alone is its midnight.
        month_first: whether the month comes first in a numeric date (null counts as no).
    """
    read = pl.Series(given.name, [None], dtype=WHEN).new_from_index(0, len(given))
    left = given.is_not_null().arg_true()
    plain = given.gather(left).str.strip_chars()
    read, left, plain = _read(read, left, plain, "%Y-%m-%d %H:%M:%S")
    plain = plain.str.replace(r"^(\d{4}-\d\d-\d\d)T", "$1 ").str.replace(r"(\.\d+)?Z?$", "")
    plain = plain.str.replace(r"([+-]\d\d):(\d\d)$", "$1$2")
    for spelling in ("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"):
        read, left, plain = _read(read, left, plain, spelling)
    if len(left):
        days = _days(plain, month_first.gather(left))
        hours = plain.str.extract(r"(?i) (\d{1,2}:\d\d.*)$").fill_null("00:00").str.to_uppercase()
        both = pl.DataFrame({"days": days.dt.strftime("%Y-%m-%d"), "hours": hours})
        plain = both.select(pl.concat_str("days", "hours", separator=" ")).to_series()
        left, plain = left.filter(plain.is_not_null()), plain.drop_nulls()
        for spelling in _TIMES:
            read, left, plain = _read(read, left, plain, f"%Y-%m-%d {spelling}")
    return read


def _read(done: pl.Series, left: pl.Series, plain: pl.Series, spelling: str) -> tuple[pl.Series, pl.Series, pl.Series]:
    """Moments read in one spelling, in their places; and the texts left over."""
    if plain.is_empty():
        return done, left, plain
    read = plain.str.to_datetime(spelling, strict=False, time_unit="ms", time_zone="UTC" if "%z" in spelling else None)
    read = read if "%z" in spelling else read.dt.replace_time_zone("UTC")
    done = done.scatter(left.filter(read.is_not_null()), read.drop_nulls())
    return done, left.filter(read.is_null()), plain.filter(read.is_null())


def _in_order(pattern: str, year: pl.Expr) -> pl.Expr:
    """`YYYY-MM-DD` of a numeric date in `text`, by `month_first`."""
    first, second = (pl.col("text").str.extract(pattern, at).str.zfill(2) for at in (1, 2))
    swap = pl.col("month_first").fill_null(value=False)
    month, day = pl.when(swap).then(first).otherwise(second), pl.when(swap).then(second).otherwise(first)
    return pl.concat_str(year, month, day, separator="-")


def _days(text: pl.Series, month_first: pl.Series) -> pl.Series:
    """The day a date or moment begins with, in any of the known spellings."""
    iso = text.str.extract(r"^(\d{4}-\d\d-\d\d)").str.to_date("%Y-%m-%d", strict=False)
    rest = (iso.is_null() & text.is_not_null()).arg_true()
    if rest.is_empty():
        return iso
    frame = pl.DataFrame({"text": text.gather(rest), "month_first": month_first.gather(rest)})
    plain = pl.col("text").str.extract(r"^([^,:]*?,? ?\d{4})\b").str.replace_all(r"[.,]", "").str.replace_all(" +", " ")
    serial = pl.col("text").str.extract(f"({_SERIAL})").cast(pl.Int32, strict=False)
    bare = pl.col("text").str.extract(r"^(\d{4}[./]?\d\d[./]?\d\d)\b").str.replace_all("[./]", "")
    loose = [pl.col("text").str.extract(r"^(\d{4})[./-](\d{1,2})[./-](\d{1,2})\b", at).str.zfill(2) for at in (1, 2, 3)]
    numeric = _in_order(_NUMERIC, pl.col("text").str.extract(_NUMERIC, 3))
    days = frame.select(
        pl.coalesce(
            bare.str.to_date("%Y%m%d", strict=False),
            pl.concat_str(loose, separator="-").str.to_date("%Y-%m-%d", strict=False),
            numeric.str.to_date("%Y-%m-%d", strict=False),
            pl.date(1899, 12, 30) + pl.duration(days=serial),
            *(plain.str.to_date(spelling, strict=False) for spelling in _WRITTEN),
        )
    ).to_series()
    return iso.scatter(rest.filter(days.is_not_null()), days.drop_nulls())

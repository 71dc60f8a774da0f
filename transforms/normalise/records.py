"""Rows to records: every value cleaned, made canonical, and set beside what was given."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from transforms.columns.cleaning import cleaned, how_mended, position, repaired
from transforms.columns.coding import by_value
from transforms.columns.folding import folded
from transforms.columns.parallel import in_pieces
from transforms.normalise.accounts import accounted
from transforms.normalise.addresses import addresses, country_code
from transforms.normalise.dates import COLUMNS as DATES
from transforms.normalise.dates import birthdates, date_orders, moments, without_no_dates
from transforms.normalise.emails import emails_and_repeats
from transforms.normalise.locales import locale_tag
from transforms.normalise.name_cells import (
    emails_apart,
    full_names_apart,
    with_names_of_words,
)
from transforms.normalise.names import are_companies, company_keys, name_keys
from transforms.normalise.phones import phones_and_repeats
from transforms.schema.contact import names_in
from transforms.schema.records import Records, together
from transforms.schema.tables import (
    EXTRAS,
    IDENTIFIERS,
    LABELS,
    RECORDS,
    REJECTS,
    REPAIRS,
    ROWS,
    SITE,
    checked,
    conform,
)

ROWS_A_PIECE = 200_000
"""Rows that are normalised at once, at most."""
OPTED_OUT = (
    "unsubscribed",
    "cleaned",
    "bounced",
    "inactive",
    "opted out",
    "opt-out",
    "blacklisted",
    "spam complaint",
    "spam_complaint",
)
_NO = ("", "no", "false", "0", "n", "never")
_SINGLE = (
    "first",
    "middle",
    "last",
    "full_name",
    "nickname",
    "suffix",
    "company",
    "job_title",
    "locale",
    "source_key",
    "merged_into",
    "merged_ids",
)
_TOLD = {1: "told_first", 2: "told_last"}
_NAME_IN_EMAIL = r"^([a-z]{2,})[._-]([a-z]{3,})\d*@"


def to_records(rows: pl.DataFrame, *, keep: Collection[str] = (), everyone: bool = False) -> Records:
    """The usable rows as records; the others are rejected with the reason.

    The rows are normalised in pieces, side by side on all cores.

    Args:
        rows: a frame of `ROWS`, the most trusted source first.
        keep: names of further columns whose values are to become extended fields.
        everyone: keep rows that name nobody too (when only duplicates are looked for).

    Returns:
        The tables of `Records`; `records` and `rejects` together hold every row once.
    """
    rows = checked(rows, ROWS)
    orders = date_orders(rows)

    def work(piece: pl.DataFrame) -> Records:
        return _piece(piece, orders, keep, everyone)

    parts = in_pieces(work, rows, most=ROWS_A_PIECE)
    return together(parts, orders) if len(parts) > 1 else parts[0]


def _piece(rows: pl.DataFrame, orders: pl.DataFrame, keep: Collection[str], everyone: bool) -> Records:
    given = rows.with_row_index("record")
    rows = given.with_columns(cleaned(pl.col(name)) for name in _SINGLE)
    rows = with_names_of_words(given, rows)
    mended = [_mended(given, rows, name) for name in _SINGLE]
    rows = emails_apart(rows)
    mails, mails_again = emails_and_repeats(_elements(rows, "emails"), rows)
    postal = addresses(_elements(rows, "addresses"))
    numbers, numbers_again = phones_and_repeats(_with_region(_elements(rows, "phones"), postal, rows))
    reaching = [mails.drop_nulls("email").select("record"), numbers.drop_nulls("phone").select("record")]
    reachable = pl.concat(reaching)["record"].unique()
    rows, moved = _companies_apart(rows, reachable)
    rows, beside = full_names_apart(rows)
    usable = pl.col("first").is_not_null() | pl.col("last").is_not_null()
    there = pl.col("merged_into").is_null() & ~_is_yes("deleted")
    reached = usable | pl.col("record").is_in(reachable.implode()) | pl.lit(everyone)
    usable_rows = rows.select(there & reached).to_series()
    numbers_now = (usable_rows.cast(pl.UInt32).cum_sum() - 1).zip_with(usable_rows, pl.Series([None], dtype=pl.UInt32))

    def renumbered(frame: pl.DataFrame) -> pl.DataFrame:
        """The rows of usable records, by their new numbers."""
        if usable_rows.all():
            return frame
        return frame.with_columns(record=numbers_now.gather(frame["record"])).drop_nulls("record")

    identifiers = _elements(rows, "identifiers").with_columns(cleaned(pl.col("value"))).drop_nulls("value")
    identifiers = identifiers.with_columns(value=folded(identifiers["value"]).str.replace_all(r"[^a-z0-9]", ""))
    labels, groups = _labels(rows)
    people, unread = _records(renumbered(rows), renumbered(mails), orders)
    extras = pl.concat([_extras(renumbered(rows), keep), unread, conform(renumbered(beside), EXTRAS)])
    extras = extras.sort("record", maintain_order=True)
    tables = Records(
        records=conform(people, RECORDS),
        emails=renumbered(mails),
        phones=renumbered(numbers),
        addresses=renumbered(postal),
        labels=renumbered(labels),
        extras=extras,
        identifiers=conform(renumbered(identifiers), IDENTIFIERS),
        repairs=renumbered(
            pl.concat([conform(pl.concat([*mended, moved]), REPAIRS), groups, numbers_again, mails_again])
        ),
        date_orders=orders,
        rejects=_rejects(rows.filter(~usable_rows), mails, numbers),
    )
    return tables if everyone else accounted(given.filter(usable_rows), tables)


def _mended(given: pl.DataFrame, rows: pl.DataFrame, name: str) -> pl.DataFrame:
    """The values of a column that cleaning did more to than take blanks and placeholders away."""
    frame = pl.DataFrame({"record": given["record"], "given": given[name], "value": rows[name]})
    mended = frame.filter(repaired(frame["given"], frame["value"]))
    return mended.select("record", "given", "value", field=pl.lit(name), repair=how_mended(pl.col("given")))


def _companies_apart(rows: pl.DataFrame, reachable: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A company in a person's place goes where companies are, when that is free and the row reaches somebody.

    Returns:
        The rows, and the moved names as repairs.
    """
    name = rows.select(
        pl.when(pl.col("first").is_null() | pl.col("last").is_null()).then(pl.coalesce("full_name", "last", "first"))
    ).to_series()
    candidates = (name.is_not_null() & rows["company"].is_null()).arg_true()
    is_company = are_companies(name.gather(candidates)) & rows["record"].gather(candidates).is_in(reachable.implode())
    are = pl.Series([False]).new_from_index(0, len(rows)).scatter(candidates.filter(is_company), values=True)
    moved = pl.DataFrame({"record": rows["record"], "given": name, "value": name}).filter(are)
    moved = moved.with_columns(field=pl.lit("company"), repair=pl.lit("a company in a person's place"))
    if moved.is_empty():
        return rows, moved
    rows = rows.with_columns(company=name.zip_with(are, rows["company"]))
    return rows.with_columns(rows[name].set(are, None) for name in ("first", "middle", "last", "full_name")), moved


def _is_yes(column: str) -> pl.Expr:
    """Whether a cell says yes; an empty one does not."""
    return (~pl.col(column).str.strip_chars().str.to_lowercase().is_in(_NO)).fill_null(value=False)


def _elements(rows: pl.DataFrame, column: str) -> pl.DataFrame:
    """A list column as a long table: `record`, `position`, and the element's fields."""
    long = rows.select("record", element=pl.col(column)).explode("element").drop_nulls("element")
    long = long.with_columns(position=position())
    if isinstance(long.schema["element"], pl.Struct):
        return long.unnest("element")
    return long.rename({"element": "value"})


def _with_region(cells: pl.DataFrame, postal: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Phones with the country they are taken to be in: the cell's, the first address's, the source's."""
    by_address = (
        postal.drop_nulls("country").group_by("record", maintain_order=True).agg(address=pl.col("country").first())
    )
    codes = {value: country_code(value) for value in cells["country"].unique().drop_nulls()}
    joined = cells.join(by_address, on="record", how="left", maintain_order="left").join(
        rows.select("record", "region"), on="record", how="left", maintain_order="left"
    )
    given = pl.col("country").replace_strict(codes, default=None, return_dtype=pl.String)
    return joined.with_columns(country=pl.coalesce(given, "address", "region"))


def _records(rows: pl.DataFrame, mails: pl.DataFrame, orders: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The records, and their dates and locales that were not understood, as `EXTRAS`."""
    keys = name_keys(rows.select("first", "middle", "last", "suffix", "nickname"))
    nameless = rows.filter(pl.col("first").is_null(), pl.col("last").is_null(), pl.col("nickname").is_null())["record"]
    normalised = (
        mails.filter(~pl.col("role"), pl.col("record").is_in(nameless.implode()))
        .select("record", local=pl.col("email").str.to_lowercase())
        .select("record", *(pl.col("local").str.extract(_NAME_IN_EMAIL, at).alias(name) for at, name in _TOLD.items()))
        .drop_nulls()
        .unique("record", keep="first", maintain_order=True)
    )
    nothing = pl.Series([None], dtype=pl.String).new_from_index(0, len(rows))
    status = pl.col("email_status").str.strip_chars().str.to_lowercase()
    keyless = pl.col("first_key").is_null() & pl.col("last_key").is_null()
    is_site = rows["contact_id"].is_not_null()
    number = pl.col("row").cast(pl.String)
    given = pl.concat_str("first", "middle", separator=" ", ignore_nulls=True).replace({"": None})
    text = rows.select(cleaned(pl.col(name)) for name in DATES)
    text = text.with_columns(without_no_dates(text[name]) for name in DATES)
    month_first = {name: _month_first(rows, orders, name) for name in DATES}
    dated = birthdates(text["birthdate"], month_first["birthdate"])
    locales = rows["locale"].filter(~is_site).unique().drop_nulls()
    tags = dict(zip(locales, map(locale_tag, locales), strict=True))
    locale = (
        rows["locale"].replace_strict(tags, default=None, return_dtype=pl.String).zip_with(~is_site, rows["locale"])
    )
    unread = [
        (name, column, what.is_null() & column.is_not_null())
        for name, column, what in (
            ("birth date", text["birthdate"], dated["birthday"]), ("locale", rows["locale"], locale),
        )
    ]  # fmt: skip
    people = (
        pl.concat([rows.drop("birthdate", "suffix"), keys, rows.select("suffix"), dated], how="horizontal")
        .with_columns(
            nothing.clone().scatter(normalised["record"], normalised[name]).alias(name) for name in _TOLD.values()
        )
        .with_columns(
            record=pl.int_range(pl.len(), dtype=pl.UInt32),
            record_id=pl.concat_str("source", pl.when(is_site).then("contact_id").otherwise(number), separator=":"),
            first=pl.when(is_site).then("first").otherwise(given),
            locale=locale,
            created=moments(text["created"], month_first["created"]),
            updated=moments(text["updated"], month_first["updated"]),
            subscribed=(status == "subscribed").fill_null(value=False),
            opted_out=status.is_in(OPTED_OUT).fill_null(value=False) | _is_yes("opt_out"),
            is_member=pl.col("is_member").fill_null(value=False),
            first_key=pl.when(keyless).then("told_first").otherwise("first_key"),
            last_key=pl.when(keyless).then("told_last").otherwise("last_key"),
            company_key=company_keys(rows["company"]),
            title_key=by_value(rows["job_title"], folded),
        )
    )
    extras = [
        pl.DataFrame({"record": people["record"], "value": column}).filter(lost).with_columns(name=pl.lit(name))
        for name, column, lost in unread
    ]
    why = pl.format("not understood as a {}", "name")
    return people, conform(pl.concat(extras).with_columns(kept=pl.lit(value=False), why=why), EXTRAS)


def _month_first(rows: pl.DataFrame, orders: pl.DataFrame, column: str) -> pl.Series:
    """Whether numeric dates of a column have the month first, for each row by its file."""
    by_file = orders.filter(pl.col("column") == column).select("source", "file", "is_month_first")
    if by_file.is_empty():
        return pl.Series([None], dtype=pl.Boolean).new_from_index(0, len(rows))
    files = rows.select("source", "file")
    return files.join(by_file, on=["source", "file"], how="left", nulls_equal=True, maintain_order="left")[
        "is_month_first"
    ]


def _labels(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Labels by name, in order; and as repairs the address books' own groups (`* myContacts`), which are none."""
    cells = _elements(rows, "labels").select("record", label=cleaned(pl.col("value"))).drop_nulls()
    several = {cell: names_in(cell) for cell in cells["label"].filter(cells["label"].str.starts_with("[")).unique()}
    whole = {cell: names for cell, names in several.items() if names is not None}
    is_whole = pl.col("label").is_in(list(whole))
    listed = [(record, name) for record, cell in cells.filter(is_whole).iter_rows() for name in whole[cell]]
    cells = cells.filter(~is_whole)
    parts = pl.col("label").str.replace_all(r'"\s*,\s*"|\s*:::\s*|\s*;\s*|\s*,\s*', "\x1f").str.split("\x1f")
    long = cells.with_columns(label=parts).explode("label")
    long = long.select("record", label=pl.col("label").str.strip_chars(' "')).filter(pl.col("label") != "")
    is_own = pl.col("label").str.starts_with("* ")
    groups = long.filter(is_own).select(
        "record", given="label", field=pl.lit("label"), repair=pl.lit("a group of the address book itself")
    )
    labels = pl.concat([long.filter(~is_own), pl.DataFrame(listed, schema=long.schema, orient="row")])
    labels = labels.sort("record", maintain_order=True).unique(["record", "label"], keep="first", maintain_order=True)
    return conform(labels.with_columns(position=position()), LABELS), conform(groups, REPAIRS)


def _extras(rows: pl.DataFrame, keep: Collection[str]) -> pl.DataFrame:
    """Further columns with a value; the site's own custom fields are kept as they are."""
    cells = _elements(rows, "extras").with_columns(cleaned(pl.col("value"))).drop_nulls("value")
    cells = cells.join(rows.select("record", "source"), on="record", how="left", maintain_order="left")
    kept = (pl.col("source") == SITE) | pl.col("name").is_in(list(keep))
    return conform(cells.with_columns(kept=kept, why=pl.lit(None, dtype=pl.String)), EXTRAS)


def _rejects(rows: pl.DataFrame, mails: pl.DataFrame, numbers: pl.DataFrame) -> pl.DataFrame:
    problems = pl.concat(
        [
            mails.select("record", "problem", what=pl.lit("e-mail")),
            numbers.select("record", "problem", what=pl.lit("phone")),
        ]
    ).drop_nulls()
    reasons = problems.group_by("record", maintain_order=True).agg(
        pl.format("its {} cannot be used: {}", "what", "problem").str.join("; ").alias("reasons")
    )
    joined = rows.join(reasons, on="record", how="left", maintain_order="left")
    reason = (
        pl.when(pl.col("merged_into").is_not_null())
        .then(pl.format("merged into {} by its source", "merged_into"))
        .when(_is_yes("deleted"))
        .then(pl.lit("deleted in its source"))
        .otherwise(pl.concat_str(pl.lit("no name, e-mail or phone"), "reasons", separator=": ", ignore_nulls=True))
    )
    return conform(joined.with_columns(reason=reason), REJECTS)

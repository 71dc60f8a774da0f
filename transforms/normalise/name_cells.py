"""What the cells of a row's name hold besides it: nothing, an e-mail, a whole name beside its parts."""

from __future__ import annotations

import polars as pl

from transforms.columns.cleaning import NO_PLACE, WORDS, cleaned
from transforms.columns.folding import folded
from transforms.normalise.names import split_full_names

NAMES = ("first", "middle", "last", "full_name", "nickname", "suffix")
"""The cells of a name."""
_ADDRESS = r"^\S+@\S+\.\S+$"
_BRACKETED = r"\s*[<(\[]\s*([^\s<>()\[\]]+@[^\s<>()\[\]]+\.[^\s<>()\[\]]+)\s*[>)\]]"
"""Pattern of an address in brackets behind a name."""


def with_names_of_words(given: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with the names that are words for nothing elsewhere (Jenna Null); where nothing else is said they are none.

    Args:
        given: the rows as they were given.
        rows: the same, their cells cleaned.
    """
    gone = pl.any_horizontal(pl.col(name).is_not_null() & pl.lit(rows[name]).is_null() for name in NAMES)
    at = given.select(gone).to_series().arg_true()
    if at.is_empty():
        return rows
    names = given[at].select(cleaned(pl.col(name), words=()) for name in NAMES)
    said = names.select(pl.all().str.to_lowercase())
    every = pl.all_horizontal(pl.all().is_in(WORDS).fill_null(value=True))
    alone = pl.all_horizontal(pl.all().is_in(NO_PLACE).fill_null(value=True))
    several = pl.sum_horizontal(pl.all().is_not_null()) > 1
    named = said.select(~(every & (several | alone))).to_series()
    return rows.with_columns(rows[name].scatter(at.filter(named), names[name].filter(named)) for name in NAMES)


def emails_apart(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows whose e-mails in the place of names, or in brackets behind them, stand among the e-mails.

    Auto-saved contacts have them there. Another `@` is a part of the name (`Mike @ Work`).
    """
    names = ("first", "full_name", "last")
    if not any(rows[name].str.contains("@", literal=True).any() for name in names):
        return rows
    found = [
        pl.coalesce(pl.col(name).str.extract(f"({_ADDRESS})"), pl.col(name).str.extract(_BRACKETED)) for name in names
    ]
    tagless = pl.lit(None, dtype=pl.String)
    cells = pl.concat_list(pl.struct(value=address, tag=tagless) for address in found).list.filter(
        pl.element().struct.field("value").is_not_null()
    )
    several = pl.concat_list(pl.col("emails").fill_null(pl.lit([], dtype=rows.schema["emails"])), cells)
    bare = [
        pl.when(~pl.col(name).str.contains(_ADDRESS)).then(
            pl.when(pl.col(name).str.contains(_BRACKETED))
            .then(pl.col(name).str.replace(_BRACKETED, "").str.strip_chars(" \"'").replace({"": None}))
            .otherwise(name)
        ).alias(name)
        for name in names
    ]  # fmt: skip
    return rows.with_columns(emails=pl.when(cells.list.len() > 0).then(several).otherwise("emails")).with_columns(bare)


def full_names_apart(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows with the parts of whole names, and what stands in whole names besides the parts.

    Where a whole name stands alone it is taken apart. Beside a first name alone it tells the surname: what is left of
    it, or all of it where the first name is not in it (`Name`, `Vorname`); beside a surname alone the first name.

    Returns:
        The rows; and `record`, `name`, `value`, `kept`, `why` of what no part of the name holds.
    """
    whole = rows.filter(pl.col("full_name").is_not_null())
    nothing = pl.DataFrame(
        schema={"record": pl.UInt32, "name": pl.String, "value": pl.String, "kept": pl.Boolean, "why": pl.String}
    )
    if whole.is_empty():
        return rows, nothing
    lacking = whole.filter(pl.col("first").is_null() | pl.col("last").is_null())
    parts = split_full_names(lacking["full_name"].unique())
    joined = whole.select("record", "full_name", *_PARTS).join(
        parts, on="full_name", how="left", suffix="_split", maintain_order="left"
    )
    compared = ("full_name", "first", "last", "first_split", "last_split")
    joined = joined.with_columns(_words(joined[name]).alias(f"words_{name}") for name in compared)
    for part, other in (("last", "first"), ("first", "last")):
        missing = pl.col(part).is_null() & pl.col(other).is_not_null()
        same = pl.col(f"words_{other}_split") == pl.col(f"words_{other}")
        crossed = pl.col(f"words_{part}_split") == pl.col(f"words_{other}")
        split = pl.when(same).then(f"{part}_split").when(crossed).then(f"{other}_split").otherwise("full_name")
        joined = joined.with_columns(pl.when(missing).then(split).alias(f"told_{part}"))
    bare = pl.col("first").is_null() & pl.col("last").is_null()
    joined = joined.with_columns(
        first=pl.when(bare).then("first_split").otherwise(pl.coalesce("first", "told_first")),
        last=pl.when(bare).then("last_split").otherwise(pl.coalesce("last", "told_last")),
        middle=pl.when(bare).then(pl.coalesce("middle", "middle_split")).otherwise("middle"),
        suffix=pl.when(bare).then(pl.coalesce("suffix", "suffix_split")).otherwise("suffix"),
        nickname=pl.when(bare).then(pl.coalesce("nickname", "nickname_split")).otherwise("nickname"),
    )
    told = joined.select(pl.concat_str(*_PARTS, separator=" ", ignore_nulls=True)).to_series()
    is_more = pl.col("words_full_name").list.set_difference("words_told").list.len() > 0
    beside = (
        joined.with_columns(words_told=_words(told))
        .filter(is_more)
        .select(
            "record",
            name=pl.lit("full name"),
            value="full_name",
            kept=pl.lit(value=False),
            why=pl.lit("the whole name says more than its parts"),
        )
    )
    named = joined.select("record", *_PARTS)
    rows = rows.join(named, on="record", how="left", suffix="_told", maintain_order="left").with_columns(
        pl.when(pl.col("full_name").is_not_null()).then(f"{part}_told").otherwise(part).alias(part) for part in _PARTS
    )
    return rows.drop(f"{part}_told" for part in _PARTS), beside


_PARTS = ("first", "middle", "last", "suffix", "nickname")


def _words(names: pl.Series) -> pl.Series:
    """The folded words of names."""
    return folded(names).str.replace_all(r"[^a-z0-9]+", " ").str.strip_chars().str.split(" ")

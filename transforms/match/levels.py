"""The comparison levels of each field."""

from __future__ import annotations

import polars as pl

LEVELS: dict[str, tuple[str, ...]] = {
    "first": ("missing", "other first name", "same initial", "nickname", "similar first name", "same first name"),
    "middle": ("missing", "other middle name", "same middle name"),
    "last": ("missing", "other surname", "part of the surname", "similar surname", "same surname"),
    "suffix": ("missing", "other generation", "one of them has a generation", "same generation"),
    "birth": ("missing", "other birth date", "similar birth date", "same birthday", "same birth date"),
    "email": (
        "missing", "other e-mail", "other e-mail at the same company", "similar e-mail", "same e-mail name",
        "same shared mailbox", "same e-mail",
    ),
    "phone": ("missing", "other phone", "similar phone", "same shared phone", "same phone"),
    "address": ("missing", "other place", "same city", "same postcode", "similar address", "same address"),
    "company": ("missing", "other company", "similar company", "same company"),
    "title": ("missing", "other job title", "same job title"),
}  # fmt: skip
"""The levels of each field, in words."""


IDENTIFIER_LEVELS = ("missing", "other value", "similar value", "same value")


def level_words(field: str) -> tuple[str, ...]:
    """The words for a field's levels, a declared identifier's too."""
    return LEVELS.get(field, IDENTIFIER_LEVELS)


def reasons(pairs: pl.DataFrame, model_fields: tuple[str, ...]) -> pl.Series:
    """Each pair's evidence in plain words: what agrees, the strongest first, then what speaks against it."""
    told = [_told_of(pairs, field).with_columns(order=pl.lit(at)) for at, field in enumerate(model_fields)]
    words = pl.concat(told).sort("pair", pl.col("bits").abs() * -1, "order")
    sides = words.group_by("pair", maintain_order=True).agg(
        agree=pl.col("word").filter(pl.col("bits") > 0).str.join(", "),
        differ=pl.col("word").filter(pl.col("bits") < 0).str.join(", "),
    )
    every = pl.DataFrame({"pair": pl.int_range(len(pairs), dtype=pl.UInt32, eager=True)})
    both = every.join(sides, on="pair", how="left", maintain_order="left").with_columns(
        agree=pl.when(pl.col("agree").fill_null("") == "").then(pl.lit("nothing telling agrees")).otherwise("agree"),
        differ=pl.col("differ").fill_null(""),
    )
    against = pl.when(pl.col("differ") != "").then(pl.format("; but {}", "differ")).otherwise(pl.lit(""))
    return both.select(pl.concat_str("agree", against)).to_series()


def _told_of(pairs: pl.DataFrame, field: str) -> pl.DataFrame:
    """What one field says of the pairs it says something of: `pair`, `bits`, `word`."""
    words = [word if field in LEVELS else f"{word} of {field}" for word in level_words(field)]
    level, bits = pl.col(f"level_{field}"), pl.col(f"bits_{field}")
    return (
        pairs.select(level, bits)
        .with_row_index("pair")
        .filter(level != 0, bits.abs() >= 0.5)
        .select("pair", bits=bits.cast(pl.Float64), word=pl.lit(pl.Series(words)).gather(level))
    )

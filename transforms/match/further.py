"""Further columns as evidence: those that no field of a contact is, profiled by what they hold."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from transforms.columns.coding import by_value
from transforms.columns.folding import folded
from transforms.match.levels import COLUMN
from transforms.schema.records import Records

LEAST_FILLED = 0.02
"""Share of the records of a source that have a value of a column, below which it is not compared."""
MOST_DISTINCT = 0.98
"""Share of different values among all above which a column numbers its rows."""
MOST_LETTERS = 60
"""Mean length above which a column holds free text."""
MOST_COLUMNS = 8
"""Further columns that are compared: those that are filled most."""
IDENTIFYING = 0.5
"""Share of different values among all from which a column is like an identifier."""
MOST_CATEGORIES = 50
"""Different values up to which a column is a category."""
SAMPLE = 10_000
"""Values of a column that are held against the other fields."""
_NO_EVIDENCE = (
    r"(?i)\b(?:date|time|timestamp|created|updated|modified|added|imported?|exported?|batch|row|line|index|count|total|"
    r"score|status|stage|owner|assigned|source|campaign|lists?|tags?|segment|notes?|comments?|description|last|opens?|clicks?|"
    r"rating|revenue|amount|price|currency|consent|opt|subscri\w+|unsub\w+|bounce\w*|lead|medium|utm\w*|photo|picture|"
    r"image|avatar|file|folder|record type|type|version)\b"
)
"""Headers of what is done with a contact, which says nothing of who it is."""
_DATE = r"^\d{4} \d\d \d\d|^\d{1,2} \d{1,2} \d{2,4}\b"
"""Pattern of folded values that are dates."""


def further_columns(tables: Records) -> pl.DataFrame:
    """The values of columns that may tell people apart: `record`, `name` (with `COLUMN` before it), `value` (folded).

    Left out are columns that are hardly filled, hold one value, number their rows, hold dates or free text, or whose
    header says that they are about what is done with a contact.
    """
    extras = tables.extras.filter(pl.col("why").is_null(), ~pl.col("name").str.contains(_NO_EVIDENCE))
    if extras.is_empty():
        return _values(extras)
    values = _values(extras)
    profile = values.group_by("name").agg(
        filled=pl.len(),
        distinct=pl.col("value").n_unique(),
        letters=pl.col("value").str.len_chars().mean(),
        dated=pl.col("value").str.contains(_DATE).mean(),
    )
    usable = profile.filter(
        pl.col("filled") >= LEAST_FILLED * len(tables.records),
        pl.col("distinct") > 1,
        pl.col("distinct") <= MOST_DISTINCT * pl.col("filled"),
        pl.col("letters") <= MOST_LETTERS,
        pl.col("dated") < 0.5,
    )
    names = usable.sort("filled", "name", descending=[True, False])["name"]
    kept = values.filter(pl.col("name").is_in(names.implode()))
    said = _said_elsewhere(kept, tables)
    names = names.filter(~names.is_in(said.implode())).head(MOST_COLUMNS)
    return kept.filter(pl.col("name").is_in(names.implode())).with_columns(name=COLUMN + pl.col("name"))


def further_fields(fields: Sequence[str]) -> dict[str, str]:
    """The further columns among a model's fields, and the field of each."""
    return {field.removeprefix(COLUMN): field for field in fields if field.startswith(COLUMN)}


def uses(values: pl.DataFrame) -> dict[str, str]:
    """What each further column is like, by its name: an identifier, a category, or a text.

    Args:
        values: as `further_columns` returns them.
    """
    profile = values.group_by("name").agg(filled=pl.len(), distinct=pl.col("value").n_unique())
    like = (
        pl.when(pl.col("distinct") >= IDENTIFYING * pl.col("filled")).then(pl.lit("identifier"))
        .when(pl.col("distinct") <= MOST_CATEGORIES).then(pl.lit("category"))
        .otherwise(pl.lit("text"))
    )  # fmt: skip
    return dict(profile.sort("name").select(pl.col("name").str.strip_prefix(COLUMN), like).iter_rows())


def columns_of(tables: Records, fields: Sequence[str]) -> pl.DataFrame:
    """The values of the further columns among a model's fields, as `further_columns` returns them."""
    values = _values(tables.extras.filter(pl.col("name").is_in(list(further_fields(fields)))))
    return values.with_columns(name=COLUMN + pl.col("name"))


def _values(extras: pl.DataFrame) -> pl.DataFrame:
    """`record`, `name`, `value` of cells: folded, the first of each column and record."""
    cells = extras.drop_nulls("value")
    words = by_value(cells["value"], lambda texts: folded(texts).str.replace_all(r"[^a-z0-9]+", " ").str.strip_chars())
    values = cells.select("record", "name").with_columns(words.alias("value")).filter(pl.col("value") != "")
    return values.unique(["record", "name"], keep="first", maintain_order=True)


def _said_elsewhere(values: pl.DataFrame, tables: Records) -> pl.Series:
    """Columns most of whose values are words of another field of their record: a name in one piece, a second town."""
    people = tables.records.select(
        "record",
        pl.concat_str(
            "first_key", "middle_key", "last_key", "company_key", "title_key", separator=" ", ignore_nulls=True
        ),
    )
    homes = tables.addresses.select(
        "record", first_key=pl.concat_str("street_key", "city_key", "postal_key", separator=" ", ignore_nulls=True)
    )
    words = pl.concat([people, homes.select(people.columns)]).group_by("record").agg(pl.col("first_key").str.join(" "))
    sample = values.group_by("name", maintain_order=True).head(SAMPLE)
    both = sample.join(words, on="record", maintain_order="left")
    own = pl.col("value").str.split(" ").list.set_difference(pl.col("first_key").str.split(" ")).list.len() == 0
    return both.group_by("name").agg(own.mean().alias("share")).filter(pl.col("share") > 0.5)["name"]

"""Golden records: one row a person, folded from its records in the order of trust, in columns."""

from __future__ import annotations

import polars as pl

from transforms.plan.contents import placed_addresses, single_fields
from transforms.plan.survivorship import MAX_ITEMS, SINGLE
from transforms.schema.records import Records
from transforms.schema.tables import ADDRESS_PARTS

BETWEEN = "; "
"""Between the values of a list in one cell."""


def golden_records(tables: Records, clusters: pl.Series) -> pl.DataFrame:
    """The golden record of each cluster: what folding its records one after the other leaves.

    Single fields are those of the first record that has them; a job title counts where its company is the one that
    stays. Lists are continued without repeats. See `survivorship.fold`, to which a property test holds this.

    Args:
        tables: the records, of export rows alone.
        clusters: the cluster of each record.

    Returns:
        `cluster`, `records` (how many), the single fields, and `emails`, `phones`, `addresses`, `labels` as lists of
        texts; in the order of the clusters' first records.
    """
    rows = single_fields(tables.records).with_columns(
        tables.records.select("record", "company_key", "source_rank", "row").drop("record"), cluster=clusters
    )
    rows = rows.sort("source_rank", "row", "record").with_row_index("place")
    company = pl.col("company").is_not_null()
    first_company = pl.col("place").filter(company).min().over("cluster")
    key = pl.col("company_key").filter(company).first().over("cluster")
    another = pl.col("company_key").is_not_null() & pl.col("company_key").ne_missing(key)
    foreign = (pl.col("place") > first_company) & another
    rows = rows.with_columns(job_title=pl.when(~foreign.fill_null(value=False)).then("job_title"))
    people = rows.group_by("cluster", maintain_order=True).agg(
        pl.len().alias("records"), *(pl.col(name).drop_nulls().first() for name in SINGLE)
    )
    where = rows.select("record", "cluster", "place")
    for name, items in (
        ("emails", _emails(tables, where)),
        ("phones", _phones(tables, where)),
        ("addresses", _addresses(tables, where)),
        ("labels", _in_order(tables.labels, where).select("cluster", "place", "position", item="label", key="label")),
    ):
        lists = items.unique(["cluster", "key"], keep="first", maintain_order=True)
        lists = lists.group_by("cluster", maintain_order=True).agg(pl.col("item").alias(name))
        people = people.join(lists, on="cluster", how="left", maintain_order="left")
    people = people.with_columns(pl.col("emails", "phones", "addresses", "labels").fill_null([]))
    return people.with_columns(pl.col("emails", "phones", "addresses").list.head(MAX_ITEMS))


def in_cells(golden: pl.DataFrame) -> pl.DataFrame:
    """Golden records with each list in one cell."""
    return golden.with_columns(
        pl.col(name).list.join(BETWEEN).replace("", None) for name in ("emails", "phones", "addresses", "labels")
    )


def _in_order(items: pl.DataFrame, where: pl.DataFrame) -> pl.DataFrame:
    """Items with the `cluster` and `place` of their record, in the order in which they are folded."""
    return items.join(where, on="record").sort("place", "position")


def _emails(tables: Records, where: pl.DataFrame) -> pl.DataFrame:
    usable = _in_order(tables.emails.drop_nulls("email"), where)
    return usable.select("cluster", "place", "position", item="email", key=pl.col("email").str.to_lowercase())


def _phones(tables: Records, where: pl.DataFrame) -> pl.DataFrame:
    """Phones, without those that are another one of their person written without its country."""
    digits = pl.col("phone").str.replace_all(r"\D", "")
    usable = _in_order(tables.phones.drop_nulls("phone"), where).select(
        "cluster",
        "e164",
        item="phone",
        key=pl.concat_str(
            pl.coalesce("e164", pl.when(digits != "").then(digits), "phone"),
            pl.when(pl.col("e164").is_not_null()).then("extension"),
            separator=";",
            ignore_nulls=True,
        ),
        tail=pl.coalesce("e164", "phone").str.replace_all(r"\D", "").str.strip_chars_start("0"),
    )
    usable = usable.unique(["cluster", "key"], keep="first", maintain_order=True).with_row_index("number")
    numbers = usable.select("cluster", "number", "tail")
    bare = numbers.filter(usable["e164"].is_null())
    both = bare.join(numbers, on="cluster", suffix="_other").filter(pl.col("number") != pl.col("number_other"))
    is_shorter = pl.col("tail").str.len_chars() <= pl.col("tail_other").str.len_chars()
    short = pl.when(is_shorter).then("tail").otherwise("tail_other")
    long = pl.when(is_shorter).then("tail_other").otherwise("tail")
    same = both.filter(short.str.len_chars() >= 8, long.str.ends_with(short))
    return _without_covered(usable, same.select("number", other="number_other"))


def _addresses(tables: Records, where: pl.DataFrame) -> pl.DataFrame:
    """Addresses, without those whose every part an earlier one of their person has."""
    parts = {f"key_{name}": pl.col(name).fill_null("").str.to_lowercase() for name in ADDRESS_PARTS}
    plain = {key: part.str.replace_all(r"\s+", " ").str.strip_chars() for key, part in parts.items()}
    shown = [
        pl.when(pl.col(name) != "").then(name)
        for name in ("street", "street2", "postal_code", "city", "region", "country")
    ]
    usable = _in_order(placed_addresses(tables.addresses), where).with_columns(**plain)
    usable = usable.select(
        "cluster", *plain, item=pl.concat_str(shown, separator=", ", ignore_nulls=True), key=pl.struct(*plain)
    )
    usable = usable.unique(["cluster", "key"], keep="first", maintain_order=True).with_row_index("number")
    several = usable.filter(pl.len().over("cluster") > 1).select("cluster", "number", *plain)
    both = several.join(several, on="cluster", suffix="_other").filter(pl.col("number") < pl.col("number_other"))
    covers = [(pl.col(f"{key}_other") == "") | (pl.col(f"{key}_other") == pl.col(key)) for key in plain]
    return _without_covered(usable, both.filter(covers).select("number", other="number_other"))


def _without_covered(items: pl.DataFrame, same: pl.DataFrame) -> pl.DataFrame:
    """Items without those that an earlier one, which stays, covers: `same` has pairs of their numbers."""
    ordered = same.select(earlier=pl.min_horizontal("number", "other"), later=pl.max_horizontal("number", "other"))
    dropped: set[int] = set()
    for earlier, later in ordered.unique().sort("later", "earlier").iter_rows():
        if earlier not in dropped:
            dropped.add(later)
    return items.filter(~pl.col("number").is_in(list(dropped)))

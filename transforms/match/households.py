"""Households: people of different clusters who live at one address."""

from __future__ import annotations

import polars as pl

from transforms.match.graph import components
from transforms.schema.records import Records

MOST_STRANGERS = 4
"""People with different surnames up to whom one address is a household; beyond it, only those of one surname are."""
NAMELESS = ""


def households(tables: Records, clusters: pl.Series) -> pl.DataFrame:
    """People who live together.

    People live together when a record of each has the same street with its house number, and the same postcode or city;
    where many people do, as in a block of flats, they must have the same surname, too.

    Args:
        tables: the records.
        clusters: the cluster of each record.

    Returns:
        `household` (from 1), `record`, `cluster`: the records of all people who live with somebody, household by
        household.
    """
    homes = tables.addresses.filter(
        pl.col("street_key").str.contains(r"\d").fill_null(value=False),
        pl.coalesce("postal_key", "city_key").is_not_null(),
    )
    records = tables.records.select("record", surname=pl.col("last_key").fill_null(NAMELESS)).with_columns(
        cluster=clusters
    )
    living = homes.select(
        "record", "street_key", place=pl.coalesce("postal_key", "city_key"), flat=pl.col("street2").fill_null("")
    ).join(records, on="record")
    home = ["street_key", "place", "flat"]
    few = pl.col("cluster").n_unique().over(home) <= MOST_STRANGERS
    by_home = living.with_columns(surname=pl.when(~few).then("surname").otherwise(pl.lit(NAMELESS)))
    by_home = by_home.filter(few | (pl.col("surname") != NAMELESS))
    groups = by_home.group_by(*home, "surname").agg(pl.col("cluster").unique().sort())
    groups = groups.filter(pl.col("cluster").list.len() > 1).select("cluster")
    edges = groups.select(left=pl.col("cluster").list.first(), right="cluster").explode("right")
    names = pl.concat([edges["left"], edges["right"]]).unique().sort()
    number = pl.DataFrame({"cluster": names, "at": pl.int_range(len(names), dtype=pl.UInt32, eager=True)})
    numbered = edges.join(number, left_on="left", right_on="cluster").join(
        number, left_on="right", right_on="cluster", suffix="_right"
    )
    group = components(numbered.select(left="at", right="at_right"), len(names))
    members = records.join(number.with_columns(group=group), on="cluster").sort("record")
    order = members.select("group").unique(maintain_order=True).with_row_index("household", offset=1)
    return members.join(order, on="group").sort("household", "record").select("household", "record", "cluster")

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
        `household`, `record`, `cluster`: the records of all people who live with somebody, in their order; a household
        goes by its first record.
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
    lives_with = pl.col("record").first()
    at_home = by_home.select(pl.col("record"), left=lives_with.over(*home, "surname"))
    one_person = records.select(pl.col("record"), left=lives_with.over("cluster"))
    edges = pl.concat([at_home, one_person]).select("left", right="record")
    members = records.select("record", "cluster", household=components(edges, len(records)))
    return members.filter(pl.col("cluster").n_unique().over("household") > 1).select("household", "record", "cluster")

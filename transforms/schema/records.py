"""The records, and what a record can have several of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

import polars as pl


@dataclass(frozen=True)
class Records:
    """The records and what a record can have several of, one table each, joined by `record`."""

    records: pl.DataFrame
    emails: pl.DataFrame
    phones: pl.DataFrame
    addresses: pl.DataFrame
    labels: pl.DataFrame
    extras: pl.DataFrame
    identifiers: pl.DataFrame
    repairs: pl.DataFrame
    date_orders: pl.DataFrame
    rejects: pl.DataFrame

    def tables(self) -> dict[str, pl.DataFrame]:
        """The tables by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def together(parts: Iterable[Records], orders: pl.DataFrame) -> Records:
    """The parts' tables as one, the records numbered through, with these `date_orders`."""
    tables: dict[str, list[pl.DataFrame]] = {}
    before = 0
    for part in parts:
        for name, table in part.tables().items():
            if "record" in table.columns:
                table = table.with_columns(pl.col("record") + pl.lit(before, dtype=pl.UInt32))
            tables.setdefault(name, []).append(table)
        before += len(part.records)
    tables["date_orders"] = [orders]
    return Records(**{name: pl.concat(tables.pop(name)) for name in list(tables)})


def chosen(tables: Records, wanted: pl.Series) -> Records:
    """Some of the records with all that belongs to them, numbered anew in their order.

    Args:
        tables: the records.
        wanted: for each record whether it is chosen.
    """
    number = pl.select(pl.when(wanted).then(wanted.cast(pl.UInt32).cum_sum() - 1)).to_series()
    return Records(
        **{
            name: table.with_columns(record=number.gather(table["record"])).drop_nulls("record")
            if "record" in table.columns
            else table
            for name, table in tables.tables().items()
        }
    )

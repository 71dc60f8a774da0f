"""Scored pairs for people and other programs: links with their evidence, doubtful ones, and links between tables."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from transforms.match.graph import components
from transforms.match.levels import level_labels
from transforms.match.matching import Matches, regrouped
from transforms.match.verdicts import Verdicts
from transforms.schema.records import Records


def links(matches: Matches, names: pl.DataFrame) -> pl.DataFrame:
    """The scored pairs with their evidence, in their order.

    Args:
        matches: pairs with the bits of each field.
        names: one row a record, in order: what it is called. A column `id` becomes `left` and `right`, another one
            `<column>_left` and `<column>_right`.

    Returns:
        The names, `probability`, `bits` (the match weight against all rivals together), `rival_hypothesis`; for each
        field `level_<field>` in words, null where a value is missing, and `bits_<field>`.
    """
    pairs = matches.pairs
    called = [
        names[column].gather(pairs[side]).alias(side if column == "id" else f"{column}_{side}")
        for side in ("left", "right")
        for column in names.columns
    ]
    fields = matches.model.fields
    levels = [
        pl.when(pl.col(f"level_{field}") > 0)
        .then(pl.lit(pl.Series(level_labels(field), dtype=pl.Enum(level_labels(field)))).gather(f"level_{field}"))
        .alias(f"level_{field}")
        for field in fields
    ]
    evidence = pairs.select(
        "probability", "bits", "rival_hypothesis", *levels, *(pl.col(f"bits_{field}") for field in fields)
    )
    return pl.concat([pl.DataFrame(called), evidence], how="horizontal")


def across(matches: Matches, tables: Records, sources: pl.Series, *, auto: float) -> Matches:
    """The same pairs, joined across sources alone: a cluster has one record of a source at most.

    Args:
        matches: pairs, as `match` returns them.
        tables: the records.
        sources: the source of each record.
        auto: the probability from which two records are joined.
    """
    left, right = (sources.gather(matches.pairs[side]) for side in ("left", "right"))
    crossing = matches.pairs.filter(left != right)
    likely = crossing.filter(pl.col("probability") >= auto).select("left", "right")
    group = components(likely, len(sources))
    rows = pl.DataFrame({"record": pl.int_range(len(sources), dtype=pl.UInt32, eager=True), "group": group})
    rows = rows.with_columns(source=sources).filter(pl.len().over("group") > 1)
    within = rows.join(rows, on=["group", "source"], suffix="_other").filter(pl.col("record") < pl.col("record_other"))
    apart = frozenset(within.select("record", "record_other").iter_rows())
    verdicts = Verdicts(together=matches.verdicts.together, apart=matches.verdicts.apart | apart)
    return regrouped(replace(matches, pairs=crossing, verdicts=verdicts), tables, auto=auto, named=False)

"""What would come of it if a person said *together* of records that were not joined."""

from __future__ import annotations

import polars as pl

from transforms.match.matching import Matches
from transforms.plan.planning import plan
from transforms.plan.policy import Policy
from transforms.schema.records import Records, chosen
from transforms.schema.tables import LOSSES, PLAN, empty


def if_together(
    tables: Records, matches: Matches, contacts: pl.DataFrame, policy: Policy, wanted: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The operations and losses (`PLAN`, `LOSSES`) of cases whose records are taken for one person.

    Args:
        tables: the records.
        matches: their pairs and clusters.
        contacts: `CONTACTS`: the site's contacts as they are.
        policy: what decides.
        wanted: `case`, `record`: the records of each case. A record may be in several cases, which then are planned one
            after the other.

    Returns:
        The operations and the losses, with the case as their `cluster`.
    """
    operations, losses = [empty(PLAN)], [empty(LOSSES)]
    left = wanted
    while len(left):
        taken = _disjoint(left)
        subset = chosen(tables, tables.records["record"].is_in(taken["record"].implode()))
        clusters = subset.records.select("record", "record_id").with_columns(
            cluster=taken.sort("record")["case"]  # the records are numbered anew in their order
        )
        theirs = contacts.join(subset.records.select("contact_id"), on="contact_id", how="semi")
        alone = Matches(matches.pairs.clear(), clusters, matches.model)
        made = plan(subset, alone, theirs, policy)
        operations.append(made.operations)
        losses.append(made.losses)
        left = left.join(taken, on="case", how="anti")
    return pl.concat(operations), pl.concat(losses)


def _disjoint(wanted: pl.DataFrame) -> pl.DataFrame:
    """The cases that share no record with one before them."""
    seen: set[int] = set()
    chosen_cases: list[str] = []
    for case, records in wanted.group_by("case", maintain_order=True).agg("record").iter_rows():
        if seen.isdisjoint(records):
            seen.update(records)
            chosen_cases.append(case)
    return wanted.filter(pl.col("case").is_in(chosen_cases))

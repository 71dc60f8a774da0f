"""Rows that are nobody else's: each becomes a contact, in columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import polars as pl

from transforms.plan.contents import info_json
from transforms.plan.opt_outs import reaches
from transforms.plan.policy import Policy
from transforms.plan.reasons import LEFT_BEFORE, NOBODY_ELSE, Reason
from transforms.schema.ids import short_id
from transforms.schema.operations import Cause, Kind, State
from transforms.schema.tables import PLAN, conform


class NewContacts(NamedTuple):
    """The operations (`PLAN` and `place`), losses and outcome (`CONTACTS`) of rows that are nobody else's."""

    operations: pl.DataFrame
    losses: pl.DataFrame
    outcome: pl.DataFrame


def new_contacts(
    rows: pl.DataFrame,
    lost: pl.DataFrame,
    doubts: Mapping[str, Reason],
    contested: Mapping[str, str],
    settled_earlier: Mapping[str, bool],
    opted_out: frozenset[str],
    policy: Policy,
) -> NewContacts:
    """A contact for each row that is nobody else's, in columns.

    Args:
        rows: the rows with their `contents`, `cluster`, `place`, `reach` and `is_shared`.
        lost: `unplaced` values of all rows.
        doubts, contested, decided, opted_out, policy: as in `plan`.
    """
    doubtful = pl.DataFrame(
        [(cluster, reason, link) for cluster, (reason, link) in doubts.items()],
        schema={"cluster": pl.String, "doubt": pl.String, "link": pl.List(pl.String)},
        orient="row",
    )
    against = pl.DataFrame(list(contested.items()), schema={"cluster": pl.String, "contested": pl.String}, orient="row")
    before = pl.DataFrame(
        list(settled_earlier.items()), schema={"record_id": pl.String, "is_left": pl.Boolean}, orient="row"
    )
    for frame, key in ((doubtful, "cluster"), (against, "cluster"), (before, "record_id")):
        rows = rows.join(frame, on=key, how="left", maintain_order="left")
    own = pl.lit([policy.label] if policy.label else [], dtype=pl.List(pl.String))
    opt_out = pl.lit([policy.opt_out_label], dtype=pl.List(pl.String))
    rows = rows.with_columns(
        labels=pl.concat_list(
            "labels",
            own,
            pl.when(reaches(pl.col("reach"), opted_out)).then(opt_out).otherwise(pl.lit([], dtype=pl.List(pl.String))),
        ).list.unique(maintain_order=True),
        reason=pl.coalesce("contested", "doubt", pl.when("is_left").then(pl.lit(LEFT_BEFORE)), pl.lit("")),
        link=pl.col("link").fill_null([]),
        cause=pl.when(pl.col("contested").is_not_null())
        .then(pl.lit(Cause.CONTRADICTION.value))
        .when(pl.col("doubt").is_not_null())
        .then(pl.lit(Cause.ALIKE.value))
        .when("is_left")
        .then(pl.lit(Cause.LEFT.value))
        .otherwise(pl.lit(Cause.NONE.value)),
        is_settled=pl.col("is_left").is_not_null(),
    )
    is_auto = pl.col("reason") == ""
    named = rows.select("cluster", step=pl.lit("0"), kind=pl.lit(Kind.CREATE.value), records="record_id")
    operations = rows.select(
        "record",
        "place",
        "cluster",
        "reason",
        "cause",
        "labels",
        "changes",
        "link",
        "is_settled",
        step=pl.lit(0, dtype=pl.UInt32),
        kind=pl.lit(Kind.CREATE.value),
        state=pl.when(is_auto).then(pl.lit(State.AUTO.value)).otherwise(pl.lit(State.REVIEW.value)),
        sources=pl.lit([], dtype=pl.List(pl.String)),
        records=pl.concat_list("record_id"),
        allow_duplicates="is_shared",
        preconditions=pl.lit("{}"),
        after=info_json(pl.col("labels"), primary=True),
        evidence=pl.when(is_auto).then(pl.lit(NOBODY_ELSE)).otherwise(pl.lit("")),
        operation=pl.Series([short_id(*iter_row) for iter_row in named.iter_rows()], dtype=pl.String),
    )
    automatic = operations.filter(pl.col("state") == State.AUTO)
    outcome = automatic.filter(~pl.col("is_settled")).select(contact_id="operation", info="after")
    losses = automatic.select("cluster", "record", "place").join(lost, on="record", maintain_order="left")
    dealt_with = (pl.col("state") == State.AUTO) & pl.col("is_settled")
    return NewContacts(_with_place(operations.filter(~dealt_with)), losses, outcome)


def _with_place(operations: pl.DataFrame) -> pl.DataFrame:
    """Operations as `PLAN`, with their `place` before it."""
    return pl.concat([operations.select(pl.col("place").cast(pl.UInt32)), conform(operations, PLAN)], how="horizontal")

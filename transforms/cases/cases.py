"""The cases of a run: one for every operation that waits for a person, and one for every other person of the run."""

from __future__ import annotations

import polars as pl

from transforms.plan.reasons import NOBODY_ELSE
from transforms.schema.operations import CREATED_BY, Cause, Kind, Outcome, State
from transforms.schema.tables import Schema, conform

SAME = "same"
"""What is done about a person about whom nothing is to be done."""
THEN = " → "
CASES: Schema = {
    # One row a case, the riskiest first. `waits`: whether a person is needed; `does`: what is, or would be, done.
    # `records` are of the person in question, `others` of the one it may be the same as; `left` and `right` are the
    # two records it rests on, `likely` how likely they are one person, and `rival` what speaks for else.
    "case": pl.String,
    "cluster": pl.String,
    "waits": pl.Boolean,
    "state": pl.String,
    "cause": pl.String,
    "why": pl.String,
    "does": pl.String,
    "calls": pl.String,
    "changes": pl.List(pl.String),
    "after": pl.String,
    "outcome": pl.String,
    "detail": pl.String,
    "records": pl.List(pl.UInt32),
    "others": pl.List(pl.UInt32),
    "left": pl.UInt32,
    "right": pl.UInt32,
    "likely": pl.Float64,
    "rival": pl.String,
    "pattern": pl.String,
    "lost": pl.UInt32,
    "risk": pl.Float64,
}
CALL = pl.coalesce(
    pl.when(pl.col("kind") == kind.value).then(words)
    for kind, words in {
        Kind.CREATE: pl.lit("create a contact"),
        Kind.MERGE: pl.format("merge {} contacts into one", pl.col("sources").list.len() + 1),
        Kind.UPDATE: pl.lit("update the contact"),
        Kind.LABEL: pl.lit("label the contact"),
    }.items()
)
"""An operation of `PLAN` as a call of the site, in words."""


def cases(
    planned: pl.DataFrame, journal: pl.DataFrame, clusters: pl.DataFrame, pairs: pl.DataFrame, losses: pl.DataFrame
) -> pl.DataFrame:
    """The cases of a run, the riskiest first.

    Args:
        planned: `PLAN`.
        journal: the journal's entries: `operation`, `state`, `detail`.
        clusters: `CLUSTERS`.
        pairs: `PAIRS`.
        losses: `LOSSES`.

    Returns:
        `CASES`. The risk of a case is what a mistake would cost (values lost, contacts merged away) times how likely
        one is by its weakest link; a case that waits comes before all that do not.
    """
    done = journal.select("operation", came="state", told="detail")
    operations = planned.join(done, on="operation", how="left", maintain_order="left")
    waits = pl.col("state") != State.AUTO
    stopped = pl.col("came").is_in([Outcome.HELD.value, Outcome.STALE.value, Outcome.FAILED.value])
    operations = operations.with_columns(
        about=pl.when(waits).then(pl.col("link").list.sort().list.join("+")).otherwise(pl.lit("")),
        is_asked=waits,
        waits=waits | stopped.fill_null(value=False),
        outcome=pl.when(waits).then("state").otherwise(pl.col("came").fill_null("planned")),
        gone=pl.when(pl.col("kind") == Kind.MERGE)
        .then(pl.col("sources").list.eval(~pl.element().str.starts_with(CREATED_BY)).list.sum())
        .otherwise(0),
    )  # fmt: skip
    found = operations.group_by("cluster", "is_asked", "about", maintain_order=True).agg(
        pl.col("state", "cause", "link", "evidence").first(),
        pl.col("waits").any(),
        pl.col("reason").filter(pl.col("reason") != "").first(),
        pl.col("changes").list.explode(keep_nulls=False, empty_as_null=False),
        pl.col("after").drop_nulls().last(),
        pl.col("gone").sum(),
        pl.col("told").filter(pl.col("told") != "").last(),
        case=pl.when(pl.col("is_asked").first()).then(pl.col("operation").first()).otherwise(pl.col("cluster").first()),
        does=_weightiest(),
        calls=CALL.str.join(THEN),
        outcome=pl.col("outcome").filter(pl.col("outcome") != Outcome.DONE).first().fill_null(Outcome.DONE.value),
    )
    quiet = clusters.select("cluster").unique(maintain_order=True).join(found, on="cluster", how="anti")
    quiet = quiet.select("cluster", case="cluster", state=pl.lit(State.AUTO.value), does=pl.lit(SAME))
    found = pl.concat([found, quiet], how="diagonal").with_columns(
        pl.col("waits").fill_null(value=False), pl.col("outcome").fill_null("")
    )
    return conform(_in_order(_with_evidence(_with_records(found, clusters), pairs), losses), CASES)


def _weightiest() -> pl.Expr:
    """The weightiest kind of operation in a case."""
    kinds = [Kind.MERGE.value, Kind.CREATE.value, Kind.UPDATE.value, Kind.LABEL.value]
    return pl.col("kind").cast(pl.Enum(kinds)).min().cast(pl.String)


def _with_records(found: pl.DataFrame, clusters: pl.DataFrame) -> pl.DataFrame:
    """The cases with the records of their person, and of the one it may be the same as."""
    members = clusters.group_by("cluster", maintain_order=True).agg(records="record")
    place = clusters.select("record", "record_id", "cluster")
    two = found.with_columns(
        one=pl.col("link").list.get(0, null_on_oob=True), two=pl.col("link").list.get(1, null_on_oob=True)
    )
    for end in ("one", "two"):
        ends = place.select(
            pl.col("record_id").alias(end),
            pl.col("record").alias(f"{end}_record"),
            pl.col("cluster").alias(f"{end}_cluster"),
        )
        two = two.join(ends, on=end, how="left", maintain_order="left")
    other = pl.coalesce(
        pl.when(pl.col(f"{end}_cluster") != pl.col("cluster")).then(f"{end}_cluster") for end in ("one", "two")
    )
    theirs = members.select(other="cluster", others="records")
    return (
        two.with_columns(other=other, left=pl.min_horizontal("one_record", "two_record"),
                         right=pl.max_horizontal("one_record", "two_record"))
        .join(members, on="cluster", how="left", maintain_order="left")
        .join(theirs, on="other", how="left", maintain_order="left")
        .with_columns(pl.col("others").fill_null([]))
    )  # fmt: skip


def _with_evidence(found: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """The cases with what was found of the two records they rest on."""
    scored = pairs.select("left", "right", likely="probability", rival="rival_hypothesis", pattern="why")
    return found.join(scored, on=["left", "right"], how="left", maintain_order="left")


def _in_order(found: pl.DataFrame, losses: pl.DataFrame) -> pl.DataFrame:
    """The cases with their losses, the riskiest first."""
    lost = losses.group_by("cluster").agg(lost=pl.len())
    both = found.join(lost, on="cluster", how="left", maintain_order="left")
    is_waiting = pl.col("state") != State.AUTO
    likely = pl.col("likely").fill_null(pl.when(is_waiting).then(0.5).otherwise(1.0))
    doubt = pl.when(is_waiting).then(1 - (2 * likely - 1).abs()).otherwise(1 - likely)
    lost_values = pl.when(is_waiting).then(0).otherwise(pl.col("lost").fill_null(0))
    harm = 1 + pl.col("gone").fill_null(0) + lost_values + pl.col("others").list.len()
    said = [pl.when(pl.col(name) != "").then(pl.col(name)) for name in ("reason", "evidence")]
    why = pl.concat_str(said, separator="; ", ignore_nulls=True)
    return (
        both.with_columns(
            lost=lost_values.cast(pl.UInt32),
            risk=(pl.col("waits").cast(pl.Float64) * 1_000 + (doubt + 0.001) * harm),
            why=pl.when(why != "").then(why).otherwise(pl.lit(NOBODY_ELSE)),
            cause=pl.when(pl.col("state") == State.AUTO).then(pl.when("waits").then("outcome")).otherwise("cause")
            .fill_null(Cause.NONE.value),
            detail="told",
        )
        .sort("risk", descending=True, maintain_order=True)
    )  # fmt: skip

"""The cards of a run's cases as tables: what each shows of its records, its outcome, its losses and its evidence."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from transforms.cases.cases import CALL, CASES, THEN, cases
from transforms.cases.together import if_together
from transforms.cases.values import BETWEEN, FIELDS, content_values, record_values
from transforms.match.clustering import why_apart
from transforms.match.matching import Matches
from transforms.plan.policy import Policy
from transforms.schema.operations import Cause, Kind, State
from transforms.schema.records import Records

SHOWN_AS = {
    "first": "first name", "last": "last name", "middle": "first name", "suffix": "suffix", "birth": "birth date",
    "email": "e-mail", "phone": "phone", "address": "address", "company": "company", "title": "job title",
}  # fmt: skip
"""The field of a record that shows what a compared field is about."""
_OF_A_LOSS = ("record_id", "field", "value", "kept", "reason")
_OF_A_CARD = [name for name in CASES if name not in ("after", "state", "risk")]


class Cards(NamedTuple):
    """The cards of a run, the riskiest case first.

    Attributes:
        cases: `CASES` without contents, `blocked`: why it would wait even if a person said *together*, and `held`: why
            two that are likely enough were not joined.
        records: `record_id`, `source`, `file`, `line`, and what each record says (`VALUES`); `records` and the like in
            `cases` are places in this table.
        contents: for each case the contact afterwards, or nulls where it is what its one record says: for each field
            `from <field>`, which of the case's records (`records`, then `others`) says the same, or what none of them
            says (`VALUES`).
        losses: the values that are lost, with the place of their `case`, and the place of their `record`.
        evidence: `start`, `level_<field>`, `bits_<field>` of the two records a case rests on, with its place.
        total: how many cases there are in all; the most harmless are not among these.
    """

    cases: pl.DataFrame
    records: pl.DataFrame
    contents: pl.DataFrame
    losses: pl.DataFrame
    evidence: pl.DataFrame
    total: int


def cards(
    tables: Records,
    planned: pl.DataFrame,
    journal: pl.DataFrame,
    matches: Matches,
    contacts: pl.DataFrame,
    losses: pl.DataFrame,
    policy: Policy,
    *,
    most: int,
) -> Cards:
    """The cards of a run's cases.

    Args:
        tables: the records.
        planned: `PLAN`.
        journal: the journal's entries: `operation`, `state`, `detail`.
        matches: the pairs and clusters.
        contacts: `CONTACTS`: the site's contacts as they were when it was planned.
        losses: `LOSSES`.
        policy: what decided.
        most: cases that are shown at most: the riskiest.
    """
    every = cases(planned, journal, matches.clusters, matches.pairs, losses)
    shown = every.head(most)
    asked = shown.filter((pl.col("state") != State.AUTO) & (pl.col("others").list.len() > 0))
    wanted = asked.select("case", record=pl.concat_list("records", "others")).explode("record")
    operations, lost = if_together(tables, matches, contacts, policy, wanted)
    shown = _with_what_would_be(shown, operations)
    places = shown.select("case", "cluster", "state").with_row_index("at")
    its_own = losses.join(places.filter(pl.col("state") == State.AUTO), on="cluster", maintain_order="left")
    would_be = lost.join(places.select("at", "case"), left_on="cluster", right_on="case", maintain_order="left")
    told = pl.concat([part.drop_nulls("at").select("at", *_OF_A_LOSS) for part in (its_own, would_be)])
    said = record_values(tables)
    single = (shown["records"].list.len() + shown["others"].list.len() == 1) & ~shown["waits"]
    contents = content_values(shown.select(pl.when(~single).then("after")).to_series())
    used = shown.select(pl.concat_list("records", "others")).to_series().explode().unique().sort()
    number = pl.DataFrame({"record": used}).with_row_index("place")
    records = tables.records.select("record", "record_id", "source", "file", "line").join(said, on="record")
    records = number.join(records, on="record", maintain_order="left").drop("record")
    numbered = _renumbered(shown, number)
    is_its_cluster = pl.col("case") == pl.col("cluster")
    changes = pl.when(pl.col("does").is_in([Kind.UPDATE, Kind.MERGE])).then(pl.col("changes").list.join(BETWEEN))
    return Cards(
        cases=numbered.select(*_OF_A_CARD, "blocked", _held(shown, matches, policy.auto)).with_columns(
            changes=changes, cluster=pl.when(~is_its_cluster).then("cluster")
        ),
        records=records.drop("place"),
        contents=_without_what_records_say(contents, numbered, records),
        losses=told.join(records.select("record_id", record="place"), on="record_id", maintain_order="left").select(
            "record", *_OF_A_LOSS[1:], case="at"
        ),
        evidence=_evidence(shown, matches.pairs),
        total=len(every),
    )


def _held(shown: pl.DataFrame, matches: Matches, auto: float) -> pl.Series:
    """Why the two records of a case that are likely enough were not joined; null for all other cases."""
    is_held = shown.select((pl.col("cause") == Cause.ALIKE) & (pl.col("likely") >= auto).fill_null(value=False))
    ends = shown.select("left", "right").with_row_index("at").filter(is_held.to_series())
    scored = ends.join(matches.pairs, on=["left", "right"], maintain_order="left")
    told = scored.select("at", held=why_apart(scored, families=matches.model.families))
    return shown.select(pl.int_range(pl.len(), dtype=pl.UInt32).alias("at")).join(
        told, on="at", how="left", maintain_order="left"
    )["held"]


def _without_what_records_say(contents: pl.DataFrame, shown: pl.DataFrame, records: pl.DataFrame) -> pl.DataFrame:
    """The contents, with `from <field>`, the first of the case's records that says the same, in place of its value."""
    members = (
        shown.select(member=pl.concat_list("records", "others")).with_row_index("at").explode("member")
        .with_columns(order=pl.int_range(pl.len(), dtype=pl.UInt32).over("at"))
    )  # fmt: skip
    theirs = members.join(records, left_on="member", right_on="place", maintain_order="left")
    compared = theirs.join(contents.with_row_index("at"), on="at", suffix=" afterwards", maintain_order="left")
    first = compared.group_by("at", maintain_order=True).agg(
        pl.col("order").filter(pl.col(name) == pl.col(f"{name} afterwards")).first().alias(f"from {name}")
        for name in FIELDS
    )
    both = pl.concat([contents, first.drop("at")], how="horizontal")
    return both.with_columns(pl.when(pl.col(f"from {name}").is_null()).then(name).alias(name) for name in FIELDS)


def _with_what_would_be(shown: pl.DataFrame, operations: pl.DataFrame) -> pl.DataFrame:
    """The cases with what would come of them if a person said *together*, and why they would wait even then."""
    would_be = operations.group_by(case="cluster").agg(
        will=pl.col("after").drop_nulls().last(),
        would_call=CALL.str.join(THEN),
        blocked=pl.col("reason").filter(pl.col("state") != State.AUTO).first(),
    )
    both = shown.join(would_be, on="case", how="left", maintain_order="left")
    return both.with_columns(after=pl.coalesce("will", "after"), calls=pl.coalesce("would_call", "calls"))


def _renumbered(shown: pl.DataFrame, number: pl.DataFrame) -> pl.DataFrame:
    """The cases with places in the table of shown records for the numbers of records."""
    found = shown.with_row_index("at")
    for name in ("left", "right"):
        ends = number.select(pl.col("record").alias(name), pl.col("place").alias(f"{name}_place"))
        found = found.join(ends, on=name, how="left", maintain_order="left").with_columns(
            pl.col(f"{name}_place").alias(name)
        )
    for name in ("records", "others"):
        each = found.select("at", record=name).explode("record", empty_as_null=False)
        each = each.join(number, on="record", maintain_order="left")
        lists = each.group_by("at").agg(pl.col("place").alias(name))
        found = found.drop(name).join(lists, on="at", how="left", maintain_order="left")
    return found.with_columns(pl.col("records", "others").fill_null([]))


def _evidence(shown: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """What was found of the two records each case rests on: `case`, `start`, and level and bits of each field."""
    levels = [name for name in pairs.columns if name.startswith("level_")]
    bits = [name for name in pairs.columns if name.startswith("bits_")]
    ends = shown.select("left", "right").with_row_index("case").drop_nulls()
    found = ends.join(pairs.select("left", "right", "bits", *levels, *bits), on=["left", "right"]).sort("case")
    start = pl.col("bits") - pl.sum_horizontal(bits)
    return found.select("case", start.round(1).alias("start"), *levels, *(pl.col(name).round(1) for name in bits))

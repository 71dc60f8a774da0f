"""The audit of a run: one row an operation, with its reasons, contents and outcome."""

from __future__ import annotations

import polars as pl

from transforms.plan.contents import CONTENT
from transforms.plan.survivorship import IN_WORDS, SINGLE, differences
from transforms.schema.contact import Info
from transforms.schema.operations import CREATED_BY, Kind, Outcome, PlanCounts, State, Tally
from transforms.schema.tables import AUDIT, conform

NOT_APPLIED = "planned"


def audit(plan: pl.DataFrame, journal: pl.DataFrame) -> pl.DataFrame:
    """The audit table.

    Args:
        plan: `PLAN`.
        journal: the journal's entries: `operation`, `state`, `contact`, `after`, `detail`, `closed`.

    Returns:
        `AUDIT`, in the plan's order. `before` and `after` name only the fields that differ.
    """
    joined = plan.join(
        journal.select("operation", "state", "contact", "detail", "closed"),
        on="operation",
        how="left",
        suffix="_now",
        maintain_order="left",
    )
    changed = _changed(joined["before"], joined["after"])
    is_auto = pl.col("state") == State.AUTO
    changes = pl.col("changes").fill_null([]).list.join("\n")
    several = pl.col("sources").list.len().fill_null(0)
    contacts = pl.when(several == 1).then(pl.lit("contact")).otherwise(pl.lit("contacts"))
    what = (
        pl.when(pl.col("kind") == Kind.MERGE)
        .then(pl.format("merge {} {} into one", several, contacts))
        .otherwise(pl.format("{} a contact", "kind"))
    )
    why_held = pl.concat_str(
        *(pl.when(pl.col(name) != "").then(pl.col(name)) for name in ("reason", "evidence")),
        separator="; ",
        ignore_nulls=True,
    )
    rows = joined.select(
        "operation",
        "cluster",
        what=pl.when(is_auto).then(what).otherwise(pl.format("held: {}", "kind")),
        why=pl.when(is_auto).then("evidence").otherwise(why_held),
        records=pl.col("records").fill_null([]).list.join("; "),
        contact=pl.coalesce("contact", "target"),
        before=changed["before"],
        after=changed["after"],
        outcome=pl.when(is_auto).then(pl.col("state_now").fill_null(NOT_APPLIED)).otherwise("state"),
        detail=pl.coalesce(pl.when(pl.col("detail") != "").then("detail"), changes),
        at="closed",
    )
    return conform(rows, AUDIT)


def _changed(before: pl.Series, after: pl.Series) -> pl.DataFrame:
    """The fields in which contents (JSON) differ, in words, a line each: `before`, `after`.

    Contents with custom fields, whose names are anybody's, are compared one by one, all others in columns.
    """
    both = pl.DataFrame({"before": before, "after": after}).with_row_index("place")
    both = both.with_columns(pl.col("before").fill_null("{}"), after=pl.coalesce("after", "before", pl.lit("{}")))
    named = both["before"].str.contains('"extended":', literal=True) | both["after"].str.contains(
        '"extended":', literal=True
    )
    single = [_changed_of(*iter_row) for iter_row in both.filter(named).select("before", "after").iter_rows()]
    one_by_one = pl.DataFrame(single, schema={"before": pl.String, "after": pl.String}, orient="row")
    plain = both.filter(~named)
    contents = plain.select(pl.col("before", "after").str.json_decode(CONTENT))
    texts = contents.select(
        pl.concat_str(
            [
                pl.when(pl.col("before").struct[name].ne_missing(pl.col("after").struct[name])).then(
                    _line(name, pl.col(side).struct[name])
                )
                for name in CONTENT.to_schema()
            ],
            separator="\n",
            ignore_nulls=True,
        ).alias(side)
        for side in ("before", "after")
    )
    parts = ((plain, texts), (both.filter(named), one_by_one))
    numbered = [pl.concat([rows.select("place"), lines], how="horizontal") for rows, lines in parts]
    return pl.concat(numbered).sort("place").drop("place")


def _line(name: str, value: pl.Expr) -> pl.Expr:
    """`field: value`, null where there is no value."""
    if name in SINGLE:
        text = value
    elif name == "labels":
        text = value.list.join("; ")
    elif name == "addresses":
        parts = [
            pl.element().struct[part] for part in ("line", "line2", "postal_code", "city", "subdivision", "country")
        ]
        filled = [pl.when(part != "").then(part) for part in parts]
        text = value.list.eval(pl.concat_str(filled, separator=", ", ignore_nulls=True)).list.join("; ")
    else:
        text = value.list.eval(pl.element().struct[name.removesuffix("s")]).list.join("; ")
    return pl.when(text != "").then(pl.format("{}: {}", pl.lit(IN_WORDS.get(name, name)), text))


def _changed_of(before: str, after: str) -> tuple[str, str]:
    """Differences of two contents in words."""
    changed = differences(Info.model_validate_json(before), Info.model_validate_json(after))
    return (
        "\n".join(f"{name}: {was}" for name, (was, _) in changed.items() if was),
        "\n".join(f"{name}: {is_now}" for name, (_, is_now) in changed.items() if is_now),
    )


def tally(plan: pl.DataFrame, journal: pl.DataFrame) -> Tally:
    """How many contacts were created, updated, merged away and labelled, and what is held or failed.

    A held cluster or pair counts once. Before anything is applied all but `held` and `left` are 0; `left` are the
    operations that are still to be done.
    """
    joined = plan.join(journal.select("operation", state_now="state"), on="operation", how="left")
    done = joined.filter(pl.col("state_now") == Outcome.DONE)
    there = pl.col("sources").list.filter(~pl.element().str.starts_with(CREATED_BY))
    sources = done.filter(pl.col("kind") == Kind.MERGE).select(there.list.len().sum()).item()
    waiting = plan.filter(pl.col("state") != State.AUTO)["cluster"].n_unique()
    stopped = joined.filter(pl.col("state_now").is_in([Outcome.HELD.value, Outcome.STALE.value])).height
    return Tally(
        created=done.filter(pl.col("kind") == Kind.CREATE).height,
        updated=done.filter(pl.col("kind") == Kind.UPDATE).height,
        merged=int(sources or 0),
        labelled=done.filter(pl.col("labels").list.len() > 0).height,
        held=waiting + stopped,
        failed=joined.filter(pl.col("state_now").is_in([Outcome.FAILED.value, Outcome.OPEN.value])).height,
        left=joined.filter(pl.col("state") == State.AUTO, pl.col("state_now").is_null()).height,
    )


def counts(planned: pl.DataFrame) -> PlanCounts:
    """What a plan will do: contacts created, updated, merged away, into how many, calls of merges, labelled, touched,
    and cases that are held.
    """
    auto = planned.filter(pl.col("state") == State.AUTO).with_columns(
        pl.col("sources").list.filter(~pl.element().str.starts_with(CREATED_BY)),
        pl.when(~pl.col("target").str.starts_with(CREATED_BY)).then("target"),
    )
    merges = auto.filter(pl.col("kind") == Kind.MERGE, pl.col("sources").list.len() > 0)
    waiting = planned.filter(pl.col("state") != State.AUTO)
    return PlanCounts(
        create=auto.filter(pl.col("kind") == Kind.CREATE).height,
        update=auto.filter(pl.col("kind") == Kind.UPDATE).height,
        merge=int(merges["sources"].list.len().sum() or 0),
        into=merges["target"].n_unique(),
        merge_calls=merges.height,
        label=auto.filter(pl.col("labels").list.len() > 0).height,
        touched=len({*auto["target"].drop_nulls(), *auto["sources"].explode().drop_nulls()}),
        review=waiting.filter(pl.col("state") == State.REVIEW)["cluster"].n_unique(),
        blocked=waiting.filter(pl.col("state") == State.BLOCKED)["cluster"].n_unique(),
    )

"""What is on record of a run: one row an operation, with its reasons, its contents and its outcome."""

from __future__ import annotations

import polars as pl

from transforms.planning import MADE
from transforms.schema import AUDIT, Info, conform
from transforms.survivorship import differences

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
    rows = []
    for row in joined.iter_rows(named=True):
        auto = row["state"] == "auto"
        before = Info.model_validate_json(row["before"]) if row["before"] else Info()
        after = Info.model_validate_json(row["after"]) if row["after"] else before
        changed = differences(before, after)
        rows.append(
            {
                "operation": row["operation"],
                "cluster": row["cluster"],
                "what": _what(row["kind"], row["sources"]) if auto else f"held: {row['kind']}",
                "why": row["evidence"] if auto else "; ".join(one for one in (row["reason"], row["evidence"]) if one),
                "records": "; ".join(row["records"] or []),
                "contact": row["contact"] or row["target"],
                "before": "\n".join(f"{name}: {one}" for name, (one, _) in changed.items() if one),
                "after": "\n".join(f"{name}: {two}" for name, (_, two) in changed.items() if two),
                "outcome": (row["state_now"] or NOT_APPLIED) if auto else row["state"],
                "detail": row["detail"] or "\n".join(row["changes"] or []),
                "at": row["closed"],
            }
        )
    frame = pl.DataFrame(rows, schema=dict(AUDIT)) if rows else pl.DataFrame(schema=dict(AUDIT))
    return conform(frame, AUDIT)


def _what(kind: str, sources: list[str] | None) -> str:
    if kind == "merge":
        return f"merge {len(sources or [])} contact{'s' if len(sources or []) != 1 else ''} into one"
    return f"{kind} a contact"


def tally(plan: pl.DataFrame, journal: pl.DataFrame) -> dict[str, int]:
    """How many contacts were created, updated, merged away and labelled, and what is held or failed.

    A held cluster or pair counts once. Before anything is applied all but `held` and `left` are 0; `left` are the
    operations that are still to be done.
    """
    joined = plan.join(journal.select("operation", state_now="state"), on="operation", how="left")
    done = joined.filter(pl.col("state_now") == "done")
    there = pl.col("sources").list.filter(~pl.element().str.starts_with(MADE))
    sources = done.filter(pl.col("kind") == "merge").select(there.list.len().sum()).item()
    waiting = plan.filter(pl.col("state") != "auto")["cluster"].n_unique()
    stopped = joined.filter(pl.col("state_now").is_in(["held", "stale"])).height
    return {
        "created": done.filter(pl.col("kind") == "create").height,
        "updated": done.filter(pl.col("kind") == "update").height,
        "merged": int(sources or 0),
        "labelled": done.filter(pl.col("labels").list.len() > 0).height,
        "held": waiting + stopped,
        "failed": joined.filter(pl.col("state_now").is_in(["failed", "open"])).height,
        "left": joined.filter(pl.col("state") == "auto", pl.col("state_now").is_null()).height,
    }

"""Writes a run's report: one HTML file that needs nothing else, and the audit as CSV and Parquet."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import polars as pl
from jinja2 import Environment
from markupsafe import Markup

from connectors.exports.guards import write_report_csv
from connectors.private import write_whole
from connectors.store.run_facts import RunFacts
from connectors.visible import visible
from transforms.schema.operations import WAITS, PlanCounts, Tally

Waterfall = tuple[str, str, Sequence[tuple[str, str, float, float]]]
"""Probability, rival hypothesis, and steps of a waterfall: name, words, start, end."""
WIDTH = 220
"""Of a waterfall, in pixels."""
MOST_ROWS = 2_000
"""A table on the page shows at most this many rows; the files beside it hold all of them."""


def write_report(
    folder: Path,
    *,
    facts: RunFacts,
    is_applied: bool,
    people: int,
    planned: PlanCounts,
    done: Tally,
    audit: pl.DataFrame,
    losses: pl.DataFrame,
    rejects: pl.DataFrame,
    records: pl.DataFrame,
    waterfalls: Mapping[str, Waterfall],
    site: str,
) -> None:
    """Writes `report.html`, `audit.csv`, `audit.parquet`, `losses.csv` and `rejects.csv` into the run's folder.

    Args:
        folder: the run's folder.
        facts: what the plan noted of the run.
        is_applied: whether the plan was applied.
        people: how many there are.
        planned: what the plan will do.
        done: what came of it so far.
        audit: `AUDIT`.
        losses: `LOSSES`.
        rejects: `REJECTS`.
        records: `RECORDS`, for counting by source.
        waterfalls: the evidence an operation rests on, by operation.
        site: the site, for people.
    """
    with write_whole(folder / "audit.parquet") as part:
        audit.write_parquet(part)
    for name, table in (("audit", audit), ("losses", losses), ("rejects", rejects)):
        write_report_csv(table, folder / f"{name}.csv")
    here = resources.files(__package__)
    style = (here / "report.css").read_text("utf-8")
    page = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, finalize=_shown).from_string(
        (here / "report.html.jinja").read_text("utf-8")
    )
    waiting, operations = by_urgency(audit)
    tiles = [
        (count if is_applied else wanted, words, later)
        for count, wanted, words, later in (
            (done.created, planned.create, "created", "to create"),
            (done.merged, planned.merge, "merged away", "to merge away"),
            (done.updated, planned.update, "updated", "to update"),
            (done.labelled, planned.label, "labelled", "to label"),
        )
    ]
    html = page.render(
        style=Markup(style),
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        facts=facts,
        is_applied=is_applied,
        people=people,
        records=len(records),
        done=done,
        site=site,
        tiles=tiles,
        opt_outs=facts.opt_outs,
        most=MOST_ROWS,
        held=_rows(waiting),
        held_count=len(waiting),
        operations=_rows(operations),
        operation_count=len(operations),
        losses=_rows(losses),
        lost_fields=losses["field"].value_counts(sort=True).head(8).rows(),
        rejects=_rows(rejects),
        reject_count=len(rejects),
        sources=records.group_by("source", maintain_order=True).len().rows(),
        loss_count=len(losses),
        waterfalls={operation: _drawn(*waterfall) for operation, waterfall in waterfalls.items()},
        width=WIDTH,
    )
    with write_whole(folder / "report.html") as part:
        part.write_text(html, "utf-8")


def by_urgency(audit: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The operations that wait for a person, and the others, each in the plan's order."""
    waits = pl.col("outcome").is_in(WAITS)
    return audit.filter(waits), audit.filter(~waits)


def _drawn(likely: str, instead: str, steps: Sequence[tuple[str, str, float, float]]) -> dict[str, Any]:
    """A waterfall with the place and width of each bar, in pixels."""
    ends = [0.0, *(end for _, _, *both in steps for end in both)]
    low = min(ends)
    scale = WIDTH / ((max(ends) - low) or 1.0)
    bars = [
        {
            "name": name,
            "what": what,
            "bits": f"{to - start:+.1f}",
            "x": round((min(start, to) - low) * scale, 1),
            "width": max(round(abs(to - start) * scale, 1), 1),
            "side": "for" if to >= start else "against",
        }
        for name, what, start, to in steps
    ]
    return {"likely": likely, "instead": instead, "bars": bars, "zero": round(-low * scale, 1)}


def _shown(value: object) -> object:
    """Shown text of a value: invisible characters as escapes."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    return frame.head(MOST_ROWS).to_dicts()

"""Writes a run's report: one HTML file that needs nothing else, and the audit as CSV and Parquet."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import polars as pl
from jinja2 import Environment
from markupsafe import Markup

from connectors.exports.writing import write_csv

MOST_ROWS = 2_000
"""A table on the page shows at most this many rows; the files beside it hold all of them."""


def write_report(
    folder: Path,
    *,
    facts: Mapping[str, Any],
    summary: Mapping[str, Any],
    planned: Mapping[str, int],
    audit: pl.DataFrame,
    losses: pl.DataFrame,
    rejects: pl.DataFrame,
    records: pl.DataFrame,
) -> None:
    """Writes `report.html`, `audit.csv`, `audit.parquet`, `losses.csv` and `rejects.csv` into the run's folder.

    Args:
        folder: the run's folder.
        facts: what is known of the run (`run.json`).
        summary: the numbers the command line prints.
        planned: how many of each operation the plan has.
        audit: `AUDIT`.
        losses: `LOSSES`.
        rejects: `REJECTS`.
        records: `RECORDS`, for counting by source.
    """
    audit.write_parquet(folder / "audit.parquet")
    for name, table in (("audit", audit), ("losses", losses), ("rejects", rejects)):
        write_csv(table, folder / f"{name}.csv")
    here = resources.files(__package__)
    style = (here / "report.css").read_text("utf-8")
    page = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        (here / "report.html.jinja").read_text("utf-8")
    )
    held = audit.filter(pl.col("outcome").is_in(["review", "blocked", "held", "stale", "failed"]))
    html = page.render(
        style=Markup(style),
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        facts=facts,
        summary=summary,
        planned=planned,
        most=MOST_ROWS,
        held=_rows(held),
        operations=_rows(audit.join(held, on="operation", how="anti", maintain_order="left")),
        losses=_rows(losses),
        lost_fields=losses["field"].value_counts(sort=True).head(8).rows(),
        rejects=_rows(rejects),
        reject_count=len(rejects),
        sources=records.group_by("source", maintain_order=True).len().rows(),
        opted_out=int(records["opted_out"].sum()),
        audit_count=len(audit),
        loss_count=len(losses),
    )
    (folder / "report.html").write_text(html, "utf-8")


def _rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    return frame.head(MOST_ROWS).to_dicts()

"""Writes a run's report: one HTML file that needs nothing else, and the audit as CSV, Parquet and a chain of lines."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
from jinja2 import Environment
from markupsafe import Markup

from connectors.exports.guards import write_report_csv
from connectors.private import write_whole
from connectors.report.chain import write_chain
from connectors.report.packing import packed
from connectors.store.run_facts import RunFacts
from connectors.visible import visible
from transforms.schema.operations import PlanCounts, Tally, minutes_for

MOST_FILES = 40
"""Files that the page lists at most."""
MOST_REASONS = 8
"""Reasons that the page counts by name at most."""
SCRIPTS = ("tables.js", "card.js", "view.js", "report.js")
_BAR, _HIGH = 20, 70
"""Width of a bar of scores with the space beside it, and the height of the highest, in the units of their picture."""


class SourceQuality(NamedTuple):
    """How many records, e-mails and phones of a source there are, and of which quality."""

    source: str
    records: int
    emails: Sequence[tuple[str, int]]
    phones: Sequence[tuple[str, int]]


@dataclass(frozen=True)
class Page:
    """The contents of the report.

    Attributes:
        facts: what the plan noted of the run.
        site: the site, for people.
        is_applied: whether the plan was applied.
        people: how many there are.
        planned: what the plan will do.
        done: what came of it so far.
        losses: `LOSSES`.
        rejects: `REJECTS`.
        sizes: how many people have so many records.
        scores: how many pairs have a probability of so many per cent and more, in steps of five.
        quality: of the sources, in the order of trust.
        blocks: the tables of the cards: `cases`, `records`, `contents`, `losses`, `evidence`.
        cases: how many cases there are in all.
        compared: for each compared field its levels in words, and the field of a record that shows it.
        fields: the fields of a record, in the order in which they are shown.
        audit: the last hash of the audit's chain.
    """

    facts: RunFacts
    site: str
    is_applied: bool
    people: int
    planned: PlanCounts
    done: Tally
    losses: pl.DataFrame
    rejects: pl.DataFrame
    sizes: Sequence[tuple[str, int]]
    scores: Sequence[tuple[int, int]]
    quality: Sequence[SourceQuality]
    blocks: Mapping[str, pl.DataFrame]
    cases: int
    compared: Mapping[str, tuple[Sequence[str], str | None]]
    fields: Sequence[str]
    audit: str


def write_audit(folder: Path, audit: pl.DataFrame, head: Mapping[str, object], suffix: str = "") -> str:
    """Writes `audit.csv`, `audit.parquet` and `operations.jsonl`, a chain, into the run's folder.

    Args:
        folder: the run's folder.
        audit: one row an operation.
        head: what the chain begins with: which run it is of.
        suffix: stands behind the files' names.

    Returns:
        The chain's last hash.
    """
    with write_whole(folder / f"audit{suffix}.parquet") as part:
        audit.write_parquet(part)
    write_report_csv(audit, folder / f"audit{suffix}.csv")
    return write_chain(folder / f"operations{suffix}.jsonl", head, audit.iter_rows(named=True))


def write_page(folder: Path, page: Page) -> None:
    """Writes `report.html` into the run's folder."""
    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, finalize=_shown).from_string(
        (resources.files(__package__) / "report.html.jinja").read_text("utf-8")
    )
    html = template.render(
        style=_inline("report.css"),
        script=_inline(*SCRIPTS),
        facts=page.facts,
        site=page.site,
        is_applied=page.is_applied,
        people=page.people,
        records=sum(source.records for source in page.quality),
        sources=[(source.source, source.records) for source in page.quality],
        quality=page.quality,
        done=page.done,
        tiles=_tiles(page.planned, page.done, is_applied=page.is_applied),
        opt_outs=page.facts.opt_outs,
        causes=_counted(page.blocks["cases"].filter("waits")["cause"]),
        minutes=minutes_for(page.done.held),
        loss_count=len(page.losses),
        lost_fields=_counted(page.losses["field"]),
        lost_reasons=_counted(page.losses["reason"]),
        reject_count=len(page.rejects),
        reject_reasons=_counted(page.rejects["reason"]),
        scores=page.scores,
        bars=_bars(page.scores, page.facts.auto, page.facts.review),
        sizes=page.sizes,
        MOST_FILES=MOST_FILES,
        cases_shown=len(page.blocks["cases"]),
        cases_left_out=page.cases - len(page.blocks["cases"]),
        blocks={name: Markup(packed(table)) for name, table in page.blocks.items()},
        levels=_levels(page),
        audit=page.audit,
    )
    with write_whole(folder / "report.html") as part:
        part.write_text(html, "utf-8")


def _inline(*names: str) -> dict[str, str]:
    """Files of this package as one text in the page, and the hash by which the browser lets it through."""
    text = "\n".join((resources.files(__package__) / name).read_text("utf-8") for name in names)
    return {"text": Markup(text), "hash": base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}


def _tiles(planned: PlanCounts, done: Tally, *, is_applied: bool) -> list[tuple[int, str, str, str]]:
    """Counts: done or to be done, in words of both, and the state of the cases that are counted."""
    return [
        (count if is_applied else wanted, words, later, state)
        for count, wanted, words, later, state in (
            (done.created, planned.create, "created", "to create", "create"),
            (done.merged, planned.merge, "merged away", "to merge away", "merge"),
            (done.updated, planned.update, "updated", "to update", "update"),
            (done.labelled, planned.label, "labelled", "to label", "label"),
        )
    ]


def _counted(values: pl.Series) -> list[tuple[str, int]]:
    """The different values with their counts, the most frequent first; those beyond the most are counted together."""
    counts = values.drop_nulls().rename("value").value_counts(sort=True).rows()
    rest = sum(count for _, count in counts[MOST_REASONS:])
    return [*counts[:MOST_REASONS], *([("others", rest)] if rest else [])]


def _bars(scores: Sequence[tuple[int, int]], auto: float, review: float) -> list[dict[str, Any]]:
    """The bars of the scores, on a scale of logarithms: the many that are surely apart would leave no other visible."""
    highest = math.log1p(max([count for _, count in scores], default=1)) or 1.0
    bars = []
    for low, count in scores:
        height = round(_HIGH * math.log1p(count) / highest, 1)
        kind = "joined" if low >= 100 * auto else "asked" if low + 5 > 100 * review else "apart"
        title = f"{low} to {low + 5} %: {count:,} pairs"
        bars.append({"kind": kind, "x": low // 5 * _BAR, "y": _HIGH - height, "height": height, "title": title})
    return bars


def _levels(page: Page) -> Markup:
    compared = {field: {"words": words, "shows": shows} for field, (words, shows) in page.compared.items()}
    text = json.dumps({"fields": page.fields, "compared": compared}, ensure_ascii=True)
    return Markup(text.replace("<", "\\u003c").replace("&", "\\u0026"))


def _shown(value: object) -> object:
    """Shown text of a value: invisible characters as escapes."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value

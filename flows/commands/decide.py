"""Writing down what people decided about records of a run, for the next plan to honour."""

from __future__ import annotations

import getpass
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from connectors.report.filled import filled_rows
from connectors.report.workbook import write_workbook
from connectors.store.decisions import add_decisions, read_decisions, take_back
from connectors.store.run_folder import Run
from flows.engine.explaining import PairExplained, explain
from flows.engine.reporting import cards_of
from transforms.cases.review import CHECK, DECISION, EDITED, WORDS, Decided, Filled, read_back, review_sheet
from transforms.match.verdicts import of_site
from transforms.schema.errors import InputError, OnefoldError, UsageError
from transforms.schema.tables import TOGETHER, VERDICTS

STRANGERS = 0.01
"""Probability below which two records look like strangers."""
MOST_CASES = 100_000
LEGEND = """\
Each case has a first row, with the contact as it would be if all its records are one person, and a row for each record.
Choose in the column 'decision' of the first row: 'together' if all are one person, 'apart' if not; nothing: undecided.
To take one record out, choose 'apart' in its own row; 'together' in the first row then speaks of the others.
Rows may be sorted, filtered or deleted: each is known by its 'check'. All other columns are only shown.
Then: onefold decide RUN --from review.xlsx"""
SHOWN_PROBLEMS = 20


@dataclass(frozen=True)
class Receipt:
    """What was read from a filled sheet: the decisions with their places, and what was changed and is not read."""

    file: str
    decisions: str
    decided: tuple[Decided, ...]
    ignored: tuple[str, ...]
    strangers: tuple[str, ...]

    def text(self) -> str:
        """For a terminal."""
        count = len(self.decided)
        lines = [f"  {one.cell:<8} {one.verdict:<9} {', '.join(one.records)}" for one in self.decided]
        lines.append(f"{count} {'decision' if count == 1 else 'decisions'} read from {self.file}.")
        if self.ignored:
            more = " …" if len(self.ignored) > SHOWN_PROBLEMS else ""
            lines.append(f"Changed, and not read: {', '.join(self.ignored[:SHOWN_PROBLEMS])}{more}.")
        lines += self.strangers
        lines.append(
            f"Written to {self.decisions}. Plan again to have {'it' if count == 1 else 'them'} honoured."
            if count
            else "Nothing was written."
        )
        return "\n".join(lines)

    def facts(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "decided": [one._asdict() for one in self.decided]}


def decide(run: Run, verdict: str, records: Sequence[str], *, by: str | None = None, note: str = "") -> Receipt:
    """Adds a decision about records of a run to the file of decisions that the run read, for the run's site alone.

    Args:
        run: a planned run.
        verdict: `together` or `apart`.
        records: ids of two records or more (`source:row` or `site:contact id`).
        by: who decided; whoever is logged in when it is not given.
        note: why.

    Raises:
        UsageError: fewer than two records were given, or the run does not have one of them.
        InputError: the file there is not one of decisions.
    """
    return _written(run, "the command line", (Decided("", verdict, tuple(records), note),), (), by)


def decide_from(run: Run, path: Path, *, by: str | None = None) -> Receipt:
    """Adds the decisions of a filled sheet, or of a list in JSON; all of them or none.

    Args:
        run: the planned run that the sheet is of.
        path: a workbook or CSV as `write_review` writes it, or JSON: `[{"verdict": …, "records": […], "note": …}]`.
        by: who decided; whoever is logged in when it is not given.

    Raises:
        InputError: it cannot be read, or something in it is wrong; with the places of all that is.
    """
    if path.suffix.lower() == ".json":
        return _written(run, str(path), _from_json(path), (), by)
    filled = [Filled(cell, texts) for cell, texts in filled_rows(path, (DECISION, CHECK))]
    shown = cards_of(run, most=MOST_CASES)
    ends = shown.cases.filter("waits", pl.col("others").list.len() > 0).select("case", "left", "right")
    ids = shown.records["record_id"]
    links = {case: (ids[left], ids[right]) for case, left, right in ends.drop_nulls().iter_rows()}
    read = read_back(review_sheet(shown, run.id), filled, links)
    if read.problems:
        more = f"\n… and {len(read.problems) - SHOWN_PROBLEMS} more" if len(read.problems) > SHOWN_PROBLEMS else ""
        raise InputError(f"{path}: nothing was written.\n" + "\n".join(read.problems[:SHOWN_PROBLEMS]) + more)
    return _written(run, str(path), read.decided, read.ignored, by)


def _from_json(path: Path) -> tuple[Decided, ...]:
    """The decisions of a list in JSON."""
    wrong = f'{path} is not a list of decisions: [{{"verdict": "together", "records": ["crm:1", "crm:2"]}}].'
    try:
        listed = json.loads(path.read_text("utf-8-sig"))
        return tuple(
            Decided(f"item {number}", str(one["verdict"]), tuple(map(str, one["records"])), str(one.get("note") or ""))
            for number, one in enumerate(listed, start=1)
        )
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise InputError(wrong) from error


def write_review(run: Run) -> Path:
    """Writes `review.xlsx`, the cases that wait for people to fill in, into the run's folder; returns its path.

    Raises:
        UsageError: there is one already, which may be filled in.
    """
    path = run.folder / "review.xlsx"
    if path.exists():
        raise UsageError(f"{path} is there already, and may be filled in. Move it away to have a new one.")
    sheet = review_sheet(cards_of(run, most=MOST_CASES), run.id)
    write_workbook(sheet, path, edited=EDITED, choices=WORDS, legend=LEGEND)
    return path


def _written(run: Run, source: str, decided: Sequence[Decided], ignored: Sequence[str], by: str | None) -> Receipt:
    """Adds decisions to the file that the run read, and says which of them put strangers together."""
    known = dict(run.table("identities").select("record_id", "identity").iter_rows())
    facts = run.facts()
    who, when = by or getpass.getuser(), datetime.now(UTC).isoformat(timespec="seconds")
    for one in decided:
        place = f"{one.cell}: " if one.cell else ""
        if one.verdict not in VERDICTS:
            raise UsageError(f"{place}the verdict must be together or apart, not {one.verdict!r}.")
        if len(set(one.records)) < 2:
            raise UsageError(f"{place}a decision is about two records at least.")
        for record in one.records:
            if record not in known:
                raise UsageError(
                    f"{place}the run has no record {record!r}. Records are called source:row or site:contact-id."
                )
    path = Path(facts.decisions.file)
    if decided:
        add_decisions(
            path,
            [
                {
                    "kind": "pair" if len(one.records) == 2 else "cluster",
                    "verdict": one.verdict,
                    "records": list(one.records),
                    "identities": [known[record] for record in one.records],
                    "site": facts.site_names[0],
                    "by": who,
                    "decided_at": when,
                    "note": one.note,
                }
                for one in decided
            ],
        )
    return Receipt(source, str(path), tuple(decided), tuple(ignored), tuple(_strangers(run, decided)))


def _strangers(run: Run, decided: Sequence[Decided]) -> list[str]:
    """Warnings of decisions that put two records together which look like strangers."""
    pairs = [one.records for one in decided if one.verdict == TOGETHER and len(one.records) == 2]
    warnings = []
    for left, right in pairs[:SHOWN_PROBLEMS]:
        try:
            found = explain(run, left, right)
        except OnefoldError:
            continue
        if isinstance(found, PairExplained) and found.probability < STRANGERS:
            warnings.append(
                f"Look again: {left} and {right} look like strangers ({found.probability:.1%} likely one person). "
                f"If that was a slip: onefold decide {run.folder} --undo NUMBER, with the number of --list."
            )
    return warnings


def decisions_of(run: Run) -> pl.DataFrame:
    """The decisions about the run's site: `DECISIONS`, and their `number` in the file that the run read."""
    facts = run.facts()
    every = read_decisions(Path(facts.decisions.file)).with_row_index("number", offset=1)
    return of_site(every, facts.site_names)


def listed(run: Run) -> str:
    """The decisions about the run's site, a line each, for a terminal."""
    found = decisions_of(run)
    lines = [
        f"{row['number']:>4}  {row['verdict'] or 'undecided':<9}  {', '.join(row['records'] or row['identities'])}"
        f"  {row['by'] or 'somebody'}{', ' + row['decided_at'][:16] if row['decided_at'] else ''}"
        + (f"  {row['note']}" if row["note"] else "")
        for row in found.iter_rows(named=True)
    ]
    return "\n".join(lines) or f"There are no decisions about this site in {run.facts().decisions.file}."


def undo_decision(run: Run, number: int) -> str:
    """Takes a decision about the run's site back; returns what it was, for a terminal.

    Raises:
        UsageError: there is no decision of that number about the run's site.
    """
    if number not in decisions_of(run)["number"]:
        raise UsageError(f"There is no decision {number} about this run's site: onefold decide {run.folder} --list")
    gone = take_back(Path(run.facts().decisions.file), number)
    records = gone["records"] if isinstance(gone["records"], list) else []
    return f"Taken back: {gone['verdict']} {', '.join(records)}. Plan again."

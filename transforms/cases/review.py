"""The cases that wait as a sheet for people to fill in, and what they decided by it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl

from transforms.cases.cards import Cards
from transforms.cases.values import FIELDS
from transforms.schema.errors import UsageError
from transforms.schema.ids import short_id
from transforms.schema.tables import APART, TOGETHER, Schema

THE_CASE, OWN, OTHER = "contact if together", "record", "may be the same"
DECISION, CHECK, NOTE = "decision", "check", "note"
REVIEW: Schema = {
    # A row for each case, and behind it one for each of its records, as texts. `decision` and `note` are filled in by a
    # person; `check` tells the row, however the sheet is sorted.
    "case": pl.String,
    "row is": pl.String,
    "record": pl.String,
    DECISION: pl.String,
    NOTE: pl.String,
    "why": pl.String,
    "likely": pl.String,
    "lost": pl.String,
    **dict.fromkeys(FIELDS, pl.String),
    "file and line": pl.String,
    CHECK: pl.String,
}
EDITED = (DECISION, NOTE)
"""Columns that a person fills in."""
WORDS = (TOGETHER, APART)


class Filled(NamedTuple):
    """A row of a sheet that came back: the place of its decision (`D12`), and its cells by column in lower case."""

    cell: str
    texts: Mapping[str, str]


class Decided(NamedTuple):
    """A decision that a sheet holds: its place, the verdict, the ids of the records, and the note."""

    cell: str
    verdict: str
    records: tuple[str, ...]
    note: str


class ReadBack(NamedTuple):
    """What a filled sheet says.

    Attributes:
        decided: the decisions, in the sheet's order.
        problems: what is wrong, with the place; nothing of a sheet with problems is to be used.
        ignored: what was changed and is not read.
    """

    decided: tuple[Decided, ...]
    problems: tuple[str, ...]
    ignored: tuple[str, ...]


def review_sheet(shown: Cards, run: str) -> pl.DataFrame:
    """The cases that wait, the riskiest first: `REVIEW`, with nothing decided.

    Args:
        shown: the cards of a run.
        run: the id of the run.
    """
    rows: list[dict[str, str | None]] = []
    lost = _lost_by_case(shown)
    for at, case in enumerate(shown.cases.filter("waits").iter_rows(named=True)):  # those that wait come first
        members = [shown.records.row(place, named=True) for place in (*case["records"], *case["others"])]
        content = shown.contents.row(at, named=True)
        rows.append(
            {
                "case": case["case"],
                "row is": THE_CASE,
                "why": f"{case['why']}; not joined: {case['held']}" if case["held"] else case["why"],
                "likely": f"{case['likely']:.0%}" if case["likely"] is not None else None,
                "lost": "\n".join(lost.get(at, ())),
                **{field: _afterwards(content, members, field) for field in FIELDS},
                CHECK: short_id(run, case["case"]),
            }
        )
        for number, member in enumerate(members):
            rows.append(
                {
                    "case": case["case"],
                    "row is": OWN if number < len(case["records"]) else OTHER,
                    "record": member["record_id"],
                    **{field: member[field] for field in FIELDS},
                    "file and line": f"{member['file']}:{member['line']}" if member["file"] else None,
                    CHECK: short_id(run, case["case"], member["record_id"]),
                }
            )
    return pl.DataFrame(rows, schema=dict(REVIEW))


def _lost_by_case(shown: Cards) -> dict[int, list[str]]:
    lost: dict[int, list[str]] = {}
    for case, field, value in shown.losses.select("case", "field", "value").iter_rows():
        lost.setdefault(case, []).append(f"{field}: {value}")
    return lost


def _afterwards(content: Mapping[str, Any], members: Sequence[Mapping[str, Any]], field: str) -> str | None:
    place = content[f"from {field}"]
    said = content[field] if place is None else members[place][field]
    return str(said) if said is not None else None


def read_back(sheet: pl.DataFrame, filled: Iterable[Filled], links: Mapping[str, tuple[str, str]]) -> ReadBack:
    """What a filled sheet says, told by its rows' checks.

    Args:
        sheet: the sheet as it was given out (`REVIEW`).
        filled: its rows as they came back, in any order; rows may be missing.
        links: for each case that may be two people, the two records it rests on.
    """
    known = {row[CHECK]: row for row in sheet.iter_rows(named=True)}
    problems: list[str] = []
    ignored: list[str] = []
    said: dict[str, Filled] = {}
    for row in filled:
        decision = row.texts.get(DECISION, "").strip().lower()
        there = known.get(row.texts.get(CHECK, "").strip())
        if there is None:
            if decision:
                problems.append(f"{row.cell}: the row is not of this run: its check is unknown.")
            continue
        ignored += _changed(row, there)
        if not decision:
            continue
        if decision not in WORDS:
            problems.append(f"{row.cell}: {decision!r} is no decision: together, apart, or nothing.")
        elif decision == TOGETHER and there["row is"] != THE_CASE:
            problems.append(f"{row.cell}: together is said on the row of the case; on a record's row only apart is.")
        elif (before := said.get(there[CHECK])) is not None and _decision(before) != decision:
            problems.append(f"{row.cell}: says {decision}, but {before.cell} says {_decision(before)} of the same row.")
        else:
            said[there[CHECK]] = row
    decided: list[Decided] = []
    for case, rows in sheet.group_by("case", maintain_order=True):
        one = _of_a_case(str(case[0]), list(rows.iter_rows(named=True)), said, links)
        if isinstance(one, str):
            problems.append(one)
        else:
            decided += one
    return ReadBack(tuple(decided), tuple(problems), tuple(ignored))


def decisions_about(
    verdict: str | None, records: Sequence[str], leaving: Sequence[str], link: tuple[str, str] | None
) -> list[tuple[str, tuple[str, ...]]]:
    """The decisions that a person takes about a case: each a verdict and the records it is about.

    Args:
        verdict: what is said of the case; None where only some of its records are taken out.
        records: all its records.
        leaving: those that are taken out: set apart from each that stays and from each other.
        link: the two records it rests on, where it may be two people.

    Raises:
        UsageError: what is said does not go together.
    """
    staying = [record for record in records if record not in leaving]
    parted: list[tuple[str, tuple[str, ...]]] = [
        (APART, (record, other))
        for number, record in enumerate(leaving)
        for other in (*staying, *leaving[number + 1 :])
    ]
    if verdict is None:
        return parted
    if verdict == TOGETHER:
        if len(staying) < 2:
            raise UsageError(f"together needs two records at least, and all but {len(staying)} are set apart.")
        return [(TOGETHER, tuple(staying)), *parted]
    if leaving:
        raise UsageError("apart is said of the case and of one of its records.")
    two = link or ((staying[0], staying[1]) if len(staying) == 2 else None)
    if two is None:
        raise UsageError(f"the case has {len(staying)} records; say apart of the one that leaves.")
    return [(APART, two)]


def _of_a_case(
    case: str, rows: Sequence[Mapping[str, Any]], said: Mapping[str, Filled], links: Mapping[str, tuple[str, str]]
) -> list[Decided] | str:
    """The decisions about one case, or what is wrong with them."""
    whole = said.get(rows[0][CHECK])
    leaving = {row["record"]: said[row[CHECK]] for row in rows[1:] if row[CHECK] in said}
    verdict = _decision(whole) if whole is not None else None
    try:
        found = decisions_about(verdict, [row["record"] for row in rows[1:]], list(leaving), links.get(case))
    except UsageError as error:
        return f"{whole.cell if whole is not None else case}: {error}"
    decided = []
    for kind, records in found:
        row = leaving.get(records[0], whole) if kind == APART else whole
        assert row is not None
        decided.append(Decided(row.cell, kind, records, row.texts.get(NOTE, "")))
    return decided


def _decision(row: Filled) -> str:
    return row.texts[DECISION].strip().lower()


def _changed(row: Filled, there: Mapping[str, Any]) -> list[str]:
    """Cells of a row that were changed though nobody reads them."""
    return [
        f"{name} in the row of {row.cell}"
        for name in REVIEW
        if name not in EDITED and name in row.texts and row.texts[name].split() != (there[name] or "").split()
    ]

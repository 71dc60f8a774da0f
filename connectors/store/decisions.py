"""`decisions.csv`: what people decided, one decision a row, in a file that any spreadsheet opens and saves."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import polars as pl
from filelock import FileLock

from connectors.exports.decoding import decoded
from connectors.exports.guards import unguarded, write_csv
from connectors.private import private_folder, write_whole
from transforms.schema.errors import InputError
from transforms.schema.tables import DECISIONS, VERDICTS, empty

DECISION_KINDS = ("pair", "cluster")
UNDECIDED = "undecided"
BETWEEN = ";"
"""Between the records of one cell."""


def read_decisions(path: Path) -> pl.DataFrame:
    """The decisions of a file, in its order; none where there is no file.

    A file that cannot be understood to its end is not used at all: what a person decided must not be left out silently.

    Args:
        path: the file. It needs the columns `verdict` and `records` (or `identities`); further ones are ignored.

    Returns:
        `DECISIONS`; one whose verdict is blank or *undecided* is there without a verdict.

    Raises:
        InputError: a column is missing, or a row says something else than a decision; with its line.
    """
    if not path.is_file():
        return empty(DECISIONS)
    with path.open("rb") as file:
        lines = list(decoded(path.name, file).lines())
    header = lines[0]
    rows = csv.DictReader(lines, delimiter=max(",;\t", key=header.count))
    columns = [(name or "").strip().lower() for name in rows.fieldnames or []]
    rows.fieldnames = columns
    if "verdict" not in columns or not {"records", "identities"} & set(columns):
        raise InputError(f"{path} has no columns 'verdict' and 'records': these are no decisions.")
    decisions: list[dict[str, object]] = []
    for row in rows:
        given = {name: (row.get(name) or "").strip() for name in DECISIONS}
        if not any(given.values()):
            continue
        decisions.append(_decision(given, f"{path}, line {rows.line_num}"))
    return pl.DataFrame(decisions, schema=dict(DECISIONS))


def _decision(given: dict[str, str], where: str) -> dict[str, object]:
    """One row as a decision."""
    cells = dict(zip(given, unguarded(pl.Series(list(given.values()))), strict=True))
    verdict, kind = cells["verdict"].lower() or UNDECIDED, cells["kind"].lower()
    lists = {name: [text.strip() for text in cells[name].split(BETWEEN) if text.strip()] for name in _LISTS}
    records = lists["identities"] or lists["records"]
    if verdict not in (*VERDICTS, UNDECIDED):
        raise InputError(f"{where}: the verdict must be together, apart or undecided, not {verdict!r}.")
    if kind and kind not in DECISION_KINDS:
        raise InputError(f"{where}: the kind must be pair or cluster, not {kind!r}.")
    if len(set(records)) < 2:
        raise InputError(f"{where}: a decision is about two records at least, with {BETWEEN} between them.")
    if kind == "pair" and len(records) > 2:
        raise InputError(f"{where}: a pair has two records. For more of them the kind is cluster.")
    when = cells["decided_at"] or None
    if when is not None:
        try:
            datetime.fromisoformat(when)
        except ValueError as error:
            raise InputError(f"{where}: decided_at must be a date like 2026-11-24, not {when!r}.") from error
    return {
        **cells,
        **lists,
        "kind": kind or ("pair" if len(records) == 2 else "cluster"),
        "verdict": None if verdict == UNDECIDED else verdict,
        "site": cells["site"] or None,
        "decided_at": when,
    }


_LISTS = ("records", "identities")


def add_decisions(path: Path, decisions: Sequence[Mapping[str, object]]) -> None:
    """Adds decisions to the end of the file, which is replaced whole or not at all.

    Args:
        path: the file; made when it is missing.
        decisions: rows of `DECISIONS`.

    Raises:
        InputError: the file there is not one of decisions.
    """
    with _alone(path):
        _write(path, pl.concat([read_decisions(path), pl.DataFrame(decisions, schema=dict(DECISIONS))]))


def take_back(path: Path, number: int) -> dict[str, object]:
    """Takes a decision out of the file, by its place from 1; returns it.

    Raises:
        InputError: the file there is not one of decisions, or has fewer.
    """
    with _alone(path):
        every = read_decisions(path)
        if not 1 <= number <= len(every):
            raise InputError(f"{path} has no decision {number}; it has {len(every)}.")
        _write(path, every.with_row_index("place", offset=1).filter(pl.col("place") != number).drop("place"))
        return every.row(number - 1, named=True)


def take_out(path: Path, by: str, decided_at: str) -> pl.DataFrame:
    """Takes out of the file what somebody decided at a moment; returns these decisions.

    Raises:
        InputError: the file there is not one of decisions.
    """
    with _alone(path):
        every = read_decisions(path)
        is_it = ((pl.col("by") == by) & (pl.col("decided_at") == decided_at)).fill_null(value=False)
        if len(gone := every.filter(is_it)):
            _write(path, every.filter(~is_it))
        return gone


def _alone(path: Path) -> FileLock:
    """Waits until nobody else writes decisions, so that none of two people's is lost."""
    private_folder(path.parent)
    return FileLock(path.with_name(f".{path.name}.lock"), mode=0o600)


def _write(path: Path, every: pl.DataFrame) -> None:
    with write_whole(path) as part:
        write_csv(every.with_columns(pl.col(name).list.join(BETWEEN) for name in _LISTS), part)

"""The duplicates of a single file."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from connectors.exports.guards import guarded
from connectors.exports.reading import Reading, read_export
from connectors.private import write_whole
from connectors.store.decisions import read_decisions
from connectors.store.index import Index
from flows.engine.indexing import match_against
from flows.engine.summaries import MatchSummary
from flows.stages import Stage, directly
from transforms.match.matching import match
from transforms.match.verdicts import NO_VERDICTS, Verdicts, resolved
from transforms.normalise.records import to_records
from transforms.schema.errors import UsageError
from transforms.schema.records import Records


def match_file(
    file: Path,
    out: Path,
    *,
    id_column: str | None = None,
    match_on: Sequence[str] = (),
    region: str | None = None,
    decisions: Path | None = None,
    index: Path | None = None,
    force: bool = False,
    stage: Stage = directly,
) -> MatchSummary:
    """Finds the duplicates of a file and writes `id,cluster_id` for every row, in order.

    Args:
        file: the table.
        out: where the result goes, as CSV.
        id_column: the column whose value is the row's id; the row's number from 1 when not given.
        match_on: further columns that identify a person.
        region: the country of phones without a country code.
        decisions: a file of what people decided, in which a record goes by its id here.
        index: the folder of an index of known records: the rows are matched against it and added to it. The clusters'
            numbers are then those of the index.
        force: whether a file at `out` is replaced.
        stage: what runs a stage.

    Raises:
        UsageError: the file or a column is missing, or the result cannot be written.
        InputError: the file cannot be read.
        Busy: another process is at work on the index.
    """
    began = time.monotonic()
    if not file.is_file():
        raise UsageError(f"There is no file {file}.")
    if decisions is not None and index is not None:
        raise UsageError(
            "Decisions are honoured where all records are matched, not against an index. Give one of them."
        )
    if decisions is not None and not decisions.is_file():
        raise UsageError(f"There is no file {decisions}.")
    if out.exists():
        if any(out.samefile(path) for path in (file, decisions) if path is not None and path.exists()):
            raise UsageError(f"{out} is what is read. Choose another file for the result.")
        if not force:
            raise UsageError(f"{out} is there already. Choose another file, or replace it with --force.")
    if not out.parent.is_dir():
        raise UsageError(f"There is no folder {out.parent} to write {out.name} to.")
    reading = stage("read", _read, file, list(match_on), region, id_column)
    numbers, rejects = reading.rows.select("row", id="source_key"), reading.rejects
    tables = stage("normalise", _normalised, reading)
    del reading
    row_id = pl.coalesce("id", pl.col("row").cast(pl.String)) if id_column else pl.col("row").cast(pl.String)
    rejected = rejects.select("row", id=pl.lit(None, dtype=pl.String))
    joined: Sequence[tuple[int, int]] = []
    not_honoured: list[str] = []
    if index is None:
        verdicts = _verdicts(decisions, numbers.select(row_id)) if decisions is not None else NO_VERDICTS
        named_so = tables.records.with_columns(record_id=numbers.select(row_id).to_series())
        tables = replace(tables, records=named_so)
        matches = stage("match", match, tables, verdicts=verdicts, explain=False)
        clusters, pairs = matches.clusters["cluster"].cast(pl.UInt32), len(matches.pairs)
        not_honoured = sorted(set(matches.verdicts.contested.values()))
        last = int(str(clusters.max() or 0))
    else:
        known = Index(index)
        with known.alone():
            placed = stage("match", match_against, known, tables, match_on=match_on, region=region, spare=len(rejected))
        clusters, pairs, joined, last = placed.clusters, placed.pairs, placed.joined, placed.last
    beyond = pl.int_range(1, len(rejected) + 1, dtype=pl.UInt32, eager=True) + last
    named = pl.concat([numbers.with_columns(cluster_id=clusters), rejected.with_columns(cluster_id=beyond)]).sort("row")
    if index is None:
        order = named.select("cluster_id").unique(maintain_order=True).with_row_index("number", offset=1)
        named = named.join(order, on="cluster_id", maintain_order="left").with_columns(cluster_id="number")
    with write_whole(out) as part:
        named.select(id=guarded(row_id, numbers=False), cluster_id="cluster_id").write_csv(part)
    people = named["cluster_id"].n_unique()
    return MatchSummary(
        file=str(file),
        out=str(out),
        records=len(named),
        rejected=len(rejected),
        clusters=people,
        duplicates=len(named) - people,
        pairs=pairs,
        not_honoured=not_honoured,
        joined=list(joined) if index is not None else None,
        known=known.facts["records"] - len(numbers) if index is not None else None,
        seconds=round(time.monotonic() - began, 3),
    )


def _verdicts(decisions: Path, ids: pl.DataFrame) -> Verdicts:
    """What was decided about rows that go by these ids."""
    name = pl.col(ids.columns[0])
    known = ids.select(record_id=name, identity=name).with_row_index("record")
    return resolved(read_decisions(decisions), known)


def _read(file: Path, match_on: Sequence[str], region: str | None, id_column: str | None) -> Reading:
    """The rows, so that their order in the file makes no difference to what is found."""
    return read_export(
        file, source="file", rank=0, region=region, identifiers=match_on, key_column=id_column, by_content=True
    )


def _normalised(reading: Reading) -> Records:
    """Every row as a record. Ids, and what a source has merged or deleted, say nothing about who is who here."""
    nothing = pl.lit(None, dtype=pl.String)
    unsaid = dict.fromkeys(("source_key", "merged_into", "deleted"), nothing)
    return to_records(reading.rows.with_columns(**unsaid), everyone=True)

"""Matching of one or several tables without a site: clusters, links, golden records, doubtful pairs, households."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from connectors.exports.formats import normalised
from connectors.exports.guards import TABLES, write_table
from connectors.exports.layout import IGNORED
from connectors.exports.reading import read_export
from connectors.store.decisions import BETWEEN, read_decisions
from connectors.store.index import Index
from flows.engine.indexing import match_against
from flows.engine.summaries import MatchSummary
from flows.settings import encoding_called, load_settings
from flows.stages import Stage, directly
from transforms.match.further import further_fields
from transforms.match.households import households
from transforms.match.links import across, links
from transforms.match.matching import Matches, match
from transforms.match.verdicts import NO_VERDICTS, Verdicts, resolved
from transforms.normalise.records import to_records
from transforms.plan.golden import golden_records, in_cells
from transforms.schema.errors import UsageError
from transforms.schema.records import Records

SHOWN = ("first", "last", "company", "birthdate")
"""Single fields that stand beside a doubtful pair."""


@dataclass(frozen=True)
class Outputs:
    """Files of further results beside the clusters: CSV, Parquet or XLSX, by their suffixes.

    Attributes:
        links: the scored pairs with their evidence.
        golden: one folded row a person.
        review: doubtful pairs with what their rows say, the most uncertain first; filled in, a file of decisions.
        households: people who live together.
    """

    links: Path | None = None
    golden: Path | None = None
    review: Path | None = None
    households: Path | None = None

    def paths(self) -> list[Path]:
        """The files that are wanted."""
        return [path for path in (self.links, self.golden, self.review, self.households) if path is not None]


@dataclass(frozen=True)
class Rows:
    """The rows of all files: the records in their order, and how each row is called.

    Attributes:
        tables: the records.
        named: one row a record, in their order: `file` (the file's place), `row`, and the names of the result.
        rejected: the same of rows that cannot be used.
        names: the columns that a result calls a row by: `file` where there are several, and `id`.
        doubts: why a person should look at how the files were read.
    """

    tables: Records
    named: pl.DataFrame
    rejected: pl.DataFrame
    names: tuple[str, ...]
    doubts: tuple[str, ...]

    def called(self) -> pl.Series:
        """Names of the records in decisions."""
        if len(self.names) == 1:
            return self.named["id"]
        return self.named.select(pl.format("{}:{}", *self.names)).to_series()


def match_files(
    files: Sequence[Path],
    out: Path,
    *,
    id_column: str | None = None,
    match_on: Sequence[str] = (),
    ignored: Sequence[str] = (),
    region: str | None = None,
    encoding: str | None = None,
    decisions: Path | None = None,
    index: Path | None = None,
    threshold: float | None = None,
    link: bool = False,
    outputs: Outputs = Outputs(),
    force: bool = False,
    stage: Stage = directly,
) -> MatchSummary:
    """Finds who is who in tables, and writes the cluster of every row, in order.

    Args:
        files: the tables, taken together as one; the first is the most trusted.
        out: where the clusters go: `id,cluster_id`, behind `file` where there are several files.
        id_column: the column whose value is the row's id; the row's number from 1 when not given.
        match_on: further columns that identify a person.
        ignored: columns that are left out.
        region: the country of phones without a country code.
        encoding: what text files are in; found when not given.
        decisions: a file of what people decided, in which a record goes by its id here (`file:id` with several files).
        index: the folder of an index of known records: the rows are matched against it and added to it. The clusters'
            numbers are then those of the index.
        threshold: the probability from which two rows are joined; that of the settings when not given.
        link: whether rows are joined across files alone, so that a person has one row a file at most.
        outputs: further results.
        force: whether files that are there are replaced.
        stage: what runs a stage.

    Raises:
        UsageError: a file or a column is missing, a result cannot be written, or two wishes exclude each other.
        InputError: a file cannot be read.
        Busy: another process is at work on the index.
    """
    began = time.monotonic()
    _refuse_what_excludes(files, decisions, index, link, outputs, threshold)
    _refuse_to_overwrite([*files, *([decisions] if decisions else [])], [out, *outputs.paths()], force)
    codec = encoding_called(encoding) if encoding is not None else None
    settings = load_settings().match
    auto = settings.auto if threshold is None else threshold
    review = min(settings.review, auto)
    rows = stage("read and normalise", read_rows, files, id_column, list(match_on), region, list(ignored), codec)
    tables = rows.tables
    joined: Sequence[tuple[int, int]] = []
    matches: Matches | None = None
    known = Index(index) if index is not None else None
    if known is None:
        verdicts = _verdicts(decisions, rows.called()) if decisions is not None else NO_VERDICTS
        tables = replace(tables, records=tables.records.with_columns(record_id=rows.called()))
        weights = outputs.links is not None or outputs.review is not None
        matches = stage(
            "match", match, tables, auto=auto, review=review, verdicts=verdicts, explain=False, weights=weights
        )
        if link:
            matches = across(matches, tables, rows.named["file_number"], auto=auto)
        clusters, pairs = matches.clusters["cluster"].cast(pl.UInt32), len(matches.pairs)
        last = int(str(clusters.max() or 0))
    else:
        spare = len(rows.rejected)
        with known.alone():
            placed = stage(
                "match", match_against, known, tables, auto=auto, match_on=match_on, ignored=ignored, region=region,
                spare=spare,
            )  # fmt: skip
        clusters, pairs, joined, last = placed.clusters, placed.pairs, placed.joined, placed.last
    result = _numbered(rows, clusters, last, by_file=index is None)
    stage("write", write_table, result.select(*rows.names, "cluster_id"), out)
    if matches is not None:
        numbers = result.drop_nulls("record").sort("record")["cluster_id"]
        stage("write further results", _write_further, outputs, rows, tables, matches, numbers, auto, review)
    people = result["cluster_id"].n_unique()
    return MatchSummary(
        file=", ".join(map(str, files)),
        out=str(out),
        records=len(result),
        rejected=len(rows.rejected),
        clusters=people,
        duplicates=len(result) - people,
        pairs=pairs,
        not_honoured=sorted(set(matches.verdicts.contested.values())) if matches is not None else [],
        joined=list(joined) if known is not None else None,
        columns=list(further_fields(matches.model.fields)) if matches is not None else [],
        known=known.facts["records"] - len(rows.named) if known is not None else None,
        warnings=list(rows.doubts),
        seconds=round(time.monotonic() - began, 3),
    )


def _refuse_what_excludes(
    files: Sequence[Path],
    decisions: Path | None,
    index: Path | None,
    link: bool,
    outputs: Outputs,
    threshold: float | None,
) -> None:
    for file in (*files, *([decisions] if decisions else [])):
        if not file.is_file():
            raise UsageError(f"There is no file {file}.")
    if decisions is not None and index is not None:
        raise UsageError(
            "Decisions are honoured where all records are matched, not against an index. Give one of them."
        )
    if index is not None and (link or outputs.paths()):
        raise UsageError("Against an index there are clusters alone: no links, golden records, review or households.")
    if link and len(files) < 2:
        raise UsageError("--link joins across files, so it needs two of them at least.")
    if threshold is not None and not 0 < threshold <= 1:
        raise UsageError(f"A threshold is a probability above 0 and up to 1, not {threshold}.")


def _refuse_to_overwrite(read: Sequence[Path], written: Sequence[Path], force: bool) -> None:
    for number, path in enumerate(written):
        if path.suffix.lower() not in TABLES:
            raise UsageError(f"{path} cannot be written: its suffix must be one of {', '.join(TABLES)}.")
        if path.absolute() in [earlier.absolute() for earlier in written[:number]]:
            raise UsageError(f"{path} is named for two results. Choose another file for one of them.")
        if path.exists():
            if any(path.samefile(source) for source in read if source.exists()):
                raise UsageError(f"{path} is what is read. Choose another file for the result.")
            if not force:
                raise UsageError(f"{path} is there already. Choose another file, or replace it with --force.")
        if not path.parent.is_dir():
            raise UsageError(f"There is no folder {path.parent} to write {path.name} to.")


def read_rows(
    files: Sequence[Path],
    id_column: str | None,
    match_on: Sequence[str],
    region: str | None,
    ignored: Sequence[str] = (),
    encoding: str | None = None,
) -> Rows:
    """The rows of all files, so that their order in a file makes no difference to who is found to be one person.

    Args:
        files: the tables, the most trusted first.
        id_column: the column whose value is the row's id; the row's number from 1 when not given.
        match_on: further columns that identify a person.
        region: the country of phones without a country code.
        ignored: columns that are left out.
        encoding: what text files are in; found when not given.

    Raises:
        UsageError: no file has a column that is to be left out.
        InputError: a file cannot be read.
    """
    readings = [
        read_export(
            file, source=f"file {number}" if number else "file", rank=number, region=region, identifiers=match_on,
            key_column=id_column, by_content=True, columns=dict.fromkeys(ignored, IGNORED), encoding=encoding,
        )
        for number, file in enumerate(files)
    ]  # fmt: skip
    left_out = {normalised(name) for reading in readings for name in reading.ignored}
    for name in ignored:
        if normalised(name) not in left_out:
            raise UsageError(f"No file has a column {name!r} that could be left out.")
    own_id = pl.coalesce("id", pl.col("row").cast(pl.String)) if id_column else pl.col("row").cast(pl.String)
    names = ("file", "id") if len(files) > 1 else ("id",)

    def named(frames: list[pl.DataFrame]) -> pl.DataFrame:
        return pl.concat(
            frame.select(
                "row",
                file_number=pl.lit(number, dtype=pl.UInt32),
                file=pl.lit(str(files[number])),
                id=own_id,
            )
            for number, frame in enumerate(frames)
        )

    doubts = tuple(doubt for reading in readings if (doubt := reading.doubt()) is not None)
    usable = named([reading.rows.select("row", id="source_key") for reading in readings])
    rejected = named([reading.rejects.select("row", id=pl.lit(None, dtype=pl.String)) for reading in readings])
    return Rows(_normalised([reading.rows for reading in readings]), usable, rejected, names, doubts)


def _normalised(rows: Sequence[pl.DataFrame]) -> Records:
    """Every row as a record. Ids, and what a source has merged or deleted, say nothing about who is who here."""
    nothing = pl.lit(None, dtype=pl.String)
    unsaid = dict.fromkeys(("source_key", "merged_into", "deleted"), nothing)
    return to_records(pl.concat(rows).with_columns(**unsaid), everyone=True)


def _verdicts(decisions: Path, called: pl.Series) -> Verdicts:
    """The decisions about rows that go by these names."""
    known = pl.DataFrame({"record_id": called, "identity": called}).with_row_index("record")
    return resolved(read_decisions(decisions), known)


def _numbered(rows: Rows, clusters: pl.Series, last: int, *, by_file: bool) -> pl.DataFrame:
    """All rows in the order of the files, with `cluster_id`, and `record` where a row is one.

    Args:
        rows: the rows.
        clusters: the cluster of each record.
        last: the highest number of a cluster.
        by_file: whether clusters are numbered anew, in the order of their first rows.
    """
    beyond = pl.int_range(1, len(rows.rejected) + 1, dtype=pl.UInt32, eager=True) + last
    nowhere = pl.lit(None, dtype=pl.UInt32)
    every = pl.concat(
        [
            rows.named.with_columns(cluster_id=clusters).with_row_index("record"),
            rows.rejected.with_columns(cluster_id=beyond).select(nowhere.alias("record"), pl.all()),
        ]
    ).sort("file_number", "row")
    if not by_file:
        return every
    order = every.select("cluster_id").unique(maintain_order=True).with_row_index("number", offset=1)
    return every.join(order, on="cluster_id", maintain_order="left").with_columns(cluster_id="number")


def _write_further(
    outputs: Outputs,
    rows: Rows,
    tables: Records,
    matches: Matches,
    numbers: pl.Series,
    auto: float,
    review: float,
) -> None:
    """Writes what was asked for beside the clusters.

    Args:
        outputs: what is wanted.
        rows: the rows.
        tables: the records.
        matches: the scored pairs, and the clusters.
        numbers: the number of each record's cluster in the result.
        auto: the probability from which two rows are joined.
        review: the probability from which a person should look.
    """
    names = rows.named.select(*rows.names)
    if outputs.links is not None:
        likeliest_first = matches.pairs.sort("probability", "left", "right", descending=[True, False, False])
        write_table(links(replace(matches, pairs=likeliest_first), names), outputs.links)
    if outputs.review is not None:
        write_table(_doubtful(rows, tables, matches, numbers, auto, review), outputs.review)
    if outputs.golden is not None:
        golden = in_cells(golden_records(tables, numbers)).sort("cluster").rename({"cluster": "cluster_id"})
        write_table(golden, outputs.golden)
    if outputs.households is not None:
        living = households(tables, numbers).join(rows.named.with_row_index("record"), on="record")
        living = living.sort("file_number", "row").rename({"cluster": "cluster_id"})
        order = living.select("household").unique(maintain_order=True).with_row_index("household_id", offset=1)
        living = living.join(order, on="household").sort("household_id", "file_number", "row")
        write_table(living.select("household_id", "cluster_id", *rows.names), outputs.households)


def _doubtful(
    rows: Rows, tables: Records, matches: Matches, numbers: pl.Series, auto: float, review: float
) -> pl.DataFrame:
    """Pairs that a person should look at, the most uncertain first: a file of decisions whose verdicts are blank.

    Doubtful are pairs from `review` on that are in different clusters, and pairs in one cluster that are less likely
    than `auto`.
    """
    apart = pl.Series(numbers.gather(matches.pairs["left"]) != numbers.gather(matches.pairs["right"]))
    unsure = matches.pairs.filter((pl.col("probability") >= review) & (apart | (pl.col("probability") < auto)))
    unsure = unsure.sort((pl.col("probability") - auto).abs(), "left", "right")
    mails = tables.emails.group_by("record", maintain_order=True).agg(pl.col("email").drop_nulls().str.join("; "))
    phones = tables.phones.group_by("record", maintain_order=True).agg(pl.col("phone").drop_nulls().str.join("; "))
    said = tables.records.select("record", *SHOWN).join(mails, on="record", how="left", maintain_order="left")
    said = said.join(phones, on="record", how="left", maintain_order="left").drop("record")
    beside = [
        said[column].gather(unsure[side]).alias(f"{column}_{side}")
        for column in said.columns
        for side in ("left", "right")
    ]
    evidence = links(replace(matches, pairs=unsure), rows.called().to_frame("id"))
    together = numbers.gather(unsure["left"]) == numbers.gather(unsure["right"])
    return pl.concat(
        [
            pl.DataFrame({"verdict": pl.Series([None], dtype=pl.String).new_from_index(0, len(unsure))}),
            evidence.select(records=pl.concat_str("left", "right", separator=BETWEEN)),
            pl.DataFrame({"together_now": together}),
            evidence.select("probability", "rival_hypothesis"),
            pl.DataFrame(beside),
            evidence.select(name for name in evidence.columns if name.startswith("level_")),
        ],
        how="horizontal",
    )

"""The pipeline, defined once: the command line runs its stages directly, Prefect as tasks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ParamSpec, Protocol, TypeVar

import polars as pl

from connectors.contacts import Contact, contact_rows, named_contacts
from connectors.exports.reading import read_export
from connectors.journal import SCHEMA as JOURNAL
from connectors.journal import Journal
from connectors.report.writer import write_report
from flows.applying import apply_plan
from flows.runs import Run
from flows.settings import Settings, SourceSettings
from flows.sites import is_missing, open_site
from transforms.audit import audit, tally
from transforms.errors import InputError, RunError, UsageError
from transforms.matching import Matches, match
from transforms.planning import Plan, Policy, plan
from transforms.records import Records, to_records
from transforms.schema import CONTACTS, REJECTS, ROWS, SITE, Info, conform, empty

P = ParamSpec("P")
T = TypeVar("T")
PASSES = 6
"""How often a plan is tried on its own outcome before it is taken as it is."""
SUFFIXES = (".csv", ".tsv", ".txt")


class Stage(Protocol):
    """Runs one stage: its title, the function, and the function's arguments."""

    def __call__(self, title: str, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """The function's result."""
        ...


def directly(title: str, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:  # noqa: ARG001 - a `Stage`
    """Runs a stage here and now."""
    return work(*args, **kwargs)


@dataclass(frozen=True)
class Exports:
    """What was read of all exports, and what could not be."""

    rows: pl.DataFrame
    rejects: pl.DataFrame
    files: list[dict[str, Any]]


def plan_run(settings: Settings, run: Run, stage: Stage = directly) -> dict[str, Any]:
    """Reads everything, finds who is who, and writes the plan; the site is not touched. Returns the summary.

    Raises:
        UsageError: no site is set, or an export is missing.
        InputError: exports were given and none of them can be read.
    """
    began = time.monotonic()
    contacts = stage("read the site", read_site, settings)
    exports = stage("read the exports", read_exports, settings.ranked())
    rows = [_site_rows(settings, contacts), exports.rows]
    tables = stage("normalise", normalise, rows, settings)
    policy = settings.policy_for(run.name)
    matches, planned = stage("match and plan", settle, tables, contacts, exports.rows, settings, policy)
    stage("save", save, run, tables, exports.rejects, contacts, matches, planned)
    run.note(
        state="planned",
        planned_at=datetime.now(UTC).isoformat(timespec="seconds"),
        site=settings.site.url,
        site_contacts=len(contacts),
        sources=[one.name for one in settings.ranked()],
        files=exports.files,
        auto=settings.match.auto,
        review=settings.match.review,
        plan_seconds=round(time.monotonic() - began, 3),
    )
    return stage("report", report, run)


def apply_run(
    run: Run, settings: Settings, stage: Stage = directly, *, progress: Callable[[int], None] = lambda _: None
) -> dict[str, Any]:
    """Applies a planned run to its site and reports. Returns the summary.

    Raises:
        RunError: the run is of another site.
    """
    began = time.monotonic()
    planned_for = run.facts().get("site")
    url = settings.site.url or planned_for
    if url != planned_for:
        raise RunError(f"This run was planned for {planned_for}, not for {url}. Plan again for that site.")
    stage("apply", execute, run, url, progress)
    run.note(state="applied", apply_seconds=round(time.monotonic() - began, 3))
    return stage("report", report, run)


def read_site(settings: Settings) -> list[Contact]:
    """All contacts of the site, labels and custom fields by name; an embedded site still to be made has none."""
    if settings.source and is_missing(settings.site.url):
        return []
    with open_site(settings.site.url) as site:
        return asyncio.run(named_contacts(site))


def _site_rows(settings: Settings, contacts: Sequence[Contact]) -> pl.DataFrame:
    ranked = settings.ranked()
    rank = next(index for index, one in enumerate(ranked) if one.name == SITE)
    return contact_rows(contacts, rank=rank, region=ranked[rank].region or settings.site.region)


def read_exports(sources: Sequence[SourceSettings]) -> Exports:
    """The rows of all export files. A file that cannot be read is rejected whole and stops no other.

    Raises:
        UsageError: a file is missing.
        InputError: not one of the files can be read.
    """
    frames, rejects, files = [empty(ROWS)], [empty(REJECTS)], []
    problems: list[str] = []
    for rank, source in enumerate(sources):
        first_row = 1
        for path in [file for pattern in source.files for file in _files(pattern)]:
            try:
                reading = read_export(
                    path,
                    source=source.name,
                    rank=rank,
                    region=source.region,
                    format_name=source.format,
                    first_row=first_row,
                )
            except InputError as error:
                problems.append(str(error))
                reject = {
                    "source": source.name,
                    "file": path.name,
                    "line": 1,
                    "row": None,
                    "reason": str(error),
                    "raw": None,
                }
                rejects.append(conform(pl.DataFrame([reject]), REJECTS))
                files.append({"source": source.name, "file": path.name, "problem": str(error), "rows": 0})
                continue
            first_row += reading.data_rows
            frames.append(reading.rows)
            rejects.append(reading.rejects)
            files.append(
                {
                    "source": source.name,
                    "file": path.name,
                    "format": reading.format,
                    "encoding": reading.encoding,
                    "delimiter": reading.delimiter,
                    "rows": reading.data_rows,
                    "columns": reading.places,
                    "unmapped": list(reading.unmapped),
                }
            )
    if problems and len(problems) == len(files):
        raise InputError(" ".join(problems))
    return Exports(pl.concat(frames), pl.concat(rejects), files)


def _files(pattern: str) -> list[Path]:
    """A file, a folder's export files, or what a pattern matches.

    Raises:
        UsageError: there is none.
    """
    path = Path(pattern)
    if path.is_file():
        return [path]
    if path.is_dir():
        found = sorted(
            file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and not file.name.startswith(".")
        )
    else:
        found = sorted(path.parent.glob(path.name)) if any(mark in path.name for mark in "*?[") else []
    if not found:
        raise UsageError(f"There is no export file at {pattern}.")
    return found


def normalise(rows: Sequence[pl.DataFrame], settings: Settings) -> Records:
    """All rows as records, the most trusted source first."""
    together = pl.concat(rows).sort("source_rank", maintain_order=True)
    return to_records(together, keep=settings.policy.extended_fields)


def settle(
    tables: Records, contacts: Sequence[Contact], exported: pl.DataFrame, settings: Settings, policy: Policy
) -> tuple[Matches, Plan]:
    """Matches and plans until the plan, applied, would leave nothing to do.

    A merged contact knows more than any of its parts, so a next run could find more than this one. The plan is
    therefore tried on its own outcome: what would be joined there is joined now.
    """
    together: set[tuple[int, int]] = set()
    released: set[str] = set()
    site = _infos(contacts)
    for _ in range(PASSES):
        matches = match(tables, auto=policy.auto, review=policy.review, together=sorted(together))
        planned = plan(tables, matches, site, policy, released=released)
        links, free = _left_over(tables, matches, planned, contacts, exported, settings, policy)
        if links <= together and free <= released:
            break
        together |= links
        released |= free
    return matches, planned


def _left_over(
    tables: Records,
    matches: Matches,
    planned: Plan,
    contacts: Sequence[Contact],
    exported: pl.DataFrame,
    settings: Settings,
    policy: Policy,
) -> tuple[set[tuple[int, int]], set[str]]:
    """What a second run would do, when the site is as this plan leaves it.

    Returns:
        Pairs of records that it would put together, and clusters that it would no longer hold back.
    """
    if planned.operations.filter(pl.col("state") == "auto").is_empty():
        return set(), set()
    known = {one.id: one for one in contacts}
    long_ago = datetime(2000, 1, 1, tzinfo=UTC)
    after = [
        known[name].model_copy(update={"info": info})
        if name in known
        else Contact(id=name, revision=1, created=long_ago, updated=long_ago, info=info)
        for name, info in ((name, Info.model_validate_json(text)) for name, text in planned.outcome.iter_rows())
    ]
    again = normalise([_site_rows(settings, after), exported], settings)
    found = match(again, auto=policy.auto, review=policy.review)
    more = plan(again, found, _infos(after), policy).operations.filter(pl.col("state") == "auto")
    members = dict(matches.clusters.group_by("cluster", maintain_order=True).agg("record_id").iter_rows())
    cluster_of = dict(matches.clusters.select("record_id", "cluster").iter_rows())
    created = dict(planned.operations.filter(pl.col("kind") == "create").select("operation", "cluster").iter_rows())
    index = dict(tables.records.select("record_id", "record").iter_rows())
    links: set[tuple[int, int]] = set()
    free: set[str] = set()
    for names in more.unique("cluster", maintain_order=True)["records"].to_list():
        contacts_in = [created.get(name.removeprefix(f"{SITE}:"), cluster_of.get(name)) for name in names]
        clusters = {cluster for cluster in contacts_in if cluster is not None}
        group = sorted({index[one] for cluster in clusters for one in members[cluster]})
        links |= {(group[0], other) for other in group[1:]}
        free |= clusters
    return links, free


def _infos(contacts: Sequence[Contact]) -> pl.DataFrame:
    return pl.DataFrame(
        {"contact_id": [one.id for one in contacts], "info": [one.info.to_json() for one in contacts]},
        schema=dict(CONTACTS),
    )


def save(
    run: Run,
    tables: Records,
    rejects: pl.DataFrame,
    contacts: Sequence[Contact],
    matches: Matches,
    planned: Plan,
) -> None:
    """Every table of the run, as Parquet in its folder."""
    for name, table in tables.tables().items():
        if name != "rejects":
            run.save(name, table)
    run.save("rejects", pl.concat([rejects, tables.rejects]).sort("source", "file", "line", nulls_last=True))
    run.save("contacts", _infos(contacts))
    run.save("pairs", matches.pairs)
    run.save("clusters", matches.clusters)
    run.save("plan", planned.operations)
    run.save("losses", planned.losses)


def execute(run: Run, url: str | None, progress: Callable[[int], None]) -> None:
    """Applies the run's plan to its site through its journal."""
    with open_site(url, create=True) as site, Journal(run.folder / "journal.db") as journal:
        asyncio.run(apply_plan(run.table("plan"), site, journal, progress=progress))


def report(run: Run) -> dict[str, Any]:
    """Writes the run's audit and report from its tables and journal; returns the summary."""
    planned = run.table("plan")
    path = run.folder / "journal.db"
    entries = pl.DataFrame(schema=JOURNAL)
    if path.exists():
        with Journal(path) as journal:
            entries = journal.entries()
    rows = audit(planned, entries)
    records, clusters = run.table("records"), run.table("clusters")
    facts = run.facts()
    people = clusters["cluster"].n_unique()
    summary: dict[str, Any] = {
        "run": str(run.folder),
        "records": len(records),
        "rejected": len(run.table("rejects")),
        "clusters": people,
        "duplicates": len(records) - people,
        **tally(planned, entries),
        "seconds": round(facts.get("plan_seconds", 0.0) + facts.get("apply_seconds", 0.0), 3),
        "report": str(run.folder / "report.html"),
    }
    write_report(
        run.folder,
        facts=facts,
        summary=summary,
        audit=rows,
        losses=run.table("losses"),
        rejects=run.table("rejects"),
        records=records,
        planned=counts(planned),
    )
    return summary


def counts(planned: pl.DataFrame) -> Mapping[str, int]:
    """What a plan will do: contacts created, updated, merged away, into how many, calls of merges, labelled, held."""
    auto = planned.filter(pl.col("state") == "auto")
    merges = auto.filter(pl.col("kind") == "merge")
    held = planned.filter(pl.col("state") != "auto")
    return {
        "create": auto.filter(pl.col("kind") == "create").height,
        "update": auto.filter(pl.col("kind") == "update").height,
        "merge": int(merges["sources"].list.len().sum() or 0),
        "into": merges["target"].n_unique(),
        "merge_calls": merges.height,
        "label": auto.filter(pl.col("labels").list.len() > 0).height,
        "review": held.filter(pl.col("state") == "review")["cluster"].n_unique(),
        "blocked": held.filter(pl.col("state") == "blocked")["cluster"].n_unique(),
    }

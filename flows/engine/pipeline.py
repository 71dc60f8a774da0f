"""The pipeline, defined once: the command line runs its stages directly, Prefect as tasks."""

from __future__ import annotations

import difflib
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ParamSpec

import polars as pl

from connectors.contacts import Contact, ContactsSite, named_contacts
from connectors.exports.formats import normalised
from connectors.exports.limits import Limits
from connectors.exports.reading import Reading, read_file
from connectors.report.writer import MOST_ROWS, by_urgency, write_report
from connectors.store.decisions import read_decisions
from connectors.store.journal import DONE, OPEN, Journal
from connectors.store.journal import SCHEMA as JOURNAL
from connectors.store.memory import ENDED, HELD, PARTIAL, RUNNING
from connectors.store.run_folder import Run
from flows.engine.applying import Names, Options, SiteAsRead, apply_plan, marker_of
from flows.engine.explaining import explained_links
from flows.engine.forecast import calls, minutes
from flows.engine.forecast import over_budget as budget_problem
from flows.engine.inputs import infos_of, normalise, site_rows_of
from flows.engine.right_site import (
    JOURNAL as JOURNAL_FILE,
)
from flows.engine.right_site import (
    begin,
    begun_journal,
    planned_settings,
    refuse_another_site,
    site_held,
    unfinished_runs,
)
from flows.engine.settling import settle
from flows.engine.waiting import T, run_blocking
from flows.settings import ApplySettings, Settings, SourceSettings
from flows.sites import identity_of, is_missing, memory_of, opened, shown_site, site_names
from flows.stages import Stage, directly
from transforms.match.matching import Matches
from transforms.match.verdicts import Verdicts, differing, identities, meant, of_site, resolved
from transforms.plan.audit import audit, tally
from transforms.plan.operations import CREATED_BY
from transforms.plan.planning import Plan
from transforms.plan.survivorship import fingerprint
from transforms.schema.contact import Info
from transforms.schema.errors import InputError, NotFound, OnefoldError, RunError, UsageError
from transforms.schema.ids import short_id
from transforms.schema.records import Records
from transforms.schema.tables import FINGERPRINTS, REJECTS, ROWS, SITE, conform, empty

P = ParamSpec("P")
UNDO_JOURNAL = "undo.db"
"""The journal of an undo, beside the run's own."""
SUFFIXES = (".csv", ".tsv", ".txt", ".vcf", ".xlsx", ".xls", ".xlsb", ".ods", ".gz", ".zip")


@dataclass(frozen=True)
class Exports:
    """What was read of all exports, and what could not be."""

    rows: pl.DataFrame
    rejects: pl.DataFrame
    files: list[dict[str, Any]]


def plan_run(
    settings: Settings, run: Run, stage: Stage = directly, *, wait: bool = False, despite_unfinished: bool = False
) -> dict[str, Any]:
    """Reads everything, finds who is who, and writes the plan; the site is not touched. Returns the summary.

    Args:
        settings: all settings.
        run: a new run.
        stage: what runs a stage.
        wait: whether to wait for a run that is at work on the site.
        despite_unfinished: whether to plan although an earlier run was broken off and is not finished.

    Raises:
        UsageError: no site is set, or an export is missing.
        InputError: exports were given and none of them can be read.
        RunError: a run on this site was broken off.
        Busy: another run is at work on the site.
    """
    settings = settings.with_site(None)
    with site_held(settings, by=f"run {run.name}", wait=wait):
        return _planned(settings, run, stage, despite_unfinished)


def _planned(settings: Settings, run: Run, stage: Stage, despite_unfinished: bool) -> dict[str, Any]:
    began = time.monotonic()
    seconds: dict[str, float] = {}
    stage = _timed(stage, seconds)
    unfinished = unfinished_runs(settings)
    for one in unfinished:
        if one.run is not None and one.begun.state == RUNNING and not despite_unfinished:
            raise RunError(
                f"Run {one.run.name} on this site was broken off, and is in {one.begun.folder}. Finish it with "
                f"onefold apply, or take it back with onefold undo, then plan again; or plan with --despite-unfinished."
            )
    planned_at = datetime.now(UTC)
    contacts = stage("read the site", read_site, settings)
    exports = stage("read the exports", read_exports, settings)
    site_rows = site_rows_of(settings, contacts)
    tables = stage("normalise", normalise, [site_rows, exports.rows], settings)
    known = stage("follow what the site has merged", redirected, settings, contacts, exports)
    policy = settings.policy_for(run.name)
    every = stage("read the decisions", read_decisions, settings.decisions)
    names = site_names(settings)
    decisions = of_site(every, names)
    named = identities(tables.records, exports.rows)
    verdicts = stage("follow the decisions", resolved, decisions, named, _placed(settings))
    decided = stage("recall", recall, run, settings, tables, exports.rows, contacts, verdicts)
    matches, planned = stage(
        "match and plan", settle, tables, contacts, site_rows, decided, known, verdicts, settings, policy
    )
    stage("save", save, run, tables, exports.rejects, named, contacts, decisions, matches, planned)
    options = apply_options(settings)
    run.note(
        state="planned",
        planned_at=planned_at.isoformat(timespec="seconds"),
        settings=settings.to_facts(),
        site=settings.site.url,
        site_id=settings.wix_site_id,
        site_identity=identity_of(settings),
        unfinished=[{"run": one.begun.run, "folder": str(one.begun.folder)} for one in unfinished],
        site_contacts=len(contacts),
        new_site=is_missing(settings.site.url),
        sources=[one.name for one in settings.ranked()],
        files=exports.files,
        auto=settings.match.auto,
        review=settings.match.review,
        site_names=names,
        decisions={
            "file": str(settings.decisions.absolute()),
            "read": decisions["verdict"].count(),
            "undecided": every["verdict"].null_count(),
            "of_another_site": len(every) - len(decisions),
            "of_nobody_here": verdicts.missing,
            "contradicting": contradicting(decisions, named, matches.verdicts),
        },
        model=asdict(matches.model),
        opt_outs=planned.opt_outs._asdict(),
        calls=calls(planned.operations, options),
        minutes=minutes(planned.operations, settings, options),
        over_budget=budget_problem(counts(planned.operations)["merge"], len(contacts), settings.apply),
        stages=seconds,
        plan_seconds=round(time.monotonic() - began, 3),
    )
    run.seal()
    return stage("report", report, run)


def _timed(stage: Stage, seconds: dict[str, float]) -> Stage:
    """A stage runner that notes how many seconds each stage took."""

    def run(title: str, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        began = time.monotonic()
        try:
            return stage(title, work, *args, **kwargs)
        finally:
            seconds[title] = round(time.monotonic() - began, 3)

    return run


def apply_run(
    run: Run,
    settings: Settings,
    stage: Stage = directly,
    *,
    options: Options | None = None,
    over_budget: bool = False,
    site: str | None = None,
    wait: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:
    """Applies a planned run to its site, with the settings it was planned with, and reports. Returns the summary.

    Args:
        run: the run.
        settings: the settings as they are now: the key comes from them, and a limit of theirs that is stricter than the
            plan's counts, too.
        stage: what runs a stage.
        options: how; as the plan's settings say when it is not given.
        over_budget: whether a plan that is over its budget is applied all the same.
        site: the site that was named explicitly.
        wait: whether to wait for a run that is at work on the site.
        progress: called with the number of operations dealt with.

    Raises:
        RunError: the run is of another site, was undone, is over its budget, or too much of it went wrong.
        Busy: another run is at work on the site.
    """
    planned = planned_settings(run, settings.with_site(None), site=site)
    with site_held(planned, by=f"run {run.name}", wait=wait):
        return _applied(run, planned, stricter(planned.apply, settings.apply), stage, options, over_budget, progress)


def _applied(
    run: Run,
    settings: Settings,
    limits: ApplySettings,
    stage: Stage,
    options: Options | None,
    over_budget: bool,
    progress: Callable[[int], None],
) -> dict[str, Any]:
    began = time.monotonic()
    if (run.folder / UNDO_JOURNAL).exists():
        raise RunError("This run was undone, so it is not applied again. Plan again.")
    merged = counts(run.table("plan"))["merge"]
    problem = None if over_budget else budget_problem(merged, run.facts()["site_contacts"], limits)
    if problem is not None:
        raise RunError(f"The plan is over its budget, so nothing was applied. {problem} To do it: --over-budget")
    chosen = options or apply_options(settings)
    chosen = replace(chosen, most_wrong=min(chosen.most_wrong, limits.max_wrong))
    stopped = stage("apply", execute, run, settings, chosen, progress)
    stage("remember", remember, run, settings)
    run.note(state="applied", apply_seconds=round(time.monotonic() - began, 3))
    summary = stage("report", report, run)
    if stopped is not None:
        raise stopped
    return summary


def stricter(planned: ApplySettings, now: ApplySettings) -> ApplySettings:
    """The plan's limits, each replaced by one that is set now and stricter."""
    names = {"max_merge_share", "max_deletes", "max_wrong"} & now.model_fields_set
    limits = {name: (getattr(planned, name), getattr(now, name)) for name in names}
    closer = {name: new for name, (old, new) in limits.items() if new is not None and (old is None or new < old)}
    return planned.model_copy(update=closer)


def contradicting(decisions: pl.DataFrame, named: pl.DataFrame, verdicts: Verdicts) -> int:
    """How many decisions are not honoured, because they contradict others or strong evidence."""
    made = decisions.drop_nulls("verdict") if verdicts.contested else decisions.head(0)
    return sum(not verdicts.contested.keys().isdisjoint(meant(one, named)) for one in made.iter_slices(1))


def apply_options(settings: Settings) -> Options:
    """How the settings say that a plan is applied."""
    return Options(
        concurrency=settings.apply.concurrency,
        preview=settings.apply.preview,
        keep_marker=settings.apply.keep_marker,
        most_wrong=settings.apply.max_wrong,
    )


def read_site(settings: Settings) -> list[Contact]:
    """All contacts of the site, labels and custom fields by name; an embedded site still to be made has none."""
    if settings.source and is_missing(settings.site.url):
        return []

    async def contacts() -> list[Contact]:
        async with opened(settings) as site:
            return await named_contacts(site)

    return run_blocking(contacts())


def redirected(settings: Settings, contacts: Sequence[Contact], exports: Exports) -> dict[str, str]:
    """Records that carry the id of a contact of the site, with the contact it is now: the site's own merges are known.

    Only exports that Onefold wrote carry such ids. One call is made for each id that is no longer among the contacts.
    """
    ours = pl.DataFrame(
        [(one["source"], one["file"]) for one in exports.files if one.get("format") == "onefold"],
        schema={"source": pl.String, "file": pl.String},
        orient="row",
    )
    keyed = exports.rows.join(ours, on=["source", "file"], how="semi").drop_nulls("source_key")
    there = {one.id for one in contacts}
    gone = sorted(set(keyed["source_key"]) - there)

    async def followed() -> dict[str, str]:
        found: dict[str, str] = {}
        async with opened(settings) as site:
            for contact in gone:
                with suppress(NotFound):
                    found[contact] = (await site.get(contact)).id
        return found

    now = dict(zip(there, there, strict=True)) | (run_blocking(followed()) if gone and there else {})
    return {
        f"{source}:{row}": now[key]
        for source, row, key in keyed.select("source", "row", "source_key").iter_rows()
        if now.get(key) in there
    }


def read_exports(settings: Settings) -> Exports:
    """The rows of all export files. A file that cannot be read is rejected whole and stops no other.

    Raises:
        UsageError: a file is missing.
        InputError: not one of the files can be read, or a column that was mapped is in none of them.
    """
    frames, rejects, files = [empty(ROWS)], [empty(REJECTS)], []
    problems: list[str] = []
    for source, path, reading in readings(settings.ranked(), settings.limits.limits()):
        if isinstance(reading, InputError):
            problems.append(str(reading))
            reject = {"source": source.name, "file": path.name, "line": 1, "reason": str(reading)}
            rejects.append(conform(pl.DataFrame([reject]), REJECTS))
            files.append({"source": source.name, "file": path.name, "problem": str(reading), "rows": 0})
            continue
        frames.append(reading.rows)
        rejects.append(reading.rejects)
        files.append(
            {
                "source": source.name,
                "file": reading.file,
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


def readings(
    sources: Sequence[SourceSettings], limits: Limits
) -> Iterator[tuple[SourceSettings, Path, Reading | InputError]]:
    """What became of each export file, or why it cannot be read; a packed file may hold several tables.

    Raises:
        UsageError: a file is missing.
        InputError: a column that was mapped is in none of the files.
    """
    mapped = {normalised(column): column for source in sources for column in source.columns}
    seen: dict[str, str] = {}
    for rank, source in enumerate(sources):
        first_row = 1
        for path in [file for pattern in source.files for file in _files(pattern)]:
            try:
                several = read_file(
                    path,
                    source=source.name,
                    rank=rank,
                    region=source.region,
                    format_name=source.format,
                    columns=source.columns,
                    auto_saved=source.auto_saved,
                    first_row=first_row,
                    limits=limits,
                )
            except InputError as error:
                yield source, path, error
                continue
            for reading in several:
                first_row += reading.data_rows
                seen |= {normalised(column): column for column in (*reading.places, *reading.unmapped)}
                yield source, path, reading
    for name, column in mapped.items():
        if name not in seen and seen:
            near = difflib.get_close_matches(name, seen, n=1)
            hint = f"; did you mean {seen[near[0]]!r}?" if near else f". Their columns: {', '.join(seen.values())}."
            raise InputError(f"No export has a column {column!r}{hint}")


def _files(pattern: str) -> list[Path]:
    """A file, a folder's export files, or what a pattern matches in a folder. A folder may have none: a drop folder is
    empty on a day without news.

    Raises:
        UsageError: there is no such file or folder.
    """
    path = Path(pattern)
    if path.is_file():
        return [path]
    if path.is_dir():
        found = sorted(
            file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and not file.name.startswith(".")
        )
    elif any(mark in path.name for mark in "*?[") and path.parent.is_dir():
        found = sorted(path.parent.glob(path.name))
    else:
        raise UsageError(f"There is no export file at {pattern}.")
    return found


def _placed(settings: Settings) -> dict[str, str]:
    """The contacts to which records went that people decided about: identities of both."""
    return {name: f"{SITE}:{contact}" for name, contact in memory_of(settings).placed().items()}


def recall(
    run: Run,
    settings: Settings,
    tables: Records,
    exported: pl.DataFrame,
    contacts: Sequence[Contact],
    verdicts: Verdicts,
) -> dict[str, str]:
    """Records about which nothing has changed since an earlier run: the contact each went to, or `HELD`.

    What a person decided since then counts more than what was decided then. What each record is known by from run to
    run is saved in the run, to be remembered when it is applied.
    """
    scope = _scope(settings)
    fingerprints = _fingerprints(scope, tables, exported, contacts)
    run.save(
        "fingerprints",
        pl.DataFrame(
            {"record_id": list(fingerprints), "fingerprint": list(fingerprints.values())}, schema=dict(FINGERPRINTS)
        ),
    )
    run.note(scope=scope)
    known = memory_of(settings).recall(fingerprints.values())
    there = {one.id for one in contacts}
    index = dict(tables.records.select("record_id", "record").iter_rows())
    spoken_of = {record for pair in (*verdicts.together, *verdicts.apart) for record in pair}

    def still(name: str, contact: str) -> bool:
        """Whether what was decided of a record holds."""
        if contact == HELD:
            return index[name] not in spoken_of
        return contact in there and not _are_apart(index[name], index.get(f"{SITE}:{contact}"), verdicts)

    decided = {name: known[one] for name, one in fingerprints.items() if one in known and still(name, known[one])}
    names = tables.records["record_id"]
    for one, other in sorted(verdicts.apart):  # both may have gone into one contact before they were set apart
        if decided.get(names[one]) == decided.get(names[other]) != HELD:
            decided.pop(names[other], None)
    return decided


def _are_apart(one: int, other: int | None, verdicts: Verdicts) -> bool:
    return other is not None and (min(one, other), max(one, other)) in verdicts.apart


def _scope(settings: Settings) -> str:
    """A short text that changes when the settings that decide about records change: then all is decided anew."""
    rules = [settings.match.model_dump_json(), settings.policy.model_dump_json()]
    return short_id(
        *rules,
        *[
            f"{one.name} {one.region} {one.format} {one.columns or ''}{one.auto_saved or ''}".rstrip()
            for one in settings.ranked()
        ],
    )


def _fingerprints(scope: str, tables: Records, exported: pl.DataFrame, contacts: Sequence[Contact]) -> dict[str, str]:
    """What each record is known by from run to run: its content, under the settings that decide about it."""
    found = {
        f"{source}:{row}": short_id(scope, source, raw)
        for source, row, raw in exported.select("source", "row", "raw").iter_rows()
    }
    found |= {f"{SITE}:{one.id}": short_id(scope, one.id, fingerprint(one.info)) for one in contacts}
    usable = set(tables.records["record_id"])
    return {name: one for name, one in found.items() if name in usable}


def remember(run: Run, settings: Settings) -> None:
    """Remembers what this run decided about each record, except where something went wrong.

    A record of a person who waits is remembered as held; one whose operations are all done with its contact.
    """
    with Journal(run.folder / JOURNAL_FILE) as journal:
        entries = journal.entries()
    planned = run.table("plan").join(entries.select("operation", "contact", done="state"), on="operation", how="left")
    auto = planned.filter(pl.col("state") == "auto")
    failed = set(auto.filter(pl.col("done").ne_missing(DONE))["cluster"])
    held = set(planned.filter(pl.col("state") != "auto")["records"].explode())
    contact_of = dict(auto.filter(pl.col("done") == DONE).select("cluster", "contact").iter_rows())
    records = run.table("records").join(run.table("clusters").select("record", "cluster"), on="record")
    existing = dict(records.drop_nulls("contact_id").select("cluster", "contact_id").iter_rows()) | contact_of
    known = run.table("fingerprints")
    decisions: dict[str, str] = {}
    for name, cluster, one in (
        records.join(known, on="record_id").select("record_id", "cluster", "fingerprint").iter_rows()
    ):
        contact = HELD if name in held else existing.get(cluster)
        if cluster not in failed and contact is not None:
            decisions[one] = contact
    scope = run.facts()["scope"]
    known_after = entries.filter(pl.col("state") == DONE).drop_nulls("after")
    for contact, after in known_after.select("contact", "after").iter_rows():
        content = fingerprint(Info.model_validate_json(after))
        decisions[short_id(scope, contact, content)] = HELD if f"{SITE}:{contact}" in held else contact
    decided = run.table("identities").join(records.select("record_id", "cluster"), on="record_id")
    decided = decided.filter(pl.col("is_decided"), ~pl.col("cluster").is_in(list(failed)))
    placed = {
        one: existing[cluster]
        for one, cluster in decided.select("identity", "cluster").iter_rows()
        if cluster in existing
    }
    memory_of(settings).remember(decisions, placed)


def save(
    run: Run,
    tables: Records,
    rejects: pl.DataFrame,
    named: pl.DataFrame,
    contacts: Sequence[Contact],
    decisions: pl.DataFrame,
    matches: Matches,
    planned: Plan,
) -> None:
    """Every table of the run, as Parquet in its folder."""
    for name, table in tables.tables().items():
        if name != "rejects":
            run.save(name, table)
    run.save("rejects", pl.concat([rejects, tables.rejects]).sort("source", "file", "line", nulls_last=True))
    spoken_of = {record for pair in matches.verdicts.told for record in pair} | matches.verdicts.contested.keys()
    run.save("identities", named.with_columns(is_decided=pl.col("record").is_in(list(spoken_of))))
    run.save("decisions", decisions)
    run.save("contacts", infos_of(contacts))
    run.save("pairs", matches.pairs)
    run.save("clusters", matches.clusters)
    run.save("plan", planned.operations)
    run.save("losses", planned.losses)


def execute(run: Run, settings: Settings, options: Options, progress: Callable[[int], None]) -> OnefoldError | None:
    """Applies the run's plan to its site through its journal; returns what stopped it on the way.

    Raises:
        RunError: it is not the run's site, or the run's journal is gone: nothing was done.
        Busy: another process is at work on the run.
    """
    facts = run.facts()
    seen = SiteAsRead(datetime.fromisoformat(facts["planned_at"]), frozenset(run.table("contacts")["contact_id"]))
    options = replace(options, seen=seen, waiting=decided_since(run, settings))

    async def applied() -> OnefoldError | None:
        is_new, identity = facts["new_site"], None
        with begun_journal(run, settings) as journal:
            if is_new:
                identity = journal.fact("site_identity") or uuid.uuid4().hex
                journal.note("site_identity", identity)
            async with opened(settings, create=is_new, identity=identity) as site:
                await refuse_another_site(run, site, journal)
                begin(run, settings, journal, marker_of(journal))
                await leave_unfinished(run, settings, site)
                memory = memory_of(settings)
                try:
                    await apply_plan(run.table("plan"), site, journal, options, progress=progress)
                except OnefoldError as error:
                    if isinstance(error, RunError):  # a person is to look before anything goes on
                        memory.leave(run.id, PARTIAL)
                    return error
                if OPEN not in journal.states().values():
                    memory.leave(run.id, PARTIAL if options.is_partial() else ENDED)
                return None

    return run_blocking(applied())


def decided_since(run: Run, settings: Settings) -> dict[str, str]:
    """The clusters of a run about which a decision was written, changed or taken back after its plan was made.

    Raises:
        InputError: the file of decisions is not one of decisions any more.
    """
    facts = run.facts()
    now = of_site(read_decisions(settings.decisions), facts["site_names"])
    changed = differing(run.table("decisions"), now)
    if changed.is_empty():
        return {}
    records = meant(changed, run.table("identities"), _placed(settings))
    clusters = run.table("clusters").filter(pl.col("record").is_in(list(records)))["cluster"]
    reason = "a decision about one of its records was written or changed after the plan was made; plan again"
    return dict.fromkeys(clusters, reason)


async def leave_unfinished(run: Run, settings: Settings, site: ContactsSite) -> None:
    """Takes the markers of the unfinished runs that this plan knew of off the site: they are left as they are."""
    memory = memory_of(settings)
    known = {one["run"] for one in run.facts().get("unfinished", [])}
    for begun in memory.unfinished():
        if begun.run in known:
            await Names(site, begun.marker).remove_marker()
            memory.leave(begun.run, ENDED)


def report(run: Run) -> dict[str, Any]:
    """Writes the run's audit and report from its tables and journal; returns the summary."""
    planned = run.table("plan")
    path = run.folder / JOURNAL_FILE
    entries = pl.DataFrame(schema=JOURNAL)
    if path.exists():
        with Journal(path) as journal:
            entries = journal.entries()
    rows = audit(planned, entries)
    records, clusters = run.table("records"), run.table("clusters")
    facts = run.facts()
    people = clusters["cluster"].n_unique()
    planned_counts = counts(planned)
    summary: dict[str, Any] = {
        "run": str(run.folder),
        "records": len(records),
        "rejected": len(run.table("rejects")),
        "clusters": people,
        "duplicates": len(records) - people,
        "planned": {name: planned_counts[name] for name in ("create", "update", "merge", "label", "review", "blocked")},
        **tally(planned, entries),
        "seconds": round(facts.get("plan_seconds", 0.0) + facts.get("apply_seconds", 0.0), 3),
        "report": str(run.folder / "report.html"),
    }
    shown = pl.concat([one.select("operation").head(MOST_ROWS) for one in by_urgency(rows)])
    shown = shown.join(planned.select("operation", "link"), on="operation")
    links = dict(shown.filter(pl.col("link").list.len() == 2).iter_rows())
    evidence = explained_links(run, links.values())
    write_report(
        run.folder,
        facts=facts,
        summary=summary,
        audit=rows,
        losses=run.table("losses"),
        rejects=run.table("rejects"),
        records=records,
        planned=planned_counts,
        site=shown_site(facts["site"]),
        waterfalls={
            operation: (f"{told.probability:.1%}", told.other_explanation, told.steps())
            for operation, link in links.items()
            if (told := evidence.get(tuple(link))) is not None
        },
    )
    return summary


def nothing_to_do(planned: Mapping[str, int]) -> bool:
    """Whether a plan of these `counts` leaves the site as it is."""
    return not any(planned[kind] for kind in ("create", "update", "merge", "label"))


def counts(planned: pl.DataFrame) -> Mapping[str, int]:
    """What a plan will do: contacts created, updated, merged away, into how many, calls of merges, labelled, touched,
    and cases that are held.
    """
    auto = planned.filter(pl.col("state") == "auto").with_columns(
        pl.col("sources").list.filter(~pl.element().str.starts_with(CREATED_BY)),
        pl.when(~pl.col("target").str.starts_with(CREATED_BY)).then("target"),
    )
    merges = auto.filter(pl.col("kind") == "merge", pl.col("sources").list.len() > 0)
    held = planned.filter(pl.col("state") != "auto")
    return {
        "create": auto.filter(pl.col("kind") == "create").height,
        "update": auto.filter(pl.col("kind") == "update").height,
        "merge": int(merges["sources"].list.len().sum() or 0),
        "into": merges["target"].n_unique(),
        "merge_calls": merges.height,
        "label": auto.filter(pl.col("labels").list.len() > 0).height,
        "touched": len({*auto["target"].drop_nulls(), *auto["sources"].explode().drop_nulls()}),
        "review": held.filter(pl.col("state") == "review")["cluster"].n_unique(),
        "blocked": held.filter(pl.col("state") == "blocked")["cluster"].n_unique(),
    }

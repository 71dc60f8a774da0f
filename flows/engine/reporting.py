"""The tables, the audit and the report of a run."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from connectors.contacts import Contact
from connectors.report.writer import MOST_ROWS, by_urgency, write_report
from connectors.store.journal import SCHEMA as JOURNAL
from connectors.store.journal import Journal
from connectors.store.run_facts import RunState
from connectors.store.run_folder import Run
from flows.engine.explaining import explained_links
from flows.engine.inputs import infos_of
from flows.engine.right_site import JOURNAL as JOURNAL_FILE
from flows.engine.summaries import PlannedSummary, RunSummary
from flows.sites import shown_site
from transforms.match.matching import Matches
from transforms.plan.audit import audit, counts, tally
from transforms.plan.planning import Plan
from transforms.schema.records import Records


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
    spoken_of = {record for pair in matches.verdicts.deciders for record in pair} | matches.verdicts.contested.keys()
    run.save("identities", named.with_columns(is_decided=pl.col("record").is_in(list(spoken_of))))
    run.save("decisions", decisions)
    run.save("contacts", infos_of(contacts))
    run.save("pairs", matches.pairs)
    run.save("clusters", matches.clusters)
    run.save("plan", planned.operations)
    run.save("losses", planned.losses)


def report(run: Run) -> RunSummary:
    """Writes the run's audit and report from its tables and journal; returns the summary."""
    planned = run.table("plan")
    path = run.folder / JOURNAL_FILE
    entries = pl.DataFrame(schema=JOURNAL)
    if path.exists():
        with Journal(path) as journal:
            entries = journal.entries()
    rows = audit(planned, entries)
    records, clusters = run.table("records"), run.table("clusters")
    facts, progress = run.facts(), run.progress()
    people = clusters["cluster"].n_unique()
    to_do = counts(planned)
    done = tally(planned, entries)
    summary = RunSummary(
        run=str(run.folder),
        records=len(records),
        rejected=len(run.table("rejects")),
        clusters=people,
        duplicates=len(records) - people,
        planned=PlannedSummary(**{name: getattr(to_do, name) for name in PlannedSummary.model_fields}),
        **done._asdict(),
        warnings=facts.doubts(),
        seconds=round(facts.plan_seconds + progress.apply_seconds, 3),
        report=str(run.folder / "report.html"),
    )
    shown = pl.concat([part.select("operation").head(MOST_ROWS) for part in by_urgency(rows)])
    shown = shown.join(planned.select("operation", "link"), on="operation")
    links = dict(shown.filter(pl.col("link").list.len() == 2).iter_rows())
    evidence = explained_links(run, links.values())
    write_report(
        run.folder,
        facts=facts,
        is_applied=progress.state == RunState.APPLIED,
        people=people,
        audit=rows,
        losses=run.table("losses"),
        rejects=run.table("rejects"),
        records=records,
        planned=to_do,
        done=done,
        site=shown_site(facts.site),
        waterfalls={
            operation: (f"{explained.probability:.1%}", explained.other_explanation, explained.steps())
            for operation, link in links.items()
            if (explained := evidence.get(tuple(link))) is not None
        },
    )
    return summary

"""The tables, the audit and the report of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from connectors.contacts import Contact
from connectors.exports.guards import write_report_csv
from connectors.report.writer import Page, SourceQuality, write_audit, write_page
from connectors.store.journal import SCHEMA as JOURNAL
from connectors.store.journal import Journal
from connectors.store.run_facts import RunState
from connectors.store.run_folder import Run
from flows.engine.explaining import model_of, tables_of
from flows.engine.inputs import infos_of
from flows.engine.right_site import JOURNAL as JOURNAL_FILE
from flows.engine.summaries import PlannedSummary, RunSummary
from flows.settings import PlannedSettings
from flows.sites import shown_site
from transforms.cases.cards import SHOWN_AS, Cards, cards
from transforms.cases.values import FIELDS
from transforms.match.levels import level_labels
from transforms.match.matching import Matches
from transforms.plan.audit import audit, counts, tally
from transforms.plan.planning import Plan
from transforms.plan.redacted import redacted
from transforms.quality import email_counts, phone_counts
from transforms.schema.operations import PlanCounts, Tally
from transforms.schema.records import Records

MOST_CASES = 100_000
"""Cases that a report shows at most, the riskiest."""
MOST_SIZES = 8
"""Sizes of people that a report counts at most."""


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
    entries = _entries(run)
    rows = audit(planned, entries)
    records, clusters = run.table("records"), run.table("clusters")
    facts, progress = run.facts(), run.progress()
    people = clusters["cluster"].n_unique()
    to_do = counts(planned)
    done = tally(planned, entries)
    chain = write_audit(run.folder, rows, chain_head(run))
    for name in ("losses", "rejects"):
        write_report_csv(run.table(name), run.folder / f"{name}.csv")
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
        audit=chain,
        report=str(run.folder / "report.html"),
    )
    write_page(run.folder, _page(run, entries, planned, to_do, done, people, chain))
    return summary


def audit_of(run: Run) -> pl.DataFrame:
    """The audit of a run as its plan and its journal have it: `AUDIT`."""
    return audit(run.table("plan"), _entries(run))


def chain_head(run: Run) -> dict[str, str]:
    """What the chain of a run's audit begins with."""
    facts = run.facts()
    return {"run": run.id, "name": run.name, "site": facts.site, "planned_at": facts.planned_at}


def write_redacted(run: Run) -> str:
    """Writes the run's audit without personal data beside it; returns its chain's last hash."""
    rows = redacted(audit_of(run), run.table("plan"), run.id)
    return write_audit(run.folder, rows, {"run": run.id, "planned_at": run.facts().planned_at}, "-redacted")


def cards_of(run: Run, *, most: int) -> Cards:
    """The cards of a run's cases, the riskiest first, `most` of them at most."""
    return _cards(run, run.table("plan"), _entries(run), tables_of(run), matches_of(run), most)


def _cards(
    run: Run, planned: pl.DataFrame, entries: pl.DataFrame, tables: Records, matches: Matches, most: int
) -> Cards:
    policy = PlannedSettings(**run.facts().settings).policy_for(run.name)
    return cards(tables, planned, entries, matches, run.table("contacts"), run.table("losses"), policy, most=most)


def matches_of(run: Run) -> Matches:
    """The pairs and clusters of a planned run."""
    return Matches(run.table("pairs"), run.table("clusters"), model_of(run))


def _entries(run: Run) -> pl.DataFrame:
    """The entries of the run's journal; none where it was not begun."""
    path = run.folder / JOURNAL_FILE
    if not path.exists():
        return pl.DataFrame(schema=JOURNAL)
    with Journal(path) as journal:
        return journal.entries()


def _page(
    run: Run, entries: pl.DataFrame, planned: pl.DataFrame, to_do: PlanCounts, done: Tally, people: int, chain: str
) -> Page:
    """The contents of the run's report."""
    facts, tables, matches = run.facts(), tables_of(run), matches_of(run)
    shown = _cards(run, planned, entries, tables, matches, MOST_CASES)
    sizes = matches.clusters.group_by("cluster").len().group_by("len").len("people").sort("len")
    fields = [name.removeprefix("level_") for name in matches.pairs.columns if name.startswith("level_")]
    return Page(
        facts=facts,
        site=shown_site(facts.site),
        is_applied=run.progress().state == RunState.APPLIED,
        people=people,
        planned=to_do,
        done=done,
        losses=run.table("losses"),
        rejects=run.table("rejects"),
        sizes=[(f"{size}:", count) for size, count in sizes.head(MOST_SIZES).iter_rows()],
        scores=_scores(matches.pairs),
        quality=_quality(tables),
        blocks={name: getattr(shown, name) for name in ("cases", "records", "contents", "losses", "evidence")},
        cases=shown.total,
        compared={field: (level_labels(field), SHOWN_AS.get(field)) for field in fields},
        fields=FIELDS,
        audit=chain,
    )


def _scores(pairs: pl.DataFrame) -> list[tuple[int, int]]:
    """How many pairs have a probability of so many per cent and more, in steps of five."""
    steps = (pairs["probability"] * 20).floor().clip(0, 19).cast(pl.Int64) * 5
    counts = dict(steps.rename("low").value_counts().iter_rows())
    return [(low, counts.get(low, 0)) for low in range(0, 100, 5)]


def _quality(tables: Records) -> list[SourceQuality]:
    """The quality of each source's values, the most trusted source first."""
    found = []
    sources = tables.records.group_by("source", "source_rank").agg("record").sort("source_rank")
    for source, _, records in sources.iter_rows():
        of = pl.col("record").is_in(records)
        mails, numbers = email_counts(tables.emails.filter(of)), phone_counts(tables.phones.filter(of))
        found.append(SourceQuality(source, len(records), *(_said(counts) for counts in (mails, numbers))))
    return found


def _said(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return [(name, count) for name, count in counts.items() if count]

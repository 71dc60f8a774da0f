"""Recall of earlier runs' decisions about records, and remembering this run's for the next."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from connectors.contacts import Contact
from connectors.store.journal import Journal
from connectors.store.memory import LEFT_TO_A_PERSON
from connectors.store.run_folder import Run
from flows.engine.right_site import JOURNAL as JOURNAL_FILE
from flows.settings import Settings
from flows.sites import memory_of
from transforms.match.verdicts import Verdicts
from transforms.plan.survivorship import fingerprint
from transforms.schema.contact import Info
from transforms.schema.ids import short_id
from transforms.schema.operations import Outcome, State
from transforms.schema.records import Records
from transforms.schema.tables import FINGERPRINTS, SITE


def placed_by_decisions(settings: Settings) -> dict[str, str]:
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
    """Records about which nothing has changed since an earlier run: the contact each went to, or `LEFT_TO_A_PERSON`.

    What a person decided since then counts more than what was decided then. What each record is known by from run to
    run is saved in the run, to be remembered when it is applied.
    """
    scope = scope_of(settings)
    fingerprints = _fingerprints(scope, tables, exported, contacts)
    run.save(
        "fingerprints",
        pl.DataFrame(
            {"record_id": list(fingerprints), "fingerprint": list(fingerprints.values())}, schema=dict(FINGERPRINTS)
        ),
    )
    known = memory_of(settings).recall(fingerprints.values())
    there = {contact.id for contact in contacts}
    index = dict(tables.records.select("record_id", "record").iter_rows())
    spoken_of = {record for pair in (*verdicts.together, *verdicts.apart) for record in pair}

    def still(name: str, contact: str) -> bool:
        """Whether what was decided of a record holds."""
        if contact == LEFT_TO_A_PERSON:
            return index[name] not in spoken_of
        return contact in there and not _are_apart(index[name], index.get(f"{SITE}:{contact}"), verdicts)

    decided = {
        name: known[fingerprint]
        for name, fingerprint in fingerprints.items()
        if fingerprint in known and still(name, known[fingerprint])
    }
    names = tables.records["record_id"]
    for left, right in sorted(verdicts.apart):  # both may have gone into one contact before they were set apart
        if decided.get(names[left]) == decided.get(names[right]) != LEFT_TO_A_PERSON:
            decided.pop(names[right], None)
    return decided


def _are_apart(record: int, contact_record: int | None, verdicts: Verdicts) -> bool:
    return contact_record is not None and (min(record, contact_record), max(record, contact_record)) in verdicts.apart


def scope_of(settings: Settings) -> str:
    """A short text that changes when the settings that decide about records change: then all is decided anew."""
    rules = [settings.match.model_dump_json(), settings.policy.model_dump_json()]
    return short_id(
        *rules,
        *[
            f"{source.name} {source.region} {source.format} {source.columns or ''}{source.auto_saved or ''}".rstrip()
            for source in settings.ranked()
        ],
    )


def _fingerprints(scope: str, tables: Records, exported: pl.DataFrame, contacts: Sequence[Contact]) -> dict[str, str]:
    """Fingerprints of records from run to run: their contents, under the settings that decide about them."""
    by_record = {
        f"{source}:{row}": short_id(scope, source, raw)
        for source, row, raw in exported.select("source", "row", "raw").iter_rows()
    }
    by_record |= {
        f"{SITE}:{contact.id}": short_id(scope, contact.id, fingerprint(contact.info)) for contact in contacts
    }
    usable = set(tables.records["record_id"])
    return {name: content for name, content in by_record.items() if name in usable}


def remember(run: Run, settings: Settings) -> None:
    """Remembers what this run decided about each record, except where something went wrong.

    A record of a person who waits is remembered as held; one whose operations are all done with its contact.
    """
    with Journal(run.folder / JOURNAL_FILE) as journal:
        entries = journal.entries()
    planned = run.table("plan").join(entries.select("operation", "contact", done="state"), on="operation", how="left")
    auto = planned.filter(pl.col("state") == State.AUTO)
    failed = set(auto.filter(pl.col("done").ne_missing(Outcome.DONE))["cluster"])
    waiting = set(planned.filter(pl.col("state") != State.AUTO)["records"].explode())
    contact_of = dict(auto.filter(pl.col("done") == Outcome.DONE).select("cluster", "contact").iter_rows())
    records = run.table("records").join(run.table("clusters").select("record", "cluster"), on="record")
    existing = dict(records.drop_nulls("contact_id").select("cluster", "contact_id").iter_rows()) | contact_of
    known = run.table("fingerprints")
    decisions: dict[str, str] = {}
    for name, cluster, content in (
        records.join(known, on="record_id").select("record_id", "cluster", "fingerprint").iter_rows()
    ):
        contact = LEFT_TO_A_PERSON if name in waiting else existing.get(cluster)
        if cluster not in failed and contact is not None:
            decisions[content] = contact
    scope = run.facts().scope
    known_after = entries.filter(pl.col("state") == Outcome.DONE).drop_nulls("after")
    for contact, after in known_after.select("contact", "after").iter_rows():
        content = fingerprint(Info.model_validate_json(after))
        decisions[short_id(scope, contact, content)] = LEFT_TO_A_PERSON if f"{SITE}:{contact}" in waiting else contact
    decided = run.table("identities").join(records.select("record_id", "cluster"), on="record_id")
    decided = decided.filter(pl.col("is_decided"), ~pl.col("cluster").is_in(list(failed)))
    placed = {
        identity: existing[cluster]
        for identity, cluster in decided.select("identity", "cluster").iter_rows()
        if cluster in existing
    }
    memory_of(settings).remember(decisions, placed)

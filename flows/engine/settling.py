"""A plan that is tried on its own outcome, until no contacts are left that the next run would merge."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import polars as pl

from connectors.contacts import Contact
from connectors.store.memory import LEFT_TO_A_PERSON
from flows.engine.inputs import infos_of, normalise, site_place
from flows.settings import Settings
from transforms.match.matching import Matches, match, match_changed, regrouped
from transforms.match.verdicts import NO_VERDICTS, Verdicts
from transforms.plan.contents import content_rows
from transforms.plan.people import FoldedPeople
from transforms.plan.planning import Plan, plan
from transforms.plan.policy import Policy
from transforms.schema.operations import CREATED_BY, Kind, State
from transforms.schema.records import Records, chosen, together
from transforms.schema.tables import NAMED_CELL, RECORDS, ROWS, SITE, conform

TRIES = 5
"""Most tries of a plan on its own outcome."""
RECORDS_TRIED_ONCE = 200_000
"""Records beyond which it is tried once: a second look finds next to nothing, and takes as long as the first."""


def settle(
    tables: Records,
    contacts: Sequence[Contact],
    site_rows: pl.DataFrame,
    decided: Mapping[str, str],
    known: Mapping[str, str],
    verdicts: Verdicts,
    settings: Settings,
    policy: Policy,
) -> tuple[Matches, Plan]:
    """Matches and plans until no contacts are left that the next run would merge.

    A merged contact knows more than any of its parts, so a next run could find more than this one. The plan is
    therefore tried on its own outcome: what would be merged there is merged now.

    Args:
        tables: the records.
        contacts: the site's contacts.
        site_rows: the same as `ROWS`.
        decided: records about which nothing has changed since an earlier run, with the contact each went to.
        known: records that carry the id of a contact of this site, with that contact.
        verdicts: what people decided about these records.
        settings: all settings.
        policy: what decides.
    """
    index = dict(tables.records.select("record_id", "record").iter_rows())
    owners = {
        name: f"{SITE}:{contact}" for name, contact in {**known, **decided}.items() if contact != LEFT_TO_A_PERSON
    }
    known_links = {(index[name], index[owner]) for name, owner in owners.items() if name != owner and owner in index}
    site = infos_of(contacts)
    left_to_people = {name: contact == LEFT_TO_A_PERSON for name, contact in decided.items()}
    matches = match(tables, auto=policy.auto, review=policy.review, known_links=sorted(known_links), verdicts=verdicts)
    outlook = Outlook(tables, site_rows, settings, policy)
    folded = FoldedPeople()
    was_collecting = gc.isenabled()
    gc.disable()  # hundreds of thousands of small objects, none of them in a circle
    try:
        return _settled(matches, known_links, outlook, folded, left_to_people, tables, site, policy)
    finally:
        if was_collecting:
            gc.enable()


def _settled(
    matches: Matches,
    known_links: set[tuple[int, int]],
    outlook: Outlook,
    folded: FoldedPeople,
    left_to_people: Mapping[str, bool],
    tables: Records,
    site: pl.DataFrame,
    policy: Policy,
) -> tuple[Matches, Plan]:
    planned = plan(tables, matches, site, policy, settled_earlier=left_to_people, folded=folded)
    for _ in range(TRIES if len(tables.records) <= RECORDS_TRIED_ONCE else 1):
        links = outlook.merged_next(matches, planned)
        if links <= known_links:
            break
        known_links |= links
        matches = regrouped(matches, tables, auto=policy.auto, known_links=sorted(known_links))
        planned = plan(tables, matches, site, policy, settled_earlier=left_to_people, folded=folded)
    return matches, planned


class Outlook:
    """Outlook: merges that a next run would make of the contacts that a plan leaves.

    Only contacts into which several records were folded are compared anew, with each other and with all others: they
    know more than any of their parts.

    Args:
        tables: the records.
        site_rows: the site's contacts as `ROWS`.
        settings: all settings.
        policy: what decides.
    """

    def __init__(self, tables: Records, site_rows: pl.DataFrame, settings: Settings, policy: Policy) -> None:
        self._tables = tables
        self._site_rows = site_rows
        self._settings = settings
        self._policy = replace(policy, import_as="fold")
        self._normalised: dict[str, Records] = {}
        """The contacts that were folded, normalised once: by the cluster whose they are, several in one table."""

    def merged_next(self, matches: Matches, planned: Plan) -> set[tuple[int, int]]:
        """Pairs of records whose contacts a next run would merge, when the site is as this plan leaves it."""
        auto = planned.operations.filter(pl.col("state") == State.AUTO)
        went = _went_to_contacts(auto)
        several = auto.filter(pl.col("records").list.len() > 1, pl.col("kind") != Kind.LABEL).select("cluster").unique()
        folded = went.join(several, on="cluster", how="semi")
        changed = folded.filter(~pl.col("cluster").is_in(list(self._normalised)))
        if changed.is_empty():
            return set()
        infos = planned.outcome.join(changed, left_on="contact_id", right_on="contact", maintain_order="right")
        fresh = self._fresh(infos)
        self._normalised |= dict.fromkeys(changed["cluster"], fresh)
        still = {f"{SITE}:{contact}" for contact in folded["contact"]}
        parts = [
            chosen(normalised_part, normalised_part.records["record_id"].is_in(list(still)))
            for normalised_part in self._normalised_parts()
        ]
        again = together([self._others(auto, folded, planned.outcome), *parts], self._tables.date_orders)
        names = again.records["record_id"]
        is_changed = names.is_in([f"{SITE}:{contact}" for contact in changed["contact"]])
        rematched = match_changed(
            again, matches.model, is_changed, auto=self._policy.auto, verdicts=_between(matches, went, names)
        )
        merges = plan(again, rematched, planned.outcome, self._policy).operations.filter(
            pl.col("state") == State.AUTO, pl.col("kind") == Kind.MERGE
        )
        members = dict(
            matches.clusters.group_by("cluster", maintain_order=True).agg(pl.col("record").first()).iter_rows()
        )
        cluster_of = dict(matches.clusters.select("record_id", "cluster").iter_rows())
        created = dict(auto.filter(pl.col("kind") == Kind.CREATE).select("operation", "cluster").iter_rows())
        links: set[tuple[int, int]] = set()
        for target, sources in merges.select("target", "sources").iter_rows():
            clusters = [created.get(contact) or cluster_of[f"{SITE}:{contact}"] for contact in (target, *sources)]
            firsts = sorted({members[name] for name in clusters})
            links |= {(firsts[0], first) for first in firsts[1:]}
        return links

    def _normalised_parts(self) -> list[Records]:
        return list({id(part): part for part in self._normalised.values()}.values())

    def _fresh(self, infos: pl.DataFrame) -> Records:
        """Contacts as a plan leaves them (`contact_id`, `info`), normalised."""
        own = ["contact_id", "revision", "is_member", "created", "updated", "email_status"]
        rank, region = site_place(self._settings)
        rows = content_rows(infos).join(self._site_rows.select(own), on="contact_id", how="left", maintain_order="left")
        placed = rows.with_columns(
            pl.col("is_member").fill_null(value=False),
            pl.col("created", "updated").fill_null("2000-01-01 00:00:00"),
            pl.col("email_status").fill_null("NOT_SET"),
            pl.col("emails", "phones", "addresses", "labels").fill_null([]),
            source=pl.lit(SITE),
            source_rank=pl.lit(rank),
            region=pl.lit(region, dtype=pl.String),
            row=pl.int_range(1, pl.len() + 1, dtype=pl.UInt32),
            extras=pl.lit([], dtype=pl.List(NAMED_CELL)),
        )
        return normalise([conform(placed, ROWS)], self._settings)

    def _others(self, auto: pl.DataFrame, folded: pl.DataFrame, outcome: pl.DataFrame) -> Records:
        """The records of all other contacts: those that are as they were, and those made of one row alone."""
        records = self._tables.records
        alone = auto.filter(pl.col("kind") == Kind.CREATE, pl.col("records").list.len() == 1).select(
            record_id=pl.col("records").list.first(), made="operation"
        )
        left = outcome.filter(~pl.col("contact_id").is_in(folded["contact"].implode()))["contact_id"]
        stays = records.join(alone, on="record_id", how="left", maintain_order="left")
        contact = pl.coalesce("contact_id", "made")
        wanted = stays.select(contact.is_in(left.implode()).fill_null(value=False)).to_series()
        unchanged = chosen(replace(self._tables, records=stays.with_columns(contact_id=contact)), wanted)
        nothing = pl.lit(None, dtype=pl.String)
        made = pl.col("made").is_not_null()
        as_contacts = unchanged.records.with_columns(
            record_id=pl.format(f"{SITE}:{{}}", "contact_id"),
            source=pl.lit(SITE),
            source_key=nothing,
            merged_ids=nothing,
            is_member=pl.col("is_member").fill_null(value=False),
            opted_out=pl.col("opted_out") & ~made,
            subscribed=pl.col("subscribed") & ~made,
        )
        return replace(unchanged, records=conform(as_contacts, RECORDS))


def _between(matches: Matches, went: pl.DataFrame, names: pl.Series) -> Verdicts:
    """Verdicts about records, carried over to the contacts they go to (`names` of their records, in order)."""
    if not matches.verdicts.apart and not matches.verdicts.together:
        return NO_VERDICTS
    place = {name: number for number, name in enumerate(names)}
    contact_of = {cluster: f"{SITE}:{contact}" for cluster, contact in went.iter_rows()}
    clusters, own = matches.clusters["cluster"], matches.clusters["record_id"]

    def contacts(pairs: Iterable[tuple[int, int]]) -> frozenset[tuple[int, int]]:
        contact_pairs = set()
        for pair in pairs:
            ends = [place.get(contact_of.get(clusters[record], own[record])) for record in pair]
            if None not in ends and ends[0] != ends[1]:
                contact_pairs.add((min(ends), max(ends)))  # type: ignore[type-var] # none of them is None
        return frozenset(contact_pairs)  # type: ignore[arg-type]

    return Verdicts(together=contacts(matches.verdicts.together), apart=contacts(matches.verdicts.apart))


def _went_to_contacts(auto: pl.DataFrame) -> pl.DataFrame:
    """The contact each cluster goes to under a plan: `cluster`, `contact`; one still to be created by its operation."""
    last = auto.group_by("cluster", maintain_order=True).last()
    target = (
        pl.when(pl.col("kind") == Kind.CREATE)
        .then("operation")
        .otherwise(pl.col("target").str.strip_prefix(CREATED_BY))
    )
    return last.select("cluster", contact=target)

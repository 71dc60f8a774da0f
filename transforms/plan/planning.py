"""From clusters to operations: what to create, merge, update and label, in which order, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from transforms.match.matching import Matches
from transforms.plan.contents import contents, unplaced
from transforms.plan.guards import ClusterReasons
from transforms.plan.new_contacts import new_contacts
from transforms.plan.opt_outs import OptOuts, count_opt_outs, opted_out_addresses, reaches
from transforms.plan.people import FoldedPeople, FoldedPerson
from transforms.plan.policy import Policy
from transforms.plan.reasons import (
    clusters_with_differing_birth_dates,
    decided_by_people,
    doubtful_clusters,
    held_pairs,
    weakest_links,
)
from transforms.plan.survivorship import (
    IN_WORDS,
)
from transforms.schema.operations import operations_table
from transforms.schema.records import Records
from transforms.schema.tables import CONTACTS, LOSSES, conform

NOTHING_SETTLED: Mapping[str, bool] = {}


@dataclass(frozen=True)
class Plan:
    """The operations (`PLAN`), the loss ledger (`LOSSES`), the contacts as they will be (`CONTACTS`), and opt-outs.

    In `outcome`, a contact that is still to be created goes by the id of its operation.
    """

    operations: pl.DataFrame
    losses: pl.DataFrame
    outcome: pl.DataFrame
    opt_outs: OptOuts


def plan(
    tables: Records,
    matches: Matches,
    contacts: pl.DataFrame,
    policy: Policy,
    *,
    settled_earlier: Mapping[str, bool] = NOTHING_SETTLED,
    folded: FoldedPeople | None = None,
) -> Plan:
    """The operations that leave one contact for each person.

    A row that is nobody else's becomes a contact in columns, and a contact that is nobody else's is left as it is; only
    where several records are one person are they folded, one person after the other.

    Args:
        tables: the records.
        matches: their pairs and clusters.
        contacts: `CONTACTS`: the site's contacts as they are.
        policy: what decides.
        decided: records about which nothing has changed since an earlier run dealt with them, and whether it left them
            to a person. A person all of whose records are such is not dealt with again.
        folded: people who were folded before, under the same policy and for the same contacts; added to.

    Returns:
        The plan; a cluster in which nothing is to be done has no operation in it.
    """
    folded = folded if folded is not None else FoldedPeople()
    people = _with_clusters(tables, matches)
    if folded.said is None or folded.lost is None:
        folded.said, folded.lost = contents(tables, opt_out_label=policy.opt_out_label), unplaced(tables)
    opted_out = opted_out_addresses(people, policy)
    contested: dict[str, str] = {}
    for cluster, record in people.select("cluster", "record").iter_rows() if matches.verdicts.contested else ():
        if record in matches.verdicts.contested:
            contested.setdefault(cluster, matches.verdicts.contested[record])
    doubts = doubtful_clusters(matches, people, policy)
    people = people.with_columns(is_shared=_is_shared(people))
    is_alone = pl.len().over("cluster") == 1
    plain = pl.col("record").is_in(folded.said.filter("is_plain")["record"].implode())
    is_new = is_alone & pl.col("contact_id").is_null() & plain
    is_as_it_is = is_alone & pl.col("contact_id").is_not_null() & ~reaches(pl.col("reach"), opted_out)
    kinds = people.select(new=is_new, rest=~is_new & ~is_as_it_is)
    new = people.filter(kinds["new"]).select("record", "record_id", "cluster", "place", "reach", "is_shared")
    made = new_contacts(
        new.join(folded.said, on="record", how="left", maintain_order="left"),
        folded.lost, doubts, contested, settled_earlier, opted_out, policy,
    )  # fmt: skip
    reasons = ClusterReasons(
        doubts,
        weakest_links(matches, people) | decided_by_people(matches, people),
        clusters_with_differing_birth_dates(matches, people),
        contested,
        settled_earlier,
    )
    dealt_with = folded.deal_with(people.filter(kinds["rest"]), reasons, contacts, opted_out, policy)
    numbers = pl.Series([person.number for person in dealt_with], dtype=pl.UInt32).implode()
    operations = folded.operations.filter(pl.col("person").is_in(numbers)).drop("person")
    operations = pl.concat([made.operations, operations]).sort("place", maintain_order=True).drop("place")
    operations = pl.concat([operations, operations_table(held_pairs(matches, people, policy))])
    outcome = _outcome(contacts, made.outcome, dealt_with)
    losses = _ledger(folded.losses.filter(pl.col("person").is_in(numbers)), tables, made.losses)
    return Plan(operations, losses, outcome, count_opt_outs(people, operations, outcome, policy))


def _outcome(contacts: pl.DataFrame, created: pl.DataFrame, people: Sequence[FoldedPerson]) -> pl.DataFrame:
    """The contacts as a plan leaves them: `CONTACTS`."""
    changed = {contact: info for person in people for contact, info in person.changed.items()}
    new = pl.DataFrame({"contact_id": list(changed), "info": list(changed.values())}, schema=dict(CONTACTS))
    stays = contacts.filter(~pl.col("contact_id").is_in([contact for person in people for contact in person.gone]))
    stays = stays.update(new, on="contact_id") if len(stays) else stays
    return pl.concat([stays, created, new.join(stays, on="contact_id", how="anti", maintain_order="left")])


def _ledger(losses: pl.DataFrame, tables: Records, unplaced_values: pl.DataFrame) -> pl.DataFrame:
    """The losses of all people who will be applied, with the file and line each value comes from.

    Args:
        losses: of the people who were folded, with their `place`.
        tables: the records.
        unplaced_values: what rows that are nobody else's hold without a place: `cluster`, `record`, `place`, `field`,
            `value`, `reason`.
    """
    where = tables.records.select("record", "record_id", "file", "line")
    new = unplaced_values.join(where, on="record", how="left", maintain_order="left")
    losses = losses.with_columns(pl.col("field").replace(IN_WORDS))
    losses = losses.join(where, on="record_id", how="left", maintain_order="left")
    both = pl.concat([_placed_losses(losses), _placed_losses(new)]).sort("place", maintain_order=True)
    return both.drop("place")


def _placed_losses(losses: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([losses.select(pl.col("place").cast(pl.UInt32)), conform(losses, LOSSES)], how="horizontal")


def _with_clusters(tables: Records, matches: Matches) -> pl.DataFrame:
    """The records with their cluster, how complete they are, and their e-mails and phones (`reach`)."""
    filled = [
        pl.col(name).is_not_null().cast(pl.Int32) for name in ("first", "last", "company", "job_title", "birthdate")
    ]
    reached = pl.concat(
        [
            tables.emails.select("record", value=pl.col("email").str.to_lowercase()),
            tables.phones.select("record", value=pl.coalesce("e164", "phone")),
        ]
    ).drop_nulls()
    values = reached.group_by("record", maintain_order=True).agg(reach=pl.col("value"))
    joined = tables.records.join(matches.clusters.select("record", "cluster"), on="record", maintain_order="left")
    joined = joined.join(values, on="record", how="left", maintain_order="left").with_columns(
        pl.col("reach").fill_null([])
    )
    places = joined.select(pl.struct("source_rank", "row", "record").rank("ordinal")).to_series()
    joined = joined.with_columns(place=(places - 1).cast(pl.UInt32))
    return joined.with_columns(complete=pl.sum_horizontal(*filled) + pl.col("reach").list.len().cast(pl.Int32))


def _is_shared(people: pl.DataFrame) -> pl.Series:
    """Whether a record has an e-mail or phone that another person's record has, too: duplicates are wanted then."""
    values = people.select("record", "cluster", value="reach").explode("value").drop_nulls("value")
    shared = values.filter(pl.col("cluster").n_unique().over("value") > 1)
    return people.select(pl.col("record").is_in(shared["record"].unique().implode())).to_series()

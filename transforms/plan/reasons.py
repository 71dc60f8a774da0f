"""Why records are one person, or wait for a person."""

from __future__ import annotations

import polars as pl

from transforms.match.graph import components, pairs_frame
from transforms.match.levels import Birth
from transforms.match.matching import Matches
from transforms.plan.policy import Policy
from transforms.plan.survivorship import MAX_ITEMS, merged
from transforms.schema.contact import Info
from transforms.schema.ids import short_id
from transforms.schema.operations import Cause, Kind, Operation, State

OPT_OUT_LOST = (
    "one of its contacts has opted out or bounced, and the one that would stay is subscribed: nobody is to be "
    "subscribed again by a merge"
)


TWO_MEMBERS = "both are members of the site, and it never merges those"


LEFT_BEFORE = "an earlier run left this to a person, and nothing has changed since"


NOBODY_ELSE = "no other record is like it"


Reason = tuple[str, list[str]]
"""A reason in words, and the two records it is about."""


def too_many_items(contacts: list[Info]) -> str | None:
    """Why contacts cannot become one, where together they have more than a contact holds."""
    for name, what in (("emails", "e-mails"), ("phones", "phones"), ("addresses", "addresses")):
        if sum(len(getattr(contact, name)) for contact in contacts) > MAX_ITEMS:
            count = len(getattr(merged(contacts[0], contacts[1:]), name))
            if count > MAX_ITEMS:
                return f"together they have {count} {what}, and a contact holds {MAX_ITEMS} at most"
    return None


def weakest_links(matches: Matches, people: pl.DataFrame) -> dict[str, Reason]:
    """The weakest of the best links of each cluster, in words, and the two records it links."""
    inner = _beside(matches.pairs.drop_nulls("why"), people.select("record", "record_id", "cluster"))
    inner = inner.filter(pl.col("cluster") == pl.col("cluster_other"))
    ends = pl.concat(
        [inner.select("cluster", "bits", "why", "record_id", "record_id_other", end=side) for side in ("left", "right")]
    )
    best = ends.sort("bits", "record_id", "record_id_other", descending=[True, False, False]).unique(
        "end", keep="first", maintain_order=True
    )
    weakest = best.sort("bits", "record_id", "record_id_other").unique("cluster", keep="first", maintain_order=True)
    return {
        cluster: (f"weakest link {left_id} – {right_id}: {why} ({bits:.0f} bits)", [left_id, right_id])
        for cluster, bits, why, left_id, right_id in weakest.select(
            "cluster", "bits", "why", "record_id", "record_id_other"
        ).iter_rows()
    }


def _outer(matches: Matches, people: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """Pairs that look alike but were not joined, the likeliest first; without those whom a person has set apart."""
    owner = people.select("record", "record_id", "cluster", "contact_id", "is_member", "source_rank", "row")
    alike = _beside(matches.pairs.filter(pl.col("probability") >= policy.review), owner)
    apart = pairs_frame(sorted(matches.verdicts.apart))
    answered = _beside(apart, people.select("record", "cluster")).select("cluster", "cluster_other")
    both_ways = pl.concat([answered, answered.select(cluster="cluster_other", cluster_other="cluster")])
    return (
        alike.filter(pl.col("cluster") != pl.col("cluster_other"))
        .join(both_ways, on=["cluster", "cluster_other"], how="anti")
        .sort("bits", "record_id", "record_id_other", descending=[True, False, False])
    )


def _beside(pairs: pl.DataFrame, owner: pl.DataFrame) -> pl.DataFrame:
    """Pairs with the columns of the left record and, as `<column>_other`, of the right record."""
    return pairs.join(owner, left_on="left", right_on="record").join(
        owner, left_on="right", right_on="record", suffix="_other"
    )


def decided_by_people(matches: Matches, people: pl.DataFrame) -> dict[str, Reason]:
    """Clusters joined by decisions, with the decision in words and its two records."""
    cluster, names = people["cluster"], people["record_id"]
    reasons: dict[str, Reason] = {}
    for left, right in sorted(matches.verdicts.together & set(matches.verdicts.deciders)):
        if cluster[left] == cluster[right]:
            link = [names[left], names[right]]
            by = f"{' – '.join(link)}: decided by a person ({matches.verdicts.deciders[left, right]})"
            reasons.setdefault(cluster[left], (by, link))
    return reasons


def doubtful_clusters(matches: Matches, people: pl.DataFrame, policy: Policy) -> dict[str, Reason]:
    """Clusters without a contact that may be another cluster's person: the doubt in words, and the two records.

    Of two such clusters without a contact, only the less trusted one waits.
    """
    first = people.group_by("cluster").agg(new=pl.col("contact_id").is_null().all(), place=pl.col("place").min())
    place = {cluster: (new, number) for cluster, new, number in first.iter_rows()}
    doubts: dict[str, Reason] = {}
    for pair in _outer(matches, people, policy).iter_rows(named=True):
        left_cluster, right_cluster = pair["cluster"], pair["cluster_other"]
        later, alike = (
            (right_cluster, pair["record_id"])
            if place[left_cluster] < place[right_cluster]
            else (left_cluster, pair["record_id_other"])
        )
        doubt = f"may be the same person as {alike} ({pair['probability']:.0%}): {pair['why']}"
        doubts.setdefault(later, (doubt, [pair["record_id"], pair["record_id_other"]]))
    return doubts


def clusters_with_differing_birth_dates(matches: Matches, people: pl.DataFrame) -> set[str]:
    """Clusters in which birth dates differ, unless people said that just these records are one person."""
    together = pairs_frame(sorted(matches.verdicts.together))
    group = components(together, len(people))
    differing = matches.pairs.filter(pl.col("level_birth").is_in([Birth.OTHER, Birth.NEAR]))
    differing = differing.filter(group.gather(differing["left"]) != group.gather(differing["right"]))
    inner = _beside(differing.select("left", "right"), people.select("record", "cluster"))
    return set(inner.filter(pl.col("cluster") == pl.col("cluster_other"))["cluster"])


def held_pairs(matches: Matches, people: pl.DataFrame, policy: Policy) -> list[Operation]:
    """Contacts that may be one person but are not joined: for a person to decide, or never where both are members."""
    both = _outer(matches, people, policy).filter(
        pl.col("contact_id").is_not_null(), pl.col("contact_id_other").is_not_null()
    )
    pairs = both.unique(["cluster", "cluster_other"], keep="first", maintain_order=True).select(
        pl.concat_list("record_id", "record_id_other"),
        "cluster",
        "contact_id",
        "contact_id_other",
        pl.col("is_member") & pl.col("is_member_other"),
        "probability",
        "why",
    )
    return [
        Operation(
            id=short_id("held", *records),
            cluster=cluster,
            step=0,
            kind=Kind.MERGE,
            state=State.BLOCKED if are_members else State.REVIEW,
            reason=TWO_MEMBERS if are_members else f"may be the same person ({probability:.0%})",
            cause=Cause.MEMBERS if are_members else Cause.ALIKE,
            target=target,
            sources=[source],
            records=records,
            allow_duplicates=False,
            labels=[],
            preconditions="{}",
            before=None,
            after=None,
            changes=[],
            evidence=why,
            link=records,
        )
        for records, cluster, target, source, are_members, probability, why in pairs.iter_rows()
    ]

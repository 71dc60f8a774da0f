"""Clustering: pairs joined strongest first, contradictions kept apart."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
import polars as pl

from transforms.match.doubts import EXCLUDING, Doubt
from transforms.match.graph import Groups, both_ways, components, pairs_frame
from transforms.match.levels import (
    COLUMN,
    Address,
    Birth,
    Company,
    Email,
    Further,
    Identifier,
    Level,
    Middle,
    Phone,
    Title,
    is_identifier,
    levels_of,
)
from transforms.match.parameters import REVIEW
from transforms.schema.ids import short_id
from transforms.schema.records import Records
from transforms.schema.tables import CLUSTERS, conform

CONTRADICTED_PROBABILITY = 0.01
"""Probability below which a pair is a contradiction: its records are never in one cluster."""
MOST_NAMES_OF_AN_ID = 2
"""Most names under one id of a source that still is an account; ids of more names are ignored."""
SUPPORTING: Mapping[str, Level] = {
    "email": Email.SIMILAR,
    "phone": Phone.SIMILAR,
    "birth": Birth.NEAR,
    "address": Address.CITY,
    "company": Company.SIMILAR,
}
"""Least level at which a field other than the name supports a match; names alone never join."""


SUPPORTING_EXACTLY: Mapping[str, Level] = {
    "email": Email.SHARED,
    "phone": Phone.SHARED,
    "birth": Birth.BIRTHDAY,
    "address": Address.SAME,
}
"""Least supporting levels where middle names differ: a similar number or date may then be a sister's."""


def supported(pairs: pl.DataFrame, *, families: bool = True) -> pl.Expr:
    """Marks of pairs without a doubt in which a field beside the names agrees: an address, a company, an identifier …

    Args:
        pairs: scored pairs.
        families: whether people of one household or firm are among the records, see `Model.families`. Without them
            a name that is rare enough needs no support, and nobody who can be reached is in doubt.
    """
    undoubted = pl.col("doubt").is_null()
    if not families:
        of_families = (pl.col("doubt") == Doubt.BIRTH_DATES).fill_null(value=False)
        return undoubted | of_families | ~_reachable()
    further = [pl.col(name) == Further.SAME for name in pairs.columns if name.startswith(f"level_{COLUMN}")]
    identifiers = _identifiers(pairs)

    def agree(levels: Mapping[str, Level], of_identifier: Level) -> pl.Expr:
        own = [pl.col(f"level_{field}") >= level for field, level in levels.items()]
        return pl.any_horizontal(*own, *[pl.col(name) >= of_identifier for name in identifiers])

    same_title = (pl.col("level_title") == Title.SAME) & (pl.col("level_address") != Address.OTHER)
    is_other_middle = pl.col("level_middle") == Middle.OTHER
    own = pl.any_horizontal(agree(SUPPORTING, Identifier.SIMILAR), same_title, *further)
    return undoubted & own & (~is_other_middle | agree(SUPPORTING_EXACTLY, Identifier.SAME))


def contradicted(pairs: pl.DataFrame, *, families: bool = True) -> pl.Expr:
    """Marks of contradictions: doubts, and unlikely pairs with another name, generation or birth date.

    Another e-mail, phone or address is no contradiction: a person can have several. Where no families are among the
    records, a third record that joins two makes up for what differs between them.
    """
    excluded = pl.col("doubt").is_in([doubt.value for doubt in EXCLUDING]).fill_null(value=False)
    if not families:
        return excluded & _reachable()
    differing = [pl.col(f"level_{field}") == levels_of(field)["OTHER"] for field in ("first", "suffix", "birth")]
    differing += [pl.col(name) == Identifier.OTHER for name in _identifiers(pairs)]
    return (pl.any_horizontal(differing) & (pl.col("probability") < CONTRADICTED_PROBABILITY)) | excluded


def why_apart(pairs: pl.DataFrame, *, families: bool = True) -> pl.Expr:
    """Why pairs that are likely enough were not joined by themselves, in words."""
    return (
        pl.when(contradicted(pairs, families=families))
        .then(pl.lit("what the two say contradicts each other"))
        .when(pl.col("doubt").is_not_null())
        .then(pl.lit("there is a doubt that nothing else makes up for"))
        .when(~supported(pairs, families=families))
        .then(pl.lit("names alone do not make two records one person, and nothing beside them agrees"))
        .otherwise(pl.lit("it would put others together who contradict each other, or either may as well be another"))
    )


def _reachable() -> pl.Expr:
    """Marks of pairs of which e-mails or phones are compared."""
    return (pl.col("level_email") > Email.MISSING) | (pl.col("level_phone") > Phone.MISSING)


def _rivalling(pairs: pl.DataFrame, *, families: bool) -> pl.Expr:
    """Marks of pairs that are two people when a third record could be either: contradictions, and other first names."""
    against = contradicted(pairs, families=families)
    if not families:
        return against
    return against | ((pl.col("doubt") == Doubt.OTHER_NAME).fill_null(value=False) & (pl.col("probability") < REVIEW))


def _identifiers(pairs: pl.DataFrame) -> list[str]:
    fields = [name.removeprefix("level_") for name in pairs.columns if name.startswith("level_")]
    return [f"level_{field}" for field in fields if is_identifier(field)]


def missing_pairs(pairs: pl.DataFrame, group: pl.Series, *, most: int = 40) -> pl.DataFrame:
    """Pairs of a would-be cluster that were not scored; they may be contradictions.

    Args:
        pairs: scored pairs.
        group: the would-be cluster of each record.
        most: would-be clusters of more records than this are left as they are.

    Returns:
        `left`, `right`.
    """
    sizes = np.bincount(group.to_numpy())[group.to_numpy()]
    groups = group.alias("component").to_frame().with_row_index("record").filter((sizes >= 3) & (sizes <= most))
    inner = groups.join(groups, on="component", suffix="_other").filter(pl.col("record") < pl.col("record_other"))
    wanted = inner.select(left="record", right="record_other")
    return wanted.join(pairs, on=["left", "right"], how="anti")


def cluster(
    pairs: pl.DataFrame,
    tables: Records,
    *,
    auto: float,
    decided: Iterable[tuple[int, int]] = (),
    known_links: Iterable[tuple[int, int]] = (),
    apart: Iterable[tuple[int, int]] = (),
    cap: int = 200,
    named: bool = True,
    before: pl.DataFrame | None = None,
    families: bool = True,
) -> pl.DataFrame:
    """Every record with its cluster.

    What people decided comes first. Rows with the same id in the same source and the same name are one person, and so
    are those of which it is known. Then pairs join from the most to the least certain. A
    join is refused when the two sides hold a contradicted pair, or two members of the site, or would together exceed
    the cap.

    Args:
        pairs: scored pairs (`left`, `right`, `probability`, levels).
        tables: the records; each one is in the result.
        auto: the probability from which a pair joins.
        decided: pairs of records that people say are one person.
        known_links: pairs of records known to be one person by what their source or an earlier run says.
        apart: pairs of records that people say are not one person: no cluster holds both.
        cap: the most records a cluster may have.
        named: whether clusters get names that stay the same from run to run, made from their records' ids; else they go
            by number.
        before: the clusters as they were, with names; those that are the same keep them.
        families: whether people of one household or firm are among the records.

    Returns:
        `CLUSTERS`, in order of `record`.
    """
    people = tables.records
    decided_pairs, linked_pairs, never = pairs_frame(decided), pairs_frame(known_links), pairs_frame(apart)
    known = pl.concat([decided_pairs, _rows_again(people), linked_pairs])
    edges = pairs.filter(
        pl.col("probability") >= auto, supported(pairs, families=families), ~contradicted(pairs, families=families)
    )
    component = components(pl.concat([known, edges.select("left", "right")]), len(people))

    def within(pairs_apart: pl.DataFrame) -> pl.DataFrame:
        return pairs_apart.filter(component.gather(pairs_apart["left"]) == component.gather(pairs_apart["right"]))

    rivals = within(pairs.filter(_rivalling(pairs, families=families)).select("left", "right"))
    edges = _unrivalled(edges, pairs, rivals, auto)
    component = components(pl.concat([known, edges.select("left", "right")]), len(people))
    against, never = within(pairs.filter(contradicted(pairs, families=families)).select("left", "right")), within(never)
    members = people.filter("is_member")["record"]
    doubtful = _doubtful(component, pl.concat([against, never]), members, cap)
    among = doubtful.gather(component)
    refined = _refined(
        known.filter(among.gather(known["left"])),
        edges.filter(among.gather(edges["left"]))
        .sort(["probability", "bits", "left", "right"], descending=[True, True, False, False])
        .select("left", "right"),
        never,
        against,
        set(members),
        cap,
    )
    behind = len(people)  # there are not so many components
    group = component.zip_with(~among, pl.int_range(len(people), dtype=pl.UInt32, eager=True) + behind)
    if refined:
        group = group.scatter(list(refined), [behind + first for first in refined.values()])
    if not named:
        numbered = people.select("record", "record_id", cluster=group.cast(pl.String))
        return conform(numbered, CLUSTERS)
    return _named(people, group, before)


def identifies(people: pl.DataFrame) -> pl.Series:
    """Marks of records whose source id stands for one person.

    Rows with one id are one person's when they have the same first and last name and generation, and no two middle
    names or birth dates that differ. A missing name is nobody's.

    Args:
        people: `RECORDS`.
    """
    same_id = ["source", "source_key"]
    alone = pl.len().over(same_id) == 1
    one_name = pl.struct("first_key", "last_key").n_unique().over(same_id) == 1
    return people.select(pl.col("source_key").is_not_null() & (alone | (one_name & _agree(same_id)))).to_series()


def _rows_again(people: pl.DataFrame) -> pl.DataFrame:
    """Pairs of rows of one source with the same id and name: `left`, `right`.

    An account of two may have several rows of each; an id of more people (`0`, `guest`) says nothing of any.
    """
    same_id = ["source", "source_key"]
    same_row = [*same_id, "first_key", "last_key"]
    few = pl.struct("first_key", "last_key").n_unique().over(same_id) <= MOST_NAMES_OF_AN_ID
    rows = people.filter(pl.col("source_key").is_not_null() & few & _agree(same_row)).select(
        right="record", left=pl.col("record").first().over(same_row)
    )
    return rows.filter(pl.col("left") != pl.col("right")).select("left", "right")


def _agree(group: list[str]) -> pl.Expr:
    """Whether all rows of a group have a full name, one generation, and no middle names or birth dates that differ."""
    initial = pl.col("middle_key").str.head(1)
    whole = pl.col("middle_key").filter(pl.col("middle_key").str.len_chars() > 1)
    return (
        pl.all_horizontal(pl.col("first_key", "last_key").is_not_null().all().over(group))
        & (pl.col("suffix_key").n_unique() == 1).over(group)
        & (initial.drop_nulls().n_unique() <= 1).over(group)
        & (whole.drop_nulls().n_unique() <= 1).over(group)
        & (pl.col("birthdate").drop_nulls().n_unique() <= 1).over(group)
    )


def _unrivalled(edges: pl.DataFrame, pairs: pl.DataFrame, against: pl.DataFrame, auto: float) -> pl.DataFrame:
    """Pairs without a rival: neither record is about as likely another person.

    `J. Smith` of a house in which a John and a James Smith live is one of the two, but nobody knows which.

    Args:
        edges: pairs that are likely enough to join.
        pairs: scored pairs.
        against: pairs that cannot be one person.
        auto: the probability from which a pair joins, here that of one of two people against the other.
    """
    likely = both_ways(pairs.filter(pl.col("probability") >= 1 - auto).select("left", "right", "bits"))
    rivals = (
        both_ways(against)
        .select(mine="left", yours="right")
        .join(likely.select(one="left", mine="right"), on="mine")
        .join(likely.select(one="left", yours="right", rival="bits"), on=["one", "yours"])
        .group_by("one", "mine")
        .agg(pl.col("rival").max())
    )
    least = math.log2(auto / (1 - auto)) if auto < 1 else math.inf
    for side, mine in (("left", "right"), ("right", "left")):
        edges = edges.join(rivals, left_on=[side, mine], right_on=["one", "mine"], how="left", maintain_order="left")
        edges = edges.filter((pl.col("bits") - pl.col("rival") >= least) | pl.col("rival").is_null()).drop("rival")
    return edges


def _doubtful(component: pl.Series, against: pl.DataFrame, members: pl.Series, cap: int) -> pl.Series:
    """Marks of components that hold a contradiction, two members, or too many records."""
    names = component.to_numpy()
    doubtful = np.bincount(names) > cap
    doubtful |= np.bincount(names[members.to_numpy()], minlength=len(doubtful)) > 1
    doubtful[names[against["left"].to_numpy()]] = True
    return pl.Series(doubtful)


def _refined(
    known: pl.DataFrame, edges: pl.DataFrame, never: pl.DataFrame, against: pl.DataFrame, members: set[int], cap: int
) -> dict[int, int]:
    """The records of doubtful components, joined from the most certain on, each with the first record of its group.

    Args:
        known: pairs that are one person, whatever speaks `against` them.
        edges: pairs that join, the most certain first.
        never: pairs of which no group holds both.
        against: pairs that no edge brings into one group.
        members: records that are members of the site.
        cap: the most records that edges bring into one group.
    """
    groups = Groups()
    apart = _Apart(never)
    for left, right in known.iter_rows():
        if apart.allows(groups.of(left), groups.of(right)):
            groups.join(left, right)
    apart.add(against)
    for left, right in edges.iter_rows():
        left_group, right_group = groups.of(left), groups.of(right)
        if left_group is right_group or len(left_group) + len(right_group) > cap:
            continue
        if sum(record in members for record in (*left_group, *right_group)) > 1:
            continue
        if apart.allows(left_group, right_group):
            groups.join(left, right)
    return {record: first for first, group in groups.members().items() for record in group}


class _Apart:
    """Pairs of records that are kept in different groups."""

    def __init__(self, pairs: pl.DataFrame) -> None:
        self._apart: dict[int, set[int]] = {}
        self.add(pairs)

    def add(self, pairs: pl.DataFrame) -> None:
        for left, right in pairs.iter_rows():
            self._apart.setdefault(left, set()).add(right)
            self._apart.setdefault(right, set()).add(left)

    def allows(self, left_group: list[int], right_group: list[int]) -> bool:
        """Whether two groups may become one."""
        smaller, larger = sorted((left_group, right_group), key=len)
        return all(self._apart[record].isdisjoint(larger) for record in smaller if record in self._apart)


def _named(people: pl.DataFrame, group: pl.Series, before: pl.DataFrame | None) -> pl.DataFrame:
    """Each record with its cluster, which is called by its records' ids.

    Args:
        people: `RECORDS`.
        group: each record's group.
        before: `CLUSTERS` of the same records as they were: a cluster of the same records keeps its name.
    """
    named = people.select("record", "record_id", group=group)
    known: dict[int, str] = {}
    if before is not None:
        both = named.with_columns(before=before["cluster"])
        same = (pl.col("before").n_unique().over("group") == 1) & (pl.col("group").n_unique().over("before") == 1)
        kept = both.filter(same).select("group", "before").unique()
        known = dict(kept.iter_rows())
        fresh = named.filter(~pl.col("group").is_in(kept["group"].implode()))
    else:
        fresh = named
    ids = fresh.sort("record_id").group_by("group").agg(ids=pl.col("record_id").str.join("\x1f"))
    known |= {number: short_id(text) for number, text in ids.iter_rows()}
    names = pl.DataFrame(
        {"group": list(known), "cluster": list(known.values())}, schema={"group": group.dtype, "cluster": pl.String}
    )
    return conform(named.join(names, on="group", how="left", maintain_order="left"), CLUSTERS)

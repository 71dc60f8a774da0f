"""Which records are one person: pairs joined strongest first, and what must not be joined kept apart."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import numpy as np
import polars as pl
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from transforms.records import Records
from transforms.schema import CLUSTERS, conform

BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_THREE = [a + b + c for c in BASE32 for b in BASE32 for a in BASE32]
"""Each number of 15 bits in base 32, its low digit first."""
CONTRADICTED = 0.01
"""Two records less likely than this to be one person are never in one cluster, whatever lies between them."""
TELLING = {"email": 3, "phone": 2, "birth": 2, "address": 3, "company": 2}
"""From this level on, a field other than the name supports a match; without any, a name alone never joins."""


def supported(pairs: pl.DataFrame) -> pl.Expr:
    """Whether something beside the names agrees: an address, a company, a birth date, an identifier …"""
    agreeing = [pl.col(f"level_{field}") >= level for field, level in TELLING.items()]
    return pl.any_horizontal(*agreeing, *[pl.col(name) >= 2 for name in _identifiers(pairs)])


def contradicted(pairs: pl.DataFrame) -> pl.Expr:
    """Whether two records cannot be one person: very unlikely, with another name, generation or birth date.

    Another e-mail, phone or address is no contradiction: a person can have several.
    """
    differing = [pl.col(f"level_{field}") == 1 for field in ("first", "suffix", "birth")]
    differing += [pl.col(name) == 1 for name in _identifiers(pairs)]
    return pl.any_horizontal(differing) & (pl.col("probability") < CONTRADICTED)


def _identifiers(pairs: pl.DataFrame) -> list[str]:
    known = {f"level_{field}" for field in ("first", "middle", "last", "suffix", "title", *TELLING)}
    return [name for name in pairs.columns if name.startswith("level_") and name not in known]


def components(edges: pl.DataFrame, records: int) -> pl.Series:
    """The number of each record's connected component under these edges (`left`, `right`)."""
    ones = np.ones(len(edges), dtype=np.uint8)
    graph = coo_matrix((ones, (edges["left"].to_numpy(), edges["right"].to_numpy())), shape=(records, records))
    _, labels = connected_components(graph, directed=False)
    return pl.Series("component", labels, dtype=pl.UInt32)


def missing_pairs(pairs: pl.DataFrame, *, auto: float, records: int, most: int = 40) -> pl.DataFrame:
    """Pairs inside a would-be cluster that were no candidates: they may contradict the others.

    Args:
        pairs: scored pairs.
        auto: the probability from which a pair joins.
        records: how many records there are.
        most: would-be clusters of more records than this are left as they are.

    Returns:
        `left`, `right`.
    """
    edges = pairs.filter(pl.col("probability") >= auto)
    groups = components(edges, records).to_frame().with_row_index("record")
    groups = groups.filter(pl.len().over("component").is_between(3, most))
    inner = groups.join(groups, on="component", suffix="_other").filter(pl.col("record") < pl.col("record_other"))
    wanted = inner.select(left="record", right="record_other")
    return wanted.join(pairs, on=["left", "right"], how="anti").sort("left", "right")


def cluster(
    pairs: pl.DataFrame,
    tables: Records,
    *,
    auto: float,
    together: Iterable[tuple[int, int]] = (),
    cap: int = 200,
) -> pl.DataFrame:
    """Every record with its cluster.

    Rows with the same id in the same source and the same name are one person. Pairs join from the most to the least
    certain. A join is refused when the two sides hold a contradicted pair, or two members of the site, or would
    together exceed the cap.

    Args:
        pairs: scored pairs (`left`, `right`, `probability`, levels).
        tables: the records; each one is in the result.
        auto: the probability from which a pair joins.
        together: pairs of records known to be one person.
        cap: the most records a cluster may have.

    Returns:
        `CLUSTERS`, in order of `record`. A cluster's name is made from its members' ids, so that it stays the same from
        run to run.
    """
    people = tables.records
    groups = _Groups()
    members = set(people.filter("is_member")["record"])
    row_again = ["source", "source_key", "first_key", "last_key"]
    same_key = people.drop_nulls("source_key").group_by(row_again, maintain_order=True).agg("record")
    for row in same_key.filter(pl.col("record").list.len() > 1)["record"].to_list():
        for other in row[1:]:
            groups.join(row[0], other)
    for left, right in together:
        groups.join(left, right)
    against: dict[int, set[int]] = {}
    for left, right in pairs.filter(contradicted(pairs)).select("left", "right").iter_rows():
        against.setdefault(left, set()).add(right)
        against.setdefault(right, set()).add(left)
    edges = pairs.filter(pl.col("probability") >= auto, supported(pairs), ~contradicted(pairs)).sort(
        ["probability", "bits", "left", "right"], descending=[True, True, False, False]
    )
    alike = pl.concat([edges.select("left", "right"), _pairs(groups)])
    component = components(alike, len(people))
    doubtful = _doubtful(component, against, members, cap)
    for left, right in alike.filter(~component.gather(alike["left"]).is_in(doubtful.implode())).iter_rows():
        groups.join(left, right)
    for left, right in (
        edges.filter(component.gather(edges["left"]).is_in(doubtful.implode())).select("left", "right").iter_rows()
    ):
        one, two = groups.of(left), groups.of(right)
        if one is two or len(one) + len(two) > cap:
            continue
        if sum(record in members for record in (*one, *two)) > 1:
            continue
        smaller, larger = sorted((one, two), key=len)
        if any(not against[record].isdisjoint(larger) for record in smaller if record in against):
            continue
        groups.join(left, right)
    return _named(people, groups)


def _pairs(groups: _Groups) -> pl.DataFrame:
    """The groups as pairs of their first member with each other one."""
    pairs = [(one[0], other) for one in groups.members().values() for other in one[1:]]
    return pl.DataFrame(pairs, schema={"left": pl.UInt32, "right": pl.UInt32}, orient="row")


def _doubtful(component: pl.Series, against: Mapping[int, set[int]], members: set[int], cap: int) -> pl.Series:
    """The components in which a join may have to be refused: with a contradiction, two members, or too many records."""
    apart = [
        component[one] for one, others in against.items() if any(component[one] == component[other] for other in others)
    ]
    sizes = component.value_counts()
    large = sizes.filter(pl.col("count") > cap)["component"]
    protected = component.gather(sorted(members)).value_counts()
    several = protected.filter(pl.col("count") > 1)["component"]
    return pl.concat([pl.Series("component", apart, dtype=pl.UInt32), large, several]).unique()


def _named(people: pl.DataFrame, groups: _Groups) -> pl.DataFrame:
    ids = people["record_id"].to_list()
    names: dict[int, str] = {}
    for group in groups.members().values():
        name = short_id(*sorted(ids[record] for record in group))
        names |= dict.fromkeys(group, name)
    named = [names.get(record) or short_id(ids[record]) for record in range(len(ids))]
    return conform(people.select("record", "record_id", cluster=pl.Series(named, dtype=pl.String)), CLUSTERS)


def short_id(*parts: str) -> str:
    """A short stable id of these texts, in Crockford's base 32: 60 bits, twelve characters."""
    number = int.from_bytes(hashlib.sha256("\x1f".join(parts).encode()).digest()[:8], "big")
    return "".join([_THREE[(number >> shift) & 0x7FFF] for shift in (0, 15, 30, 45)])


class _Groups:
    """Disjoint groups of records, by their members."""

    def __init__(self) -> None:
        self._group: dict[int, list[int]] = {}

    def of(self, record: int) -> list[int]:
        return self._group.setdefault(record, [record])

    def join(self, left: int, right: int) -> None:
        one, two = self.of(left), self.of(right)
        if one is two:
            return
        if len(one) < len(two):
            one, two = two, one
        one.extend(two)
        for record in two:
            self._group[record] = one

    def members(self) -> dict[int, list[int]]:
        """The groups of more than one record, each in order, by its first record."""
        distinct = {id(group): sorted(group) for group in self._group.values() if len(group) > 1}
        return {group[0]: group for group in distinct.values()}

"""Why records of a run are one person, or are not: the evidence of a pair, and what holds a cluster together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from flows.runs import Run
from transforms.clustering import components
from transforms.errors import UsageError
from transforms.scoring import level_words

BAR = 24
"""Letters of the longest bar of evidence."""


@dataclass(frozen=True)
class Evidence:
    """What one field says of a pair: how alike the two are in it, both values, and its weight in bits."""

    field: str
    level: str
    values: tuple[str, str]
    bits: float


@dataclass(frozen=True)
class PairExplained:
    """A pair's evidence. `start` is what is expected of two records before looking, `total` the sum of it all."""

    records: tuple[str, str]
    evidence: tuple[Evidence, ...]
    start: float
    total: float
    probability: float
    other_explanation: str
    together: bool

    def text(self) -> str:
        """As a waterfall."""
        widest = max([abs(self.start), abs(self.total), *(abs(one.bits) for one in self.evidence)]) or 1.0
        names = max([len("before looking"), *(len(one.field) for one in self.evidence)])
        lines = [
            f"{self.records[0]}  and  {self.records[1]}: {self.probability:.1%} likely one person; "
            f"in {'one cluster' if self.together else 'different clusters'}",
            "",
            f"  {'before looking':<{names}} {self.start:+7.1f}  {_bar(self.start, widest)}",
        ]
        for one in self.evidence:
            lines.append(
                f"  {one.field:<{names}} {one.bits:+7.1f}  {_bar(one.bits, widest)}  {one.level}: "
                f"{one.values[0] or '–'} | {one.values[1] or '–'}"
            )
        lines.append(f"  {'bits in all':<{names}} {self.total:+7.1f}  {_bar(self.total, widest)}")
        lines.append(f"  weighed against the strongest other explanation: {self.other_explanation}")
        return "\n".join(lines)


@dataclass(frozen=True)
class ClusterExplained:
    """A cluster: who is in it, its weakest link, and the two parts it would fall into without that."""

    cluster: str
    records: tuple[str, ...]
    weakest: PairExplained | None
    parts: tuple[tuple[str, ...], ...]

    def text(self) -> str:
        """For a terminal."""
        lines = [f"cluster {self.cluster}: {', '.join(self.records)}"]
        if self.weakest is None:
            alone = "nothing else is this person" if len(self.records) == 1 else "known to be one person, not compared"
            return f"{lines[0]}\n  {alone}"
        sides = " | ".join(", ".join(part) for part in self.parts)
        lines += ["", f"its weakest link, without which it would be {sides}:", "", self.weakest.text()]
        return "\n".join(lines)


def explain(run: Run, record: str, other: str | None = None) -> PairExplained | ClusterExplained:
    """The evidence for two records of a run, or what holds the cluster of one together.

    Args:
        run: a planned run.
        record: a record's id (`source:row` or `site:contact id`).
        other: a second one.

    Raises:
        UsageError: there is no such record, or the two were never compared.
    """
    clusters, pairs = run.table("clusters"), run.table("pairs")
    first = _place(clusters, record)
    if other is not None:
        second = _place(clusters, other)
        pair = pairs.filter(pl.col("left") == min(first, second), pl.col("right") == max(first, second))
        if first == second or pair.is_empty():
            raise UsageError(f"{record} and {other} have nothing telling in common: they were not compared to the end.")
        return _pair(run, clusters, pair.row(0, named=True))
    name = clusters["cluster"][first]
    members = clusters.filter(pl.col("cluster") == name)
    inside = pairs.filter(
        pl.col("left").is_in(members["record"].implode()), pl.col("right").is_in(members["record"].implode())
    )
    parts, link = _weakest(inside.sort("probability", "bits", descending=True), len(clusters))
    ids = dict(members.select("record", "record_id").iter_rows())
    shown = tuple(tuple(ids[one] for one in part if one in ids) for part in parts)
    weakest = _pair(run, clusters, link) if link else None
    return ClusterExplained(str(name), tuple(ids.values()), weakest, shown)


def facts(explained: PairExplained | ClusterExplained) -> dict[str, Any]:
    """As JSON."""
    return asdict(explained)


def _place(clusters: pl.DataFrame, record: str) -> int:
    found = clusters.filter(pl.col("record_id") == record)["record"]
    if found.is_empty():
        raise UsageError(f"The run has no record {record!r}. Records are called source:row or site:contact-id.")
    return int(found[0])


def _weakest(pairs: pl.DataFrame, records: int) -> tuple[list[list[int]], dict[str, Any] | None]:
    """The strongest pairs that join all; the last one joined is the weakest link. The parts are what is without it."""
    everything = components(pairs, records)
    low, high = 0, len(pairs)
    while low < high:  # the fewest of the strongest pairs that join what all of them join
        middle = (low + high) // 2
        joined = components(pairs.head(middle), records).n_unique() == everything.n_unique()
        low, high = (low, middle) if joined else (middle + 1, high)
    if low == 0:
        return [], None
    link = pairs.row(low - 1, named=True)
    without = components(pairs.head(low - 1), records)
    sides = (
        without.to_frame()
        .with_row_index("record")
        .filter(pl.col("component").is_in([without[link["left"]], without[link["right"]]]))
    )
    return sides.group_by("component", maintain_order=True).agg("record")["record"].to_list(), link


def _pair(run: Run, clusters: pl.DataFrame, pair: dict[str, Any]) -> PairExplained:
    left, right = int(pair["left"]), int(pair["right"])
    tables = _tables(run, left, right)
    fields = [name.removeprefix("level_") for name in pair if name.startswith("level_")]
    told = [
        Evidence(
            field,
            level_words(field)[pair[f"level_{field}"]],
            (_values(tables, left, field), _values(tables, right, field)),
            float(pair[f"bits_{field}"]),
        )
        for field in fields
        if pair[f"level_{field}"]
    ]
    total = float(pair["bits"])
    return PairExplained(
        records=(clusters["record_id"][left], clusters["record_id"][right]),
        evidence=tuple(sorted(told, key=lambda one: -abs(one.bits))),
        start=total - sum(one.bits for one in told),
        total=total,
        probability=float(pair["probability"]),
        other_explanation=str(pair["alternative"]),
        together=clusters["cluster"][left] == clusters["cluster"][right],
    )


_SINGLE = {
    "first": "first", "last": "last", "middle": "middle_key", "suffix": "suffix_key", "birth": "birthdate",
    "company": "company", "title": "job_title",
}  # fmt: skip
_SEVERAL = {
    "email": ("emails", ["match_key"]),
    "phone": ("phones", ["e164", "phone"]),
    "address": ("addresses", ["street", "postal_code", "city"]),
}


def _tables(run: Run, *records: int) -> dict[str, pl.DataFrame]:
    """What the run's tables hold of these records."""
    names = ("records", "identifiers", *(table for table, _ in _SEVERAL.values()))
    return {name: run.table(name).filter(pl.col("record").is_in(records)) for name in names}


def _values(tables: Mapping[str, pl.DataFrame], record: int, field: str) -> str:
    """A record's values of a field, as they were compared, for a person to read."""
    held = {name: table.filter(pl.col("record") == record) for name, table in tables.items()}
    if field in _SINGLE:
        value = held["records"][_SINGLE[field]].item()
        return "" if value is None else str(value)
    if field not in _SEVERAL:
        return "; ".join(held["identifiers"].filter(pl.col("name") == field)["value"])
    table, columns = _SEVERAL[field]
    parts = [list(map(str, filter(None, row))) for row in held[table].select(columns).iter_rows()]
    return "; ".join((part[0] if table == "phones" else ", ".join(part)) for part in parts if part)


def _bar(bits: float, widest: float) -> str:
    length = round(abs(bits) / widest * BAR)
    return f"{('+' if bits >= 0 else '-') * length:<{BAR}}"

"""Why records of a run are one person, or are not: the evidence of a pair, and what holds a cluster together."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import polars as pl
from pydantic import TypeAdapter, ValidationError

from connectors.store.run_folder import Run
from transforms.match.comparison import compare
from transforms.match.features import prepare
from transforms.match.further import columns_of
from transforms.match.graph import components, pairs_frame
from transforms.match.learning import records_a_person
from transforms.match.levels import level_labels
from transforms.match.parameters import Model
from transforms.match.scoring import score
from transforms.match.term_frequency import compared_values, term_frequencies
from transforms.schema.errors import RunError, UsageError
from transforms.schema.records import Records

MOST_NAMED = 10
"""People of one name that are named at most."""
BAR = 24
"""Letters of the longest bar of evidence."""


@dataclass(frozen=True)
class Evidence:
    """Evidence of one field about a pair: the level, both values, and the weight in bits."""

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
        """For a terminal, a bar for each step."""
        widest = max([abs(self.start), abs(self.total), *(abs(evidence.bits) for evidence in self.evidence)]) or 1.0
        names = max([len("before looking"), *(len(evidence.field) for evidence in self.evidence)])
        lines = [
            f"{self.records[0]}  and  {self.records[1]}: {self.probability:.1%} likely one person; "
            f"in {'one cluster' if self.together else 'different clusters'}",
            "",
            f"  {'before looking':<{names}} {self.start:+7.1f}  {_bar(self.start, widest)}",
        ]
        for evidence in self.evidence:
            lines.append(
                f"  {evidence.field:<{names}} {evidence.bits:+7.1f}  {_bar(evidence.bits, widest)}  {evidence.level}: "
                f"{evidence.values[0] or '–'} | {evidence.values[1] or '–'}"
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


def explain(run: Run, record: str, record_two: str | None = None) -> PairExplained | ClusterExplained:
    """The evidence for two records of a run, or what holds the cluster of one together.

    Args:
        run: a planned run.
        record: a record's id (`source:row` or `site:contact id`), or alone, a cluster's, or a person's name or e-mail.
        record_two: a second record. A pair that the plan did not score is scored now.

    Raises:
        UsageError: there is no such record, or several people are called so.
    """
    clusters, pairs = run.table("clusters"), run.table("pairs")
    if record_two is None and record in clusters["cluster"]:
        record = clusters.filter(pl.col("cluster") == record)["record_id"][0]
    elif record_two is None and record not in clusters["record_id"]:
        record = _called(run, clusters, record)
    first = _place(clusters, record)
    if record_two is not None:
        second = _place(clusters, record_two)
        pair = pairs.filter(pl.col("left") == min(first, second), pl.col("right") == max(first, second))
        if first == second:
            raise UsageError(f"{record} is one record. Name another one, or none for what holds its cluster together.")
        if pair.is_empty():
            pair = _scored(run, min(first, second), max(first, second))
        asked = {**pair.row(0, named=True), "left": first, "right": second}
        return _pair(_Values(run, pl.Series([first, second])), clusters, asked)
    name = clusters["cluster"][first]
    members = clusters.filter(pl.col("cluster") == name)
    inside = pairs.filter(
        pl.col("left").is_in(members["record"].implode()), pl.col("right").is_in(members["record"].implode())
    )
    parts, link = _weakest(inside.sort("probability", "bits", descending=True), len(clusters))
    ids = dict(members.select("record", "record_id").iter_rows())
    shown = tuple(tuple(ids[number] for number in part if number in ids) for part in parts)
    weakest = _pair(_Values(run, members["record"]), clusters, link) if link else None
    return ClusterExplained(str(name), tuple(ids.values()), weakest, shown)


def facts(explained: PairExplained | ClusterExplained) -> dict[str, Any]:
    """As JSON."""
    return asdict(explained)


def _place(clusters: pl.DataFrame, record: str) -> int:
    places = clusters.filter(pl.col("record_id") == record)["record"]
    if places.is_empty():
        raise UsageError(f"The run has no record {record!r}. Records are called source:row or site:contact-id.")
    return int(places[0])


def _called(run: Run, clusters: pl.DataFrame, name: str) -> str:
    """The id of a record of the person who has this name or e-mail; the text itself where nobody has.

    Raises:
        UsageError: several people have.
    """
    said = " ".join(name.casefold().split())
    records, mails = run.table("records"), run.table("emails")
    named = pl.concat_str("first", "last", separator=" ", ignore_nulls=True).str.to_lowercase() == said
    written_to = mails.filter(pl.coalesce("email", "given").str.to_lowercase() == said)["record"]
    found = records.filter(named | pl.col("record").is_in(written_to.implode()))["record"]
    people = clusters.filter(pl.col("record").is_in(found.implode())).unique("cluster", maintain_order=True)
    if len(people) > 1:
        which = ", ".join(people["record_id"].head(MOST_NAMED)) + (" …" if len(people) > MOST_NAMED else "")
        raise UsageError(f"{len(people)} people are called {name!r}. Say which one: {which}.")
    return str(people["record_id"][0]) if len(people) else name


def tables_of(run: Run) -> Records:
    """The records of a planned run."""
    return Records(**{field.name: run.table(field.name) for field in fields(Records)})


def model_of(run: Run) -> Model:
    """The model that a planned run learned.

    Raises:
        RunError: the run does not hold it.
    """
    try:
        return TypeAdapter(Model).validate_python(run.facts().model)
    except (KeyError, ValidationError) as error:
        raise RunError(f"{run.folder} does not hold the model of its plan. Plan again.") from error


def _scored(run: Run, left: int, right: int) -> pl.DataFrame:
    """A pair of records that the plan did not score, scored by what the plan learned."""
    tables, model = tables_of(run), model_of(run)
    values = compared_values(tables)
    pair = pairs_frame([(left, right)])
    common = replace(term_frequencies(tables, values), records_a_person=records_a_person(model))
    return score(compare(pair, prepare(tables, values, common, columns_of(tables, model.fields))), model)


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


def _pair(values: _Values, clusters: pl.DataFrame, pair: dict[str, Any]) -> PairExplained:
    left, right = int(pair["left"]), int(pair["right"])
    fields = [name.removeprefix("level_") for name in pair if name.startswith("level_")]
    evidence = [
        Evidence(
            field,
            level_labels(field)[pair[f"level_{field}"]],
            (values.of(left, field), values.of(right, field)),
            float(pair[f"bits_{field}"]),
        )
        for field in fields
        if pair[f"level_{field}"]
    ]
    total = float(pair["bits"])
    return PairExplained(
        records=(clusters["record_id"][left], clusters["record_id"][right]),
        evidence=tuple(sorted(evidence, key=lambda field_evidence: -abs(field_evidence.bits))),
        start=total - sum(field_evidence.bits for field_evidence in evidence),
        total=total,
        probability=float(pair["probability"]),
        other_explanation=str(pair["rival_hypothesis"]),
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


class _Values:
    """Values of records of a run as they were compared, for a person to read."""

    def __init__(self, run: Run, records: pl.Series) -> None:
        def values_of(name: str) -> pl.DataFrame:
            return run.table(name).filter(pl.col("record").is_in(records.implode()))

        people = values_of("records")
        self._held: dict[str, dict[int, list[str]]] = {
            field: {record: [str(value)] for record, value in people.select("record", column).drop_nulls().iter_rows()}
            for field, column in _SINGLE.items()
        }
        for field, (table, columns) in _SEVERAL.items():
            several: dict[int, list[str]] = self._held.setdefault(field, {})
            for record, *parts in values_of(table).select("record", *columns).iter_rows():
                there = [str(part) for part in parts if part]
                if there:
                    several.setdefault(record, []).append(there[0] if table == "phones" else ", ".join(there))
        for record, name, value in values_of("identifiers").select("record", "name", "value").iter_rows():
            self._held.setdefault(name, {}).setdefault(record, []).append(value)

    def of(self, record: int, field: str) -> str:
        """A record's values of a field; empty where it has none."""
        return "; ".join(self._held.get(field, {}).get(record, []))


def _bar(bits: float, widest: float) -> str:
    length = round(abs(bits) / widest * BAR)
    return f"{('+' if bits >= 0 else '-') * length:<{BAR}}"

"""Matching new records against an index of known ones, and adding them to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from connectors.store.index import Index
from transforms.match.blocking import FOUND, blocking_keys
from transforms.match.further import columns_of
from transforms.match.incremental import Known, alike, keys_table, place
from transforms.match.matching import match
from transforms.match.parameters import AUTO, Model
from transforms.match.predicates import predicates, rule_keys
from transforms.match.term_frequency import FieldValues, TermFrequencies, compared_values, term_frequencies
from transforms.schema.errors import UsageError
from transforms.schema.records import Records
from transforms.schema.tables import (
    ADDRESSES,
    DATE_ORDERS,
    EMAILS,
    EXTRAS,
    IDENTIFIERS,
    LABELS,
    PHONES,
    RECORDS,
    REJECTS,
    REPAIRS,
    conform,
)

_SCHEMAS = {
    "records": RECORDS, "emails": EMAILS, "phones": PHONES, "addresses": ADDRESSES, "labels": LABELS, "extras": EXTRAS,
    "identifiers": IDENTIFIERS, "repairs": REPAIRS, "date_orders": DATE_ORDERS, "rejects": REJECTS,
}  # fmt: skip


@dataclass(frozen=True)
class Indexed:
    """Result of matching against an index.

    Attributes:
        clusters: the number of each record's cluster, by which the index knows it.
        last: the last number that is taken; so many behind it as were asked for are free.
        joined: pairs of known clusters that are one person; the lower number stays.
        pairs: how many pairs were kept.
    """

    clusters: pl.Series
    last: int
    joined: Sequence[tuple[int, int]]
    pairs: int


def match_against(
    index: Index,
    tables: Records,
    *,
    auto: float = AUTO,
    match_on: Sequence[str],
    ignored: Sequence[str] = (),
    region: str | None,
    spare: int = 0,
) -> Indexed:
    """Finds out which known person each record is, or that it is a new one, and adds the records to the index.

    Into an empty index go the records as they are matched among each other; their model judges all that come later.

    Args:
        index: the index.
        tables: the records.
        auto: the probability from which two records are joined.
        match_on: further columns that identify a person; the same ones each time.
        ignored: columns that were left out; the same ones each time.
        region: the country of phones without a country code; the same one each time.
        spare: so many numbers behind the last cluster are kept free, for rows that are no records.

    Raises:
        UsageError: the index was made with other columns or another region.
        InputError: the index is damaged.
    """
    made_with = {"match_on": list(match_on), "ignored": list(ignored), "region": region}
    if not index.is_new and index.facts["made_with"] != made_with:
        raise UsageError(f"The index {index.folder} was made with other settings: {_said(index.facts['made_with'])}.")
    field_values = compared_values(tables)
    common = term_frequencies(tables, field_values)
    if index.is_new:
        matches = match(tables, auto=auto, explain=False)
        clusters = matches.clusters["cluster"].rank("dense").cast(pl.UInt32)
        indexed = Indexed(clusters, clusters.n_unique(), [], len(matches.pairs))
        shared, totals, model = common.shared, common.totals, matches.model
        keys = _keys(tables, field_values, model)
    else:
        keys = _keys(tables, field_values, _model(index.facts["model"]))
        pairs = alike(keys, index.keys(keys["key"]), records=index.facts["records"] + len(tables.records))
        known = _known(index, index.with_their_clusters(pairs.filter("is_known")["left"]), common)
        before = int(index.facts["clusters_to"])
        placed = place(tables, known, pairs, first=before + 1, auto=auto)
        last = before + placed.clusters.filter(placed.clusters > before).n_unique()
        indexed = Indexed(placed.clusters, last, placed.joined, len(pairs))
        shared, totals, model = known.common.shared, known.common.totals, known.model
    index.add(
        tables.tables(),
        keys=keys,
        clusters=indexed.clusters,
        counts=_table(common.counts),
        shared=_table({field: values.alias("value").to_frame() for field, values in shared.items()}),
        joined=indexed.joined,
        made_with=made_with,
        clusters_to=indexed.last + spare,
        totals=totals,
        model=asdict(model),
    )
    return indexed


def _keys(tables: Records, field_values: Mapping[str, FieldValues], model: Model) -> pl.DataFrame:
    """`KEYS` of records, by the fixed rules and those that were found when the model was learned."""
    known = predicates(tables, field_values, columns_of(tables, model.fields)) if model.rules else {}
    found = ((FOUND, rule_keys(rule, known)) for rule in model.rules)
    return keys_table([*blocking_keys(tables, field_values), *found])


def _known(index: Index, members: pl.DataFrame, new: TermFrequencies) -> Known:
    """Known records of the index that share keys with new ones, and the term frequencies of both."""
    kept = index.tables(members["record"])
    tables = Records(**{name: conform(kept.get(name, pl.DataFrame()), schema) for name, schema in _SCHEMAS.items()})
    known = term_frequencies(tables, compared_values(tables))
    wanted = pl.concat([_table(known.counts), _table(new.counts)]).select("field", "value").unique()
    facts = index.facts
    counts, shared = index.counts(wanted), index.shared()
    common = TermFrequencies(
        facts["records"],
        facts["totals"],
        {field: counts.filter(pl.col("field") == field).select("value", "count") for field in new.counts},
        {field: shared.filter(pl.col("field") == field)["value"] for field in new.shared},
    )
    return Known(members["record"], tables, members["cluster"], common.plus(new), _model(facts["model"]))


def _table(by_field: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Tables of several fields as one, with the `field` before their columns."""
    return pl.concat(table.select(pl.lit(field).alias("field"), pl.all()) for field, table in by_field.items())


def _model(facts: Mapping[str, Any]) -> Model:
    tables = {kind: {name: tuple(shares) for name, shares in table.items()} for kind, table in facts["tables"].items()}
    rules = tuple(tuple(rule) for rule in facts["rules"])
    return Model(tuple(facts["fields"]), tables, facts["expected"], facts["records"], rules, facts["families"])


def _said(made_with: Mapping[str, Any]) -> str:
    options = [f"--match-on {column!r}" for column in made_with["match_on"]]
    options += [f"--ignore {column!r}" for column in made_with["ignored"]]
    options += [f"--region {made_with['region']}"] if made_with["region"] else []
    return " ".join(options) or "without --match-on, --ignore and --region"

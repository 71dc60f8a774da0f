"""From records to clusters: candidates, levels, weights, and who belongs together."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import polars as pl

from transforms.columns.parallel import in_pieces
from transforms.match.blocking import candidate_pairs, shared_keys, with_every_pair
from transforms.match.clustering import cluster, identifies, missing_pairs
from transforms.match.compare_names import compare_names
from transforms.match.comparison import compare
from transforms.match.features import Features, prepare, with_rarities
from transforms.match.first_pass import LEAST_PROBABILITY, first_pass_pattern, hopeless_patterns
from transforms.match.further import columns_of, further_columns
from transforms.match.graph import components, pairs_frame
from transforms.match.learning import learn, lessons, likelihood, records_a_person, starting_model
from transforms.match.levels import reasons
from transforms.match.parameters import AUTO, REVIEW, Model
from transforms.match.predicates import BUDGET, Rule, found_blocks, found_rules, predicates
from transforms.match.scoring import score
from transforms.match.term_frequency import PAIR, FieldValues, TermFrequencies, compared_values, term_frequencies
from transforms.match.verdicts import NO_VERDICTS, Verdicts
from transforms.schema.records import Records
from transforms.schema.tables import CLUSTERS, empty

PAIRS_AT_ONCE = 300_000
"""Pairs that are compared and scored at once."""
FEW_RECORDS = 2 * round(BUDGET) + 1
"""Records up to which each is compared with each: those are as many candidates as found rules may bring."""
NO_DECISIONS = NO_VERDICTS.labelled_pairs()


@dataclass(frozen=True)
class Matches:
    """Scored pairs (`PAIRS` with levels and bits), the cluster of every record, the model behind them, and verdicts."""

    pairs: pl.DataFrame
    clusters: pl.DataFrame
    model: Model
    verdicts: Verdicts = NO_VERDICTS


class Beginning(NamedTuple):
    """What is known of records before anything is learned of them.

    Attributes:
        values: the values of each field that has term frequencies.
        common: how common each is.
        features: the values as they are compared.
        model: the model before any candidate is seen.
        candidates: the candidate pairs.
        rules: the blocking rules that were found, by which some of them came.
    """

    values: dict[str, FieldValues]
    common: TermFrequencies
    features: Features
    model: Model
    candidates: pl.DataFrame
    rules: list[Rule]


def begun(tables: Records) -> Beginning:
    """The candidate pairs of records, and what they are compared by."""
    count, values = len(tables.records), compared_values(tables)

    def prepared() -> tuple[pl.DataFrame, TermFrequencies, Features]:
        columns, common = further_columns(tables), term_frequencies(tables, values)
        return columns, common, prepare(tables, values, common, columns)

    with ThreadPoolExecutor(1) as thread:
        preparing = thread.submit(prepared)
        shared = shared_keys(tables, values)
        candidates = candidate_pairs(shared, records=count)
        columns, common, features = preparing.result()
    start = starting_model(features)
    if count <= FEW_RECORDS:
        return Beginning(values, common, features, start, with_every_pair(candidates, records=count), [])
    known = predicates(tables, values, columns)
    rules = found_rules(known, candidates, lambda pairs: likelihood(pairs, features, start), records=count)
    if rules:
        candidates = candidate_pairs([*shared, *found_blocks(rules, known)], records=count)
    return Beginning(values, common, features, start, candidates, rules)


def match(
    tables: Records,
    *,
    auto: float = AUTO,
    review: float = REVIEW,
    known_links: Iterable[tuple[int, int]] = (),
    verdicts: Verdicts = NO_VERDICTS,
    explain: bool = True,
    weights: bool | None = None,
) -> Matches:
    """Scores the candidate pairs of records and clusters them.

    Args:
        tables: the records.
        auto: the probability from which two records are joined.
        review: the probability from which a person should look at two records that are not joined.
        known_links: pairs of records known to be one person, besides those their source has merged itself.
        verdicts: what people decided about the records: honoured, and learned from.
        explain: whether the evidence is told in words, and clusters get names.
        weights: whether each field's bits are kept; as `explain` says when it is not given.
    """
    fully = explain if weights is None else weights
    count = len(tables.records)
    values, common, prepared, start, candidates, rules = begun(tables)
    labelled_pairs = verdicts.labelled_pairs()
    if len(labelled_pairs):
        beside = labelled_pairs.join(candidates, on=["left", "right"], how="anti").select(
            "left", "right", rules=pl.lit(0, dtype=pl.UInt32)
        )
        candidates = pl.concat([candidates, beside]).sort("left", "right")
    taken = lessons(candidates, prepared, labelled_pairs)
    model, seen, chances = learn(start, taken)
    if records_a_person(model) > PAIR:
        common = replace(common, records_a_person=records_a_person(model))
        prepared = with_rarities(prepared, values, common)
        model, seen, chances = learn(start, taken.rated(prepared))
    model = replace(model, rules=tuple(rules))
    gists = hopeless_patterns(seen, chances) if len(candidates) > len(seen) else None
    pairs, hopeless = scored(candidates, prepared, model, labelled_pairs, gists, fully=fully)
    likely = pairs.filter(pl.col("probability") >= auto).select("left", "right")
    would_be = components(pl.concat([likely, pairs_frame(sorted(verdicts.together))]), count)
    inner = inner_pairs(pairs, hopeless, would_be)
    if len(inner):
        further = in_pieces(
            lambda part: score(compare(part, prepared), model, fully=fully), inner, most=PAIRS_AT_ONCE // 4
        )
        pairs = pl.concat([pairs, *further]).sort("left", "right")
    matches = Matches(explained(pairs, model, least=review if explain else 2.0), empty(CLUSTERS), model, verdicts)
    return regrouped(matches, tables, auto=auto, known_links=known_links, named=explain)


def regrouped(
    matches: Matches,
    tables: Records,
    *,
    auto: float = AUTO,
    known_links: Iterable[tuple[int, int]] = (),
    named: bool = True,
) -> Matches:
    """The same scored pairs, clustered anew with these known links.

    Args:
        matches: scored pairs and verdicts.
        tables: the records.
        auto: the probability from which two records are joined.
        known_links: pairs of records known to be one person, besides those their source has merged itself.
        named: whether clusters get names.
    """
    known = [*known_links, *links_by_sources(tables.records)]
    verdicts = matches.verdicts

    def clustered(verdicts: Verdicts) -> pl.DataFrame:
        decided, apart = sorted(verdicts.together), sorted(verdicts.apart)
        before = matches.clusters if named and len(matches.clusters) else None
        return cluster(
            matches.pairs,
            tables,
            auto=auto,
            decided=decided,
            known_links=known,
            apart=apart,
            named=named,
            before=before,
            families=matches.model.families,
        )

    clusters = clustered(verdicts)
    if verdicts.together:
        torn = torn_by_decisions(clusters, clustered(replace(verdicts, together=frozenset())), verdicts)
        if torn:
            verdicts = verdicts.without(torn)
            clusters = clustered(verdicts)
    return replace(matches, clusters=clusters, verdicts=verdicts)


def match_changed(
    tables: Records, model: Model, changed: pl.Series, *, auto: float = AUTO, verdicts: Verdicts = NO_VERDICTS
) -> Matches:
    """Scores and clusters the pairs of changed records under a model learned before.

    Args:
        tables: the records.
        model: what was learned of records like these.
        changed: whether each record has changed since others were compared with it.
        auto: the probability from which two records are joined.
        verdicts: what people decided about the records.

    Returns:
        The matches; pairs neither of whose records has changed are not among them.
    """
    values = compared_values(tables)
    columns = columns_of(tables, model.fields)
    common = replace(term_frequencies(tables, values), records_a_person=records_a_person(model))
    prepared = prepare(tables, values, common, columns)
    found = found_blocks(model.rules, predicates(tables, values, columns)) if model.rules else []
    candidates = candidate_pairs([*shared_keys(tables, values), *found], records=len(tables.records))
    candidates = candidates.filter(changed.gather(candidates["left"]) | changed.gather(candidates["right"]))
    pairs, _ = scored(candidates, prepared, model, fully=False)
    pairs = pairs.with_columns(why=pl.lit(None, dtype=pl.String))
    return regrouped(Matches(pairs, empty(CLUSTERS), model, verdicts), tables, auto=auto, named=False)


def scored(
    candidates: pl.DataFrame,
    prepared: Features,
    model: Model,
    labelled_pairs: pl.DataFrame = NO_DECISIONS,
    gists: pl.Series | None = None,
    *,
    fully: bool,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Scored pairs above `LEAST_PROBABILITY` or labelled, and the pairs that were dropped.

    Pairs are looked at some at a time, on all cores: only what is kept of them is held.

    Args:
        candidates: `left`, `right`, `rules`.
        prepared: the records' values.
        model: what was learned.
        labelled_pairs: pairs of which people said whether they are one person.
        gists: what pairs look like at a first glance that are not looked at more closely, see `hopeless_patterns`.
        fully: whether each field's own bits are wanted.
    """
    wanted = labelled_pairs.select("left", "right", wanted=pl.lit(value=True))

    def is_wanted(part: pl.DataFrame) -> pl.Series:
        return part.join(wanted, on=["left", "right"], how="left", maintain_order="left")["wanted"].is_not_null()

    def work(part: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        names, close = None, pl.int_range(len(part), dtype=pl.UInt32, eager=True)
        if gists is not None:
            names = compare_names(part, prepared.people)
            close = (~first_pass_pattern(names, part["rules"]).is_in(gists.implode()) | is_wanted(part)).arg_true()
            names = names[close]
        pairs = score(compare(part[close], prepared, names), model, fully=fully)
        kept = (pairs["probability"] >= LEAST_PROBABILITY) | is_wanted(pairs)
        is_far = np.ones(len(part), dtype=np.bool_)
        is_far[close.filter(kept).to_numpy()] = False
        return pairs.filter(kept), part.select("left", "right").filter(is_far)

    parts = in_pieces(work, candidates, most=PAIRS_AT_ONCE)
    return pl.concat(close for close, _ in parts), pl.concat(far for _, far in parts)


def inner_pairs(pairs: pl.DataFrame, hopeless: pl.DataFrame, group: pl.Series) -> pl.DataFrame:
    """The pairs inside would-be clusters that are not among the scored ones: `left`, `right`, in order.

    Args:
        pairs: scored pairs.
        hopeless: pairs that were forgotten.
        group: the would-be cluster of each record.
    """
    inside = hopeless.filter(group.gather(hopeless["left"]) == group.gather(hopeless["right"]))
    return pl.concat([inside, missing_pairs(pairs, group)]).unique().sort("left", "right")


def torn_by_decisions(honoured: pl.DataFrame, by_evidence: pl.DataFrame, verdicts: Verdicts) -> dict[int, str]:
    """Records whose decisions would tear records out of a cluster, and the torn records, each with a sentence.

    Whoever a person has set apart from one of the decided records may leave.

    Args:
        honoured: the clusters with the decisions honoured.
        by_evidence: the clusters without them.
        verdicts: the decisions.
    """
    decided = sorted({record for pair in verdicts.together for record in pair})
    now, before, names = honoured["cluster"], by_evidence["cluster"], honoured["record_id"]
    beside = pl.DataFrame({"record": honoured["record"], "now": now, "before": before})
    first = beside.filter(pl.col("record").is_in(decided))
    moved = first.join(beside, on="before", suffix="_other").filter(pl.col("now") != pl.col("now_other"))
    torn: dict[int, str] = {}
    for (cluster_now,), group in moved.group_by("now", maintain_order=True):
        together = set(beside.filter(pl.col("now") == cluster_now)["record"])
        leaving = {
            record
            for record in group["record_other"]
            if not any((min(record, member), max(record, member)) in verdicts.apart for member in together)
        }
        if leaving:
            said = sorted(names[member] for member in together & set(decided))
            left = sorted(names[member] for member in leaving)
            reason = (
                f"a person said that {' and '.join(said)} are one person, but then {', '.join(left)} would leave, whom "
                "strong evidence joins with them"
            )
            mates = {*now.gather(sorted(leaving)), cluster_now}
            torn |= dict.fromkeys(beside.filter(pl.col("now").is_in(list(mates)))["record"], reason)
    return torn


def links_by_sources(records: pl.DataFrame) -> list[tuple[int, int]]:
    """Links by merges of a source: a record lists the other's id among those merged into it."""
    merged_ids = records.select("source", "record", old=pl.col("merged_ids").str.split(";")).drop_nulls().explode("old")
    keys = records.filter(identifies(records)).select("source", "source_key", other="record").drop_nulls()
    merged_ids = merged_ids.with_columns(pl.col("old").str.strip_chars())
    links = merged_ids.join(keys, left_on=["source", "old"], right_on=["source", "source_key"], how="inner")
    return sorted(
        {(min(pair), max(pair)) for pair in links.select("record", "other").iter_rows() if len(set(pair)) > 1}
    )


def explained(pairs: pl.DataFrame, model: Model, *, least: float) -> pl.DataFrame:
    """The pairs with `why`, their evidence and doubt in words, from a probability on; below it is left null."""
    likely = (pairs["probability"] >= least).arg_true()
    why = pl.Series("why", [None], dtype=pl.String).new_from_index(0, len(pairs))
    if len(likely):
        why = why.scatter(likely, reasons(pairs[likely], model.fields))
    doubt = pl.col("doubt").cast(pl.String)
    return pairs.with_columns(why).with_columns(why=pl.concat_str("why", pl.format("; {}", doubt).fill_null("")))

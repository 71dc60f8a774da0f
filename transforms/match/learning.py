"""Learning the shares of comparison levels from the pairs themselves."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import polars as pl

from transforms.match.comparison import compare
from transforms.match.features import Features
from transforms.match.levels import FIELDS, Hypothesis, level_shares
from transforms.match.parameters import EXPECTED, NOT_LEARNED, RANGE, Model
from transforms.match.scoring import Floats, posteriors, rarities_of
from transforms.match.term_frequency import FEWEST_RECORDS

PRIOR_PAIRS = 400.0
"""Pairs that the shipped shares count for."""
ROUNDS = 8
"""Of expectation-maximisation."""
SAMPLE = 60_000
"""Random pairs that chance is learned from."""
SEED = 20_240_229
CHANCE_COLUMN = list(Hypothesis).index(Hypothesis.CHANCE)
"""Where `posteriors` has chance."""
LEARNED_FROM = 100_000
"""Most candidate pairs that the model is learned from; more pairs are sampled."""


PAIRS_A_DECISION = 10.0
"""Weight of a pair that a person decided about, in pairs."""


class Learned(NamedTuple):
    """A model, and the levels and match probabilities of the pairs it was learned from."""

    model: Model
    levels: pl.DataFrame
    probability: pl.Series


def learn(candidates: pl.DataFrame, features: Features, labelled_pairs: pl.DataFrame) -> Learned:
    """The model of these records: chance from random pairs, persons by expectation-maximisation over the candidates.

    Args:
        candidates: `left`, `right`, `rules`.
        features: the records' values.
        labelled_pairs: pairs of which people said whether they are one person (`is_same`): each counts as
            `PAIRS_A_DECISION` pairs of which it is certain.
    """
    identifiers = tuple(features.identifiers)
    fields = (*FIELDS, *identifiers)
    tables = {
        hypothesis: {field: shares for field in fields if (shares := level_shares(field, hypothesis)) is not None}
        for hypothesis in Hypothesis
    }
    person, chance = tables[Hypothesis.PERSON], tables[Hypothesis.CHANCE]
    records = max(len(features.people), FEWEST_RECORDS)
    start = {kind: share * records for kind, share in EXPECTED.items()}
    model = Model(fields, tables, start, records)
    few = candidates if len(candidates) <= LEARNED_FROM else candidates.sample(LEARNED_FROM, seed=SEED)
    with ThreadPoolExecutor(pl.thread_pool_size()) as threads:
        drawn = _random_pairs(len(features.people))
        halves = [
            half for pairs in (drawn, few) for half in (pairs.head(len(pairs) // 2), pairs.slice(len(pairs) // 2))
        ]
        *parts, taught = threads.map(lambda part: compare(part, features), [*halves, labelled_pairs])
    random, levels = pl.concat(parts[:2]), pl.concat(parts[2:])
    if len(random):
        by_chance = posteriors(random, rarities_of(random), model)[:, CHANCE_COLUMN]
        chance = {field: _share(random, field, by_chance, chance[field], PRIOR_PAIRS * 5) for field in fields}
        model = Model(fields, {**model.tables, Hypothesis.CHANCE: chance}, start, records)
    scale = max(len(candidates), 1) / max(len(few), 1)
    weighted = pl.concat([levels, taught])
    counted = np.concatenate([np.ones(len(few)), np.full(len(labelled_pairs), PAIRS_A_DECISION / scale)])
    rarities = rarities_of(weighted)
    for _ in range(ROUNDS if len(candidates) else 0):
        posterior = posteriors(weighted, rarities, model)
        posterior[len(few) :] = _certain(posterior[len(few) :], labelled_pairs["is_same"])
        posterior *= counted[:, None]
        persons = posterior[:, 0]
        strength = max(PRIOR_PAIRS / scale, 0.5 * float(persons.sum()))
        learned = {
            field: person[field] if field in NOT_LEARNED else _share(weighted, field, persons, person[field], strength)
            for field in fields
        }
        expected = {}
        for column, kind in enumerate(EXPECTED):
            low, high = RANGE[kind]
            total = scale * float(posterior[:, column].sum()) + EXPECTED[kind] * min(records, PRIOR_PAIRS)
            expected[kind] = float(np.clip(total, low * records, high * records))
        model = Model(fields, {**model.tables, Hypothesis.PERSON: learned}, expected, records)
    probability = pl.Series("probability", posteriors(levels, rarities_of(levels), model)[:, 0])
    return Learned(model, levels.with_columns(few["rules"]), probability)


def _certain(shares: Floats, is_same: pl.Series) -> Floats:
    """P(hypothesis) of labelled pairs: person, or the rivals in their proportions."""
    rivals = np.maximum(shares[:, 1:], 1e-12)
    rivals /= rivals.sum(axis=1, keepdims=True)
    same = is_same.to_numpy()[:, None]
    return np.hstack([same.astype(np.float64), np.where(same, 0.0, rivals)])


def _random_pairs(records: int) -> pl.DataFrame:
    """A repeatable sample of pairs of different records; all of them when there are few."""
    if records * (records - 1) // 2 <= SAMPLE:
        left, right = np.triu_indices(records, k=1)
    else:
        generator = np.random.default_rng(SEED)
        first, second = generator.integers(0, records, SAMPLE), generator.integers(0, records - 1, SAMPLE)
        second = second + (second >= first)
        left, right = np.minimum(first, second), np.maximum(first, second)
    return pl.DataFrame({"left": left, "right": right}, schema={"left": pl.UInt32, "right": pl.UInt32}).unique(
        maintain_order=True
    )


def _share(
    levels: pl.DataFrame, field: str, weight: Floats, prior: tuple[float, ...], strength: float
) -> tuple[float, ...]:
    """Share of each level above *missing* among weighted pairs, smoothed by the prior."""
    counts = np.bincount(levels[f"level_{field}"].to_numpy(), weights=weight, minlength=len(prior) + 1)[1:]
    shares = counts + np.array(prior) * strength
    return tuple((shares / shares.sum()).tolist())

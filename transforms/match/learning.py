"""Learning the shares of comparison levels from the pairs themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import polars as pl

from transforms.columns.parallel import in_pieces
from transforms.match.comparison import compare, rated
from transforms.match.features import Features
from transforms.match.levels import FIELDS, Hypothesis, level_shares
from transforms.match.parameters import EXPECTED, FEWEST_FAMILIES, FEWEST_PAIRS, NOT_LEARNED, RANGE, Model
from transforms.match.scoring import Floats, posteriors, rarities_of
from transforms.match.term_frequency import FEWEST_RECORDS, PAIR

PRIOR_PAIRS = 400.0
"""Pairs that the shipped shares count for."""
PRIOR_SHARE = 0.2
"""Share of the expected matches that the shipped shares count for, at least."""
ROUNDS = 8
"""Of expectation-maximisation."""
SAMPLE = 60_000
"""Random pairs that chance is learned from."""
SEED = 20_240_229
COMPARED_AT_ONCE = 20_000
"""Pairs from which their comparison is shared among cores."""
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


class Lessons(NamedTuple):
    """Compared pairs that a model is learned from.

    Attributes:
        levels: candidates, as `compare` returns them; their `rules`.
        taught: pairs that people decided about, and whether they said that the two are one person (`is_same`).
        scale: how many candidates each of `levels` stands for.
    """

    levels: pl.DataFrame
    rules: pl.Series
    taught: pl.DataFrame
    is_same: pl.Series
    scale: float

    def rated(self, features: Features) -> Lessons:
        """The same pairs, with the rarities that these features have."""
        people = features.people
        return self._replace(levels=rated(self.levels, people), taught=rated(self.taught, people))


def starting_model(features: Features) -> Model:
    """The model before any candidate is seen: the shipped shares, and chance from random pairs of these records."""
    fields = (*FIELDS, *features.identifiers, *features.columns)
    tables = {
        hypothesis: {field: shares for field in fields if (shares := level_shares(field, hypothesis)) is not None}
        for hypothesis in Hypothesis
    }
    chance = tables[Hypothesis.CHANCE]
    records = max(len(features.people), FEWEST_RECORDS)
    expected = {kind: share * records for kind, share in EXPECTED.items()}
    model = Model(fields, tables, expected, records)
    drawn = _random_pairs(len(features.people))
    if drawn.is_empty():
        return model
    random = _compared(drawn, features)
    by_chance = posteriors(random, rarities_of(random), model)[:, CHANCE_COLUMN]
    chance = {field: _share(random, field, by_chance, chance[field], PRIOR_PAIRS * 5) for field in fields}
    return Model(fields, {**tables, Hypothesis.CHANCE: chance}, expected, records)


def records_a_person(model: Model) -> float:
    """Mean number of records of a record's person, under a model; no less than those of a pair."""
    return max(PAIR, 1.0 + 2.0 * model.expected[Hypothesis.PERSON] / model.records)


def likelihood(pairs: pl.DataFrame, features: Features, model: Model) -> Floats:
    """The probability of each pair (`left`, `right`) to be one person."""
    levels = _compared(pairs, features)
    return posteriors(levels, rarities_of(levels), model)[:, 0]


def lessons(candidates: pl.DataFrame, features: Features, labelled_pairs: pl.DataFrame) -> Lessons:
    """The pairs that a model is learned from, compared.

    Args:
        candidates: `left`, `right`, `rules`; of many of them a sample is drawn.
        features: the records' values.
        labelled_pairs: pairs of which people said whether they are one person (`is_same`).
    """
    few = candidates if len(candidates) <= LEARNED_FROM else candidates.sample(LEARNED_FROM, seed=SEED)
    levels = _compared(few, features)
    taught = levels.clear() if labelled_pairs.is_empty() else compare(labelled_pairs, features)
    return Lessons(levels, few["rules"], taught, labelled_pairs["is_same"], len(candidates) / max(len(few), 1))


def learn(start: Model, taken: Lessons) -> Learned:
    """The model of some records: persons by expectation-maximisation over their candidates.

    Args:
        start: the model before, see `starting_model`.
        taken: the pairs; each that people decided about counts as `PAIRS_A_DECISION` of which it is certain.
    """
    person = start.tables[Hypothesis.PERSON]
    fields, records, model = start.fields, start.records, start
    levels, few = taken.levels, len(taken.levels)
    if not few:
        return Learned(model, levels.with_columns(taken.rules), pl.Series("probability", [], dtype=pl.Float64))
    weighted = pl.concat([levels, taken.taught])
    counted = np.concatenate([np.ones(few), np.full(len(taken.taught), PAIRS_A_DECISION / taken.scale)])
    rarities = rarities_of(weighted)
    for _ in range(ROUNDS):
        posterior = posteriors(weighted, rarities, model)
        posterior[few:] = _certain(posterior[few:], taken.is_same)
        posterior *= counted[:, None]
        persons = posterior[:, 0]
        strength = max(PRIOR_PAIRS / taken.scale, PRIOR_SHARE * float(persons.sum()))
        learned = {
            field: person[field] if field in NOT_LEARNED else _share(weighted, field, persons, person[field], strength)
            for field in fields
        }
        expected = {}
        for column, kind in enumerate(EXPECTED):
            low, high = RANGE[kind]
            total = taken.scale * float(posterior[:, column].sum()) + EXPECTED[kind] * min(records, PRIOR_PAIRS)
            expected[kind] = float(np.clip(total, low * records, high * records))
        model = Model(fields, {**model.tables, Hypothesis.PERSON: learned}, expected, records)
    rarities = rarities_of(levels)
    posterior = posteriors(levels, rarities, model)
    persons, *rivals = (taken.scale * posterior.sum(axis=0)[: len(EXPECTED)]).tolist()
    if persons >= FEWEST_PAIRS and sum(rivals) < FEWEST_FAMILIES * persons:
        expected = {
            kind: min(found + 1.0, model.expected[kind]) for kind, found in zip([*EXPECTED][1:], rivals, strict=True)
        }
        model = replace(model, families=False, expected={**model.expected, **expected})
        posterior = posteriors(levels, rarities, model)
    return Learned(model, levels.with_columns(taken.rules), pl.Series("probability", posterior[:, 0]))


def _compared(pairs: pl.DataFrame, features: Features) -> pl.DataFrame:
    """The levels of pairs (`left`, `right`), many of them on all cores."""
    return pl.concat(in_pieces(lambda part: compare(part, features), pairs, most=COMPARED_AT_ONCE))


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

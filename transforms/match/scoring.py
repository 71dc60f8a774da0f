"""How likely two records are one person: Fellegi–Sunter with four explanations instead of two.

Two records resemble each other because they are one *person*, or live in one *household*, or work in one *firm*, or by
*chance*. A father and his son agree on surname, address and often the mailbox; two colleagues on company and
switchboard: against chance alone both would look like one person. So each field has a probability for each of its
levels under each explanation, a pair's probability is that of *person* among the four, and its weight in bits is
against the strongest other explanation, which is named.

The shipped probabilities are the start and the prior of expectation-maximisation: few pairs change them little, many
pairs a lot. How telling an agreement is depends on how common the value is (term frequency).
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from transforms.match.comparison import IDENTIFIER_LEVELS, LEVELS, compare
from transforms.match.features import Prepared
from transforms.match.term_frequency import FEW

Floats = NDArray[np.float64]
Levels = NDArray[np.uint8]

EXPLANATIONS = ("person", "household", "firm", "chance")

PERSON: dict[str, tuple[float, ...]] = {
    "first": (0.01, 0.03, 0.08, 0.10, 0.78),
    "middle": (0.10, 0.90),
    "last": (0.04, 0.02, 0.08, 0.86),
    "suffix": (0.00001, 0.45, 0.54999),
    "birth": (0.02, 0.05, 0.13, 0.80),
    "email": (0.265, 0.015, 0.06, 0.10, 0.06, 0.50),
    "phone": (0.25, 0.06, 0.09, 0.60),
    "address": (0.12, 0.12, 0.08, 0.18, 0.50),
    "company": (0.20, 0.10, 0.70),
    "title": (0.35, 0.65),
}
"""P(level | one person) for the levels above *missing*, from contact data with known duplicates."""

CHANCE: dict[str, tuple[float, ...]] = {
    "first": (0.955, 0.02, 0.01, 0.01, 0.005),
    "middle": (0.90, 0.10),
    "last": (0.983, 0.003, 0.009, 0.005),
    "suffix": (0.02, 0.96, 0.02),
    "birth": (0.99, 0.007, 0.0027, 0.0001),
    "email": (0.993, 0.005, 0.0005, 0.0005, 0.001, 0.00001),
    "phone": (0.9962, 0.0005, 0.003, 0.0003),
    "address": (0.90, 0.08, 0.015, 0.003, 0.002),
    "company": (0.98, 0.01, 0.01),
    "title": (0.93, 0.07),
}
"""P(level | chance): the prior of what random pairs show."""

HOUSEHOLD: dict[str, tuple[float, ...]] = {
    "last": (0.15, 0.02, 0.03, 0.80),
    "suffix": (0.35, 0.60, 0.05),
    "birth": (0.95, 0.01, 0.01, 0.03),
    "email": (0.85, 0.01, 0.01, 0.01, 0.01, 0.11),
    "phone": (0.50, 0.02, 0.03, 0.45),
    "address": (0.03, 0.02, 0.03, 0.12, 0.80),
}
FIRM: dict[str, tuple[float, ...]] = {
    "email": (0.16, 0.72, 0.005, 0.005, 0.10, 0.01),
    "phone": (0.53, 0.05, 0.35, 0.07),
    "address": (0.40, 0.25, 0.10, 0.05, 0.20),
    "company": (0.01, 0.04, 0.95),
}
"""Fields that a household or a firm explains; in all others two of its people agree by chance."""

GIVEN = frozenset({"suffix"})
"""Fields that are not learned: a Jr is not his father, however much else they share."""

IDENTIFIER_PERSON = (0.03, 0.05, 0.92)
IDENTIFIER_CHANCE = (0.9989, 0.001, 0.0001)

EXPECTED = {"person": 0.5, "household": 0.1, "firm": 0.5}
"""Pairs of each kind to expect, per record, before looking."""
RANGE = {"person": (0.02, 4.0), "household": (0.1, 2.0), "firm": (0.1, 10.0)}

PRIOR_PAIRS = 400.0
ROUNDS = 8
SAMPLE = 60_000
SEED = 20_240_229
LEARNED_FROM = 100_000
"""Pairs that the model is learned from at most: a sample of so many tells as much as all."""
TAUGHT = 10.0
"""Pairs that a person's decision about one counts for."""
LEVELS_AT_MOST = 7
"""Levels a field has, *missing* among them."""
FIELDS_TOGETHER = 4
"""Fields whose levels are added up in one step."""
AT_ONCE = 250_000
"""Pairs that are weighed at once."""


@dataclass(frozen=True)
class Model:
    """What was learned: P(level | explanation) per field, and how many pairs of each explanation there are."""

    fields: tuple[str, ...]
    tables: Mapping[str, Mapping[str, tuple[float, ...]]]
    expected: Mapping[str, float]
    records: int


class Learned(NamedTuple):
    """The model, and the pairs it was learned from: their levels, and how likely each is one person."""

    model: Model
    levels: pl.DataFrame
    probability: pl.Series


def learn(candidates: pl.DataFrame, prepared: Prepared, decided: pl.DataFrame) -> Learned:
    """The model of these records: chance from random pairs, persons by expectation-maximisation over the candidates.

    Args:
        candidates: `left`, `right`, `rules`.
        prepared: the records' values.
        decided: pairs of which people said whether they are one person (`is_same`): each counts as `TAUGHT` pairs of
            which it is certain.
    """
    identifiers = tuple(prepared.identifiers)
    fields = (*LEVELS, *identifiers)
    person = PERSON | dict.fromkeys(identifiers, IDENTIFIER_PERSON)
    chance = CHANCE | dict.fromkeys(identifiers, IDENTIFIER_CHANCE)
    records = max(len(prepared.people), FEW)
    start = {kind: share * records for kind, share in EXPECTED.items()}
    model = Model(fields, {"person": person, "household": HOUSEHOLD, "firm": FIRM, "chance": chance}, start, records)
    few = candidates if len(candidates) <= LEARNED_FROM else candidates.sample(LEARNED_FROM, seed=SEED)
    with ThreadPoolExecutor(pl.thread_pool_size()) as threads:
        drawn = _random_pairs(len(prepared.people))
        halves = [half for one in (drawn, few) for half in (one.head(len(one) // 2), one.slice(len(one) // 2))]
        *parts, taught = threads.map(lambda some: compare(some, prepared), [*halves, decided])
    random, levels = pl.concat(parts[:2]), pl.concat(parts[2:])
    if len(random):
        by_chance = _posteriors(random, _rarities(random), model)[:, 3]
        chance = {field: _share(random, field, by_chance, chance[field], PRIOR_PAIRS * 5) for field in fields}
        model = Model(fields, {**model.tables, "chance": chance}, start, records)
    scale = max(len(candidates), 1) / max(len(few), 1)
    some = pl.concat([levels, taught])
    counted = np.concatenate([np.ones(len(few)), np.full(len(decided), TAUGHT / scale)])
    rarities = _rarities(some)
    for _ in range(ROUNDS if len(candidates) else 0):
        found = _posteriors(some, rarities, model)
        found[len(few) :] = _certain(found[len(few) :], decided["is_same"])
        found *= counted[:, None]
        persons = found[:, 0]
        strength = max(PRIOR_PAIRS / scale, 0.5 * float(persons.sum()))
        learned = {
            field: person[field] if field in GIVEN else _share(some, field, persons, person[field], strength)
            for field in fields
        }
        expected = {}
        for column, kind in enumerate(EXPLANATIONS[:3]):
            low, high = RANGE[kind]
            total = scale * float(found[:, column].sum()) + EXPECTED[kind] * min(records, PRIOR_PAIRS)
            expected[kind] = float(np.clip(total, low * records, high * records))
        model = Model(fields, {**model.tables, "person": learned}, expected, records)
    probability = pl.Series("probability", _posteriors(levels, _rarities(levels), model)[:, 0])
    return Learned(model, levels.with_columns(few["rules"]), probability)


def _certain(found: Floats, is_same: pl.Series) -> Floats:
    """P(explanation) of pairs of which people said whether they are one person: that one, or any of the others."""
    others = np.maximum(found[:, 1:], 1e-12)
    others /= others.sum(axis=1, keepdims=True)
    same = is_same.to_numpy()[:, None]
    return np.hstack([same.astype(np.float64), np.where(same, 0.0, others)])


def weigh(levels: pl.DataFrame, model: Model, *, fully: bool = True) -> pl.DataFrame:
    """The pairs' probabilities, weights in bits and strongest other explanations under a model.

    Args:
        levels: as `compare` returns them.
        model: what was learned.
        fully: whether each field's own bits (`bits_<field>`) are wanted, too.
    """
    rarities = _rarities(levels)
    totals = _totals(_columns(levels, model), rarities, model)
    others = totals[:, 1:].argmax(axis=1)
    highest = totals[:, 1:].max(axis=1)
    bits = totals[:, 0] - highest - np.log2(np.exp2(totals[:, 1:] - highest[:, None]).sum(axis=1))
    weights = {}
    if fully:
        parts = {kind: _likelihoods(levels, rarities, model, kind) for kind in EXPLANATIONS}
        for field in model.fields:
            alternatives = np.stack([parts[kind][field] for kind in EXPLANATIONS[1:]], axis=1)
            chosen = np.take_along_axis(alternatives, others[:, None], axis=1)[:, 0]
            weights[f"bits_{field}"] = pl.Series(parts["person"][field] - chosen, dtype=pl.Float32)
    return levels.select(
        "left",
        "right",
        bits=pl.Series(bits, dtype=pl.Float32),
        probability=pl.Series(1.0 / (1.0 + np.exp2(-np.clip(bits, -60, 60)))),
        alternative=pl.Series(EXPLANATIONS[1:]).gather(others.astype(np.uint32)),
        **{f"level_{field}": pl.col(f"level_{field}") for field in model.fields},
        **weights,
    )


def _random_pairs(records: int) -> pl.DataFrame:
    """A repeatable sample of pairs of different records; all of them when there are few."""
    if records * (records - 1) // 2 <= SAMPLE:
        left, right = np.triu_indices(records, k=1)
    else:
        generator = np.random.default_rng(SEED)
        one, two = generator.integers(0, records, SAMPLE), generator.integers(0, records - 1, SAMPLE)
        two = two + (two >= one)
        left, right = np.minimum(one, two), np.maximum(one, two)
    return pl.DataFrame({"left": left, "right": right}, schema={"left": pl.UInt32, "right": pl.UInt32}).unique(
        maintain_order=True
    )


def _share(
    levels: pl.DataFrame, field: str, weight: Floats, prior: tuple[float, ...], strength: float
) -> tuple[float, ...]:
    """How often each level above *missing* occurs among weighted pairs, with so many pairs' worth of the prior."""
    counts = np.bincount(levels[f"level_{field}"].to_numpy(), weights=weight, minlength=len(prior) + 1)[1:]
    shares = counts + np.array(prior) * strength
    return tuple((shares / shares.sum()).tolist())


def _prior(model: Model, kind: str) -> float:
    pairs = model.records * (model.records - 1) / 2
    return 0.0 if kind == "chance" else float(np.log2(model.expected[kind] / pairs))


def _posteriors(levels: pl.DataFrame, rarities: Mapping[str, Floats], model: Model) -> Floats:
    """P(explanation | levels) for each pair: one row a pair, one column an explanation."""
    columns = _columns(levels, model)
    found = np.empty((len(levels), len(EXPLANATIONS)), dtype=np.float64)
    for start in range(0, len(levels), AT_ONCE):
        some = slice(start, start + AT_ONCE)
        parts = {field: column[some] for field, column in columns.items()}
        totals = _totals(parts, {field: rare[some] for field, rare in rarities.items()}, model)
        shares = np.exp2(totals - totals.max(axis=1, keepdims=True))
        found[some] = shares / shares.sum(axis=1, keepdims=True)
    return found


def _columns(levels: pl.DataFrame, model: Model) -> dict[str, Levels]:
    return {field: levels[f"level_{field}"].to_numpy() for field in model.fields}


def _totals(columns: Mapping[str, Levels], rarities: Mapping[str, Floats], model: Model) -> Floats:
    """log2 P(explanation, levels) for each pair.

    The levels of a few fields together are one number, for which the sum is made once; where a value's rarity is known,
    that takes the place of what its level says.
    """
    totals = np.zeros((len(next(iter(columns.values()))), len(EXPLANATIONS)))
    for start in range(0, len(model.fields), FIELDS_TOGETHER):
        fields = model.fields[start : start + FIELDS_TOGETHER]
        sums = np.zeros((1, len(EXPLANATIONS)))
        key = np.zeros(len(totals), dtype=np.uint32)
        for field in fields:
            shares = np.zeros((LEVELS_AT_MOST, len(EXPLANATIONS)))
            for at, kind in enumerate(EXPLANATIONS):
                table = _logarithms(model.tables[kind].get(field) or model.tables["chance"][field])
                shares[: len(table), at] = table
            sums = (sums[:, None, :] + shares[None, :, :]).reshape(-1, len(EXPLANATIONS))
            key = key * LEVELS_AT_MOST + columns[field]
        totals += sums[key]
    for at, kind in enumerate(EXPLANATIONS):
        totals[:, at] += _prior(model, kind)
        for field, rare in rarities.items():
            own = model.tables[kind].get(field)
            if kind == "chance" or own is None:
                table = _logarithms(own or model.tables["chance"][field])
                known = np.flatnonzero(~np.isnan(rare))
                totals[known, at] += rare[known] - table[columns[field][known]]
    return totals


def _logarithms(shares: tuple[float, ...]) -> Floats:
    """log2 of each level's share; a missing value says nothing."""
    logarithms: Floats = np.log2(np.array([1.0, *shares]))
    return logarithms


def _likelihoods(levels: pl.DataFrame, rarities: Mapping[str, Floats], model: Model, kind: str) -> dict[str, Floats]:
    """log2 P(level | explanation) for each field; 0 where a value is missing."""
    found: dict[str, Floats] = {}
    for field in model.fields:
        own = model.tables[kind].get(field)
        table = _logarithms(own or model.tables["chance"][field])
        level = levels[f"level_{field}"].to_numpy()
        likelihood: Floats = table[level]
        if (own is None or kind == "chance") and field in rarities:
            rare = rarities[field]
            likelihood = np.where(np.isnan(rare), likelihood, rare)
        found[field] = likelihood
    return found


def _rarities(levels: pl.DataFrame) -> dict[str, Floats]:
    """log2 of how likely another person has the very value a pair agrees on; NaN where it agrees on none."""
    names = [name for name in levels.columns if name.startswith("rarity_")]
    return {name.removeprefix("rarity_"): levels[name].fill_null(np.nan).to_numpy() for name in names}


def level_words(field: str) -> tuple[str, ...]:
    """The words for a field's levels, a declared identifier's too."""
    return LEVELS.get(field, IDENTIFIER_LEVELS)


def reasons(pairs: pl.DataFrame, model_fields: tuple[str, ...]) -> pl.Series:
    """Each pair's evidence in plain words: what agrees, the strongest first, then what speaks against it."""
    told = [_told_of(pairs, field).with_columns(order=pl.lit(at)) for at, field in enumerate(model_fields)]
    words = pl.concat(told).sort("pair", pl.col("bits").abs() * -1, "order")
    sides = words.group_by("pair", maintain_order=True).agg(
        agree=pl.col("word").filter(pl.col("bits") > 0).str.join(", "),
        differ=pl.col("word").filter(pl.col("bits") < 0).str.join(", "),
    )
    every = pl.DataFrame({"pair": pl.int_range(len(pairs), dtype=pl.UInt32, eager=True)})
    both = every.join(sides, on="pair", how="left", maintain_order="left").with_columns(
        agree=pl.when(pl.col("agree").fill_null("") == "").then(pl.lit("nothing telling agrees")).otherwise("agree"),
        differ=pl.col("differ").fill_null(""),
    )
    against = pl.when(pl.col("differ") != "").then(pl.format("; but {}", "differ")).otherwise(pl.lit(""))
    return both.select(pl.concat_str("agree", against)).to_series()


def _told_of(pairs: pl.DataFrame, field: str) -> pl.DataFrame:
    """What one field says of the pairs it says something of: `pair`, `bits`, `word`."""
    words = [word if field in LEVELS else f"{word} of {field}" for word in level_words(field)]
    level, bits = pl.col(f"level_{field}"), pl.col(f"bits_{field}")
    return (
        pairs.select(level, bits)
        .with_row_index("pair")
        .filter(level != 0, bits.abs() >= 0.5)
        .select("pair", bits=bits.cast(pl.Float64), word=pl.lit(pl.Series(words)).gather(level))
    )

"""Scoring: Fellegi–Sunter with four hypotheses instead of two.

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

import numpy as np
import polars as pl
from numpy.typing import NDArray

from transforms.match.levels import Hypothesis
from transforms.match.parameters import Model

Floats = NDArray[np.float64]
Levels = NDArray[np.uint8]


HYPOTHESES = tuple(Hypothesis)
RIVALS = HYPOTHESES[1:]
"""The rival hypotheses: all but *person*."""
LEVELS_AT_MOST = 8
"""Levels a field has, *missing* among them."""
FIELDS_TOGETHER = 4
"""Fields whose log-likelihoods are tabulated together."""
PAIRS_AT_ONCE = 250_000
"""Pairs that are scored at once."""


def score(levels: pl.DataFrame, model: Model, *, fully: bool = True) -> pl.DataFrame:
    """Match probability, match weight in bits and rival hypothesis of each pair under a model.

    Args:
        levels: as `compare` returns them.
        model: what was learned.
        fully: whether each field's own bits (`bits_<field>`) are wanted, too.
    """
    rarities = rarities_of(levels)
    totals = _totals(_columns(levels, model), rarities, model)
    rivals = totals[:, 1:].argmax(axis=1)
    highest = totals[:, 1:].max(axis=1)
    bits = totals[:, 0] - highest - np.log2(np.exp2(totals[:, 1:] - highest[:, None]).sum(axis=1))
    weights = {}
    if fully:
        parts = {kind: _likelihoods(levels, rarities, model, kind) for kind in HYPOTHESES}
        for field in model.fields:
            alternatives = np.stack([parts[kind][field] for kind in RIVALS], axis=1)
            chosen = np.take_along_axis(alternatives, rivals[:, None], axis=1)[:, 0]
            weights[f"bits_{field}"] = pl.Series(parts[Hypothesis.PERSON][field] - chosen, dtype=pl.Float32)
    return levels.select(
        "left",
        "right",
        bits=pl.Series(bits, dtype=pl.Float32),
        probability=pl.Series(1.0 / (1.0 + np.exp2(-np.clip(bits, -60, 60)))),
        rival_hypothesis=pl.Series([hypothesis.value for hypothesis in RIVALS]).gather(rivals.astype(np.uint32)),
        doubt="doubt",
        **{f"level_{field}": pl.col(f"level_{field}") for field in model.fields},
        **weights,
    )


def _prior(model: Model, kind: Hypothesis) -> float:
    pairs = model.records * (model.records - 1) / 2
    return 0.0 if kind is Hypothesis.CHANCE else float(np.log2(model.expected[kind] / pairs))


def posteriors(levels: pl.DataFrame, rarities: Mapping[str, Floats], model: Model) -> Floats:
    """P(hypothesis | levels): one row a pair, one column a hypothesis."""
    columns = _columns(levels, model)
    shares_of_pairs = np.empty((len(levels), len(HYPOTHESES)), dtype=np.float64)
    for start in range(0, len(levels), PAIRS_AT_ONCE):
        part = slice(start, start + PAIRS_AT_ONCE)
        parts = {field: column[part] for field, column in columns.items()}
        totals = _totals(parts, {field: rare[part] for field, rare in rarities.items()}, model)
        shares = np.exp2(totals - totals.max(axis=1, keepdims=True))
        shares_of_pairs[part] = shares / shares.sum(axis=1, keepdims=True)
    return shares_of_pairs


def _columns(levels: pl.DataFrame, model: Model) -> dict[str, Levels]:
    return {field: levels[f"level_{field}"].to_numpy() for field in model.fields}


def _totals(columns: Mapping[str, Levels], rarities: Mapping[str, Floats], model: Model) -> Floats:
    """log2 P(explanation, levels) for each pair.

    The levels of a few fields together are one number, for which the sum is made once; where a value's rarity is known,
    that takes the place of what its level says.
    """
    totals = np.zeros((len(next(iter(columns.values()))), len(HYPOTHESES)))
    for start in range(0, len(model.fields), FIELDS_TOGETHER):
        fields = model.fields[start : start + FIELDS_TOGETHER]
        sums = np.zeros((1, len(HYPOTHESES)))
        key = np.zeros(len(totals), dtype=np.uint32)
        for field in fields:
            shares = np.zeros((LEVELS_AT_MOST, len(HYPOTHESES)))
            for at, kind in enumerate(HYPOTHESES):
                table = _logarithms(model.tables[kind].get(field) or model.tables[Hypothesis.CHANCE][field])
                shares[: len(table), at] = table
            sums = (sums[:, None, :] + shares[None, :, :]).reshape(-1, len(HYPOTHESES))
            key = key * LEVELS_AT_MOST + columns[field]
        totals += sums[key]
    for at, kind in enumerate(HYPOTHESES):
        totals[:, at] += _prior(model, kind)
        for field, rare in rarities.items():
            own = model.tables[kind].get(field)
            if kind is Hypothesis.CHANCE or own is None:
                table = _logarithms(own or model.tables[Hypothesis.CHANCE][field])
                known = np.flatnonzero(~np.isnan(rare))
                totals[known, at] += rare[known] - table[columns[field][known]]
    return totals


def _logarithms(shares: tuple[float, ...]) -> Floats:
    """log2 of each level's share; a missing value says nothing."""
    logarithms: Floats = np.log2(np.array([1.0, *shares]))
    return logarithms


def _likelihoods(
    levels: pl.DataFrame, rarities: Mapping[str, Floats], model: Model, kind: Hypothesis
) -> dict[str, Floats]:
    """log2 P(level | explanation) for each field; 0 where a value is missing."""
    likelihoods: dict[str, Floats] = {}
    for field in model.fields:
        own = model.tables[kind].get(field)
        table = _logarithms(own or model.tables[Hypothesis.CHANCE][field])
        level = levels[f"level_{field}"].to_numpy()
        likelihood: Floats = table[level]
        if (own is None or kind is Hypothesis.CHANCE) and field in rarities:
            rare = rarities[field]
            likelihood = np.where(np.isnan(rare), likelihood, rare)
        likelihoods[field] = likelihood
    return likelihoods


def rarities_of(levels: pl.DataFrame) -> dict[str, Floats]:
    """log2 frequency of the value that a pair agrees on, by field; NaN where the values differ."""
    names = [name for name in levels.columns if name.startswith("rarity_")]
    return {name.removeprefix("rarity_"): levels[name].fill_null(np.nan).to_numpy() for name in names}

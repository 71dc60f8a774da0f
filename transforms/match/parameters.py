"""Thresholds and shares that decide how records are matched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

AUTO = 0.90


REVIEW = 0.50


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


@dataclass(frozen=True)
class Model:
    """What was learned: P(level | explanation) per field, and how many pairs of each explanation there are."""

    fields: tuple[str, ...]
    tables: Mapping[str, Mapping[str, tuple[float, ...]]]
    expected: Mapping[str, float]
    records: int

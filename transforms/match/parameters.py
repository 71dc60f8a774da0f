"""Thresholds and shares that decide how records are matched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from transforms.match.levels import Hypothesis

AUTO = 0.90
"""The probability from which records are joined."""
REVIEW = 0.50
"""The probability from which a person should look."""


NOT_LEARNED = frozenset({"suffix"})
"""Fields that are not learned: a Jr is not his father, however much else they share."""


FEWEST_FAMILIES = 0.03
"""Pairs of households and firms for each pair of one person below which there are none to speak of."""
FEWEST_PAIRS = 200.0
"""Expected pairs of one person from which a table shows whether there are."""
EXPECTED = {Hypothesis.PERSON: 0.5, Hypothesis.HOUSEHOLD: 0.1, Hypothesis.FIRM: 0.5}
"""Pairs of each kind to expect, per record, before looking."""


RANGE = {Hypothesis.PERSON: (0.02, 20.0), Hypothesis.HOUSEHOLD: (0.1, 2.0), Hypothesis.FIRM: (0.1, 10.0)}
"""The least and the most of them, per record, that is believed."""


@dataclass(frozen=True)
class Model:
    """A learned Fellegi–Sunter model.

    Attributes:
        fields: those that are compared.
        tables: by hypothesis and field, P(level | hypothesis) of the levels above *missing*.
        expected: by hypothesis, how many pairs there are.
        records: how many records there are.
        rules: blocking rules that were found in the data, as names of predicates.
        families: whether more than a few pairs are people of one household or firm rather than one person. They are
            not in registers and lists of customers each by himself; there a record may rest on others of its group.
    """

    fields: tuple[str, ...]
    tables: Mapping[Hypothesis, Mapping[str, tuple[float, ...]]]
    expected: Mapping[Hypothesis, float]
    records: int
    rules: tuple[tuple[str, ...], ...] = ()
    families: bool = True

"""`onefold calibrate` says what to expect at each threshold, by the model and by what people decided."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from conftest import SAMPLES, Ended, table

from transforms.match.calibration import TRUST, calibrated, proposed
from transforms.match.doubts import DOUBT


def pairs(*probabilities: float) -> pl.DataFrame:
    """Pairs of these probabilities, all of them supported and not contradicted."""
    count = len(probabilities)
    levels = dict.fromkeys(
        [f"level_{field}" for field in ("first", "middle", "suffix", "birth", "phone", "address", "company", "title")],
        [0] * count,
    )
    return pl.DataFrame(
        {"left": range(count), "right": range(1, count + 1), "probability": probabilities, "level_email": [6] * count}
        | {"doubt": pl.Series([None] * count, dtype=DOUBT)}
        | levels,
        schema_overrides={"left": pl.UInt32, "right": pl.UInt32},
    )


def said(*verdicts: tuple[int, bool]) -> pl.DataFrame:
    rows = [(left, left + 1, is_same) for left, is_same in verdicts]
    return pl.DataFrame(rows, schema={"left": pl.UInt32, "right": pl.UInt32, "is_same": pl.Boolean}, orient="row")


def at(expected: pl.DataFrame, threshold: float) -> dict[str, float]:
    return expected.row(by_predicate=pl.col("threshold") == threshold, named=True)


def test_without_decisions_it_is_what_the_model_says() -> None:
    expected = calibrated(pairs(0.97, 0.96, 0.60, 0.03), said())

    assert at(expected, 0.95)["pairs"] == 2
    assert at(expected, 0.95)["precision"] == pytest.approx((0.97 + 0.96) / 2)
    assert at(expected, 0.95)["recall"] == pytest.approx((0.97 + 0.96) / (0.97 + 0.96 + 0.60 + 0.03))
    assert at(expected, 0.5)["precision"] == pytest.approx((0.97 + 0.96 + 0.60) / 3)
    assert at(expected, 0.999)["precision"] is None


def test_decisions_correct_the_band_they_are_in_and_no_other() -> None:
    scored = pairs(*[0.96] * 10, *[0.55] * 10)
    expected = calibrated(scored, said(*[(number, False) for number in range(10, 20)]))

    assert at(expected, 0.95)["precision"] == pytest.approx(0.96)
    share = TRUST * 0.55 / (TRUST + 10)
    assert at(expected, 0.5)["precision"] == pytest.approx((0.96 + share) / 2)
    assert at(expected, 0.5)["by_model"] == pytest.approx((0.96 + 0.55) / 2)
    assert at(expected, 0.5)["precision_low"] < at(expected, 0.5)["precision"]
    assert (at(expected, 0.5)["same"], at(expected, 0.5)["apart"]) == (0, 10)


def test_the_lowest_threshold_that_is_precise_enough_is_proposed() -> None:
    expected = calibrated(pairs(*[0.9999] * 500, *[0.75] * 20, *[0.25] * 20), said())

    assert proposed(expected, precision=0.98, recall=0.99).auto == 0.6
    assert proposed(expected, precision=0.995, recall=0.9).auto == 0.8
    assert proposed(expected, precision=0.98, recall=0.995).review == 0.2
    assert proposed(expected, precision=1.0, recall=0.9).auto is None


def test_a_pair_that_could_not_join_is_missed_at_every_threshold() -> None:
    scored = pairs(0.97, 0.97).with_columns(level_email=pl.Series([6, 0]))  # the second agrees in its name alone

    assert at(calibrated(scored, said()), 0.5)["pairs"] == 1
    assert at(calibrated(scored, said()), 0.5)["recall"] == pytest.approx(0.5)


def test_on_the_samples_the_precision_expected_is_near_the_truth(onefold: Callable[..., Ended], tmp_path: Path) -> None:
    own = {"ONEFOLD_DECISIONS": str(tmp_path / "decisions.csv")}
    samples = ("--config", SAMPLES / "onefold.toml", "--site", "local:s.db")
    assert onefold("plan", *samples, "--run", "run", environment=own).code == 3
    one, two = table(tmp_path / "run", "plan").filter(pl.col("link").list.len() == 2)["link"][0]
    assert onefold("decide", "run", "together", one, two, "--by", "Kim").code == 0

    told = onefold("calibrate", "run", "--json")
    assert told.code == 0
    assert told.json["decided"] == 1
    auto = next(row for row in told.json["thresholds"] if row["threshold"] == 0.9)
    assert auto["precision"] > 0.99  # all pairs joined there are one person (test_samples)
    assert "auto = " in told.err

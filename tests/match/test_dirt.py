"""The worlds that matching is measured on: the same in every process, and as dirty as their level says."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from functools import cache

import numpy as np
import polars as pl
import pytest
from conftest import ROOT
from dirt import FIELDS, LEVELS, PLACEHOLDERS, Dirty, make_dirty
from rapidfuzz import process
from rapidfuzz.distance import OSA

ROWS = 20_000


@cache
def world(level: int) -> Dirty:
    return make_dirty(ROWS, level, seed=3)


def rows(level: int) -> pl.DataFrame:
    """What rows say, and what they should have said as `<field>_clean`."""
    dirty = world(level)
    said = dirty.table.rename({header: name for name, header in LEVELS[level].headers.items()})
    return pl.concat([said, dirty.clean.rename({name: f"{name}_clean" for name in FIELDS})], how="horizontal")


def near(share: float) -> object:
    """A share of so many rows, give or take three errors of the draw and a tenth."""
    return pytest.approx(share, rel=0.12, abs=3 * (share * (1 - share) / ROWS) ** 0.5)


def test_a_seed_gives_the_same_rows_in_every_process() -> None:
    script = (
        "import hashlib, dirt; table, truth, _ = dirt.make_dirty(2000, 3, 5);"
        "print(hashlib.sha256((table.write_csv() + truth.write_csv()).encode()).hexdigest())"
    )
    made = [
        subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True,
            env={"PYTHONPATH": f"{ROOT}:{ROOT / 'benchmarks'}", "PYTHONHASHSEED": seed},
        ).stdout.strip()
        for seed in ("1", "2")
    ]  # fmt: skip

    table, truth, _ = make_dirty(2000, 3, 5)
    assert made == [hashlib.sha256((table.write_csv() + truth.write_csv()).encode()).hexdigest()] * 2


def test_a_clean_world_says_what_it_should() -> None:
    clean = rows(0)

    assert all(clean[name].equals(clean[f"{name}_clean"], check_names=False) for name in FIELDS)
    assert (clean["Customer ID"] == "").all()


@pytest.mark.parametrize("level", [1, 3])
def test_names_are_mistyped_as_often_as_the_level_says(level: int) -> None:
    dirt, both = LEVELS[level], rows(level)
    steps = process.cpdist(both["last"].to_list(), both["last_clean"].to_list(), scorer=OSA.distance)
    long = (both["last_clean"].str.len_chars() >= 4).to_numpy()

    # One letter wrong; a third of the changed letters is what stood there, or what a gap or another error hides.
    assert 0.7 * dirt.typos < float(np.mean((steps == 1) & long)) / float(np.mean(long)) < 1.1 * dirt.typos


@pytest.mark.parametrize("level", [1, 3])
def test_values_are_missing_swapped_and_placeholders_as_often_as_the_level_says(level: int) -> None:
    dirt, both = LEVELS[level], rows(level)

    assert (both["company"] == "").mean() == near(dirt.missing)
    different = both.filter(pl.col("first_clean") != pl.col("last_clean"))
    swapped = (different["first"] == different["last_clean"]) & (different["last"] == different["first_clean"])
    assert 0.5 * dirt.swapped < float(swapped.mean() or 0) < 1.2 * dirt.swapped
    nothing = both["phone"].is_in(PLACEHOLDERS["phone"])
    assert nothing.mean() == near(dirt.placeholders * (1 - dirt.missing))


@pytest.mark.parametrize("level", [1, 3])
def test_phones_are_odd_and_ids_shared_as_often_as_the_level_says(level: int) -> None:
    dirt, both = LEVELS[level], rows(level)
    there = both.filter(pl.col("phone") != "", ~pl.col("phone").is_in(PLACEHOLDERS["phone"]))
    extension = there["phone"].str.contains(r" x\d|ext\.")

    assert extension.mean() == pytest.approx(dirt.odd_phones * 2 / 5, rel=0.25)
    assert (both["Customer ID"] != "").mean() == near(dirt.guests)


@pytest.mark.parametrize("level", [0, 1, 3])
def test_people_have_as_many_rows_as_the_level_says(level: int) -> None:
    sizes = world(level).truth.group_by("entity").len()["len"]

    assert sizes.max() <= LEVELS[level].most_rows + 2
    assert (sizes > 1).mean() == pytest.approx(LEVELS[level].again, abs=0.12)


def test_joint_rows_and_foreign_names_are_there() -> None:
    both = rows(3)

    assert both["first"].str.contains(" & | and ").mean() == pytest.approx(LEVELS[3].couples, rel=0.4)
    assert both["last_clean"].str.contains(r"[^\x00-\x7f]").mean() == pytest.approx(LEVELS[3].foreign, rel=0.5)

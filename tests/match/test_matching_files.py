"""`onefold match` on a generated world of contacts: how well it does, and that it does the same everywhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import people
import polars as pl
import pytest

from transforms.match.evaluation import evaluated

ROWS = 4000


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pl.DataFrame]:
    folder = tmp_path_factory.mktemp("world")
    table, truth = people.make(ROWS, seed=5)
    table.write_csv(folder / "people.csv")
    return folder / "people.csv", truth


def clusters(file: Path, out: Path, *, cores: int) -> pl.DataFrame:
    onefold = Path(sys.executable).with_name("onefold")
    command = [onefold, "match", file, "--out", out, "--id", "Record ID", "--region", "US"]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "POLARS_MAX_THREADS": str(cores)})
    return pl.read_csv(out)


def test_a_world_of_contacts_is_matched_well(world: tuple[Path, pl.DataFrame], tmp_path: Path) -> None:
    file, truth = world

    both = truth.join(clusters(file, tmp_path / "c.csv", cores=2).rename({"cluster_id": "cluster"}), on="id")

    found = evaluated(both)
    assert found.records == ROWS
    assert found.pairwise.precision.value >= 0.97
    assert found.pairwise.recall.value >= 0.93


def test_the_number_of_cores_makes_no_difference(world: tuple[Path, pl.DataFrame], tmp_path: Path) -> None:
    file, _ = world

    one, two = (clusters(file, tmp_path / f"{cores}.csv", cores=cores) for cores in (1, 2))

    assert one.equals(two)


def test_the_order_of_the_rows_makes_no_difference(world: tuple[Path, pl.DataFrame], tmp_path: Path) -> None:
    file, _ = world
    shuffled = pl.read_csv(file, infer_schema=False).sample(fraction=1, shuffle=True, seed=9)
    shuffled.write_csv(tmp_path / "shuffled.csv")

    one = clusters(file, tmp_path / "one.csv", cores=2)
    two = clusters(tmp_path / "shuffled.csv", tmp_path / "two.csv", cores=2)

    both = one.join(two, on="id", suffix="_two")
    assert len(both) == ROWS
    pairs = both.unique(["cluster_id", "cluster_id_two"])
    assert len(pairs) == one["cluster_id"].n_unique() == two["cluster_id"].n_unique()


def test_a_row_that_its_source_deleted_has_a_cluster_too(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text(
        "Id,IsDeleted,MasterRecordId,LastName,FirstName,Email,SystemModstamp,MailingStreet\n"
        "3,true,,Novak,Ada,ada@x.example,,\n1,false,,Novak,Ada,ada@x.example,,\n2,false,1,Novak,A.,ada@x.example,,\n"
    )
    out = tmp_path / "c.csv"

    subprocess.run([Path(sys.executable).with_name("onefold"), "match", file, "--out", out, "--id", "Id"], check=True)

    assert pl.read_csv(out).rows() == [(3, 1), (1, 1), (2, 1)]

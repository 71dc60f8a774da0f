"""The index of known records, as Parquet files in a folder: one part for each time records were added.

Looked up are only the rows that new records share something with.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from connectors.private import write_whole
from connectors.store.locking import locked
from transforms.schema.errors import InputError, UsageError
from transforms.schema.tables import COMMON, KEYS, VALUES

FACTS = "index.json"
VERSION = f"3, polars {pl.__version__}"
"""Keys are hashes by polars, which may be others in another version of it."""
KEPT_COLUMNS = {
    "records": [
        "record_id", "source", "source_key", "merged_ids", "contact_id", "is_member", "first_key", "middle_key",
        "last_key", "suffix_key", "company_key", "title_key", "birthdate", "birthday", "first", "last",
    ],
    "emails": ["match_key", "role"],
    "phones": ["phone", "e164", "extension"],
    "addresses": ["street_key", "city_key", "postal_key"],
    "identifiers": ["name", "value"],
    "extras": ["name", "value"],
}  # fmt: skip
"""Columns kept of each table, beside `record`."""


class Index:
    """The index in a folder.

    Args:
        folder: where it is, or is to be made.

    Raises:
        UsageError: it was made by another version.
        InputError: it is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.facts: dict[str, Any] = {}
        self._read()

    def _read(self) -> None:
        path = self.folder / FACTS
        if not path.exists():
            if self.folder.is_dir() and any(path.is_file() for path in self.folder.iterdir()):
                raise UsageError(f"{self.folder} holds something else than an index. Choose another folder.")
            return
        try:
            self.facts = json.loads(path.read_text("utf-8"))
        except ValueError as error:
            raise InputError(f"The index {self.folder} is damaged. Remove it and make it again.") from error
        if self.facts.get("version") != VERSION:
            raise UsageError(f"The index {self.folder} was made by another version. Remove it and make it again.")

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keeps other processes away, from reading what is known to adding to it.

        Raises:
            Busy: another process is at work on the index.
        """
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        lock = locked(self.folder.with_name(f"{self.folder.name}.lock"), f"the index {self.folder}")
        try:
            self._read()
            yield
        finally:
            lock.release()

    @property
    def is_new(self) -> bool:
        """Whether nothing is in it yet."""
        return not self.facts

    def keys(self, wanted: pl.Series) -> pl.DataFrame:
        """`KEYS` of the known records that have one of these keys."""
        return self._found("keys", pl.col("key").is_in(wanted.unique().implode())).select(*KEYS)

    def counts(self, wanted: pl.DataFrame) -> pl.DataFrame:
        """`COMMON` of these `field`s and `value`s."""
        counted = self._found("counts", pl.col("value").is_in(wanted["value"].unique().implode()))
        counted = counted.join(wanted, on=["field", "value"], how="semi")
        return counted.group_by("field", "value").agg(pl.col("count").sum()).select(*COMMON)

    def shared(self) -> pl.DataFrame:
        """`VALUES` that belong to several people."""
        return self._found("shared", pl.lit(value=True)).select(*VALUES).unique()

    def with_their_clusters(self, records: pl.Series) -> pl.DataFrame:
        """These records and the rest of their clusters: `record`, `cluster`, in order."""
        into = self._roots()
        rooted = pl.col("cluster").replace(into) if into else pl.col("cluster")
        own = self._found("clusters", pl.col("record").is_in(records.unique().implode())).with_columns(rooted)
        every = self._found("clusters", rooted.is_in(own["cluster"].unique().implode())).with_columns(rooted)
        return every.sort("record")

    def _roots(self) -> dict[int, int]:
        """The clusters that were joined into others, each with the one it is in the end."""
        into = {gone: stays for stays, gone in self.facts["joined"]}
        roots = {}
        for gone, stays in into.items():
            while stays in into:
                stays = into[stays]
            roots[gone] = stays
        return roots

    def tables(self, records: pl.Series) -> dict[str, pl.DataFrame]:
        """The tables of these records, in their order, numbered from 0."""
        numbers = pl.DataFrame({"record": records, "number": pl.int_range(len(records), dtype=pl.UInt32, eager=True)})
        kept = {}
        for name in KEPT_COLUMNS:
            rows = self._found(name, pl.col("record").is_in(records.implode()))
            rows = rows.join(numbers, on="record", maintain_order="left").sort("number", maintain_order=True)
            kept[name] = rows.drop("record").rename({"number": "record"})
        return kept

    def _found(self, name: str, which: pl.Expr) -> pl.DataFrame:
        """The rows of a table for which this is so, over all parts."""
        files = [self.folder / part / f"{name}.parquet" for part in self.facts["parts"]]
        try:
            return pl.scan_parquet(files).filter(which).collect()
        except (OSError, pl.exceptions.PolarsError) as error:
            raise InputError(f"The index {self.folder} is damaged. Remove it and make it again.") from error

    def add(
        self,
        tables: Mapping[str, pl.DataFrame],
        *,
        keys: pl.DataFrame,
        clusters: pl.Series,
        counts: pl.DataFrame,
        shared: pl.DataFrame,
        joined: Iterable[tuple[int, int]] = (),
        **facts: object,
    ) -> None:
        """Adds records, whole or not at all.

        Args:
            tables: the records' tables.
            keys: their `KEYS`.
            clusters: the number of each one's cluster.
            counts: `COMMON` of their values.
            shared: `VALUES` that are known now to belong to several people.
            joined: known clusters that are one: the number that stays, and the other.
            facts: what else is to be known of the index.
        """
        before = int(self.facts.get("records", 0))
        parts = list(self.facts.get("parts", []))
        part = f"part-{len(parts) + 1}"
        folder = self.folder / part
        shutil.rmtree(folder, ignore_errors=True)  # what an interrupted run has left
        folder.mkdir(parents=True)
        lift = pl.col("record") + pl.lit(before, dtype=pl.UInt32)
        count = len(clusters)
        numbered = {name: tables[name].select("record", *columns) for name, columns in KEPT_COLUMNS.items()}
        numbered["keys"] = keys
        numbered["clusters"] = pl.DataFrame(
            {"record": pl.int_range(count, dtype=pl.UInt32, eager=True), "cluster": clusters.cast(pl.UInt32)}
        )
        for name, table in numbered.items():
            table.with_columns(lift).write_parquet(folder / f"{name}.parquet", compression="lz4")
        for name, table in (("counts", counts), ("shared", shared)):
            table.write_parquet(folder / f"{name}.parquet", compression="lz4")
        known = {
            **self.facts,
            **facts,
            "version": VERSION,
            "records": before + count,
            "parts": [*parts, part],
            "joined": [*self.facts.get("joined", []), *joined],
        }
        with write_whole(self.folder / FACTS) as draft:
            draft.write_text(json.dumps(known), "utf-8")
        self.facts = known

"""Whether phones and e-mails come out as the libraries say, and how fast; and how fast a whole export is read.

    python benchmarks/normalise.py [exact|speed|ingest] [COUNT]

Without a word all three: 2 million phones and 1 million e-mails compared, a million distinct values timed against a
plain loop over the library, a million rows of CSV made records.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import odd_values
import polars as pl

from connectors.exports.reading import read_file
from transforms.normalise import emails, phones
from transforms.normalise.records import to_records

NUMBERS = {"phone": pl.String, "region": pl.String}


def exact(count: int) -> None:
    """Compares every value's result with the library's."""
    for what, values, ours, library in (
        ("phones", odd_values.phones(2 * count, seed=7), _our_phones, phones._parse),
        ("e-mails", odd_values.emails(count, seed=7), _our_emails, emails._check),
    ):
        found = ours(values)
        wrong = sum(found[value] != library(value) for value in values)
        print(f"{what}: {len(values):,} values, {wrong} differ from the library", flush=True)


def speed(count: int) -> None:
    """Times distinct values, ours and a plain loop over the library, in turn."""
    for what, values, ours, library in (
        ("phones", odd_values.common_phones(count, seed=8), phones._parsed, phones._parse),
        ("e-mails", odd_values.common_emails(count, seed=8), emails._validated, emails._check),
        ("phones, each odd", odd_values.odd_phones(count, seed=8), phones._parsed, phones._parse),
        ("e-mails, each odd", odd_values.odd_emails(count, seed=8), emails._validated, emails._check),
    ):
        is_phones = isinstance(values[0], tuple)
        column = pl.DataFrame(values, schema=NUMBERS, orient="row") if is_phones else pl.Series(values)
        fast = min(_seconds(lambda: ours(column)) for _ in range(3))  # noqa: B023 - called at once
        few = values[: max(1, count // 5)]
        slow = _seconds(lambda: [library(one) for one in few]) * len(values) / len(few)  # noqa: B023
        print(
            f"{what}: ours {len(values) / fast:,.0f} a second, the library in a loop {len(values) / slow:,.0f}: "
            f"{slow / fast:.1f} times as fast",
            flush=True,
        )


def ingest(count: int) -> None:
    """Times a CSV of so many rows from file to records, in a process of its own, for its memory."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "people.csv"
        _table(count).write_csv(path)
        print(f"{path.stat().st_size / 1e6:.0f} MB of CSV", flush=True)
        subprocess.run([sys.executable, __file__, "read", str(path)], check=True)


def read(path: Path) -> None:
    """Reads a file to records and prints rows a second and peak memory."""
    began = time.perf_counter()
    (reading,) = read_file(path, source="people", rank=0, region="US")
    parsed = time.perf_counter()
    tables = to_records(reading.rows)
    ended = time.perf_counter()
    rows = reading.data_rows
    assert len(tables.records) + len(tables.rejects) + len(reading.rejects) == rows
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{rows:,} rows in {ended - began:.1f} s ({parsed - began:.1f} reading, {ended - parsed:.1f} normalising): "
        f"{rows / (ended - began):,.0f} a second, peak memory {peak:.2f} GB"
    )


def _our_phones(values: list[odd_values.Number]) -> dict[odd_values.Number, tuple[object, ...]]:
    frame = phones._parsed(pl.DataFrame(values, schema=NUMBERS, orient="row"))
    return dict(zip(values, frame.iter_rows(), strict=True))


def _our_emails(values: list[str]) -> dict[str, tuple[object, ...]]:
    found = zip(values, emails._validated(pl.Series(values)).iter_rows(), strict=True)
    return {value: emails._check(value) if one == (None, emails.NOT_AN_ADDRESS) else one for value, one in found}


def _table(count: int) -> pl.DataFrame:
    numbers = odd_values.common_phones(count, seed=9)
    rows = pl.int_range(count, eager=True)
    return pl.DataFrame(
        {
            "First Name": "First" + (rows % 997).cast(pl.String),
            "Last Name": "Last" + (rows % 7919).cast(pl.String),
            "Email": odd_values.common_emails(count, seed=9),
            "Phone": [text for text, _ in numbers],
            "Company": "Firm " + (rows % 20_000).cast(pl.String) + " Ltd",
            "Street": (rows % 500).cast(pl.String) + " Main Street",
            "City": "City " + (rows % 3000).cast(pl.String),
            "Country": [region for _, region in numbers],
            "Tags": pl.Series(["VIP, Rotary", "", "", "Newsletter"] * (count // 4 + 1)).head(count),
            "Created": pl.Series(["2024-03-12 09:14:00"]).new_from_index(0, count),
        }
    )


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    word = sys.argv[1] if len(sys.argv) > 1 else "all"
    if word == "read":
        read(Path(sys.argv[2]))
    else:
        size = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
        for name, run in (("exact", exact), ("speed", speed), ("ingest", ingest)):
            if word in (name, "all"):
                run(size)

"""Rows in a chain: each line holds the hash of the line before it, so that none can be changed, left out or put in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from connectors.private import write_whole
from transforms.schema.errors import RunError

START = "0" * 64
"""What stands for the hash before the first line."""
PREVIOUS, HASH, LINES = "previous", "hash", "lines"


def write_chain(path: Path, head: Mapping[str, object], rows: Iterable[Mapping[str, object]]) -> str:
    """Writes JSON lines: the head, the rows, and how many lines there are, each with `previous` and `hash`.

    Returns:
        The hash of the last line. Who keeps it elsewhere can tell later that nothing was written anew.
    """
    previous, count = START, 0
    with write_whole(path) as part, part.open("w", encoding="utf-8", newline="\n") as file:
        for row in (head, *rows):
            previous, count = _write(file.write, row, previous), count + 1
        return _write(file.write, {LINES: count}, previous)


def _write(write: Callable[[str], object], row: Mapping[str, object], previous: str) -> str:
    told = {**row, PREVIOUS: previous}
    its_hash = _hash(told)
    write(json.dumps({**told, HASH: its_hash}, ensure_ascii=False) + "\n")
    return its_hash


def _hash(row: Mapping[str, object]) -> str:
    text = json.dumps(row, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()


def read_chain(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]], str]:
    """The head, the rows and the last hash of a chain, without `previous` and `hash`.

    Raises:
        RunError: there is none, or a line was changed, left out or put in; with the first such line.
    """
    if not path.is_file():
        raise RunError(f"There is no {path}.")
    rows: list[dict[str, Any]] = []
    previous = START
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            broken = RunError(f"{path}, line {number}: the chain is broken here. Something was changed since.")
            try:
                row = json.loads(line)
                its_hash, before = row.pop(HASH), row[PREVIOUS]
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                raise broken from error
            if before != previous or _hash(row) != its_hash:
                raise broken
            del row[PREVIOUS]
            previous = its_hash
            rows.append(row)
    if len(rows) < 2 or rows[-1] != {LINES: len(rows) - 1}:
        raise RunError(f"{path} ends after {len(rows)} lines, but that is not its end. Something is missing.")
    return rows[0], rows[1:-1], previous

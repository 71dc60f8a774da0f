"""The sheets of a workbook, read in a process of its own: what a hostile one asks for ends that process, not ours."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import fastexcel
import polars as pl

from connectors.exports.limits import Limits
from connectors.exports.number_formats import as_shown
from transforms.schema.errors import InputError

UNREADABLE = 3
"""Exit code of the reading process where the reader says that this is no workbook."""
SECONDS = 600
"""Seconds that the reading process may take."""


def sheets(name: str, file: BinaryIO, limits: Limits) -> Iterator[tuple[str, pl.DataFrame]]:
    """The sheets of a workbook with their names, every cell as text.

    Raises:
        InputError: it is damaged, locked, or takes more memory than the limits allow.
    """
    damaged = InputError(f"{name} is damaged or locked with a password: it cannot be read as a workbook.")
    with TemporaryDirectory(prefix="onefold-") as folder:
        book = Path(folder) / "book"
        with book.open("wb") as copy:
            while block := file.read(1 << 20):
                copy.write(block)
        command = [sys.executable, "-m", __name__, folder, str(limits.workbook_memory_mb)]
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired as error:
            raise InputError(f"{name} takes longer than {SECONDS} seconds to read as a workbook.") from error
        if done.returncode == UNREADABLE:
            raise damaged
        if done.returncode:
            raise InputError(
                f"{name} needs more than {limits.workbook_memory_mb:,} MB to be read: one of its sheets is too large. "
                "Export it as CSV, or raise [limits] workbook_memory_mb."
            )
        names = (Path(folder) / "names").read_text("utf-8").split("\x1f")
        for number, sheet in enumerate(names):
            yield sheet, pl.read_ipc(Path(folder) / f"{number}.arrow")


def _limit_memory(megabytes: int) -> None:
    """Lets this process take so much more memory than it has; where the system has no such limit, it has none."""
    try:
        import resource
    except ImportError:
        return
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() if _has_proc() else 0
    resource.setrlimit(resource.RLIMIT_AS, (taken + (megabytes << 20),) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _has_proc() -> bool:
    return Path("/proc/self/statm").exists()


def _main(folder: Path, megabytes: int) -> int:
    """Reads `book` in a folder, and writes its sheets' names to `names` and their cells beside it."""
    _limit_memory(megabytes)
    try:
        book = fastexcel.read_excel(folder / "book")
        names = book.sheet_names
        sheets = (book.load_sheet(name, header_row=None, skip_rows=0, dtypes="string").to_polars() for name in names)
        for number, sheet in enumerate(as_shown(folder / "book", sheets, len(names))):
            sheet.write_ipc(folder / f"{number}.arrow")
    except MemoryError:
        raise
    except Exception as error:  # whatever the reader of workbooks raises, the file is the reason
        return 1 if "alloc" in str(error).lower() else UNREADABLE
    (folder / "names").write_text("\x1f".join(names), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(_main(Path(sys.argv[1]), int(sys.argv[2])))

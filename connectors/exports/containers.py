"""What a file really is: text, a workbook, cards, or any of them packed. Told by its first bytes, never by its name."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from tempfile import SpooledTemporaryFile
from typing import IO, BinaryIO, NamedTuple, cast

import polars as pl

from connectors.exports.limits import Limits
from connectors.exports.objects import objects
from connectors.exports.workbooks import sheets
from transforms.schema.errors import InputError

DEEPEST = 3
"""Most levels of packed files within packed files."""
_IN_MEMORY = 1 << 26
_BLOCK = 1 << 20
SUFFIXES = (
    ".csv", ".tsv", ".txt", ".vcf", ".jsonl", ".ndjson", ".xlsx", ".xls", ".xlsb", ".ods", ".gz", ".zip", ".parquet",
)  # fmt: skip
"""Suffixes of files that are taken for exports in a folder or an archive."""
_ZIP, _GZIP, _OLE = b"PK\x03\x04", b"\x1f\x8b", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PARQUET = b"PAR1"
_TELLING = 64
"""Bytes at a file's beginning that tell what it is."""
_OTHER = (b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"SQLite format 3\x00")


class Part(NamedTuple):
    """One table or set of cards in a file: its name for people, and its bytes, or a sheet's rows and their encoding."""

    name: str
    file: BinaryIO = io.BytesIO()
    sheet: list[list[str]] | None = None
    encoding: str = "workbook"


def parts(path: Path, limits: Limits) -> Iterator[Part]:
    """The parts of a file, unpacked; whoever reads a part closes its file.

    Raises:
        InputError: it is damaged, unpacks to too much, or is nothing that could hold contacts.
    """
    return _unpacked(path.name, path.open("rb"), 0, limits)


def _unpacked(name: str, file: BinaryIO, depth: int, limits: Limits) -> Iterator[Part]:
    if depth > DEEPEST:
        raise InputError(f"{name} is packed more than {DEEPEST} times.")
    start = file.read(_TELLING)
    file.seek(0)
    if start.startswith(_OTHER):
        file.close()
        raise InputError(f"{name} is not a text table: export it again as CSV.")
    if start.startswith(_PARQUET):
        with file:
            yield Part(name, _as_csv(name, file, limits))
        return
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        with file, _held(name, file, limits) as held:
            yield Part(name, sheet=objects(name, held), encoding="utf-8")
        return
    if not start.startswith((_GZIP, _ZIP, _OLE)):
        yield Part(name, file)
        return
    with file:
        if start.startswith(_GZIP):
            yield from _unpacked(name.removesuffix(".gz"), _gunzipped(name, file, limits), depth + 1, limits)
        elif start.startswith(_ZIP) and not _is_workbook(file):
            yield from _members(name, file, depth, limits)
        else:
            if start.startswith(_ZIP):
                _check_size(name, file, limits)
            yield from _sheets(name, file, limits)


def _as_csv(name: str, file: BinaryIO, limits: Limits) -> BinaryIO:
    """A Parquet table as CSV: every value as text, lists with `;` between their values."""
    damaged = InputError(f"{name} is damaged: it cannot be read as Parquet.")
    try:
        rows = pl.scan_parquet(file).select(pl.len()).collect().item()
        columns = len(pl.read_parquet_schema(file))
        if rows * columns > limits.unpacked_mb << 20:  # each cell is a byte at least
            raise _too_large(name, limits)
        file.seek(0)
        table = pl.read_parquet(file)
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise damaged from error
    if table.estimated_size() > limits.unpacked_mb << 20:
        raise _too_large(name, limits)
    texts = [_as_text(column, kind) for column, kind in table.schema.items()]
    spooled = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed by who reads the part
    table.select(texts).write_csv(cast(BinaryIO, spooled))
    spooled.seek(0)
    return cast(BinaryIO, spooled)


def _as_text(column: str, kind: pl.DataType) -> pl.Expr:
    """A Parquet column as text: plain lists with `;` between their values, what has parts as JSON."""
    if isinstance(kind, pl.Struct):
        return pl.col(column).struct.json_encode()
    if isinstance(kind, pl.List) and isinstance(kind.inner, pl.Struct):
        return pl.col(column).list.eval(pl.element().struct.json_encode()).list.join(";")
    if isinstance(kind, pl.List) and not kind.inner.is_nested():
        return pl.col(column).cast(pl.List(pl.String)).list.join(";")
    return pl.col(column).cast(pl.String)


def _too_large(name: str, limits: Limits) -> InputError:
    return InputError(
        f"{name} unpacks to more than {limits.unpacked_mb:,} MB. If that is right, raise [limits] unpacked_mb."
    )


def _held(name: str, packed: gzip.GzipFile | IO[bytes] | BinaryIO, limits: Limits) -> BinaryIO:
    """The unpacked bytes, in memory or, when they are many, in a temporary file."""
    spooled = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed by who reads the part
    size = 0
    while block := packed.read(_BLOCK):
        size += len(block)
        if size > limits.unpacked_mb << 20:
            spooled.close()
            raise _too_large(name, limits)
        spooled.write(block)
    spooled.seek(0)
    return cast(BinaryIO, spooled)


def _gunzipped(name: str, file: BinaryIO, limits: Limits) -> BinaryIO:
    try:
        with gzip.GzipFile(fileobj=file, mode="rb") as packed:
            return _held(name, packed, limits)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{name} is damaged: it cannot be unpacked.") from error


def _is_workbook(file: BinaryIO) -> bool:
    try:
        with zipfile.ZipFile(file) as packed:
            names = set(packed.namelist())
    except (zipfile.BadZipFile, OSError, ValueError):
        return False
    finally:
        file.seek(0)
    return "[Content_Types].xml" in names or "content.xml" in names


def _check_size(name: str, file: BinaryIO, limits: Limits) -> None:
    """Refuses a workbook that unpacks to too much, or whose parts are not what they say they are."""
    left = limits.unpacked_mb << 20
    try:
        with zipfile.ZipFile(file) as packed:
            if sum(member.file_size for member in packed.infolist()) > left:
                raise _too_large(name, limits)
            for entry in packed.infolist():
                with packed.open(entry) as member:
                    while block := member.read(_BLOCK):
                        left -= len(block)
                        if left < 0:
                            raise _too_large(name, limits)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
        raise InputError(f"{name} is damaged or locked with a password: it cannot be read as a workbook.") from error
    finally:
        file.seek(0)


def _members(name: str, file: BinaryIO, depth: int, limits: Limits) -> Iterator[Part]:
    is_any = False
    try:
        with zipfile.ZipFile(file) as packed:
            inside = [packed_file for packed_file in packed.infolist() if _may_be_an_export(packed_file)]
            if sum(packed_file.file_size for packed_file in inside) > limits.unpacked_mb << 20:
                raise _too_large(name, limits)
            for packed_file in inside:
                with packed.open(packed_file) as member:
                    spooled = _held(name, member, limits)
                if spooled.read(16).startswith(_OTHER):
                    spooled.close()
                    continue
                spooled.seek(0)
                is_any = True
                yield from _unpacked(f"{name}/{packed_file.filename}", spooled, depth + 1, limits)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
        raise InputError(f"{name} is damaged or locked with a password: it cannot be unpacked.") from error
    if not is_any:
        raise InputError(f"{name} holds no export: no table, no workbook, no cards.")


def _may_be_an_export(member: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(member.filename)
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    return not member.is_dir() and not hidden and path.suffix.lower() in (*SUFFIXES, "")


def _sheets(name: str, file: BinaryIO, limits: Limits) -> Iterator[Part]:
    """The sheets of a workbook that have anything in them, every cell as text."""
    filled = [(title, sheet) for title, sheet in sheets(name, file, limits) if sheet.height]
    if not filled:
        raise InputError(f"{name} is empty: there is nothing to import in it.")
    for title, sheet in filled:
        rows = [[_as_written(cell) for cell in row] for row in sheet.iter_rows()]
        yield Part(f"{name}/{title}" if len(filled) > 1 else name, sheet=rows)


def _as_written(cell: str | None) -> str:
    """A cell as a person reads it: a date without the midnight that workbooks add."""
    return (cell or "").removesuffix(" 00:00:00")

"""What a file really is: text, a workbook, cards, or any of them packed. Told by its first bytes, never by its name."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import fastexcel

from transforms.errors import InputError

LARGEST = 4 << 30
"""Bytes that a packed file may unpack to in all."""
DEEPEST = 3
"""How deep packed files may lie in one another."""
_EXPORTS = (".csv", ".tsv", ".txt", ".vcf", ".xlsx", ".xls", ".xlsb", ".ods", ".gz", ".zip", "")
_ZIP, _GZIP, _OLE = b"PK\x03\x04", b"\x1f\x8b", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OTHER = (b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"SQLite format 3\x00", b"PAR1")


class Part(NamedTuple):
    """One table or set of cards in a file: its name for people, and its bytes, or a sheet's rows of cells."""

    name: str
    data: bytes = b""
    sheet: list[list[str]] | None = None


def parts(path: Path) -> list[Part]:
    """What is in a file, unpacked.

    Raises:
        InputError: it is damaged, unpacks to too much, or is nothing that could hold contacts.
    """
    return list(_unpacked(path.name, path.read_bytes(), 0))


def _unpacked(name: str, data: bytes, depth: int) -> Iterator[Part]:
    if depth > DEEPEST:
        raise InputError(f"{name} is packed more than {DEEPEST} times.")
    if data.startswith(_GZIP):
        yield from _unpacked(name.removesuffix(".gz"), _gunzipped(name, data), depth + 1)
    elif data.startswith(_ZIP) and not _is_workbook(data):
        yield from _members(name, data, depth)
    elif data.startswith((_ZIP, _OLE)):
        yield from _sheets(name, data)
    elif data.startswith(_OTHER):
        raise InputError(f"{name} is not a text table: export it again as CSV.")
    else:
        yield Part(name, data)


def _gunzipped(name: str, data: bytes) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
            text = packed.read(LARGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{name} is damaged: it cannot be unpacked.") from error
    if len(text) > LARGEST:
        raise InputError(f"{name} unpacks to more than {LARGEST >> 30} GB.")
    return text


def _is_workbook(data: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            names = set(packed.namelist())
    except (zipfile.BadZipFile, OSError, ValueError):
        return False
    return "[Content_Types].xml" in names or "content.xml" in names


def _members(name: str, data: bytes, depth: int) -> Iterator[Part]:
    found = False
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            inside = [one for one in packed.infolist() if _may_be_an_export(one)]
            if sum(one.file_size for one in inside) > LARGEST:
                raise InputError(f"{name} unpacks to more than {LARGEST >> 30} GB.")
            for one in inside:
                with packed.open(one) as member:
                    content = member.read(LARGEST + 1)
                if not content.startswith(_OTHER):
                    found = True
                    yield from _unpacked(f"{name}/{one.filename}", content, depth + 1)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
        raise InputError(f"{name} is damaged or locked with a password: it cannot be unpacked.") from error
    if not found:
        raise InputError(f"{name} holds no export: no table, no workbook, no cards.")


def _may_be_an_export(one: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(one.filename)
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    return not one.is_dir() and not hidden and path.suffix.lower() in _EXPORTS


def _sheets(name: str, data: bytes) -> Iterator[Part]:
    """The sheets of a workbook that have anything in them, every cell as text."""
    try:
        book = fastexcel.read_excel(data)
        names = book.sheet_names
        sheets = [book.load_sheet(one, header_row=None, skip_rows=0, dtypes="string").to_polars() for one in names]
    except Exception as error:  # whatever the reader of workbooks raises, the file is the reason
        raise InputError(f"{name} is damaged or locked with a password: it cannot be read as a workbook.") from error
    filled = [(one, sheet) for one, sheet in zip(names, sheets, strict=True) if sheet.height]
    if not filled:
        raise InputError(f"{name} is empty: there is nothing to import in it.")
    for one, sheet in filled:
        rows = [[_as_written(cell) for cell in row] for row in sheet.iter_rows()]
        yield Part(f"{name}/{one}" if len(filled) > 1 else name, sheet=rows)


def _as_written(cell: str | None) -> str:
    """A cell as a person reads it: a date without the midnight that workbooks add."""
    return (cell or "").removesuffix(" 00:00:00")

"""Workbooks, cards and packed files are read like any other; whatever comes, nothing is lost and nothing breaks."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from conftest import SAMPLES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.exports.reading import Reading, read_export, read_file
from transforms.normalise.records import to_records
from transforms.schema.errors import InputError, OnefoldError

CSV = (
    "First Name,Last Name,Email,Phone\n"
    "Ada,Novak,ada@postbox.example,+1 212-555-0147\n"
    "Omar,Haddad,omar@haddad.example,\n"
)


def people(*readings: Reading) -> list[tuple[str | None, ...]]:
    rows = pl.concat([one.rows for one in readings])
    return to_records(rows).records.select("first", "last").rows()


# --- workbooks ---


@pytest.fixture
def workbook(tmp_path: Path) -> Callable[..., Path]:
    def write(**sheets: list[list[Any]]) -> Path:
        import xlsxwriter

        path = tmp_path / "book.xlsx"
        with xlsxwriter.Workbook(path, {"default_date_format": "yyyy-mm-dd hh:mm"}) as book:
            for name, rows in sheets.items():
                sheet = book.add_worksheet(name)
                for at, row in enumerate(rows):
                    sheet.write_row(at, 0, row)
        return path

    return write


def test_a_workbook_is_read_with_numbers_as_they_are_and_dates_as_dates(workbook: Callable[..., Path]) -> None:
    path = workbook(
        Contacts=[
            ["Our people, as of May"],
            [],
            ["First Name", "Last Name", "Email", "Phone", "Birthdate", "Created"],
            ["Ada", "Novak", "ada@postbox.example", 12125550147, date(1987, 9, 7), datetime(2024, 3, 12, 9, 14)],
            ["Omar", "Haddad", None, None, None, None],
        ]
    )

    reading = read_export(path, source="x", rank=0, region="US")
    tables = to_records(reading.rows)

    assert reading.encoding == "workbook"
    assert reading.rows["line"].to_list() == [4, 5]
    assert tables.phones["e164"].to_list() == ["+12125550147"]
    assert tables.records["birthdate"].to_list() == [date(1987, 9, 7), None]
    assert str(tables.records["created"][0]).startswith("2024-03-12 09:14")


def test_every_sheet_with_people_is_read_and_the_others_are_rejected_by_name(workbook: Callable[..., Path]) -> None:
    path = workbook(
        One=[["First Name", "Last Name"], ["Ada", "Novak"]],
        Numbers=[["Quarter", "Revenue"], ["Q1", 7]],
        Two=[["Vorname", "Nachname"], ["Omar", "Haddad"]],
    )

    readings = read_file(path, source="x", rank=0)

    assert people(*readings) == [("Ada", "Novak"), ("Omar", "Haddad")]
    assert [one.file for one in readings if one.data_rows] == ["book.xlsx/One", "book.xlsx/Two"]
    (reason,) = [one for reading in readings for one in reading.rejects["reason"]]
    assert reason.startswith("book.xlsx/Numbers has no column that can be used")
    with pytest.raises(InputError, match="several tables"):
        read_export(path, source="x", rank=0)


# --- packed files ---


def zipped(**members: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return packed.getvalue()


def test_gzip_and_zip_of_anything_are_unpacked(tmp_path: Path, workbook: Callable[..., Path]) -> None:
    book = workbook(One=[["First Name", "Last Name"], ["Marta", "Vidal"]])
    inner = zipped(**{"b.csv": b"First Name,Last Name\nOmar,Haddad\n"})
    outer = {
        "people/a.csv": CSV.encode("utf-16"),
        "people/inner.zip": inner,
        "people/book.xlsx": book.read_bytes(),
        "__MACOSX/people/._a.csv": b"\x00\x05",
        "people/.DS_Store": b"x",
        "readme.pdf": b"%PDF",
    }
    both, single = tmp_path / "all.zip", tmp_path / "one.csv.gz"
    both.write_bytes(zipped(**outer))
    single.write_bytes(gzip.compress(CSV.encode()))

    readings = read_file(both, source="x", rank=0)

    assert [one.file for one in readings] == [
        "all.zip/people/a.csv",
        "all.zip/people/inner.zip/b.csv",
        "all.zip/people/book.xlsx",
    ]
    assert people(*readings) == [("Ada", "Novak"), ("Omar", "Haddad"), ("Omar", "Haddad"), ("Marta", "Vidal")]
    assert [row for one in readings for row in one.rows["row"]] == [1, 2, 3, 4]
    assert people(read_export(single, source="x", rank=0)) == [("Ada", "Novak"), ("Omar", "Haddad")]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (gzip.compress(CSV.encode())[:-9], "damaged"),
        (zipped(a=CSV.encode())[:-30], "damaged|not a text table"),
        (zipped(**{"readme.pdf": b"%PDF"}), "holds no export"),
        (zipped(**{"[Content_Types].xml": b"x"}), "cannot be read as a workbook"),
        (b"%PDF-1.7", "not a text table"),
        (b"a\x00b\x01" * 99, "not a text table"),
    ],
)
def test_what_cannot_be_unpacked_is_one_sentence(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "export.csv"
    path.write_bytes(data)

    with pytest.raises(InputError, match=words) as raised:
        read_file(path, source="x", rank=0)
    assert str(raised.value).startswith("export.csv")


# --- cards ---


def test_cards_of_every_version_give_their_people() -> None:
    reading = read_export(SAMPLES / "formats" / "contacts.vcf", source="x", rank=0)
    tables = to_records(reading.rows)
    ada = tables.records.row(0, named=True)
    postal = tables.addresses.row(0, named=True)

    assert reading.format == "vcard"
    assert tables.records.select("first", "last", "company").rows() == [
        ("Ada Maria", "Novak", "Kestrel Aviation"),
        ("Omar", "Haddad", None),
        ("Marta", "Vidal", None),
        (None, None, "Umbra Lighting"),
    ]
    assert (ada["birthdate"], ada["birthday"], ada["job_title"], ada["source_key"]) == (
        None,
        "04-15",
        "Pilot",
        "card-1",
    )
    assert tables.records["birthday"].to_list() == ["04-15", None, "04-15", None]
    assert tables.emails["email"].to_list() == [
        "ada.novak@postbox.example",
        "ada@home.example",
        "omar@haddad.example",
        "marta@vidal.example",
        "hello@umbra.example",
    ]
    assert tables.phones.select("e164", "tag").rows() == [
        ("+12125550147", "MOBILE"),
        ("+12125550148", "FAX"),
        ("+442079460958", "MOBILE"),
        ("+34910123456", "HOME"),
    ]
    assert (postal["street"], postal["region"], postal["country"]) == ("12 Harbour Road", "US-ME", "US")
    assert tables.labels["label"].to_list() == ["Rotary", "VIP"]
    assert reading.rejects["reason"].to_list() == ["a group, not a person", "a card that is not whole"]
    assert tables.rejects["reason"].to_list() == ["no name, e-mail or phone"]
    assert reading.data_rows == 7
    assert not reading.rows["raw"].str.contains("9j/4AAQ").any()


# --- whatever comes ---

CELL = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs",)) | st.sampled_from(list(",;\t|\"'\n\r=+-@#\x00 ")),
    max_size=12,
)
HEADERS = st.sampled_from(
    ["First Name", "Last Name", "Email", "Phone", "Name", "Birthday", "City", "Notes", "", "Tags"]
)
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1"])
SLOW = settings(max_examples=75, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def read_safely(path: Path) -> None:
    """Reads a file: what it cannot read it says in the project's own words, and no row is lost."""
    try:
        readings = read_file(path, source="x", rank=0, region="US")
    except OnefoldError:
        return
    for reading in readings:
        tables = to_records(reading.rows)
        rejected = reading.rejects.filter(pl.col("row").is_not_null())
        assert len(tables.records) + len(tables.rejects) + len(rejected) == reading.data_rows
        assert reading.rows["raw"].null_count() == 0


@SLOW
@given(st.binary(max_size=400))
def test_no_bytes_break_the_reader(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(data)
    read_safely(path)


@SLOW
@given(
    st.sampled_from(
        [b"", b"First Name,Email\n", b"BEGIN:VCARD\nVERSION:3.0\nN:", b"\xff\xfe", b"PK\x03\x04", b"\x1f\x8b\x08"]
    ),
    st.binary(max_size=200),
    st.sampled_from([b"", b"\nEND:VCARD\n", b"\n\xff"]),
)
def test_no_bytes_behind_a_plausible_beginning_break_the_reader(
    tmp_path: Path, begin: bytes, data: bytes, end: bytes
) -> None:
    path = tmp_path / "x"
    path.write_bytes(begin + data + end)
    read_safely(path)


@SLOW
@given(
    header=st.lists(HEADERS, min_size=1, max_size=6),
    rows=st.lists(st.lists(CELL, max_size=8), max_size=8),
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    quoted=st.booleans(),
    encoding=ENCODINGS,
)
def test_no_table_breaks_the_reader_or_loses_a_row(
    tmp_path: Path, header: list[str], rows: list[list[str]], delimiter: str, end: str, quoted: bool, encoding: str
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end)
    writer.writerow(header)
    for row in rows:
        if quoted:
            writer.writerow(row)
        else:
            text.write(delimiter.join(row) + end)
    path = tmp_path / "x.csv"
    path.write_bytes(text.getvalue().encode(encoding, errors="replace"))
    read_safely(path)

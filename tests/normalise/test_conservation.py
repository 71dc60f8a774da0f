"""What goes in comes out: every word of every cell is in a record, beside it, among the repairs or in a reject.

The books are kept here once more, the slow way: word by word, cell by cell, by the file that was written.
"""

from __future__ import annotations

import csv
import json
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import polars as pl
import pytest
import xlsxwriter
from anyascii import anyascii
from conftest import SAMPLES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.exports.reading import Reading, read_file
from transforms.normalise.records import to_records
from transforms.schema.records import Records

UNDERSTOOD = {
    "birthdate": "birthday", "created": "created", "updated": "updated", "locale": "locale", "email_status": None,
    "opt_out": None, "deleted": None,
}  # fmt: skip
"""Places whose values are read rather than kept, and the field of a record that shows it was."""


def words(text: str) -> set[str]:
    """The words of a text: letters and digits, without case and accents."""
    plain = anyascii(unicodedata.normalize("NFKC", text)).lower()
    return set(re.findall(r"[a-z0-9]+", plain))


def said(tables: Records) -> dict[int, list[str]]:
    """All texts that the tables have of each record."""
    texts: dict[int, list[str]] = {record: [] for record in tables.records["record"]}
    for name in ("records", "emails", "phones", "addresses", "labels", "extras", "repairs"):
        frame = getattr(tables, name).select("record", pl.col(pl.String))
        for record, *row in frame.iter_rows():
            texts[record] += [text for text in row if text]
    return texts


def unheld(reading: Reading, tables: Records, rows: Sequence[Sequence[tuple[str, str]]]) -> list[tuple[int, str, str]]:
    """The cells (row, header, text) that are nowhere.

    Args:
        reading: of the file.
        tables: what its rows became.
        rows: what was written into it: header and text of each cell, row by row.
    """
    lost = []
    by_row = {row: record for record, row in enumerate(tables.records["row"])}
    texts = said(tables)
    codes = {part: set(tables.addresses.drop_nulls(part)["record"]) for part in ("country", "region")}
    rejected = dict(pl.concat([reading.rejects, tables.rejects]).select("row", "raw").iter_rows())
    if reading.format == "vcard":
        rejected = {row: re.sub(r"\\(.)", r"\1", raw or "") for row, raw in rejected.items()}
    for number, cells in enumerate(rows, start=1):
        record = by_row.get(number)
        held = texts[record] if record is not None else [(rejected[number] or "").replace('""', '"')]
        together = words(" ".join(held))
        for header, cell_text in cells:
            text = cell_text.removeprefix("tel:") if (reading.format, header) == ("vcard", "Phone") else cell_text
            shown = "".join(letter for letter in text if unicodedata.category(letter) != "Cf")
            place = str(reading.places.get(header)).partition(".")
            if place[0] == "ignored" or not text.strip():
                continue
            whole = {word for word in words(text) if not ("Email" in header and word in "01")}
            has_marks = not whole and all(mark in " ".join(held) for mark in shown.split())
            if has_marks or any(text.strip() in one for one in held) or (whole and whole <= together):
                continue
            if record is not None and place[0] in UNDERSTOOD:
                field = UNDERSTOOD[place[0]]
                if field is None or tables.records[field][record] is not None:
                    continue
            part = place[2].rpartition(".")[2]
            if (
                place[0] in ("addresses", "phones")
                and part in codes
                and (place[0] == "phones" or record in codes[part])
            ):
                continue
            lost.append((number, header, cell_text))
    return lost


HEADERS = (
    "First Name|Middle Name|Last Name|Name|Nickname|Suffix|Company|Job Title|Email|Work Email|Phone|Mobile Phone|"
    "Birthday|Language|Street|Address 2|City|State|Zip|Country|Work City|Labels|Created|Email Status|Customer ID|"
    "Notes|Favourite colour|Straße (privat)|Geburtsjahr"
).split("|")
FRAGMENTS = (
    'Ada Novak O\'Brien Dr. Jr. von "Bobby" (née Null N/A - na ada@kite.example <ada@kite.example> '
    "ADA@KITE.example tel: Bob x12 ada(at)kite.example mailto:ada@kite.example 020 7946 0958 +442079460958 ext. "
    "/ ; , ::: | 0 31.02.1985 mars 1985-03-14 0/0/00 yesterday de German Germany Atlantis ME Maine SW1A 1AA "
    'JosÃ© Müller =1+1 \'0447 ="0815" #N/A 李雷 Анна ﬁ 🙂 ! \\ Ltd. Inc 1604'
).split()
SEVERAL = "020 7946 0958|+44 20 7946 0958|14 mars 1985|* myContacts|\u200b|\u00a0|de la Cruz|ext. 5".split("|")
LETTERS = "".join(
    chr(code)
    for code in range(0x20, 0x2FFF)
    if unicodedata.category(chr(code)) not in ("Cc", "Cn", "Co", "Cs", "Zl", "Zp")
)
ROWS = 40


def cell(random: Random) -> str:
    """A cell as people and programs leave them: blank, usual, odd, or of any letters at all."""
    kind = random.random()
    if kind < 0.2:
        return random.choice(["", "", " "])
    if kind < 0.35:
        return "".join(random.choices(LETTERS, k=random.randint(1, 12)))
    return " ".join(random.choices([*FRAGMENTS, *SEVERAL], k=random.choice([1, 1, 1, 2, 2, 3, 5])))


def table(random: Random, rows: int) -> tuple[list[str], list[list[str]]]:
    """A header that names somebody, and rows of cells."""
    header = random.sample(HEADERS, k=random.randint(2, 9))
    if not {"First Name", "Last Name", "Name", "Email", "Phone"}.intersection(header):
        header = ["Last Name", *(name for name in header if name != "Last Name")]
    filled = ([cell(random) for _ in header] for _ in range(rows))
    return header, [row for row in filled if any(one.strip() for one in row)]


def as_csv(path: Path, header: list[str], rows: list[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([header, *rows])


def as_workbook(path: Path, header: list[str], rows: list[list[str]]) -> None:
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate([header, *rows]):
            for column, text in enumerate(row):
                sheet.write_string(number, column, text)


def as_lines(path: Path, header: list[str], rows: list[list[str]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(dict(zip(header, row, strict=True)), ensure_ascii=False) + "\n" for row in rows)


def as_cards(path: Path, header: list[str], rows: list[list[str]]) -> None:
    escaped = str.maketrans({"\\": r"\\\\", ";": r"\;", ",": r"\,", "\n": r"\n"})
    with path.open("w", encoding="utf-8", newline="") as file:
        for row in rows:
            lines = [
                f"{PROPERTIES[name].format(text.translate(escaped))}\r\n"
                for name, text in zip(header, row, strict=True)
            ]
            file.write(f"BEGIN:VCARD\r\nVERSION:3.0\r\n{''.join(lines)}END:VCARD\r\n")


PROPERTIES = {
    "First Name": "N:;{};;;",
    "Last Name": "FN:{}",
    "Nickname": "NICKNAME:{}",
    "Company": "ORG:{}",
    "Job Title": "TITLE:{}",
    "Email": "EMAIL;TYPE=work:{}",
    "Phone": "TEL;TYPE=cell:{}",
    "Street": "ADR;TYPE=home:;;{};;;;",
    "City": "ADR;TYPE=work:;;;{};;;",
    "Notes": "NOTE:{}",
    "Labels": "CATEGORIES:{}",
    "Favourite colour": "X-COLOUR:{}",
}
WRITERS = {".csv": as_csv, ".jsonl": as_lines, ".vcf": as_cards, ".xlsx": as_workbook}


def check_books(suffix: str, seed: int, rows: int) -> None:
    """Writes a table drawn by a seed, reads it, and looks for every cell."""
    header, cells = table(Random(seed), rows)
    if suffix == ".vcf":
        columns = [at for at, name in enumerate(header) if name in PROPERTIES]
        header, cells = [header[at] for at in columns], [[row[at] for at in columns] for row in cells]
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"people{suffix}"
        WRITERS[suffix](path, header, cells)
        reading = read_file(path, source="x", rank=0, region="GB")[0]
    tables = to_records(reading.rows)
    assert unheld(reading, tables, [list(zip(header, row, strict=True)) for row in cells]) == []
    assert reading.balance.cells >= (suffix != ".vcf") * sum(bool(text.strip()) for row in cells for text in row)


@pytest.mark.parametrize("suffix", sorted(WRITERS))
@settings(deadline=None, max_examples=25, derandomize=True, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_no_word_of_a_cell_is_lost(suffix: str, seed: int) -> None:
    check_books(suffix, seed, ROWS)


@pytest.mark.heavy
@pytest.mark.parametrize("suffix", sorted(WRITERS))
@settings(deadline=None, max_examples=125, derandomize=True, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_no_word_of_a_hundred_thousand_rows_is_lost(suffix: str, seed: int) -> None:
    check_books(suffix, seed, 200)


@pytest.mark.parametrize(
    "path", sorted([*SAMPLES.glob("*-*.csv"), *SAMPLES.glob("formats/*")]), ids=lambda path: path.name
)
def test_the_books_of_each_sample_are_even(path: Path) -> None:
    for reading in read_file(path, source="x", rank=0, region="US"):
        assert reading.balance.cells > 0

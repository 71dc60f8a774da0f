"""Hostile and broken files: a limit, a reject or one sentence, and nothing else is lost or harmed."""

from __future__ import annotations

import gzip
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import xlsxwriter
from conftest import Ended, table

Onefold = Callable[..., Ended]
HEADER = "First Name,Last Name,Email,Phone\n"
ADA = "Ada,Novak,ada@kite.example,212-555-0101\n"
BO = "Bo,Li,bo@kite.example,\n"
CARD = "BEGIN:VCARD\nVERSION:3.0\nN:Li;Bo\nFN:Bo Li\nEMAIL:bo@kite.example\nEND:VCARD\n"


def workbook(path: Path, *, far: bool = False) -> Path:
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        for row, cells in enumerate((HEADER, ADA)):
            sheet.write_row(row, 0, cells.strip().split(","))
        if far:
            sheet.write(1_048_575, 16_383, "x")
    return path


def planned(onefold: Onefold, file: Path, *more: object) -> Ended:
    began = time.monotonic()
    done = onefold("plan", file, "--site", "local:s.db", "--run", "run", "--json", *more)
    assert time.monotonic() - began < 60
    assert "Traceback" not in done.err, done.err
    return done


def refused(onefold: Onefold, file: Path, sentence: str, *more: object) -> None:
    done = planned(onefold, file, *more)
    assert (done.code, sentence in done.err) == (1, True), done.err


def test_a_cell_at_the_far_end_of_a_sheet_aborts_nothing(onefold: Onefold, tmp_path: Path) -> None:
    refused(onefold, workbook(tmp_path / "far.xlsx", far=True), "[limits] workbook_memory_mb")

    assert planned(onefold, workbook(tmp_path / "near.xlsx"), "--run", "other").json["records"] == 1


@pytest.mark.parametrize("kind", ["workbook", "zip", "gzip"])
def test_what_unpacks_to_too_much_is_refused_before_it_is(onefold: Onefold, tmp_path: Path, kind: str) -> None:
    block = b"First Name,Email\n" + b"a" * (1 << 20)
    path = tmp_path / {"workbook": "b.xlsx", "zip": "b.zip", "gzip": "b.csv.gz"}[kind]
    if kind == "gzip":
        with gzip.open(path, "wb") as packed:
            packed.writelines([block] * 3)
    else:
        if kind == "workbook":
            workbook(path)
        with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as packed, packed.open("more.csv", "w") as member:
            for _ in range(3):
                member.write(block)
    settings = tmp_path / "onefold.toml"
    settings.write_text("[limits]\nunpacked_mb = 2\n", "utf-8")

    refused(onefold, path, "unpacks to more than 2 MB", "--config", settings)
    settings.write_text("[limits]\nunpacked_mb = 2000\n", "utf-8")
    assert "unpacks to more" not in planned(onefold, path, "--config", settings, "--run", "raised").err


def test_what_is_packed_twice_is_read(onefold: Onefold, tmp_path: Path) -> None:
    path = tmp_path / "crm.csv.gz"
    path.write_bytes(gzip.compress(gzip.compress((HEADER + ADA).encode())))

    assert planned(onefold, path).json["records"] == 1


@pytest.mark.parametrize("cell", ["x" * (17 << 20), "1" * 100_000, "1/" * 20_000, "Dr. " * 10_000])
def test_a_cell_beyond_the_limit_costs_its_row_alone(onefold: Onefold, tmp_path: Path, cell: str) -> None:
    path = tmp_path / "crm.csv"
    path.write_text(HEADER + ADA + f"Cy,{cell},cy@kite.example,{cell}\n" + BO, "utf-8")

    done = planned(onefold, path)

    assert (done.json["records"], done.json["rejected"]) == (2, 1)
    reject = table(tmp_path / "run", "rejects").row(0, named=True)
    assert (reject["line"], "a cell of more than 32,767 characters" in reject["reason"]) == (3, True)


@pytest.mark.parametrize("cell", ["1 " * 16_000, "new " * 8_000, "1/" * 16_000, "a@b.example;" * 2_700, "é" * 32_000])
def test_a_long_cell_within_the_limit_stops_nothing(onefold: Onefold, tmp_path: Path, cell: str) -> None:
    path = tmp_path / "crm.csv"
    path.write_text(HEADER + ADA + f"Cy,{cell},{cell},{cell}\n" + BO, "utf-8")

    assert planned(onefold, path).json["records"] == 3


@pytest.mark.parametrize("body", ["N;ENCODING=QUOTED-PRINTABLE:A" + "=\n" * 200_000, "NOTE:" + "x" * 2_000_000])
def test_a_card_beyond_the_limit_costs_itself_alone(onefold: Onefold, tmp_path: Path, body: str) -> None:
    path = tmp_path / "crm.vcf"
    path.write_text(f"BEGIN:VCARD\nVERSION:2.1\n{body}\nEND:VCARD\n{CARD}", "utf-8")

    done = planned(onefold, path)

    assert (done.json["records"], done.json["rejected"]) == (1, 1)
    assert "[limits] card_characters" in table(tmp_path / "run", "rejects")["reason"][0]


def test_a_zero_byte_is_taken_out_of_its_cell_and_put_on_record(onefold: Onefold, tmp_path: Path) -> None:
    path = tmp_path / "crm.csv"
    path.write_text(HEADER + ADA.replace("Ada", "A\x00da") + BO, "utf-8")

    assert planned(onefold, path).json["records"] == 2
    assert sorted(table(tmp_path / "run", "records")["first"]) == ["Ada", "Bo"]
    repair = table(tmp_path / "run", "repairs").row(0, named=True)
    assert (repair["given"], repair["value"]) == ("A\x00da", "Ada")


@pytest.mark.parametrize("path", ["/proc/self/mem", "/proc/self/status"])
def test_a_file_of_the_system_is_one_sentence(onefold: Onefold, path: str) -> None:
    done = planned(onefold, Path(path))

    assert done.code == 1
    assert done.err.strip().splitlines()[-1].startswith("onefold: ")


def test_a_folder_that_cannot_be_written_is_one_sentence(onefold: Onefold, tmp_path: Path) -> None:
    (tmp_path / "crm.csv").write_text(HEADER + ADA, "utf-8")
    (tmp_path / "file").write_text("", "utf-8")

    done = onefold("plan", "crm.csv", "--site", "local:s.db", "--run", "file/run")

    assert (done.code, "cannot be written" in done.err, "Traceback" in done.err) == (1, True, False)


def test_a_disk_that_takes_no_more_is_one_sentence(tmp_path: Path) -> None:
    rows = "".join(f"Ada{n},Novak{n},ada{n}@kite.example,\n" for n in range(2_000))
    (tmp_path / "crm.csv").write_text(HEADER + rows, "utf-8")
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
    command = [sys.executable, "-c", limited + "from flows.cli.commands import main; main()", "plan", "crm.csv"]

    done = subprocess.run(
        [*command, "--site", "local:s.db", "--run", "run"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "onefold: File too large. What was done before is on record." in done.stderr

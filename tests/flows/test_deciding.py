"""Deciding many cases at once: in a workbook, in CSV, in JSON; listing decisions, and taking them back."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import fastexcel
import polars as pl
import pytest
import xlsxwriter
from conftest import Ended, command_in, table

from connectors.report.workbook import write_workbook
from connectors.store.decisions import read_decisions

Onefold = Callable[..., Ended]
HEADER = "First Name,Last Name,Email,Phone\n"
COUPLES = [
    ("Cleo", "Carlo", "Quist"),
    ("Paula", "Simon", "Strand"),
    ("Ines", "Viktor", "Mohr"),
    ("Ada", "Emil", "Rook"),
]
PEOPLE = HEADER + "".join(
    f"{name},{last},the.{last.lower()}s@postbox.example,212-555-01{number:02d}\n"
    for number, (one, two, last) in enumerate(COUPLES)
    for name in (one, two)
)
Cells = list[list[str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a planned run in which four couples wait, each of one mailbox and one phone."""
    folder = tmp_path_factory.mktemp("deciding")
    onefold = command_in(folder)
    (folder / "crm.csv").write_text(PEOPLE, "utf-8")
    (folder / "onefold.toml").write_text(
        '[[source]]\nname = "crm"\nfiles = ["crm.csv"]\n[match]\nreview = 0.01\n[site]\nurl = "local:s.db"\n', "utf-8"
    )
    onefold("plan", "--run", "run")
    onefold("report", "run", "--xlsx")
    assert table(folder / "run", "plan").filter(pl.col("state") == "review").height == len(COUPLES)
    return folder


@pytest.fixture
def onefold(folder: Path) -> Onefold:
    """The command line in that folder, with nothing decided."""
    (folder / "decisions.csv").unlink(missing_ok=True)
    shutil.rmtree(folder / "again", ignore_errors=True)
    return command_in(folder)


@pytest.fixture
def sheet(folder: Path) -> Cells:
    """The cells of the workbook that the run gave out."""
    book = fastexcel.read_excel(folder / "run" / "review.xlsx")
    rows = book.load_sheet("Cases", header_row=None, dtypes="string").to_polars()
    return [[cell or "" for cell in row] for row in rows.iter_rows()]


def saved(path: Path, cells: Cells) -> Path:
    """A workbook as another program saves it."""
    with xlsxwriter.Workbook(path) as book:
        there = book.add_worksheet("Sheet1")
        for row, texts in enumerate(cells):
            for column, text in enumerate(texts):
                there.write(row, column, text)
    return path


def fill(cells: Cells, decisions: Sequence[tuple[str, str, str]]) -> Cells:
    """The sheet with these decisions: a text in a row of the kind, the kind, and the verdict."""
    kind, decision = cells[0].index("row is"), cells[0].index("decision")
    for words, which, verdict in decisions:
        row = next(row for row in cells[1:] if words in row and which == row[kind])
        row[decision] = verdict
    return cells


def test_a_workbook_filled_in_sorted_and_saved_decides_what_it_says(
    onefold: Onefold, sheet: Cells, folder: Path, tmp_path: Path
) -> None:
    whole = "contact if together"
    filled = fill(sheet, [("Quist", whole, "together"), ("Strand", whole, "Apart"), ("Rook", "record", "apart")])
    rows = filled[1:]
    Random(3).shuffle(rows)
    path = saved(tmp_path / "back.xlsx", [filled[0], *rows[:-1], rows[-1]])

    receipt = onefold("decide", "run", "--from", path, "--by", "mara", "--json").json

    assert {(one["verdict"], frozenset(one["records"])) for one in receipt["decided"]} == {
        ("together", frozenset({"crm:1", "crm:2"})),
        ("apart", frozenset({"crm:3", "crm:4"})),
        ("apart", frozenset({"crm:7", "crm:8"})),
    }
    assert all(one["cell"][0] == "D" and one["cell"][1:].isdigit() for one in receipt["decided"])
    onefold("plan", "--run", "again")
    again = table(folder / "again", "plan")
    assert again.filter(pl.col("state") == "review").height == 1
    together = again.filter(pl.col("records").list.len() == 2, pl.col("state") == "auto")["records"].to_list()
    assert [sorted(records) for records in together] == [["crm:1", "crm:2"]]
    assert set(read_decisions(folder / "decisions.csv")["by"]) == {"mara"}


def test_all_is_taken_or_nothing_and_what_is_wrong_is_told_by_its_cell(
    onefold: Onefold, sheet: Cells, folder: Path, tmp_path: Path
) -> None:
    filled = fill(sheet, [("Quist", "contact if together", "together"), ("Strand", "contact if together", "perhaps"),
                          ("Mohr", "record", "together")])  # fmt: skip
    check = filled[0].index("check")
    stranger = [*filled[1]]
    stranger[check] = "NOTOFTHISRUN"
    path = saved(tmp_path / "back.xlsx", [*filled, stranger])

    refused = onefold("decide", "run", "--from", path)

    decision = chr(ord("A") + filled[0].index("decision"))
    wrong = [number for number, row in enumerate(filled, start=1) if row[filled[0].index("decision")] in ("perhaps",)]
    assert refused.code == 1
    assert f"{decision}{wrong[0]}: 'perhaps' is no decision" in refused.err
    assert f"{decision}{len(filled) + 1}: the row is not of this run" in refused.err
    assert "together is said on the row of the case" in refused.err
    assert "Traceback" not in refused.err
    assert not (folder / "decisions.csv").exists()


def test_a_sheet_without_decisions_writes_nothing_and_changed_cells_are_named(
    onefold: Onefold, sheet: Cells, tmp_path: Path
) -> None:
    sheet[2][sheet[0].index("first name")] = "Mallory"

    done = onefold("decide", "run", "--from", saved(tmp_path / "back.xlsx", sheet))

    assert (done.code, "0 decisions read" in done.out, "Nothing was written" in done.out) == (0, True, True)
    assert "Changed, and not read: first name in the row of D3" in done.out


def test_csv_and_json_are_read_as_well(onefold: Onefold, sheet: Cells, folder: Path) -> None:
    filled = fill(sheet, [("Quist", "contact if together", "together")])
    lines = (";".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in filled)
    (folder / "back.csv").write_text("\ufeff" + "\r\n".join(lines), "utf-8")
    (folder / "back.json").write_text(json.dumps([{"verdict": "apart", "records": ["crm:5", "crm:6"]}]), "utf-8")
    (folder / "odd.json").write_text('{"verdict": 1}', "utf-8")

    by_csv = onefold("decide", "run", "--from", "back.csv", "--json").json["decided"]
    by_json = onefold("decide", "run", "--from", "back.json", "--json").json["decided"]
    odd = onefold("decide", "run", "--from", "odd.json")
    none = onefold("decide", "run", "--from", "crm.csv")

    assert [sorted(one["records"]) for one in by_csv] == [["crm:1", "crm:2"]]
    assert by_json == [{"cell": "item 1", "verdict": "apart", "records": ["crm:5", "crm:6"], "note": ""}]
    assert (odd.code, "is not a list of decisions" in odd.err) == (1, True)
    assert (none.code, "it is no sheet of cases" in none.err) == (1, True)
    assert read_decisions(folder / "decisions.csv")["verdict"].to_list() == ["together", "apart"]


def test_a_workbook_that_may_be_filled_in_is_not_written_over(onefold: Onefold, folder: Path, sheet: Cells) -> None:
    before = (folder / "run" / "review.xlsx").read_bytes()

    refused = onefold("report", "run", "--xlsx")

    assert (refused.code, "may be filled in" in refused.err) == (2, True)
    assert (folder / "run" / "review.xlsx").read_bytes() == before
    assert sheet[0][:4] == ["case", "row is", "record", "decision"]


def test_decisions_are_listed_and_taken_back_by_their_number(onefold: Onefold, folder: Path) -> None:
    onefold("decide", "run", "together", "crm:1", "crm:2", "--by", "mara", "--note", "asked them")
    onefold("decide", "run", "apart", "crm:3", "crm:4")

    listed = onefold("decide", "run", "--list")
    gone = onefold("decide", "run", "--undo", "1")
    unknown = onefold("decide", "run", "--undo", "7")

    assert "   1  together   crm:1, crm:2  mara, " in listed.out
    assert "asked them" in listed.out
    assert "Taken back: together crm:1, crm:2" in gone.out
    assert read_decisions(folder / "decisions.csv")["verdict"].to_list() == ["apart"]
    assert (unknown.code, "There is no decision 7" in unknown.err) == (2, True)
    assert onefold("decide", "run").code == 2
    assert onefold("decide", "run", "--list", "--undo", "1").code == 2


def test_putting_strangers_together_is_done_and_warned_of(onefold: Onefold) -> None:
    done = onefold("decide", "run", "together", "crm:1", "crm:6")
    fine = onefold("decide", "run", "apart", "crm:1", "crm:2")

    assert (done.code, "look like strangers" in done.out) == (0, True)
    assert "look like strangers" not in fine.out


@pytest.mark.usefixtures("onefold")
def test_of_two_people_who_decide_at_once_no_decision_is_lost(folder: Path) -> None:
    code = "from flows.cli.commands import main; main()"
    started = [
        subprocess.Popen([sys.executable, "-c", code, "decide", "run", "apart", f"crm:{2 * n + 1}", f"crm:{2 * n + 2}"],
                         cwd=folder, stdout=subprocess.DEVNULL)
        for n in range(4)
    ]  # fmt: skip

    assert [process.wait(timeout=120) for process in started] == [0] * 4
    assert read_decisions(folder / "decisions.csv").height == 4


def test_hostile_names_are_texts_in_the_workbook(tmp_path: Path) -> None:
    names = ['=HYPERLINK("http://x.example","y")', "+1+1", "\u202egnp.exe", "\x1b[31m", "<b>&amp;", "x" * 40_000]
    sheet = pl.DataFrame({"case": ["c"] * len(names), "name": names, "decision": [""] * len(names)})

    write_workbook(
        sheet, tmp_path / "review.xlsx", edited=["decision"], choices=["together", "apart"], legend="Choose."
    )

    with zipfile.ZipFile(tmp_path / "review.xlsx") as packed:
        assert b"<f>" not in packed.read("xl/worksheets/sheet1.xml")
        assert not any("hyperlink" in name.lower() for name in packed.namelist())
    read = fastexcel.read_excel(tmp_path / "review.xlsx").load_sheet("Cases", dtypes="string").to_polars()["name"]
    assert read.to_list() == [*names[:2], "\\u202egnp.exe", "\\x1b[31m", "<b>&amp;", "x" * 32_767]


def test_two_plans_are_compared_by_their_people(onefold: Onefold) -> None:
    onefold("decide", "run", "together", "crm:1", "crm:2")
    onefold("plan", "--run", "again")

    same = onefold("diff", "run", "run")
    found = onefold("diff", "run", "again", "--json").json["changes"]
    told = onefold("diff", "run", "again").out

    assert "plan the same" in same.out
    waiting = [one for one in found if one["waits"]]
    assert [(one["change"], one["record_id"]) for one in waiting] == [("settled", "crm:2")]
    assert {(one["change"], one["does"], len(one["people"])) for one in found if not one["waits"]} == {
        ("new", "create", 2),
        ("settled", None, 1),
    }
    assert "1 cases that wait are settled" in told
    assert "Carlo Quist (crm:2)" in told

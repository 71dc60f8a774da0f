"""What commands print, where, and with which exit code; what they never overwrite; and what a terminal is not sent."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
from conftest import SAMPLES, Ended, table

Onefold = Callable[..., Ended]
HEADER = "First Name,Last Name,Email,Phone,Company,Birthdate\n"
ADA = "Ada,Novak,ada@kite.example,212-555-0101,Quill,\n"
BEYOND_A_TERMINAL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


@pytest.fixture
def samples(onefold: Onefold) -> tuple[object, ...]:
    """How a plan of the samples is called; some of its cases wait for a person."""
    onefold("site", "load", SAMPLES / "site.jsonl", "--site", "local:s.db")
    return ("--config", SAMPLES / "onefold.toml", "--site", "local:s.db", "--run", "run")


# --- answers, progress, exit codes ---


def test_plan_says_what_is_planned_apart_from_what_is_done(onefold: Onefold, samples: tuple[object, ...]) -> None:
    planned = onefold("plan", *samples, "--json")
    applied = onefold("apply", "run", "--yes", "--json")

    assert (planned.code, applied.code) == (3, 3)  # cases wait
    done = {"create": "created", "update": "updated", "merge": "merged", "label": "labelled"}
    assert {planned.json[name] for name in done.values()} == {0}
    assert {kind: planned.json["planned"][kind] for kind in done} == {
        kind: applied.json[one] for kind, one in done.items()
    }
    assert applied.json["planned"] == planned.json["planned"]
    assert planned.json["planned"]["create"] > 100


def test_answers_go_to_standard_output_and_progress_to_standard_error(
    onefold: Onefold, samples: tuple[object, ...], tmp_path: Path
) -> None:
    planned = onefold("plan", *samples)
    assert ("  + create" in planned.out, "read the exports …" in planned.err) == (True, True)
    record = table(tmp_path / "run", "records")["record_id"][0]
    answers = {
        ("explain", "run", record): "cluster ",
        ("calibrate", "run"): "auto",
        ("check", SAMPLES / "hubspot-contacts.csv"): "HubSpot",
        ("report", "run"): "  + create",
        ("site", "stats", "--site", "local:s.db"): "contacts",
        ("site", "check", "--site", "local:s.db"): "may ",
        ("rehearse", "run"): "Rehearsed on a copy",
        ("apply", "run", "--dry-run"): "  + create",
    }
    for command, words in answers.items():
        done = onefold(*command)
        assert words in done.out, command
        assert words not in done.err, command


def test_the_version_is_told(onefold: Onefold) -> None:
    done = onefold("--version")

    assert (done.code, done.out) == (0, f"onefold {version('onefold')}\n")


def test_a_pair_the_plan_did_not_score_is_scored_and_a_cluster_goes_by_its_id(onefold: Onefold, tmp_path: Path) -> None:
    rows = ADA + "Zeno,Quist,zeno@rook.example,,Rook,1980-02-03\n" + ADA.replace("212-555-0101", "")
    (tmp_path / "crm.csv").write_text(HEADER + rows, "utf-8")
    onefold("plan", "crm.csv", "--site", "local:s.db", "--run", "run")

    pair = onefold("explain", "run", "crm:1", "crm:2", "--json").json
    cluster = table(tmp_path / "run", "clusters").filter(record_id="crm:1")["cluster"][0]
    members = onefold("explain", "run", cluster, "--json").json

    assert pair["probability"] < 0.001
    assert {one["field"] for one in pair["evidence"]} >= {"first", "last", "email"}
    assert set(members["records"]) == {"crm:1", "crm:3"}


# --- what is never overwritten ---


def test_match_never_destroys_what_is_there(onefold: Onefold, tmp_path: Path) -> None:
    crm, out = tmp_path / "crm.csv", tmp_path / "out.csv"
    crm.write_text(HEADER + ADA, "utf-8")
    out.write_text("mine", "utf-8")
    (tmp_path / "link.csv").symlink_to(crm)

    onto_itself = [onefold("match", crm, "--out", name, "--force") for name in ("crm.csv", "./crm.csv", "link.csv")]
    there = onefold("match", crm, "--out", out)

    assert [done.code for done in (*onto_itself, there)] == [2, 2, 2, 2]
    assert (crm.read_text("utf-8"), out.read_text("utf-8")) == (HEADER + ADA, "mine")
    assert onefold("match", crm, "--out", out, "--force").code == 0
    assert out.read_text("utf-8") == "id,cluster_id\n1,1\n"


def test_a_run_goes_into_no_folder_that_holds_something_else(onefold: Onefold, tmp_path: Path) -> None:
    (tmp_path / "crm.csv").write_text(HEADER + ADA, "utf-8")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "plan.parquet").write_text("mine", "utf-8")

    done = onefold("plan", "crm.csv", "--site", "local:s.db", "--run", "mine")

    assert (done.code, "is not empty and holds no run" in done.err) == (1, True)
    assert (tmp_path / "mine" / "plan.parquet").read_text("utf-8") == "mine"


def test_a_report_replaces_a_link_and_follows_none(onefold: Onefold, tmp_path: Path) -> None:
    (tmp_path / "crm.csv").write_text(HEADER + ADA, "utf-8")
    (tmp_path / "mine.html").write_text("mine", "utf-8")
    onefold("plan", "crm.csv", "--site", "local:s.db", "--run", "run")
    report = tmp_path / "run" / "report.html"
    report.unlink()
    report.symlink_to(tmp_path / "mine.html")

    onefold("report", "run")

    assert (tmp_path / "mine.html").read_text("utf-8") == "mine"
    assert not report.is_symlink()


# --- what a terminal is not sent ---


def test_control_characters_are_shown_as_escapes_everywhere(onefold: Onefold, tmp_path: Path) -> None:
    name = "crm\x1b]0;owned\x07\u202e.csv"
    (tmp_path / name).write_text(
        "First Name,Last Name,Email,Bad\x1b[31mHeader\u202e\nA\x1b[2Jda\u2066,Novak,ada@kite.example,v\x9bx\n"
        ",,,\x1b[1mnobody\n",
        "utf-8",
    )
    commands = [
        ("check", name, "--show-values"),
        ("plan", f"{name}=crm", "--site", "local:s.db", "--run", "run"),
        ("explain", "run", "nobody\x1b[31m"),
        ("plan", "missing\x1b[31m.csv"),
        ("plan", name, "--site", "http://127.0.0.1:9/\x1b[31m"),
    ]

    said = [onefold(*command) for command in commands]

    assert all(BEYOND_A_TERMINAL.search(done.out + done.err) is None for done in said)
    assert "\\x1b" in said[0].out
    run = tmp_path / "run"
    for written in ("report.html", "audit.csv", "losses.csv", "rejects.csv"):
        text = (run / written).read_text("utf-8-sig")
        assert BEYOND_A_TERMINAL.search(text) is None, written
    assert "\\x1b[1mnobody" in (run / "rejects.csv").read_text("utf-8-sig")


def test_joiners_that_words_need_are_left(onefold: Onefold, tmp_path: Path) -> None:
    rows = "First Name,Last Name,Email\nعلی\u200cرضا,Novak,a@kite.example\n,\u0dc1\u200d\u0dca,\n"
    (tmp_path / "crm.csv").write_text(rows, "utf-8")
    onefold("plan", "crm.csv", "--site", "local:s.db", "--run", "run")

    assert "\\u200" not in (tmp_path / "run" / "report.html").read_text("utf-8")


def test_no_header_of_an_export_is_a_formula(onefold: Onefold, tmp_path: Path) -> None:
    (tmp_path / "crm.csv").write_text('First Name,Email,"=HYPERLINK(1)"\nAda,ada@kite.example,x\n', "utf-8")
    (tmp_path / "onefold.toml").write_text('[policy]\nextended_fields = ["=HYPERLINK(1)"]\n', "utf-8")
    onefold("migrate", "crm.csv", "--site", "local:s.db", "--run", "run", "--yes")

    onefold("site", "export", "--site", "local:s.db", "--out", "out.csv")

    with (tmp_path / "out.csv").open(encoding="utf-8-sig", newline="") as file:
        header, row = csv.reader(file)
    assert all(not cell.startswith(("=", "+", "-", "@")) for cell in (*header, *row))
    assert "Custom field: =HYPERLINK(1)" in header

"""`onefold explain` shows why records are one person, or are not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Ended, table

PEOPLE = (
    "First Name,Last Name,Email,Phone,Company\n"
    "Robert,Whitaker,bob@postbox.example,212-555-0123,Maple & Main\n"
    "Bob,Whitaker,BOB@postbox.example,,Maple & Main\n"
    "Robert,Whitaker,,(212) 555-0123,\n"
    "Clara,Finch,clara@quickmail.example,617-555-0111,\n"
    "Walter,Hargrove,the.hargroves@postbox.example,212-555-0199,\n"
    "Timothy,Hargrove,the.hargroves@postbox.example,212-555-0199,\n"
)


@pytest.fixture
def run(onefold: Callable[..., Ended], tmp_path: Path) -> Path:
    (tmp_path / "people.csv").write_text(PEOPLE)
    assert onefold("plan", "people.csv", "--site", "local:new.db", "--run", "run").code == 0
    return tmp_path / "run"


def compared(run: Path) -> dict[tuple[str, ...], dict[str, Any]]:
    """The pairs of a run, by the ids of their records."""
    names = dict(table(run, "records").select("record", "record_id").iter_rows())
    pairs = table(run, "pairs").iter_rows(named=True)
    return {tuple(sorted((names[one["left"]], names[one["right"]]))): one for one in pairs}


def test_the_evidence_of_a_pair_adds_up_to_its_weight(onefold: Callable[..., Ended], run: Path) -> None:
    told = json.loads(onefold("explain", run, "people:1", "people:2", "--json").out)

    by_field = {one["field"]: one for one in told["evidence"]}
    pair = compared(run)["people:1", "people:2"]
    assert told["together"] is True
    assert told["records"] == ["people:1", "people:2"]
    assert told["total"] == pytest.approx(pair["bits"])
    assert told["start"] + sum(one["bits"] for one in told["evidence"]) == pytest.approx(told["total"])
    assert by_field["email"]["values"] == ["bob@postbox.example", "bob@postbox.example"]
    assert by_field["first"]["level"] == "nickname"
    assert by_field["first"]["values"] == ["Robert", "Bob"]
    assert "phone" not in by_field


def test_a_pair_that_is_not_one_person_says_what_else_it_is(onefold: Callable[..., Ended], run: Path) -> None:
    done = onefold("explain", run, "people:5", "people:6")

    assert done.code == 0
    assert "in different clusters" in done.out
    assert "weighed against the strongest other explanation: household" in done.out
    assert "other first name: Walter | Timothy" in done.out


def test_a_cluster_names_its_weakest_link_and_what_it_would_be_without(
    onefold: Callable[..., Ended], run: Path
) -> None:
    told = json.loads(onefold("explain", run, "people:3", "--json").out)

    assert sorted(told["records"]) == ["people:1", "people:2", "people:3"]
    assert sorted(map(sorted, told["parts"])) == [["people:1", "people:2"], ["people:3"]]
    assert sorted(told["weakest"]["records"]) == ["people:1", "people:3"]
    assert told["weakest"]["probability"] == pytest.approx(compared(run)["people:1", "people:3"]["probability"])
    assert "nothing else is this person" in onefold("explain", run, "people:4").out


@pytest.mark.parametrize(
    ("records", "sentence"),
    [
        (["people:9"], "The run has no record 'people:9'"),
        (["people:1", "people:1"], "people:1 is one record"),
    ],
)
def test_what_cannot_be_explained_is_one_sentence(
    onefold: Callable[..., Ended], run: Path, records: list[str], sentence: str
) -> None:
    done = onefold("explain", run, *records)

    assert done.code == 2
    assert sentence in done.err
    assert "Traceback" not in done.err


def test_a_person_is_found_by_name_and_by_e_mail(onefold: Callable[..., Ended], run: Path) -> None:
    by_id = json.loads(onefold("explain", run, "people:2", "--json").out)

    assert json.loads(onefold("explain", run, "bob  WHITAKER", "--json").out) == by_id
    assert json.loads(onefold("explain", run, "Bob@postbox.example", "--json").out) == by_id
    several = onefold("explain", run, "the.hargroves@postbox.example")
    assert (several.code, "2 people are called" in several.err, "people:5, people:6" in several.err) == (2, True, True)
    assert "has no record 'Nobody'" in onefold("explain", run, "Nobody").err

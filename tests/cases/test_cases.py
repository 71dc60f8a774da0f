"""What a person is shown of a run: cases, the values of their records, and what would come of a decision."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import polars as pl
import pytest

from transforms.cases.cards import cards
from transforms.cases.cases import cases
from transforms.cases.together import if_together
from transforms.cases.values import content_values, record_values
from transforms.match.matching import Matches, match
from transforms.plan.planning import Plan, plan
from transforms.plan.policy import Policy
from transforms.schema.contact import Address, Email, Info, Phone
from transforms.schema.records import Records
from transforms.schema.tables import CONTACTS

TABLE = """First Name,Last Name,Email,Phone,Company,Job Title,Shoe size
Ada,Novak,ada@kite.example,212-555-0101,Kite,Poet,38
Ada,Novak,ada@kite.example,212-555-0101,Kite Ltd,,
Bruno,Petrov,bp@rook.example,212-555-0102,,,
Cleo,Quist,the.quists@postbox.example,212-555-0103,,,
Carlo,Quist,the.quists@postbox.example,212-555-0103,,,41
"""
NOBODY = pl.DataFrame(schema=dict(CONTACTS))
JOURNAL = pl.DataFrame(schema={"operation": pl.String, "state": pl.String, "detail": pl.String})


class World(NamedTuple):
    """Records, who is who among them, and the plan."""

    tables: Records
    matches: Matches
    planned: Plan

    def cases(self, journal: pl.DataFrame = JOURNAL) -> pl.DataFrame:
        return cases(self.planned.operations, journal, self.matches.clusters, self.matches.pairs, self.planned.losses)


@pytest.fixture
def world(records: Callable[[str], Records]) -> World:
    tables = records(TABLE)
    matches = match(tables, review=0.01)
    return World(tables, matches, plan(tables, matches, NOBODY, Policy(review=0.01, label="run")))


def test_there_is_a_case_for_each_person_and_for_each_doubt(world: World) -> None:
    found = world.cases()

    assert sorted(found["does"].to_list()) == ["create"] * 4
    waiting = found.filter("waits")
    assert waiting.height == 1
    doubt = waiting.row(0, named=True)
    assert (doubt["cause"], doubt["records"], doubt["others"]) == ("alike", [4], [3])
    assert (doubt["left"], doubt["right"]) == (3, 4)
    assert 0.01 < doubt["likely"] < 0.9
    assert found["waits"].to_list() == [True, False, False, False]
    assert sorted(map(tuple, found["records"].to_list())) == [(0, 1), (2,), (3,), (4,)]


def test_what_came_of_it_is_told_and_what_was_stopped_needs_a_person(world: World) -> None:
    operations = world.planned.operations.filter(pl.col("state") == "auto")["operation"].to_list()
    journal = pl.DataFrame(
        {"operation": operations, "state": ["done", "stale", "done"], "detail": ["", "it was saved since", ""]}
    )

    found = world.cases(journal)

    assert found.filter("waits")["cause"].to_list() == ["alike", "stale"]
    assert found.filter(pl.col("cause") == "stale")["detail"].to_list() == ["it was saved since"]
    assert found.filter(~pl.col("waits"))["outcome"].to_list() == ["done", "done"]


def test_a_case_with_losses_is_riskier_than_one_without(world: World) -> None:
    found = world.cases().filter(~pl.col("waits"))

    lost = dict(found.select(pl.col("records").list.first(), "lost").iter_rows())
    assert lost[0] > 0
    assert found["risk"].is_sorted(descending=True)
    assert found["records"][0].to_list() == [0, 1]


def test_what_would_come_of_together_is_what_a_plan_of_one_person_does(world: World) -> None:
    wanted = pl.DataFrame(
        {"case": ["one", "one", "two", "two", "two"], "record": pl.Series([3, 4, 2, 3, 4], dtype=pl.UInt32)}
    )

    operations, losses = if_together(world.tables, world.matches, NOBODY, Policy(label="run"), wanted)

    assert operations.select("cluster", "kind", "records").rows() == [
        ("one", "create", ["table:4", "table:5"]),
        ("two", "create", ["table:3", "table:4", "table:5"]),
    ]
    after = Info.model_validate_json(operations["after"][0])
    assert (after.first, [mail.email for mail in after.emails]) == ("Cleo", ["the.quists@postbox.example"])
    lost = losses.filter(pl.col("cluster") == "one").select("field", "value").rows()
    assert ("first name", "Carlo") in lost


def test_values_of_records_and_of_contents_stand_in_the_same_columns(world: World) -> None:
    said = record_values(world.tables).row(0, named=True)
    content = Info(
        first="Ada",
        emails=(Email(email="a@kite.example"), Email(email="b@kite.example")),
        phones=(Phone(phone="1", country_code="US"),),
        addresses=(Address(line="1 Mill Lane", city="Oslo", postal_code="0150", country="NO"),),
        labels=("Poet", "Friend"),
        extended={"Shoe size": 38, "Motto": ""},
    )

    shown = content_values(pl.Series([content.to_json(), None]))

    assert (said["first name"], said["phone"], said["further"]) == ("Ada", "212-555-0101", "Shoe size: 38")
    assert shown.row(0, named=True) | {"first name": None} == {
        "first name": None, "last name": None, "suffix": None, "nickname": None, "company": None, "job title": None,
        "birth date": None, "locale": None, "e-mail": "a@kite.example\nb@kite.example", "phone": "1",
        "address": "1 Mill Lane, Oslo, 0150, NO", "label": "Poet\nFriend", "further": "Shoe size: 38",
    }  # fmt: skip
    assert set(shown.row(1)) == {None}


def test_a_card_has_all_it_shows_though_nothing_stands_there_twice(world: World) -> None:
    shown = cards(
        world.tables, world.planned.operations, JOURNAL, world.matches, NOBODY, world.planned.losses,
        Policy(label="run"), most=3,
    )  # fmt: skip

    assert (len(shown.cases), shown.total) == (3, 4)
    doubt = shown.cases.row(0, named=True)
    names = [shown.records["first name"][place] for place in (*doubt["records"], *doubt["others"])]
    assert names == ["Carlo", "Cleo"]
    content = shown.contents.row(0, named=True)
    assert (content["first name"], content["from first name"]) == (None, 1)
    assert content["label"] == "run"
    lost = shown.losses.filter(pl.col("case") == 0)
    assert "Carlo" in lost["value"].to_list()
    assert shown.records["first name"].gather(lost.filter(pl.col("value") == "Carlo")["record"]).to_list() == ["Carlo"]
    evidence = shown.evidence.filter(pl.col("case") == 0).row(0, named=True)
    bits = evidence["start"] + sum(value for name, value in evidence.items() if name.startswith("bits_"))
    pair = world.matches.pairs.filter(pl.col("left") == 3, pl.col("right") == 4)
    assert bits == pytest.approx(pair["bits"][0], abs=0.6)

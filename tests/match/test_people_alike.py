"""People who are alike without being one, and one person written in two ways: everyday tables, small as they come."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import polars as pl
import pytest

from transforms.match.doubts import Doubt
from transforms.match.matching import match
from transforms.normalise.given_names import are_two_names
from transforms.schema.records import Records

Row = dict[str, str]
HOME = {"Street": "4 Birch Lane", "City": "Exeter", "Postal Code": "EX1 2AB"}
LANDLINE, MOBILE = {"Phone": "+1 202-555-0171"}, {"Phone": "+1 303-555-0172"}
FAMILY = {"Email": "the.vosskuhls@letterbox.example"}
OWN = {"Email": "vk77@post.example", "Phone": "+1 303-555-0173", "Birthday": "1979-08-21"}
FIRM = {"Company": "Vosskuhl Boats", "Phone": "+1 202-555-0174", "Email": "office@vosskuhl.example"}


class Case(NamedTuple):
    """Two rows in the order of trust, and what a person would say."""

    told: str
    one: Row
    two: Row


def named(first: str, last: str = "Vosskuhl", **more: str) -> Row:
    return {"First Name": first, "Last Name": last, **more}


APART = [
    Case("brother and sister", named("Gustav") | LANDLINE | HOME, named("Gustava") | LANDLINE | HOME),
    Case("names of one ending", named("Fabio") | FAMILY, named("Fabia") | FAMILY),
    Case("a longer name", named("Josef") | LANDLINE, named("Josefine") | LANDLINE),
    Case("twins", named("Lara") | LANDLINE | HOME | FAMILY | {"Birthday": "2011-03-04"},
         named("Lana") | LANDLINE | HOME | FAMILY | {"Birthday": "2011-03-04"}),
    Case("twins of unlike names", named("Emma") | LANDLINE | HOME | {"Birthday": "2011-03-04"},
         named("Oskar") | LANDLINE | HOME | {"Birthday": "2011-03-04"}),
    Case("husband and wife of one firm", named("Heinrich") | FIRM, named("Dorothea") | FIRM),
    Case("an unmarked father", named("Walter") | LANDLINE | HOME, named("Walter", "Vosskuhl II") | LANDLINE | HOME),
    Case("German marks", named("Walter", "Vosskuhl sen.") | LANDLINE, named("Walter", "Vosskuhl jun.") | LANDLINE),
    Case("Spanish marks", named("Diego", "Vosskuhl padre") | LANDLINE, named("Diego", "Vosskuhl hijo") | LANDLINE),
    Case("second names", named("Anna Lena") | LANDLINE | FAMILY, named("Anna Luise") | LANDLINE | FAMILY),
    Case("hyphens", named("Karl-Heinz") | LANDLINE, named("Karl-Otto") | LANDLINE),
    Case("second letters", named("Ruth B.") | FIRM, named("Ruth T.") | FIRM),
    Case("called after the mother", named("Clara") | FAMILY, named("Ines Clara") | FAMILY),
    Case("numbered desks", named("Counter 3", "") | FIRM, named("Counter 4", "") | FIRM),
    Case("numbered rooms", named("Suite", "301") | FIRM, named("Suite", "302") | FIRM),
    Case("a numbered one and the whole", named("Ward", "") | FIRM, named("Ward 2", "") | FIRM),
    Case("one sound, two characters", named("磊", "李") | FIRM, named("蕾", "李") | FIRM),
    Case("a couple and one of them", named("Ivo & Nele") | FAMILY, named("Ivo") | FAMILY),
    Case("a couple in French", named("Luc et Rose") | FAMILY, named("Rose") | FAMILY),
    Case("a family and one of it", named("Familie") | LANDLINE, named("Nele") | LANDLINE),
    Case("titles", named("Ing. Pavel") | LANDLINE, named("Ing. Zuzana") | LANDLINE),
    Case("long titles", named("Prof. Dr. rer. nat. Egon") | FIRM, named("Prof. Dr. rer. nat. Hilda") | FIRM),
    Case("courtesy", named("Mevr. Truus") | LANDLINE, named("Dhr. Wouter") | LANDLINE),
    Case("first names and like mailboxes", {"First Name": "Nina", "Email": "nina.f@post.example"},
         {"First Name": "Nina", "Email": "nina.g@post.example"}),
    Case("first names and like numbers", {"First Name": "Ole", "Phone": "+1 202-555-0175"},
         {"First Name": "Ole", "Phone": "+1 202-555-0176"}),
    Case("crossed names", named("Adrian", "Felix", Email="afelix@firm.example") | {"Phone": FIRM["Phone"]},
         named("Felix", "Adrian", Email="fadrian@firm.example") | {"Phone": FIRM["Phone"]}),
    Case("extensions", named("K.", Company="Quay", Phone="+1 202-555-0177 ext. 3"),
         named("K.", Company="Quay", Phone="+1 202-555-0177 ext. 8")),
    Case("a phone of sevens", named("Rosa", Email="rosa1@one.example", Phone="7777777777"),
         named("Rosa", Email="hillside@two.example", Phone="7777777777")),
    Case("a date of computers", named("Rosa", Email="rosa1@one.example", Birthday="1899-12-31"),
         named("Rosa", Email="hillside@two.example", Birthday="1899-12-31")),
    Case("self-employed", named("Rosa", Email="rosa1@one.example", Company="Self-employed"),
         named("Rosa", Email="hillside@two.example", Company="self employed")),
    Case("nobody's mailbox", named("Rosa", Email="not.available@one.example", Phone="+1 202-555-0178"),
         named("Rosa", Email="not.available@one.example", Phone="+1 303-555-0179")),
    Case("no name", named("No", "Name", Email="otter@one.example") | LANDLINE,
         named("No", "Name", Email="heron@two.example") | LANDLINE),
]  # fmt: skip
TOGETHER = [
    Case("one sound", named("Philippa") | OWN, named("Filippa") | OWN),
    Case("a slip of the pen", named("Dorothea") | OWN, named("Dorotheaa") | OWN),
    Case("the mark left out", named("Walter", "Vosskuhl Jr.") | OWN, named("Walter") | OWN),
    Case("one mark, two ways", named("Walter", "Vosskuhl jun.") | MOBILE, named("Walter", "Vosskuhl Jr") | MOBILE),
    Case("fewer names", named("Anna Lena") | OWN, named("Anna L.") | OWN),
    Case("joined names", named("Annalena") | OWN, named("Anna Lena") | OWN),
    Case("letters", named("K.-H.") | OWN, named("Karl-Heinz") | OWN),
    Case("letters without points", named("KH") | OWN, named("Karl Heinz") | OWN),
    Case("with a title and without", named("Mag. Hilda") | MOBILE, named("Hilda") | MOBILE),
    Case("a title that is a name", named("Dean") | MOBILE, named("Dean") | MOBILE),
    Case("the same couple", named("Ivo and Nele") | FAMILY, named("Ivo & Nele") | FAMILY),
    Case("the same desk", named("Counter 3", "") | FIRM, named("counter 3", "") | FIRM),
    Case("columns swapped", named("Vosskuhl", "Ana Rita") | MOBILE, named("Ana Rita") | MOBILE),
    Case("family name first", {"Name": "Goh Mei Xuan"} | MOBILE, {"Name": "Mei Xuan Goh"} | MOBILE),
    Case("characters in one column", {"Name": "周磊"} | MOBILE, {"First Name": "磊", "Last Name": "周"} | MOBILE),
    Case("old and new characters", named("偉", "陳") | MOBILE, named("伟", "陈") | MOBILE),
    Case("umlauts", named("Jürgen") | MOBILE, named("Juergen") | MOBILE),
    Case("extensions written otherwise", named("Kai", Phone="+1 202-555-0177 ext. 3"),
         named("Kai", Phone="+1 (202) 555-0177 x3")),
]  # fmt: skip


def table(rows: list[Row]) -> str:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    return pl.DataFrame([{column: row.get(column, "") for column in columns} for row in rows]).write_csv()


@pytest.mark.parametrize("case", APART, ids=[case.told for case in APART])
def test_people_who_are_alike_are_not_joined(joined: Callable[[str], list[list[int]]], case: Case) -> None:
    assert joined(table([case.one, case.two])) == []


@pytest.mark.parametrize("case", TOGETHER, ids=[case.told for case in TOGETHER])
def test_one_person_written_in_two_ways_is_joined(joined: Callable[[str], list[list[int]]], case: Case) -> None:
    assert joined(table([case.one, case.two])) == [[1, 2]]


def test_a_letter_that_may_be_either_of_two_joins_neither(joined: Callable[[str], list[list[int]]]) -> None:
    rows = [named(first) | LANDLINE for first in ("Moritz", "Magda", "M.")]

    assert joined(table(rows)) == []


def test_no_third_record_makes_one_person_of_two_names(joined: Callable[[str], list[list[int]]]) -> None:
    everything = LANDLINE | HOME | FAMILY | {"Birthday": "2011-03-04"}

    groups = joined(table([named(first) | everything for first in ("Lara", "Lana", "")]))

    assert not any({1, 2} <= set(group) for group in groups)


def test_the_doubt_stands_with_the_pair_in_words(records: Callable[[str], Records]) -> None:
    pairs = match(records(table([named("Lara") | LANDLINE | FAMILY, named("Lana") | LANDLINE | FAMILY]))).pairs

    assert pairs["doubt"].to_list() == [Doubt.TWO_NAMES.value]
    assert Doubt.TWO_NAMES.value in pairs["why"][0]


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        ("gabriel", "gabriela", True), ("gabriel", "gabriell", False), ("milo", "mila", True), ("otto", "ottto", False),
        ("karin", "carin", False), ("nils", "niels", True), ("tobias", "tobais", False), ("mira", "kira", True),
    ],
)  # fmt: skip
def test_two_names_are_told_from_one_misspelt(one: str, two: str, *, expected: bool) -> None:
    assert are_two_names(pl.Series([one]), pl.Series([two])).to_list() == [expected]

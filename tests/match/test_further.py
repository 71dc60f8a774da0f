"""Columns that are no field of a contact: which are compared, as what, and how one is left out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from conftest import Ended

from transforms.match.further import further_columns, uses
from transforms.match.levels import COLUMN
from transforms.schema.records import Records

STORY = "a long story about somebody and what was said in a meeting "
TOWNS = ("Salem", "Keizer", "Dallas", "Eugene", "Albany")


def table(rows: int = 200) -> str:
    """Rows of as many people, with columns that tell people apart and columns that do not."""
    header = "First Name,Last Name,Email,Sex,Native Town,Profile,Row No,Lead Status,Imported At,Group,Remark,Full Label"
    lines = [
        f"Ada,Novak{chr(97 + at % 26)}{chr(97 + at // 26)},a{at}@kite.example,{'fm'[at % 2]},{TOWNS[at % 5]},"
        f"https://people.example/{at // 2},{at + 1},{'new' if at % 3 else 'won'},2026-01-{at % 28 + 1:02},all,"
        f"{STORY}{at},Ada Novak{chr(97 + at % 26)}{chr(97 + at // 26)}"
        for at in range(rows)
    ]
    return "\n".join([header, *lines])


def test_columns_that_may_tell_people_apart_are_compared(records: Callable[[str], Records]) -> None:
    values = further_columns(records(table()))

    assert uses(values) == {"Native Town": "category", "Profile": "identifier", "Sex": "category"}
    assert values.filter(name=f"{COLUMN}Sex")["value"].to_list()[:4] == ["f", "m", "f", "m"]


def test_what_no_row_says_is_nothing(records: Callable[[str], Records]) -> None:
    assert further_columns(records("First Name,Email,Sex\nAda,ada@kite.example,\n")).is_empty()


def test_check_and_match_name_them_and_one_can_be_left_out(onefold: Callable[..., Ended], tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(table())

    checked = onefold("check", "people.csv")
    assert "compared as well: Native Town (category), Profile (identifier), Sex (category)" in checked.out
    matched = onefold("match", "people.csv", "--out", "all.csv", "--json")
    assert sorted(matched.json["columns"]) == ["Native Town", "Profile", "Sex"]
    less = onefold("match", "people.csv", "--out", "less.csv", "--ignore", "native town", "--ignore", "Profile")
    assert "Compared as well: Sex (--ignore leaves one out)." in less.out
    wrong = onefold("match", "people.csv", "--out", "no.csv", "--ignore", "Native City")
    assert (wrong.code, (tmp_path / "no.csv").exists()) == (2, False)
    assert "No file has a column 'Native City' that could be left out." in wrong.err


def test_a_column_alone_joins_nobody_and_beside_a_name_it_supports(joined: Callable[[str], list[list[int]]]) -> None:
    names = ["Ada,Novak", "Ada,Novak", "Boris,Brook", "Clara,Dale", *(f"P{at},Q{at}" for at in range(40))]
    profiles = ["ada-n", "ada-n", "bb-and-cd", "bb-and-cd", *(f"nobody-{at}" for at in range(40))]
    rows = [f"{name},{profile}" for name, profile in zip(names, profiles, strict=True)]

    assert joined("\n".join(["First Name,Last Name,Profile", *rows])) == [[1, 2]]

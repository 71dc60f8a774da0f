"""Who is found to be one person, and who is not: each a small table with its story."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta
from itertools import combinations

import numpy as np
import people as generated
import polars as pl
import pytest
from rapidfuzz.distance import OSA

from transforms.match.blocking import RULES, Blocks, candidate_pairs, shared_keys
from transforms.match.compare_names import compare_names
from transforms.match.features import prepare
from transforms.match.further import further_columns
from transforms.match.levels import Birth
from transforms.match.matching import match
from transforms.match.term_frequency import compared_values, term_frequencies
from transforms.schema.ids import short_id
from transforms.schema.records import Records

Joined = Callable[[str], list[list[int]]]
HEADER = "First Name,Last Name,Email,Phone,Company,Street,City,Zip,Date of birth"


def people(*rows: str) -> str:
    return "\n".join([HEADER, *rows])


def test_the_same_person_from_two_sources(joined: Joined) -> None:
    assert joined(
        people(
            "Robert,Whitaker,bob@postbox.example,212-555-0123,,,,,",
            "Bob,Whitaker,BOB@postbox.example,(212) 555-0123,Maple & Main,,,,",
            "Clara,Finch,clara@quickmail.example,617-555-0111,,,,,",
        )
    ) == [[1, 2]]


def test_father_and_son_in_one_house_with_one_mailbox(joined: Joined) -> None:
    assert (
        joined(
            people(
                "Walter,Hargrove,the.hargroves@postbox.example,212-555-0123,,12 Elm Street,Boston,02134,1951-03-02",
                "Timothy,Hargrove,the.hargroves@postbox.example,212-555-0123,,12 Elm Street,Boston,02134,1985-07-09",
            )
        )
        == []
    )


def test_a_junior_is_never_his_father(joined: Joined) -> None:
    assert (
        joined(
            people(
                "William,Hart Sr.,the.harts@postbox.example,212-555-0123,,12 Elm Street,Boston,02134,",
                "William,Hart Jr.,the.harts@postbox.example,212-555-0123,,12 Elm Street,Boston,02134,",
            )
        )
        == []
    )


def test_an_initial_that_fits_two_of_a_house_is_neither(joined: Joined) -> None:
    john = "John,Smith,the.smiths@postbox.example,212-555-0123,,12 Elm Street,Boston,02134,1951-03-02"
    james = "James,Smith,the.smiths@postbox.example,212-555-0123,,12 Elm Street,Boston,02134,1985-07-09"
    somebody = "J,Smith,the.smiths@postbox.example,212-555-0123,,12 Elm Street,Boston,02134,"

    assert joined(people(john, somebody)) == [[1, 2]]
    assert joined(people(john, somebody, james)) == []


def test_twins_are_two_people(joined: Joined) -> None:
    assert (
        joined(
            people(
                "Nora,Lindqvist,,212-555-0123,,12 Elm Street,Boston,02134,2001-05-06",
                "Felix,Lindqvist,,212-555-0123,,12 Elm Street,Boston,02134,2001-05-06",
            )
        )
        == []
    )


def test_colleagues_who_share_a_mailbox(joined: Joined) -> None:
    """Nothing in its name says that it is shared; three people with it do."""
    assert (
        joined(
            people(
                "Ada,Novak,bluefin.analytics@postbox.example,,Bluefin Analytics,,,,",
                "Bruno,Petrov,bluefin.analytics@postbox.example,,Bluefin Analytics,,,,",
                "Clara,Quintero,bluefin.analytics@postbox.example,,Bluefin Analytics,,,,",
            )
        )
        == []
    )


def test_colleagues_behind_a_switchboard(joined: Joined) -> None:
    """Two of them have the same surname, too."""
    assert (
        joined(
            people(
                "Ada,Novak,ada@bluefin.example,312-555-0100,Bluefin Analytics,1 Dock Road,Chicago,60606,",
                "Bruno,Novak,bruno@bluefin.example,312-555-0100,Bluefin Analytics,1 Dock Road,Chicago,60606,",
                "Clara,Quintero,,312-555-0100,Bluefin Analytics,1 Dock Road,Chicago,60606,",
                "Diego,Ramsey,d.ramsey@bluefin.example,312-555-0100,Bluefin Analytics,1 Dock Road,Chicago,60606,",
            )
        )
        == []
    )


def test_colleagues_behind_one_mailbox_and_one_switchboard(joined: Joined) -> None:
    assert (
        joined(
            people(
                "Ada,Novak,info@bluefin.example,312-555-0100,Bluefin Analytics,,,,",
                "Bruno,Petrov,info@bluefin.example,312-555-0100,Bluefin Analytics,,,,",
                "Clara,Quintero,info@bluefin.example,312-555-0100,Bluefin Analytics,,,,",
                "Diego,Ramsey,info@bluefin.example,312-555-0100,Bluefin Analytics,,,,",
            )
        )
        == []
    )


def test_a_mailing_list_address_used_by_forty_people(joined: Joined) -> None:
    firsts = "Ada Bruno Clara Diego Emma Felix Grace Henry".split()
    lasts = "Novak Petrov Quintero Ramsey Stanhope".split()
    rows = [f"{first},{last},rotary-members@lists.example,,,,,," for first in firsts for last in lasts]

    assert joined(people(*rows)) == []


def test_two_john_smiths_in_one_firm_are_left_to_a_person(joined: Joined) -> None:
    others = [
        f"{first},Smith,{first.lower()}.smith@firm.example,,Harbor Light Films,,,,"
        for first in ("Ada", "Karen", "Oscar")
    ]
    johns = [
        f"John,{last},john.{last.lower()}@firm.example,,Harbor Light Films,,,," for last in ("Novak", "Ramsey", "Finch")
    ]

    assert (
        joined(
            people(
                "John,Smith,john.smith@firm.example,212-555-0101,Harbor Light Films,,,,",
                "John,Smith,john.smith.2@firm.example,617-555-0155,Harbor Light Films,,,,",
                *others,
                *johns,
            )
        )
        == []
    )


def test_someone_who_moved_jobs_keeps_the_mobile(joined: Joined) -> None:
    assert joined(
        people(
            "Miriam,Castellano,miriam.castellano@kestrel.example,503-555-0142,Kestrel Aviation,,,,",
            "Miriam,Castellano,miriam.castellano@umbra.example,503-555-0142,Umbra Lighting,,,,",
        )
    ) == [[1, 2]]


def test_typos_initials_swapped_names_and_other_scripts(joined: Joined) -> None:
    assert joined(
        people(
            "Catherine,Villanueva,cathy.v@postbox.example,303-555-0111,,,,,",
            "Katherine,Vilanueva,cathy.v@postbox.example,,,,,,",
            "Takahashi,Jasmine,jt@quickmail.example,303-555-0112,,,,,",
            "Jasmine,Takahashi,jt@quickmail.example,,,,,,",
            "Ольга,Петрова,olga@letterbox.example,303-555-0113,,,,,",
            "Olga,Petrova,olga@letterbox.example,,,,,,",
            "R.,Sutherland,rs@letterbox.example,303-555-0114,,,,,",
            "Raymond,Sutherland,,303-555-0114,,9 Cedar Road,Denver,80203,",
        )
    ) == [[1, 2], [3, 4], [5, 6], [7, 8]]


def test_a_name_alone_never_joins(joined: Joined) -> None:
    assert joined(people("Zebedee,Quackenbush,,,,,,,", "Zebedee,Quackenbush,,,,,,,")) == []


def test_a_chain_whose_ends_disagree_is_not_one_person(joined: Joined) -> None:
    found = joined(
        people(
            "Daniel,Reyes,d.reyes@postbox.example,206-555-0150,,,,,1970-01-02",
            ",Reyes,d.reyes@postbox.example,206-555-0150,,,,,",
            "Rosa,Reyes,d.reyes@postbox.example,206-555-0150,,,,,1999-11-30",
        )
    )

    assert all(not {1, 3} <= set(group) for group in found)


def test_a_declared_identifier_joins_what_nothing_else_does(records: Callable[..., Records]) -> None:
    from conftest import groups

    text = """First Name,Last Name,Badge
              Ada,Novak,A-7731
              A,Nowak,a7731
              Bruno,Petrov,A-9924"""

    assert groups(match(records(text, identifiers=["badge"]))) == [[1, 2]]


def test_a_row_that_is_there_twice_is_one_person_but_an_id_alone_joins_nobody(joined: Joined) -> None:
    text = """Record ID,First Name,Last Name,Email
              77,Ada,Novak,
              77,Ada,Novak,
              77,Bruno,Petrov,"""

    assert joined(text) == [[1, 2]]


def test_the_same_input_gives_the_same_clusters(records: Callable[[str], Records]) -> None:
    text = people(*[f"Ada,Novak{n % 7},ada{n % 9}@postbox.example,,,,,," for n in range(60)])

    one, two = match(records(text)), match(records(text))

    assert one.clusters.equals(two.clusters)
    assert one.pairs.equals(two.pairs)


def test_evidence_is_told_in_words(records: Callable[[str], Records]) -> None:
    text = people(
        "Robert,Whitaker,bob@postbox.example,212-555-0123,,,,,",
        "Bob,Whitaker,bob@postbox.example,617-555-0199,,,,,",
    )

    why = match(records(text)).pairs["why"][0]

    assert "same e-mail" in why
    assert "nickname" in why
    assert "but other phone" in why


def test_candidates_share_a_telling_key_and_come_once() -> None:
    shared = [
        Blocks(RULES[0], np.array([[0, 1], [4, 7]], dtype=np.uint32)),
        Blocks(RULES[2], np.array([[0, 1, 3]], dtype=np.uint32)),
    ]

    pairs = candidate_pairs(shared, records=8)

    assert pairs.rows() == [(0, 1, 0b101), (0, 3, 0b100), (1, 3, 0b100), (4, 7, 0b1)]


def test_a_key_that_many_hold_says_enough_only_beside_another_or_if_it_is_an_email() -> None:
    def found(*shared: tuple[str, list[int]]) -> int:
        blocks = [Blocks(rule, np.array([held], dtype=np.uint32)) for rule, held in shared]
        return len(candidate_pairs(blocks, records=20))

    few, many = list(range(8)), list(range(9))

    assert found(("name", few)) == 28
    assert found(("name", many)) == 0
    assert found(("name", many), ("phone", many)) == 36
    assert found(("name", many), ("phone", [2, 5])) == 1
    assert found(("email", many)) == 36


def test_a_key_is_one_that_some_others_have_but_not_everybody(
    records: Callable[[str], Records], monkeypatch: pytest.MonkeyPatch
) -> None:
    anyone = [f"Ada,Novak,{mail},,,,,," for mail in ("a@x.example", "a@x.example", "b@x.example", "")]
    tables = records(people(*anyone, ",,,212-555-0123,,,,,", ",,,212-555-0123,,,,,", ",,,617-555-0111,,,,,"))

    def together() -> set[tuple[int, ...]]:
        return {tuple(block) for one in shared_keys(tables, compared_values(tables)) for block in one.held.tolist()}

    assert together() == {(0, 1), (4, 5), (0, 1, 2, 3)}
    monkeypatch.setattr("transforms.match.blocking.MAX_BLOCK", 3)
    assert together() == {(0, 1), (4, 5)}


def test_pairs_looked_at_some_at_a_time_are_the_same_pairs(
    records: Callable[[str], Records], monkeypatch: pytest.MonkeyPatch
) -> None:
    table, _ = generated.make(600, seed=3)
    tables = records(table.write_csv())

    shared = shared_keys(tables, compared_values(tables))
    whole, found = candidate_pairs(shared, records=600), match(tables)
    monkeypatch.setattr("transforms.match.matching.PAIRS_AT_ONCE", 50)

    assert len(whole) > 300
    assert candidate_pairs(shared, records=600, at_once=70).equals(whole)
    assert match(tables).pairs.equals(found.pairs)
    assert match(tables).clusters.equals(found.clusters)


def test_birth_dates_are_as_alike_as_by_letters(records: Callable[[str], Records]) -> None:
    chance = random.Random(7)
    dates = [date(1923 + day % 80, 1, 1) + timedelta(days=day * 7 % 365) for day in range(120)]
    others = [date(chance.choice([day.year, day.year + 10]), day.month, day.day % 28 + 1) for day in dates]
    others += [date(day.year, day.day, day.month) for day in dates if day.day <= 12]
    others += [date.fromisoformat(_swapped(str(day), 2)) for day in dates]
    tables = records(people(*[f"Ada,Novak,,,,,,,{day}" for day in [*dates, *others]]))
    count = len(tables.records)
    pairs = pl.DataFrame(
        list(combinations(range(count), 2)), schema={"left": pl.UInt32, "right": pl.UInt32}, orient="row"
    )

    held = compared_values(tables)
    levels = compare_names(pairs, prepare(tables, held, term_frequencies(tables, held), further_columns(tables)).people)
    levels = levels["level_birth"].to_list()

    born = tables.records["birthdate"].dt.strftime("%Y%m%d").to_list()
    expected = []
    for left, right in pairs.iter_rows():
        a, b = born[left], born[right]
        mistaken = a == b[:4] + b[6:] + b[4:6]
        near = sum(one != two for one, two in zip(a, b, strict=True)) == 2
        near |= (a[:4] == b[:4]) + (a[4:6] == b[4:6]) + (a[6:] == b[6:]) == 2
        other = Birth.NEAR if near else Birth.OTHER
        expected.append(Birth.SAME if a == b else Birth.SIMILAR if mistaken or OSA.distance(a, b) <= 1 else other)
    assert levels == expected
    assert min(levels.count(level) for level in (Birth.OTHER, Birth.NEAR, Birth.SIMILAR, Birth.SAME)) > 10


def _swapped(text: str, place: int) -> str:
    """A text with two neighbouring letters in each other's place."""
    return text[:place] + text[place + 1] + text[place] + text[place + 2 :]


def test_short_ids_are_short_and_stable() -> None:
    assert short_id("site:1", "hubspot:7") == short_id("site:1", "hubspot:7")
    assert short_id("a", "b") != short_id("ab")
    assert len(short_id("a")) == 12


# --- ids of a source ---


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        ("Customer ID,Email", ["0,anna@kite.example", "0,bert@rook.example"]),
        ("Customer ID,First Name,Email", ["guest,,anna@kite.example", "guest,,bert@rook.example"]),
        ("Customer ID,Last Name,Email", ["4711,Lee,anna@kite.example", "4711,Lee,bert@rook.example"]),
        ("Customer ID,First Name,Last Name", ["7,John,Whitaker Sr", "7,John,Whitaker Jr", "7,John,Whitaker"]),
        ("Customer ID,First Name,Middle Name,Last Name", ["7,John,Albert,Whitaker", "7,John,Bernard,Whitaker"]),
        ("Customer ID,First Name,Last Name,Date of birth", ["7,Ann,Lee,1950-01-02", "7,Ann,Lee,1980-03-04"]),
        (
            "Customer ID,First Name,Last Name,Email",
            ["guest,Ann,Lee,a@kite.example", "guest,Ann,Lee,b@rook.example", "guest,Bo,Li,c@kite.example",
             "guest,Cy,Do,d@rook.example"],
        ),
    ],
)  # fmt: skip
def test_an_id_joins_nobody_whose_names_do_not_agree(joined: Joined, header: str, rows: list[str]) -> None:
    assert joined("\n".join([header, *rows])) == []


def test_two_middle_names_and_a_similar_number_are_two_people(joined: Joined) -> None:
    rows = [f"{first},Pohlig,,202-555-019{n},,,,," for n, first in enumerate(("Eva Maria", "Eva Luise"), start=5)]
    same = [f"{first},Pohlig,eva@kite.example,202-555-0195,,,,," for first in ("Eva Maria", "Eva M.")]

    assert joined(people(*rows)) == []
    assert joined(people(*same)) == [[1, 2]]


def test_the_rows_of_one_person_under_one_id_are_one(joined: Joined) -> None:
    text = """Customer ID,First Name,Middle Name,Last Name,Email
              7,Ann,,Lee,a@kite.example
              7,Ann,M,Lee,b@rook.example
              7,ANN,Maria,Lee,
              8,Bo,,Li,c@kite.example"""

    assert joined(text) == [[1, 2, 3]]


def test_an_id_that_a_source_took_in_counts_only_when_it_means_one_person(joined: Joined) -> None:
    text = """Record ID,First Name,Last Name,Merged IDs
              1,Ann,Lee,2
              2,Bo,Li,
              2,Cy,Do,"""

    assert joined(text) == []

"""What people decided is honoured always, follows records to other rows, and teaches the weights."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import polars as pl
import pytest
from conftest import Ended, groups, table

from transforms.match.matching import match
from transforms.match.verdicts import Verdicts, resolved
from transforms.schema.records import Records
from transforms.schema.tables import DECISIONS, IDENTITIES

HEADER = "First Name,Last Name,Email,Phone,Company\n"
BOB = "Robert,Whitaker,bob@postbox.example,212-555-0123,Maple & Main\n"
BOB_AGAIN = "Bob,Whitaker,BOB@postbox.example,212-555-0123,Maple & Main\n"
ELSE = "Ana,Quill,ana@quickmail.example,617-555-0111,\n"
OTHER = "Zoe,Lark,zoe@letterbox.example,,Quartz\n"


def decisions(*rows: tuple[str, str] | tuple[str, str, str]) -> pl.DataFrame:
    """Verdict, records and perhaps a date, one decision each."""
    return pl.DataFrame(
        [
            {"verdict": row[0], "records": row[1].split(), "identities": [], "decided_at": row[2] if row[2:] else None}
            for row in rows
        ],
        schema={**DECISIONS},
    )


def known(count: int) -> pl.DataFrame:
    names = [f"r{number}" for number in range(count)]
    return pl.DataFrame({"record": range(count), "record_id": names, "identity": names}, schema=dict(IDENTITIES))


def verdicts(together: list[tuple[int, int]] | None = None, apart: list[tuple[int, int]] | None = None) -> Verdicts:
    pairs = [*(together or []), *(apart or [])]
    return Verdicts(frozenset(together or []), frozenset(apart or []), dict.fromkeys(pairs, "somebody"))


def test_who_is_set_apart_is_never_joined_however_alike(records: Callable[[str], Records]) -> None:
    tables = records(HEADER + BOB + BOB_AGAIN)

    assert groups(match(tables)) == [[1, 2]]
    assert groups(match(tables, verdicts=verdicts(apart=[(0, 1)]))) == []


def test_who_is_put_together_is_joined_however_unlike(records: Callable[[str], Records]) -> None:
    found = match(records(HEADER + BOB + ELSE), verdicts=verdicts(together=[(0, 1)]))

    assert groups(found) == [[1, 2]]
    assert found.pairs.select("left", "right").rows() == [(0, 1)]  # so that it can be explained


def test_those_set_apart_do_not_meet_behind_a_third(records: Callable[[str], Records]) -> None:
    tables = records(HEADER + BOB + BOB_AGAIN + BOB.replace("Robert", "Rob"))

    assert groups(match(tables)) == [[1, 2, 3]]
    for one, two in combinations(range(3), 2):
        kept = groups(match(tables, verdicts=verdicts(apart=[(one, two)])))
        assert all(not {one + 1, two + 1} <= set(group) for group in kept)
        assert len(kept) == 1  # the third stays with one of them


def test_those_set_apart_stay_apart_though_their_source_has_one_id_for_both(records: Callable[[str], Records]) -> None:
    text = "Record ID,First Name,Last Name,Email\n7,Ann,Roe,a@postbox.example\n7,Ann,Roe,b@postbox.example\n"
    tables = records(text, key_column="Record ID")

    assert groups(match(tables)) == [[1, 2]]
    assert groups(match(tables, verdicts=verdicts(apart=[(0, 1)]))) == []


def test_the_later_of_two_decisions_counts() -> None:
    both = decisions(("apart", "r0 r1", "2026-11-03"), ("together", "r0 r1", "2026-11-02"))

    assert resolved(both, known(2)).apart == {(0, 1)}
    assert resolved(both, known(2)).together == frozenset()


def test_a_cluster_of_three_is_each_with_each() -> None:
    three = decisions(("apart", "r0 r1 r2"))

    assert resolved(three, known(3)).apart == {(0, 1), (0, 2), (1, 2)}


def test_decisions_that_contradict_each_other_round_a_corner_are_not_honoured_and_others_are() -> None:
    told = resolved(
        decisions(("together", "r0 r1"), ("together", "r1 r2"), ("apart", "r0 r2"), ("apart", "r3 r4")), known(5)
    )

    assert set(told.contested) == {0, 1, 2}
    assert told.together == frozenset()
    assert told.apart == {(3, 4)}


def test_a_decision_follows_records_to_the_contacts_they_became() -> None:
    rows = known(4)  # r2 and r3 are the contacts that r0 and an absent row went to

    told = resolved(decisions(("apart", "r0 gone")), rows, {"r0": "r2", "gone": "r3"})

    assert told.apart == {(0, 3), (2, 3)}
    assert resolved(decisions(("apart", "r0 nowhere")), rows).missing == 1


def test_decisions_refine_the_weights(records: Callable[[str], Records]) -> None:
    """People say of twenty pairs with another e-mail at one firm that they are one person: the next is likelier."""
    firms = ["Quill", "Lark", "Finch", "Moss", "Reed", "Vale", "Holt", "Rowe", "Shaw", "Pike", "Wren", "Dell"]
    lines = [
        f"{first},{firm},{mail}@{firm.lower()}works.example,,{firm} Works\n"
        for firm in firms
        for first, mail in (("Ann", "a.b"), ("Ann", "xy"))
    ]
    tables = records(HEADER + "".join(lines))
    pairs = [(2 * number, 2 * number + 1) for number in range(len(firms))]

    def last(decided: Verdicts) -> float:
        found = match(tables, verdicts=decided).pairs.filter(left=pairs[-1][0], right=pairs[-1][1])
        return float(found["bits"].item())

    untaught = last(Verdicts())
    assert last(verdicts(together=pairs[:-1])) > untaught > last(verdicts(apart=pairs[:-1]))


@pytest.fixture
def people(tmp_path: Path) -> Path:
    (tmp_path / "people.csv").write_text(HEADER + BOB + BOB_AGAIN + ELSE)
    return tmp_path / "people.csv"


def test_a_decision_about_a_run_is_honoured_by_every_later_one(onefold: Callable[..., Ended], people: Path) -> None:
    here = people.parent
    assert onefold("plan", people, "--site", "local:s.db", "--run", "one").code == 0
    assert table(here / "one", "plan")["kind"].to_list() == ["create", "create"]
    done = onefold("decide", "one", "apart", "people:1", "people:2", "--by", "Kim", "--note", "father and son")
    assert (done.code, "decisions.csv" in done.out) == (0, True)

    people.write_text(HEADER + OTHER + ELSE + BOB_AGAIN + BOB)  # the next export has them elsewhere
    planned = onefold("migrate", people, "--site", "local:s.db", "--run", "two", "--yes", "--json")
    assert (planned.code, planned.json["created"], planned.json["held"]) == (0, 4, 0)
    assert "decisions" in planned.err
    again = onefold("migrate", people, "--site", "local:s.db", "--run", "three", "--yes", "--json")
    assert {again.json[name] for name in ("created", "updated", "merged", "held")} == {0}
    alone = onefold("migrate", "--site", "local:s.db", "--run", "four", "--yes", "--json")  # without the export
    assert {alone.json[name] for name in ("created", "updated", "merged", "held")} == {0}


def test_two_that_were_one_contact_already_become_two(onefold: Callable[..., Ended], people: Path) -> None:
    first = onefold("migrate", people, "--site", "local:s.db", "--run", "one", "--yes", "--json")
    assert first.json["created"] == 2
    onefold("decide", "one", "apart", "people:1", "people:2")

    second = onefold("migrate", people, "--site", "local:s.db", "--run", "two", "--yes", "--json")
    assert (second.json["created"], second.json["merged"], second.json["held"]) == (1, 0, 0)
    third = onefold("migrate", people, "--site", "local:s.db", "--run", "three", "--yes", "--json")
    assert {third.json[name] for name in ("created", "updated", "merged", "held")} == {0}


def test_two_contacts_that_a_person_puts_together_are_merged(onefold: Callable[..., Ended], people: Path) -> None:
    people.write_text(HEADER + BOB + ELSE)
    onefold("migrate", people, "--site", "local:s.db", "--run", "one", "--yes")
    onefold("plan", "--site", "local:s.db", "--run", "two")
    contacts = table(people.parent / "two", "records")["record_id"].to_list()
    onefold("decide", "two", "together", *contacts, "--by", "Kim")

    merged = onefold("migrate", "--site", "local:s.db", "--run", "three", "--yes", "--json")
    assert merged.json["merged"] == 1
    assert "decided by a person (together, Kim" in table(people.parent / "three", "audit")["why"][0]
    again = onefold("migrate", "--site", "local:s.db", "--run", "four", "--yes", "--json")
    assert again.json["merged"] == 0
    assert "not here" not in again.err


def test_contradictory_decisions_hold_their_people_and_nobody_else(onefold: Callable[..., Ended], people: Path) -> None:
    people.write_text(HEADER + BOB + BOB_AGAIN + BOB.replace("Robert", "Rob") + ELSE)
    (people.parent / "decisions.csv").write_text(
        "verdict,records\ntogether,people:1;people:2\ntogether,people:2; people:3\napart,people:1;people:3\n"
    )
    done = onefold("migrate", people, "--site", "local:s.db", "--run", "one", "--yes", "--json")

    assert (done.code, done.json["created"], done.json["held"]) == (3, 1, 1)
    assert "decisions about its records contradict each other" in done.err


def test_a_spreadsheet_may_save_the_file(onefold: Callable[..., Ended], people: Path) -> None:
    """With semicolons between cells, a byte-order mark, other line ends and columns of its own."""
    (people.parent / "decisions.csv").write_bytes(
        b'\xef\xbb\xbfRecords;Verdict;Colour\r\n"people:1;people:2";Apart;red\r\n;;\r\n'
    )
    done = onefold("plan", people, "--site", "local:s.db", "--run", "one")

    assert done.code == 0
    assert len(table(people.parent / "one", "plan")) == 3


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "verdict,records\nperhaps,people:1;people:2\n",
            "line 2: the verdict must be together, apart or undecided, not 'perhaps'",
        ),
        ("verdict,records\n\napart,people:1\n", "line 3: a decision is about two records at least"),
        ("kind,verdict,records\npair,apart,a;b;c\n", "line 2: a pair has two records"),
        ("verdict,records,decided_at\napart,a;b,yesterday\n", "line 2: decided_at must be a date"),
        ("who,what\nx,y\n", "has no columns 'verdict' and 'records'"),
    ],
)
def test_a_file_that_says_something_else_stops_the_plan(
    onefold: Callable[..., Ended], people: Path, text: str, sentence: str
) -> None:
    (people.parent / "decisions.csv").write_text(text)
    done = onefold("plan", people, "--site", "local:s.db", "--run", "one")

    assert done.code == 1
    assert sentence in done.err
    assert "Traceback" not in done.err


def test_the_duplicates_of_a_file_honour_decisions_by_its_ids(onefold: Callable[..., Ended], people: Path) -> None:
    (people.parent / "d.csv").write_text("verdict,records\napart,1;2\ntogether,2;3\n")
    done = onefold("match", people, "--out", "out.csv", "--decisions", "d.csv")

    assert done.code == 0
    assert pl.read_csv(people.parent / "out.csv")["cluster_id"].to_list() == [1, 2, 2]


# --- after the plan, against strong evidence, and of another site ---


def test_who_is_set_apart_after_the_plan_is_not_merged(onefold: Callable[..., Ended], people: Path) -> None:
    people.write_text(HEADER + BOB + BOB_AGAIN + ELSE)
    onefold("plan", people, "--site", "local:s.db", "--run", "one")
    onefold("decide", "one", "apart", "people:1", "people:2")

    done = onefold("apply", "one", "--yes", "--json")

    assert (done.code, done.json["created"], done.json["held"]) == (3, 1, 1)
    audit = table(people.parent / "one", "audit")
    assert audit.filter(outcome="held")["detail"].item().endswith("after the plan was made; plan again")
    onefold("plan", people, "--site", "local:s.db", "--run", "two")
    again = onefold("apply", "two", "--yes", "--json")
    assert (again.json["created"], again.json["held"]) == (2, 0)


def test_a_decision_taken_back_after_the_plan_holds_its_people_too(onefold: Callable[..., Ended], people: Path) -> None:
    people.write_text(HEADER + BOB + ELSE + OTHER)
    decided = people.parent / "decisions.csv"
    decided.write_text("verdict,records\ntogether,people:1;people:2\n")
    onefold("plan", people, "--site", "local:s.db", "--run", "one")
    decided.write_text("verdict,records\n")

    done = onefold("apply", "one", "--yes", "--json")

    assert (done.json["created"], done.json["held"]) == (1, 1)


def test_a_decision_that_would_tear_others_apart_holds_them_all_and_names_who_would_leave(
    onefold: Callable[..., Ended], people: Path
) -> None:
    father = "John,Albright,john@postbox.example,617-555-0111,Maple & Main,1950-01-02\n"
    son = "Peter,Whitaker,peter@quickmail.example,617-555-0111,Quartz,1985-03-04\n"
    again = "Peter,Whitaker,peter@quickmail.example,617-555-0111,,1985-03-04\n"
    people.write_text(
        HEADER.replace("Company", "Company,Date of birth") + father + son + again + "Zoe,Lark,z@kite.example,,,\n"
    )
    (people.parent / "decisions.csv").write_text("verdict,records\ntogether,people:1;people:2\n")

    done = onefold("migrate", people, "--site", "local:s.db", "--run", "one", "--yes", "--json")

    plan = table(people.parent / "one", "plan")
    held = plan.filter(pl.col("state") == "review")
    assert (done.json["created"], set(held["records"].explode())) == (1, {"people:1", "people:2", "people:3"})
    assert all("people:1 and people:2 are one person, but then people:3 would leave" in why for why in held["reason"])
    (people.parent / "decisions.csv").write_text(
        "verdict,records\ntogether,people:1;people:2\napart,people:3;people:1\napart,people:3;people:2\n"
    )
    meant = onefold("migrate", people, "--site", "local:s.db", "--run", "two", "--yes", "--json")
    assert (meant.json["created"], meant.json["held"]) == (2, 0)  # whoever says so of everybody is believed


def test_a_decision_belongs_to_its_site(onefold: Callable[..., Ended], people: Path) -> None:
    people.write_text(HEADER + BOB + BOB_AGAIN)
    onefold("migrate", people, "--site", "local:one.db", "--run", "one", "--yes")
    onefold("decide", "one", "apart", "people:1", "people:2")

    own = onefold("plan", people, "--site", "local:one.db", "--run", "own")
    other = onefold("plan", people, "--site", "local:other.db", "--run", "other")

    assert table(people.parent / "own", "clusters")["cluster"].n_unique() == 2
    assert table(people.parent / "other", "clusters")["cluster"].n_unique() == 1
    file = str(people.parent / "decisions.csv")
    assert ("decisions      1 honoured" in own.out, file in own.out) == (True, True)
    assert ("1 of another site" in other.out, file in other.out) == (True, True)


def test_a_decision_about_a_site_still_to_be_made_is_honoured_when_it_is_made(
    onefold: Callable[..., Ended], people: Path
) -> None:
    people.write_text(HEADER + BOB + BOB_AGAIN)
    onefold("plan", people, "--site", "local:new.db", "--run", "one")
    onefold("decide", "one", "apart", "people:1", "people:2")

    first = onefold("migrate", people, "--site", "local:new.db", "--run", "two", "--yes", "--json")
    second = onefold("migrate", people, "--site", "local:new.db", "--run", "three", "--yes", "--json")

    assert (first.json["created"], second.json["created"], second.json["merged"]) == (2, 0, 0)


@pytest.mark.parametrize("verdict", ["", "  ", "undecided"])
def test_a_blank_verdict_is_undecided_and_stays_in_the_file(
    onefold: Callable[..., Ended], people: Path, verdict: str
) -> None:
    people.write_text(HEADER + BOB + BOB_AGAIN + ELSE)
    decided = people.parent / "decisions.csv"
    decided.write_text(f"verdict,records,note\n{verdict},people:1;people:2,ask Kim\n")

    planned = onefold("plan", people, "--site", "local:s.db", "--run", "one")
    onefold("decide", "one", "apart", "people:1", "people:3")

    assert (planned.code, "1 undecided" in planned.out) == (0, True)
    assert "ask Kim" in decided.read_text("utf-8-sig")
    assert onefold("plan", people, "--site", "local:s.db", "--run", "two").code == 0

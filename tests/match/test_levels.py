"""Comparison levels: which level two values have, field by field, and what is learned of their shares."""

from __future__ import annotations

import random
from collections.abc import Callable

import polars as pl
import pytest

from transforms.match.blocking import candidate_pairs, shared_keys
from transforms.match.comparison import compare
from transforms.match.features import prepare
from transforms.match.further import further_columns
from transforms.match.learning import Learned, learn, lessons, starting_model
from transforms.match.levels import (
    FIELDS,
    Address,
    Birth,
    Company,
    Email,
    First,
    Hypothesis,
    Identifier,
    Last,
    Level,
    Middle,
    Phone,
    Suffix,
    Title,
    level_shares,
)  # fmt: skip
from transforms.match.term_frequency import compared_values, term_frequencies
from transforms.match.verdicts import NO_VERDICTS
from transforms.schema.records import Records

ReadRecords = Callable[..., Records]


def level(tables: Records, field: str) -> int:
    """The level of the first two records in a field."""
    values = compared_values(tables)
    pair = pl.DataFrame({"left": [0], "right": [1]}, schema={"left": pl.UInt32, "right": pl.UInt32})
    features = prepare(tables, values, term_frequencies(tables, values), further_columns(tables))
    return int(compare(pair, features)[f"level_{field}"].item())


@pytest.mark.parametrize(
    ("header", "field", "left", "right", "expected"),
    [
        ("First Name,Last Name", "first", "Ada,Novak", ",Novak", First.MISSING),
        ("First Name,Last Name", "first", "Ada,Novak", "Boris,Novak", First.OTHER),
        ("First Name,Last Name", "first", "Ada,Novak", "A.,Novak", First.INITIAL),
        ("First Name,Last Name", "first", "William,Novak", "Bill,Novak", First.NICKNAME),
        ("First Name,Last Name", "first", "Katharina,Novak", "Katarina,Novak", First.SIMILAR),
        ("First Name,Last Name", "first", "Zoë,Novak", "ZOE,Novak", First.SAME),
        ("First Name,Last Name", "first", "Novak,Ada", "Ada,Novak", First.SAME),
        ("First Name,Last Name", "last", "Ada,Novak", "Ada,Brook", Last.OTHER),
        ("First Name,Last Name", "last", "Ada,Novak Brook", "Ada,Brook", Last.PART),
        ("First Name,Last Name", "last", "Ada,Novakova", "Ada,Novakoba", Last.SIMILAR),
        ("First Name,Last Name", "last", "Ada,Müller", "Ada,MULLER", Last.SAME),
        ("First Name,Last Name", "last", "Novak,Ada", "Ada,Novak", Last.SAME),
        ("First Name,Middle Name,Last Name", "middle", "Ada,,Novak", "Ada,Mae,Novak", Middle.MISSING),
        ("First Name,Middle Name,Last Name", "middle", "Ada,Rose,Novak", "Ada,Mae,Novak", Middle.OTHER),
        ("First Name,Middle Name,Last Name", "middle", "Ada,M.,Novak", "Ada,Mae,Novak", Middle.SAME),
        ("First Name,Last Name,Suffix", "suffix", "Ada,Novak,", "Ada,Novak,", Suffix.MISSING),
        ("First Name,Last Name,Suffix", "suffix", "Jan,Novak,Jr", "Jan,Novak,Sr", Suffix.OTHER),
        ("First Name,Last Name,Suffix", "suffix", "Jan,Novak,Jr", "Jan,Novak,", Suffix.ONE_SIDED),
        ("First Name,Last Name,Suffix", "suffix", "Jan,Novak,Jr", "Jan,Novak,jr.", Suffix.SAME),
        ("Last Name,Birthday", "birth", "Novak,1980-04-12", "Novak,", Birth.MISSING),
        ("Last Name,Birthday", "birth", "Novak,1980-04-12", "Novak,1975-11-30", Birth.OTHER),
        ("Last Name,Birthday", "birth", "Novak,1980-04-12", "Novak,1980-04-13", Birth.SIMILAR),
        ("Last Name,Birthday", "birth", "Novak,1980-04-12", "Novak,1980-12-04", Birth.SIMILAR),
        ("Last Name,Birthday", "birth", "Novak,1980-04-12", "Novak,--04-12", Birth.BIRTHDAY),
        ("Last Name,Birthday", "birth", "Novak,1980-04-12", "Novak,1980-04-12", Birth.SAME),
        ("Last Name,Email", "email", "Novak,ada@kite.example", "Novak,", Email.MISSING),
        ("Last Name,Email", "email", "Novak,ada@kite.example", "Novak,boris@rook.example", Email.OTHER),
        ("Last Name,Email", "email", "Novak,ada.n@kite.example", "Novak,boris@kite.example", Email.COMPANY),
        ("Last Name,Email", "email", "Novak,adanovak7@kite.example", "Novak,adanovk7@kite.example", Email.SIMILAR),
        ("Last Name,Email", "email", "Novak,sunflower88@kite.example", "Novak,sunflower88@rook.example", Email.NAME),
        ("Last Name,Email", "email", "Novak,info@kite.example", "Brook,info@kite.example", Email.SHARED),
        ("Last Name,Email", "email", "Novak,ada@kite.example", "Novak,ADA@kite.example", Email.SAME),
        ("Last Name,Phone", "phone", "Novak,+1 212 555 0147", "Novak,", Phone.MISSING),
        ("Last Name,Phone", "phone", "Novak,+1 212 555 0147", "Novak,+1 415 555 0192", Phone.OTHER),
        ("Last Name,Phone", "phone", "Novak,+1 212 555 0147", "Novak,+1 212 555 0148", Phone.SIMILAR),
        ("Last Name,Phone", "phone", "Novak,+1 212 555 0147", "Novak,(212) 555-0147", Phone.SAME),
        ("Last Name,Company", "company", "Novak,Kite Ltd", "Novak,", Company.MISSING),
        ("Last Name,Company", "company", "Novak,Kite Ltd", "Novak,Rook Inc", Company.OTHER),
        ("Last Name,Company", "company", "Novak,Harbor Lighting", "Novak,Harbour Lighting", Company.SIMILAR),
        ("Last Name,Company", "company", "Novak,Kite Ltd", "Novak,KITE Limited", Company.SAME),
        ("Last Name,Job Title", "title", "Novak,Engineer", "Novak,", Title.MISSING),
        ("Last Name,Job Title", "title", "Novak,Engineer", "Novak,Accountant", Title.OTHER),
        ("Last Name,Job Title", "title", "Novak,Engineer", "Novak,engineer", Title.SAME),
    ],
)
def test_two_values_have_the_level_their_likeness_earns(
    records: ReadRecords, header: str, field: str, left: str, right: str, expected: Level
) -> None:
    assert FIELDS[field](level(records(f"{header}\n{left}\n{right}", by_content=True), field)) is expected


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("1 Elm Street,Salem,97301", "", Address.MISSING),
        ("1 Elm Street,Salem,97301", "9 Oak Road,Boston,02108", Address.OTHER),
        ("1 Elm Street,Salem,", "9 Oak Road,Salem,", Address.CITY),
        ("1 Elm Street,Salem,97301", "9 Oak Road,Keizer,97301", Address.POSTCODE),
        ("1 Elm Street,Salem,97301", "1 Elmm Street,Salem,97301", Address.SIMILAR),
        ("1 Elm Street,Salem,97301", "1 Elm St.,Salem,97301", Address.SAME),
    ],
)
def test_two_addresses_have_the_level_their_likeness_earns(
    records: ReadRecords, left: str, right: str, expected: Address
) -> None:
    tables = records(f"Last Name,Street,City,Postal Code\nNovak,{left}\nNovak,{right or ',,'}", by_content=True)

    assert Address(level(tables, "address")) is expected


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("10482771", "", Identifier.MISSING),
        ("10482771", "99310554", Identifier.OTHER),
        ("10482771", "10482777", Identifier.SIMILAR),
        ("10482771", "10482771", Identifier.SAME),
    ],
)
def test_two_identifiers_have_the_level_their_likeness_earns(
    records: ReadRecords, left: str, right: str, expected: Identifier
) -> None:
    tables = records(f"Last Name,Licence\nNovak,{left}\nNovak,{right}", identifiers=["Licence"])

    assert Identifier(level(tables, "Licence")) is expected


@pytest.mark.parametrize("kind", [*FIELDS.values(), Identifier])
def test_a_field_has_a_level_for_missing_other_and_same_values_and_its_numbers_are_their_places(
    kind: type[Level],
) -> None:
    assert [kind["MISSING"], kind["OTHER"], kind["SAME"]] == [0, 1, len(kind) - 1]
    assert [level.value for level in kind] == list(range(len(kind)))


@pytest.mark.parametrize("hypothesis", list(Hypothesis))
@pytest.mark.parametrize("field", [*FIELDS, "an identifier"])
def test_the_shipped_shares_of_a_field_are_one_together(field: str, hypothesis: Hypothesis) -> None:
    shares = level_shares(field, hypothesis)

    assert shares is None or sum(shares) == pytest.approx(1, abs=0.002)


def _learned(records: ReadRecords, *, people: int, other_phone: float) -> tuple[Learned, int]:
    """What is learned of people who are there twice, and how many pairs are true; a share has two phones."""
    chance = random.Random(7)
    letters = "bcdfghklmnprstvwz"

    def word(syllables: int) -> str:
        return "".join(chance.choice(letters) + chance.choice("aeiou") for _ in range(syllables)).capitalize()

    def phone() -> str:
        return f"+1 212 {chance.randrange(200, 999)} {chance.randrange(10_000):04}"

    rows = []
    for _ in range(people):
        first, last, number = word(3), word(4), phone()
        mail = f"{first}.{last}{chance.randrange(1000)}@{word(3)}.example".lower()
        rows.append(f"{first},{last},{mail},{number}")
        rows.append(f"{first},{last},{mail},{phone() if chance.random() < other_phone else number}")
    tables = records("First Name,Last Name,Email,Phone\n" + "\n".join(rows))
    values = compared_values(tables)
    candidates = candidate_pairs(shared_keys(tables, values), records=len(rows))
    features = prepare(tables, values, term_frequencies(tables, values), further_columns(tables))
    return learn(starting_model(features), lessons(candidates, features, NO_VERDICTS.labelled_pairs())), people


@pytest.mark.parametrize("other_phone", [0.05, 0.45])
def test_the_shares_that_are_learned_are_those_of_the_data(records: ReadRecords, other_phone: float) -> None:
    learned, _ = _learned(records, people=1500, other_phone=other_phone)

    shares = learned.model.tables[Hypothesis.PERSON]["phone"]
    shipped = level_shares("phone", Hypothesis.PERSON)
    assert shipped is not None
    # The shipped share counts for half as many pairs as were seen: what is learned lies a third of the way to it.
    expected = (2 * other_phone + shipped[Phone.OTHER - 1]) / 3
    assert shares[Phone.OTHER - 1] == pytest.approx(expected, abs=0.03)


def test_as_many_pairs_are_expected_as_there_are_and_each_of_them_is_likely(records: ReadRecords) -> None:
    learned, true_pairs = _learned(records, people=1500, other_phone=0.2)

    shipped_for_few = 0.5 * 400  # what is expected before looking, of the pairs that the prior counts for
    assert learned.model.expected[Hypothesis.PERSON] == pytest.approx(true_pairs + shipped_for_few, rel=0.02)
    assert (learned.probability > 0.9).sum() == pytest.approx(true_pairs, rel=0.01)

"""Blocking rules that are found in the data: what they bring, within their budget, whatever the order of the rows."""

from __future__ import annotations

import random
from collections.abc import Callable

import polars as pl
import pytest

from transforms.match.blocking import candidate_pairs, shared_keys
from transforms.match.matching import FEW_RECORDS, begun, match
from transforms.match.predicates import BUDGET
from transforms.match.term_frequency import compared_values
from transforms.schema.records import Records

SYLLABLES = "ba ce di fo gu ha je ki lo mu na pe ri so tu va we xi yo zu".split()


def register(people: int = 300, seed: int = 5) -> tuple[str, list[int]]:
    """Two rows a person, both names mistyped near their beginning in the second."""
    draw = random.Random(seed)

    def word() -> str:
        return "".join(draw.choices(SYLLABLES, k=3))

    def mistyped(text: str) -> str:
        at = draw.randrange(3)
        return text[:at] + draw.choice("bcdfgklmnprst") + text[at + 1 :]

    rows, owner = [], []
    for person in range(people):
        first, last = word(), word()
        born = f"{draw.randrange(1940, 2000)}-{draw.randrange(1, 13):02}-{draw.randrange(1, 29):02}"
        town = draw.choice(SYLLABLES) + draw.choice(SYLLABLES)
        rows += [f"{first},{last},{town},{born}", f"{mistyped(first)},{mistyped(last)},{town},{born}"]
        owner += [person, person]
    return "\n".join(["First Name,Last Name,City,Date of birth", *rows]), owner


def fixed(tables: Records) -> pl.DataFrame:
    """The candidates of the fixed rules alone."""
    return candidate_pairs(shared_keys(tables, compared_values(tables)), records=len(tables.records))


def right(pairs: pl.DataFrame, owner: list[int]) -> int:
    of = pl.Series(owner)
    return int((of.gather(pairs["left"]) == of.gather(pairs["right"])).sum())


def test_rules_are_found_for_what_the_fixed_ones_do_not_bring(records: Callable[[str], Records]) -> None:
    text, owner = register()
    tables = records(text)

    by_fixed, beginning = fixed(tables), begun(tables)

    assert beginning.rules
    assert right(by_fixed, owner) < 0.6 * 300
    assert right(beginning.candidates, owner) > 0.95 * 300
    assert len(beginning.candidates) - len(by_fixed) <= BUDGET * len(owner)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_order_of_the_rows_makes_no_difference(records: Callable[[str], Records], seed: int) -> None:
    text, _ = register()
    header, *rows = text.split("\n")
    order = list(range(len(rows)))
    random.Random(seed).shuffle(order)

    def people(rows_in: list[str], places: list[int]) -> set[frozenset[int]]:
        clusters = match(records("\n".join([header, *rows_in])), explain=False).clusters
        groups = clusters.group_by("cluster").agg("record")["record"].to_list()
        return {frozenset(places[record] for record in group) for group in groups}

    assert people([rows[at] for at in order], order) == people(rows, list(range(len(rows))))


def test_a_table_with_nothing_to_find_has_no_rules(records: Callable[[str], Records]) -> None:
    header, *rows = register(FEW_RECORDS + 1)[0].split("\n")
    each_person_once = rows[::2]

    assert begun(records("\n".join([header, *each_person_once]))).rules == []


def test_few_records_are_compared_each_with_each(records: Callable[[str], Records]) -> None:
    beginning = begun(
        records("First Name,Email\nAda,ada@kite.example\nBoris,boris@rook.example\nClara,c@dale.example\n")
    )

    assert beginning.candidates.select("left", "right").rows() == [(0, 1), (0, 2), (1, 2)]
    assert beginning.rules == []

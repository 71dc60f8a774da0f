"""Blocking rules that are found in the data: what they bring, within their budget, whatever the order of the rows."""

from __future__ import annotations

import random
from collections.abc import Callable

import polars as pl
import pytest

from transforms.match.blocking import candidate_pairs, shared_keys
from transforms.match.features import prepare
from transforms.match.further import further_columns
from transforms.match.learning import likelihood, starting_model
from transforms.match.matching import match
from transforms.match.predicates import BUDGET, found_blocks, found_rules, predicates
from transforms.match.term_frequency import compared_values, term_frequencies
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


def found(tables: Records) -> tuple[pl.DataFrame, pl.DataFrame, list[tuple[str, ...]]]:
    """Candidates of the fixed rules, those with the rules that are found, and these rules."""
    values, columns = compared_values(tables), further_columns(tables)
    prepared = prepare(tables, values, term_frequencies(tables, values), columns)
    shared, count = shared_keys(tables, values), len(tables.records)
    fixed = candidate_pairs(shared, records=count)
    known, start = predicates(tables, values, columns), starting_model(prepared)
    rules = found_rules(known, fixed, lambda pairs: likelihood(pairs, prepared, start), records=count)
    return fixed, candidate_pairs([*shared, *found_blocks(rules, known)], records=count), rules


def right(pairs: pl.DataFrame, owner: list[int]) -> int:
    of = pl.Series(owner)
    return int((of.gather(pairs["left"]) == of.gather(pairs["right"])).sum())


def test_rules_are_found_for_what_the_fixed_ones_do_not_bring(records: Callable[[str], Records]) -> None:
    text, owner = register()
    fixed, all_of_them, rules = found(records(text))

    assert rules
    assert right(fixed, owner) < 0.6 * 300
    assert right(all_of_them, owner) > 0.95 * 300
    assert len(all_of_them) - len(fixed) <= BUDGET * len(owner)


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
    assert found(records("First Name,Email\nAda,ada@kite.example\nBoris,boris@rook.example\n"))[2] == []

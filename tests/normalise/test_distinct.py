"""Values by their number: the same number for the same value, whatever their hashes are."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.exports import reading
from transforms.columns.coding import by_value, coded
from transforms.match.graph import components

VALUES = st.lists(st.one_of(st.none(), st.text("abé", max_size=2)), max_size=30)


def _all_alike(values: pl.Series, seed: int = 0) -> pl.Series:
    return pl.Series([seed] * len(values), dtype=pl.UInt64)


def check(values: list[str | None]) -> None:
    texts = pl.Series(values, dtype=pl.String)
    told = coded(texts)
    assert told.different.is_unique().all()
    assert told.each(lambda different: different).to_list() == values
    assert dict(zip(told.different, told.counts(), strict=True)) == {
        value: values.count(value) for value in values if value is not None
    }
    heads = told.by(lambda different: different.str.head(1))
    assert heads.each(lambda different: different).to_list() == [value and value[:1] for value in values]
    assert by_value(texts, lambda some: some.str.to_uppercase()).to_list() == [
        value and value.upper() for value in values
    ]


@given(VALUES)
def test_a_number_stands_for_one_value(values: list[str | None]) -> None:
    check(values)


@given(VALUES)
def test_values_of_one_hash_are_told_apart(values: list[str | None]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pl.Series, "hash", _all_alike)
        check(values)


@given(st.permutations(["b,1", "a,2", "c,3", "a,2"]))
def test_rows_are_ordered_by_what_they_say_even_when_all_hashes_are_alike(texts: list[str]) -> None:
    rows = pl.DataFrame({"raw": texts, "0": [text[0] for text in texts]})
    ordered = []
    for alike in (False, True):
        with pytest.MonkeyPatch.context() as patch:
            if alike:
                patch.setattr(pl.Series, "hash", _all_alike)
            ordered.append(reading._by_content(rows)["0"].to_list())

    assert ordered[1] == ["a", "a", "b", "c"]
    assert ordered[0] == reading._by_content(rows.sort("raw"))["0"].to_list()


@given(st.integers(1, 12).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.tuples(*[st.integers(0, n - 1)] * 2)))))
def test_a_component_is_what_hangs_together_called_by_its_first_record(
    world: tuple[int, list[tuple[int, int]]],
) -> None:
    records, edges = world
    together = [{record} for record in range(records)]
    for left, right in edges:
        joined = together[left] | together[right]
        for record in joined:
            together[record] = joined

    found = components(pl.DataFrame(edges, schema={"left": pl.UInt32, "right": pl.UInt32}, orient="row"), records)

    assert found.to_list() == [min(group) for group in together]

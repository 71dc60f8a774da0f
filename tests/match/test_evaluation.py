"""`onefold evaluate` holds clusters against a truth, and says which pairs were missed or wrongly joined, and why."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path

import polars as pl
import pytest
from conftest import Ended
from hypothesis import given
from hypothesis import strategies as st

from transforms.match.evaluation import evaluated, mistakes

Onefold = Callable[..., Ended]
GROUPINGS = st.integers(1, 25).flatmap(
    lambda size: st.tuples(*[st.lists(st.integers(0, size), min_size=size, max_size=size)] * 2)
)


def table(clusters: Sequence[int], entities: Sequence[int]) -> pl.DataFrame:
    ids = [f"r{number:02}" for number in range(len(clusters))]
    return pl.DataFrame({"id": ids, "cluster": clusters, "entity": entities})


def pairs(groups: Sequence[int]) -> set[tuple[int, int]]:
    return {(one, two) for one, two in combinations(range(len(groups)), 2) if groups[one] == groups[two]}


def sets(groups: Sequence[int]) -> set[frozenset[int]]:
    return {frozenset(at for at, group in enumerate(groups) if group == name) for name in groups}


def share(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


@given(GROUPINGS)
def test_the_measures_are_those_of_a_plain_count(groupings: tuple[list[int], list[int]]) -> None:
    clusters, entities = groupings
    joined, true = pairs(clusters), pairs(entities)
    mine = [frozenset(at for at, group in enumerate(clusters) if group == name) for name in clusters]
    theirs = [frozenset(at for at, group in enumerate(entities) if group == name) for name in entities]
    common = [len(one & two) for one, two in zip(mine, theirs, strict=True)]
    whole = sets(clusters) & sets(entities)

    found = evaluated(table(clusters, entities))

    assert (found.joined_pairs, found.true_pairs, found.right_pairs) == (len(joined), len(true), len(joined & true))
    expected = [
        (found.pairwise, share(len(joined & true), len(joined)), share(len(joined & true), len(true))),
        (
            found.b_cubed,
            sum(both / len(one) for both, one in zip(common, mine, strict=True)) / len(clusters),
            sum(both / len(one) for both, one in zip(common, theirs, strict=True)) / len(clusters),
        ),
        (found.exact, len(whole) / len(sets(clusters)), len(whole) / len(sets(entities))),
    ]
    for measures, precision, recall in expected:
        assert measures.precision.value == pytest.approx(precision, nan_ok=True)
        assert measures.recall.value == pytest.approx(recall, nan_ok=True)
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else math.nan
        assert measures.f1.value == pytest.approx(f1, nan_ok=True)


@given(GROUPINGS)
def test_an_interval_lies_around_its_value_and_perfect_clusters_have_none(
    groupings: tuple[list[int], list[int]],
) -> None:
    _, entities = groupings

    perfect = evaluated(table(entities, entities))

    for measures in (perfect.b_cubed, perfect.exact):
        assert [tuple(estimate) for estimate in measures] == [(1.0, 1.0, 1.0)] * 3


def test_an_interval_is_wide_for_few_entities_and_narrow_for_many() -> None:
    def width(people: int) -> float:
        entities = [person for person in range(people) for _ in range(2)]
        clusters = [2 * person + (person % 4 == 0) * row for person in range(people) for row in range(2)]
        recall = evaluated(table(clusters, entities)).pairwise.recall
        assert recall.value == 0.75
        assert recall.low < 0.75 < recall.high
        return recall.high - recall.low

    # The error of a share falls with the root of the number: 0.43 / √n on either side.
    assert width(20) == pytest.approx(2 * 1.96 * 0.433 / 20**0.5, rel=0.35)
    assert width(2000) == pytest.approx(2 * 1.96 * 0.433 / 2000**0.5, rel=0.35)


def test_mistakes_are_counted_by_kind_and_levels() -> None:
    assigned = table(clusters=[1, 1, 2, 3, 4, 5, 5, 6], entities=[1, 1, 1, 2, 2, 3, 4, 4])
    links = pl.DataFrame(
        {
            "left": ["r00", "r03", "r06", "r06"],
            "right": ["r02", "r04", "r05", "r07"],
            "probability": [0.4, 0.97, 0.95, 0.2],
            "level_first": ["same first name", "other first name", "same first name", "same first name"],
            "level_email": ["other e-mail", "", "same e-mail", "other e-mail"],
        }
    )

    missed, wrong = mistakes(assigned, links, threshold=0.9)

    assert missed.rows() == [
        ("below the threshold", "same first name, other e-mail", 2, ["r00 – r02", "r06 – r07"]),
        ("no candidate", "", 1, ["r01 – r02"]),
        ("refused in clustering", "other first name", 1, ["r03 – r04"]),
    ]
    assert wrong.rows() == [("joined", "same first name, same e-mail", 1, ["r05 – r06"])]


def test_columns_are_found_by_their_names_or_named(onefold: Onefold, tmp_path: Path) -> None:
    (tmp_path / "clusters.csv").write_text("id,cluster_id\n1,1\n2,1\n3,2\n")
    pl.DataFrame({"row": ["1", "2", "3"], "who": ["a", "a", "b"], "note": ["x", "y", "z"]}).write_parquet(
        tmp_path / "truth.parquet"
    )

    unclear = onefold("evaluate", "clusters.csv", "truth.parquet")
    named = onefold("evaluate", "clusters.csv", "truth.parquet", "--truth-id", "row", "--entity", "who", "--json")
    wrong = onefold("evaluate", "clusters.csv", "truth.parquet", "--truth-id", "nowhere")

    assert unclear.code == 2
    assert "Which column of truth.parquet is meant? Name it with --truth-id." in unclear.err
    assert json.loads(named.out)["pairwise"]["f1"]["value"] == 1.0
    assert wrong.err.strip() == "onefold: truth.parquet has no column 'nowhere'. It has: row, who, note."


def test_ids_that_stand_twice_or_nowhere_are_one_sentence(onefold: Onefold, tmp_path: Path) -> None:
    (tmp_path / "twice.csv").write_text("id,cluster_id\n1,1\n1,2\n")
    (tmp_path / "other.csv").write_text("id,entity\n8,1\n9,2\n")
    (tmp_path / "part.csv").write_text("id,cluster_id\n8,1\n7,2\n")

    assert onefold("evaluate", "twice.csv", "other.csv").err.strip() == (
        "onefold: The id '1' stands in twice.csv twice, so its rows cannot be told apart."
    )
    part = json.loads(onefold("evaluate", "part.csv", "other.csv", "--json").out)
    assert (part["records"], part["without_truth"], part["without_cluster"]) == (1, 1, 1)
    assert "No id of" in onefold("evaluate", "other.csv", "part.csv", "--cluster", "entity", "--truth-id", "cluster_id",
                                 "--entity", "id").err  # fmt: skip

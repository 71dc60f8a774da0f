"""An index of known records: new ones find their people in it, and are known from then on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import people
import polars as pl
import pytest
from conftest import Ended

from connectors.store.index import Index

KNOWN, NEW = 3000, 300


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """A world of contacts in two files, and whole."""
    table, _ = people.make(KNOWN + NEW, seed=11)
    table.write_csv(tmp_path / "all.csv")
    table.head(KNOWN).write_csv(tmp_path / "known.csv")
    table.tail(NEW).write_csv(tmp_path / "new.csv")
    return tmp_path


def clusters(folder: Path, name: str) -> pl.DataFrame:
    return pl.read_csv(folder / name)


def matched(onefold: Callable[..., Ended], name: str, *more: str) -> Ended:
    command = ("match", f"{name}.csv", "--force", "--out", f"{name}-out.csv", "--id", "Record ID", "--region", "US")
    done = onefold(*command, *more)
    assert (done.code, "Traceback" in done.err) == (0, False), done.err
    return done


def pairs(told: pl.DataFrame) -> set[tuple[int, int]]:
    """Pairs of ids of one cluster of which one is new."""
    both = told.join(told, on="cluster_id", suffix="_other").filter(pl.col("id") < pl.col("id_other"))
    return set(both.filter(pl.col("id_other") > KNOWN).select("id", "id_other").iter_rows())


def test_new_rows_find_whom_they_would_find_if_all_were_matched(onefold: Callable[..., Ended], world: Path) -> None:
    matched(onefold, "known", "--index", "index")
    told = matched(onefold, "new", "--index", "index", "--json").json
    matched(onefold, "all")

    known = clusters(world, "known-out.csv")
    for stays, gone in told["joined"]:
        known = known.with_columns(pl.col("cluster_id").replace(gone, stays))
    found = pairs(pl.concat([known, clusters(world, "new-out.csv")]))
    whole = pairs(clusters(world, "all-out.csv"))
    assert told["known"] == KNOWN
    assert len(whole) > 100
    assert len(found & whole) / len(whole) > 0.97
    assert len(found & whole) / len(found) > 0.97


def test_rows_that_are_known_already_are_who_they_were(onefold: Callable[..., Ended], world: Path) -> None:
    matched(onefold, "known", "--index", "index")
    told = matched(onefold, "new", "--index", "index", "--json").json
    before = clusters(world, "new-out.csv")
    again = matched(onefold, "new", "--index", "index", "--json").json

    assert again["known"] == KNOWN + NEW
    assert again["joined"] == []
    both = before.join(clusters(world, "new-out.csv"), on="id", suffix="_again")
    nameless = (both["cluster_id"] != both["cluster_id_again"]).mean()
    assert nameless < 0.03  # only those of whom too little is told to know them again
    assert told["records"] == again["records"] == NEW


def test_known_people_who_turn_out_to_be_one_are_one_from_then_on(
    onefold: Callable[..., Ended], tmp_path: Path
) -> None:
    header = "Record ID,First Name,Last Name,Email,Phone\n"
    (tmp_path / "known.csv").write_text(
        header + "1,Robert,Whitaker,bob.w@postbox.example,\n2,Rob,Whitaker,,212-555-0123\n3,Ana,Quill,ana@q.example,\n"
    )
    (tmp_path / "new.csv").write_text(header + "4,Robert,Whitaker,bob.w@postbox.example,212-555-0123\n")
    matched(onefold, "known", "--index", "index")
    assert clusters(tmp_path, "known-out.csv")["cluster_id"].n_unique() == 3

    told = matched(onefold, "new", "--index", "index", "--json")
    first, second = (clusters(tmp_path, "known-out.csv")["cluster_id"][at] for at in (0, 1))
    assert told.json["joined"] == [[min(first, second), max(first, second)]]
    assert clusters(tmp_path, "new-out.csv")["cluster_id"].to_list() == [min(first, second)]

    (tmp_path / "new.csv").write_text(header + "5,Rob,Whitaker,,212-555-0123\n6,Zoe,Lark,zoe@l.example,\n")
    later = matched(onefold, "new", "--index", "index", "--json")
    assert later.json["joined"] == []
    assert clusters(tmp_path, "new-out.csv")["cluster_id"].to_list() == [min(first, second), 4]


def test_what_an_interrupted_run_left_is_not_used(onefold: Callable[..., Ended], world: Path) -> None:
    matched(onefold, "known", "--index", "index")
    stray = world / "index" / "part-2"
    stray.mkdir()
    (stray / "keys.parquet").write_bytes(b"half a file")

    assert matched(onefold, "new", "--index", "index", "--json").json["known"] == KNOWN
    assert json.loads((world / "index" / "index.json").read_text())["records"] == KNOWN + NEW


def test_an_index_that_cannot_be_used_is_one_sentence(onefold: Callable[..., Ended], world: Path) -> None:
    matched(onefold, "known", "--index", "index")
    index = world / "index" / "index.json"
    sound = index.read_text()

    def sentence(*more: str) -> tuple[int, str]:
        done = onefold("match", "new.csv", "--force", "--out", "o.csv", "--index", "index", *more)
        assert "Traceback" not in done.err
        return done.code, done.err

    code, told = sentence("--region", "GB")
    assert (code, "was made with other settings: --region US" in told) == (2, True)
    index.write_text(sound.replace('"version": "3', '"version": "1'))
    assert "was made by another version" in sentence("--region", "US")[1]
    index.write_text(sound[: len(sound) // 2])
    assert "is damaged" in sentence("--region", "US")[1]
    index.write_text(sound)
    (world / "index" / "part-1" / "keys.parquet").unlink()
    code, told = sentence("--region", "US")
    assert (code, "is damaged" in told) == (1, True)
    assert "holds something else than an index" in onefold("match", "new.csv", "--out", "o.csv", "--index", ".").err
    (world / "d.csv").write_text("verdict,records\napart,1;2\n")
    assert sentence("--decisions", "d.csv")[0] == 2


def test_one_process_at_a_time_works_on_an_index(onefold: Callable[..., Ended], world: Path) -> None:
    matched(onefold, "known", "--index", "index")
    with Index(world / "index").alone():
        done = onefold("match", "new.csv", "--out", "o.csv", "--region", "US", "--index", "index")
    assert (done.code, "Another process is at work on the index" in done.err) == (1, True)


def test_rows_that_say_next_to_nothing_are_people_of_their_own(onefold: Callable[..., Ended], tmp_path: Path) -> None:
    header = "Record ID,First Name,Last Name,Email,Phone\n"
    (tmp_path / "known.csv").write_text(header + "1,Ada,,,\n")
    (tmp_path / "new.csv").write_text(header + "2,Zoe,,,\n3,,,,\n")

    matched(onefold, "known", "--index", "index")
    matched(onefold, "new", "--index", "index")

    assert clusters(tmp_path, "new-out.csv")["cluster_id"].n_unique() == 2
    assert 1 not in clusters(tmp_path, "new-out.csv")["cluster_id"]

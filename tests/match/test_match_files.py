"""`onefold match` as a tool: several tables, links, golden records, doubtful pairs, households, every kind of file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter
from conftest import Ended

Onefold = Callable[..., Ended]
CRM = """id,First Name,Last Name,Email,Phone,Street,City,Postal Code
c1,Katharina,Lindqvist,k.lindqvist@kite.example,+1 212 555 0147,12 Alder Street,Salem,97301
c2,Katarina,Lindqvist,,(212) 555-0147,,,
c3,Boris,Brook,boris.brook@rook.example,,9 Oak Road,Keizer,97303
c4,Olga,Brook,olga@wren.example,+1 503 555 0110,9 Oak Road,Keizer,97303
"""
SHOP = """id,First Name,Last Name,Email,Phone
s1,Katharina,Lindqvist,K.Lindqvist@kite.example,
s2,Boris,Brook,boris.brook@rook.example,+1 503 555 0199
s3,Boris,Brook,boris.brook@rook.example,+1 503 555 0199
"""


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    (tmp_path / "crm.csv").write_text(CRM)
    (tmp_path / "shop.csv").write_text(SHOP)
    return tmp_path


def groups(path: Path) -> list[list[str]]:
    """The ids of each cluster of several rows."""
    rows = pl.read_csv(path, infer_schema=False).group_by("cluster_id").agg(pl.col("id").sort())
    return sorted(ids for ids in rows["id"].to_list() if len(ids) > 1)


def test_several_files_are_one_table(onefold: Onefold, tables: Path) -> None:
    done = onefold("match", "crm.csv", "shop.csv", "--id", "id", "--out", "out.csv", "--json")

    assert (done.json["records"], done.json["clusters"]) == (7, 3)
    rows = pl.read_csv(tables / "out.csv")
    assert rows.columns == ["file", "id", "cluster_id"]
    assert rows["id"].to_list() == ["c1", "c2", "c3", "c4", "s1", "s2", "s3"]
    assert groups(tables / "out.csv") == [["c1", "c2", "s1"], ["c3", "s2", "s3"]]


def test_linking_joins_across_files_alone(onefold: Onefold, tables: Path) -> None:
    onefold("match", "crm.csv", "shop.csv", "--id", "id", "--link", "--out", "out.csv", "--links", "links.csv")

    assert groups(tables / "out.csv") == [["c1", "s1"], ["c3", "s2"]]
    links = pl.read_csv(tables / "links.csv", infer_schema=False)
    assert links.filter(pl.col("file_left") == pl.col("file_right")).is_empty()
    assert onefold("match", "crm.csv", "--link", "--out", "x.csv").code == 2


def test_links_carry_the_evidence_and_their_bits_add_up(onefold: Onefold, tables: Path) -> None:
    onefold("match", "crm.csv", "--id", "id", "--out", "out.csv", "--links", "links.parquet")

    links = pl.read_parquet(tables / "links.parquet")
    first = links.row(0, named=True)
    assert {first["left"], first["right"]} == {"c1", "c2"}
    assert (first["level_last"], first["level_phone"], first["level_title"]) == ("same surname", "same phone", None)
    assert links["probability"].is_sorted(descending=True)
    odds = 2.0 ** first["bits"]
    assert first["probability"] == pytest.approx(odds / (1 + odds), rel=1e-4)


def test_a_threshold_is_the_commands_else_the_environments(
    onefold: Onefold, tables: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    onefold("match", "crm.csv", "--id", "id", "--out", "out.csv", "--links", "links.csv")
    likely = float(pl.read_csv(tables / "links.csv")["probability"][0])
    above, below = f"{(1 + likely) / 2:.6f}", f"{likely - 0.01:.6f}"

    onefold("match", "crm.csv", "--id", "id", "--threshold", above, "--out", "above.csv")
    monkeypatch.setenv("ONEFOLD_MATCH__AUTO", above)
    onefold("match", "crm.csv", "--id", "id", "--out", "environment.csv")
    onefold("match", "crm.csv", "--id", "id", "--threshold", below, "--out", "below.csv")

    assert groups(tables / "above.csv") == groups(tables / "environment.csv") == []
    assert groups(tables / "below.csv") == [["c1", "c2"]]


def test_golden_records_have_a_row_for_each_person(onefold: Onefold, tables: Path) -> None:
    onefold("match", "crm.csv", "shop.csv", "--id", "id", "--out", "out.csv", "--golden", "golden.parquet")

    golden = pl.read_parquet(tables / "golden.parquet")
    assert golden["cluster_id"].to_list() == [1, 2, 3]
    assert golden["records"].to_list() == [3, 3, 1]
    boris = golden.row(1, named=True)
    assert (boris["first"], boris["emails"], boris["phones"]) == (
        "Boris",
        "boris.brook@rook.example",
        "+1 503 555 0199",
    )
    assert boris["addresses"] == "9 Oak Road, 97303, Keizer"


def test_doubtful_pairs_come_most_uncertain_first_and_are_decisions_once_filled_in(
    onefold: Onefold, tables: Path
) -> None:
    onefold("match", "crm.csv", "--id", "id", "--out", "out.csv", "--threshold", "0.9999999", "--review", "review.csv")

    review = pl.read_csv(tables / "review.csv", infer_schema=False)
    doubt = (review["probability"].cast(pl.Float64) - 0.9999999).abs()
    assert doubt.is_sorted()
    pair = review.filter(pl.col("records").is_in(["c1;c2", "c2;c1"])).row(0, named=True)
    assert (pair["verdict"], pair["together_now"], pair["last_left"]) == (None, "false", "Lindqvist")

    filled = review.with_columns(verdict=pl.when(pl.col("records") == pair["records"]).then(pl.lit("together")))
    filled.write_csv(tables / "review.csv")
    onefold("match", "crm.csv", "--id", "id", "--threshold", "0.9999999", "--decisions", "review.csv", "--out", "2.csv")
    assert groups(tables / "2.csv") == [["c1", "c2"]]


def test_doubtful_pairs_stand_beside_their_own_evidence_where_ids_repeat(onefold: Onefold, tmp_path: Path) -> None:
    (tmp_path / "crm.csv").write_text(
        "id,First Name,Last Name,Birthday\n"
        "1,Katharina,Lindqvist,1980-02-03\n1,Katharina,Lindquist,\n1,Bartholomew,Featherstone,\n1,Bartholomew,Featherstane,1971-05-06\n"
    )
    done = onefold("match", "crm.csv", "--id", "id", "--out", "out.csv", "--review", "review.csv", "--threshold", "1")

    assert done.code == 0, done.err
    review = pl.read_csv(tmp_path / "review.csv", infer_schema=False)
    assert set(review.select("first_left", "first_right", "level_first", "level_last").rows()) == {
        ("Bartholomew", "Bartholomew", "same first name", "similar surname"),
        ("Katharina", "Katharina", "same first name", "similar surname"),
    }
    assert len(review) == 2


def test_households_are_people_who_live_together(onefold: Onefold, tables: Path) -> None:
    onefold("match", "crm.csv", "--id", "id", "--out", "out.csv", "--households", "homes.csv")

    homes = pl.read_csv(tables / "homes.csv", infer_schema=False)
    assert homes.select("household_id", "id").rows() == [("1", "c3"), ("1", "c4")]


def test_strangers_in_a_block_of_flats_are_no_household(onefold: Onefold, tmp_path: Path) -> None:
    people = [
        ("Ada", "Novak"),
        ("Boris", "Brook"),
        ("Clara", "Dale"),
        ("Dora", "Falk"),
        ("Emil", "Garn"),
        ("Finn", "Garn"),
    ]
    rows = [f"{number},{first},{last},7 Tower Street,Salem,97301" for number, (first, last) in enumerate(people)]
    (tmp_path / "crm.csv").write_text("\n".join(["id,First Name,Last Name,Street,City,Postal Code", *rows]))

    onefold("match", "crm.csv", "--id", "id", "--out", "out.csv", "--households", "homes.csv")

    assert pl.read_csv(tmp_path / "homes.csv")["id"].to_list() == [4, 5]


@pytest.mark.parametrize("suffix", ["csv", "parquet", "xlsx"])
def test_every_kind_of_table_is_read_and_written(onefold: Onefold, tables: Path, suffix: str) -> None:
    table = pl.read_csv(tables / "crm.csv", infer_schema=False)
    if suffix == "xlsx":
        with xlsxwriter.Workbook(tables / "in.xlsx") as book:
            table.write_excel(book)
    else:
        (table.write_parquet if suffix == "parquet" else table.write_csv)(tables / f"in.{suffix}")

    done = onefold("match", f"in.{suffix}", "--id", "id", "--out", f"out.{suffix}", "--json")
    again = onefold("match", f"out.{suffix}", "--out", "again.csv")

    assert done.json["clusters"] == 3, done.err
    read = {"csv": pl.read_csv, "parquet": pl.read_parquet, "xlsx": pl.read_excel}[suffix]
    assert [str(one) for one in read(tables / f"out.{suffix}")["cluster_id"]] == ["1", "1", "2", "3"]
    assert again.code in (0, 1, 3)


def test_no_result_replaces_what_is_read_or_another_result(onefold: Onefold, tables: Path) -> None:
    def refused(*words: str) -> str:
        done = onefold("match", "crm.csv", "--out", "out.csv", *words)
        assert done.code == 2
        return done.err

    (tables / "there.csv").write_text("mine")
    assert "is what is read" in refused("--links", "crm.csv")
    assert "is named for two results" in refused("--links", "out.csv")
    assert "is there already" in refused("--golden", "there.csv")
    assert "its suffix must be one of .csv, .parquet, .xlsx" in refused("--review", "review.txt")
    assert "clusters alone" in refused("--index", "known", "--links", "links.csv")
    assert (tables / "there.csv").read_text() == "mine"
    assert not (tables / "out.csv").exists()


def test_evaluate_says_from_the_links_what_was_missed_and_why(onefold: Onefold, tables: Path) -> None:
    (tables / "truth.csv").write_text("id,entity\nc1,1\nc2,1\nc3,2\nc4,2\n")
    onefold("match", "crm.csv", "--id", "id", "--out", "out.csv", "--links", "links.csv")

    told = json.loads(onefold("evaluate", "out.csv", "truth.csv", "--links", "links.csv", "--json").out)

    assert (told["true_pairs"], told["joined_pairs"], told["right_pairs"]) == (2, 1, 1)
    assert told["missed"] == [
        {
            "kind": "below the threshold",
            "levels": "other first name, same surname, other e-mail, same address",
            "pairs": 1,
            "examples": ["c3 – c4"],
        }
    ]
    assert told["wrong"] == []

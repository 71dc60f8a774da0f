"""The main job from exports to a clean site, on the sample world and on bad input, through the command line."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from conftest import SAMPLES, Ended, contacts_of, table

from connectors.local import LocalSite
from transforms.schema.contact import Email, Info

Onefold = Callable[..., Ended]
Export = Callable[[str, str], Path]
COUNTS = ("records", "rejected", "clusters", "duplicates", "created", "updated", "merged", "labelled", "held", "failed")
KEYS = {"run", *COUNTS, "planned", "left", "warnings", "seconds", "audit", "report"}


@pytest.fixture
def sample_site(onefold: Onefold, tmp_path: Path) -> Path:
    path = tmp_path / "sample.db"
    assert onefold("site", "load", SAMPLES / "site.jsonl", "--site", f"local:{path}").code == 0
    return path


def migrate_samples(onefold: Onefold, site: Path, run: str, *more: str) -> Ended:
    return onefold("migrate", "--config", SAMPLES / "onefold.toml", "--site", f"local:{site}", "--run", run, *more)


def pairs(clusters: pl.DataFrame, by: str) -> set[tuple[str, str]]:
    members = clusters.group_by(by).agg("record_id")["record_id"].to_list()
    return {(a, b) for group in map(sorted, members) for index, a in enumerate(group) for b in group[index + 1 :]}


def test_the_samples_end_clean_matched_well_and_a_second_run_changes_nothing(
    onefold: Onefold, sample_site: Path, tmp_path: Path
) -> None:
    before = len(contacts_of(sample_site))

    first = migrate_samples(onefold, sample_site, "one", "--yes", "--json")
    between = contacts_of(sample_site)
    second = migrate_samples(onefold, sample_site, "two", "--yes", "--json")

    summary, again = first.json, second.json
    assert set(summary) == KEYS
    assert len(between) == before + summary["created"] - summary["merged"]
    assert summary["failed"] == 0
    assert first.code == (3 if summary["held"] else 0)
    assert {kind: again[kind] for kind in ("created", "updated", "merged", "labelled", "failed")} == dict.fromkeys(
        ("created", "updated", "merged", "labelled", "failed"), 0
    )
    assert contacts_of(sample_site) == between

    truth = pl.read_csv(SAMPLES / "truth.csv")
    clusters = table(tmp_path / "one", "clusters").join(truth, on="record_id")
    assert len(clusters) == len(truth)
    found, true = pairs(clusters, "cluster"), pairs(clusters, "person")
    assert len(found & true) / len(found) >= 0.98
    assert len(found & true) / len(true) >= 0.90


def test_every_row_of_the_samples_is_a_record_or_a_reject(onefold: Onefold, sample_site: Path, tmp_path: Path) -> None:
    done = migrate_samples(onefold, sample_site, "one", "--yes", "--json")

    run = tmp_path / "one"
    facts = json.loads((run / "run.json").read_text("utf-8"))
    rows = sum(file["rows"] for file in facts["files"])
    assert rows + facts["site_contacts"] == done.json["records"] + done.json["rejected"]
    assert table(run, "rejects")["reason"].null_count() == 0
    for name in ("records", "rejects", "pairs", "clusters", "plan", "losses", "audit", "emails", "phones"):
        assert (run / f"{name}.parquet").is_file()


def test_the_report_and_the_audit_tell_each_operation(onefold: Onefold, sample_site: Path, tmp_path: Path) -> None:
    done = migrate_samples(onefold, sample_site, "one", "--yes", "--json")

    page = (tmp_path / "one" / "report.html").read_text("utf-8")
    audit = pl.read_csv(tmp_path / "one" / "audit.csv", infer_schema=False)
    assert "http://" not in page
    assert "https://" not in page
    assert "What would be visible nowhere" in page
    assert "style=" not in page  # the page's policy allows no style but its own
    plan = table(tmp_path / "one", "plan")
    assert len(audit) == len(plan)
    assert set(audit["outcome"]) <= {"done", "review", "blocked"}
    assert (
        audit.filter(pl.col("what").str.starts_with("create"), pl.col("outcome") == "done").height
        == done.json["created"]
    )
    assert audit["why"].null_count() == 0


def test_plan_touches_nothing_and_apply_does_what_was_planned(
    onefold: Onefold, sample_site: Path, tmp_path: Path
) -> None:
    before = contacts_of(sample_site)

    planned = onefold("plan", "--config", SAMPLES / "onefold.toml", "--site", f"local:{sample_site}", "--run", "one")
    assert planned.code == 3  # some of its cases wait for a person
    assert "Nothing has been written" in planned.err
    assert contacts_of(sample_site) == before

    applied = onefold("apply", "one", "--yes", "--json")
    expected = table(tmp_path / "one", "plan").filter(pl.col("state") == "auto")
    assert applied.json["created"] == expected.filter(pl.col("kind") == "create").height
    assert applied.json["merged"] == expected.filter(pl.col("kind") == "merge")["sources"].list.len().sum()
    assert onefold("report", "one", "--json").json["created"] == applied.json["created"]


def test_nothing_is_applied_without_a_typed_yes(onefold: Onefold, export: Export, tmp_path: Path) -> None:
    file = export("crm.csv", "First Name,Email\nAda,ada@postbox.example\n")

    silent = onefold("migrate", file, "--site", "local:a.db", "--run", "one")
    refused = onefold("migrate", file, "--site", "local:a.db", "--run", "two", answer="no\n")
    assert (silent.code, refused.code) == (2, 0)
    assert "Nobody answered" in silent.err
    assert not (tmp_path / "a.db").exists()

    agreed = onefold("migrate", file, "--site", "local:a.db", "--run", "three", answer="yes\n")
    assert agreed.code == 0
    assert [one.first for one in contacts_of(tmp_path / "a.db")] == ["Ada"]


@pytest.mark.parametrize("order", [("crm", "shop"), ("shop", "crm")])
def test_the_order_of_the_exports_is_the_precedence(
    onefold: Onefold, export: Export, tmp_path: Path, order: tuple[str, str]
) -> None:
    rows = {"crm": ("212-555-0101", "Bluefin Analytics"), "shop": ("617-555-0102", "Umbra Lighting")}
    files = {
        name: export(
            f"{name}.csv",
            f"First Name,Last Name,Email,Phone,Company\nAda,Novak,ada@postbox.example,{phone},{company}\n",
        )
        for name, (phone, company) in rows.items()
    }

    done = onefold(
        "migrate", *[files[name] for name in order], "--site", "local:a.db", "--run", "one", "--yes", "--json"
    )

    contact = contacts_of(tmp_path / "a.db")
    assert done.json["created"] == len(contact) == 1
    assert contact[0].company == rows[order[0]][1]
    assert [one.phone for one in contact[0].phones] == [rows[name][0] for name in order]
    lost = table(tmp_path / "one", "losses").select("field", "value", "kept").rows()
    assert lost == [("company", rows[order[1]][1], rows[order[0]][1])]


def test_a_bad_file_stops_nothing_else_and_is_listed(onefold: Onefold, export: Export, tmp_path: Path) -> None:
    good = export("good.csv", "First Name,Email,Notes\nAda,ada@postbox.example,\n,,just a comment\n")
    empty, letter = export("empty.csv", ""), export("letter.csv", "Dear all,\nno table here\n")

    done = onefold("migrate", good, empty, letter, "--site", "local:a.db", "--run", "one", "--yes", "--json")

    rejects = table(tmp_path / "one", "rejects").select("file", "line", "reason").sort("file").rows()
    assert done.code == 3
    assert done.json["created"] == 1
    assert [row[:2] for row in rejects] == [("empty.csv", 1), ("good.csv", 3), ("letter.csv", 1)]
    assert "is empty" in rejects[0][2]
    assert rejects[1][2] == "no name, e-mail or phone"
    assert "no column that can be used" in rejects[2][2]


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("empty.csv", "", "is empty"),
        ("letter.csv", "Dear all,\nno table here\n", "no column that can be used"),
        ("towns.csv", "City,Country\nYork,GB\n", "no column that can be used"),
        ("picture.csv", "\x89PNG\x00\x00", "is not a text table"),
    ],
)
def test_only_bad_input_is_a_sentence_and_exit_code_one(
    onefold: Onefold, export: Export, name: str, text: str, sentence: str
) -> None:
    done = onefold("migrate", export(name, text), "--site", "local:a.db", "--run", "one", "--yes", "--json")

    assert done.code == 1
    assert sentence in done.err
    assert "Traceback" not in done.err
    assert done.out == ""

    good = export("good.csv", "First Name,Email\nAda,ada@postbox.example\n")
    again = onefold("migrate", good, "--site", "local:a.db", "--run", "one", "--yes")
    assert again.code == 0  # what was never planned does not stand in the way


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("migrate",), "There is nothing to read"),
        (("migrate", "missing.csv"), "There is no file or folder"),
        (("migrate", "--config", "missing.toml"), "There is no settings file"),
        (("plan", "--site", "local:missing.db"), "There is no embedded site"),
        (("plan", "--site", "ftp://x.example"), "is not a site"),
        (("match", "missing.csv", "--out", "o.csv"), "There is no file"),
        (("site", "load", "missing.jsonl", "--site", "local:a.db"), "There is no file"),
    ],
)
def test_wrong_usage_is_a_sentence_and_exit_code_two(
    onefold: Onefold, arguments: tuple[str, ...], sentence: str
) -> None:
    done = onefold(*arguments)

    assert done.code == 2
    assert sentence in done.err
    assert "Traceback" not in done.err


def test_a_run_that_is_not_there_is_a_sentence(onefold: Onefold) -> None:
    done = onefold("apply", "nowhere", "--yes")

    assert done.code == 1
    assert "There is no run in nowhere" in done.err


def test_a_folder_of_exports_is_one_source(onefold: Onefold, tmp_path: Path) -> None:
    folder = tmp_path / "crm"
    folder.mkdir()
    (folder / "a.csv").write_text("First Name,Email\nAda,ada@postbox.example\n")
    (folder / "b.csv").write_text("First Name,Email\nByron,byron@postbox.example\n")

    done = onefold("migrate", f"{folder}=people", "--site", "local:a.db", "--run", "one", "--yes", "--json")

    assert done.json["created"] == 2
    assert sorted(table(tmp_path / "one", "records")["record_id"]) == ["people:1", "people:2"]


def test_match_gives_every_row_its_cluster_in_order(onefold: Onefold, export: Export, tmp_path: Path) -> None:
    file = export(
        "people.csv",
        "rec_id,given_name,surname,date_of_birth,street_number,address_1,suburb,postcode,state,occupation\n"
        "r1,mitchell,green,19560409,7,wallaby place,cleveland,2119,sa,baker\n"
        "r2,harley,mccarthy,19080419,177,pridham street,marsden,3165,nsw,\n"
        'r3,"broken\n'
        "r4,mitchel,green,19560409,7,walaby place,cleveland,2119,sa,baker\n"
        "r5,,,,,,,,,\n",
    )

    done = onefold("match", file, "--out", tmp_path / "c.csv", "--id", "rec_id", "--json")

    clusters = pl.read_csv(tmp_path / "c.csv")
    assert clusters.columns == ["id", "cluster_id"]
    assert clusters["cluster_id"].to_list() == [1, 2, 3, 1, 4]
    assert clusters["id"].to_list() == ["r1", "r2", "3", "r4", "r5"]
    assert (done.json["records"], done.json["clusters"], done.json["duplicates"]) == (5, 4, 1)


def test_match_on_a_declared_column(onefold: Onefold, export: Export, tmp_path: Path) -> None:
    file = export("p.csv", "given_name,surname,badge\nAda,Novak,A-7731\nA.,Nowak,a7731\nBruno,Petrov,A-9924\n")

    onefold("match", file, "--out", "c.csv", "--match-on", "badge")
    unknown = onefold("match", file, "--out", "d.csv", "--match-on", "shoe")

    assert pl.read_csv(tmp_path / "c.csv").rows() == [(1, 1), (2, 1), (3, 2)]
    assert unknown.code == 1
    assert "has no column 'shoe'" in unknown.err


def test_a_row_with_the_id_of_a_merged_contact_is_the_contact_it_went_into(onefold: Onefold, tmp_path: Path) -> None:
    path = tmp_path / "site.db"

    async def planted() -> None:
        with LocalSite(path, create=True) as site:
            for first, mail in (("Ada", "ada"), ("Zoe", "zoe")):
                await site.create(Info(first=first, emails=(Email(email=f"{mail}@x.example"),)))

    async def merged() -> None:
        with LocalSite(path) as site:
            ada, zoe = [one async for one in site.scan()]
            target = await site.merge(zoe.id, zoe.revision, [ada.id])
            changed = Info(first="Zelda", last="Quux", emails=(Email(email="quux@y.example"),))
            await site.update(zoe.id, target.revision, changed)

    asyncio.run(planted())
    assert onefold("site", "export", "--site", f"local:{path}", "--out", "old.csv").code == 0
    asyncio.run(merged())

    done = onefold("migrate", "old.csv", "--site", f"local:{path}", "--yes", "--json")

    assert (done.json["created"], done.json["clusters"]) == (0, 1)


def test_help_loads_nothing_heavy_and_takes_less_than_half_a_second(onefold: Onefold) -> None:
    def quickest(work: Callable[[], object]) -> float:
        times = []
        for _ in range(4):
            began = time.monotonic()
            work()
            times.append(time.monotonic() - began)
        return min(times)

    asked = (
        "import sys, flows.cli.commands; print([one for one in ('prefect', 'polars', 'httpx') if one in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    bare = quickest(lambda: subprocess.run([sys.executable, "-c", "import typer"], check=True))

    assert loaded.stdout == "[]\n"
    assert onefold("--help").code == 0
    assert quickest(lambda: onefold("--help")) < max(0.5, 5 * bare)  # the machine may be busy with other things


def test_an_empty_drop_folder_is_a_night_without_news(onefold: Onefold, sample_site: Path, tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "onefold.toml").write_text('[[source]]\nname = "crm"\nfiles = ["inbox", "inbox/*.csv"]\n', "utf-8")
    before = contacts_of(sample_site)

    done = onefold("migrate", "--site", f"local:{sample_site}", "--run", "night", "--yes", "--json")
    missing = onefold("plan", "--site", f"local:{sample_site}", "--map", "x=first name", "nowhere")

    assert done.json["rejected"] == 0
    assert {done.json[name] for name in ("created", "failed")} == {0}
    assert len(contacts_of(sample_site)) <= len(before)
    assert (missing.code, "There is no file or folder nowhere" in missing.err) == (2, True)

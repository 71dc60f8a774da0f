"""Running again changes nothing, however messy the data; what has changed is dealt with again."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable
from pathlib import Path

import people
import pytest
from conftest import Ended, contacts_of, table

from connectors.store.run_folder import Run
from flows.engine.pipeline import apply_run, plan_run
from flows.engine.summaries import RunSummary
from flows.settings import Settings, SourceSettings

HEADER = ["First Name", "Last Name", "Email", "Phone", "Company", "Birthday", "Tags"]
FIRST = "Ada Robert Bob Catherine Cathy Diego Emma Felix Grace Henry".split()
LAST = "Novak Petrov Quintero Ramsey Stanhope Hart Finch".split()


def messy(path: Path, seed: int, rows: int) -> None:
    """An export with typos, shared mailboxes, half-empty rows and many people of nearly the same name."""
    chance = random.Random(seed)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for _ in range(rows):
            first, last = chance.choice(FIRST), chance.choice(LAST)
            mail = chance.choice(
                ["", f"{first}.{last}@postbox.example", f"the.{last}s@postbox.example", "info@firm.example"]
            )
            phone = chance.choice(["", "", f"212-555-01{chance.randint(0, 60):02d}"])
            written = last[:-1] if chance.random() < 0.1 else last
            named = chance.random() < 0.85 or not (mail or phone)
            born = chance.choice(["", "", f"19{chance.randint(50, 99)}-01-02"])
            firm = chance.choice(["", "Bluefin Analytics", "Umbra Lighting"])
            writer.writerow(
                [first if named else "", written if named else "", mail, phone, firm, born, chance.choice(["", "VIP"])]
            )


def migrated(site: Path, folder: Path, *files: Path) -> RunSummary:
    sources = tuple(SourceSettings(name=file.stem, files=(str(file),), region="US") for file in files)
    settings = Settings(source=sources).with_site(f"local:{site}")
    run = Run.new(folder)
    plan_run(settings, run)
    return apply_run(run, settings)


@pytest.mark.parametrize("seed", range(4))
def test_a_second_run_changes_nothing(tmp_path: Path, site_path: Path, seed: int) -> None:
    files = [tmp_path / "crm.csv", tmp_path / "shop.csv"]
    for number, file in enumerate(files):
        messy(file, seed * 10 + number, 120)
    migrated(site_path, tmp_path / "zero", files[1])

    first = migrated(site_path, tmp_path / "one", *files)
    between = contacts_of(site_path)
    second = migrated(site_path, tmp_path / "two", *files)

    assert first.failed == second.failed == 0
    assert [second.created, second.updated, second.merged, second.labelled] == [0, 0, 0, 0]
    assert contacts_of(site_path) == between


def test_what_waits_goes_on_waiting_and_a_changed_row_is_dealt_with(tmp_path: Path, site_path: Path) -> None:
    crm = tmp_path / "crm.csv"
    rows = [",".join(HEADER), *(f"Person{n},Surname{n},p{n}@postbox.example,,,," for n in range(40))]
    rows += ["Ada,Novak,ada@postbox.example,,,,", "Ada,Novak,other@letterbox.example,,,,"]
    crm.write_text("\n".join(rows), "utf-8")

    first = migrated(site_path, tmp_path / "one", crm)
    again = migrated(site_path, tmp_path / "two", crm)
    crm.write_text("\n".join([*rows[:-1], "Ada,Novak,ada@postbox.example,212-555-0101,,,"]), "utf-8")
    changed = migrated(site_path, tmp_path / "three", crm)

    assert (first.created, first.held) == (41, 1)
    assert (again.created, again.held) == (0, 1)
    assert (changed.created, changed.updated, changed.held) == (0, 1, 0)


def test_a_contact_somebody_removed_is_created_again(tmp_path: Path, site_path: Path) -> None:
    import asyncio

    from connectors.local import LocalSite

    crm = tmp_path / "crm.csv"
    crm.write_text(",".join(HEADER) + "\nAda,Novak,ada@postbox.example,,,,\n", "utf-8")
    migrated(site_path, tmp_path / "one", crm)

    with LocalSite(site_path) as site:
        asyncio.run(site.delete(asyncio.run(site.query()).items[0].id))
    again = migrated(site_path, tmp_path / "two", crm)

    assert again.created == 1
    assert table(tmp_path / "two", "plan")["kind"].to_list() == ["create"]


def test_the_order_of_an_exports_rows_makes_no_difference_to_who_is_who(
    onefold: Callable[..., Ended], tmp_path: Path
) -> None:
    table_of, _ = people.make(400, seed=4)
    (tmp_path / "other").mkdir()
    shuffled = table_of.sample(fraction=1, shuffle=True, seed=1)
    found = []
    for folder, rows in ((tmp_path, table_of), (tmp_path / "other", shuffled)):
        rows.write_csv(folder / "crm.csv")
        assert onefold("plan", folder / "crm.csv", "--site", "local:s.db", "--run", folder / "run").code in (0, 3)
        records, clusters, pairs = (table(folder / "run", name) for name in ("records", "clusters", "pairs"))
        key = dict(records.select("record", "source_key").iter_rows())
        groups = clusters.group_by("cluster").agg("record")["record"]
        found.append(
            (
                {frozenset(key[one] for one in group) for group in groups},
                {
                    (frozenset((key[a], key[b])), bits)
                    for a, b, bits in pairs.select("left", "right", "bits").iter_rows()
                },
            )
        )

    assert found[0] == found[1]
    assert len(found[0][1]) > 100

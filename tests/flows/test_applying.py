"""A plan is applied once, to the contacts it was made for, whatever happened in between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from conftest import contacts_of, info, table

from connectors.local import LocalSite
from connectors.store.journal import Intent, Journal
from connectors.store.run_folder import Run
from flows.engine.pipeline import apply_run, plan_run
from flows.settings import Settings, SourceSettings
from transforms.schema.contact import Info
from transforms.schema.errors import RunError, UsageError

HEADER = "First Name,Last Name,Email,Phone,Company,Tags\n"


@pytest.fixture
def settings(site_path: Path) -> Callable[..., Settings]:
    def make(*files: Path) -> Settings:
        sources = tuple(SourceSettings(name=file.stem, files=(str(file),), region="US") for file in files)
        return Settings(source=sources).with_site(f"local:{site_path}")

    return make


def planned(settings: Settings, folder: Path) -> Run:
    run = Run.new(folder)
    plan_run(settings, run)
    return run


async def test_a_chain_of_more_than_five_ends_with_one_contact_and_its_revisions_are_refreshed(
    site: LocalSite, site_path: Path, settings: Callable[..., Settings], tmp_path: Path
) -> None:
    ids = []
    for number in range(9):
        content = info("Ada", "Novak", email="ada@postbox.example", phone=f"212-555-01{number:02d}")
        content = content.model_copy(update={"company": f"Firm {number}" if number in (3, 5) else None})
        ids.append((await site.create(content, allow_duplicates=True)).id)
    order = ["Firm 3", "Firm 5"]

    run = await asyncio.to_thread(planned, settings(), tmp_path / "run")
    merges = table(run.folder, "plan").filter(pl.col("kind") == "merge")
    summary = await asyncio.to_thread(apply_run, run, settings())

    target = merges["target"][0]
    merged_in_order = [target, *merges["sources"].explode()]
    left = await asyncio.to_thread(contacts_of, site_path)
    assert summary.merged == 8
    assert merges["sources"].list.len().to_list() == [5, 3]
    assert len(left) == 1
    assert left[0].company == next(f"Firm {ids.index(one)}" for one in merged_in_order if ids.index(one) in (3, 5))
    assert left[0].company in order
    assert [one.phone for one in left[0].phones] == [f"212-555-01{ids.index(one):02d}" for one in merged_in_order]
    assert (await site.get(ids[-1])).revision == 5  # two merges, the run's label, and its marker taken off
    with Journal(run.folder / "journal.db") as journal:
        entries = journal.entries()
    assert entries["revision_before"].to_list()[:2] == [1, 2]
    assert entries["revision_after"].to_list() == [2, 3, 4]


async def test_what_others_changed_since_is_left_alone_and_on_record(
    site: LocalSite, settings: Callable[..., Settings], export: Callable[[str, str], Path], tmp_path: Path
) -> None:
    contact = await site.create(info("Ada", "Novak", email="ada@postbox.example"))
    file = export("crm.csv", HEADER + "Ada,Novak,ada@postbox.example,,Bluefin Analytics,\n")
    run = await asyncio.to_thread(planned, settings(file), tmp_path / "run")

    await site.update(contact.id, 1, Info(company="Umbra Lighting"))
    summary = await asyncio.to_thread(apply_run, run, settings(file))

    assert summary.updated == 0
    assert summary.held == 2
    assert (await site.get(contact.id)).info.company == "Umbra Lighting"
    outcomes = pl.read_parquet(run.folder / "audit.parquet").select("outcome", "detail").rows()
    assert outcomes[0] == ("stale", "a contact of this person was changed since the plan was made")
    assert outcomes[1][0] == "held"


async def test_a_newer_revision_alone_is_refreshed_and_the_update_goes_on(
    site: LocalSite, settings: Callable[..., Settings], export: Callable[[str, str], Path], tmp_path: Path
) -> None:
    contact = await site.create(info("Ada", "Novak", email="ada@postbox.example"))
    label = await site.find_or_create_label("VIP")
    file = export("crm.csv", HEADER + "Ada,Novak,ada@postbox.example,,Bluefin Analytics,\n")
    run = await asyncio.to_thread(planned, settings(file), tmp_path / "run")

    await site.label(contact.id, [label.key])
    summary = await asyncio.to_thread(apply_run, run, settings(file))

    changed = await site.get(contact.id)
    assert summary.updated == 1
    assert changed.info.company == "Bluefin Analytics"
    assert label.key in changed.info.labels


async def test_an_email_that_appeared_since_holds_the_create(
    site: LocalSite, settings: Callable[..., Settings], export: Callable[[str, str], Path], tmp_path: Path
) -> None:
    file = export("crm.csv", HEADER + "Ada,Novak,ada@postbox.example,,,\n")
    run = await asyncio.to_thread(planned, settings(file), tmp_path / "run")

    await site.create(info("Somebody", email="ada@postbox.example"))
    summary = await asyncio.to_thread(apply_run, run, settings(file))

    assert (summary.created, summary.held) == (0, 1)
    assert (await site.query()).total == 1


@pytest.mark.parametrize("lost", ["outcome", "work"])
async def test_an_operation_left_open_by_a_crash_is_settled_by_asking_the_site(
    lost: str,
    site: LocalSite,
    site_path: Path,
    settings: Callable[..., Settings],
    export: Callable[[str, str], Path],
    tmp_path: Path,
) -> None:
    for name in ("Ada", "Ada"):
        await site.create(info(name, "Novak", email="ada@postbox.example"), allow_duplicates=True)
    rows = "Ada,Novak,ada@postbox.example,212-555-0101,Bluefin Analytics,VIP\nByron,Finch,byron@postbox.example,,,\n"
    file = export("crm.csv", HEADER + rows)
    run = await asyncio.to_thread(planned, settings(file), tmp_path / "run")
    operations = table(run.folder, "plan")
    if lost == "outcome":
        await asyncio.to_thread(apply_run, run, settings(file))
    before = await asyncio.to_thread(contacts_of, site_path) if lost == "outcome" else None

    with Journal(run.folder / "journal.db") as journal:
        journal.write(intents=[Intent(row["operation"], row["target"]) for row in operations.iter_rows(named=True)])
    summary = await asyncio.to_thread(apply_run, run, settings(file))

    left = await asyncio.to_thread(contacts_of, site_path)
    assert (summary.created, summary.merged, summary.updated) == (1, 1, 1)
    assert [one.first for one in left] == ["Ada", "Byron"]
    assert left[0].company == "Bluefin Analytics"
    assert before in (None, left)


async def test_applying_again_does_nothing_again(
    site: LocalSite, settings: Callable[..., Settings], export: Callable[[str, str], Path], tmp_path: Path
) -> None:
    file = export("crm.csv", HEADER + "Ada,Novak,ada@postbox.example,212-555-0101,Bluefin Analytics,VIP\n")
    run = await asyncio.to_thread(planned, settings(file), tmp_path / "run")

    first = await asyncio.to_thread(apply_run, run, settings(file))
    second = await asyncio.to_thread(apply_run, run, settings(file))

    assert first.created == second.created == 1
    assert (await site.query()).total == 1


def test_a_run_is_applied_to_its_own_site_only(
    settings: Callable[..., Settings], export: Callable[[str, str], Path], tmp_path: Path
) -> None:
    file = export("crm.csv", HEADER + "Ada,Novak,ada@postbox.example,,,\n")
    run = planned(settings(file), tmp_path / "run")

    with pytest.raises(RunError, match="planned for"):
        apply_run(run, settings(file), site="local:other.db")


async def test_the_pipeline_runs_where_an_event_loop_runs_already(
    site: LocalSite, settings: Callable[..., Settings], export: Callable[[str, str], Path], tmp_path: Path
) -> None:
    file = export("crm.csv", HEADER + "Ada,Novak,ada@postbox.example,,,\n")

    summary = apply_run(planned(settings(file), tmp_path / "run"), settings(file))

    assert summary.created == (await site.query()).total == 1


async def test_a_site_that_has_gone_since_is_not_made_anew(
    site: LocalSite,
    settings: Callable[..., Settings],
    export: Callable[[str, str], Path],
    tmp_path: Path,
    site_path: Path,
) -> None:
    await site.create(info("Byron", "Finch"))
    file = export("crm.csv", HEADER + "Ada,Novak,ada@postbox.example,,,\n")
    run = planned(settings(file), tmp_path / "run")
    site_path.unlink()

    with pytest.raises(UsageError, match="There is no embedded site"):
        apply_run(run, settings(file))


def test_a_damaged_journal_applies_nothing(
    settings: Callable[..., Settings], export: Callable[[str, str], Path], tmp_path: Path, site_path: Path
) -> None:
    file = export("crm.csv", HEADER + "Ada,Novak,ada@postbox.example,,,\n")
    run = planned(settings(file), tmp_path / "run")
    (run.folder / "journal.db").write_bytes(b"not a database at all" * 100)

    with pytest.raises(RunError, match="Nothing was applied"):
        apply_run(run, settings(file))

    assert not site_path.exists() or contacts_of(site_path) == []

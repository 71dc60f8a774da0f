"""What keeps an apply within bounds: budget, breaker, parts of a plan, stopping, one process at a time."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import ROOT, Ended, contacts_of, info, table

from connectors.local import LocalSite
from connectors.store.journal import Journal
from connectors.store.run_folder import Run
from flows.engine.pipeline import apply_options, apply_run, plan_run
from flows.engine.undoing import prepared, undo_run
from flows.settings import ApplySettings, Settings, SourceSettings
from transforms.schema.contact import Info
from transforms.schema.errors import Busy, RunError

HEADER = "First Name,Last Name,Email\n"


def people(count: int) -> str:
    """So many people who have nothing in common."""
    chance = random.Random(count)
    names = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=24)) for _ in range(count)]
    return HEADER + "".join(
        f"{name[:8].title()},{name[8:16].title()},{name[16:]}@{name[:8]}.example\n" for name in names
    )


@pytest.fixture
def settings(site_path: Path, export: Callable[[str, str], Path]) -> Callable[..., Settings]:
    def make(text: str, **apply: object) -> Settings:
        file = export("crm.csv", text)
        source = SourceSettings(name="crm", files=(str(file),))
        return Settings(source=(source,), apply=ApplySettings(**apply)).with_site(f"local:{site_path}")

    return make


def planned(settings: Settings, folder: Path) -> Run:
    run = Run.new(folder)
    plan_run(settings, run)
    return run


async def twins(site: LocalSite, count: int) -> None:
    """So many people, each with two contacts that are one."""
    for line in people(count).splitlines()[1:]:
        first, last, mail = line.split(",")
        for _ in range(2):
            await site.create(info(first, last, email=mail), allow_duplicates=True)


async def test_a_plan_over_its_budget_is_not_applied_unless_told_to(
    site: LocalSite, site_path: Path, settings: Callable[..., Settings], tmp_path: Path
) -> None:
    await twins(site, 30)
    wanted = settings(HEADER)
    run = await asyncio.to_thread(planned, wanted, tmp_path / "run")

    with pytest.raises(RunError, match=r"merges 50.0% of the site's contacts away.*--over-budget"):
        await asyncio.to_thread(apply_run, run, wanted)
    assert (await site.query()).total == 60
    few = settings(HEADER, max_deletes=10, max_merge_share=1)
    with pytest.raises(RunError, match="max_deletes allows 10"):
        await asyncio.to_thread(apply_run, run, few)
    summary = await asyncio.to_thread(apply_run, run, wanted, over_budget=True)

    assert summary.merged == 30
    assert "over its budget" not in (tmp_path / "run" / "report.html").read_text()
    assert len(await asyncio.to_thread(contacts_of, site_path)) == 30


async def test_when_too_much_goes_wrong_all_is_stopped_and_the_rest_is_left(
    site: LocalSite, settings: Callable[..., Settings], tmp_path: Path
) -> None:
    for line in people(250).splitlines()[1:]:
        first, last, mail = line.split(",")
        await site.create(info(first, last, email=mail))
    wanted = settings(people(250).replace("Email\n", "Email,Company\n").replace(".example\n", ".example,Quartz\n"))
    run = await asyncio.to_thread(planned, wanted, tmp_path / "run")
    async for contact in site.scan():
        await site.update(contact.id, contact.revision, Info(job_title="Somebody else was here"))

    with pytest.raises(RunError, match="100 of 100 operations were held, stale or failed"):
        await asyncio.to_thread(apply_run, run, wanted)

    with Journal(run.folder / "journal.db") as journal:
        states = journal.entries()["state"].to_list()
    assert states.count("stale") == 100
    assert "done" not in states
    assert run.progress().state == "applied"  # and reported


def test_parts_of_a_plan(settings: Callable[..., Settings], site_path: Path, tmp_path: Path) -> None:
    wanted = settings(people(6))
    run = planned(wanted, tmp_path / "run")
    clusters = table(run.folder, "plan")["cluster"].to_list()
    options = apply_options(wanted)

    one = apply_run(run, wanted, options=replace(options, only=frozenset(clusters[4:5])))
    assert (one.created, one.left) == (1, 5)
    two = apply_run(run, wanted, options=replace(options, limit=2))
    assert (two.created, two.left) == (3, 3)
    late = apply_run(run, wanted, options=replace(options, until=datetime.now(UTC) - timedelta(seconds=1)))
    assert (late.created, late.left) == (3, 3)
    rest = apply_run(run, wanted)
    assert (rest.created, rest.left) == (6, 0)
    assert [one.extended for one in contacts_of(site_path)] == [{}] * 6  # no marker is left


def test_a_dry_run_and_flags_from_the_command_line(onefold: Callable[..., Ended], tmp_path: Path) -> None:
    (tmp_path / "crm.csv").write_text(people(3))
    onefold("plan", "crm.csv", "--site", "local:s.db", "--run", "run")
    cluster = table(tmp_path / "run", "plan")["cluster"][0]

    dry = onefold("apply", "run", "--dry-run", "--json")
    assert (dry.code, dry.json["left"], (tmp_path / "s.db").exists()) == (0, 3, False)
    assert "calls" in dry.err
    assert onefold("apply", "run", "--yes", "--only", "NOBODY").code == 2
    assert "is not a time" in onefold("apply", "run", "--yes", "--until", "soon").err
    some = onefold("apply", "run", "--yes", "--only", cluster, "--concurrency", "1", "--no-preview", "--json")
    assert (some.json["created"], some.json["left"]) == (1, 2)
    assert "2 left" in some.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop_it_ends_what_is_under_way_and_goes_on_later(
    number: signal.Signals, onefold: Callable[..., Ended], tmp_path: Path
) -> None:
    (tmp_path / "crm.csv").write_text(people(600))
    onefold("plan", "crm.csv", "--site", "local:s.db", "--run", "run")
    command = [sys.executable, "-c", "from flows.cli.commands import main; main()", "apply", "run", "--yes"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, env=environment)
    while not (tmp_path / "run" / "journal.db-wal").exists():
        time.sleep(0.005)
    process.send_signal(number)
    _, told = process.communicate(timeout=60)

    assert "Traceback" not in told
    assert "Stopping after what is under way" in told
    with Journal(tmp_path / "run" / "journal.db") as journal:
        states = set(journal.states().values())
    left = onefold("report", "run", "--json").json["left"]
    assert states <= {"done", "open"}
    assert process.returncode == 0
    rest = onefold("apply", "run", "--yes", "--json").json
    assert (rest["created"], rest["left"]) == (600, 0)
    assert left >= 0


def test_one_process_at_a_time_works_on_a_run(
    settings: Callable[..., Settings], tmp_path: Path, onefold: Callable[..., Ended]
) -> None:
    wanted = settings(people(2))
    run = planned(wanted, tmp_path / "run")
    with Journal(run.folder / "journal.db", writing=True):
        with pytest.raises(Busy, match="Another process is at work"):
            apply_run(run, wanted)
        done = onefold("apply", run.folder, "--yes")
        assert (done.code, "Another process is at work" in done.err) == (1, True)
        assert run.progress().state == "planned"
    assert apply_run(run, wanted).created == 2


def test_a_damaged_journal_stops_before_anything_is_done(
    settings: Callable[..., Settings], site_path: Path, tmp_path: Path
) -> None:
    wanted = settings(people(2))
    run = planned(wanted, tmp_path / "run")
    (run.folder / "journal.db").write_bytes(b"SQLite format 3\x00" + b"\xff" * 4096)

    with pytest.raises(RunError, match=r"journal.*Nothing was applied"):
        apply_run(run, wanted)
    assert not site_path.exists() or contacts_of(site_path) == []


def test_the_marker_is_kept_where_the_settings_say_so_and_undo_knows_it(
    settings: Callable[..., Settings], site_path: Path, tmp_path: Path
) -> None:
    wanted = settings(people(2), keep_marker=True)
    run = planned(wanted, tmp_path / "run")
    apply_run(run, wanted)

    operations = set(table(run.folder, "plan")["operation"])
    marks = [one.extended for one in contacts_of(site_path)]
    assert {name for mark in marks for name in mark if name.startswith("Onefold operation ")} == set(marks[0])
    assert {value for mark in marks for value in mark.values()} == operations
    found = prepared(run, wanted)
    assert (found.left, found.count("delete")) == ({}, 2)
    undo_run(run, wanted, found)
    assert contacts_of(site_path) == []

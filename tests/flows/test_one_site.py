"""One run a site, the right site, and a run that is what its plan wrote."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import SAMPLES, Ended, contacts_of, info, table

from connectors.local import LocalSite
from connectors.store.journal import Journal
from connectors.store.memory import Memory
from connectors.store.run_folder import CHECKSUMS, FACTS, Run
from flows.engine.pipeline import apply_run, plan_run
from flows.settings import ApplySettings, Settings, SourceSettings
from transforms.schema.errors import RunError

Onefold = Callable[..., Ended]
HEADER = "First Name,Last Name,Email\n"
PEOPLE = HEADER + "".join(f"Ada{n},Novak{n},ada{n}@postbox.example\n" for n in range(6))
TWINS = HEADER + "Ada,Novak,office@kite.example\nBruno,Petrov,office@kite.example\nCleo,Quist,cleo@kite.example\n"


@pytest.fixture
def crm(tmp_path: Path) -> Path:
    path = tmp_path / "crm.csv"
    path.write_text(PEOPLE, "utf-8")
    return path


def settings_for(crm: Path, site: str, **more: object) -> Settings:
    return Settings(source=(SourceSettings(name="crm", files=(str(crm),)),), **more).with_site(site)


def planned(settings: Settings, folder: Path) -> Run:
    run = Run.new(folder)
    plan_run(settings, run)
    return run


@contextmanager
def holding(site_path: Path) -> Iterator[None]:
    """A process of its own that holds a site as a run does."""
    code = (
        "import sys, time; from pathlib import Path; from connectors.store.locking import held\n"
        f"with held(Path({str(site_path)!r} + '.lock'), 'the site', by='run 2026-11-25-NIGHT'):\n"
        "    print('held', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    try:
        yield
    finally:
        process.kill()
        process.wait()


# --- 1: one run a site ---


def test_a_second_run_on_a_site_says_who_holds_it_and_ends(onefold: Onefold, crm: Path, tmp_path: Path) -> None:
    run = planned(settings_for(crm, f"local:{tmp_path / 's.db'}"), tmp_path / "run")

    with holding(tmp_path / "s.db"):
        commands = (
            ("plan", crm, "--site", "local:s.db"),
            ("apply", run.folder, "--yes"),
            ("migrate", crm, "--site", "local:s.db", "--yes"),
        )
        refused = [onefold(*command) for command in commands]

    assert [done.code for done in refused] == [1, 1, 1]
    assert all("run 2026-11-25-NIGHT (process " in done.err and "--wait" in done.err for done in refused)
    assert not (tmp_path / "s.db").exists()
    assert onefold("apply", run.folder, "--yes").code == 0  # what a killed process held is free


def test_with_wait_a_second_run_comes_after_the_first(crm: Path, tmp_path: Path) -> None:
    run = planned(settings_for(crm, f"local:{tmp_path / 's.db'}"), tmp_path / "run")
    command = [
        sys.executable,
        "-c",
        "from flows.cli.commands import main; main()",
        "apply",
        str(run.folder),
        "--yes",
        "--wait",
    ]

    with holding(tmp_path / "s.db"):
        waiting = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(timeout=4)
        assert not (tmp_path / "s.db").exists()

    assert waiting.wait(timeout=60) == 0
    assert len(contacts_of(tmp_path / "s.db")) == 6


async def test_a_create_the_site_would_not_refuse_is_not_done_when_somebody_has_appeared(
    site: LocalSite, site_path: Path, tmp_path: Path
) -> None:
    import asyncio

    crm = tmp_path / "crm.csv"
    crm.write_text(TWINS + "Dora,Rook,\n", "utf-8")  # two share a mailbox, one has neither e-mail nor phone
    settings = settings_for(crm, f"local:{site_path}")
    run = await asyncio.to_thread(planned, settings, tmp_path / "run")
    await site.create(info("Ada", "Novak", email="office@kite.example"))
    await site.create(info("Dora", "Rook"))

    summary = await asyncio.to_thread(apply_run, run, settings)

    assert (summary.created, summary.held) == (1, 3)
    assert {one.first for one in await asyncio.to_thread(contacts_of, site_path)} == {"Ada", "Dora", "Cleo"}
    assert (
        "has appeared since the plan"
        in (await asyncio.to_thread(table, run.folder, "audit"))["detail"].str.join().item()
    )


# --- 2: the right site ---


def test_a_run_is_applied_to_its_site_from_any_folder(onefold: Onefold, crm: Path, tmp_path: Path) -> None:
    onefold("plan", crm, "--site", "local:s.db", "--run", "run")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    command = [sys.executable, "-c", "from flows.cli.commands import main; main()", "apply", "../run", "--yes"]
    done = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert len(contacts_of(tmp_path / "s.db")) == 6
    assert not (elsewhere / "s.db").exists()


def test_a_site_with_other_contents_at_the_same_path_is_another_site(
    onefold: Onefold, crm: Path, tmp_path: Path
) -> None:
    onefold("site", "load", SAMPLES / "site.jsonl", "--site", "local:s.db")
    onefold("plan", crm, "--site", "local:s.db", "--run", "run")
    (tmp_path / "s.db").unlink()
    onefold("site", "load", SAMPLES / "site.jsonl", "--site", "local:s.db")

    done = onefold("apply", "run", "--yes")

    assert (done.code, "is not the site this run was planned for" in done.err) == (1, True)
    assert len(contacts_of(tmp_path / "s.db")) == 207


def test_a_site_made_since_is_not_the_one_that_was_still_to_be_made(
    onefold: Onefold, crm: Path, tmp_path: Path
) -> None:
    onefold("plan", crm, "--site", "local:s.db", "--run", "run")
    onefold("site", "load", SAMPLES / "site.jsonl", "--site", "local:s.db")

    assert onefold("apply", "run", "--yes").code == 1
    assert len(contacts_of(tmp_path / "s.db")) == 207


def test_a_run_planned_under_one_site_id_is_not_applied_under_another(
    onefold: Onefold, crm: Path, served: Callable[..., str], site_path: Path
) -> None:
    url = served()
    one, other = ({"WIX_API_KEY": "a-key", "WIX_SITE_ID": name} for name in ("one", "other"))
    onefold("plan", crm, "--site", url, "--run", "run", environment=one)

    done = onefold("apply", "run", "--yes", "--site", url, environment=other)

    assert (done.code, "planned for the site one, and WIX_SITE_ID is other" in done.err) == (1, True)
    assert contacts_of(site_path) == []


def test_another_list_behind_the_same_address_is_refused(
    onefold: Onefold, crm: Path, served: Callable[..., str], site_path: Path
) -> None:
    url = served("--port", 18_765)
    onefold("migrate", crm, "--site", url, "--run", "first", "--yes")
    (crm.parent / "more.csv").write_text(HEADER + "Eve,Strand,eve@postbox.example\n", "utf-8")
    onefold("plan", "more.csv", "--site", url, "--run", "run")
    process = served.processes.pop()  # type: ignore[attr-defined]
    process.send_signal(signal.SIGINT)
    process.wait(timeout=30)
    site_path.unlink()
    served("--port", 18_765)

    done = onefold("apply", "run", "--yes")

    assert (done.code, "is not the site this run was planned for" in done.err) == (1, True)
    assert contacts_of(site_path) == []


# --- 3: the settings of the plan ---


async def test_apply_keeps_the_budget_of_the_plan(site: LocalSite, site_path: Path, tmp_path: Path) -> None:
    import asyncio

    for n in range(8):
        for _ in range(2):
            await site.create(info(f"Ada{n}", f"Novak{n}", email=f"ada{n}@postbox.example"), allow_duplicates=True)
    crm = tmp_path / "crm.csv"
    crm.write_text(HEADER, "utf-8")
    tight = settings_for(crm, f"local:{site_path}", apply=ApplySettings(max_deletes=5, keep_marker=True))
    run = await asyncio.to_thread(planned, tight, tmp_path / "run")

    with pytest.raises(RunError, match="max_deletes allows 5"):
        await asyncio.to_thread(apply_run, run, settings_for(crm, f"local:{site_path}"))
    loose = settings_for(crm, f"local:{site_path}", apply=ApplySettings(max_deletes=500, keep_marker=False))
    with pytest.raises(RunError, match="max_deletes allows 5"):
        await asyncio.to_thread(apply_run, run, loose)
    stricter = settings_for(crm, f"local:{site_path}", apply=ApplySettings(max_deletes=2))
    with pytest.raises(RunError, match="max_deletes allows 2"):
        await asyncio.to_thread(apply_run, run, stricter)
    assert (await site.query()).total == 16
    summary = await asyncio.to_thread(apply_run, run, loose, over_budget=True)

    assert summary.merged == 8
    left = await asyncio.to_thread(contacts_of, site_path)
    assert any(name.startswith("Onefold operation") for one in left for name in one.extended)


def test_the_key_is_not_part_of_the_run(
    onefold: Onefold, crm: Path, served: Callable[..., str], tmp_path: Path
) -> None:
    url = served()
    onefold("plan", crm, "--site", url, "--run", "run", environment={"WIX_API_KEY": "hunter2", "WIX_SITE_ID": "s"})

    assert all(b"hunter2" not in path.read_bytes() for path in (tmp_path / "run").iterdir())


# --- 4: the key ---


def test_the_key_goes_to_no_address_that_only_the_run_names(
    onefold: Onefold, crm: Path, served: Callable[..., str]
) -> None:
    url = served()
    key = {"WIX_API_KEY": "hunter2", "WIX_SITE_ID": "s"}
    onefold("plan", crm, "--site", url, "--run", "run", environment=key)

    for verb, *flags in (("rehearse",), ("undo", "--yes"), ("apply", "--yes")):
        refused = onefold(verb, "run", *flags, environment=key)
        assert refused.code == 1
        assert ("the key is not sent there" in refused.err, f"--site {url}" in refused.err) == (True, True)
    assert onefold("apply", "run", "--yes", "--site", url, environment=key).code == 0


# --- 5: the journal, and what the plan wrote ---


@pytest.mark.parametrize("how", ["gone", "emptied", "another"])
def test_a_run_that_was_begun_needs_its_journal(onefold: Onefold, crm: Path, tmp_path: Path, how: str) -> None:
    onefold("migrate", crm, "--site", "local:s.db", "--run", "run", "--yes")
    journal = tmp_path / "run" / "journal.db"
    journal.unlink()
    if how == "emptied":
        journal.write_bytes(b"")
    elif how == "another":
        Journal(journal).close()

    applied, undone = onefold("apply", "run", "--yes"), onefold("undo", "run", "--yes")

    assert (applied.code, undone.code) == (1, 1)
    assert "the journal it was begun with" in applied.err
    assert "the journal it was begun with" in undone.err
    assert len(contacts_of(tmp_path / "s.db")) == 6


def test_a_copy_of_a_run_made_before_it_was_applied_is_not_applied_again(
    onefold: Onefold, crm: Path, tmp_path: Path
) -> None:
    onefold("plan", crm, "--site", "local:s.db", "--run", "run")
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    onefold("apply", "run", "--yes")

    assert onefold("apply", "copy", "--yes").code == 1
    assert len(contacts_of(tmp_path / "s.db")) == 6


DAMAGED = [
    "",
    "[]",
    "{}",
    "null",
    '"text"',
    "[" * 100_000,
    '{"state": "planned"}',
    '{"state": "planned", "site": 5}',
    "\x00",
]


def test_a_damaged_run_folder_is_one_sentence(onefold: Onefold, crm: Path, tmp_path: Path) -> None:
    onefold("plan", crm, "--site", "local:s.db", "--run", "run")
    facts = tmp_path / "run" / FACTS

    for damage in DAMAGED:
        facts.write_text(damage, "utf-8")
        with pytest.raises(RunError) as refused:
            Run.opened(tmp_path / "run").facts()
        assert "\n" not in str(refused.value)
    for number, verb in enumerate(("apply", "undo", "rehearse", "report", "explain", "calibrate", "decide")):
        facts.write_text(DAMAGED[number], "utf-8")
        more = {"explain": ["crm:1"], "decide": ["apart", "crm:1", "crm:2"], "apply": ["--yes"]}.get(verb, [])
        done = onefold(verb, "run", *more)
        assert done.code == 1
        assert (len(done.err.strip().splitlines()), "Traceback" in done.err) == (1, False), done.err


def test_a_run_of_another_version_is_one_sentence(onefold: Onefold, crm: Path, tmp_path: Path) -> None:
    onefold("plan", crm, "--site", "local:s.db", "--run", "run")
    run = Run(tmp_path / "run")
    run.save("plan", run.table("plan").drop("preconditions"))
    run.seal()

    done = onefold("apply", "run", "--yes")

    assert (done.code, len(done.err.strip().splitlines())) == (1, 1)
    assert "plan.parquet has no column preconditions: it is another version's. Plan again." in done.err


def test_what_the_plan_wrote_is_what_is_applied(onefold: Onefold, crm: Path, tmp_path: Path) -> None:
    import polars as pl

    onefold("plan", crm, "--site", "local:s.db", "--run", "run")
    run = tmp_path / "run"
    whole = {path.name: path.read_bytes() for path in run.iterdir()}
    changed = pl.read_parquet(run / "plan.parquet").with_columns(after=pl.lit('{"first":"Mallory"}'))
    changed.write_parquet(run / "plan.parquet")
    tampered = onefold("apply", "run", "--yes")
    (run / "plan.parquet").write_bytes(whole["plan.parquet"])
    facts = json.loads(whole[FACTS])
    facts["settings"]["apply"]["max_merge_share"] = 1.0
    (run / FACTS).write_text(json.dumps(facts), "utf-8")
    loosened = onefold("apply", "run", "--yes")
    (run / FACTS).write_bytes(whole[FACTS])
    (run / CHECKSUMS).unlink()
    thin = onefold("apply", "run", "--yes")

    assert all((done.code, "Plan again" in done.err) == (1, True) for done in (tampered, loosened, thin))
    assert not (tmp_path / "s.db").exists()
    (run / CHECKSUMS).write_bytes(whole[CHECKSUMS])
    assert onefold("apply", "run", "--yes").code == 0


# --- 6: nights that were broken off ---


def killed_while_applying(run: Path, folder: Path) -> None:
    """Applies a run in a process that is killed after its first creates."""
    code = (
        "import os, signal, sys; import connectors.local.site as s; made = []; create = s.LocalSite.create\n"
        "async def dying(self, *a, **k):\n"
        "    if len(made) == 3: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    made.append(1); return await create(self, *a, **k)\n"
        "s.LocalSite.create = dying\n"
        "from flows.cli.commands import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "apply", str(run), "--yes"], cwd=folder, capture_output=True, check=False
    )
    assert done.returncode == -signal.SIGKILL


def test_a_killed_night_is_finished_by_the_next_one(onefold: Onefold, crm: Path, tmp_path: Path) -> None:
    onefold("plan", crm, "--site", "local:s.db", "--run", "one")
    killed_while_applying(tmp_path / "one", tmp_path)
    assert len(contacts_of(tmp_path / "s.db")) == 3

    named = onefold("plan", crm, "--site", "local:s.db", "--run", "two")
    assert (named.code, "was broken off" in named.err, str(tmp_path / "one") in named.err) == (1, True, True)
    next_night = onefold("migrate", crm, "--site", "local:s.db", "--run", "three", "--yes", "--json")

    assert (next_night.code, next_night.json["created"]) == (0, 0), next_night.err
    contacts = contacts_of(tmp_path / "s.db")
    assert sorted(one.first or "" for one in contacts) == [f"Ada{n}" for n in range(6)]
    assert all(not one.extended for one in contacts)  # no operation's marker is left
    assert Memory(tmp_path / "s.db").unfinished() == []
    undone = onefold("undo", "one", "--yes", "--json")
    assert undone.json["deleted"] == 6


def test_a_run_that_was_broken_off_and_whose_folder_is_gone_leaves_no_marker(
    onefold: Onefold, crm: Path, tmp_path: Path
) -> None:
    onefold("plan", crm, "--site", "local:s.db", "--run", "one")
    killed_while_applying(tmp_path / "one", tmp_path)
    shutil.rmtree(tmp_path / "one")

    done = onefold("migrate", crm, "--site", "local:s.db", "--run", "two", "--yes", "--json")

    assert (done.code, done.json["created"]) == (0, 3), done.err
    assert all(not one.extended for one in contacts_of(tmp_path / "s.db"))


def test_a_part_that_was_applied_on_purpose_is_not_finished_by_itself(
    onefold: Onefold, crm: Path, tmp_path: Path
) -> None:
    onefold("plan", crm, "--site", "local:s.db", "--run", "one")
    onefold("apply", "one", "--yes", "--limit", "2")
    (tmp_path / "other.csv").write_text(HEADER + "Eve,Strand,eve@postbox.example\n", "utf-8")

    done = onefold("migrate", "other.csv", "--site", "local:s.db", "--run", "two", "--yes", "--json")

    assert (done.code, done.json["created"]) == (0, 1), done.err
    assert len(contacts_of(tmp_path / "s.db")) == 3
    assert all(not one.extended for one in contacts_of(tmp_path / "s.db"))


# --- 7: loading a site ---


def test_a_killed_load_leaves_no_site_and_can_be_repeated(onefold: Onefold, tmp_path: Path) -> None:
    code = (
        "import connectors.local.site as s, os; s.LocalSite.load = lambda *a: os.kill(os.getpid(), 9)\n"
        "from flows.cli.commands import main; main()"
    )
    killed = subprocess.run(
        [sys.executable, "-c", code, "site", "load", str(SAMPLES / "site.jsonl"), "--site", "local:s.db"],
        cwd=tmp_path, capture_output=True, check=False,
    )  # fmt: skip

    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "s.db").exists()
    assert onefold("site", "load", SAMPLES / "site.jsonl", "--site", "local:s.db").code == 0
    assert len(contacts_of(tmp_path / "s.db")) == 207


# --- 20: personal data ---


def test_what_holds_personal_data_is_for_its_owner_alone(onefold: Onefold, crm: Path, tmp_path: Path) -> None:
    settings = settings_for(crm, f"local:{tmp_path / 's.db'}", decisions=tmp_path / "kept" / "decisions.csv")
    run = planned(settings, tmp_path / "run")  # as a flow does, whatever the process allows others
    apply_run(run, settings)
    (tmp_path / "kept").mkdir()
    onefold("decide", "run", "apart", "crm:1", "crm:2")
    onefold("match", crm, "--out", "o.csv", "--index", "index")

    folders = [run.folder, tmp_path / "index"]
    files = [*run.folder.iterdir(), tmp_path / "s.db", tmp_path / "kept" / "decisions.csv", tmp_path / "o.csv"]
    files += [path for path in (tmp_path / "index").rglob("*") if path.is_file()]
    assert {oct(path.stat().st_mode & 0o777) for path in folders} == {"0o700"}
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in files if path.stat().st_mode & 0o077} == {}
    assert sqlite3.connect(tmp_path / "s.db").execute("SELECT count(*) FROM contacts").fetchone() == (6,)


def test_a_run_that_goes_on_remembers_nothing_on_another_site(onefold: Onefold, crm: Path, tmp_path: Path) -> None:
    onefold("plan", crm, "--site", "local:s.db", "--run", "run")
    onefold("apply", "run", "--yes", "--limit", "2")
    (tmp_path / "s.db").unlink()
    onefold("site", "load", SAMPLES / "site.jsonl", "--site", "local:s.db")
    before = (tmp_path / "s.db").read_bytes()

    done = onefold("apply", "run", "--yes")

    assert (done.code, "is not the site this run was planned for" in done.err) == (1, True)
    assert Memory(tmp_path / "s.db").placed() == {}
    assert (tmp_path / "s.db").read_bytes() == before


def test_a_part_that_was_applied_is_named_by_the_next_plan(onefold: Onefold, crm: Path, tmp_path: Path) -> None:
    onefold("plan", crm, "--site", "local:s.db", "--run", "one")
    onefold("apply", "one", "--yes", "--limit", "2")

    planned = onefold("plan", crm, "--site", "local:s.db", "--run", "two")

    assert f"unfinished   {tmp_path / 'one'}" in planned.out

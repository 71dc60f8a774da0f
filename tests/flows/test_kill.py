"""Killed at any moment and resumed, a run ends as if nothing had happened, and nothing was done twice."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import people
import pytest
from conftest import ROOT, SAMPLES, Ended

from connectors.local import LocalSite
from connectors.store.journal import Journal
from transforms.schema.operations import Outcome

KILLS = 100
Killer = Callable[..., dict[str, Any]]


@pytest.fixture
def killer() -> Iterator[Killer]:
    """Does what it is told in a process that it kills after some seconds."""
    process = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("killing.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def tell(**wanted: Any) -> dict[str, Any]:
        print(json.dumps(wanted), file=process.stdin, flush=True)
        told: dict[str, Any] = json.loads(process.stdout.readline())
        return told

    yield tell
    process.stdin.close()
    assert process.wait(timeout=30) == 0


def held(site: Path) -> Counter[tuple[str, int]]:
    """What a site holds: contents with their revisions, whatever the ids."""

    async def read() -> Counter[tuple[str, int]]:
        with LocalSite(site) as opened:
            contacts = [one async for one in opened.scan()]
        whole = [one.info.model_copy(update={"labels": tuple(sorted(one.info.labels))}) for one in contacts]
        return Counter((info.to_json(), one.revision) for info, one in zip(whole, contacts, strict=True))

    return asyncio.run(read())


@pytest.fixture
def samples(onefold: Callable[..., Ended], tmp_path: Path) -> Path:
    """A folder with the sample site, and a run planned for it."""
    onefold("site", "load", SAMPLES / "site.jsonl", "--site", "local:world/site.db")
    planned = onefold(
        "plan", "--config", SAMPLES / "onefold.toml", "--site", "local:world/site.db", "--run", "world/run"
    )
    assert planned.code == 3  # some of its cases wait for a person
    return tmp_path / "world"


@pytest.fixture
def generated(onefold: Callable[..., Ended], tmp_path: Path) -> Path:
    """A folder with a site of two thousand contacts, some of them twice, and a run planned for it."""
    rows, _ = people.make(4000, seed=6)
    rows = rows.drop("Record ID")
    rows.head(3100).write_csv(tmp_path / "old.csv")
    rows.tail(900).write_csv(tmp_path / "new.csv")
    (tmp_path / "world").mkdir()
    assert onefold("migrate", "old.csv", "--site", "local:world/site.db", "--run", "old", "--yes").code in (0, 3)

    async def doubled() -> int:
        chance = random.Random(3)
        with LocalSite(tmp_path / "world" / "site.db") as site:
            for contact in [one async for one in site.scan()]:
                if chance.random() < 0.1 and contact.info.emails:
                    await site.create(contact.info, allow_duplicates=True)
            return (await site.query(limit=1)).total or 0

    assert asyncio.run(doubled()) > 2000
    assert onefold("plan", "new.csv", "--site", "local:world/site.db", "--run", "world/run").code == 3
    return tmp_path / "world"


def fresh(world: Path, name: str) -> Path:
    """A copy of a site and its run."""
    copy = world.with_name(name)
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(world, copy)
    return copy


@pytest.mark.heavy
@pytest.mark.parametrize("name", ["samples", "generated"])
def test_killed_a_hundred_times_a_run_ends_as_if_undisturbed(
    name: str, killer: Killer, request: pytest.FixtureRequest
) -> None:
    world: Path = request.getfixturevalue(name)
    calm = fresh(world, "calm")
    whole = killer(what="apply", run=str(calm / "run"), site=f"local:{calm / 'site.db'}")
    assert whole["state"] == "done"
    idle = killer(what="apply", run=str(calm / "run"), site=f"local:{calm / 'site.db'}")  # nothing is left to do
    expected = held(calm / "site.db")
    assert expected != held(world / "site.db")

    chance = random.Random(20_261_124)
    kills = 0
    while kills < KILLS:
        copy = fresh(world, "wild")
        state = ""
        while state != "done":
            after = chance.uniform(0, 2 * idle["seconds"] + whole["seconds"] / 5)
            told = killer(what="apply", run=str(copy / "run"), site=f"local:{copy / 'site.db'}", after=after)
            state = told["state"]
            assert state != "failed"
            kills += state == "killed"
        assert held(copy / "site.db") == expected
        with Journal(copy / "run" / "journal.db") as journal:
            assert set(journal.states().values()) == {Outcome.DONE}


def test_an_undo_killed_again_and_again_gives_back_the_site(killer: Killer, samples: Path) -> None:
    before = Counter(content for content, _ in held(samples / "site.db").elements())
    applied = fresh(samples, "applied")
    assert killer(what="apply", run=str(applied / "run"), site=f"local:{applied / 'site.db'}")["state"] == "done"
    chance = random.Random(7)
    kills, whole = 0, 0.0
    while kills < 10:
        copy = fresh(applied, "wild")
        place = {"run": str(copy / "run"), "site": f"local:{copy / 'site.db'}"}
        state = ""
        while state != "done":
            after = chance.uniform(0, whole) if whole else 60.0
            told = killer(what="undo", **place, after=after)
            state = told["state"]
            assert state != "failed"
            kills += state == "killed"
            whole = whole or told["seconds"]  # the first one is left in peace, to see how long it takes
        assert Counter(content for content, _ in held(copy / "site.db").elements()) == before


CHAOS = """
seed = 20261124
too_many = 0.01
too_many_bare = 0.01
failed_before = 0.01
failed_after = 0.015
unavailable = 0.01
unavailable_bare = 0.01
hang_before = 0.005
hang_after = 0.01
dropped_before = 0.01
dropped_after = 0.015
slow = 0.02
stale = 0.3
consistent = false
looks = 2
retry_after_seconds = 0.02
hang_seconds = 2
slow_seconds = 0.02
stale_seconds = 0.3
"""


@pytest.mark.heavy
def test_killed_while_the_service_has_a_bad_day_a_run_ends_as_on_a_good_one(
    killer: Killer, samples: Path, served: Callable[..., str], site_path: Path, tmp_path: Path
) -> None:
    calm = fresh(samples, "calm")
    assert killer(what="apply", run=str(calm / "run"), site=f"local:{calm / 'site.db'}")["state"] == "done"
    expected = held(calm / "site.db")
    shutil.copy(samples / "site.db", site_path)
    (tmp_path / "chaos.toml").write_text(CHAOS)
    url = served("--chaos", tmp_path / "chaos.toml")

    chance = random.Random(5)
    kills, state = 0, ""
    while state != "done":
        after = chance.uniform(0.2, 4) if kills < 40 else 600
        state = killer(what="apply", run=str(samples / "run"), site=url, after=after)["state"]
        kills += state == "killed"
    assert kills > 3
    assert held(site_path) == expected
    with Journal(samples / "run" / "journal.db") as journal:
        assert set(journal.states().values()) == {Outcome.DONE}

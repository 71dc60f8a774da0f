"""`onefold undo` gives back the site as it was, but for ids and revisions, and touches nothing that others changed."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import people
import polars as pl
import pytest
from conftest import SAMPLES, Ended, contacts_of, info, table

from connectors.local import LocalSite
from connectors.store.journal import Intent, Journal
from transforms.schema.contact import Info

HEADER = "First Name,Last Name,Email,Phone,Company,Tags,Shoe size\n"
ROWS = (
    "Ada,Novak,ada@postbox.example,212-555-0101,Bluefin Analytics,VIP,40\nByron,Finch,byron@postbox.example,,,Press,\n"
)


def content(path: Path) -> Counter[str]:
    """What a site holds, whatever its ids: its contacts as JSON, labels in order."""
    found = [one.model_copy(update={"labels": tuple(sorted(one.labels))}) for one in contacts_of(path)]
    return Counter(one.to_json() for one in found)


@pytest.fixture
async def applied(
    site: LocalSite,
    site_path: Path,
    onefold: Callable[..., Ended],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> tuple[Path, Counter[str]]:
    """A run with each kind of operation, applied, and what the site held before; its marker is kept where asked for."""
    keep_marker = str(getattr(request, "param", False)).lower()
    old = await site.find_or_create_label("Old")
    field = await site.find_or_create_field("Loyalty")
    first = info("Ada", "Novak", email="ada@postbox.example", labels=(old.key,), extended={field.key: "gold"})
    await site.create(first)
    second = info("Ada", "Novak", email="ada@postbox.example", phone="212-555-0101", company="Quill")
    await site.create(second, allow_duplicates=True)
    await site.create(info("Zoe", "Lark", email="zoe@letterbox.example"))
    before = await asyncio.to_thread(content, site_path)
    (tmp_path / "crm.csv").write_text(HEADER + ROWS)
    (tmp_path / "onefold.toml").write_text(
        f'[policy]\nextended_fields = ["Shoe size"]\n[apply]\nkeep_marker = {keep_marker}\n'
    )
    done = await asyncio.to_thread(
        lambda: onefold("migrate", "crm.csv", "--site", f"local:{site_path}", "--run", "run", "--yes", "--json")
    )
    assert {name: done.json[name] for name in ("created", "updated", "merged")} == {
        "created": 1, "updated": 1, "merged": 1,
    }, done.err  # fmt: skip
    return tmp_path / "run", before


async def undone(onefold: Callable[..., Ended], run: Path, *more: str) -> Ended:
    done = await asyncio.to_thread(lambda: onefold("undo", run, "--yes", "--json", *more))
    assert "Traceback" not in done.err, done.err
    return done


@pytest.mark.parametrize("applied", [False, True], indirect=True, ids=["without marker", "with marker"])
async def test_the_site_is_as_it_was(
    applied: tuple[Path, Counter[str]], site: LocalSite, site_path: Path, onefold: Callable[..., Ended]
) -> None:
    run, before = applied
    assert await asyncio.to_thread(content, site_path) != before

    done = await undone(onefold, run)

    assert (done.code, done.json["left"]) == (0, 0)
    assert {name: done.json[name] for name in ("deleted", "restored", "recreated")} == {
        "deleted": 1, "restored": 1, "recreated": 1,
    }  # fmt: skip
    assert await asyncio.to_thread(content, site_path) == before
    rows = pl.read_csv(run / "undo.csv")
    made = rows.filter(pl.col("kind") == "recreate").row(0, named=True)
    assert made["now"] != made["contact"]
    assert {one.display_name for one in (await site.list_fields()).items} == {"Loyalty", "Shoe size"}


async def test_a_dry_run_and_a_no_change_nothing(
    applied: tuple[Path, Counter[str]], site_path: Path, onefold: Callable[..., Ended]
) -> None:
    run, _ = applied
    after = await asyncio.to_thread(content, site_path)

    dry = await asyncio.to_thread(lambda: onefold("undo", run, "--dry-run"))
    refused = await asyncio.to_thread(lambda: onefold("undo", run, answer="no\n"))

    assert (dry.code, refused.code) == (0, 0)
    assert "delete         1 contacts that the run created" in dry.out
    assert "recreate       1 contacts that it merged away" in dry.out
    assert not (run / "undo.db").exists()  # so that the run can still be applied
    assert await asyncio.to_thread(content, site_path) == after


async def test_undoing_again_does_nothing_again(
    applied: tuple[Path, Counter[str]], site_path: Path, onefold: Callable[..., Ended]
) -> None:
    run, before = applied
    await undone(onefold, run)
    again = await undone(onefold, run)
    applied_again = await asyncio.to_thread(lambda: onefold("apply", run, "--yes"))

    assert again.code == 0
    assert (applied_again.code, "This run was undone" in applied_again.err) == (1, True)
    assert await asyncio.to_thread(content, site_path) == before


async def test_what_was_undone_is_left_to_people(
    applied: tuple[Path, Counter[str]], site_path: Path, onefold: Callable[..., Ended]
) -> None:
    run, before = applied
    await undone(onefold, run)

    again = await asyncio.to_thread(
        lambda: onefold("migrate", "crm.csv", "--site", f"local:{site_path}", "--run", "next", "--yes", "--json")
    )

    assert (again.json["created"], again.json["updated"], again.json["merged"]) == (0, 0, 0)
    assert again.json["held"] == 2
    assert await asyncio.to_thread(content, site_path) == before


async def test_what_others_changed_is_not_touched_and_said(
    applied: tuple[Path, Counter[str]], site: LocalSite, onefold: Callable[..., Ended]
) -> None:
    run, _ = applied
    merged = (await site.query({"info.emails.email": "ada@postbox.example"})).items[0]
    await site.update(merged.id, merged.revision, Info(job_title="Director"))

    done = await undone(onefold, run)

    assert (done.code, done.json["left"], done.json["deleted"], done.json["recreated"]) == (3, 1, 1, 0)
    now = await site.get(merged.id)
    assert (now.info.job_title, now.info.company) == ("Director", "Quill")
    assert now.revision == merged.revision + 1
    assert "changed by somebody else since" in (run / "undo.csv").read_text()


async def test_only_one_person_is_undone(
    applied: tuple[Path, Counter[str]], site: LocalSite, onefold: Callable[..., Ended]
) -> None:
    run, _ = applied
    cluster = table(run, "plan").filter(pl.col("kind") == "create")["cluster"][0]

    assert (await undone(onefold, run, "--only", "NOBODY")).code == 2
    done = await undone(onefold, run, "--only", cluster)

    assert (done.json["deleted"], done.json["restored"], done.json["recreated"]) == (1, 0, 0)
    assert (await site.query()).total == 2


async def test_what_cannot_be_undone_yet_is_one_sentence(
    applied: tuple[Path, Counter[str]], onefold: Callable[..., Ended]
) -> None:
    run, _ = applied
    with Journal(run / "journal.db") as journal:
        journal.write(intents=[Intent(next(iter(journal.states())), None)])
    told = await asyncio.to_thread(lambda: onefold("undo", run, "--yes"))
    assert (told.code, "An operation is still open" in told.err) == (1, True)
    await asyncio.to_thread(lambda: onefold("plan", "crm.csv", "--site", "local:new.db", "--run", "fresh"))
    told = await asyncio.to_thread(lambda: onefold("undo", "fresh", "--yes"))
    assert (told.code, "there is nothing to undo" in told.err) == (1, True)


@pytest.mark.heavy
def test_the_samples_and_a_generated_site_are_as_they_were(onefold: Callable[..., Ended], tmp_path: Path) -> None:
    site = tmp_path / "samples.db"
    onefold("site", "load", SAMPLES / "site.jsonl", "--site", f"local:{site}")
    before = content(site)
    ran = ("--config", SAMPLES / "onefold.toml", "--site", f"local:{site}", "--run", "samples", "--yes")
    assert onefold("migrate", *ran).code == 3
    assert content(site) != before
    done = onefold("undo", "samples", "--yes", "--json")
    assert (done.code, done.json["left"], done.json["deleted"], done.json["recreated"]) == (0, 0, 156, 47)
    assert content(site) == before

    rows, _ = people.make(2000, seed=8)
    rows = rows.drop("Record ID")
    rows.head(1200).write_csv(tmp_path / "old.csv")
    rows.tail(800).write_csv(tmp_path / "new.csv")
    site = tmp_path / "world.db"
    assert onefold("migrate", "old.csv", "--site", f"local:{site}", "--run", "old", "--yes").code in (0, 3)
    split(site, seed=3)
    before = content(site)
    run = ("--site", f"local:{site}", "--run", "new", "--yes", "--over-budget", "--json")
    told = onefold("migrate", "new.csv", *run).json
    assert min(told["created"], told["updated"], told["merged"]) > 20
    done = onefold("undo", "new", "--yes", "--json")
    assert (done.code, done.json["left"], done.json["recreated"]) == (0, 0, told["merged"])
    assert content(site) == before


def split(path: Path, seed: int) -> None:
    """Gives some of a site's contacts a second one that says the same."""
    chance = random.Random(seed)

    async def doubled() -> None:
        with LocalSite(path) as site:
            for contact in [one async for one in site.scan()]:
                if chance.random() < 0.1 and contact.info.emails:
                    await site.create(contact.info, allow_duplicates=True)

    asyncio.run(doubled())

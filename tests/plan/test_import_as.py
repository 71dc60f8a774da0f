"""`import_as = "merge"`: each row becomes a contact of its own, which is merged: the trail is on the site."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from conftest import Ended, contacts_of, info, table

from connectors.local import LocalSite
from connectors.store.journal import Intent, Journal
from transforms.schema.contact import Info

HEADER = "First Name,Last Name,Email,Phone,Company,Tags\n"
ADA = "Ada,Novak,ada@postbox.example,212-555-0101,Bluefin Analytics,VIP\n"
BOTH = (ADA, "Ada,Novak,ada@postbox.example,617-555-0102,Umbra Lighting,Press\n")


@pytest.fixture
def migrated(onefold: Callable[..., Ended], site_path: Path, tmp_path: Path) -> Callable[..., Ended]:
    (tmp_path / "onefold.toml").write_text('[policy]\nimport_as = "merge"\n')
    (tmp_path / "crm.csv").write_text(HEADER + BOTH[0] + "Zoe,Lark,zoe@letterbox.example,,,\n")
    (tmp_path / "shop.csv").write_text(HEADER + BOTH[1])

    def run(name: str = "run") -> Ended:
        place = ("--site", f"local:{site_path}", "--run", name)
        return onefold("migrate", "crm.csv", "shop.csv", *place, "--yes", "--json")

    return run


def test_rows_are_created_and_merged_in_the_order_of_trust(
    migrated: Callable[..., Ended], site_path: Path, tmp_path: Path, onefold: Callable[..., Ended]
) -> None:
    done = migrated()

    assert (done.code, done.json["created"], done.json["held"], done.json["failed"]) == (0, 3, 0, 0), done.err
    kinds = table(tmp_path / "run", "plan").group_by("cluster", maintain_order=True).agg("kind")["kind"].to_list()
    assert sorted(kinds) == [["create"], ["create", "create", "merge", "label"]]
    ada, _ = sorted(contacts_of(site_path), key=lambda one: one.first or "")
    assert (ada.company, [one.phone for one in ada.phones]) == ("Bluefin Analytics", ["212-555-0101", "617-555-0102"])
    assert {"VIP", "Press"} < set(ada.labels)
    lost = pl.read_csv(tmp_path / "run" / "losses.csv")
    assert "Umbra Lighting" in lost["value"].to_list()
    again = migrated("again")
    assert {again.json[name] for name in ("created", "updated", "merged", "held")} == {0}

    undone = onefold("undo", "run", "--yes", "--json")
    assert (undone.code, undone.json["deleted"], undone.json["recreated"]) == (0, 2, 0)
    assert contacts_of(site_path) == []


async def test_a_contact_that_is_there_is_the_target_and_undo_leaves_it_as_it_was(
    site: LocalSite, site_path: Path, migrated: Callable[..., Ended], onefold: Callable[..., Ended], tmp_path: Path
) -> None:
    await site.create(info("Ada", "Novak", email="ada@postbox.example"))
    before = await asyncio.to_thread(contacts_of, site_path)

    done = await asyncio.to_thread(migrated)

    assert (done.json["created"], done.json["merged"], done.json["failed"]) == (3, 0, 0), done.err
    now = next(one for one in await asyncio.to_thread(contacts_of, site_path) if one.first == "Ada")
    assert (now.company, len(now.phones)) == ("Bluefin Analytics", 2)
    undone = await asyncio.to_thread(lambda: onefold("undo", "run", "--yes", "--json"))
    assert undone.code == 0, undone.err
    assert await asyncio.to_thread(contacts_of, site_path) == before
    del tmp_path


async def test_interrupted_between_create_and_merge_it_goes_on_with_the_same_contact(
    site: LocalSite, site_path: Path, migrated: Callable[..., Ended], onefold: Callable[..., Ended], tmp_path: Path
) -> None:
    """The run ends after everything; the journal is then put back to where only the first row was created."""
    await asyncio.to_thread(
        lambda: onefold("plan", "crm.csv", "shop.csv", "--site", f"local:{site_path}", "--run", "run")
    )
    plan = table(tmp_path / "run", "plan")
    assert plan["kind"].to_list().count("create") == 3
    first = plan.filter(pl.col("kind") == "create").row(0, named=True)
    field = await site.find_or_create_field("Onefold operation of this run")
    content = Info.model_validate_json(first["after"]).model_copy(update={"labels": ()})
    marked = content.model_copy(update={"extended": {field.key: first["operation"]}})
    made = await site.create(marked)
    with Journal(tmp_path / "run" / "journal.db") as journal:
        journal.note("marker", field.display_name)
        journal.write(intents=[Intent(first["operation"])])

    done = await asyncio.to_thread(lambda: onefold("apply", "run", "--yes", "--json"))

    assert (done.json["created"], done.json["failed"], done.json["held"]) == (3, 0, 0), done.err
    left = await asyncio.to_thread(contacts_of, site_path)
    assert len(left) == 2
    assert (await site.get(made.id)).id == made.id
    del migrated

"""`onefold rehearse` applies a plan to a copy, and touches nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
from conftest import SAMPLES, Ended, contacts_of, table

from transforms.schema.contact import Info


def test_the_samples_come_out_as_planned_and_the_site_is_as_it_was(
    onefold: Callable[..., Ended], tmp_path: Path
) -> None:
    onefold("site", "load", SAMPLES / "site.jsonl", "--site", "local:s.db")
    onefold("plan", "--config", SAMPLES / "onefold.toml", "--site", "local:s.db", "--run", "run")
    before = contacts_of(tmp_path / "s.db")

    told = onefold("rehearse", "run", "--json")

    assert told.code == 0
    assert told.json["as_planned"] is True
    assert (told.json["created"], told.json["merged"], told.json["contacts_after"]) == (156, 47, 316)
    assert contacts_of(tmp_path / "s.db") == before
    assert not (tmp_path / "run" / "journal.db").exists()
    assert len(contacts_of(tmp_path / "run" / "rehearsal" / "site.db")) == 316
    again = onefold("rehearse", "run", "--json")  # and once more, from the beginning
    assert again.json == told.json
    applied = onefold("apply", "run", "--yes", "--json")
    assert (applied.json["created"], applied.json["merged"]) == (156, 47)


def test_over_http_and_with_what_has_changed_since(
    onefold: Callable[..., Ended], served: Callable[..., str], site_path: Path, tmp_path: Path
) -> None:
    onefold("site", "load", SAMPLES / "site.jsonl", "--site", f"local:{site_path}")
    url = served()
    onefold("plan", "--config", SAMPLES / "onefold.toml", "--site", url, "--run", "run")
    update = (
        table(tmp_path / "run", "plan").filter(pl.col("kind") == "update", pl.col("state") == "auto").row(0, named=True)
    )
    changed = {"info": {"company": "Somebody else was here"}, "revision": 1}
    target = next(one for one in contacts_of(site_path) if one == Info.model_validate_json(update["before"]))
    assert target

    import httpx

    path = f"{url}/contacts/v4/contacts/{update['target']}"
    headers = {"Authorization": "a-key", "wix-site-id": "a-site"}
    now = httpx.get(path, headers=headers).json()["contact"]
    answer = httpx.patch(path, headers=headers, json={**changed, "revision": now["revision"]})
    assert answer.status_code == 200

    told = onefold("rehearse", "run", "--json")

    assert told.code == 3
    assert told.json["as_planned"] is False
    assert next(reason for _, reason in told.json["not_done"]) == (
        "a contact of this person was changed since the plan was made"
    )
    assert json.dumps("Somebody else was here") not in told.err

"""The audit of a run: a chain that shows what was changed, and a site that is as the audit says."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from conftest import SAMPLES, Ended, command_in, contacts_of, table

from connectors.local import LocalSite
from connectors.report.chain import read_chain, write_chain
from transforms.schema.errors import RunError

Onefold = Callable[..., Ended]


def migrated(folder: Path) -> Path:
    """The folder of a run of the samples, applied to an embedded site beside it."""
    onefold = command_in(folder)
    onefold("site", "load", SAMPLES / "site.jsonl", "--site", "local:s.db")
    onefold("migrate", "--config", SAMPLES / "onefold.toml", "--site", "local:s.db", "--run", "run", "--yes")
    return folder / "run"


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that no test changes."""
    return migrated(tmp_path_factory.mktemp("audit"))


@pytest.fixture
def run(once: Path, tmp_path: Path) -> Path:
    """A copy of its folder, of the same site."""
    return Path(shutil.copytree(once, tmp_path / "run"))


def test_the_audit_of_a_run_is_what_was_done_and_the_site_shows_it(onefold: Onefold, run: Path, once: Path) -> None:
    site = f"local:{once.parent / 's.db'}"

    alone = onefold("audit", "verify", "run")
    found = onefold("audit", "verify", "run", "--site", site, "--json")

    operations = len(table(run, "plan"))
    assert (alone.code, f"The audit's {operations} operations" in alone.out) == (0, True)
    assert (found.code, found.json["operations"], found.json["findings"]) == (0, operations, [])
    assert found.json["contacts"] > 300
    assert found.json["hash"] in (run / "report.html").read_text("utf-8")
    assert onefold("report", "run", "--json").json["audit"] == found.json["hash"]


def test_what_was_changed_on_the_site_since_is_found_value_by_value_and_undoing_ends_it(
    onefold: Onefold, tmp_path: Path
) -> None:
    run = migrated(tmp_path)
    created = table(run, "audit").filter(pl.col("what") == "create a contact", pl.col("outcome") == "done")["contact"]

    async def change() -> None:
        with LocalSite(tmp_path / "s.db") as site:
            one = await site.get(created[0])
            await site.update(one.id, one.revision, one.info.model_copy(update={"company": "Mallory Ltd"}))
            await site.delete(created[1])

    asyncio.run(change())
    found = onefold("audit", "verify", "run", "--site", "local:s.db", "--json")
    told = onefold("audit", "verify", "run", "--site", "local:s.db")

    assert (found.code, told.code) == (3, 3)
    findings = {(one["contact"], one["field"], one["site"]) for one in found.json["findings"]}
    assert findings == {(created[0], "company", "Mallory Ltd"), (created[1], "", "gone")}
    assert "otherwise than the audit says in 2 places" in told.out
    assert "company: " in told.out
    onefold("undo", run, "--yes")
    refused = onefold("audit", "verify", run, "--site", "local:s.db")
    assert (refused.code, "was undone" in refused.err) == (1, True)


def test_a_line_that_was_changed_left_out_or_put_in_breaks_the_chain(onefold: Onefold, run: Path) -> None:
    path = run / "operations.jsonl"
    lines = path.read_text("utf-8").splitlines(keepends=True)
    doctored = json.loads(lines[3])
    doctored["after"] = "first name: Mallory"

    for forged, where in (
        ([*lines[:3], json.dumps(doctored) + "\n", *lines[4:]], "line 4: the chain is broken"),
        ([*lines[:5], *lines[6:]], "line 6: the chain is broken"),
        ([*lines[:2], lines[3], lines[2], *lines[4:]], "line 3: the chain is broken"),
        ([*lines[:2], "no JSON\n", *lines[2:]], "line 3: the chain is broken"),
        (lines[:-1], "that is not its end"),
        (lines[:1], "that is not its end"),
        ([], "that is not its end"),
    ):
        path.write_text("".join(forged), "utf-8")
        refused = onefold("audit", "verify", "run")
        assert refused.code == 1
        assert where in refused.err
        assert "Traceback" not in refused.err
    path.unlink()
    assert "There is no" in onefold("audit", "verify", "run").err


def test_a_chain_written_anew_is_not_what_plan_and_journal_say(onefold: Onefold, run: Path) -> None:
    path = run / "operations.jsonl"
    head, rows, before = read_chain(path)
    rows[5]["outcome"] = "done" if rows[5]["outcome"] != "done" else "held"

    after = write_chain(path, head, rows)

    assert after != before
    refused = onefold("audit", "verify", "run")
    assert (refused.code, "plan and journal say something else" in refused.err) == (1, True)
    write_chain(path, {**head, "run": "another"}, rows)
    assert "the audit of another run" in onefold("audit", "verify", "run").err


def test_the_redacted_audit_names_nobody(onefold: Onefold, run: Path, once: Path) -> None:
    onefold("report", "run", "--redact")

    texts = "".join((run / name).read_text("utf-8") for name in ("audit-redacted.csv", "operations-redacted.jsonl"))
    _, rows, _ = read_chain(run / "operations-redacted.jsonl")
    assert len(rows) == len(table(run, "plan"))
    assert sum(row["outcome"] == "done" for row in rows) > 300
    assert any("e-mail" in row["fields"] for row in rows if row["fields"])
    people = contacts_of(once.parent / "s.db")
    said = {mail.email for one in people for mail in one.emails} | {one.phones[0].phone for one in people if one.phones}
    said |= {one.last for one in people if one.last} | set(table(run, "records")["record_id"])
    said |= set(table(run, "audit").drop_nulls("contact")["contact"])
    assert [value for value in said if len(value) > 3 and value in texts] == []
    assert str(once.parent) not in texts


def test_a_chain_holds_any_text(tmp_path: Path) -> None:
    rows = [{"text": text} for text in ("", "\u2028", "a\nb", "李", '"', "\\", "<script>")]

    last = write_chain(tmp_path / "chain.jsonl", {"run": "r"}, rows)

    assert read_chain(tmp_path / "chain.jsonl") == ({"run": "r"}, rows, last)
    with pytest.raises(RunError, match="There is no"):
        read_chain(tmp_path / "none.jsonl")

"""Sites are looked at, copied, exported and migrated to alike, wherever they are."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import polars as pl
import pytest
from conftest import ROOT, SAMPLES, Ended, contacts_of, info

from connectors.contacts import Contact, Member
from connectors.exports.reading import read_export
from connectors.local import LocalSite
from transforms.normalise.records import to_records
from transforms.schema.contact import Address, Email, Info, Phone

KEY = {"WIX_API_KEY": "a-key", "WIX_SITE_ID": "a-site"}


def everything(path: Path) -> tuple[list[Contact], list[str], list[str]]:
    async def read() -> tuple[list[Contact], list[str], list[str]]:
        with LocalSite(path) as site:
            labels = [one.model_dump_json() for one in (await site.list_labels()).items]
            fields = [one.model_dump_json() for one in (await site.list_fields()).items]
            return [one async for one in site.scan()], labels, fields

    return asyncio.run(read())


def sample_site(onefold: Callable[..., Ended], path: Path) -> Path:
    assert onefold("site", "load", SAMPLES / "site.jsonl", "--site", f"local:{path}").code == 0
    return path


# --- looking ---


def test_a_check_says_what_works_and_what_is_there_and_changes_nothing(
    onefold: Callable[..., Ended], served: Callable[..., str], site_path: Path
) -> None:
    sample_site(onefold, site_path)
    before = everything(site_path)
    url = served("--api-key", "a-key")

    done = onefold("site", "check", "--site", url, "--json", environment=KEY)

    assert done.code == 0
    assert done.json["works"] is True
    assert set(done.json["permissions"].values()) == {True}
    assert (done.json["there"]["contacts"], done.json["there"]["members"]) == (207, 18)
    assert len(done.out.splitlines()) < 25
    assert everything(site_path) == before


def test_stats_count_what_a_site_holds(onefold: Callable[..., Ended], site_path: Path) -> None:
    sample_site(onefold, site_path)

    done = onefold("site", "stats", "--site", f"local:{site_path}", "--json")

    contacts = contacts_of(site_path)
    assert done.json["contacts"] == len(contacts)
    assert done.json["with_phone"] == sum(bool(one.phones) for one in contacts)
    assert done.json["labels"]["Rotary"] == sum("Rotary" in one.labels for one in contacts)


# --- copying ---


def test_a_pulled_copy_is_the_site_itself(
    onefold: Callable[..., Ended], served: Callable[..., str], site_path: Path, tmp_path: Path
) -> None:
    sample_site(onefold, site_path)
    url = served("--api-key", "a-key")

    done = onefold("site", "pull", "--site", url, "--to", f"local:{tmp_path}/copy.db", environment=KEY)
    again = onefold("site", "pull", "--site", url, "--to", f"local:{tmp_path}/copy.db", environment=KEY)

    assert done.code == 0
    assert everything(tmp_path / "copy.db") == everything(site_path)
    assert (again.code, "there already" in again.err) == (2, True)
    assert not list(tmp_path.glob("*.part*"))


def test_an_interrupted_pull_goes_on_where_it_was(
    onefold: Callable[..., Ended], served: Callable[..., str], site_path: Path, tmp_path: Path
) -> None:
    moment = datetime(2024, 5, 1, 9, tzinfo=UTC)
    times = [moment + timedelta(seconds=at // 3) for at in range(6000)]
    people = [
        Contact(id=f"c{at:05}", revision=1, created=one, updated=one, info=info(f"Ada {at}", email=f"{at}@x.example"))
        for at, one in enumerate(times)
    ]
    with LocalSite(site_path, create=True) as site:
        site.load(people)
    slow = tmp_path / "slow.toml"
    slow.write_text("slow = 1.0\nslow_seconds = 0.4\n")
    url = served("--chaos", slow)
    command = ["site", "pull", "--site", url, "--to", f"local:{tmp_path}/copy.db"]
    process = subprocess.Popen(
        [sys.executable, "-c", "from flows.cli.commands import main; main()", *command],
        cwd=tmp_path,
        stderr=subprocess.DEVNULL,
    )
    part = tmp_path / "copy.db.part"
    deadline = time.monotonic() + 60
    count = 0
    while count < 2000:
        assert time.monotonic() < deadline
        time.sleep(0.05)
        count = len(everything(part)[0]) if part.exists() and part.stat().st_size else 0
    process.kill()
    process.wait()
    left = len(everything(part)[0])
    assert 2000 <= left < 6000
    with LocalSite(site_path) as site:
        asyncio.run(site.update("c00007", 1, Info(company="Changed meanwhile")))

    done = onefold(*command)
    other = onefold("site", "pull", "--site", f"local:{site_path}", "--to", f"local:{tmp_path}/copy.db")

    assert done.code == 0
    assert everything(tmp_path / "copy.db")[0] == everything(site_path)[0]
    assert other.code == 2


# --- exporting ---

AWKWARD = Contact(
    id="awkward",
    revision=3,
    created=datetime(2024, 5, 1, 9, tzinfo=UTC),
    updated=datetime(2024, 6, 1, 9, tzinfo=UTC),
    info=Info(
        first='=cmd|"/C calc"!A0',
        last='O\'Neill, "Ada"\nof Kent',
        emails=(
            Email(email="ada@home.example", tag="HOME"),
            Email(email="ada@engines.example", tag="WORK", primary=True),
        ),
        phones=(Phone(phone="(212) 555-0123", tag="MOBILE", country_code="US", e164="+12125550123", primary=True),),
        addresses=(
            Address(tag="WORK", line="12 St James's Sq; 2", city="London", postal_code="SW1Y 4JH", country="GB"),
            Address(street_number="5", street_name="Main St", city="Portland", subdivision="US-ME", country="US"),
        ),
        company="-Engines-",
        birthdate="1815-12-10",
        labels=("Poet", "@home"),
        extended={"Motto": "+science"},
    ),
    member=Member(id="m", status="ACTIVE"),
    subscription="UNSUBSCRIBED",
)


@pytest.fixture
def awkward(site_path: Path) -> Path:
    async def plant() -> None:
        with LocalSite(site_path, create=True) as site:
            keys = [(await site.find_or_create_label(name)).key for name in AWKWARD.info.labels]
            field = (await site.find_or_create_field("Motto")).key
            content = AWKWARD.info.model_copy(update={"labels": tuple(keys), "extended": {field: "+science"}})
            site.load([AWKWARD.model_copy(update={"info": content})])

    asyncio.run(plant())
    return site_path


def test_an_exported_csv_has_no_live_formula_and_reads_back_as_it_was(
    onefold: Callable[..., Ended], awkward: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"
    assert onefold("site", "export", "--site", f"local:{awkward}", "--out", out).code == 0

    reading = read_export(out, source="copy", rank=0)
    (row,) = reading.rows.to_dicts()
    tables = to_records(reading.rows, keep=("Motto",))

    assert reading.format == "onefold"
    for cell in pl.read_csv(out, infer_schema=False).row(0):
        assert cell is None or not cell.startswith(("=", "+", "-", "@"))
    assert (row["first"], row["last"], row["company"]) == (
        AWKWARD.info.first,
        AWKWARD.info.last,
        AWKWARD.info.company,
    )
    assert [one["value"] for one in row["emails"]] == ["ada@engines.example", "ada@home.example"]
    assert tables.phones["e164"].to_list() == ["+12125550123"]
    assert sorted(tables.labels["label"]) == ["@home", "Poet"]
    assert {"name": "Motto", "value": "+science"} in row["extras"]
    assert [one["street"] for one in row["addresses"]] == ["12 St James's Sq; 2", "5 Main St"]


def test_a_parquet_is_the_same_table_and_a_vcard_has_every_field(
    onefold: Callable[..., Ended], awkward: Path, tmp_path: Path
) -> None:
    import vobject

    for name in ("out.parquet", "out.vcf"):
        assert onefold("site", "export", "--site", f"local:{awkward}", "--out", tmp_path / name).code == 0

    (row,) = pl.read_parquet(tmp_path / "out.parquet").to_dicts()
    (card,) = vobject.readComponents((tmp_path / "out.vcf").read_text("utf-8"))

    assert (row["Email 1"], row["Email 2"]) == ("ada@engines.example", "ada@home.example")
    assert row["Labels"] == "Poet; @home"
    assert card.n.value.given == AWKWARD.info.first
    assert card.n.value.family == AWKWARD.info.last
    assert [one.value for one in card.email_list] == ["ada@home.example", "ada@engines.example"]
    assert card.email_list[1].params["TYPE"] == ["WORK", "PREF"]
    assert card.tel.value == "+12125550123"
    assert [one.value.city for one in card.adr_list] == ["London", "Portland"]
    assert card.bday.value == "1815-12-10"


def test_an_export_overwrites_nothing_and_names_the_suffixes(
    onefold: Callable[..., Ended], awkward: Path, tmp_path: Path
) -> None:
    there = tmp_path / "there.csv"
    there.write_text("mine")
    for out, words in (
        (there, "there already"),
        (tmp_path / "x.doc", ".csv, .parquet or .vcf"),
        ("no/x.csv", "folder"),
    ):
        done = onefold("site", "export", "--site", f"local:{awkward}", "--out", out)
        assert (done.code, words in done.err) == (2, True)
    assert there.read_text() == "mine"


# --- migrating ---


def test_a_served_site_is_migrated_to_as_the_embedded_one(
    onefold: Callable[..., Ended], served: Callable[..., str], site_path: Path, tmp_path: Path
) -> None:
    sample_site(onefold, site_path)
    near = sample_site(onefold, tmp_path / "near.db")
    url = served("--api-key", "a-key")
    config = ("--config", SAMPLES / "onefold.toml")
    known = {**KEY, "ONEFOLD_STATE": str(tmp_path / "state")}

    direct = onefold("migrate", *config, "--site", f"local:{near}", "--run", "near", "--yes", "--json")
    over = onefold("migrate", *config, "--site", url, "--run", "far", "--yes", "--json", environment=known)
    onefold("plan", *config, "--site", url, "--run", "again", environment=known)

    numbers = {name: value for name, value in direct.json.items() if isinstance(value, int)}
    assert {name: over.json[name] for name in numbers} == numbers

    def alike(path: Path) -> list[str]:
        return sorted(
            one.model_copy(update={"labels": tuple(x for x in one.labels if not x.startswith("Onefold 20"))}).to_json()
            for one in contacts_of(path)
        )

    assert alike(site_path) == alike(near)
    assert numbers["merged"] > 0
    assert pl.read_parquet(tmp_path / "again" / "plan.parquet").filter(pl.col("state") == "auto").is_empty()
    assert len(list((tmp_path / "state").glob("memory-*.db"))) == 1
    assert "a-key" not in over.err + (tmp_path / "far" / "run.json").read_text()
    assert b"a-key" not in (tmp_path / "far" / "journal.db").read_bytes()


def test_an_apply_outlasts_a_service_that_is_down_dies_and_comes_back(
    onefold: Callable[..., Ended], served: Callable[..., str], site_path: Path, tmp_path: Path
) -> None:
    sample_site(onefold, site_path)
    url = served()
    port = int(url.rsplit(":", 1)[1])
    export = tmp_path / "new.csv"
    lines = [f"Person{at},Family{at},p{at}@new.example" for at in range(800)]
    export.write_text("First Name,Last Name,Email\n" + "\n".join(lines))
    assert onefold("plan", export, "--site", url, "--run", "run").code in (0, 3)

    kill(served)
    down = onefold("apply", "run", "--yes")
    served("--port", port)
    command = [sys.executable, "-c", "from flows.cli.commands import main; main()", "apply", "run", "--yes"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while len(contacts_of(site_path)) < 207 + 100:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    kill(served)
    served("--port", port)
    interrupted = process.wait(timeout=120)
    again = onefold("apply", "run", "--yes", "--json")

    assert (down.code, "cannot be reached" in down.err) == (1, True)
    assert interrupted in (0, 3)
    assert (again.json["created"], again.json["failed"]) == (800, 0)
    mails = [email.email for one in contacts_of(site_path) for email in one.emails]
    assert sorted(one for one in mails if one.endswith("@new.example")) == sorted(line.split(",")[2] for line in lines)


def kill(served: Callable[..., str]) -> None:
    process = served.processes[-1]  # type: ignore[attr-defined]
    process.send_signal(signal.SIGKILL)
    process.wait()


# --- surviving ---

CHANGES = """
import asyncio, random, sys
from connectors.local import LocalSite
from transforms.schema.contact import Email, Info

async def change():
    choose = random.Random(int(sys.argv[2]))
    with LocalSite(sys.argv[1], events=True) as site:
        label = (await site.find_or_create_label("Poet")).key
        print("ready", flush=True)
        number = 0
        while True:
            number += 1
            made = [
                await site.create(Info(first="Ada", emails=(Email(email=f"{sys.argv[2]}.{number}.{at}@x.example"),)))
                for at in range(4)
            ]
            await site.label(made[3].id, [label])
            await site.merge(made[0].id, 1, [one.id for one in made[1:3]])
            await site.bulk_update(Info(company=str(number)), {"id": {"$in": [made[0].id, made[3].id]}})
            if choose.random() < 0.3:
                await site.delete(made[3].id)

asyncio.run(change())
"""


def test_a_site_survives_kill_9_with_nothing_half_done(site_path: Path) -> None:
    LocalSite(site_path, create=True).close()
    choose = random.Random(20261124)
    for seed in range(20):
        process = subprocess.Popen(
            [sys.executable, "-c", CHANGES, str(site_path), str(seed)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(choose.uniform(0.01, 0.3))
        process.kill()
        process.communicate()
    contacts = {one.id: one for one in everything(site_path)[0]}

    with LocalSite(site_path) as site:
        database = site._database
        assert database.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        redirects = dict(database.execute("SELECT source, target FROM redirects"))
        reach = set(database.execute("SELECT value, contact FROM reach WHERE kind = 'email'"))
        events = [event for _, event in site.events(1_000_000)]
    assert len(redirects) > 50
    assert not redirects.keys() & contacts.keys()
    assert set(redirects.values()) <= contacts.keys()
    for target in set(redirects.values()):
        assert len(contacts[target].info.emails) == 3  # a merge took both of its sources, or none
        assert sum(one == target for one in redirects.values()) == 2
    assert reach == {(email.email, one.id) for one in contacts.values() for email in one.info.emails}
    slugs = [one["slug"] for one in events]
    assert slugs.count("merged") == len(redirects) / 2
    assert slugs.count("created") - slugs.count("deleted") == len(contacts)
    revisions = {one["entityId"]: 1 for one in events}
    for one in events:
        revisions[one["entityId"]] += one["slug"] == "updated"
    assert all(one.revision == revisions[one.id] for one in contacts.values())


def test_the_openapi_page_is_served(served: Callable[..., str]) -> None:
    url = served()

    assert "swagger" in httpx.get(f"{url}/docs").text
    assert json.loads(httpx.get(f"{url}/openapi.json").text)["info"]["title"].startswith("Onefold")

"""A plan of many rows against a large site, from files to plan and report; and applying it, where asked for.

    python benchmarks/plan.py ROWS CONTACTS FOLDER [--apply]

makes, with `people.py`, a site of CONTACTS contacts and five exports of ROWS rows in all, in FOLDER, where they are not
there already, and runs `onefold plan` on them as a process of its own. With `--apply`, a plan of the same rows for an
empty site is applied to that, so that every person is a create.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import people
import polars as pl
from match import Cost, measured

from connectors.contacts import Contact
from connectors.local import LocalSite
from transforms.schema.contact import Email, Info, Phone

ONEFOLD = Path(sys.executable).with_name("onefold")
SOURCES = ("crm", "shop", "newsletter", "events", "support")


def main() -> None:
    """Prints what each command took, and the parts of planning."""
    reading = argparse.ArgumentParser()
    reading.add_argument("rows", type=int)
    reading.add_argument("contacts", type=int)
    reading.add_argument("folder", type=Path)
    reading.add_argument("--apply", action="store_true")
    given = reading.parse_args()
    folder: Path = given.folder
    if not (folder / "site.db").exists():
        _make(given.rows, given.contacts, folder)
    exports = [str(folder / f"{name}.csv") for name in SOURCES]
    run = folder / "run"
    shutil.rmtree(run, ignore_errors=True)
    cost = _run("plan", *exports, "--site", f"local:{folder / 'site.db'}", "--run", str(run))
    facts = json.loads((run / "run.json").read_text("utf-8"))
    kinds = pl.read_parquet(run / "plan.parquet", columns=["kind"])["kind"].value_counts(sort=True)
    print(f"plan: {cost.wall:.1f} s, {cost.cpu:.1f} CPU s, {cost.memory:.2f} GB; {dict(kinds.iter_rows())}")
    for title, seconds in facts["stages"].items():
        print(f"  {seconds:7.2f} s  {title}")
    if given.apply:
        for name in ("empty-run", "empty.db", "empty.db-wal", "empty.db-shm"):
            shutil.rmtree(folder / name, ignore_errors=True)
            (folder / name).unlink(missing_ok=True)
        site, run = f"local:{folder / 'empty.db'}", folder / "empty-run"
        _run("plan", *exports, "--site", site, "--run", str(run))
        creates = pl.read_parquet(run / "plan.parquet").filter(kind="create", state="auto").height
        cost = _run("apply", str(run), "--yes")
        speed = f"{creates / cost.wall:,.0f} a second; {cost.memory:.2f} GB"
        print(f"apply: {creates:,} creates in {cost.wall:.1f} s, {speed}")


def _make(rows: int, contacts: int, folder: Path) -> None:
    """The exports, and the site: its contacts are rows of the same world, as a site that was filled from a list."""
    folder.mkdir(parents=True, exist_ok=True)
    table, _ = people.make(rows + contacts)
    rest = table.slice(contacts)
    for number, name in enumerate(SOURCES):
        rest.gather_every(len(SOURCES), number).write_csv(folder / f"{name}.csv")
    with LocalSite(folder / "site.db", create=True) as site:
        site.load(_contact(row) for row in table.head(contacts).iter_rows(named=True))


def _contact(row: Mapping[str, str]) -> Contact:
    """A row of the world as a contact."""
    moment = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=int(row["Record ID"]))
    return Contact(
        id=str(uuid.uuid5(uuid.NAMESPACE_OID, str(row["Record ID"]))),
        revision=1,
        created=moment,
        updated=moment,
        info=Info(
            first=row["First Name"] or None,
            last=row["Last Name"] or None,
            emails=(Email(email=row["Email"], primary=True),) if row["Email"] else (),
            phones=(Phone(phone=row["Phone Number"], country_code="US"),) if row["Phone Number"] else (),
            company=row["Company Name"] or None,
            job_title=row["Job Title"] or None,
            birthdate=row["Birthdate"] or None,
        ),
    )


def _run(*arguments: str) -> Cost:
    """What a command of Onefold took; cases that wait for a person are an honest end."""
    cost, _ = measured([str(ONEFOLD), *arguments], ends=(0, 3))
    return cost


if __name__ == "__main__":
    main()

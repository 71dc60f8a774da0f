"""How fast a plan is applied to the embedded site, and how much memory that takes.

python benchmarks/apply.py [OPERATIONS]

Of ten operations four create a contact, three update one, one merges two contacts into a third, two label one.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from contact_list import people

from connectors.contacts import Contact
from connectors.local import LocalSite
from connectors.store.journal import Journal
from flows.engine.applying import apply_plan
from transforms.plan.survivorship import fingerprint, merged
from transforms.schema.contact import Email, Info
from transforms.schema.tables import PLAN, conform

SHARES = ("create", "create", "create", "create", "update", "update", "update", "merge", "label", "label")


def operations(contacts: Sequence[Contact], count: int) -> Iterator[dict[str, Any]]:
    """So many operations on contacts, each a cluster of its own."""
    there = iter(contacts)
    for at in range(count):
        kind = SHARES[at % len(SHARES)]
        row: dict[str, Any] = {
            "operation": f"operation-{at}", "cluster": f"cluster-{at}", "step": 0, "kind": kind, "state": "auto",
            "sources": [], "labels": [], "needs": "{}", "allow_duplicates": True,
        }  # fmt: skip
        if kind == "create":
            info = Info(first=f"New{at}", last="Person", emails=(Email(email=f"new{at}@mail.example"),))
            yield {**row, "after": info.to_json()}
            continue
        target = next(there)
        row |= {"target": target.id, "before": target.info.to_json()}
        if kind == "update":
            after = target.info.model_copy(update={"job_title": f"Title {at}"})
            yield {**row, "after": after.to_json(), "needs": _needs(target)}
        elif kind == "merge":
            sources = [next(there), next(there)]
            after = merged(target.info, [one.info for one in sources])
            ids = [one.id for one in sources]
            yield {**row, "sources": ids, "after": after.to_json(), "needs": _needs(target, *sources)}
        else:
            yield {**row, "labels": ["Onefold benchmark"], "after": target.info.to_json()}


def _needs(*contacts: Contact) -> str:
    return json.dumps({one.id: fingerprint(one.info) for one in contacts})


def main(count: int) -> None:
    """Prints operations a second, and the memory before and at its most."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        with LocalSite(path / "site.db", create=True) as site:
            site.load(people(count))
            contacts = list(people(count))
            plan = conform(pl.DataFrame(list(operations(contacts, count)), infer_schema_length=None), PLAN)
            del contacts
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            with Journal(path / "journal.db", writing=True) as journal:
                began = time.perf_counter()
                asyncio.run(apply_plan(plan, site, journal))
                took = time.perf_counter() - began
                states = journal.entries()["state"].value_counts().rows()
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{count:,} operations in {took:.1f} s, {count / took:,.0f} a second: {dict(states)}")
    print(f"peak memory {before / 1e6:.2f} GB before applying, {after / 1e6:.2f} GB after")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)

"""How fast a plan is applied to the embedded site, and how much memory that takes.

python benchmarks/apply.py [OPERATIONS]

Of ten operations four create a contact, three update one, one merges two contacts into a third, two label one.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from contact_list import people

from connectors.contacts import Contact
from connectors.local import LocalSite
from connectors.store.journal import Journal
from flows.engine.applying import apply_plan
from transforms.plan.operations import Draft
from transforms.plan.survivorship import fingerprint, merged
from transforms.schema.contact import Email, Info
from transforms.schema.operations import Kind, Operation, operations_table

SHARES = (*[Kind.CREATE] * 4, *[Kind.UPDATE] * 3, Kind.MERGE, *[Kind.LABEL] * 2)


def operations(contacts: Sequence[Contact], count: int) -> Iterator[Operation]:
    """So many operations on contacts, each a cluster of its own."""
    there = iter(contacts)
    for at in range(count):
        kind = SHARES[at % len(SHARES)]
        draft = Draft(f"cluster-{at}", at, [f"benchmark:{at}"], "", [])
        if kind is Kind.CREATE:
            info = Info(first=f"New{at}", last="Person", emails=(Email(email=f"new{at}@mail.example"),))
            draft.add(kind, after=info, changes=[])
        else:
            target = next(there)
            sources = [next(there), next(there)] if kind is Kind.MERGE else []
            after = {
                Kind.UPDATE: target.info.model_copy(update={"job_title": f"Title {at}"}),
                Kind.MERGE: merged(target.info, [one.info for one in sources]),
                Kind.LABEL: target.info,
            }[kind]
            draft.add(
                kind,
                after=after,
                changes=[],
                target=target.id,
                before=target.info,
                sources=[one.id for one in sources],
                labels=["Onefold benchmark"] if kind is Kind.LABEL else [],
                preconditions={one.id: fingerprint(one.info) for one in (target, *sources)},
            )
        yield from draft.operations


def main(count: int) -> None:
    """Prints operations a second, and the memory before and at its most."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        with LocalSite(path / "site.db", create=True) as site:
            site.load(people(count))
            contacts = list(people(count))
            plan = operations_table(list(operations(contacts, count)))
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

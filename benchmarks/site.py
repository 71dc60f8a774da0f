"""How fast the embedded site takes in and gives out contacts, and how fast it answers over HTTP.

python benchmarks/site.py [CONTACTS]
"""

from __future__ import annotations

import asyncio
import resource
import sys
import tempfile
import time
from pathlib import Path

from contact_list import people
from pydantic import SecretStr

from connectors.contacts import ContactsSite
from connectors.local import LocalSite
from connectors.server import make_app, running
from connectors.wix import WixSite


async def scanned(site: ContactsSite) -> int:
    """How many contacts a scan gives."""
    count = 0
    async for _ in site.scan():
        count += 1
    return count


async def main(count: int) -> None:
    """Prints contacts a second for each way."""
    contacts = list(people(count))
    with tempfile.TemporaryDirectory() as folder, LocalSite(Path(folder) / "site.db", create=True) as site:
        began = time.perf_counter()
        site.load(contacts)
        _say("load", count, began)
        contacts.clear()
        began = time.perf_counter()
        assert await scanned(site) == count
        _say("scan", count, began)
        few = min(count, 100_000)
        began = time.perf_counter()
        async with running(make_app(site)) as (url, _), WixSite(SecretStr("key"), "site", base_url=url) as client:
            page = await client.query(limit=1)
            assert page.total == count
            read = 0
            async for _contact in client.scan():
                read += 1
                if read == few:
                    break
        _say("scan over HTTP, server and client in one process", few, began)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"peak memory {peak:.2f} GB (all contacts are held for the load)")


def _say(what: str, count: int, began: float) -> None:
    took = time.perf_counter() - began
    print(f"{what}: {count:,} contacts in {took:.1f} s, {count / took:,.0f} a second", flush=True)


asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))

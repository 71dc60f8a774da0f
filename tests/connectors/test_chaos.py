"""A bad day of the service leaves the same contacts as a good one: nothing lost, nothing twice."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import httpx
import pytest
from pydantic import SecretStr

from connectors.contacts import Contact, ContactsSite
from connectors.local import LocalSite
from connectors.server import Chaos, Disturbance, make_app, read_chaos, running
from connectors.wix import Patience, WixSite
from transforms.schema.contact import Email, Info
from transforms.schema.errors import AlreadyChanged, PreconditionFailed, UsageError

KEY = SecretStr("a-key")
FULL = Chaos(
    seed=20261124,
    too_many=0.01,
    too_many_bare=0.01,
    failed_before=0.01,
    failed_after=0.015,
    unavailable=0.01,
    unavailable_bare=0.01,
    hang_before=0.005,
    hang_after=0.01,
    dropped_before=0.01,
    dropped_after=0.015,
    slow=0.02,
    stale=0.3,
    consistent=False,
    edited=0.05,
    looks=2,
    retry_after_seconds=0.02,
    hang_seconds=2,
    slow_seconds=0.02,
    stale_seconds=0.3,
)
IMPATIENT = Patience(read=0.4, attempts=20, first_pause=0.01, longest_pause=0.1, lag=1.0, recovery=0.1)
PEOPLE = 40
"""Groups of contacts that are worked on side by side; within one, calls follow each other."""
KINDS = {"create": 9, "update": 8, "label": 3, "unlabel": 2, "merge": 3, "delete": 1, "read": 2}
LABELS = ("Poet", "Friend", "Engine")


@dataclass
class Work:
    """A seeded sequence of calls on a site. Choices depend on the seed alone, never on what the site answers."""

    site: ContactsSite
    marker: str
    calls: int = 0
    names: dict[str, str] = field(default_factory=dict)
    labels: list[str] = field(default_factory=list)

    async def group(self, number: int, steps: int) -> None:
        choose = random.Random(number)
        there: list[str] = []
        sizes: dict[str, int] = {}
        for step in range(steps):
            kind = choose.choices(
                ("create", "update", "label", "unlabel", "merge", "delete", "read"), (9, 8, 3, 2, 3, 1, 2)
            )[0]
            self.calls += {"update": 2, "merge": 3}.get(kind, 1)
            if kind == "create" or len(there) < 4:
                name = f"{number}-{step}"
                await self._create(name, choose)
                there.append(name)
                sizes[name] = 1
            elif kind == "merge":
                target, *sources = choose.sample(there, choose.randint(2, min(4, len(there))))
                sizes[target] = sum(sizes[one] for one in (target, *sources))
                if sizes[target] > 6:  # four of six with two e-mails each: a contact holds at most fifty
                    there.remove(target)
                await self._merge(target, sources)
                there = [one for one in there if one not in sources]
            elif kind == "delete":
                name = there.pop(choose.randrange(len(there)))
                await self.site.delete(self.names[name])
            else:
                name = choose.choice(there)
                if kind == "update":
                    await self._update(name, choose)
                elif kind == "read":
                    found = await self.site.query({"id": self.names[name]})
                    assert len(found.items) <= 1
                else:
                    call = self.site.label if kind == "label" else self.site.unlabel
                    await call(self.names[name], choose.sample(self.labels, 2))

    async def _create(self, name: str, choose: random.Random) -> None:
        info = Info(
            first=f"First {choose.randint(1, 9)}",
            emails=tuple(Email(email=f"{name}.{at}@engines.example") for at in range(choose.randint(1, 2))),
            extended={self.marker: name},
        )
        self.names[name] = (await self.site.create(info, allow_duplicates=True)).id

    async def _update(self, name: str, choose: random.Random) -> None:
        patch = (
            Info(last=f"Last {choose.random()}") if choose.random() < 0.5 else Info(company=f"Firm {choose.random()}")
        )
        while True:
            contact = await self.site.get(self.names[name])
            try:
                await self.site.update(contact.id, contact.revision, patch)
            except AlreadyChanged:
                continue
            return

    async def _merge(self, target: str, sources: list[str]) -> None:
        ids = [self.names[one] for one in sources]
        while True:
            contact = await self.site.get(self.names[target])
            await self.site.preview_merge(contact.id, ids)
            try:
                await self.site.merge(contact.id, contact.revision, ids)
            except PreconditionFailed:
                continue
            return

    async def all(self, steps: int) -> None:
        for label in LABELS:
            self.labels.append((await self.site.find_or_create_label(label)).key)
        side_by_side = anyio.Semaphore(16)

        async def one(number: int) -> None:
            async with side_by_side:
                await self.group(number, steps)

        async with anyio.create_task_group() as tasks:
            for number in range(PEOPLE):
                tasks.start_soon(one, number)


def content(contacts: list[Contact], marker: str) -> dict[str, Info]:
    """Contents by the name each contact was created under; what the other editor writes is left out."""
    found = {str(one.info.extended[marker]): one.info.model_copy(update={"job_title": None}) for one in contacts}
    assert len(found) == len(contacts)
    return found


@pytest.mark.heavy
async def test_ten_thousand_calls_under_all_faults_end_as_without_them(tmp_path: Path) -> None:
    steps = 180
    with LocalSite(tmp_path / "calm.db", create=True) as calm, LocalSite(tmp_path / "wild.db", create=True) as wild:
        marker = (await calm.find_or_create_field("Onefold operation")).key
        await wild.find_or_create_field("Onefold operation")
        undisturbed = Work(calm, marker)
        await undisturbed.all(steps)
        disturbance = Disturbance(FULL, wild)
        app = make_app(wild, disturbance=disturbance)
        async with (
            running(app) as (url, _),
            WixSite(KEY, "a-site", base_url=url, patience=IMPATIENT, marker=marker) as client,
        ):
            disturbed = Work(client, marker)
            await disturbed.all(steps)
        expected = [one async for one in calm.scan()]
        found = [one async for one in wild.scan()]

    assert undisturbed.calls == disturbed.calls
    assert disturbed.calls > 10_000
    assert content(found, marker) == content(expected, marker)
    assert all(count > 0 for count in disturbance.faults.values()), disturbance.faults
    last = {edit.contact_id: edit.job_title for edit in disturbance.edits}
    assert len(last) > 100
    assert all(one.info.job_title == last[one.id] for one in found if one.id in last)


async def test_the_same_seed_gives_the_same_faults() -> None:
    async def met() -> list[int]:
        with LocalSite(":memory:", create=True) as site:
            app = make_app(site, disturbance=Disturbance(Chaos(seed=5, failed_before=0.3, unavailable=0.2), site))
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
                return [(await client.get("/contacts/v4/labels")).status_code for _ in range(40)]

    first, second = await met(), await met()

    assert first == second
    assert set(first) == {401, 500, 503}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("too_many = 2", "too_many"),
        ("to_many = 0.1", "to_many"),
        ("too_many = 0.6\nslow = 0.6", "together"),
        ("too_many 0.1", "not a TOML file"),
    ],
)
def test_a_profile_of_faults_that_cannot_be_is_one_sentence(
    export: Callable[[str, str], Path], text: str, problem: str
) -> None:
    with pytest.raises(UsageError, match=problem):
        read_chaos(export("chaos.toml", text))

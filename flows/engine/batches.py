"""Many contacts at once: read by pages, labelled by bulk jobs, worked on side by side."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Generic, NamedTuple, TypeVar

import anyio

from connectors.contacts import MAX_PAGE, Contact, ContactsSite, finished
from flows.engine.options import BATCH
from transforms.schema.errors import NotFound
from transforms.schema.operations import CREATED_BY, Operation

Wanted = TypeVar("Wanted")
Steps = list[Operation]
"""The operations of one cluster, in their order."""


class Labelled(NamedTuple, Generic[Wanted]):
    """Result of changing a contact's labels: for what, the contact where it is known, or the problem."""

    wanted: Wanted
    contact: Contact | None
    problem: str | None


async def put_on(
    site: ContactsSite, wanted: Sequence[tuple[Wanted, str]], keys: Sequence[str], *, off: bool = False
) -> list[Labelled[Wanted]]:
    """Puts labels on contacts, or takes them off, by one bulk job; what it did not reach, one by one.

    Args:
        site: the site.
        wanted: operations or steps, with the contact that each is for.
        keys: the labels' keys.
        off: whether they are taken off.
    """
    ids = sorted({contact for _, contact in wanted})
    if len(ids) > 1:
        job_id = await site.bulk_label({"id": {"$in": ids}}, add=() if off else keys, remove=keys if off else ())
        job = await finished(site, job_id)
        if job.succeeded == len(ids) and not job.failed:
            return [Labelled(item, None, None) for item, _ in wanted]
    contacts: dict[str, Contact] = {}
    problems: dict[str, str] = {}
    for name in ids:
        try:
            contact = await site.get(name)
            if contact.id != name:
                problems[name] = "the contact was merged into another one since the plan was made"
                continue
            if any((key in contact.info.labels) == off for key in keys):
                contact = await (site.unlabel(name, keys) if off else site.label(name, keys))
            contacts[name] = contact
        except NotFound:
            problems[name] = "the contact is gone"
    return [Labelled(item, contacts.get(contact), problems.get(contact)) for item, contact in wanted]


async def read_pages(site: ContactsSite, names: Iterable[str], at_once: int) -> dict[str, Contact]:
    """Contacts by the id they are asked for, read by pages; what a page does not show, one by one.

    Args:
        site: the site.
        names: ids.
        at_once: how many are read side by side.
    """
    contacts: dict[str, Contact] = {}
    wanted = sorted(names)
    for part in in_parts(wanted, MAX_PAGE):
        page = await site.query({"id": {"$in": part}}, limit=len(part))
        contacts |= {contact.id: contact for contact in page.items}

    async def one_by_one(name: str) -> None:
        with suppress(NotFound):
            contacts[name] = await site.get(name)

    await side_by_side(one_by_one, [name for name in wanted if name not in contacts], at_once)
    return contacts


async def find_marked(site: ContactsSite, key: str, operations: Sequence[str]) -> dict[str, Contact]:
    """The contacts that operations have created, by the operation. Queries lag: it is looked long enough.

    Args:
        site: the site.
        key: the custom field that names the operation.
        operations: ids.
    """
    marked: dict[str, Contact] = {}
    asked = time.monotonic()
    while True:
        for part in in_parts([name for name in operations if name not in marked], BATCH):
            page = await site.query({f"info.extendedFields.{key}": {"$in": list(part)}}, limit=MAX_PAGE)
            marked |= {str(item.info.extended[key]): item for item in page.items if key in item.info.extended}
        if len(marked) == len(operations) or time.monotonic() - asked >= site.lag:
            return {operation: await site.get(contact.id) for operation, contact in marked.items()}
        await anyio.sleep(site.lag / 10)


async def side_by_side(work: Callable[[Any], Awaitable[object]], items: Iterable[Any], at_once: int) -> None:
    """Does the work on all items, so many of them at a time; an error ends it."""
    queue = iter(items)

    async def worker() -> None:
        for item in queue:
            await work(item)

    try:
        async with anyio.create_task_group() as group:
            for _ in range(at_once):
                group.start_soon(worker)
    except BaseExceptionGroup as errors:
        raise first_of(errors) from None


def in_parts(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """The items, so many at a time."""
    return (items[start : start + size] for start in range(0, len(items), size))


def first_of(errors: BaseExceptionGroup) -> BaseException:
    """The first error of a group, however deep it stands."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def touched_contacts(operations: Iterable[Operation]) -> list[str]:
    """The contacts that are there already and that operations touch."""
    names = {name for operation in operations for name in (operation.target, *operation.sources) if name}
    return sorted(name for name in names if not name.startswith(CREATED_BY))

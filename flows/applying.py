"""Applying a plan: each operation checked against the site as it is now, journalled, and done once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import polars as pl

from connectors.contacts import Contact, ContactsSite, all_fields, all_labels
from connectors.journal import DONE, FAILED, HELD, OPEN, STALE, Journal
from transforms.errors import (
    AlreadyChanged,
    Denied,
    Duplicate,
    NotFound,
    PreconditionFailed,
    SiteError,
    TooManyCalls,
    Unanswered,
    Unavailable,
)
from transforms.schema import Info
from transforms.survivorship import fingerprint

Row = dict[str, Any]
ATTEMPTS = 3
"""How often an operation is tried with a fresh revision when somebody else is faster."""


class Stale(Exception):  # noqa: N818 - a state of an operation, never shown as an error
    """The site is no longer what the decision rested on."""


class Held(Exception):  # noqa: N818
    """The site would do something else than was planned."""


async def apply_plan(
    plan: pl.DataFrame,
    site: ContactsSite,
    journal: Journal,
    *,
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Executes the operations of a plan that need nobody's decision.

    Operations that the journal has as done are not repeated; one that was left open, by a crash or a lost answer, is
    settled by asking the site first. When a step of a cluster is not done, its later steps are held.

    Args:
        plan: `PLAN`.
        site: the site it was made for.
        journal: the run's journal.
        progress: called with the number of operations dealt with.

    Raises:
        Denied, TooManyCalls, Unavailable: the site takes no calls now; applying again goes on from here.
    """
    names = _Names(site)
    states = journal.states()
    count = 0
    for steps in _clusters(plan.filter(pl.col("state") == "auto")):
        for number, operation in enumerate(steps):
            count += 1
            if states.get(operation["operation"]) != DONE:
                state = await _execute(
                    operation, site, journal, names, reopened=states.get(operation["operation"]) == OPEN
                )
                if state == OPEN:
                    break
                if state != DONE:
                    for later in steps[number + 1 :]:
                        journal.close_entry(
                            later["operation"], HELD, detail="an earlier step of this person was not done"
                        )
                    count += len(steps) - number - 1
                    progress(count)
                    break
            progress(count)


class _Names:
    """Keys of labels and custom fields by display name, found or made once."""

    def __init__(self, site: ContactsSite) -> None:
        self._site = site
        self._labels: dict[str, str] = {}
        self._fields: dict[str, str] = {}

    async def labels(self, names: tuple[str, ...]) -> tuple[str, ...]:
        if names and not self._labels:
            self._labels = {one.key: one.key for one in await all_labels(self._site)}
        for name in names:
            if name not in self._labels:
                self._labels[name] = (await self._site.find_or_create_label(name)).key
        return tuple(self._labels[name] for name in names)

    async def keyed(self, info: Info) -> Info:
        """A plan's content as the site takes it: labels and custom fields by key."""
        if info.extended and not self._fields:
            self._fields = {one.key: one.key for one in await all_fields(self._site)}
        for name in info.extended:
            if name not in self._fields:
                self._fields[name] = (await self._site.find_or_create_field(name)).key
        extended = {self._fields[name]: value for name, value in info.extended.items()}
        return info.model_copy(update={"labels": await self.labels(info.labels), "extended": extended})


def _clusters(operations: pl.DataFrame) -> Iterator[list[Row]]:
    steps: list[Row] = []
    for row in operations.iter_rows(named=True):
        if steps and steps[0]["cluster"] != row["cluster"]:
            yield steps
            steps = []
        steps.append(row)
    if steps:
        yield steps


async def _execute(operation: Row, site: ContactsSite, journal: Journal, names: _Names, *, reopened: bool) -> str:
    """Does one operation and closes its entry in the journal; returns its state."""
    name = operation["operation"]
    try:
        done = await _settled(operation, site, journal) if reopened else None
        if done is None:
            done = await _KINDS[operation["kind"]](operation, site, journal, names)
    except Stale as reason:
        state, detail = STALE, str(reason)
    except Held as reason:
        state, detail = HELD, str(reason)
    except Unanswered:
        state, detail = OPEN, "the answer was lost; applying again asks the site whether it was done"
    except (Denied, TooManyCalls, Unavailable):
        raise
    except SiteError as error:
        state, detail = FAILED, f"{error.code}: {error}"
    else:
        journal.close_entry(name, DONE, contact=done.id, after=done.info.to_json(), revision=done.revision)
        return DONE
    journal.close_entry(name, state, detail=detail)
    return state


async def _settled(operation: Row, site: ContactsSite, journal: Journal) -> Contact | None:
    """The contact, when the site shows that an operation left open by a crash was done; None when it was not."""
    kind, after = operation["kind"], Info.model_validate_json(operation["after"])
    try:
        if kind == "merge":
            targets = [await site.get(source) for source in operation["sources"]]
            return targets[0] if all(one.id == operation["target"] for one in targets) else None
        if kind == "update":
            contact = await site.get(operation["target"])
            return contact if fingerprint(contact.info) == fingerprint(after) else None
    except NotFound:
        return None
    if kind == "create":
        began = journal.opened_at(operation["operation"])
        async for contact in site.scan():
            if fingerprint(contact.info) == fingerprint(after) and (began is None or contact.created >= began):
                return contact
    return None


async def _create(operation: Row, site: ContactsSite, journal: Journal, names: _Names) -> Contact:
    info = await names.keyed(Info.model_validate_json(operation["after"]))
    journal.open(operation["operation"], contact=None, before=None, revision=None)
    try:
        return await site.create(info, allow_duplicates=operation["allow_duplicates"])
    except Duplicate as error:
        raise Stale("another contact with this e-mail or phone has appeared since the plan was made") from error


async def _merge(operation: Row, site: ContactsSite, journal: Journal, _: _Names) -> Contact:
    planned = fingerprint(Info.model_validate_json(operation["after"]))
    for _attempt in range(ATTEMPTS):
        target, *sources = [
            await _unchanged(operation, one, site) for one in (operation["target"], *operation["sources"])
        ]
        ids = [one.id for one in sources]
        try:
            preview = await site.preview_merge(target.id, ids)
            if fingerprint(preview.info) != planned:
                raise Held("the site's preview of this merge differs from what was planned")
            _open(journal, operation, target, sources)
            return await site.merge(target.id, target.revision, ids)
        except (AlreadyChanged, PreconditionFailed) as error:
            reason = str(error)
    raise Stale(f"the site refuses the merge: {reason}")


async def _update(operation: Row, site: ContactsSite, journal: Journal, names: _Names) -> Contact:
    before, after = (Info.model_validate_json(operation[one]) for one in ("before", "after"))
    changed = {name for name in Info.model_fields if getattr(before, name) != getattr(after, name)} - {"labels"}
    if changed & {"first", "last"}:
        changed |= {"first", "last"}
    keyed = await names.keyed(after)
    patch = Info(**{name: getattr(keyed, name) for name in changed})
    for _attempt in range(ATTEMPTS):
        contact = await _unchanged(operation, operation["target"], site)
        _open(journal, operation, contact)
        try:
            return await site.update(
                contact.id, contact.revision, patch, allow_duplicates=operation["allow_duplicates"]
            )
        except Duplicate as error:
            raise Stale("another contact with this e-mail or phone has appeared since the plan was made") from error
        except AlreadyChanged:
            continue
    raise Stale("the contact keeps being changed by somebody else")


async def _label(operation: Row, site: ContactsSite, journal: Journal, names: _Names) -> Contact:
    try:
        contact = await site.get(operation["target"])
        if contact.id != operation["target"]:
            raise Stale("the contact was merged into another one since the plan was made")
        _open(journal, operation, contact)
        return await site.label(contact.id, await names.labels(tuple(operation["labels"])))
    except NotFound as error:
        raise Stale("the contact is gone") from error


_KINDS = {"create": _create, "merge": _merge, "update": _update, "label": _label}


async def _unchanged(operation: Row, contact_id: str, site: ContactsSite) -> Contact:
    """A contact read again with its newest revision, when it still holds what the decision rested on."""
    try:
        contact = await site.get(contact_id)
    except NotFound as error:
        raise Stale("a contact of this person is gone") from error
    if contact.id != contact_id:
        raise Stale("a contact of this person was merged into another one since the plan was made")
    if fingerprint(contact.info) != json.loads(operation["needs"])[contact_id]:
        raise Stale("a contact of this person was changed since the plan was made")
    return contact


def _open(journal: Journal, operation: Row, contact: Contact, sources: list[Contact] | None = None) -> None:
    images = [(one.id, one.model_dump_json()) for one in (contact, *(sources or []))]
    journal.open(
        operation["operation"],
        contact=contact.id,
        before=contact.info.to_json(),
        revision=contact.revision,
        images=images,
    )

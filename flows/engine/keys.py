"""Labels and custom fields by the keys a site knows them by, and the marker of operations."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

import anyio

from connectors.contacts import Contact, ContactsSite
from connectors.site_reading import all_fields, all_labels
from connectors.store.journal import Journal
from transforms.schema.contact import Info

MARKER = "Onefold operation"
"""The beginning of the name of the custom field that names the operation which created a contact or takes it away."""


def marker_of(journal: Journal) -> str:
    """The name of the field that marks what is created by a journal: one of its own, so that runs do not meet."""
    name = journal.fact("marker")
    if name is None:
        name = f"{MARKER} {uuid.uuid4().hex[:6]}"
        journal.note("marker", name)
    return name


class SiteKeys:
    """Keys of labels and custom fields by display name, found or made once.

    Args:
        site: the site.
        marker: the name of the field that names the operation which created a contact or takes it away.
    """

    def __init__(self, site: ContactsSite, marker: str) -> None:
        self._site = site
        self._marker_name = marker
        self._labels: dict[str, str] = {}
        self._fields: dict[str, str] = {}
        self._turn = anyio.Lock()
        self._marker: str | None = None
        self._is_marking = False

    async def labels(self, names: Iterable[str]) -> tuple[str, ...]:
        """The keys of labels; those that are missing are made."""
        names = tuple(names)
        if any(name not in self._labels for name in names):
            async with self._turn:
                if not self._labels:
                    self._labels = {all_label.key: all_label.key for all_label in await all_labels(self._site)}
                for name in names:
                    if name not in self._labels:
                        self._labels[name] = (await self._site.find_or_create_label(name)).key
        return tuple(self._labels[name] for name in names)

    async def marker(self) -> str:
        """The key of the field that names the operation; made when it is missing."""
        if self._marker is None or not self._is_marking:
            async with self._turn:
                if self._marker is None or not self._is_marking:
                    self._marker = (await self._site.find_or_create_field(self._marker_name)).key
                    self._site.mark_creates(self._marker)
                    self._is_marking = True
        return self._marker

    def unmarked(self, contact: Contact) -> Contact:
        """A contact without that field."""
        if self._marker not in contact.info.extended:
            return contact
        rest = {key: value for key, value in contact.info.extended.items() if key != self._marker}
        return contact.model_copy(update={"info": contact.info.model_copy(update={"extended": rest})})

    async def known_marker(self) -> str | None:
        """The key of that field, where the site has it."""
        page = await self._site.list_fields(starts_with=self._marker_name)
        self._marker = next((item.key for item in page.items if item.display_name == self._marker_name), None)
        return self._marker

    async def remove_marker(self) -> None:
        """Takes that field off every contact, and off the site."""
        key = await self.known_marker()
        if key is not None:
            await self._site.delete_field(key)

    async def keyed(self, info: Info) -> Info:
        """A plan's content as the site takes it: labels and custom fields by key."""
        if any(name not in self._fields for name in info.extended):
            async with self._turn:
                if not self._fields:
                    self._fields = {field.key: field.key for field in await all_fields(self._site)}
                for name in info.extended:
                    if name not in self._fields:
                        self._fields[name] = (await self._site.find_or_create_field(name)).key
        extended = {self._fields[name]: value for name, value in info.extended.items()}
        return info.model_copy(update={"labels": await self.labels(info.labels), "extended": extended})


def changed_fields(before: Info, after: Info, keyed: Info) -> Info:
    """The fields that an update sends to turn one content into another, without labels.

    Args:
        before, after: contents.
        keyed: the later one, as the site takes it.
    """
    changed = {name for name in Info.model_fields if getattr(before, name) != getattr(after, name)} - {"labels"}
    if changed & {"first", "last"}:
        changed |= {"first", "last"}
    return Info(**{name: getattr(keyed, name) for name in changed})

"""A `ContactsSite` behind the Contacts API."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import quote

import anyio
import httpx
from pydantic import SecretStr

from connectors.contacts import MAX_PAGE, Contact, ExtendedField, Filter, Job, Label, Page, Sort
from connectors.site_reading import holds
from connectors.wire.reading import contact_from_wire, field_from_wire, job_from_wire, label_from_wire
from connectors.wire.shapes import (
    BASE_URL,
    BULK_CONTACTS,
    CONTACTS,
    FIELDS,
    JOBS,
    LABELS,
    BulkAnswer,
    BulkLabelRequest,
    BulkRequest,
    BulkUpdateRequest,
    ContactAnswer,
    ContactsAnswer,
    CreateRequest,
    FieldAnswer,
    FieldsAnswer,
    JobAnswer,
    JobsAnswer,
    LabelAnswer,
    LabelsAnswer,
    LabelsRequest,
    MergeRequest,
    NewFieldRequest,
    NewLabelRequest,
    Nothing,
    PagingMetadata,
    PreviewRequest,
    QueryRequest,
    Renamed,
    RenameRequest,
    UpdateRequest,
    WireInfo,
    WirePaging,
    WireQuery,
    WireSort,
    timestamp,
)
from connectors.wire.writing import info_to_wire
from connectors.wix.pace import Pace
from connectors.wix.transport import Parameters, Patience, Transport, is_loopback
from transforms.schema.contact import Info
from transforms.schema.errors import (
    AlreadyChanged,
    Duplicate,
    NotFound,
    PreconditionFailed,
    Unanswered,
)

Done = TypeVar("Done")
CALLS_A_MINUTE = 150
"""The default for a real service, whose documented limit is 200."""
QUERY_TRIES = 5
"""Times that a write is looked for, and sent again when it was not done, after its answer was lost."""


class WixSite:
    """A site behind the Contacts API. Use it as an asynchronous context manager, or call `aclose`.

    Args:
        api_key: the API key.
        site_id: the site's id.
        base_url: where the service is.
        rate: calls a minute never gone beyond; None takes 150 for a real service and no limit for one on this machine.
        patience: how long is waited for what.
        marker: key of a TEXT field whose value names a create: with it a create is found again when its answer is lost.
        transport: what carries requests instead of the network.

    Raises:
        UsageError: the address, the key or the site id cannot be one.
    """

    def __init__(
        self,
        api_key: SecretStr,
        site_id: str,
        *,
        base_url: str = BASE_URL,
        rate: float | None = None,
        patience: Patience = Patience(),  # noqa: B008 - immutable
        marker: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._marker = marker
        if rate is None and not is_loopback(base_url):
            rate = CALLS_A_MINUTE
        pace = Pace(rate / 60 if rate is not None else None, patience.recovery)
        self._transport = Transport(api_key, site_id, base_url, pace, patience, transport)
        self._call = self._transport.call

    async def aclose(self) -> None:
        """Closes all connections."""
        await self._transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    @property
    def lag(self) -> float:
        """See `ContactsSite.lag`."""
        return self._transport.patience.lag

    def mark_creates(self, key: str) -> None:
        """See `ContactsSite.mark_creates`."""
        self._marker = key

    # --- contacts ---

    async def create(self, info: Info, *, allow_duplicates: bool = False) -> Contact:
        """See `ContactsSite.create`.

        Raises:
            Unanswered: the answer was lost, and without a marker in `info` nothing tells whether it was done.
        """
        marked = info.extended.get(self._marker) if self._marker else None
        body = CreateRequest(info=_wire(info), allow_duplicates=allow_duplicates)

        async def send() -> Contact:
            return await self._contact("POST", CONTACTS, body, repeatable=False)

        async def look() -> Contact | None:
            lost, lag = time.monotonic(), self._transport.patience.lag
            while True:
                asked = time.monotonic()
                page = await self.query({f"info.extendedFields.{self._marker}": marked}, limit=2)
                if page.items:
                    return await self.get(page.items[0].id)
                if (
                    asked - lost >= lag
                ):  # only a query sent when all that was written is seen tells that it is not there
                    return None
                await anyio.sleep(lag / 10)

        return await self._settled(send, look) if marked else await send()

    async def get(self, contact_id: str) -> Contact:
        """See `ContactsSite.get`."""
        return await self._contact("GET", _at(CONTACTS, contact_id))

    async def update(self, contact_id: str, revision: int, info: Info, *, allow_duplicates: bool = False) -> Contact:
        """See `ContactsSite.update`. After a lost answer it was done if the contact is newer and holds what was set."""
        body = UpdateRequest(revision=revision, info=_wire(info), allow_duplicates=allow_duplicates)

        async def send() -> Contact:
            return await self._contact("PATCH", _at(CONTACTS, contact_id), body, repeatable=False)

        async def look() -> Contact | None:
            contact = await self.get(contact_id)
            done = contact.id == contact_id and contact.revision > revision and holds(contact.info, info)
            return contact if done else None

        return await self._settled(send, look)

    async def merge(self, target_id: str, revision: int, source_ids: Sequence[str]) -> Contact:
        """See `ContactsSite.merge`. After a lost answer it was done if every source now leads to the target."""
        body = MergeRequest(target_contact_revision=revision, source_contact_ids=list(source_ids))

        async def send() -> Contact:
            return await self._contact("POST", _at(CONTACTS, target_id, "merge"), body, repeatable=False)

        async def look() -> Contact | None:
            contacts = [await self.get(source) for source in source_ids]
            return contacts[-1] if all(contact.id == target_id for contact in contacts) else None

        return await self._settled(send, look)

    async def preview_merge(self, target_id: str, source_ids: Sequence[str]) -> Contact:
        """See `ContactsSite.preview_merge`."""
        body = PreviewRequest(source_contact_ids=list(source_ids))
        return await self._contact("POST", _at(CONTACTS, target_id, "preview-merge"), body)

    async def delete(self, contact_id: str) -> None:
        """See `ContactsSite.delete`. After a lost answer it was done if the contact is gone."""

        async def send() -> bool:
            await self._call("DELETE", _at(CONTACTS, contact_id), Nothing, repeatable=False)
            return True

        async def look() -> bool | None:
            try:
                await self.get(contact_id)
            except NotFound:
                return True
            return None

        await self._settled(send, look)

    async def label(self, contact_id: str, keys: Sequence[str]) -> Contact:
        """See `ContactsSite.label`."""
        return await self._contact("POST", _at(CONTACTS, contact_id, "labels"), LabelsRequest(label_keys=list(keys)))

    async def unlabel(self, contact_id: str, keys: Sequence[str]) -> Contact:
        """See `ContactsSite.unlabel`."""
        answer = await self._call(
            "DELETE", _at(CONTACTS, contact_id, "labels"), ContactAnswer, parameters={"labelKeys": list(keys)}
        )
        return contact_from_wire(answer.contact)

    async def list_contacts(self, *, sort: Sort = Sort(), limit: int = 50, offset: int = 0) -> Page[Contact]:  # noqa: B008
        """See `ContactsSite.list_contacts`."""
        parameters: Parameters = {**_sorted(sort), "paging.limit": limit, "paging.offset": offset}
        answer = await self._call("GET", CONTACTS, ContactsAnswer, parameters=parameters)
        return _contacts(answer, offset)

    async def query(
        self,
        filter: Filter | None = None,
        *,
        search: str | None = None,
        sort: Sort = Sort(),  # noqa: B008 - immutable
        limit: int = 50,
        offset: int = 0,
    ) -> Page[Contact]:
        """See `ContactsSite.query`."""
        body = _query(filter, sort, limit, offset)
        body = body.model_copy(update={"search": search}) if search else body
        return _contacts(await self._call("POST", f"{CONTACTS}/query", ContactsAnswer, body=body), offset)

    async def scan(
        self, *, changed_since: datetime | None = None, created_since: datetime | None = None
    ) -> AsyncIterator[Contact]:
        """See `ContactsSite.scan`.

        Each page begins at the creation date the last one ended with, so that contacts created or deleted meanwhile
        shift nothing, and there is no offset that could be too large.
        """
        changed = {"updatedDate": {"$gte": timestamp(changed_since)}} if changed_since else {}
        begin, offset = created_since, 0
        there: set[str] = set()
        while True:
            window = {"createdDate": {"$gte": timestamp(begin)}} if begin else {}
            page = await self.query({**changed, **window}, limit=MAX_PAGE, offset=offset)
            for contact in page.items:
                if contact.id not in there:
                    yield contact
            if len(page.items) < MAX_PAGE:
                return
            last = page.items[-1].created
            if begin is not None and timestamp(last) == timestamp(begin):
                offset += len(page.items)
                there |= {item.id for item in page.items}
            else:
                begin, offset = last, 0
                there = {newest.id for newest in page.items if timestamp(newest.created) == timestamp(last)}

    async def bulk_delete(self, filter: Filter | None = None, *, search: str | None = None) -> str:
        """See `ContactsSite.bulk_delete`.

        Raises:
            Unanswered: the answer was lost, and the filter is not of ids, so that another try could delete more.
        """
        by_id = not search and filter is not None and set(filter) == {"id"}
        return await self._bulk("delete", BulkRequest(filter=filter, search=search), repeatable=by_id)

    async def bulk_update(self, info: Info, filter: Filter | None = None, *, search: str | None = None) -> str:
        """See `ContactsSite.bulk_update`."""
        return await self._bulk("update", BulkUpdateRequest(filter=filter, search=search, info=_wire(info)))

    async def bulk_label(
        self,
        filter: Filter | None = None,
        *,
        search: str | None = None,
        add: Sequence[str] = (),
        remove: Sequence[str] = (),
    ) -> str:
        """See `ContactsSite.bulk_label`."""
        body = BulkLabelRequest(
            filter=filter, search=search, label_keys_to_add=list(add), label_keys_to_remove=list(remove)
        )
        return await self._bulk("add-remove-labels", body)

    async def job(self, job_id: str) -> Job:
        """See `ContactsSite.job`."""
        return job_from_wire((await self._call("GET", _at(JOBS, job_id), JobAnswer)).job)

    async def jobs(self) -> Sequence[Job]:
        """See `ContactsSite.jobs`."""
        return [job_from_wire(job) for job in (await self._call("GET", JOBS, JobsAnswer)).jobs]

    # --- labels and custom fields ---

    async def find_or_create_label(self, display_name: str) -> Label:
        """See `ContactsSite.find_or_create_label`."""
        answer = await self._call("POST", LABELS, LabelAnswer, body=NewLabelRequest(display_name=display_name))
        return label_from_wire(answer.label)

    async def get_label(self, key: str) -> Label:
        """See `ContactsSite.get_label`."""
        return label_from_wire((await self._call("GET", _at(LABELS, key), LabelAnswer)).label)

    async def rename_label(self, key: str, display_name: str) -> Label:
        """See `ContactsSite.rename_label`."""
        body = RenameRequest(label=Renamed(display_name=display_name))
        return label_from_wire((await self._call("PATCH", _at(LABELS, key), LabelAnswer, body=body)).label)

    async def delete_label(self, key: str) -> None:
        """See `ContactsSite.delete_label`."""
        await self._deleted(_at(LABELS, key), lambda: self.get_label(key))

    async def list_labels(self, *, starts_with: str | None = None, limit: int = 1000, offset: int = 0) -> Page[Label]:
        """See `ContactsSite.list_labels`."""
        answer = await self._call("GET", LABELS, LabelsAnswer, parameters=_list(starts_with, limit, offset))
        return _labels(answer, offset)

    async def query_labels(
        self, filter: Filter | None = None, *, sort: Sort | None = None, limit: int = 50, offset: int = 0
    ) -> Page[Label]:
        """See `ContactsSite.query_labels`."""
        body = _query(filter, sort, limit, offset)
        return _labels(await self._call("POST", f"{LABELS}/query", LabelsAnswer, body=body), offset)

    async def find_or_create_field(self, display_name: str, data_type: str = "TEXT") -> ExtendedField:
        """See `ContactsSite.find_or_create_field`."""
        body = NewFieldRequest(display_name=display_name, data_type=data_type)
        return field_from_wire((await self._call("POST", FIELDS, FieldAnswer, body=body)).field)

    async def get_field(self, key: str) -> ExtendedField:
        """See `ContactsSite.get_field`."""
        return field_from_wire((await self._call("GET", _at(FIELDS, key), FieldAnswer)).field)

    async def rename_field(self, key: str, display_name: str) -> ExtendedField:
        """See `ContactsSite.rename_field`."""
        body = RenameRequest(field=Renamed(display_name=display_name))
        return field_from_wire((await self._call("PATCH", _at(FIELDS, key), FieldAnswer, body=body)).field)

    async def delete_field(self, key: str) -> None:
        """See `ContactsSite.delete_field`."""
        await self._deleted(_at(FIELDS, key), lambda: self.get_field(key))

    async def list_fields(
        self, *, starts_with: str | None = None, limit: int = 100, offset: int = 0
    ) -> Page[ExtendedField]:
        """See `ContactsSite.list_fields`."""
        answer = await self._call("GET", FIELDS, FieldsAnswer, parameters=_list(starts_with, limit, offset))
        return _fields(answer, offset)

    async def query_fields(
        self, filter: Filter | None = None, *, sort: Sort | None = None, limit: int = 50, offset: int = 0
    ) -> Page[ExtendedField]:
        """See `ContactsSite.query_fields`."""
        body = _query(filter, sort, limit, offset)
        return _fields(await self._call("POST", f"{FIELDS}/query", FieldsAnswer, body=body), offset)

    # --- parts ---

    async def _contact(
        self,
        method: str,
        path: str,
        body: CreateRequest | UpdateRequest | MergeRequest | PreviewRequest | LabelsRequest | None = None,
        *,
        repeatable: bool = True,
    ) -> Contact:
        answer = await self._call(method, path, ContactAnswer, body=body, repeatable=repeatable)
        return contact_from_wire(answer.contact)

    async def _bulk(self, what: str, body: BulkRequest, *, repeatable: bool = True) -> str:
        answer = await self._call("POST", f"{BULK_CONTACTS}/{what}", BulkAnswer, body=body, repeatable=repeatable)
        return answer.job_id

    async def _deleted(self, path: str, get: Callable[[], Awaitable[object]]) -> None:
        async def send() -> bool:
            await self._call("DELETE", path, Nothing, repeatable=False)
            return True

        async def look() -> bool | None:
            try:
                await get()
            except NotFound:
                return True
            return None

        await self._settled(send, look)

    async def _settled(self, send: Callable[[], Awaitable[Done]], look: Callable[[], Awaitable[Done | None]]) -> Done:
        """A write that has its effect once, although answers get lost.

        After a lost answer the site shows whether the write was done; only if it was not is it sent again. A refusal
        of the second sending may be the first one's late effect, so it is looked for once more.
        """
        lost: Unanswered | None = None
        for _ in range(QUERY_TRIES):
            try:
                return await send()
            except Unanswered as error:
                lost = error
            except (AlreadyChanged, Duplicate, NotFound, PreconditionFailed):
                if lost is not None and (done := await look()) is not None:
                    return done
                raise
            if (done := await look()) is not None:
                return done
        assert lost is not None
        raise lost


def _at(path: str, key: str, *rest: str) -> str:
    return "/".join((path, quote(key, safe=""), *rest))


def _wire(info: Info) -> WireInfo:
    return WireInfo.model_validate(info_to_wire(info))


def _sorted(sort: Sort) -> dict[str, str]:
    return {"sort.fieldName": sort.field, "sort.order": "DESC" if sort.descending else "ASC"}


def _query(filter: Filter | None, sort: Sort | None, limit: int, offset: int) -> QueryRequest:
    query = WireQuery(filter=dict(filter or {}), paging=WirePaging(limit=limit, offset=offset))
    if sort is not None:
        order = WireSort(field_name=sort.field, order="DESC" if sort.descending else "ASC")
        query = query.model_copy(update={"sort": [order]})
    return QueryRequest(query=query)


def _list(starts_with: str | None, limit: int, offset: int) -> dict[str, str | int | None]:
    return {"startsWith": starts_with, "paging.limit": limit, "paging.offset": offset}


def _total(*paging: PagingMetadata | None) -> int | None:
    return next((page.total for page in paging if page is not None), None)


def _contacts(answer: ContactsAnswer, offset: int) -> Page[Contact]:
    contacts = tuple(contact_from_wire(contact) for contact in answer.contacts)
    return Page(items=contacts, offset=offset, total=_total(answer.paging_metadata))


def _labels(answer: LabelsAnswer, offset: int) -> Page[Label]:
    labels = tuple(label_from_wire(label) for label in answer.labels)
    return Page(items=labels, offset=offset, total=_total(answer.paging_metadata, answer.metadata))


def _fields(answer: FieldsAnswer, offset: int) -> Page[ExtendedField]:
    fields = tuple(field_from_wire(field) for field in answer.fields)
    return Page(items=fields, offset=offset, total=_total(answer.paging_metadata, answer.metadata))

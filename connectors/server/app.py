"""The Contacts API as an ASGI application over an embedded site."""

from __future__ import annotations

import hmac
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi_offline import FastAPIOffline
from pydantic_core import PydanticSerializationError
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connectors.contacts import Contact, Sort
from connectors.local import LocalSite
from connectors.server.bounds import Bounded
from connectors.server.chaos import Chaos, Disturbance
from connectors.server.named_lists import field_routes, label_routes
from connectors.server.parameters import Listing, Projection, ProjectionParameters, paged
from connectors.server.webhooks import Webhook, deliver
from connectors.wire.errors import error_to_wire
from connectors.wire.reading import contact_from_wire, info_from_wire, sort_from_wire
from connectors.wire.shapes import (
    AUTHORIZATION,
    BULK_CONTACTS,
    CONSISTENT,
    CONTACTS,
    JOBS,
    REQUEST_ID,
    SITE_ID,
    BulkAnswer,
    BulkLabelRequest,
    BulkRequest,
    BulkUpdateRequest,
    ContactAnswer,
    ContactsAnswer,
    CreateRequest,
    JobAnswer,
    JobsAnswer,
    LabelsRequest,
    MergeRequest,
    Nothing,
    PreviewRequest,
    QueryRequest,
    UpdateRequest,
    WireContact,
)
from connectors.wire.writing import (
    contact_to_wire,
    job_to_wire,
    projected,
)
from transforms.schema.errors import Denied, NotFound, Refused, SiteError, Violation

SEED = "/onefold/seed"


def make_app(
    site: LocalSite,
    *,
    api_key: str | None = None,
    disturbance: Disturbance | None = None,
    webhook: Webhook | None = None,
    seed: bool = False,
) -> FastAPI:
    """The application.

    Args:
        site: the site to serve; opened with `events=True` where there is a webhook.
        api_key: the only key let in; without one any key is.
        disturbance: faults to have.
        webhook: where events go.
        seed: whether contacts can be planted as they are, members among them.
    """

    @asynccontextmanager
    async def alive(_: FastAPI) -> AsyncIterator[None]:
        async with anyio.create_task_group() as tasks:
            if webhook is not None:
                tasks.start_soon(deliver, site, webhook)
            yield
            tasks.cancel_scope.cancel()
        if disturbance is not None:
            disturbance.close()

    app = FastAPIOffline(
        title="Onefold: the Contacts API v4 over an embedded site",
        description="The endpoints of the Wix Contacts, Labels and Extended Fields APIs, v4, with their wire format.",
        version="4",
        redoc_url=None,
        lifespan=alive,
    )
    disturbance = disturbance or Disturbance(Chaos(), site)
    checked = [Depends(_let_in(api_key))]
    app.include_router(_contacts(site, disturbance), tags=["contacts"], dependencies=checked)
    app.include_router(_bulk(site, disturbance), tags=["bulk"], dependencies=checked)
    app.include_router(label_routes(site), tags=["labels"], dependencies=checked)
    app.include_router(field_routes(site), tags=["extended fields"], dependencies=checked)
    if seed:
        app.include_router(_seed(site), tags=["rehearsal"], dependencies=checked)
    app.add_exception_handler(SiteError, _refused)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _no_such_path)
    for kind in (OverflowError, UnicodeError, RecursionError, PydanticSerializationError):
        app.add_exception_handler(kind, _beyond)
    app.add_middleware(_Stamped, site=site)
    app.add_middleware(_Disturbed, disturbance=disturbance)
    app.add_middleware(Bounded)
    return app


# --- what every answer has ---


class _Stamped:
    """Puts the request's id and the state of the site on every answer."""

    def __init__(self, app: ASGIApp, site: LocalSite) -> None:
        self._app = app
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID] = str(uuid.uuid4())
                headers[CONSISTENT] = str(self._site.changes)
            await send(message)

        await self._app(scope, receive, stamped if scope["type"] == "http" else send)


class _Disturbed:
    """Faults in front of the application."""

    def __init__(self, app: ASGIApp, disturbance: Disturbance) -> None:
        self._app = disturbance.around(app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


def _let_in(api_key: str | None) -> Any:  # noqa: ANN401 - a dependency
    def check(request: Request) -> None:
        given = request.headers.get(AUTHORIZATION, "").removeprefix("Bearer ")
        if not given or (api_key is not None and not hmac.compare_digest(given.encode(), api_key.encode())):
            raise Denied("UNAUTHENTICATED", "The API key is missing or wrong.")
        if not request.headers.get(SITE_ID):
            raise Denied("PERMISSION_DENIED", f"The header {SITE_ID} is missing.", status=403)

    return check


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, SiteError)
    return JSONResponse(error_to_wire(error), error.status)


async def _malformed(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    problems = error.errors()
    if any(len(problem["loc"]) < 2 or problem["type"] == "json_invalid" for problem in problems):
        return JSONResponse({"message": "Expected an object"}, 400)
    violations = [
        Violation(".".join(str(part) for part in problem["loc"][1:]), str(problem["msg"]), "OTHER")
        for problem in problems
    ]
    places = ", ".join(f"{violation.field}: {violation.description}" for violation in violations)
    refusal = Refused("INVALID_ARGUMENT", f"The request is not valid: {places}.", violations=violations)
    return JSONResponse(error_to_wire(refusal), 400)


async def _beyond(_: Request, error: Exception) -> JSONResponse:
    """Answer to values that no field can hold: numbers beyond 64 bits, halves of characters, impossible dates."""
    refusal = Refused("INVALID_ARGUMENT", f"The request holds a value that no field can hold ({type(error).__name__}).")
    return JSONResponse(error_to_wire(refusal), 400)


async def _no_such_path(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return JSONResponse(error_to_wire(NotFound("NOT_FOUND", str(error.detail))), error.status_code)


def _only(contact: Contact, **more: object) -> JSONResponse:
    return JSONResponse({"contact": contact_to_wire(contact), **more})


# --- contacts ---


def _contacts(site: LocalSite, disturbance: Disturbance) -> APIRouter:
    routes = APIRouter(prefix=CONTACTS)

    @routes.post("", response_model=ContactAnswer)
    async def create_contact(body: CreateRequest) -> JSONResponse:
        return _only(await site.create(info_from_wire(body.info), allow_duplicates=body.allow_duplicates))

    @routes.get("", response_model=ContactsAnswer)
    async def list_contacts(request: Request, listing: Listing, projection: Projection) -> JSONResponse:
        page = await disturbance.reading(request.headers).list_contacts(
            sort=listing.sort or Sort(), limit=50 if listing.limit is None else listing.limit, offset=listing.offset
        )
        return projection.page(page)

    @routes.post("/query", response_model=ContactsAnswer)
    async def query_contacts(request: Request, body: QueryRequest) -> JSONResponse:
        page = await disturbance.reading(request.headers).query(
            body.query.filter,
            search=body.search,
            sort=sort_from_wire(body.query.sort) or Sort(),
            **paged(body.query.paging),
        )
        return ProjectionParameters(body.query.fields or (), body.query.fieldsets or ()).page(page)

    @routes.get("/{contact_id}", response_model=ContactAnswer)
    async def get_contact(contact_id: str, projection: Projection) -> JSONResponse:
        contact = await site.get(contact_id)
        await disturbance.after_read(contact.id)
        kind = "REGULAR" if contact.id == contact_id else "MERGED"
        return JSONResponse({"contact": projected(contact_to_wire(contact), *projection), "responseType": kind})

    @routes.patch("/{contact_id}", response_model=ContactAnswer)
    async def update_contact(contact_id: str, body: UpdateRequest) -> JSONResponse:
        info = info_from_wire(body.info)
        return _only(await site.update(contact_id, body.revision, info, allow_duplicates=body.allow_duplicates))

    @routes.delete("/{contact_id}", response_model=Nothing)
    async def delete_contact(contact_id: str) -> JSONResponse:
        await site.delete(contact_id)
        return JSONResponse({})

    @routes.post("/{contact_id}/merge", response_model=ContactAnswer)
    async def merge_contacts(contact_id: str, body: MergeRequest) -> JSONResponse:
        return _only(await site.merge(contact_id, body.target_contact_revision, body.source_contact_ids))

    @routes.post("/{contact_id}/preview-merge", response_model=ContactAnswer)
    async def preview_merge_contacts(contact_id: str, body: PreviewRequest) -> JSONResponse:
        return _only(await site.preview_merge(contact_id, body.source_contact_ids))

    @routes.post("/{contact_id}/labels", response_model=ContactAnswer)
    async def label_contact(contact_id: str, body: LabelsRequest) -> JSONResponse:
        return _only(await site.label(contact_id, body.label_keys))

    @routes.delete("/{contact_id}/labels", response_model=ContactAnswer)
    async def unlabel_contact(
        contact_id: str,
        keys: Annotated[list[str] | None, Query(alias="labelKeys")] = None,
        body: LabelsRequest | None = None,
    ) -> JSONResponse:
        """The labels come as parameters or in a body."""
        return _only(await site.unlabel(contact_id, body.label_keys if body else keys or []))

    return routes


def _bulk(site: LocalSite, disturbance: Disturbance) -> APIRouter:
    routes = APIRouter()

    def started(job_id: str) -> JSONResponse:
        return JSONResponse({"jobId": job_id})

    @routes.post(f"{BULK_CONTACTS}/delete", response_model=BulkAnswer)
    async def bulk_delete_contacts(body: BulkRequest) -> JSONResponse:
        return started(await site.bulk_delete(body.filter, search=body.search))

    @routes.post(f"{BULK_CONTACTS}/update", response_model=BulkAnswer)
    async def bulk_update_contacts(body: BulkUpdateRequest) -> JSONResponse:
        return started(await site.bulk_update(info_from_wire(body.info), body.filter, search=body.search))

    @routes.post(f"{BULK_CONTACTS}/add-remove-labels", response_model=BulkAnswer)
    async def bulk_label_and_unlabel_contacts(body: BulkLabelRequest) -> JSONResponse:
        job = await site.bulk_label(
            body.filter, search=body.search, add=body.label_keys_to_add, remove=body.label_keys_to_remove
        )
        return started(job)

    @routes.get(f"{JOBS}/{{job_id}}", response_model=JobAnswer)
    async def get_bulk_job(job_id: str) -> JSONResponse:
        job = await site.job(job_id)
        if disturbance.still_running(job_id):
            job = job.model_copy(update={"status": "RUNNING", "finished": None, "succeeded": 0, "failed": 0})
        return JSONResponse({"job": job_to_wire(job)})

    @routes.get(JOBS, response_model=JobsAnswer)
    async def list_bulk_jobs() -> JSONResponse:
        return JSONResponse({"jobs": [job_to_wire(job) for job in await site.jobs()]})

    return routes


def _seed(site: LocalSite) -> APIRouter:
    routes = APIRouter(prefix=SEED)

    @routes.post("")
    async def plant(contacts: list[WireContact]) -> dict[str, int]:
        """Plants contacts as they are, with their ids, revisions and memberships."""
        return {"planted": site.load(contact_from_wire(contact) for contact in contacts)}

    return routes

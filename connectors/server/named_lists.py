"""The routes of labels and of custom fields."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from connectors.contacts import ExtendedField, Label, Page
from connectors.local import LocalSite
from connectors.server.parameters import Listing, ListingParameters, filter_of, paged
from connectors.wire.reading import sort_from_wire
from connectors.wire.shapes import (
    FIELDS,
    LABELS,
    FieldAnswer,
    FieldsAnswer,
    LabelAnswer,
    LabelsAnswer,
    NewFieldRequest,
    NewLabelRequest,
    Nothing,
    QueryRequest,
    RenameRequest,
    Wire,
)
from connectors.wire.writing import field_to_wire, label_to_wire, paging_to_wire
from transforms.schema.errors import Refused, Violation

NamedItem = TypeVar("NamedItem", Label, ExtendedField)


def _renamed(body: RenameRequest) -> str:
    wrapped = body.label or body.field
    name = wrapped.display_name if wrapped else body.display_name
    if name is None:
        problem = [Violation("displayName", "is missing", "REQUIRED_FIELD")]
        raise Refused("INVALID_ARGUMENT", "The request has no display name.", violations=problem)
    return name


@dataclass(frozen=True)
class _Named(Generic[NamedItem]):
    """The differences between the routes of labels and those of custom fields.

    Attributes:
        prefix: the path of the routes.
        name: how the wire calls one of them; several are called so with an *s*.
        answer, answers: the shape of one of them, and of a page.
        page_size: how many a page holds when the request does not say.
        to_wire: one of them as the wire has it.
        get, rename, delete, listed, queried: the site's own calls.
    """

    prefix: str
    name: str
    answer: type[Wire]
    answers: type[Wire]
    page_size: int
    to_wire: Callable[[NamedItem], object]
    get: Callable[[str], Awaitable[NamedItem]]
    rename: Callable[[str, str], Awaitable[NamedItem]]
    delete: Callable[[str], Awaitable[None]]
    listed: Callable[..., Awaitable[Page[NamedItem]]]
    queried: Callable[..., Awaitable[Page[NamedItem]]]

    def item(self, item: NamedItem, **more: object) -> JSONResponse:
        """The answer with one of them."""
        return JSONResponse({self.name: self.to_wire(item), **more})

    def page(self, page: Page[NamedItem], paging: str) -> JSONResponse:
        """The answer with a page of them; `paging` is the name of its description."""
        return JSONResponse(
            {f"{self.name}s": [self.to_wire(item) for item in page.items], paging: paging_to_wire(page)}
        )

    async def list(
        self, listing: ListingParameters, kind: str | None, namespace: str | None, start: str | None
    ) -> JSONResponse:
        """The answer with a page of those of a kind, of a namespace, whose names start so; of all where not said."""
        page = await self.listed(
            starts_with=start,
            filter=filter_of(**{f"{self.name}Type": kind, "namespace": namespace}),
            sort=listing.sort,
            limit=self.page_size if listing.limit is None else listing.limit,
            offset=listing.offset,
        )
        return self.page(page, "metadata")

    def routes(self) -> APIRouter:
        """The routes whose parameters are the same for both."""
        routes = APIRouter(prefix=self.prefix)

        @routes.post("/query", response_model=self.answers, name=f"query_{self.name}s")
        async def query(body: QueryRequest) -> JSONResponse:
            asked = body.query
            page = await self.queried(asked.filter, sort=sort_from_wire(asked.sort), **paged(asked.paging))
            return self.page(page, "pagingMetadata")

        @routes.get("/{key}", response_model=self.answer, name=f"get_{self.name}")
        async def get(key: str) -> JSONResponse:
            return self.item(await self.get(key))

        @routes.patch("/{key}", response_model=self.answer, name=f"rename_{self.name}")
        async def rename(key: str, body: RenameRequest) -> JSONResponse:
            return self.item(await self.rename(key, _renamed(body)))

        @routes.delete("/{key}", response_model=Nothing, name=f"delete_{self.name}")
        async def delete(key: str) -> JSONResponse:
            await self.delete(key)
            return JSONResponse({})

        return routes


def label_routes(site: LocalSite) -> APIRouter:
    """The routes of labels."""
    labels = _Named(
        LABELS, "label", LabelAnswer, LabelsAnswer, 1000, label_to_wire,
        site.get_label, site.rename_label, site.delete_label, site.list_labels, site.query_labels,
    )  # fmt: skip
    routes = labels.routes()

    @routes.get("", response_model=LabelsAnswer)
    async def list_labels(
        listing: Listing,
        label_type: Annotated[str | None, Query(alias="labelType")] = None,
        namespace: str | None = None,
        starts_with: Annotated[str | None, Query(alias="startsWith")] = None,
    ) -> JSONResponse:
        return await labels.list(listing, label_type, namespace, starts_with)

    @routes.post("", response_model=LabelAnswer)
    async def find_or_create_label(body: NewLabelRequest) -> JSONResponse:
        known = (await site.query_labels({"displayName": body.display_name})).items
        return labels.item(await site.find_or_create_label(body.display_name), newLabel=not known)

    return routes


def field_routes(site: LocalSite) -> APIRouter:
    """The routes of custom fields."""
    fields = _Named(
        FIELDS, "field", FieldAnswer, FieldsAnswer, 100, field_to_wire,
        site.get_field, site.rename_field, site.delete_field, site.list_fields, site.query_fields,
    )  # fmt: skip
    routes = fields.routes()

    @routes.get("", response_model=FieldsAnswer)
    async def list_extended_fields(
        listing: Listing,
        field_type: Annotated[str | None, Query(alias="fieldType")] = None,
        namespace: str | None = None,
        starts_with: Annotated[str | None, Query(alias="startsWith")] = None,
    ) -> JSONResponse:
        return await fields.list(listing, field_type, namespace, starts_with)

    @routes.post("", response_model=FieldAnswer)
    async def find_or_create_extended_field(body: NewFieldRequest) -> JSONResponse:
        known = (await site.query_fields({"displayName": body.display_name})).items
        return fields.item(await site.find_or_create_field(body.display_name, body.data_type), newField=not known)

    return routes

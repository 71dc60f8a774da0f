"""Parameters of listings, pages and projections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, NamedTuple

from fastapi import Depends, Query
from fastapi.responses import JSONResponse

from connectors.contacts import Contact, Page, Sort
from connectors.wire.reading import sort_from_wire
from connectors.wire.shapes import WirePaging, WireSort
from connectors.wire.writing import contact_to_wire, paging_to_wire, projected


class ListingParameters(NamedTuple):
    """Parameters of a listing in its address."""

    sort: Sort | None
    limit: int | None
    offset: int


def _listing(
    field: Annotated[str | None, Query(alias="sort.fieldName")] = None,
    order: Annotated[str | None, Query(alias="sort.order")] = None,
    limit: Annotated[int | None, Query(alias="paging.limit")] = None,
    offset: Annotated[int, Query(alias="paging.offset")] = 0,
) -> ListingParameters:
    return ListingParameters(sort_from_wire(WireSort(field_name=field or "", order=order)), limit, offset)


class ProjectionParameters(NamedTuple):
    """Which parts of a contact are asked for."""

    fields: Sequence[str]
    fieldsets: Sequence[str]

    def page(self, page: Page[Contact]) -> JSONResponse:
        """The answer with these parts of the contacts of a page."""
        contacts = [projected(contact_to_wire(item), self.fields, self.fieldsets) for item in page.items]
        return JSONResponse({"contacts": contacts, "pagingMetadata": paging_to_wire(page)})


def _projection(
    fields: Annotated[list[str] | None, Query()] = None, fieldsets: Annotated[list[str] | None, Query()] = None
) -> ProjectionParameters:
    """Repeated parameters and comma-separated ones."""
    return ProjectionParameters(
        *([part for text in given or () for part in text.split(",") if part] for given in (fields, fieldsets))
    )


Listing = Annotated[ListingParameters, Depends(_listing)]


Projection = Annotated[ProjectionParameters, Depends(_projection)]


def filter_of(**wanted: str | None) -> Mapping[str, str] | None:
    """A filter for these values of fields; none where none is given."""
    return {name: value for name, value in wanted.items() if value} or None


def paged(paging: WirePaging | None, limit: int = 50) -> dict[str, int]:
    """The limit and offset of a page; `limit` where the request names none."""
    paging = paging or WirePaging()
    return {"limit": limit if paging.limit is None else paging.limit, "offset": paging.offset or 0}

"""Looking at the formats of exports: which there are, what one of them reads, and what a header line is taken for."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.exports.formats import Format, known_formats
from connectors.exports.layout import IGNORED, layout
from connectors.exports.reading import header_cells
from transforms.schema.errors import UsageError

BESIDE = "beside the row"
LEFT_OUT = "left out on purpose"


@dataclass(frozen=True)
class FormatList:
    """All formats, by name."""

    formats: tuple[Format, ...]

    def text(self) -> str:
        """As a list: name, title, and the headers it is recognised by."""
        width = max(len(form.name) for form in self.formats)
        titles = max(len(form.title) for form in self.formats)
        return "\n".join(
            f"{form.name:<{width}}  {form.title:<{titles}}  {_signature(form)}".rstrip() for form in self.formats
        )

    def facts(self) -> dict[str, Any]:
        """As JSON."""
        return {
            form.name: {"title": form.title, "recognised_by": [list(group) for group in form.signature]}
            for form in self.formats
        }


@dataclass(frozen=True)
class Columns:
    """The columns of a format or of a header line, and where each goes."""

    format: Format
    places: Mapping[str, str]

    def text(self) -> str:
        """As a list, a line each."""
        width = max((len(column) for column in self.places), default=0)
        lines = [f"  {column:<{width}}  → {place}" for column, place in self.places.items()]
        return "\n".join([f"{self.format.title}  ({self.format.name})", *lines])

    def facts(self) -> dict[str, Any]:
        """As JSON."""
        return {"format": self.format.name, "title": self.format.title, "columns": dict(self.places)}


def list_formats() -> FormatList:
    """All formats; the one for any table with recognisable headers comes last."""
    formats = known_formats().values()
    return FormatList(tuple(sorted(formats, key=lambda form: (not form.signature, form.name))))


def show_format(name: str) -> Columns:
    """What a format reads.

    Raises:
        UsageError: there is none of this name.
    """
    form = known_formats().get(name.casefold())
    if form is None:
        near = difflib.get_close_matches(name.casefold(), known_formats(), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "; onefold formats lists them."
        raise UsageError(f"There is no format {name!r}{hint}")
    places = (
        dict(form.columns) | dict.fromkeys(sorted(form.beside), BESIDE) | dict.fromkeys(sorted(form.ignored), LEFT_OUT)
    )
    return Columns(form, places)


def try_header(line: str) -> Columns:
    """What a header line is taken for, and where its columns go.

    Raises:
        UsageError: the line is empty.
        InputError: none of its columns can be used.
    """
    cells = header_cells(line)
    if not cells:
        raise UsageError("The header line is empty.")
    places = layout(cells, "The header line")
    named = {None: BESIDE, IGNORED: LEFT_OUT}
    return Columns(places.format, {column: named.get(place) or str(place) for column, place in places.places.items()})


def _signature(form: Format) -> str:
    return " + ".join(" or ".join(group[:2]) for group in form.signature)

"""The content of a contact, as every site holds it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


PARTING = r"[;,\"]|:::|^\s|\s$|^\*|^\[|^$"
"""Pattern of a name that would not be read as it is from among others in a cell."""


def cell_of(names: Sequence[str]) -> str | None:
    """Names in one cell: with `;` between them, or as a JSON list where one has a mark in it that would part it."""
    if any(re.search(PARTING, name) for name in names):
        return json.dumps(list(names), ensure_ascii=False)
    return "; ".join(names) or None


def names_in(cell: str) -> list[str] | None:
    """The names of a cell that is a JSON list; None for any other."""
    try:
        names = json.loads(cell)
    except ValueError:
        return None
    return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else None


class Email(_Part):
    """One e-mail address of a contact."""

    email: str
    tag: str = "UNTAGGED"
    primary: bool = False


EXTENSION_WORDS = "dw|durchwahl|poste|ramal|int|interno|anexo|app|apparat"
"""Words for an extension in German, French, Portuguese, Italian and Spanish."""
EXTENSION = rf"(?i)(?:;\s*ext=|\bext(?:ension)?\b\.?|#|\bx|\b(?:{EXTENSION_WORDS})\b\.?)\s*:?\s*(\d{{1,7}})\s*$"
"""Pattern of an extension behind a phone, as people write it."""


class Phone(_Part):
    """One phone of a contact; `e164` is what the site makes of phone and country, null when it cannot."""

    phone: str
    tag: str = "UNTAGGED"
    country_code: str | None = None
    e164: str | None = None
    primary: bool = False

    @property
    def extension(self) -> str | None:
        """The extension behind the number, in digits."""
        found = re.search(EXTENSION, self.phone)
        return found[1] if found else None

    @property
    def written(self) -> str:
        """The number as other programs read it: in E.164 where that is known, with its extension."""
        if self.e164 is None:
            return self.phone
        return f"{self.e164} ext. {self.extension}" if self.extension else self.e164

    def with_e164(self, e164: str | None) -> Phone:
        """The phone with that."""
        return self if self.e164 == e164 else self.model_copy(update={"e164": e164})


class Address(_Part):
    """One postal address of a contact; `country` and `subdivision` are ISO 3166 codes.

    The street stands in `line`, or split in `street_name` and `street_number`.
    """

    tag: str = "UNTAGGED"
    line: str | None = None
    line2: str | None = None
    city: str | None = None
    subdivision: str | None = None
    postal_code: str | None = None
    country: str | None = None
    street_name: str | None = None
    street_number: str | None = None

    def content(self) -> tuple[str, ...]:
        """The identity of an address: its parts, folded, without the tag."""
        parts = (
            self.line, self.street_number, self.street_name, self.line2,
            self.city, self.subdivision, self.postal_code, self.country,
        )  # fmt: skip
        return tuple(" ".join((part or "").casefold().split()) for part in parts)


class Info(_Part):
    """The content of a contact, as the Contacts API v4 groups it.

    On a site, labels and extended fields go by their keys; in records and plans by their display names.
    """

    first: str | None = None
    last: str | None = None
    emails: tuple[Email, ...] = ()
    phones: tuple[Phone, ...] = ()
    addresses: tuple[Address, ...] = ()
    company: str | None = None
    job_title: str | None = None
    birthdate: str | None = None
    locale: str | None = None
    labels: tuple[str, ...] = ()
    extended: dict[str, str | float] = Field(default_factory=dict)
    picture: dict[str, Any] | None = None
    """The picture's description, as the site gave it."""
    locations: tuple[str, ...] = ()
    assigned_users: tuple[str, ...] = ()

    def to_json(self) -> str:
        """A compact JSON text without empty fields, the same for the same content."""
        return self.model_dump_json(exclude_defaults=True)

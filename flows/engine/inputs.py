"""The site's contacts and all rows, as planning takes them."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from connectors.contacts import Contact, contact_rows
from flows.settings import Settings
from transforms.normalise.records import to_records
from transforms.schema.records import Records
from transforms.schema.tables import CONTACTS, SITE


def site_rows_of(settings: Settings, contacts: Sequence[Contact]) -> pl.DataFrame:
    """The site's contacts as `ROWS`, at the site's place in the order of trust."""
    rank, region = site_place(settings)
    return contact_rows(contacts, rank=rank, region=region)


def site_place(settings: Settings) -> tuple[int, str | None]:
    """The site's place in the order of trust, and the country of its phones without a country code."""
    ranked = settings.ranked()
    rank = next(index for index, one in enumerate(ranked) if one.name == SITE)
    return rank, ranked[rank].region


def normalise(rows: Sequence[pl.DataFrame], settings: Settings) -> Records:
    """All rows as records, the most trusted source first, in each by what they say.

    So the order of a file's rows makes no difference to who is found to be one person.
    """
    said = pl.coalesce("raw", "contact_id")
    together = pl.concat(rows).sort("source_rank", said.hash(seed=0), said, "row")
    return to_records(together, keep=settings.policy.extended_fields)


def infos_of(contacts: Sequence[Contact]) -> pl.DataFrame:
    """The site's contacts as `CONTACTS`."""
    return pl.DataFrame(
        {"contact_id": [one.id for one in contacts], "info": [one.info.to_json() for one in contacts]},
        schema=dict(CONTACTS),
    )

"""The audit of a run without personal data: what was done, when, and in which fields, but to nobody one could name."""

from __future__ import annotations

import polars as pl

from transforms.plan.survivorship import IN_WORDS, SINGLE
from transforms.schema.ids import short_id
from transforms.schema.tables import REDACTED, conform

_FIELD_NAMES = frozenset(IN_WORDS.get(name, name) for name in (*SINGLE, *IN_WORDS))


def redacted(audit: pl.DataFrame, planned: pl.DataFrame, run: str) -> pl.DataFrame:
    """The audit without values, names, ids of contacts and rows: `REDACTED`.

    Args:
        audit: `AUDIT`.
        planned: `PLAN` of the same operations.
        run: the run's id. With it a contact's id becomes another one, the same in all of the run.
    """
    about = planned.select("operation", "kind", "state", "cause", count=pl.col("records").list.len())
    rows = audit.join(about, on="operation", how="left", maintain_order="left")
    contacts = [short_id(run, contact) if contact is not None else None for contact in rows["contact"]]
    fields = [_fields(*both) for both in rows.select("before", "after").iter_rows()]
    return conform(
        rows.with_columns(
            records="count",
            contact=pl.Series(contacts, dtype=pl.String),
            fields=pl.Series(fields, dtype=pl.String),
        ),
        REDACTED,
    )


def _fields(before: str | None, after: str | None) -> str:
    """Names of the fields that two contents in words have; of a custom field it is known that it is one."""
    lines = [line for text in (before, after) for line in (text or "").splitlines()]
    names = dict.fromkeys(line.partition(": ")[0] for line in lines)
    return "; ".join(name for name in names if name in _FIELD_NAMES)

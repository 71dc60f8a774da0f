"""The vocabulary: every table's columns with their types, and what a contact holds.

This is the only module of `transforms`, beside `errors`, that `connectors` may know.
Text that came from outside is kept *as given*; what was made of it stands in a column of its own.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from transforms.schema.errors import TableError

DataType = pl.DataType | type[pl.DataType]
Schema = Mapping[str, DataType]

SITE = "site"
"""The name under which the site takes its place among the sources."""

WHEN = pl.Datetime("ms", "UTC")

EMAIL_CELL = pl.Struct({"value": pl.String, "tag": pl.String})
PHONE_CELL = pl.Struct({"value": pl.String, "tag": pl.String, "country": pl.String})
ADDRESS_PARTS = ("street", "street2", "city", "region", "postal_code", "country")
ADDRESS_CELL = pl.Struct({"tag": pl.String, **dict.fromkeys(ADDRESS_PARTS, pl.String)})
NAMED_CELL = pl.Struct({"name": pl.String, "value": pl.String})

ROWS: Schema = {
    # One row an export row or contact, as given. `row` counts the rows of its source from 1, rejected ones too.
    "source": pl.String,
    "source_rank": pl.Int32,
    "file": pl.String,
    "line": pl.UInt32,
    "row": pl.UInt32,
    "source_key": pl.String,
    "contact_id": pl.String,
    "revision": pl.Int64,
    "is_member": pl.Boolean,
    "created": pl.String,
    "updated": pl.String,
    "region": pl.String,
    "first": pl.String,
    "middle": pl.String,
    "last": pl.String,
    "full_name": pl.String,
    "nickname": pl.String,
    "suffix": pl.String,
    "company": pl.String,
    "job_title": pl.String,
    "birthdate": pl.String,
    "locale": pl.String,
    "email_status": pl.String,
    "opt_out": pl.String,
    # What the source itself says of merges: the id it went into, whether it was deleted, ids that went into it.
    "merged_into": pl.String,
    "deleted": pl.String,
    "merged_ids": pl.String,
    "emails": pl.List(EMAIL_CELL),
    "phones": pl.List(PHONE_CELL),
    "addresses": pl.List(ADDRESS_CELL),
    "labels": pl.List(pl.String),
    "extras": pl.List(NAMED_CELL),
    "identifiers": pl.List(NAMED_CELL),
    "raw": pl.String,
}

REJECTS: Schema = {
    "source": pl.String,
    "file": pl.String,
    "line": pl.UInt32,
    "row": pl.UInt32,
    "reason": pl.String,
    "raw": pl.String,
}

RECORDS: Schema = {
    # One row a usable row. `record` is its index, `record_id` its name: `source:row` or `site:contact id`.
    "record": pl.UInt32,
    "record_id": pl.String,
    "source": pl.String,
    "source_rank": pl.Int32,
    "file": pl.String,
    "line": pl.UInt32,
    "row": pl.UInt32,
    "source_key": pl.String,
    "merged_ids": pl.String,
    "contact_id": pl.String,
    "revision": pl.Int64,
    "is_member": pl.Boolean,
    "created": WHEN,
    "updated": WHEN,
    "opted_out": pl.Boolean,
    "subscribed": pl.Boolean,
    "first": pl.String,
    "last": pl.String,
    "suffix": pl.String,
    "nickname": pl.String,
    "company": pl.String,
    "job_title": pl.String,
    "birthdate": pl.Date,
    "birthday": pl.String,
    "locale": pl.String,
    "first_key": pl.String,
    "middle_key": pl.String,
    "last_key": pl.String,
    "suffix_key": pl.String,
    "company_key": pl.String,
    "title_key": pl.String,
}

EMAILS: Schema = {
    "record": pl.UInt32,
    "position": pl.UInt32,
    "given": pl.String,
    "email": pl.String,
    "match_key": pl.String,
    "tag": pl.String,
    "role": pl.Boolean,
    "free": pl.Boolean,
    "disposable": pl.Boolean,
    "repaired": pl.Boolean,
    "problem": pl.String,
}

PHONES: Schema = {
    "record": pl.UInt32,
    "position": pl.UInt32,
    "given": pl.String,
    "phone": pl.String,
    "e164": pl.String,
    "country": pl.String,
    "kind": pl.String,
    "extension": pl.String,
    "tag": pl.String,
    "repaired": pl.Boolean,
    "problem": pl.String,
}

ADDRESSES: Schema = {
    "record": pl.UInt32,
    "position": pl.UInt32,
    "tag": pl.String,
    **dict.fromkeys(ADDRESS_PARTS, pl.String),
    "street_key": pl.String,
    "city_key": pl.String,
    "postal_key": pl.String,
}

LABELS: Schema = {"record": pl.UInt32, "position": pl.UInt32, "label": pl.String}

EXTRAS: Schema = {
    # What a record says beyond the contact's own fields; `kept` ones become extended fields, others are lost, and
    # `why`: null where the column is not imported.
    "record": pl.UInt32,
    "name": pl.String,
    "value": pl.String,
    "kept": pl.Boolean,
    "why": pl.String,
}

REPAIRS: Schema = {
    # A value that was mended on the way: what was given, and what was made of it.
    "record": pl.UInt32,
    "field": pl.String,
    "given": pl.String,
    "value": pl.String,
    "repair": pl.String,
}

PROBLEMS: Schema = {
    # Something wrong with a row or a value, or mended, in words, and the line of its file.
    "what": pl.String,
    "line": pl.UInt32,
}

DATE_ORDERS: Schema = {
    # Numeric dates of a file's column: how many can only be read day first or month first, and what was decided, why.
    "source": pl.String,
    "file": pl.String,
    "column": pl.String,
    "day_first": pl.UInt32,
    "month_first": pl.UInt32,
    "is_month_first": pl.Boolean,
    "why": pl.String,
}

IDENTIFIERS: Schema = {"record": pl.UInt32, "name": pl.String, "value": pl.String}

PAIRS: Schema = {
    # Beside these, one `level_<field>` (u8, 0 = missing) and one `bits_<field>` (f32) a compared field.
    "left": pl.UInt32,
    "right": pl.UInt32,
    "bits": pl.Float32,
    "probability": pl.Float64,
    "rival_hypothesis": pl.String,
    "why": pl.String,
}

CLUSTERS: Schema = {
    "record": pl.UInt32,
    "record_id": pl.String,
    "cluster": pl.String,
}

PLAN: Schema = {
    # One row an operation, in the order of execution. Contents are `Info` as JSON, with labels and custom fields by
    # their display names. `preconditions` maps each
    # contact the decision rests on to the fingerprint of its content.
    "operation": pl.String,
    "cluster": pl.String,
    "step": pl.UInt32,
    "kind": pl.String,
    "state": pl.String,
    "reason": pl.String,
    "cause": pl.String,
    "target": pl.String,
    "sources": pl.List(pl.String),
    "records": pl.List(pl.String),
    "allow_duplicates": pl.Boolean,
    "labels": pl.List(pl.String),
    "preconditions": pl.String,
    "before": pl.String,
    "after": pl.String,
    "changes": pl.List(pl.String),
    "evidence": pl.String,
    # The two records whose likeness the operation rests on, or that are in doubt.
    "link": pl.List(pl.String),
}

CONTACTS: Schema = {"contact_id": pl.String, "info": pl.String}

FINGERPRINTS: Schema = {"record_id": pl.String, "fingerprint": pl.String}

KEYS: Schema = {"rule": pl.String, "key": pl.UInt64, "record": pl.UInt32}

COMMON: Schema = {"field": pl.String, "value": pl.String, "count": pl.UInt32}

VALUES: Schema = {"field": pl.String, "value": pl.String}

IDENTITIES: Schema = {
    # What a record is known by from export to export, when its row stands elsewhere.
    "record": pl.UInt32,
    "record_id": pl.String,
    "identity": pl.String,
}

TOGETHER, APART = VERDICTS = ("together", "apart")
"""The verdicts people give about records."""

DECISIONS: Schema = {
    # What people decided about records: `verdict` is together or apart, of all of them with each other; a decision
    # still to be made has none. Where `identities` are given they tell which records are meant, else `records`, by
    # their ids.
    # `site` is the site whose records are meant; a decision without it is about any site's.
    "kind": pl.String,
    "verdict": pl.String,
    "records": pl.List(pl.String),
    "identities": pl.List(pl.String),
    "site": pl.String,
    "by": pl.String,
    "decided_at": pl.String,
    "note": pl.String,
}

LOSSES: Schema = {
    # Every value that would be visible nowhere after the plan.
    "cluster": pl.String,
    "record_id": pl.String,
    "file": pl.String,
    "line": pl.UInt32,
    "field": pl.String,
    "value": pl.String,
    "kept": pl.String,
    "reason": pl.String,
}

UNDO: Schema = {
    # One row a step of an undo: what was done to which contact, and which contact is there `now`.
    "cluster": pl.String,
    "kind": pl.String,
    "contact": pl.String,
    "now": pl.String,
    "outcome": pl.String,
    "detail": pl.String,
    "at": pl.String,
}

AUDIT: Schema = {
    "operation": pl.String,
    "cluster": pl.String,
    "what": pl.String,
    "why": pl.String,
    "records": pl.String,
    "contact": pl.String,
    "before": pl.String,
    "after": pl.String,
    "outcome": pl.String,
    "detail": pl.String,
    "at": pl.String,
}

REDACTED: Schema = {
    # The audit without personal data: `records` is how many there are, `contact` another id than the site's, and
    # `fields` the names of those that differ afterwards.
    "operation": pl.String,
    "cluster": pl.String,
    "kind": pl.String,
    "state": pl.String,
    "cause": pl.String,
    "records": pl.UInt32,
    "contact": pl.String,
    "fields": pl.String,
    "outcome": pl.String,
    "at": pl.String,
}


def conform(frame: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """The frame with exactly the schema's columns in its order; a column it lacks is added as null.

    Raises:
        TableError: a column has values that do not fit the declared type.
    """
    if not frame.width:
        return empty(schema)
    columns = [
        pl.col(name).cast(dtype) if name in frame.columns else pl.lit(None, dtype=dtype).alias(name)
        for name, dtype in schema.items()
    ]
    try:
        return frame.with_columns(columns).select(schema.keys())
    except pl.exceptions.PolarsError as error:
        raise TableError(f"A table does not have its declared columns: {error}") from error


def checked(frame: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """The frame itself, when it has the schema's columns in these types (further ones may follow).

    Raises:
        TableError: a declared column is missing or of another type.
    """
    for name, dtype in schema.items():
        if frame.schema.get(name) != dtype:
            raise TableError(f"Column {name!r} should be {dtype}, but is {frame.schema.get(name)}.")
    return frame


def empty(schema: Schema) -> pl.DataFrame:
    """A frame of this schema without rows."""
    return pl.DataFrame(schema=dict(schema))

"""The labels and custom fields of an embedded site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.contacts import (
    MAX_PAGE,
    ExtendedField,
    Filter,
    Label,
    Page,
    Sort,
)
from connectors.local import assumed
from connectors.local.database import Database
from connectors.local.filters import (
    FIELD_COLUMNS,
    LABEL_COLUMNS,
    Column,
    Condition,
    both,
    compiled,
    ordered,
)
from connectors.local.tables import as_text, row_field, row_label
from transforms.schema.errors import (
    NotFound,
    PreconditionFailed,
    Refused,
)


class NamedLists(Database):
    """Labels and custom fields, in the tables `labels` and `fields`."""

    _types: dict[str, str] | None = None
    """The data type of every custom field, by key; None when it is to be read again."""
    _types_version = 0

    def _forget(self) -> None:
        self._types = None

    async def find_or_create_label(self, display_name: str) -> Label:
        """See `ContactsSite.find_or_create_label`."""
        with self.transaction():
            _named(display_name, 180)
            rows = self._database.execute("SELECT * FROM labels WHERE display_name = ? ORDER BY rowid", (display_name,))
            if row := rows.fetchone():
                return row_label(row)
            known = {key for (key,) in self._database.execute("SELECT key FROM labels")}
            if len(known) >= assumed.LABELS_QUOTA:
                quota = {"labelsQuota": str(assumed.LABELS_QUOTA), "labelsCurrentTotal": str(len(known))}
                raise PreconditionFailed("LABELS_QUOTA_REACHED", "The site has as many labels as it may have.", quota)
            now = self._now()
            label = Label(key=_free_key(display_name, known), display_name=display_name, created=now, updated=now)
            self._put_label(label)
            return label

    async def get_label(self, key: str) -> Label:
        """See `ContactsSite.get_label`."""
        return row_label(self._named_row("labels", key))

    async def rename_label(self, key: str, display_name: str) -> Label:
        """See `ContactsSite.rename_label`."""
        with self.transaction():
            self._rename("labels", key, display_name, 180)
            return row_label(self._named_row("labels", key))

    async def list_labels(
        self,
        *,
        starts_with: str | None = None,
        filter: Filter | None = None,
        sort: Sort | None = None,
        limit: int = 1000,
        offset: int = 0,
    ) -> Page[Label]:
        """See `ContactsSite.list_labels`; here also with a filter and sorted."""
        rows, total = self._queried("labels", filter, LABEL_COLUMNS, sort, limit, offset, 2000, starts_with)
        return Page(items=tuple(row_label(row) for row in rows), offset=offset, total=total)

    async def query_labels(
        self, filter: Filter | None = None, *, sort: Sort | None = None, limit: int = 50, offset: int = 0
    ) -> Page[Label]:
        """See `ContactsSite.query_labels`."""
        rows, total = self._queried("labels", filter, LABEL_COLUMNS, sort, limit, offset)
        return Page(items=tuple(row_label(row) for row in rows), offset=offset, total=total)

    async def find_or_create_field(self, display_name: str, data_type: str = "TEXT") -> ExtendedField:
        """See `ContactsSite.find_or_create_field`. A site has at most a hundred custom fields."""
        with self.transaction():
            _named(display_name, 150)
            rows = self._database.execute("SELECT * FROM fields WHERE display_name = ? ORDER BY rowid", (display_name,))
            if row := rows.fetchone():
                return row_field(row)
            if data_type not in ("TEXT", "NUMBER", "DATE", "URL"):
                raise Refused("INVALID_ARGUMENT", "A field's data type is TEXT, NUMBER, DATE or URL.")
            types = self._field_types()
            if sum(key.startswith("custom.") for key in types) >= assumed.FIELDS_QUOTA:
                most = assumed.FIELDS_QUOTA
                raise PreconditionFailed("FIELDS_QUOTA_EXCEEDED", f"A site has at most {most} custom fields.")
            now, key = self._now(), _free_key(display_name, set(types))
            field = ExtendedField(key=key, display_name=display_name, data_type=data_type, created=now, updated=now)
            self._put_field(field)
            return field

    async def get_field(self, key: str) -> ExtendedField:
        """See `ContactsSite.get_field`."""
        return row_field(self._named_row("fields", key))

    async def rename_field(self, key: str, display_name: str) -> ExtendedField:
        """See `ContactsSite.rename_field`."""
        with self.transaction():
            self._rename("fields", key, display_name, 150)
            return row_field(self._named_row("fields", key))

    async def list_fields(
        self,
        *,
        starts_with: str | None = None,
        filter: Filter | None = None,
        sort: Sort | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> Page[ExtendedField]:
        """See `ContactsSite.list_fields`; here also with a filter and sorted."""
        rows, total = self._queried("fields", filter, FIELD_COLUMNS, sort, limit, offset, MAX_PAGE, starts_with)
        return Page(items=tuple(row_field(row) for row in rows), offset=offset, total=total)

    async def query_fields(
        self, filter: Filter | None = None, *, sort: Sort | None = None, limit: int = 50, offset: int = 0
    ) -> Page[ExtendedField]:
        """See `ContactsSite.query_fields`."""
        rows, total = self._queried("fields", filter, FIELD_COLUMNS, sort, limit, offset)
        return Page(items=tuple(row_field(row) for row in rows), offset=offset, total=total)

    def _queried(
        self,
        table: str,
        filter: Filter | None,
        columns: Mapping[str, Column],
        sort: Sort | None,
        limit: int,
        offset: int,
        most: int = MAX_PAGE,
        starts_with: str | None = None,
    ) -> tuple[list[Sequence[Any]], int]:
        """A page of labels or fields; these two name some refusals otherwise than contacts do."""
        try:
            order = ordered(sort, columns, "displayName") if sort else "rowid"
            wanted = both(compiled(filter, columns), _starting(starts_with))
            return self._page(table, "*", wanted, order, limit, offset, most)
        except Refused as refusal:
            names = {
                "UNSUPPORTED_SORT_FIELD": "INVALID_SORT",
                "UNSUPPORTED_FILTER_FIELD_UNKNOWN": "UNSUPPORTED_FILTER_FIELD",
                "UNSUPPORTED_FILTER_VALUE_TYPE": "UNSUPPORTED_FILTER_VALUE",
            }
            raise Refused(names.get(refusal.code, refusal.code), str(refusal)) from refusal

    def _field_types(self) -> dict[str, str]:
        """The data type of every custom field, by key; read again when another process has written to the file."""
        version = self._database.execute("PRAGMA data_version").fetchone()[0]
        if self._types is None or version != self._types_version:
            self._types_version = version
            self._types = dict(self._database.execute("SELECT key, data_type FROM fields"))
        return self._types

    def _put_label(self, label: Label) -> None:
        self._database.execute(
            "INSERT OR REPLACE INTO labels VALUES (?, ?, ?, ?, ?)",
            (label.key, label.display_name, label.type, as_text(label.created), as_text(label.updated)),
        )

    def _put_field(self, field: ExtendedField) -> None:
        self._types = None
        self._database.execute(
            "INSERT OR REPLACE INTO fields VALUES (?, ?, ?, ?, ?, ?)",
            (
                field.key,
                field.display_name,
                field.data_type,
                field.type,
                as_text(field.created),
                as_text(field.updated),
            ),
        )

    def _named_row(self, table: str, key: str) -> Sequence[Any]:
        row: Sequence[Any] | None = self._database.execute(f"SELECT * FROM {table} WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise NotFound("NOT_FOUND", f"There is no {table.removesuffix('s')} {key}.")
        return row

    def _rename(self, table: str, key: str, display_name: str, longest: int) -> None:
        _named(display_name, longest)
        self._named_row(table, key)
        self._database.execute(
            f"UPDATE {table} SET display_name = ?, updated = ? WHERE key = ?", (display_name, as_text(self._now()), key)
        )

    def _delete_named(self, table: str, key: str) -> None:
        self._named_row(table, key)
        if not key.startswith("custom."):
            raise PreconditionFailed("FAILED_PRECONDITION", f"The {table.removesuffix('s')} {key} is the site's own.")
        self._database.execute(f"DELETE FROM {table} WHERE key = ?", (key,))


def _named(display_name: str, longest: int) -> None:
    if not 1 <= len(display_name) <= longest:
        raise Refused("INVALID_ARGUMENT", f"A display name has 1 to {longest} letters.")


def _starting(text: str | None) -> Condition:
    return Condition("substr(display_name, 1, length(?)) = ?", (text, text)) if text else Condition()


def _free_key(display_name: str, taken: set[str]) -> str:
    key, copy = f"custom.{assumed.slug(display_name)}", 1
    while key in taken:
        copy += 1
        key = f"custom.{assumed.slug(display_name)}-{copy}"
    return key

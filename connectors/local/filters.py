"""The query language of the Contacts API, compiled to SQL over the embedded site's tables.

A filter is one JSON object: `{field: value}` is equality, `{field: {operator: value}}` anything else; several fields
must all hold; `$and`, `$or` and `$not` combine filters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from connectors.contacts import Sort
from connectors.wire.writing import MEMBERSHIP
from transforms.schema.errors import Refused

EQUAL = ("$eq", "$ne", "$in", "$exists")
TEXT = (*EQUAL, "$startsWith")
RANGE = ("$eq", "$ne", "$gt", "$lt", "$gte", "$lte")
CHOICE = ("$eq", "$ne", "$in", "$nin")
LABELS = ("$hasSome", "$hasAll")
COMPARED = {"$eq": "IS", "$ne": "IS NOT", "$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}


@dataclass(frozen=True)
class Column:
    """Place of a field: an SQL expression, and for a list of values the JSON array it is an expression over."""

    sql: str
    operators: Sequence[str] = TEXT
    sortable: bool = False
    each: str | None = None
    kind: type = str
    folded: bool = False
    moment: bool = False


@dataclass(frozen=True)
class Condition:
    """An SQL condition and its values."""

    sql: str = "1"
    values: tuple[Any, ...] = ()


def _info(path: str) -> str:
    return f"json_extract(info, '$.{path}')"


def _primary(item: str, value: str) -> str:
    chosen = "json_extract(value, '$.primary')"
    return f"(SELECT json_extract(value, '$.{value}') FROM json_each(info, '$.{item}') WHERE {chosen} LIMIT 1)"


def _each(item: str, value: str, operators: Sequence[str] = TEXT, *, folded: bool = False) -> Column:
    return Column(f"json_extract(value, '$.{value}')", operators, each=f"json_each(info, '$.{item}')", folded=folded)


_EMAIL, _PHONE = _primary("emails", "email"), _primary("phones", "phone")
_MEMBERSHIP = (
    "CASE json_extract(member, '$.status') "
    + " ".join(f"WHEN '{ours}' THEN '{wire}'" for ours, wire in MEMBERSHIP.items())
    + " END"
)

CONTACTS: Mapping[str, Column] = {
    "id": Column("id", EQUAL),
    "createdDate": Column("created", RANGE, sortable=True, moment=True),
    "updatedDate": Column("updated", RANGE, moment=True),
    "lastActivity.activityDate": Column("active", RANGE, sortable=True, moment=True),
    "primaryInfo.email": Column(_EMAIL, sortable=True, folded=True),
    "primaryInfo.phone": Column(_PHONE),
    "primaryEmail.email": Column(_EMAIL, sortable=True, folded=True),
    "primaryEmail.subscriptionStatus": Column("subscription", CHOICE),
    "primaryEmail.deliverabilityStatus": Column("deliverability", CHOICE),
    "primaryPhone.phone": Column(_PHONE),
    "primaryPhone.e164Phone": Column(_primary("phones", "e164")),
    "primaryPhone.formattedPhone": Column(f"formatted({_primary('phones', 'e164')})", sortable=True),
    "primaryPhone.countryCode": Column(_primary("phones", "country_code"), sortable=True),
    "primaryPhone.subscriptionStatus": Column("phone_subscription", CHOICE),
    "info.name.first": Column(_info("first"), sortable=True),
    "info.name.last": Column(_info("last"), sortable=True),
    "info.emails.email": _each("emails", "email", folded=True),
    "info.phones.phone": _each("phones", "phone"),
    "info.phones.e164Phone": _each("phones", "e164"),
    "info.addresses.street": _each("addresses", "line"),
    "info.addresses.city": _each("addresses", "city"),
    "info.addresses.subdivision": _each("addresses", "subdivision", EQUAL),
    "info.addresses.country": _each("addresses", "country", EQUAL),
    "info.company": Column(_info("company"), sortable=True),
    "info.jobTitle": Column(_info("job_title"), sortable=True),
    "info.birthdate": Column(_info("birthdate"), RANGE, sortable=True),
    "info.locale": Column(_info("locale"), EQUAL),
    "info.labelKeys": Column("value", LABELS, each="json_each(info, '$.labels')"),
    "info.locations": Column("value", LABELS, each="json_each(info, '$.locations')"),
    "info.extendedFields.members.membershipStatus": Column(_MEMBERSHIP, CHOICE),
    "info.extendedFields.emailSubscriptions.deliverabilityStatus": Column("deliverability", CHOICE),
    "info.extendedFields.emailSubscriptions.subscriptionStatus": Column("subscription", CHOICE),
    "info.extendedFields.emailSubscriptions.effectiveEmail": Column(_EMAIL, ("$exists",), sortable=True),
}
EXTENDED = "info.extendedFields."
_BY_TYPE = {"TEXT": CHOICE, "URL": CHOICE, "NUMBER": RANGE, "DATE": RANGE}
REACH = {"info.emails.email": "email", "info.phones.e164Phone": "e164"}
"""Fields whose values are indexed."""

_NAMED = {
    "key": Column("key", ("$eq", "$ne", "$in")),
    "displayName": Column("display_name", ("$eq", "$ne", "$in", "$startsWith"), sortable=True),
    "createdDate": Column("created", RANGE, sortable=True, moment=True),
    "updatedDate": Column("updated", RANGE, sortable=True, moment=True),
    "namespace": Column("substr(key, 1, instr(key, '.') - 1)", ("$eq", "$ne")),
}
LABEL_COLUMNS: Mapping[str, Column] = {**_NAMED, "labelType": Column("type", ("$eq",))}
FIELD_COLUMNS: Mapping[str, Column] = {
    **_NAMED,
    "fieldType": Column("type", ("$eq",)),
    "dataType": Column("data_type", ("$eq", "$ne")),
}


def contact_columns(types: Mapping[str, str]) -> Mapping[str, Column]:
    """The fields of contacts, with the site's custom fields.

    Args:
        types: the data type of each custom field by key.
    """
    custom = {
        EXTENDED + key: Column(
            f"json_extract(info, '$.extended.\"{key}\"')",
            (*_BY_TYPE[kind], "$startsWith", "$exists"),
            sortable=True,
            kind=float if kind == "NUMBER" else str,
        )
        for key, kind in types.items()
    }
    return {**custom, **CONTACTS}


def compiled(filter: object, columns: Mapping[str, Column]) -> Condition:
    """A filter as an SQL condition.

    Raises:
        Refused: `MALFORMED_FILTER`, `UNSUPPORTED_FILTER`, `UNSUPPORTED_FILTER_FIELD_UNKNOWN`,
            `UNSUPPORTED_FILTER_OPERATOR`, `UNSUPPORTED_FILTER_VALUE` or `UNSUPPORTED_FILTER_VALUE_TYPE`.
    """
    if filter is None:
        return Condition()
    if not isinstance(filter, Mapping):
        raise Refused("MALFORMED_FILTER", "A filter is one JSON object.")
    parts: list[Condition] = []
    for name, value in filter.items():
        if name in ("$and", "$or"):
            if not isinstance(value, Sequence) or isinstance(value, str) or not value:
                raise Refused("MALFORMED_FILTER", f"{name} takes a list of filters.")
            parts.append(
                _joined([compiled(condition, columns) for condition in value], "AND" if name == "$and" else "OR")
            )
        elif name == "$not":
            inner = [compiled(condition, columns) for condition in (value if isinstance(value, list) else [value])]
            both = _joined(inner, "AND")
            parts.append(Condition(f"NOT coalesce({both.sql}, 0)", both.values))
        elif name.startswith("$"):
            raise Refused("UNSUPPORTED_FILTER", f"Filters cannot be combined with {name}.")
        elif name not in columns:
            raise Refused("UNSUPPORTED_FILTER_FIELD_UNKNOWN", f"There is no filter by {name}.")
        else:
            tests = value if isinstance(value, Mapping) else {"$eq": value}
            parts += [_test(name, columns[name], operator, operand) for operator, operand in tests.items()]
    return _joined(parts, "AND")


def found_by(search: str | None) -> Condition:
    """Contacts whose first or last name, e-mail or phone is exactly this, case aside."""
    if not search:
        return Condition()
    if len(search) > 100:
        raise Refused("INVALID_ARGUMENT", "A search is at most 100 letters long.")
    names = ("info.name.first", "info.name.last", "info.emails.email", "info.phones.phone", "info.phones.e164Phone")
    return _joined([_one(CONTACTS[name], "folded({}) = folded(?)", (search,)) for name in names], "OR")


def both(left: Condition, right: Condition) -> Condition:
    """The conjunction of two conditions."""
    return _joined([left, right], "AND")


def ordered(sort: Sort | None, columns: Mapping[str, Column], default: str) -> str:
    """Text behind ORDER BY; ties stand in the order of creation.

    Raises:
        Refused: `UNSUPPORTED_SORT_FIELD`.
    """
    column = columns.get(sort.field if sort else default)
    if column is None or not column.sortable:
        raise Refused("UNSUPPORTED_SORT_FIELD", f"Nothing can be sorted by {sort.field if sort else default}.")
    direction = "DESC" if sort and sort.descending else "ASC"
    return f"{column.sql} {direction}, rowid {direction}"


def _joined(parts: Sequence[Condition], word: str) -> Condition:
    if not parts:
        return Condition()
    if len(parts) == 1:
        return parts[0]
    sql = f" {word} ".join(f"({part.sql})" for part in parts)
    return Condition(f"({sql})", tuple(value for part in parts for value in part.values))


def _one(column: Column, test: str, values: Sequence[Any]) -> Condition:
    """A test of one value; of a list, whether any value of it passes."""
    sql = test.format(column.sql)
    if column.each:
        sql = f"EXISTS (SELECT 1 FROM {column.each} WHERE {sql})"
    return Condition(sql, tuple(values))


def _test(name: str, column: Column, operator: str, operand: object) -> Condition:
    if operator not in column.operators:
        raise Refused("UNSUPPORTED_FILTER_OPERATOR", f"{name} cannot be filtered with {operator}.")
    if operator == "$exists":
        if not isinstance(operand, bool):
            raise Refused("UNSUPPORTED_FILTER_VALUE_TYPE", f"$exists of {name} takes true or false.")
        there = _one(column, "{} IS NOT NULL", ())
        return there if operand else Condition(f"NOT {there.sql}", ())
    if operator in ("$in", "$nin", "$hasSome", "$hasAll"):
        if not isinstance(operand, Sequence) or isinstance(operand, str) or not operand:
            raise Refused("UNSUPPORTED_FILTER_VALUE", f"{operator} of {name} takes a list of values.")
        values = [_value(name, column, operand_value) for operand_value in operand]
        if operator == "$hasAll":
            return _joined([_one(column, "{} = ?", (operand_value,)) for operand_value in values], "AND")
        any_of = _equal_to_one_of(name, column, values)
        return Condition(f"NOT coalesce({any_of.sql}, 0)", any_of.values) if operator == "$nin" else any_of
    value = _value(name, column, operand)
    if operator == "$startsWith":
        return _one(column, "substr(folded({}), 1, length(folded(?))) = folded(?)", (value, value))
    if operator == "$eq" and value is not None:
        return _equal_to_one_of(name, column, [value])
    if operator == "$ne" and value is not None:
        any_of = _equal_to_one_of(name, column, [value])
        return Condition(f"NOT coalesce({any_of.sql}, 0)", any_of.values)
    return _one(column, f"{{}} {COMPARED[operator]} ?", (value,))


def _equal_to_one_of(name: str, column: Column, values: Sequence[Any]) -> Condition:
    """Whether a value is one of several; SQLite asks the index where there is one."""
    marks = ", ".join("folded(?)" if column.folded else "?" for _ in values)
    if name in REACH:
        inside = f"SELECT contact FROM reach WHERE kind = '{REACH[name]}' AND value IN ({marks})"
        return Condition(f"id IN ({inside})", tuple(values))
    return _one(column, f"{'folded({})' if column.folded else '{}'} IN ({marks})", values)


def _value(name: str, column: Column, value: object) -> str | float | None:
    if value is None:
        return None
    if column.kind is float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Refused("UNSUPPORTED_FILTER_VALUE_TYPE", f"{name} is compared with numbers.")
        return float(value)
    if not isinstance(value, str):
        raise Refused("UNSUPPORTED_FILTER_VALUE_TYPE", f"{name} is compared with texts.")
    if not column.moment:
        return value
    try:
        moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError as error:
        raise Refused(
            "UNSUPPORTED_FILTER_VALUE", f"{name} is compared with dates like 2024-05-01T09:00:00Z."
        ) from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat(timespec="milliseconds")

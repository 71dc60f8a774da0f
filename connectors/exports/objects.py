"""JSON lines as a table: one object a line, its members as columns."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, BinaryIO

from transforms.schema.errors import InputError


def objects(name: str, file: BinaryIO) -> list[list[str]]:
    """The header and the rows of a file of JSON lines, every value as text.

    Members of members are columns as well (`address.city`); a list of plain values has `;` between them, any other is
    JSON. A line that is no object is a row of one cell, which the reader rejects.

    Args:
        name: the file's name for people.
        file: its bytes.

    Raises:
        InputError: it holds no object.
    """
    rows: list[Mapping[str, str] | str] = []
    columns: dict[str, None] = {}
    for line in file.read().decode("utf-8-sig", errors="replace").split("\n"):
        row = _row(line) if line.strip() else {}
        rows.append(row if row is not None else line)
        columns |= dict.fromkeys(row or ())
    if not columns:
        raise InputError(f"{name} is not a text table: no line of it is a JSON object with members.")
    header = list(columns)
    return [header, *([row] if isinstance(row, str) else [row.get(column, "") for column in header] for row in rows)]


def _row(line: str) -> dict[str, str] | None:
    """The members of a line's object as texts; None where it is none."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return dict(_members(found, "")) if isinstance(found, dict) else None


def _members(found: Mapping[str, Any], prefix: str) -> list[tuple[str, str]]:
    members: list[tuple[str, str]] = []
    for name, value in found.items():
        if isinstance(value, dict):
            members += _members(value, f"{prefix}{name}.")
        elif isinstance(value, list) and not any(isinstance(one, (dict, list)) for one in value):
            members.append((prefix + name, ";".join(map(_text, value))))
        else:
            members.append((prefix + name, _text(value)))
    return members


def _text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

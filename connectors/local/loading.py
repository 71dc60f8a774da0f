"""Contacts, labels and custom fields from a file."""

from __future__ import annotations

import json
from pathlib import Path

from connectors.contacts import Contact, ExtendedField, Label
from connectors.wire.reading import contact_from_wire, field_from_wire, label_from_wire
from connectors.wire.shapes import WireContact, WireField, WireLabel
from transforms.schema.errors import UsageError


def read_contacts(path: Path) -> tuple[list[Contact], list[Label], list[ExtendedField]]:
    """Contacts, labels and fields from a file with one JSON object a line.

    A line is a contact as the API writes it, or `{"label": {"key", "displayName"}}`, or `{"field": {…, "dataType"}}`.

    Raises:
        UsageError: the file is missing or a line is not such an object; the message names the line.
    """
    if not path.is_file():
        raise UsageError(f"There is no file {path}.")
    contacts: list[Contact] = []
    labels: list[Label] = []
    fields: list[ExtendedField] = []
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                decoded = json.loads(line)
                if "label" in decoded:
                    labels.append(label_from_wire(WireLabel.model_validate(decoded["label"])))
                elif "field" in decoded:
                    fields.append(field_from_wire(WireField.model_validate(decoded["field"])))
                else:
                    contacts.append(contact_from_wire(WireContact.model_validate(decoded)))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise UsageError(f"{path.name}, line {number}, is not a contact of the Contacts API.") from error
    return contacts, labels, fields

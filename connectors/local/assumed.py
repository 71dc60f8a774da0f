"""Assumptions about the Contacts API where no public source says how it is.

Each stands here alone, so that it can be changed when the real service teaches better.
"""

from __future__ import annotations

import re

FIRST_REVISION = 1
"""The revision of a new contact."""
STALE_MERGE = "FAILED_PRECONDITION"
"""The code (428) for a merge whose target has a newer revision."""
PROTECTED_SOURCE = "Cannot merge contact with membership status"
"""Message (428) of a merge with a member or a collaborator among its sources."""
UNKNOWN_LABEL = "LABEL_NOT_FOUND"
"""The code (404) for a label key that does not exist, in a create, an update and a label call."""
FIELDS_QUOTA = 100
LABELS_QUOTA = 2000
"""Most labels of a site; the documented number is that of labels on one contact."""
SYSTEM_NAMESPACES = ("contacts", "members", "emailSubscriptions", "ecom")
"""Extended fields of these namespaces cannot be written: values sent for them are ignored."""
DEFAULT_SORT = "createdDate"
"""Default order of List and Query, the oldest first."""
BULK_WITHOUT_FILTER = "NEITHER_FILTER_NOR_SEARCH"
"""The code of a bulk update without filter and search; for delete and label it is documented."""


def same_email(email: str) -> str:
    """Identity of an e-mail: case does not count."""
    return email.casefold()


def same_phone(phone: str, e164: str | None) -> str:
    """Identity of a phone in a merge: E.164, else the digits."""
    return e164 or re.sub(r"\D", "", phone) or phone


def reached_phone(phone: str, e164: str | None) -> str:
    """Identity of a phone when a create looks for duplicates: E.164, else the spelling."""
    return e164 or phone


def is_email(email: str) -> bool:
    """Pattern of what the site takes for an e-mail: it does not look closely."""
    return "@" in email


def slug(display_name: str) -> str:
    """The part of a label's or field's key that is made from its name; a taken one gets a number behind it."""
    return re.sub(r"[^a-z0-9]+", "-", display_name.casefold()).strip("-")[:60] or "unnamed"

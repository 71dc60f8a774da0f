"""The one tree of errors. Every message says what is wrong and what to do next, without personal data.

OnefoldError                     exit code 1
├── UsageError                   2  a flag, a setting or a path that cannot be used
├── InputError                   1  an export that cannot be read at all
├── TableError                   1  a table that does not have its declared columns
├── RunError                     1  a run folder that is missing, incomplete or already used
└── SiteError                    1  what a contacts site answers, by its application code
    ├── NotFound                    CONTACT_NOT_FOUND, NOT_FOUND
    ├── Duplicate                   DUPLICATE_CONTACT_EXISTS
    ├── AlreadyChanged              CONTACT_ALREADY_CHANGED
    ├── PreconditionFailed          FAILED_PRECONDITION, CANNOT_DELETE_MEMBER, …
    └── Refused                     everything else a request can be refused for
"""

from __future__ import annotations

from collections.abc import Mapping


class OnefoldError(Exception):
    """Base of all errors a user may see; `exit_code` is what the command line ends with."""

    exit_code = 1


class UsageError(OnefoldError):
    """A flag, a setting or a path that cannot be used as given."""

    exit_code = 2


class InputError(OnefoldError):
    """An export file that cannot be read at all."""


class TableError(OnefoldError):
    """A table whose columns are not those its schema declares."""


class RunError(OnefoldError):
    """A run folder that is missing, incomplete, or holds another run."""


class SiteError(OnefoldError):
    """What a contacts site answers when it refuses a call.

    Attributes:
        code: the application code of the Contacts API.
        status: the HTTP status that goes with it.
        data: what the site adds, for example `duplicateContactId`.
    """

    status = 400

    def __init__(self, code: str, message: str, data: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.data = dict(data or {})


class NotFound(SiteError):  # noqa: N818 - named as the API names the answer
    """No contact, label or field has this id."""

    status = 404


class Duplicate(SiteError):  # noqa: N818
    """Another contact already has this e-mail or phone, and duplicates were not allowed."""

    status = 409


class AlreadyChanged(SiteError):  # noqa: N818
    """The contact has a newer revision than the one the call was made for."""

    status = 409


class PreconditionFailed(SiteError):  # noqa: N818
    """The site protects this contact: a member or a collaborator as a merge source, for example."""

    status = 428


class Refused(SiteError):  # noqa: N818
    """The request itself is not acceptable."""

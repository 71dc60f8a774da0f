"""The one tree of errors. Every message says what is wrong and what to do next, without personal data.

OnefoldError                     exit code 1
├── UsageError                   2  a flag, a setting or a path that cannot be used
├── InputError                   1  an export that cannot be read at all
├── TableError                   1  a table that does not have its declared columns
├── RunError                     1  a run folder that is missing, incomplete or already used
│   └── Busy                        another process is at work on the run, or on the index
└── SiteError                    1  what a contacts site answers, by its application code
    ├── NotFound                    CONTACT_NOT_FOUND, NOT_FOUND
    ├── Duplicate                   DUPLICATE_CONTACT_EXISTS
    ├── AlreadyChanged              CONTACT_ALREADY_CHANGED
    ├── PreconditionFailed          FAILED_PRECONDITION, CANNOT_DELETE_MEMBER, …
    ├── Refused                     everything else a request can be refused for
    ├── Denied                      UNAUTHENTICATED, PERMISSION_DENIED: the key, the site id or a permission is wrong
    ├── TooManyCalls                RESOURCE_EXHAUSTED
    ├── Unavailable                 the site cannot be reached, or fails; nothing was done
    └── Unanswered                  the answer to a write was lost: it may or may not have been done
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple


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


class Busy(RunError):  # noqa: N818 - what the run is
    """Another process is at work on the run, or on the index."""


class Violation(NamedTuple):
    """One field of a request that breaks a rule; `threshold` is the length or number allowed."""

    field: str
    description: str
    rule: str = "OTHER"
    threshold: int | None = None


class SiteError(OnefoldError):
    """What a contacts site answers when it refuses a call.

    Attributes:
        code: the application code of the Contacts API.
        status: the HTTP status that goes with it.
        data: what the site adds, for example `duplicateContactId`.
        violations: the fields that break a rule, where that is why.
        request_id: how the site calls this answer, where it came over HTTP.
        retry_after: seconds after which the site wants to be asked again, where it says so.
    """

    status = 400

    def __init__(
        self,
        code: str,
        message: str,
        data: Mapping[str, str] | None = None,
        *,
        violations: Sequence[Violation] = (),
        status: int | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.data = dict(data or {})
        self.violations = tuple(violations)
        self.status = status or type(self).status
        self.request_id = request_id
        self.retry_after = retry_after


class NotFound(SiteError):  # noqa: N818 - named as the API names the answer
    """No contact, label, field or job has this id."""

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


class Denied(SiteError):  # noqa: N818
    """The key, the site id or a permission is missing or wrong."""

    status = 401


class TooManyCalls(SiteError):  # noqa: N818
    """The site takes no more calls for now; this one was not done."""

    status = 429


class Unavailable(SiteError):  # noqa: N818
    """The site cannot be reached or does not work. Nothing was changed."""

    status = 503


class Unanswered(SiteError):  # noqa: N818
    """The answer to a write was lost: it may have been done or not. Look before doing it again."""

    status = 504

"""The protocol every contacts site speaks, and what it speaks of."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextvars import ContextVar
from datetime import datetime
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import anyio
from pydantic import BaseModel, ConfigDict

from transforms.schema.contact import Info
from transforms.schema.errors import Unavailable

MAX_SOURCES = 5
"""A merge takes at most this many source contacts."""
MAX_PAGE = 1000
MAX_LABEL_KEYS = 100
"""A call adds or takes off at most this many labels."""

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The service's id of the last answer to this task; None for a site that is no service."""

Item = TypeVar("Item")
Filter = Mapping[str, Any]
"""A filter in the API's own language, for example `{"info.emails.email": "ada@engines.example"}`."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class Member(_Model):
    """The membership of a contact: a member of the site, or one of the people who run it."""

    id: str | None = None
    status: str | None = None
    """PENDING, ACTIVE, BLOCKED, OFFLINE or DELETED."""
    email: str | None = None
    nickname: str | None = None
    signed_up: str | None = None
    user_id: str | None = None
    role: str | None = None
    """OWNER or CONTRIBUTOR."""


class Contact(_Model):
    """A contact as a site holds it. `revision` grows by one with every change.

    `subscription` and `deliverability` are those of the primary e-mail, `phone_subscription` of the primary phone.
    """

    id: str
    revision: int
    created: datetime
    updated: datetime
    info: Info
    member: Member | None = None
    subscription: str = "NOT_SET"
    deliverability: str = "NOT_SET"
    phone_subscription: str = "NOT_SET"
    source: str = "OTHER"
    app_id: str | None = None
    activity: str = "CONTACT_CREATED"
    active: datetime | None = None

    @property
    def is_member(self) -> bool:
        """Whether the site protects it: a member, or one of the people who run the site."""
        return self.member is not None and (self.member.status != "DELETED" or self.member.role is not None)


class Label(_Model):
    """A label of the site: contacts carry its key, people see its display name."""

    key: str
    display_name: str
    type: str = "USER_DEFINED"
    created: datetime | None = None
    updated: datetime | None = None


class ExtendedField(_Model):
    """A custom field of the site; `data_type` is TEXT, NUMBER, DATE or URL."""

    key: str
    display_name: str
    data_type: str = "TEXT"
    type: str = "USER_DEFINED"
    created: datetime | None = None
    updated: datetime | None = None


class Page(_Model, Generic[Item]):
    """One page of a list, and how many there are in all, where the site counted them."""

    items: tuple[Item, ...]
    offset: int
    total: int | None


class JobProblem(_Model):
    """Why a bulk job left contacts as they were, and how many."""

    count: int
    code: str
    message: str = ""


class Job(_Model):
    """A bulk job, as far as it is."""

    id: str
    type: str
    status: str
    started: datetime | None = None
    finished: datetime | None = None
    total: int = 0
    succeeded: int = 0
    failed: int = 0
    problems: tuple[JobProblem, ...] = ()

    @property
    def is_over(self) -> bool:
        """Whether the contacts are done; the search index may still lag behind."""
        return self.status in ("COMPLETED", "INDEXING")


class Sort(NamedTuple):
    """The order of a list: a field path of the API, and whether the largest comes first."""

    field: str = "createdDate"
    descending: bool = False


class ContactsSite(Protocol):
    """A contact list with the rules of the Wix Contacts API v4. Refusals are raised as `SiteError`s."""

    @property
    def lag(self) -> float:
        """Seconds for which queries may not show what was written."""
        ...

    def mark_creates(self, key: str) -> None:
        """Says which custom field names a create, so that one whose answer was lost is found again by it."""
        ...

    async def create(self, info: Info, *, allow_duplicates: bool = False) -> Contact:
        """Creates a contact; refused when its e-mail (or, without one, its phone) is another contact's."""
        ...

    async def get(self, contact_id: str) -> Contact:
        """The contact of this id; for one that was merged away, the contact it went into."""
        ...

    async def update(self, contact_id: str, revision: int, info: Info, *, allow_duplicates: bool = False) -> Contact:
        """Changes the fields that are set in `info`; a list that is set replaces the whole list, None clears."""
        ...

    async def merge(self, target_id: str, revision: int, source_ids: Sequence[str]) -> Contact:
        """Merges up to five contacts into the target, the first having precedence. They are gone afterwards."""
        ...

    async def preview_merge(self, target_id: str, source_ids: Sequence[str]) -> Contact:
        """The target as a merge would leave it; changes nothing."""
        ...

    async def delete(self, contact_id: str) -> None:
        """Deletes a contact for good."""
        ...

    async def label(self, contact_id: str, keys: Sequence[str]) -> Contact:
        """Adds labels to a contact."""
        ...

    async def unlabel(self, contact_id: str, keys: Sequence[str]) -> Contact:
        """Takes labels off a contact."""
        ...

    async def list_contacts(self, *, sort: Sort = Sort(), limit: int = 50, offset: int = 0) -> Page[Contact]:  # noqa: B008
        """A page of all contacts."""
        ...

    async def query(
        self,
        filter: Filter | None = None,
        *,
        search: str | None = None,
        sort: Sort = Sort(),  # noqa: B008
        limit: int = 50,
        offset: int = 0,
    ) -> Page[Contact]:
        """A page of the contacts that a filter admits; `search` is a name, an e-mail or a phone, exactly."""
        ...

    def scan(
        self, *, changed_since: datetime | None = None, created_since: datetime | None = None
    ) -> AsyncIterator[Contact]:
        """All contacts, or those changed or created at or after a moment, oldest first, each once."""
        ...

    async def bulk_delete(self, filter: Filter | None = None, *, search: str | None = None) -> str:
        """Starts a job that deletes what a filter admits; returns its id. Protected contacts stay."""
        ...

    async def bulk_update(self, info: Info, filter: Filter | None = None, *, search: str | None = None) -> str:
        """Starts a job that changes the fields set in `info` on what a filter admits; returns its id."""
        ...

    async def bulk_label(
        self,
        filter: Filter | None = None,
        *,
        search: str | None = None,
        add: Sequence[str] = (),
        remove: Sequence[str] = (),
    ) -> str:
        """Starts a job that adds and takes off labels on what a filter admits; returns its id."""
        ...

    async def job(self, job_id: str) -> Job:
        """The progress of a bulk job."""
        ...

    async def jobs(self) -> Sequence[Job]:
        """The newest bulk jobs, at most a hundred."""
        ...

    async def find_or_create_label(self, display_name: str) -> Label:
        """The label of exactly this name, made when there is none."""
        ...

    async def get_label(self, key: str) -> Label:
        """The label of this key."""
        ...

    async def rename_label(self, key: str, display_name: str) -> Label:
        """Gives a label another display name; its key stays."""
        ...

    async def delete_label(self, key: str) -> None:
        """Deletes a label and takes it off every contact."""
        ...

    async def list_labels(self, *, starts_with: str | None = None, limit: int = 1000, offset: int = 0) -> Page[Label]:
        """A page of the labels, those whose name starts so."""
        ...

    async def query_labels(
        self, filter: Filter | None = None, *, sort: Sort | None = None, limit: int = 50, offset: int = 0
    ) -> Page[Label]:
        """A page of the labels that a filter admits."""
        ...

    async def find_or_create_field(self, display_name: str, data_type: str = "TEXT") -> ExtendedField:
        """The custom field of exactly this name, made when there is none."""
        ...

    async def get_field(self, key: str) -> ExtendedField:
        """The custom field of this key."""
        ...

    async def rename_field(self, key: str, display_name: str) -> ExtendedField:
        """Gives a field another display name; its key stays."""
        ...

    async def delete_field(self, key: str) -> None:
        """Deletes a custom field, and its values on every contact."""
        ...

    async def list_fields(
        self, *, starts_with: str | None = None, limit: int = 100, offset: int = 0
    ) -> Page[ExtendedField]:
        """A page of the custom fields, those whose name starts so."""
        ...

    async def query_fields(
        self, filter: Filter | None = None, *, sort: Sort | None = None, limit: int = 50, offset: int = 0
    ) -> Page[ExtendedField]:
        """A page of the custom fields that a filter admits."""
        ...


async def finished(
    site: ContactsSite,
    job_id: str,
    *,
    pause: float = 1.0,
    longest: float = 600.0,
    progress: Callable[[Job], None] = lambda _: None,
) -> Job:
    """A bulk job when it is over.

    Args:
        site: the site that does it.
        job_id: the job.
        pause: seconds between two looks.
        longest: seconds after which it is given up.
        progress: called with the job after each look.

    Raises:
        Unavailable: the job is not over after `longest` seconds.
    """
    with anyio.move_on_after(longest):
        while True:
            job = await site.job(job_id)
            progress(job)
            if job.is_over:
                return job
            await anyio.sleep(pause)
    raise Unavailable("DEADLINE_EXCEEDED", f"The site's bulk job {job_id} is not over after {longest:.0f} seconds.")

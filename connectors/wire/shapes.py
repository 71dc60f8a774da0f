"""The Contacts API's own names and shapes: the one place where they are spelled.

Every shape reads and writes itself; unknown members are ignored, empty ones are left out.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, PlainSerializer
from pydantic.alias_generators import to_camel

Item = TypeVar("Item")
ENTITY = "wix.contacts.v4.contact"


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def timestamp(moment: datetime) -> str:
    """A moment as the API writes it: RFC 3339, UTC, milliseconds, `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Moment = Annotated[datetime, AfterValidator(_utc), PlainSerializer(timestamp, return_type=str)]


class Wire(BaseModel):
    """A JSON object of the API, its members in camelCase."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)

    def to_json(self) -> dict[str, Any]:
        """As the API writes it, empty members left out."""
        return self.model_dump(by_alias=True, exclude_none=True)


class Items(Wire, Generic[Item]):
    """A list of the API, which wraps every list of a contact."""

    items: list[Item] | None = None


class WireName(Wire):
    """`info.name`."""

    first: str | None = None
    last: str | None = None


class WireEmail(Wire):
    """`info.emails.items[]`."""

    id: str | None = None
    tag: str | None = None
    email: str
    primary: bool | None = None


class WirePhone(Wire):
    """`info.phones.items[]`."""

    id: str | None = None
    tag: str | None = None
    country_code: str | None = None
    phone: str
    e164_phone: str | None = None
    formatted_phone: str | None = None
    primary: bool | None = None


class WireStreet(Wire):
    """`streetAddress`."""

    number: str | None = None
    name: str | None = None


class WirePlace(Wire):
    """`info.addresses.items[].address`."""

    country: str | None = None
    subdivision: str | None = None
    city: str | None = None
    postal_code: str | None = None
    street_address: WireStreet | None = None
    address_line: str | None = None
    address_line2: str | None = None


class WireAddress(Wire):
    """`info.addresses.items[]`."""

    id: str | None = None
    tag: str | None = None
    address: WirePlace = WirePlace()


class WireExtended(Wire):
    """`info.extendedFields`."""

    items: dict[str, str | float | None] | None = None


class WirePicture(Wire):
    """`info.picture`."""

    image: dict[str, Any] | None = None


class WireInfo(Wire):
    """`info`: what a contact holds."""

    name: WireName | None = None
    emails: Items[WireEmail] | None = None
    phones: Items[WirePhone] | None = None
    addresses: Items[WireAddress] | None = None
    company: str | None = None
    job_title: str | None = None
    birthdate: str | None = None
    locale: str | None = None
    label_keys: Items[str] | None = None
    extended_fields: WireExtended | None = None
    locations: Items[str] | None = None
    assigned_user_ids: Items[str] | None = None
    picture: WirePicture | None = None


class WireSource(Wire):
    """`source`."""

    source_type: str | None = None
    app_id: str | None = None


class WireActivity(Wire):
    """`lastActivity`."""

    activity_date: Moment | None = None
    activity_type: str | None = None


class WirePrimary(Wire):
    """`primaryInfo`."""

    email: str | None = None
    phone: str | None = None


class WirePrimaryEmail(Wire):
    """`primaryEmail`."""

    email: str | None = None
    subscription_status: str | None = None
    deliverability_status: str | None = None


class WirePrimaryPhone(Wire):
    """`primaryPhone`."""

    phone: str | None = None
    country_code: str | None = None
    e164_phone: str | None = None
    formatted_phone: str | None = None
    subscription_status: str | None = None


class WireProfile(Wire):
    """`memberInfo.profileInfo`."""

    nickname: str | None = None


class WireUser(Wire):
    """`memberInfo.userInfo`."""

    user_id: str | None = None
    role: str | None = None


class WireMember(Wire):
    """`memberInfo`."""

    member_id: str | None = None
    signup_date: str | None = None
    email: str | None = None
    status: str | None = None
    profile_info: WireProfile | None = None
    user_info: WireUser | None = None


class WireContact(Wire):
    """A contact."""

    id: str
    revision: int | None = None
    source: WireSource | None = None
    created_date: Moment | None = None
    updated_date: Moment | None = None
    last_activity: WireActivity | None = None
    primary_info: WirePrimary | None = None
    primary_email: WirePrimaryEmail | None = None
    primary_phone: WirePrimaryPhone | None = None
    member_info: WireMember | None = None
    info: WireInfo = WireInfo()


class WireLabel(Wire):
    """A label."""

    namespace: str | None = None
    namespace_display_name: str | None = None
    key: str
    display_name: str
    label_type: str | None = None
    created_date: Moment | None = None
    updated_date: Moment | None = None


class WireField(Wire):
    """An extended field."""

    namespace: str | None = None
    key: str
    display_name: str
    data_type: str | None = None
    field_type: str | None = None
    created_date: Moment | None = None
    updated_date: Moment | None = None


class WireProblem(Wire):
    """`job.errors[]`."""

    count: int = 0
    code: str | None = None
    message: str | None = None


class WireJob(Wire):
    """A bulk job."""

    id: str
    type: str | None = None
    status: str | None = None
    started_date: Moment | None = None
    finished_date: Moment | None = None
    total_items: int | None = None
    success_total: int | None = None
    failed_total: int | None = None
    errors: list[WireProblem] | None = None


class WireSort(Wire):
    """`sort`."""

    field_name: str = ""
    order: str | None = None


class WirePaging(Wire):
    """`paging`."""

    limit: int | None = None
    offset: int | None = None


class WireQuery(Wire):
    """`query`. Old samples give one sort object instead of a list."""

    filter: Any = None
    sort: list[WireSort] | WireSort | None = None
    paging: WirePaging | None = None
    fields: list[str] | None = None
    fieldsets: list[str] | None = None


# --- what calls send ---

BASE_URL = "https://www.wixapis.com"
CONTACTS = "/contacts/v4/contacts"
BULK_CONTACTS = "/contacts/v4/bulk/contacts"
JOBS = "/contacts/v4/bulk/jobs"
LABELS = "/contacts/v4/labels"
FIELDS = "/contacts/v4/extended-fields"
AUTHORIZATION = "Authorization"
SITE_ID = "wix-site-id"
REQUEST_ID = "X-Wix-Request-Id"
CONSISTENT = "X-Wix-Consistent"
"""Token of an answer: a later read that sends it back sees at least that state."""


class Request(Wire):
    """The body of a call."""

    def to_json(self) -> dict[str, Any]:
        """As the API reads it: what was set, and a set None as null, which clears."""
        return self.model_dump(by_alias=True, exclude_unset=True)


class CreateRequest(Request):
    """Create a contact."""

    info: WireInfo
    allow_duplicates: bool = False


class UpdateRequest(Request):
    """Change a contact."""

    revision: int
    info: WireInfo
    allow_duplicates: bool = False


class MergeRequest(Request):
    """Merge contacts into one."""

    target_contact_revision: int
    source_contact_ids: list[str]


class PreviewRequest(Request):
    """Show a merge."""

    source_contact_ids: list[str]


class LabelsRequest(Request):
    """Add labels to a contact, or take them off."""

    label_keys: list[str]


class QueryRequest(Request):
    """Query contacts, labels or fields."""

    search: str | None = None
    query: WireQuery = WireQuery()


class BulkRequest(Request):
    """The contacts of a bulk call."""

    filter: Any = None
    search: str | None = None


class BulkUpdateRequest(BulkRequest):
    """Change many contacts."""

    info: WireInfo


class BulkLabelRequest(BulkRequest):
    """Label many contacts."""

    label_keys_to_add: list[str] = []
    label_keys_to_remove: list[str] = []


class NewLabelRequest(Request):
    """Find or create a label."""

    display_name: str


class NewFieldRequest(Request):
    """Find or create an extended field."""

    display_name: str
    data_type: str = "TEXT"


class Renamed(Wire):
    """The new display name of a label or a field."""

    display_name: str


class RenameRequest(Request):
    """Rename a label or a field; samples give the name wrapped or bare."""

    label: Renamed | None = None
    field: Renamed | None = None
    display_name: str | None = None


# --- what they answer ---


class PagingMetadata(Wire):
    """`pagingMetadata` of a list."""

    count: int | None = None
    offset: int | None = None
    total: int | None = None
    too_many_to_count: bool | None = None


class ContactAnswer(Wire):
    """One contact; `responseType` tells of Get whether it was asked for by the id of a contact merged into it."""

    contact: WireContact
    response_type: str | None = None


class ContactsAnswer(Wire):
    """A page of contacts."""

    contacts: list[WireContact] = []
    paging_metadata: PagingMetadata = PagingMetadata()


class LabelAnswer(Wire):
    """One label, and whether it was made just now."""

    label: WireLabel
    new_label: bool | None = None


class LabelsAnswer(Wire):
    """A page of labels: a list has `metadata`, a query `pagingMetadata`."""

    labels: list[WireLabel] = []
    metadata: PagingMetadata | None = None
    paging_metadata: PagingMetadata | None = None


class FieldAnswer(Wire):
    """One extended field, and whether it was made just now."""

    field: WireField
    new_field: bool | None = None


class FieldsAnswer(Wire):
    """A page of extended fields: a list has `metadata`, a query `pagingMetadata`."""

    fields: list[WireField] = []
    metadata: PagingMetadata | None = None
    paging_metadata: PagingMetadata | None = None


class BulkAnswer(Wire):
    """The job that a bulk call started."""

    job_id: str


class JobAnswer(Wire):
    """One bulk job."""

    job: WireJob


class JobsAnswer(Wire):
    """Bulk jobs."""

    jobs: list[WireJob] = []


class Nothing(Wire):
    """An answer without content: `{}`."""

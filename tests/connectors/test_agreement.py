"""For any sequence of calls the embedded site and the client speaking to its server answer and end alike."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import httpx
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from pydantic import SecretStr

from connectors.contacts import Contact, ContactsSite, ExtendedField, Job, Label, Member, Page, Sort
from connectors.local import LocalSite
from connectors.server import make_app
from connectors.wix import WixSite
from transforms.plan.survivorship import merged
from transforms.schema.contact import Address, Email, Info, Phone
from transforms.schema.errors import SiteError

MAILS = ["a@x.example", "A@X.example", "b@x.example", "c@x.example", "d@x.example", "e@x.example"]
PHONES = ["212-555-0123", "(212) 555 0123", "+1 617 555 0111", "12 34", "+49 30 901820"]
LABELS = ["Poet", "Friend", "poet!"]
FIELDS = ["Motto", "Shoe size", "Met", "Page"]
TEXT = st.sampled_from([None, "Ada", "Byron", "Ada Löw"])
KEYS = st.lists(st.sampled_from(["custom.poet", "custom.friend", "custom.poet-2"]), max_size=3)
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "custom.motto": st.sampled_from(["", "Poetical science"]),
        "custom.shoe-size": st.sampled_from(["", 38, 38.5]),
        "custom.met": st.sampled_from(["", "1833-06-05"]),
        "custom.page": st.sampled_from(["ada.example", "http://ada.example"]),
    },
)
PARTS: dict[str, st.SearchStrategy[Any]] = {
    "first": TEXT,
    "last": TEXT,
    "company": TEXT,
    "job_title": TEXT,
    "birthdate": st.sampled_from([None, "1815-12-10"]),
    "locale": st.sampled_from([None, "en-US"]),
    "emails": st.lists(
        st.builds(Email, email=st.sampled_from(MAILS), tag=st.sampled_from(["WORK", "UNTAGGED"])), max_size=3
    ).map(tuple),
    "phones": st.lists(
        st.builds(Phone, phone=st.sampled_from(PHONES), country_code=st.sampled_from(["US", None])), max_size=3
    ).map(tuple),
    "addresses": st.lists(
        st.builds(
            Address,
            line=st.sampled_from([None, "5 Main St"]),
            street_name=st.sampled_from([None, "Main St"]),
            city=st.sampled_from([None, "Boston", "boston"]),
            subdivision=st.sampled_from([None, "US-MA"]),
        ),
        max_size=2,
    ).map(tuple),
    "labels": KEYS.map(tuple),
    "extended": VALUES,
    "picture": st.sampled_from([None, {"url": "https://x.example/a.png"}]),
}
ODD: list[tuple[str, object]] = [
    ("first", "x" * 1001),
    ("birthdate", "1815-02-30"),
    ("emails", (Email(email="no-mail"),)),
    ("emails", tuple(Email(email=mail, primary=True) for mail in MAILS[2:4])),
    ("phones", (Phone(phone="1", country_code="usa"),)),
    ("addresses", (Address(subdivision="Massachusetts"),)),
    ("labels", ("custom.none",)),
    ("extended", {"custom.shoe-size": "large"}),
    ("extended", {"custom.none": "x"}),
]


@st.composite
def contents(draw: st.DrawFn) -> Info:
    """Some fields of a contact, now and then with one that cannot be."""
    names = draw(st.lists(st.sampled_from(sorted(PARTS)), min_size=1, max_size=5, unique=True))
    values = {name: draw(PARTS[name]) for name in names}
    if draw(st.integers(0, 7)) == 0:
        name, value = draw(st.sampled_from(ODD))
        values[name] = value
    return Info(**values)


CONTENT = contents()
FILTERS = st.sampled_from(
    [
        None,
        {},
        {"info.name.first": "Ada"},
        {"info.emails.email": {"$startsWith": "A@"}},
        {"info.phones.e164Phone": {"$exists": True}},
        {"info.labelKeys": {"$hasSome": ["custom.poet"]}},
        {"$not": {"info.company": None}},
        {"info.extendedFields.custom.shoe-size": {"$gt": 3}},
        {"info.shoe": 1},
        {"primaryInfo.email": {"$in": ["a@x.example"]}},
    ]
)
SORTS = st.sampled_from([Sort(), Sort("info.name.first", True), Sort("updatedDate"), Sort("info.company")])
WHICH = st.integers(0, 9)
OTHERS = st.lists(st.integers(1, 4), min_size=1, max_size=3, unique=True) | st.lists(WHICH, max_size=6)
Call = Callable[[ContactsSite, "SiteKeys"], Awaitable[object]]


class SiteKeys:
    """Contacts of one site by the order they were created in: ids differ from site to site."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.there: list[str] = []

    def id(self, number: int) -> str:
        """A contact that is there; of a number from 8 one that may be gone or merged away."""
        some = (self.ids if number >= 8 else self.there) or ["nobody"]
        return some[number % len(some)]

    def shown(self, text: str) -> str:
        return f"#{self.ids.index(text)}" if text in self.ids else text


class Agreement(RuleBasedStateMachine):
    """Every call is made on both; answers and refusals are compared, and after each all that is there."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.near, self.far = LocalSite(":memory:", create=True), LocalSite(":memory:", create=True)
        carried = httpx.ASGITransport(make_app(self.far))
        self.client = WixSite(SecretStr("key"), "site", base_url="http://127.0.0.1", transport=carried)
        self.names = (SiteKeys(), SiteKeys())
        for label in LABELS:
            self.both(lambda site, _, label=label: site.find_or_create_label(label))
        for field, kind in zip(FIELDS, ("TEXT", "NUMBER", "DATE", "URL"), strict=True):
            self.both(lambda site, _, field=field, kind=kind: site.find_or_create_field(field, kind))

    @initialize()
    def somebody_is_there(self) -> None:
        for number, first in enumerate(("Ada", "Byron", "Clara", "Dora")):
            self.create(Info(first=first, emails=(Email(email=MAILS[min(number + 2, 5)]),)), True, number)

    def teardown(self) -> None:
        self.loop.run(self.client.aclose())
        self.near.close()
        self.far.close()
        self.loop.close()

    def both(self, call: Call) -> Any:
        answers = []
        for site, names in ((self.near, self.names[0]), (self.client, self.names[1])):
            try:
                answers.append(self.loop.run(self._called(call, site, names)))
            except SiteError as error:
                answers.append(refusal(error, names))
        assert answers[0] == answers[1]
        return answers[0]

    async def _called(self, call: Call, site: ContactsSite, names: SiteKeys) -> object:
        return shown(await call(site, names), names)

    @rule(info=CONTENT, allowed=st.booleans(), member=st.integers(0, 9))
    def create(self, info: Info, allowed: bool, member: int) -> None:
        async def call(site: ContactsSite, names: SiteKeys) -> object:
            contact = await site.create(info, allow_duplicates=allowed)
            names.ids.append(contact.id)
            if member == 9:
                place = self.near if site is self.near else self.far
                place.load([contact.model_copy(update={"member": Member(id="m", status="ACTIVE")})])
            return contact

        self.both(call)

    @rule(which=WHICH, info=CONTENT, allowed=st.booleans(), behind=st.integers(0, 4))
    def update(self, which: int, info: Info, allowed: bool, behind: int) -> None:
        async def call(site: ContactsSite, names: SiteKeys) -> object:
            contact = await site.get(names.id(which))
            return await site.update(contact.id, contact.revision - (behind == 4), info, allow_duplicates=allowed)

        self.both(call)

    @rule(which=WHICH, others=OTHERS, behind=st.integers(0, 4))
    def merge(self, which: int, others: Sequence[int], behind: int) -> None:
        async def call(site: ContactsSite, names: SiteKeys) -> object:
            target = await site.get(names.id(which))
            ids = [names.id(which + one) for one in others]
            preview = await site.preview_merge(target.id, ids)
            sources = [await site.get(one) for one in ids]
            contact = await site.merge(target.id, target.revision - (behind == 4), ids)
            assert preview.info == contact.info
            folded = merged(target.info, [one.info for one in sources])
            for name in Info.model_fields:
                assert getattr(folded, name) == getattr(contact.info, name), name
            return contact

        self.both(call)

    @rule(which=WHICH, keys=KEYS, add=st.booleans())
    def relabel(self, which: int, keys: Sequence[str], add: bool) -> None:
        self.both(lambda site, names: (site.label if add else site.unlabel)(names.id(which), keys))

    @rule(which=WHICH)
    def delete(self, which: int) -> None:
        self.both(lambda site, names: site.delete(names.id(which)))

    @rule(which=WHICH)
    def get(self, which: int) -> None:
        self.both(lambda site, names: site.get(names.id(which)))

    @rule(filter=FILTERS, sort=SORTS, limit=st.sampled_from([0, 2, 50, 1001]), search=st.sampled_from([None, "ada"]))
    def query(self, filter: Any, sort: Sort, limit: int, search: str | None) -> None:
        self.both(lambda site, _: site.query(filter, search=search, sort=sort, limit=limit, offset=limit // 2))

    @rule(filter=FILTERS, info=CONTENT)
    def bulk_update(self, filter: Any, info: Info) -> None:
        self.both(lambda site, _: job(site, site.bulk_update(info, filter)))

    @rule(filter=FILTERS, add=KEYS, remove=KEYS)
    def bulk_label(self, filter: Any, add: Sequence[str], remove: Sequence[str]) -> None:
        self.both(lambda site, _: job(site, site.bulk_label(filter, add=add, remove=remove)))

    @rule(which=WHICH, other=WHICH)
    def bulk_delete(self, which: int, other: int) -> None:
        self.both(lambda site, names: job(site, site.bulk_delete({"id": {"$in": [names.id(which), names.id(other)]}})))

    @rule(name=st.sampled_from([*LABELS, "New", "", "x" * 181]))
    def find_label(self, name: str) -> None:
        self.both(lambda site, _: site.find_or_create_label(name))

    @rule(key=st.sampled_from(["custom.poet", "custom.new", "custom.none"]), name=st.sampled_from(["Bard", ""]))
    def rename_label(self, key: str, name: str) -> None:
        self.both(lambda site, _: site.rename_label(key, name))

    @rule(key=st.sampled_from(["custom.friend", "custom.new", "custom.none"]))
    def delete_label(self, key: str) -> None:
        self.both(lambda site, _: site.delete_label(key))

    @rule(name=st.sampled_from([*FIELDS, "New"]), kind=st.sampled_from(["TEXT", "NUMBER", "COLOUR"]))
    def find_field(self, name: str, kind: str) -> None:
        self.both(lambda site, _: site.find_or_create_field(name, kind))

    @rule(key=st.sampled_from(["custom.motto", "custom.new"]))
    def delete_field(self, key: str) -> None:
        self.both(lambda site, _: site.delete_field(key))

    @invariant()
    def ends_alike(self) -> None:
        async def everything(site: ContactsSite, names: SiteKeys) -> object:
            found = [one async for one in site.scan()]
            names.there = [one.id for one in found]
            contacts = [shown(one, names) for one in found]
            labels, fields = await site.list_labels(), await site.list_fields()
            return contacts, shown(labels, names), shown(fields, names)

        self.both(everything)


async def job(site: ContactsSite, started: Awaitable[str]) -> Job:
    return await site.job(await started)


def refusal(error: SiteError, names: SiteKeys) -> tuple[Any, ...]:
    data = {name: names.shown(value) for name, value in error.data.items()}
    return type(error), error.code, error.status, str(error), data, error.violations


def shown(answer: object, names: SiteKeys) -> object:
    """An answer without what differs from site to site: ids and dates."""
    if isinstance(answer, Contact):
        order = answer.updated > answer.created
        return answer.model_dump(exclude={"created", "updated", "active"}) | {"id": names.shown(answer.id)}, order
    if isinstance(answer, Page):
        return [shown(one, names) for one in answer.items], answer.offset, answer.total
    if isinstance(answer, Label | ExtendedField):
        return answer.model_dump(exclude={"created", "updated"})
    if isinstance(answer, Job):
        return answer.model_dump(exclude={"id", "started", "finished"})
    return answer


TestAgreement = Agreement.TestCase
TestAgreement.settings = settings(
    max_examples=30, stateful_step_count=30, deadline=None, database=None, report_multiple_bugs=False
)

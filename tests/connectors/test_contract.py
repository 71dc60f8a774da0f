"""Every site keeps the rules of the Contacts API: the embedded one, and the same one behind HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import info
from pydantic import SecretStr

from connectors.contacts import Contact, ContactsSite, Member, Sort, finished
from connectors.local import LocalSite
from connectors.server import make_app, running
from connectors.site_reading import all_fields, all_labels, named_contacts
from connectors.wix import WixSite
from transforms.schema.contact import Address, Email, Info, Phone
from transforms.schema.errors import AlreadyChanged, Duplicate, NotFound, PreconditionFailed, Refused, UsageError

KEY = SecretStr("a-key")


@pytest.fixture(params=["local", "in process", "over HTTP"])
async def site(request: pytest.FixtureRequest, local: LocalSite) -> AsyncIterator[ContactsSite]:
    """The embedded site; the client speaking to the server in this process; and over a loopback port."""
    if request.param == "local":
        yield local
        return
    app = make_app(local, api_key=KEY.get_secret_value())
    if request.param == "in process":
        carried = httpx.ASGITransport(app)
        async with WixSite(KEY, "a-site", base_url="http://127.0.0.1", transport=carried) as client:
            yield client
        return
    async with running(app) as (url, _), WixSite(KEY, "a-site", base_url=url) as client:
        yield client


@pytest.fixture
def local(site_path: Path) -> Any:
    """The embedded site behind whatever is tested, to plant what no call can make."""
    with LocalSite(site_path, create=True) as opened:
        yield opened


async def made(site: ContactsSite, *names: str) -> list[Contact]:
    return [await site.create(info(name)) for name in names]


def planted(local: LocalSite, contact_id: str, **more: Any) -> Contact:
    moment = datetime(2024, 5, 1, 9, tzinfo=UTC)
    content = info("Grace", email=f"{contact_id}@navy.example")
    contact = Contact(id=contact_id, revision=4, created=moment, updated=moment, info=content, **more)
    local.load([contact])
    return contact


# --- create ---


async def test_a_contact_needs_a_name_an_email_or_a_phone(site: ContactsSite) -> None:
    with pytest.raises(Refused) as refusal:
        await site.create(Info(company="Analytical Engines"))

    assert (refusal.value.code, refusal.value.status) == ("INSUFFICIENT_CONTACT_DATA", 400)


async def test_a_new_contact_has_revision_one_a_primary_email_and_e164(site: ContactsSite) -> None:
    contact = await site.create(info("Ada", email="ada@engines.example", phone="(212) 555-0123"))

    assert contact.revision == 1
    assert contact.info.emails[0].primary
    assert contact.info.phones[0].e164 == "+12125550123"
    assert contact.info.phones[0].phone == "(212) 555-0123"
    assert (contact.subscription, contact.phone_subscription, contact.activity) == (
        "NOT_SET",
        "NOT_SET",
        "CONTACT_CREATED",
    )
    assert abs(datetime.now(UTC) - contact.created) < timedelta(minutes=1)


async def test_everything_a_contact_can_hold_comes_back_as_it_was_given(site: ContactsSite) -> None:
    label = await site.find_or_create_label("Summer sale")
    field = await site.find_or_create_field("Shoe size", "NUMBER")
    given = Info(
        first="Ada",
        last="Lovelace",
        emails=(Email(email="ada@engines.example", tag="WORK"), Email(email="ada@home.example", primary=True)),
        phones=(Phone(phone="+44 20 7946 0958", tag="HOME"), Phone(phone="ext. 5", tag="FAX")),
        addresses=(
            Address(tag="HOME", line="12 St James's Square", line2="Flat 2", city="London", country="GB"),
            Address(street_name="Main Street", street_number="5", subdivision="US-ME", postal_code="04101"),
        ),
        company="Analytical Engines",
        job_title="Countess",
        birthdate="1815-12-10",
        locale="en-GB",
        labels=(label.key,),
        extended={field.key: 38.5},
        picture={"url": "https://engines.example/ada.png", "height": 100},
    )

    found = (await site.get((await site.create(given)).id)).info

    assert found.phones[0].e164 == "+442079460958"
    assert [one.primary for one in found.emails] == [False, True]
    assert [one.primary for one in found.phones] == [True, False]
    bare = {"primary": False, "e164": None}
    assert [one.model_copy(update=bare) for one in found.phones] == list(given.phones)
    assert found.emails == given.emails
    for name in ("first", "last", "addresses", "company", "job_title", "birthdate", "locale", "labels", "extended"):
        assert getattr(found, name) == getattr(given, name)
    assert found.picture == given.picture


async def test_a_second_contact_with_the_same_email_is_refused_unless_allowed(site: ContactsSite) -> None:
    first = await site.create(info("Ada", email="ada@engines.example"))

    with pytest.raises(Duplicate) as refusal:
        await site.create(info("Augusta", email="ADA@engines.example"))
    second = await site.create(info("Augusta", email="ada@engines.example"), allow_duplicates=True)

    assert refusal.value.status == 409
    assert refusal.value.data == {"duplicateContactId": first.id, "duplicateEmail": "ADA@engines.example"}
    assert second.id != first.id


async def test_the_phone_is_looked_at_only_where_there_is_no_email(site: ContactsSite) -> None:
    await site.create(info("Ada", phone="212-555-0123"))

    await site.create(info("Byron", email="byron@engines.example", phone="212-555-0123"))
    with pytest.raises(Duplicate) as refusal:
        await site.create(info("Charles", phone="+1 212 555 0123"))

    assert refusal.value.data["duplicatePhone"] == "+1 212 555 0123"


async def test_two_primary_phones_are_refused(site: ContactsSite) -> None:
    phones = tuple(Phone(phone=f"212-555-012{number}", country_code="US", primary=True) for number in range(2))

    with pytest.raises(Refused) as refusal:
        await site.create(Info(first="Ada", phones=phones))

    assert refusal.value.code == "CANNOT_HAVE_MULTIPLE_PRIMARY_INFO"


@pytest.mark.parametrize(
    ("content", "field", "rule", "threshold"),
    [
        (Info(first="A" * 1001), "info.name.first", "MAX_LENGTH", 1000),
        (Info(first="Ada", emails=(Email(email="no-email"),)), "info.emails[0].email", "FORMAT", None),
        (Info(first="Ada", emails=(Email(email="a@engines.example", tag="FAX"),)), "info.emails[0].tag", "OTHER", None),
        (Info(first="Ada", phones=(Phone(phone="1" * 51),)), "info.phones[0].phone", "MAX_LENGTH", 50),
        (Info(first="Ada", birthdate="10.12.1815"), "info.birthdate", "FORMAT", None),
        (
            Info(first="Ada", addresses=(Address(subdivision="Maine"),)),
            "info.addresses[0].address.subdivision",
            "FORMAT",
            None,
        ),
        (
            Info(first="Ada", emails=tuple(Email(email=f"{at}@engines.example") for at in range(51))),
            "info.emails",
            "MAX",
            50,
        ),
    ],
)
async def test_what_is_too_long_too_much_or_malformed_is_named(
    site: ContactsSite, content: Info, field: str, rule: str, threshold: int | None
) -> None:
    with pytest.raises(Refused) as refusal:
        await site.create(content)

    (violation,) = refusal.value.violations
    assert (violation.field, violation.rule, violation.threshold) == (field, rule, threshold)


async def test_a_custom_field_holds_only_what_its_type_allows(site: ContactsSite) -> None:
    number = await site.find_or_create_field("Shoe size", "NUMBER")
    day = await site.find_or_create_field("Met", "DATE")
    page = await site.find_or_create_field("Page", "URL")

    for extended in ({number.key: "large"}, {day.key: "last year"}, {"custom.unknown": "x"}):
        with pytest.raises(Refused) as refusal:
            await site.create(Info(first="Ada", extended=extended))
        assert refusal.value.code == "INVALID_EXTENDED_FIELD_VALUE"
    contact = await site.create(
        Info(first="Ada", extended={number.key: 38, day.key: "1833-06-05", page.key: "ada.example"})
    )

    assert contact.info.extended == {number.key: 38.0, day.key: "1833-06-05", page.key: "https://ada.example"}


# --- get, update, delete ---


async def test_an_unknown_contact_is_not_found_by_any_call(site: ContactsSite) -> None:
    known = (await made(site, "Ada"))[0]
    unknown = "00000000-0000-0000-0000-000000000000"

    for call in (
        site.get(unknown),
        site.update(unknown, 1, Info(first="Ada")),
        site.delete(unknown),
        site.label(unknown, ["custom.x"]),
        site.unlabel(unknown, ["custom.x"]),
        site.merge(unknown, 1, [known.id]),
        site.merge(known.id, 1, [unknown]),
        site.preview_merge(known.id, [unknown]),
    ):
        with pytest.raises(NotFound) as refusal:
            await call
        assert (refusal.value.code, refusal.value.status) == ("CONTACT_NOT_FOUND", 404)


async def test_an_update_needs_the_newest_revision_and_changes_only_what_it_names(site: ContactsSite) -> None:
    contact = await site.create(info("Ada", "Lovelace", email="ada@engines.example"))

    changed = await site.update(contact.id, 1, Info(company="Analytical Engines"))

    assert (changed.revision, changed.info.first, changed.info.company) == (2, "Ada", "Analytical Engines")
    assert changed.updated > contact.updated
    assert changed.created == contact.created
    with pytest.raises(AlreadyChanged) as refusal:
        await site.update(contact.id, 1, Info(company="Difference Engines"))
    assert (refusal.value.code, refusal.value.status) == ("CONTACT_ALREADY_CHANGED", 409)


async def test_an_update_replaces_a_list_whole_and_clears_what_is_set_empty(site: ContactsSite) -> None:
    field = await site.find_or_create_field("Nickname")
    other = await site.find_or_create_field("Motto")
    contact = await site.create(
        Info(
            first="Ada",
            last="Lovelace",
            company="Engines",
            emails=(Email(email="ada@engines.example"),),
            extended={field.key: "A.", other.key: "Poetical science"},
        )
    )

    moved = await site.update(contact.id, 1, Info(emails=(Email(email="ada@home.example"),)))
    cleared = await site.update(contact.id, 2, Info(last=None, company=None, emails=(), extended={field.key: ""}))

    assert [one.email for one in moved.info.emails] == ["ada@home.example"]
    assert (cleared.info.first, cleared.info.last, cleared.info.company, cleared.info.emails) == ("Ada", None, None, ())
    assert cleared.info.extended == {other.key: "Poetical science"}


async def test_an_update_may_not_take_everything_nor_nothing_nor_another_contacts_email(site: ContactsSite) -> None:
    await site.create(info("Byron", email="byron@engines.example"))
    contact = (await made(site, "Ada"))[0]

    with pytest.raises(Refused) as empty:
        await site.update(contact.id, 1, Info(first=None))
    with pytest.raises(Refused) as nothing:
        await site.update(contact.id, 1, Info())
    with pytest.raises(Duplicate):
        await site.update(contact.id, 1, Info(emails=(Email(email="byron@engines.example"),)))
    allowed = await site.update(
        contact.id, 1, Info(emails=(Email(email="byron@engines.example"),)), allow_duplicates=True
    )

    assert empty.value.code == "INSUFFICIENT_CONTACT_DATA"
    assert nothing.value.code == "INSUFFICIENT_UPDATE_CONTACT_DATA"
    assert allowed.revision == 2


async def test_a_members_email_stays_and_the_member_too(site: ContactsSite, local: LocalSite) -> None:
    planted(local, "member", member=Member(id="m", status="ACTIVE", email="member@navy.example"))
    planted(local, "owner", member=Member(user_id="u", role="OWNER"))

    with pytest.raises(PreconditionFailed) as email:
        await site.update("member", 4, Info(emails=(Email(email="other@navy.example"),)))
    with pytest.raises(PreconditionFailed) as member:
        await site.delete("member")
    with pytest.raises(PreconditionFailed) as owner:
        await site.delete("owner")
    renamed = await site.update("member", 4, Info(first="Amazing Grace"))

    assert email.value.code == "CANNOT_UPDATE_MEMBER_EMAIL"
    assert member.value.code == "CANNOT_DELETE_MEMBER"
    assert owner.value.code == "CANNOT_DELETE_MEMBER_OWNER_OR_CONTRIBUTOR"
    assert (renamed.revision, renamed.is_member) == (5, True)


async def test_a_deleted_contact_is_gone(site: ContactsSite) -> None:
    contact = (await made(site, "Ada"))[0]

    await site.delete(contact.id)

    with pytest.raises(NotFound):
        await site.delete(contact.id)
    assert (await site.query()).items == ()


async def test_consent_follows_the_email_it_was_given_for(site: ContactsSite, local: LocalSite) -> None:
    planted(local, "grace", subscription="UNSUBSCRIBED", deliverability="BOUNCED")

    moved = await site.update(
        "grace", 4, Info(emails=(Email(email="new@navy.example"), Email(email="grace@navy.example")))
    )
    back = await site.update(
        "grace", 5, Info(emails=(Email(email="new@navy.example"), Email(email="GRACE@navy.example", primary=True)))
    )

    assert (moved.subscription, moved.deliverability) == ("NOT_SET", "NOT_SET")
    assert (back.subscription, back.deliverability) == ("UNSUBSCRIBED", "BOUNCED")


# --- merge ---


async def test_first_source_wins_single_fields_and_lists_keep_order(site: ContactsSite) -> None:
    target = await site.create(info("Ada"))
    crm = await site.create(info(company="Analytical Engines", email="ada@engines.example"))
    shop = await site.create(info(company="A. E. Ltd", email="ada@home.example"))

    preview = await site.preview_merge(target.id, [crm.id, shop.id])
    before = await site.query()
    merged = await site.merge(target.id, target.revision, [crm.id, shop.id])

    assert preview.info == merged.info
    assert before.total == 3
    assert merged.revision == 2
    assert merged.info.company == "Analytical Engines"
    assert [one.email for one in merged.info.emails] == ["ada@engines.example", "ada@home.example"]
    assert [one.primary for one in merged.info.emails] == [True, False]
    assert (await site.get(shop.id)).id == target.id
    assert (await site.query()).total == 1


async def test_a_merged_id_is_followed_by_get_to_the_end_and_by_nothing_else(site: ContactsSite) -> None:
    one, two, three = await made(site, "Ada", "Augusta", "Byron")

    await site.merge(two.id, 1, [one.id])
    await site.merge(three.id, 1, [two.id])

    assert (await site.get(one.id)).id == three.id
    with pytest.raises(NotFound):
        await site.update(one.id, 1, Info(first="Ada"))
    with pytest.raises(NotFound):
        await site.merge(three.id, 2, [two.id])
    assert (await site.query({"id": one.id})).total == 0


async def test_a_merge_takes_five_sources_no_member_and_not_itself(site: ContactsSite, local: LocalSite) -> None:
    ids = [one.id for one in await made(site, *(f"Ada {number}" for number in range(7)))]
    planted(local, "member", member=Member(id="m", status="ACTIVE"))

    with pytest.raises(Refused):
        await site.merge(ids[0], 1, ids[1:])
    with pytest.raises(Refused):
        await site.preview_merge(ids[0], [])
    for twice in ([ids[0]], [ids[1], ids[1]]):
        with pytest.raises(Refused) as illegal:
            await site.merge(ids[0], 1, twice)
        assert illegal.value.code == "ILLEGAL_MERGE"
    for call in (site.merge(ids[0], 1, [ids[1], "member"]), site.preview_merge(ids[0], ["member"])):
        with pytest.raises(PreconditionFailed) as protected:
            await call
        assert (protected.value.code, protected.value.status) == ("FAILED_PRECONDITION", 428)

    assert (await site.query()).total == 8
    assert (await site.merge("member", 4, ids[:5])).is_member


async def test_a_refused_merge_changes_nothing(site: ContactsSite) -> None:
    one, two = await made(site, "Ada", "Augusta")

    with pytest.raises(PreconditionFailed):
        await site.merge(one.id, 99, [two.id])

    assert (await site.get(one.id)).revision == 1
    assert (await site.get(two.id)).id == two.id


# --- labels and custom fields ---


async def test_labels_must_exist_and_are_not_added_twice(site: ContactsSite) -> None:
    contact = (await made(site, "Ada"))[0]
    label = await site.find_or_create_label("Summer sale")

    with pytest.raises(NotFound):
        await site.label(contact.id, [label.key, "custom.unknown"])
    labelled = await site.label(contact.id, [label.key])
    again = await site.label(contact.id, [label.key])

    assert labelled.info.labels == again.info.labels == ("custom.summer-sale",)
    assert again.revision == labelled.revision == 2
    assert (await site.unlabel(contact.id, [label.key])).info.labels == ()
    with pytest.raises(Refused):
        await site.label(contact.id, [])


async def test_a_label_is_found_again_by_name_renamed_and_deleted_from_contacts(site: ContactsSite) -> None:
    label = await site.find_or_create_label("VIP guest")
    same, other = await site.find_or_create_label("VIP guest"), await site.find_or_create_label("vip Guest")
    contact = await site.create(Info(first="Ada", labels=(label.key, other.key)))

    renamed = await site.rename_label(label.key, "Guest of honour")
    await site.delete_label(other.key)

    assert label == same
    assert label.key != other.key
    assert (renamed.key, renamed.display_name) == (label.key, "Guest of honour")
    assert (await site.get_label(label.key)).display_name == "Guest of honour"
    assert [one.key for one in await all_labels(site)] == [label.key]
    after = await site.get(contact.id)
    assert (after.info.labels, after.revision) == ((label.key,), 2)
    for call in (site.get_label(other.key), site.rename_label(other.key, "x"), site.delete_label(other.key)):
        with pytest.raises(NotFound):
            await call


async def test_a_custom_field_is_found_again_by_name_renamed_and_deleted_with_its_values(site: ContactsSite) -> None:
    size = await site.find_or_create_field("Shoe size", "NUMBER")
    motto = await site.find_or_create_field("Motto")
    contact = await site.create(Info(first="Ada", extended={size.key: 38, motto.key: "Poetical science"}))

    again = await site.find_or_create_field("Shoe size", "TEXT")
    renamed = await site.rename_field(motto.key, "Saying")
    await site.delete_field(size.key)

    assert again == size
    assert (again.data_type, again.key) == ("NUMBER", "custom.shoe-size")
    assert (renamed.key, renamed.display_name) == (motto.key, "Saying")
    assert (await site.get_field(motto.key)).display_name == "Saying"
    assert [one.key for one in await all_fields(site)] == [motto.key]
    assert (await site.get(contact.id)).info.extended == {motto.key: "Poetical science"}
    for call in (site.get_field(size.key), site.rename_field(size.key, "x"), site.delete_field(size.key)):
        with pytest.raises(NotFound):
            await call
    with pytest.raises(Refused):
        await site.find_or_create_field("Colour", "RAINBOW")


async def test_labels_and_fields_are_listed_and_queried_by_page(site: ContactsSite) -> None:
    labels = [await site.find_or_create_label(name) for name in ("Cherry", "Apple", "Banana", "apricot")]
    fields = [await site.find_or_create_field(name) for name in ("Cat", "Ape")]

    assert (await site.list_labels(limit=2, offset=1)).items == tuple(labels[1:3])
    assert [one.display_name for one in (await site.list_labels(starts_with="A")).items] == ["Apple"]
    sorted_labels = await site.query_labels({"key": {"$ne": labels[3].key}}, sort=Sort("displayName", True), limit=2)
    assert [one.display_name for one in sorted_labels.items] == ["Cherry", "Banana"]
    assert sorted_labels.total == 3
    assert [one.display_name for one in (await site.query_labels({"displayName": {"$startsWith": "ap"}})).items] == [
        "Apple",
        "apricot",
    ]
    assert (await site.list_fields(starts_with="C")).items == (fields[0],)
    assert [one.display_name for one in (await site.query_fields(sort=Sort("displayName"))).items] == ["Ape", "Cat"]
    with pytest.raises(Refused) as unknown:
        await site.query_labels({"colour": "red"})
    with pytest.raises(Refused) as unsorted:
        await site.query_fields(sort=Sort("dataType"))
    assert (unknown.value.code, unsorted.value.code) == ("UNSUPPORTED_FILTER_FIELD", "INVALID_SORT")


async def test_names_stand_for_keys_where_people_look(site: ContactsSite) -> None:
    label, field = await site.find_or_create_label("Summer sale"), await site.find_or_create_field("Motto")
    await site.create(Info(first="Ada", labels=(label.key,), extended={field.key: "Poetical science"}))

    (named,) = await named_contacts(site)

    assert named.info.labels == ("Summer sale",)
    assert named.info.extended == {"Motto": "Poetical science"}


# --- lists, queries, scans ---


async def test_a_query_pages_through_all_contacts_once(site: ContactsSite) -> None:
    contacts = await made(site, *(f"Ada {number}" for number in range(7)))

    pages = [await site.query(limit=3, offset=offset) for offset in (0, 3, 6)]
    listed = await site.list_contacts(sort=Sort("info.name.first", True), limit=2, offset=1)

    assert [len(page.items) for page in pages] == [3, 3, 1]
    assert [contact.id for page in pages for contact in page.items] == [one.id for one in contacts]
    assert {page.total for page in pages} == {7}
    assert [one.info.first for one in listed.items] == ["Ada 5", "Ada 4"]
    for limit in (0, 1001):
        with pytest.raises(Refused) as refusal:
            await site.query(limit=limit)
        assert refusal.value.code == "ILLEGAL_LIMIT"


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        ({"info.name.first": "Ada"}, "A"),
        ({"info.name.first": {"$ne": "Ada"}}, "BCM"),
        ({"info.name.first": {"$in": ["Ada", "Charles"]}}, "AC"),
        ({"info.name.last": {"$startsWith": "by"}}, "AB"),
        ({"info.company": {"$exists": True}}, "C"),
        ({"info.company": {"$exists": False}}, "ABM"),
        ({"info.company": None}, "ABM"),
        ({"info.emails.email": "ADA@engines.example"}, "A"),
        ({"info.emails.email": {"$in": ["ada@home.example", "charles@engines.example"]}}, "AC"),
        ({"info.emails.email": {"$exists": False}}, "B"),
        ({"primaryInfo.email": "ada@home.example"}, ""),
        ({"info.phones.e164Phone": "+12125550123"}, "B"),
        ({"info.phones.phone": {"$startsWith": "(212)"}}, "B"),
        ({"info.addresses.city": "London"}, "C"),
        ({"info.birthdate": {"$gte": "1815-01-01", "$lt": "1816-01-01"}}, "A"),
        ({"info.labelKeys": {"$hasSome": ["custom.poet", "custom.friend"]}}, "AB"),
        ({"info.labelKeys": {"$hasAll": ["custom.poet", "custom.friend"]}}, "B"),
        ({"info.extendedFields.custom.shoe-size": {"$gt": 40}}, "C"),
        ({"info.extendedFields.custom.motto": {"$startsWith": "poet"}}, "A"),
        ({"info.extendedFields.members.membershipStatus": "APPROVED"}, "M"),
        ({"primaryEmail.subscriptionStatus": {"$nin": ["NOT_SET"]}}, "M"),
        ({"createdDate": {"$lt": "2025-01-01T00:00:00.000Z"}}, "M"),
        ({"updatedDate": {"$gte": "2025-01-01T00:00:00Z"}}, "ABC"),
        ({"$or": [{"info.name.first": "Ada"}, {"info.company": "Engines"}]}, "AC"),
        ({"$and": [{"info.name.last": "Byron"}, {"info.name.first": {"$startsWith": "A"}}]}, "A"),
        ({"$not": {"info.name.last": "Byron"}}, "CM"),
        ({"info.name.last": "Byron", "info.name.first": "Lord"}, "B"),
        ({}, "ABCM"),
    ],
)
async def test_a_filter_admits_what_it_says(
    site: ContactsSite, local: LocalSite, filter: dict[str, Any], found: str
) -> None:
    for name in ("Poet", "Friend"):
        await site.find_or_create_label(name)
    await site.find_or_create_field("Shoe size", "NUMBER")
    await site.find_or_create_field("Motto")
    people = {
        "A": Info(
            first="Ada",
            last="Byron",
            emails=(Email(email="ada@engines.example"), Email(email="ada@home.example")),
            birthdate="1815-12-10",
            labels=("custom.friend",),
            extended={"custom.motto": "Poetical science", "custom.shoe-size": 38},
        ),
        "B": Info(
            first="Lord",
            last="Byron",
            phones=(Phone(phone="(212) 555-0123", country_code="US"),),
            labels=("custom.poet", "custom.friend"),
        ),
        "C": Info(
            first="Charles",
            emails=(Email(email="charles@engines.example"),),
            company="Engines",
            addresses=(Address(city="London"),),
            extended={"custom.shoe-size": 44},
        ),
    }
    ids = {(await site.create(person)).id: letter for letter, person in people.items()}
    member = planted(local, "member", member=Member(id="m", status="ACTIVE"), subscription="SUBSCRIBED")

    page = await site.query(filter)

    assert "".join(sorted(({**ids, member.id: "M"})[one.id] for one in page.items)) == found
    assert page.total == len(found)


@pytest.mark.parametrize(
    ("filter", "code"),
    [
        ({"$and": {}}, "MALFORMED_FILTER"),
        ({"$nor": []}, "UNSUPPORTED_FILTER"),
        ({"info.shoe.size": 41}, "UNSUPPORTED_FILTER_FIELD_UNKNOWN"),
        ({"info.company": {"$gt": "A"}}, "UNSUPPORTED_FILTER_OPERATOR"),
        ({"info.company": {"$in": "Engines"}}, "UNSUPPORTED_FILTER_VALUE"),
        ({"createdDate": {"$gt": "yesterday"}}, "UNSUPPORTED_FILTER_VALUE"),
        ({"info.company": 7}, "UNSUPPORTED_FILTER_VALUE_TYPE"),
    ],
)
async def test_a_filter_that_makes_no_sense_is_refused_by_name(
    site: ContactsSite, filter: dict[str, Any], code: str
) -> None:
    with pytest.raises(Refused) as refusal:
        await site.query(filter)

    assert refusal.value.code == code


async def test_a_search_is_a_name_an_email_or_a_phone_exactly(site: ContactsSite) -> None:
    ada = await site.create(info("Ada", "Lovelace", email="ada@engines.example", phone="212-555-0123"))
    await site.create(info("Adam", "Smith"))

    for text in ("ada", "LOVELACE", "ada@engines.example", "212-555-0123", "+12125550123"):
        assert [one.id for one in (await site.query(search=text)).items] == [ada.id]
    assert (await site.query(search="Love")).total == 0


async def test_a_scan_gives_every_contact_once_and_changed_ones_by_moment(site: ContactsSite, local: LocalSite) -> None:
    moment = datetime(2024, 5, 1, 9, tzinfo=UTC)
    many = [
        Contact(id=f"c{at}", revision=1, created=moment, updated=moment, info=info(f"Ada {at}")) for at in range(2100)
    ]
    local.load(many)
    later = await site.create(info("Byron"))
    changed = await site.update("c7", 1, Info(company="Engines"))

    assert [one.id async for one in site.scan()] == [*(one.id for one in many), later.id]
    assert [one.id async for one in site.scan(created_since=later.created)] == [later.id]
    assert [one.id async for one in site.scan(changed_since=later.updated)] == [changed.id, later.id]


# --- bulk ---


async def test_a_bulk_job_labels_and_unlabels_what_a_filter_admits(site: ContactsSite) -> None:
    poet, friend = [await site.find_or_create_label(name) for name in ("Poet", "Friend")]
    one, two, three = await made(site, "Ada", "Augusta", "Byron")
    await site.label(two.id, [friend.key])

    job = await finished(
        site, await site.bulk_label({"id": {"$in": [one.id, two.id]}}, add=[poet.key], remove=[friend.key]), pause=0.01
    )

    assert (job.type, job.total, job.succeeded, job.failed) == ("ADD_REMOVE_LABELS", 2, 2, 0)
    assert [(await site.get(who.id)).info.labels for who in (one, two, three)] == [(poet.key,), (poet.key,), ()]
    assert [known.id for known in await site.jobs()] == [job.id]


async def test_a_bulk_update_and_delete_leave_what_is_protected(site: ContactsSite, local: LocalSite) -> None:
    await made(site, "Ada", "Byron")
    planted(local, "member", member=Member(id="m", status="ACTIVE"))

    updated = await finished(site, await site.bulk_update(Info(company="Engines"), {}), pause=0.01)
    assert (updated.type, updated.succeeded) == ("UPDATE", 3)
    deleted = await finished(site, await site.bulk_delete({"info.company": "Engines"}), pause=0.01)

    assert (deleted.total, deleted.succeeded, deleted.failed) == (3, 2, 1)
    assert [(one.count, one.code) for one in deleted.problems] == [(1, "CANNOT_DELETE_SITE_MEMBERS")]
    assert [one.id for one in (await site.query()).items] == ["member"]


async def test_a_bulk_call_needs_a_filter_or_a_search_and_a_known_job(site: ContactsSite) -> None:
    for call in (site.bulk_delete(), site.bulk_label(add=[]), site.bulk_update(Info(company="Engines"))):
        with pytest.raises(Refused) as refusal:
            await call
        assert refusal.value.code == "NEITHER_FILTER_NOR_SEARCH"
    with pytest.raises(NotFound):
        await site.job("00000000-0000-0000-0000-000000000000")


# --- the embedded site alone ---


def test_a_file_that_is_no_site_and_a_missing_one_are_one_sentence(tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("just some notes, long enough not to be taken for an empty database " * 20)

    with pytest.raises(UsageError, match="is not an embedded site"):
        LocalSite(other)
    with pytest.raises(UsageError, match="There is no embedded site"):
        LocalSite(tmp_path / "missing.db")


async def test_a_contact_planted_twice_is_reached_only_by_what_it_holds_now() -> None:
    with LocalSite(":memory:", create=True) as site:
        first = await site.create(Info(first="Ada", emails=(Email(email="old@x.example"),)))
    newer = first.model_copy(update={"info": Info(first="Ada", emails=(Email(email="new@x.example"),))})
    with LocalSite(":memory:", create=True) as site:
        assert site.load([first, newer]) == 2

        assert (await site.query()).total == 1
        await site.create(Info(emails=(Email(email="old@x.example"),)))
        with pytest.raises(Duplicate):
            await site.create(Info(emails=(Email(email="new@x.example"),)))

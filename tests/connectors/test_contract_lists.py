"""Every site keeps the rules of the Contacts API for labels, custom fields, lists, queries and bulk jobs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from conftest import info, made, planted

from connectors.contacts import Contact, ContactsSite, Member, Sort, finished
from connectors.local import LocalSite
from connectors.site_reading import all_fields, all_labels, named_contacts
from transforms.schema.contact import Address, Email, Info, Phone
from transforms.schema.errors import NotFound, Refused


@pytest.fixture
def site(any_site: ContactsSite) -> ContactsSite:
    return any_site


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

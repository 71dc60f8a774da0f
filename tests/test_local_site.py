"""The embedded site keeps the rules of the Contacts API."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import info

from connectors.contacts import Member
from connectors.local import LocalSite
from transforms.errors import AlreadyChanged, Duplicate, NotFound, PreconditionFailed, Refused, UsageError
from transforms.schema import Email, Info, Phone


async def test_a_contact_needs_a_name_an_email_or_a_phone(site: LocalSite) -> None:
    with pytest.raises(Refused) as refusal:
        await site.create(Info(company="Analytical Engines"))

    assert refusal.value.code == "INSUFFICIENT_CONTACT_DATA"


async def test_a_new_contact_has_revision_one_a_primary_email_and_e164(site: LocalSite) -> None:
    contact = await site.create(info("Ada", email="ada@engines.example", phone="(212) 555-0123"))

    assert contact.revision == 1
    assert contact.info.emails[0].primary
    assert contact.info.phones[0].e164 == "+12125550123"


async def test_a_second_contact_with_the_same_email_is_refused_unless_allowed(site: LocalSite) -> None:
    first = await site.create(info("Ada", email="ada@engines.example"))

    with pytest.raises(Duplicate) as refusal:
        await site.create(info("Augusta", email="ADA@engines.example"))
    second = await site.create(info("Augusta", email="ada@engines.example"), allow_duplicates=True)

    assert refusal.value.data == {"duplicateContactId": first.id, "duplicateEmail": "ADA@engines.example"}
    assert second.id != first.id


async def test_the_phone_is_looked_at_only_where_there_is_no_email(site: LocalSite) -> None:
    await site.create(info("Ada", phone="212-555-0123"))

    await site.create(info("Byron", email="byron@engines.example", phone="212-555-0123"))
    with pytest.raises(Duplicate):
        await site.create(info("Charles", phone="+1 212 555 0123"))


async def test_an_update_needs_the_newest_revision_and_changes_only_what_it_names(site: LocalSite) -> None:
    contact = await site.create(info("Ada", "Lovelace", email="ada@engines.example"))

    changed = await site.update(contact.id, 1, Info(company="Analytical Engines"))

    assert (changed.revision, changed.info.first, changed.info.company) == (2, "Ada", "Analytical Engines")
    with pytest.raises(AlreadyChanged):
        await site.update(contact.id, 1, Info(company="Difference Engines"))


async def test_an_update_replaces_a_list_whole(site: LocalSite) -> None:
    contact = await site.create(info("Ada", email="ada@engines.example"))

    changed = await site.update(contact.id, 1, Info(emails=(Email(email="ada@home.example"),)))

    assert [one.email for one in changed.info.emails] == ["ada@home.example"]


async def test_first_source_wins_single_fields_and_lists_keep_order(site: LocalSite) -> None:
    target = await site.create(info("Ada"))
    crm = await site.create(info(company="Analytical Engines", email="ada@engines.example"))
    shop = await site.create(info(company="A. E. Ltd", email="ada@home.example"))

    merged = await site.merge(target.id, target.revision, [crm.id, shop.id])

    assert merged.info.company == "Analytical Engines"
    assert [one.email for one in merged.info.emails] == ["ada@engines.example", "ada@home.example"]
    assert [one.primary for one in merged.info.emails] == [True, False]
    assert (await site.get(shop.id)).id == target.id


async def test_a_merged_id_is_followed_by_get_to_the_end_and_by_nothing_else(site: LocalSite) -> None:
    one, two, three = [await site.create(info(name)) for name in ("Ada", "Augusta", "Byron")]

    await site.merge(two.id, 1, [one.id])
    await site.merge(three.id, 1, [two.id])

    assert (await site.get(one.id)).id == three.id
    with pytest.raises(NotFound):
        await site.update(one.id, 1, Info(first="Ada"))
    assert (await site.query({"id": one.id})).total == 0


async def test_a_merge_takes_five_sources_no_member_and_not_itself(site: LocalSite) -> None:
    contacts = [await site.create(info(f"Ada {number}")) for number in range(7)]
    ids = [one.id for one in contacts]
    member = contacts[6].model_copy(update={"member": Member(id="m", status="ACTIVE"), "id": "member"})
    site.load([member])

    with pytest.raises(Refused):
        await site.merge(ids[0], 1, ids[1:])
    with pytest.raises(Refused) as itself:
        await site.merge(ids[0], 1, [ids[0]])
    with pytest.raises(PreconditionFailed):
        await site.merge(ids[0], 1, ["member"])

    assert itself.value.code == "ILLEGAL_MERGE"
    assert (await site.query()).total == 8


async def test_a_refused_merge_changes_nothing(site: LocalSite) -> None:
    one, two = [await site.create(info(name)) for name in ("Ada", "Augusta")]

    with pytest.raises(PreconditionFailed):
        await site.merge(one.id, 99, [two.id])

    assert (await site.get(one.id)).revision == 1
    assert (await site.get(two.id)).id == two.id


async def test_a_preview_shows_the_merge_and_does_nothing(site: LocalSite) -> None:
    one = await site.create(info("Ada"))
    two = await site.create(info("Augusta", email="ada@engines.example"))

    preview = await site.preview_merge(one.id, [two.id])

    assert preview.info.emails[0].email == "ada@engines.example"
    assert (await site.query()).total == 2


async def test_labels_must_exist_and_are_not_added_twice(site: LocalSite) -> None:
    contact = await site.create(info("Ada"))
    label = await site.find_or_create_label("Summer sale")

    with pytest.raises(NotFound):
        await site.label(contact.id, ["custom.unknown"])
    labelled = await site.label(contact.id, [label.key])
    again = await site.label(contact.id, [label.key])

    assert labelled.info.labels == again.info.labels == ("custom.summer-sale",)
    assert again.revision == labelled.revision == 2
    assert (await site.unlabel(contact.id, [label.key])).info.labels == ()


async def test_members_and_unknown_contacts_cannot_be_deleted(site: LocalSite) -> None:
    contact = await site.create(info("Ada"))
    site.load([contact.model_copy(update={"id": "member", "member": Member(id="m", status="ACTIVE")})])

    await site.delete(contact.id)

    with pytest.raises(NotFound):
        await site.delete(contact.id)
    with pytest.raises(PreconditionFailed):
        await site.delete("member")


async def test_a_query_pages_through_all_contacts_once(site: LocalSite) -> None:
    made = {(await site.create(info(f"Ada {number}"))).id for number in range(7)}

    pages = [await site.query(limit=3, offset=offset) for offset in (0, 3, 6)]

    assert [len(page.items) for page in pages] == [3, 3, 1]
    assert {contact.id for page in pages for contact in page.items} == made
    with pytest.raises(Refused):
        await site.query({"info.shoe.size": 41})


async def test_two_primary_phones_are_refused(site: LocalSite) -> None:
    phones = tuple(Phone(phone=f"212-555-012{number}", country_code="US", primary=True) for number in range(2))

    with pytest.raises(Refused) as refusal:
        await site.create(Info(first="Ada", phones=phones))

    assert refusal.value.code == "CANNOT_HAVE_MULTIPLE_PRIMARY_INFO"


def test_a_file_that_is_no_site_and_a_missing_one_are_one_sentence(tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("just some notes, long enough not to be taken for an empty database " * 20)

    with pytest.raises(UsageError, match="is not an embedded site"):
        LocalSite(other)
    with pytest.raises(UsageError, match="There is no embedded site"):
        LocalSite(tmp_path / "missing.db")

"""Every site keeps the rules of the Contacts API: the embedded one, and the same one behind HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import info, made, planted

from connectors.contacts import ContactsSite, Member
from connectors.local import LocalSite
from transforms.schema.contact import Address, Email, Info, Phone
from transforms.schema.errors import AlreadyChanged, Duplicate, NotFound, PreconditionFailed, Refused, UsageError


@pytest.fixture
def site(any_site: ContactsSite) -> ContactsSite:
    return any_site


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

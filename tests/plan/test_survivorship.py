"""Which value survives. Our own fold equals what the site's merge leaves, whatever the contacts hold."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from connectors.local import LocalSite
from transforms.plan.survivorship import Contribution, fingerprint, fold, merge_losses, merged
from transforms.schema.contact import Address, Email, Info, Phone

NAMES = st.one_of(st.none(), st.sampled_from(["Ada", "Byron", "Clara"]))
CONTENT = st.builds(
    Info,
    first=st.sampled_from(["Ada", "Augusta"]),
    last=NAMES,
    company=NAMES,
    job_title=NAMES,
    birthdate=st.one_of(st.none(), st.sampled_from(["1815-12-10", "1816-01-01"])),
    emails=st.lists(
        st.builds(Email, email=st.sampled_from(["a@x.example", "A@X.example", "b@x.example", "c@x.example"])),
        max_size=3,
    ).map(tuple),
    phones=st.lists(
        st.builds(
            Phone,
            phone=st.sampled_from(["212-555-0123", "(212) 555 0123", "+1 617 555 0111", "12 34", "1234"]),
            country_code=st.sampled_from(["US", None]),
        ),
        max_size=3,
    ).map(tuple),
    addresses=st.lists(
        st.builds(Address, city=st.sampled_from(["Boston", "boston", "York"]), line=NAMES), max_size=2
    ).map(tuple),
)


KEYED = st.fixed_dictionaries(
    {
        "labels": st.lists(st.sampled_from(["custom.poet", "custom.friend"]), max_size=2).map(tuple),
        "extended": st.dictionaries(st.sampled_from(["custom.motto", "custom.saying"]), NAMES.filter(bool)),
        "picture": st.sampled_from([None, {"url": "https://x.example/a.png"}, {"url": "https://x.example/b.png"}]),
        "locations": st.lists(st.sampled_from(["l1", "l2"]), max_size=2, unique=True).map(tuple),
        "locale": st.sampled_from([None, "en-US", "de-DE"]),
    }
)


@given(st.lists(st.builds(lambda info, more: info.model_copy(update=more), CONTENT, KEYED), min_size=2, max_size=6))
def test_our_fold_equals_the_sites_merge(contents: list[Info]) -> None:
    async def both() -> tuple[Info, Info]:
        with LocalSite(":memory:", create=True) as site:
            for name in ("Poet", "Friend"):
                await site.find_or_create_label(name)
            for name in ("Motto", "Saying"):
                await site.find_or_create_field(name)
            target, *sources = [await site.create(one, allow_duplicates=True) for one in contents]
            expected = merged(target.info, [one.info for one in sources])
            done = await site.merge(target.id, target.revision, [one.id for one in sources])
            return expected, done.info

    expected, done = asyncio.run(both())

    assert expected == done
    assert fingerprint(expected) == fingerprint(done)


@given(CONTENT, CONTENT)
def test_a_fold_overwrites_nothing_and_loses_nothing_silently(info: Info, more: Info) -> None:
    folded, _, losses = fold(info, Contribution("crm:1", "crm", more))

    lost = {(loss.field, loss.value) for loss in losses}
    for name in ("first", "last", "company", "job_title", "birthdate"):
        present, value = getattr(info, name), getattr(more, name)
        assert getattr(folded, name) == present or present is None
        assert value in (None, getattr(folded, name)) or (name, value) in lost
    assert folded.emails[: len(info.emails)] == info.emails or info.emails[0].primary is False
    assert {one.email.casefold() for one in (*info.emails, *more.emails)} == {
        one.email.casefold() for one in folded.emails
    }


@given(CONTENT, CONTENT)
def test_folding_again_changes_nothing(info: Info, more: Info) -> None:
    given_record = Contribution("crm:1", "crm", more)
    once, _, _ = fold(info, given_record)

    twice, changes, _ = fold(once, given_record)

    assert twice == once
    assert changes == []


def test_a_job_title_stays_with_its_company() -> None:
    info = Info(first="Ada", company="Kestrel Aviation")
    other = Contribution(
        "crm:1", "crm", Info(company="Umbra Lighting", job_title="Director"), company_key="umbra lighting"
    )

    folded, _, losses = fold(info, other, company_key="kestrel aviation")

    assert folded.job_title is None
    assert ("job_title", "belongs to another company") in {(loss.field, loss.reason) for loss in losses}


def test_the_policy_can_let_a_field_be_overwritten_and_the_loss_is_on_record() -> None:
    folded, changes, losses = fold(
        Info(first="Ada", company="Old"), Contribution("crm:1", "crm", Info(company="New")), overwrite={"company"}
    )

    assert folded.company == "New"
    assert changes[0].before == "Old"
    assert [(loss.value, loss.kept) for loss in losses] == [("Old", "New")]


def test_more_than_fifty_emails_are_in_the_ledger() -> None:
    many = tuple(Email(email=f"a{number}@x.example") for number in range(53))

    folded, _, losses = fold(Info(first="Ada"), Contribution("crm:1", "crm", Info(emails=many)))

    assert len(folded.emails) == 50
    assert [loss.value for loss in losses] == ["a50@x.example", "a51@x.example", "a52@x.example"]


def test_what_a_merge_hides_is_in_the_ledger() -> None:
    source = Info(first="Augusta", company="Old", job_title="Countess")
    result = merged(Info(first="Ada", company="New"), [source])

    lost = {(loss.field, loss.value, loss.kept) for loss in merge_losses("site:1", source, result)}

    assert lost == {("first", "Augusta", "Ada"), ("company", "Old", "New")}

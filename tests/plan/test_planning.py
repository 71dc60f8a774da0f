"""What is planned for each person, and what is left to people."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from conftest import info
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from connectors.contacts import Contact, Member
from connectors.exports.reading import read_export
from connectors.site_reading import contact_rows
from transforms.match.matching import match
from transforms.match.verdicts import Verdicts
from transforms.normalise.records import to_records
from transforms.plan.contents import content_rows, contents, unplaced
from transforms.plan.people import FoldedPeople
from transforms.plan.planning import Plan, plan
from transforms.plan.policy import Policy
from transforms.schema.contact import Address, Email, Info, Phone
from transforms.schema.tables import CONTACTS

Planned = Callable[..., Plan]
HEADER = "First Name,Last Name,Email,Phone,Company,Job title,Birthday,Tags,Shoe size\n"


def contact(name: str, content: Info, *, member: bool = False, updated: int = 1) -> Contact:
    moment = datetime(2026, 1, updated, tzinfo=UTC)
    return Contact(
        id=name,
        revision=1,
        created=moment,
        updated=moment,
        member=Member(status="ACTIVE") if member else None,
        info=content,
    )


@pytest.fixture
def planned(tmp_path: Path) -> Planned:
    """The plan for some contacts and some exports, each `(source, rows)`, the most trusted first."""

    def make(contacts: Sequence[Contact] = (), *exports: tuple[str, str], policy: Policy | None = None) -> Plan:
        frames = [contact_rows(contacts, rank=0, region="US")]
        for rank, (source, rows) in enumerate(exports, start=1):
            path = tmp_path / f"{source}.csv"
            path.write_text(HEADER + rows, "utf-8")
            frames.append(read_export(path, source=source, rank=rank, region="US").rows)
        tables = to_records(pl.concat(frames))
        infos = pl.DataFrame(
            {"contact_id": [one.id for one in contacts], "info": [one.info.to_json() for one in contacts]},
            schema=dict(CONTACTS),
        )
        return plan(tables, match(tables), infos, policy or Policy())

    return make


def after(made: Plan, kind: str) -> Info:
    return Info.model_validate_json(made.operations.filter(pl.col("kind") == kind)["after"].item())


CRM = ("crm", "Ada,Novak,ada@postbox.example,212-555-0101,Bluefin Analytics,,,,\n")
SHOP = ("shop", "Ada,Novak,ada@postbox.example,617-555-0102,Umbra Lighting,,,,\n")


@pytest.mark.parametrize(
    ("order", "company", "phones"),
    [
        ((CRM, SHOP), "Bluefin Analytics", ["212-555-0101", "617-555-0102"]),
        ((SHOP, CRM), "Umbra Lighting", ["617-555-0102", "212-555-0101"]),
    ],
)
def test_the_first_source_decides_company_and_primary_phone(
    planned: Planned, order: tuple[tuple[str, str], ...], company: str, phones: list[str]
) -> None:
    made = planned([], *order)

    created = after(made, "create")

    assert created.company == company
    assert [one.phone for one in created.phones] == phones
    assert [one.primary for one in created.phones] == [True, False]
    assert [(loss.field, loss.kept) for loss in map(_Loss, made.losses.rows(named=True))] == [("company", company)]


class _Loss:
    def __init__(self, row: dict[str, str]) -> None:
        self.field, self.kept = row["field"], row["kept"]


@pytest.mark.parametrize(("order", "company"), [((CRM, SHOP), "Bluefin Analytics"), ((SHOP, CRM), "Umbra Lighting")])
def test_an_existing_contact_is_filled_by_the_first_source_and_never_overwritten(
    planned: Planned, order: tuple[tuple[str, str], ...], company: str
) -> None:
    bare = contact("c1", info("Ada", "Novak", email="ada@postbox.example"))
    filled = contact("c1", info("Ada", "Novak", email="ada@postbox.example", company="Kestrel Aviation"))

    assert after(planned([bare], *order), "update").company == company
    assert after(planned([filled], *order), "update").company == "Kestrel Aviation"
    assert (
        after(planned([filled], *order, policy=Policy(overwrite=frozenset({"company"}))), "update").company == company
    )


def test_a_row_that_adds_nothing_plans_nothing(planned: Planned) -> None:
    full = contact(
        "c1", info("Ada", "Novak", email="ada@postbox.example", phone="212-555-0101", company="Bluefin Analytics")
    )

    assert planned([full], CRM).operations.is_empty()


def test_a_member_is_the_target_and_two_members_are_never_merged(planned: Planned) -> None:
    plain = contact("a", info("Ada", "Novak", email="ada@postbox.example", company="Bluefin Analytics"))
    member = contact("b", info("Ada", "Novak", email="ada@postbox.example"), member=True)
    other = contact("c", info("Ada", "Novak", email="ada@postbox.example"), member=True)

    one = planned([plain, member]).operations
    two = planned([member, other]).operations

    assert one.select("kind", "target", "sources").rows() == [("merge", "b", ["a"])]
    assert two.select("kind", "state").rows() == [("merge", "blocked")]


def test_a_chain_takes_five_at_a_time_in_the_order_of_the_tie_breaks(planned: Planned) -> None:
    contacts = [contact(f"c{n}", info("Ada", "Novak", email="ada@postbox.example"), updated=n) for n in range(1, 10)]

    merges = planned(contacts).operations

    assert merges["target"].unique().to_list() == ["c9"]
    assert merges["sources"].to_list() == [["c8", "c7", "c6", "c5", "c4"], ["c3", "c2", "c1"]]


def test_tie_breaks_follow_the_policy(planned: Planned) -> None:
    old = contact("old", info("Ada", "Novak", email="ada@postbox.example"), updated=1)
    new = contact("new", info("Ada", "Novak", email="ada@postbox.example"), updated=9)

    assert planned([old, new]).operations["target"].item() == "new"
    assert planned([old, new], policy=Policy(target=("oldest",))).operations["target"].item() == "old"


def test_a_doubtful_newcomer_waits_and_says_for_whom(planned: Planned) -> None:
    many = [contact(f"x{n}", info(f"Person{n}", f"Surname{n}", email=f"p{n}@postbox.example")) for n in range(40)]
    ada = contact("ada", info("Ada", "Novak", email="ada@postbox.example"))

    made = planned([ada, *many], ("crm", "Ada,Novak,ada.novak@letterbox.example,,,,,,\n"))

    assert made.operations.select("kind", "state").rows() == [("create", "review")]
    assert "site:ada" in made.operations["reason"].item()
    assert made.losses.is_empty()


def test_differing_birth_dates_are_for_a_person_to_decide(planned: Planned) -> None:
    ada = contact(
        "ada", info("Ada", "Novak", email="ada@postbox.example", phone="212-555-0101", birthdate="1970-01-02")
    )

    made = planned([ada], ("crm", "Ada,Novak,ada@postbox.example,212-555-0101,,,1984-11-30,,\n"))

    assert made.operations.filter(pl.col("state") == "auto").is_empty()


def test_labels_are_joined_and_the_runs_label_marks_only_what_was_touched(planned: Planned) -> None:
    policy = Policy(label="Onefold test")
    ada = contact("ada", info("Ada", "Novak", email="ada@postbox.example", labels=("VIP",)))

    tagged = planned([ada], ("crm", 'Ada,Novak,ada@postbox.example,,,,,"VIP, Rotary",\n'), policy=policy)
    filled = planned([ada], CRM, policy=policy)

    assert tagged.operations.select("kind", "labels").rows() == [("label", ["Rotary"])]
    assert filled.operations.filter(pl.col("kind") == "label")["labels"].to_list() == [["Onefold test"]]


def test_an_opt_out_becomes_a_label(tmp_path: Path) -> None:
    path = tmp_path / "news.csv"
    path.write_text("First Name,Email,Unsubscribed\nAda,ada@postbox.example,true\n", "utf-8")
    tables = to_records(read_export(path, source="news", rank=1).rows)

    made = plan(tables, match(tables), pl.DataFrame(schema=dict(CONTACTS)), Policy(opt_out_label="Opted out"))

    assert after(made, "create").labels == ("Opted out",)


def test_every_value_that_is_not_imported_is_in_the_ledger(planned: Planned) -> None:
    made = planned([], ("crm", "Ada,Novak,ada@postbox.example; broken@,4.4E+11,,,--04-15,,41\n"))

    lost = set(made.losses.select("field", "value", "line").rows())

    assert lost == {
        ("e-mail", "broken@", 2),
        ("phone", "4.4E+11", 2),
        ("birth date", "04-15", 2),
        ("Shoe size", "41", 2),
    }


def test_a_shared_mailbox_is_created_for_both_on_purpose(planned: Planned) -> None:
    rows = (
        "Walter,Hargrove,the.hargroves@postbox.example,,,,1951-03-02,,\n"
        "Timothy,Hargrove,the.hargroves@postbox.example,,,,1985-07-09,,\n"
        "Clara,Finch,clara@postbox.example,,,,,,\n"
    )

    creates = planned([], ("crm", rows)).operations

    assert creates.select("kind", "allow_duplicates").rows() == [("create", True), ("create", True), ("create", False)]


def twins(**first: str) -> list[Contact]:
    """Two contacts of one person, the first of which is the target."""
    one = contact("a", info("Ada", "Novak", email="ada@postbox.example", phone="212-555-0101", company="Bluefin"))
    two = contact("b", info("Ada", "Novak", email="ada@postbox.example", phone="212-555-0101"))
    return [one.model_copy(update=first), two]


@pytest.mark.parametrize("gone", [{"subscription": "UNSUBSCRIBED"}, {"deliverability": "BOUNCED"}])
def test_a_merge_that_would_subscribe_somebody_again_is_held(planned: Planned, gone: dict[str, str]) -> None:
    subscribed, other = twins(subscription="SUBSCRIBED")
    held = planned([subscribed, other.model_copy(update=gone)]).operations
    fine = planned([subscribed.model_copy(update=gone), other.model_copy(update={"subscription": "SUBSCRIBED"})])

    assert held["state"].unique().to_list() == ["review"]
    assert "nobody is to be subscribed again by a merge" in held["reason"][0]
    assert fine.operations["state"].to_list() == ["auto"]  # the opt-out is the one that stays
    assert planned(twins(subscription="SUBSCRIBED")).operations["state"].to_list() == ["auto"]


def test_the_first_contact_with_an_email_is_the_one_that_is_written_to(planned: Planned) -> None:
    """The target has none: the e-mail of the first contact merged into it becomes the primary one."""
    mailless = contact("a", info("Ada", "Novak", phone="212-555-0101", company="Bluefin"), member=True)
    subscribed, other = (
        contact(name, info("Ada", "Novak", email="ada@postbox.example", phone="212-555-0101")) for name in "bc"
    )
    subscribed = subscribed.model_copy(update={"subscription": "SUBSCRIBED"})
    gone = other.model_copy(update={"subscription": "UNSUBSCRIBED"})

    assert planned([mailless, subscribed, gone]).operations["state"].unique().to_list() == ["review"]
    assert planned([mailless, subscribed, other]).operations["state"].unique().to_list() == ["auto"]


def test_a_merge_that_the_site_would_refuse_for_its_size_is_held(planned: Planned) -> None:
    one, two = twins()
    many = tuple(Email(email=f"ada{number}@postbox.example") for number in range(49))
    full = one.model_copy(update={"info": one.info.model_copy(update={"emails": (*one.info.emails, *many)})})
    more = (*two.info.emails, Email(email="another@postbox.example"))
    other = two.model_copy(update={"info": two.info.model_copy(update={"emails": more})})

    held = planned([full, other]).operations
    assert held["state"].unique().to_list() == ["review"]
    assert held["reason"][0] == "together they have 51 e-mails, and a contact holds 50 at most"
    assert planned([full, two]).operations["state"].to_list() == ["auto"]


def test_a_field_with_an_order_of_its_own_takes_its_company_and_title_together(planned: Planned) -> None:
    crm = ("crm", "Ada,Novak,ada@postbox.example,212-555-0101,Bluefin Analytics,Director,,,\n")
    shop = ("shop", "Ada,Novak,ada@postbox.example,212-555-0101,Umbra Lighting,,,,\n")
    made = planned([], crm, shop, policy=Policy(precedence={"company": ("shop", "crm")}))

    created = after(made, "create")
    assert (created.company, created.job_title) == ("Umbra Lighting", None)
    changes = made.operations["changes"].item().to_list()
    assert (
        "company: Umbra Lighting (was Bluefin Analytics) from shop:1, the policy takes company from shop first"
        in changes
    )
    lost = made.losses.filter(pl.col("field").is_in(["company", "job title"]))
    assert sorted(lost.select("record_id", "value").rows()) == [("crm:1", "Bluefin Analytics"), ("crm:1", "Director")]


def test_where_the_winner_is_not_on_the_target_an_update_puts_it_there(planned: Planned) -> None:
    target, other = twins()
    shop = ("shop", "Ada,Novak,ada@postbox.example,212-555-0101,Umbra Lighting,Buyer,,,\n")
    policy = Policy(precedence={"company": ("shop", "site")})

    made = planned([target, other], shop, policy=policy)

    assert made.operations["kind"].to_list() == ["merge", "update"]
    updated = after(made, "update")
    assert (updated.company, updated.job_title) == ("Umbra Lighting", "Buyer")
    assert planned([target, other], shop).operations["kind"].to_list() == ["merge"]  # else nothing is overwritten


def test_an_empty_value_and_an_unnamed_source_never_win(planned: Planned) -> None:
    crm = ("crm", "Ada,Novak,ada@postbox.example,212-555-0101,Bluefin Analytics,Director,,,\n")
    shop = ("shop", "Ada,Novak,ada@postbox.example,212-555-0101,n/a,,,,\n")

    for order in (("shop", "crm"), ("elsewhere",)):
        created = after(planned([], crm, shop, policy=Policy(precedence={"company": order})), "create")
        assert (created.company, created.job_title) == ("Bluefin Analytics", "Director")


# --- opt-outs ---


OPT_OUTS = "First Name,Last Name,Email,Phone,Unsubscribed\n"


def test_an_opt_out_is_seen_on_every_contact_with_its_address(tmp_path: Path) -> None:
    there = [
        contact("couple", info("Bea", "Kite", email="OFFICE@kite.example")),
        contact("other", info("Cy", "Rook", email="cy@rook.example")),
        contact("shown", info("Di", "Kite", email="office@kite.example", labels=("Opted out",))),
    ]
    rows = "Ann,Kite,office@kite.example,,yes\nEd,Kite,office@kite.example,,no\n,,,+1 212 555 0147,yes\n"
    path = tmp_path / "crm.csv"
    path.write_text(OPT_OUTS + rows, "utf-8")
    frames = [contact_rows(there, rank=0, region="US"), read_export(path, source="crm", rank=1, region="US").rows]
    tables = to_records(pl.concat(frames))
    infos = pl.DataFrame([(one.id, one.info.to_json()) for one in there], schema=dict(CONTACTS), orient="row")

    made = plan(tables, match(tables), infos, Policy(opt_out_label="Opted out"))

    labelled = made.operations.filter(pl.col("labels").list.contains("Opted out"), pl.col("state") == "auto")
    assert sorted(labelled["target"].drop_nulls()) == ["couple"]
    created = {Info.model_validate_json(after).first: Info.model_validate_json(after).labels for after in
               labelled.filter(pl.col("kind") == "create")["after"]}  # fmt: skip
    assert created == {"Ann": ("Opted out",), "Ed": ("Opted out",), None: ("Opted out",)}
    assert made.opt_outs == (2, 2, 0, 0)
    outcome = dict(made.outcome.iter_rows())
    assert Info.model_validate_json(outcome["couple"]).labels == ("Opted out",)
    assert Info.model_validate_json(outcome["other"]).labels == ()


def test_the_opt_out_of_a_row_that_waits_is_seen_at_once_and_counted(tmp_path: Path) -> None:
    there = [contact("bea", info("Bea", "Kite", email="office@kite.example"))]
    rows = (
        "Ann,Kite,ann@kite.example,212-555-0147,yes\nAnnie,Kite,office@kite.example,212-555-0147,yes\n"
        "Zed,Rook,zed@rook.example,,yes\n"
    )
    path = tmp_path / "crm.csv"
    path.write_text(OPT_OUTS + rows, "utf-8")
    frames = [contact_rows(there, rank=0, region="US"), read_export(path, source="crm", rank=1, region="US").rows]
    tables = to_records(pl.concat(frames))
    infos = pl.DataFrame([(one.id, one.info.to_json()) for one in there], schema=dict(CONTACTS), orient="row")
    matches = match(tables)
    torn = dict.fromkeys(
        tables.records.filter(pl.col("first").is_in(["Ann", "Annie"]))["record"], "somebody is to look"
    )
    held = replace(matches, verdicts=replace(matches.verdicts, contested=torn))

    made = plan(tables, held, infos, Policy(opt_out_label="Opted out"))

    label = made.operations.filter(pl.col("kind") == "label").row(0, named=True)
    assert (label["state"], label["target"], label["labels"]) == ("auto", "bea", ["Opted out"])
    assert (made.opt_outs.rows, made.opt_outs.shown, made.opt_outs.waiting) == (3, 2, 1)


# --- in columns as one by one ---


CELLS = st.text(alphabet=st.sampled_from("aB ü\"\\'\t,;é中"), max_size=6)
PHONES = st.sampled_from(["", "212-555-0147", "+44 20 7946 0958", "12", "call me", "212-555-0147; 212-555-0148"])
MAILS = st.sampled_from(["", "a@kite.example", "A@KITE.example", "no mail", "a@kite.example; b@rook.example"])


@given(st.lists(st.tuples(CELLS, CELLS, MAILS, PHONES, CELLS, CELLS, CELLS, CELLS), min_size=1, max_size=5))
@hypothesis_settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_row_planned_in_columns_is_what_folding_it_alone_gives(tmp_path: Path, rows: list[tuple[str, ...]]) -> None:
    path = tmp_path / "crm.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        header = ("First Name", "Last Name", "Email", "Work Phone", "Company", "Job title", "Street", "Tags")
        table.writerow((*header, "Nickname", "Shoe size", "Birthday", "Unsubscribed"))
        for number, row in enumerate(rows):
            table.writerow(
                (row[0] or f"N{number}", *row[1:], row[1], row[2], "1980-02-03", "yes" if number % 2 else "")
            )
    tables = to_records(read_export(path, source="crm", rank=0, region="US").rows, keep=["Shoe size"])
    policy = Policy(label="run", opt_out_label="Opted out")
    said, lost = contents(tables, opt_out_label=policy.opt_out_label), unplaced(tables)
    alone = replace(
        match(tables), clusters=tables.records.select("record", "record_id", cluster="record_id"), verdicts=Verdicts()
    )
    nobody = pl.DataFrame(schema=dict(CONTACTS))

    in_columns = plan(tables, alone, nobody, policy)
    folded = FoldedPeople(said=said.with_columns(is_plain=pl.lit(value=False)), lost=lost)
    one_by_one = plan(tables, alone, nobody, policy, folded=folded)

    assert in_columns.operations.equals(one_by_one.operations)
    assert in_columns.losses.sort(pl.all()).equals(one_by_one.losses.sort(pl.all()))
    assert in_columns.outcome.sort("contact_id").equals(one_by_one.outcome.sort("contact_id"))


def test_a_contact_as_planned_is_read_as_the_site_will_have_it() -> None:
    full = info(
        "Ana \"Nan\"", "Quill", email="ana@kite.example", phone="212-555-0147", company="Kite", job_title="Owner",
        birthdate="1980-02-03", locale="en-us", labels=("VIP", "Press"), extended={"Shoe size": "40", "Rank": 3.0},
        addresses=(
            Address(tag="HOME", line="1 Main St", city="York", country="US", subdivision="US-PA", postal_code="17401"),
            Address(street_name="Long Lane", street_number="7", line2="Flat 2"),
        ),
    )  # fmt: skip
    bare, e164 = Info(), Info(phones=(Phone(phone="12", e164="+12125550147"),), emails=(Email(email="x@kite.example"),))
    contacts = [contact(name, content) for name, content in (("full", full), ("bare", bare), ("e164", e164))]
    texts = pl.DataFrame([(one.id, one.info.to_json()) for one in contacts], schema=dict(CONTACTS), orient="row")

    made, wanted = content_rows(texts), contact_rows(contacts, rank=0)

    lists = pl.col("emails", "phones", "addresses", "labels").fill_null([])
    assert made.with_columns(lists).equals(wanted.select(made.columns))

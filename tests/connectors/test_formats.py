"""Each format's own header, and the records a file with it gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from conftest import ROOT, SAMPLES

from connectors.exports.formats import described, known_formats, normalised, recognise
from connectors.exports.layout import layout
from connectors.exports.reading import read_export
from transforms.match.matching import links_by_sources
from transforms.normalise.records import to_records
from transforms.schema.records import Records

FORMATS = SAMPLES / "formats"
ADA = {
    "name": "Ada Novak",
    "company": "Kestrel Aviation",
    "job": "Pilot",
    "emails": ["ada.novak@postbox.example"],
    "phones": ["+12125550147"],
    "address": ("12 Harbour Road", "Portland", "US-ME", "04101", "US"),
}
OMAR = {"name": "Omar Haddad", "emails": ["omar@haddad.example"]}
JOSE = {**OMAR, "name": "José Haddad", "phones": ["+442079460958"]}
TWO = [*ADA["emails"], "ada@home.example"]
BORN = {"born": "1987-09-07"}

EXPECTED: dict[str, list[dict[str, Any]]] = {
    "activecampaign": [
        {**ADA, "company": None, "job": None, "address": None, "labels": ["VIP", "Rotary"], "made": "2024-03-12"},
        {**OMAR, "opted_out": True},
    ],
    "brevo": [
        {**ADA, "company": None, "job": None, "address": None, "made": "2022-04-12"},
        {**OMAR, "phones": ["+442079460958"], "opted_out": True, "made": "2022-04-12"},
    ],
    "constant-contact": [
        {**ADA, "address": (None, None, None, None, "US"), "labels": ["VIP", "Rotary"], "made": "2020-09-25"},
        {**OMAR, "opted_out": True},
    ],
    "google": [
        {**ADA, "emails": TWO, "phones": ["+12125550147", "+12125550148"], "labels": ["Rotary"], **BORN},
        {**OMAR, "birthday": "12-25"},
    ],
    "google-old": [{**ADA, "labels": ["Rotary"], **BORN}, OMAR],
    "hubspot": [
        {
            **ADA,
            "emails": [*TWO, "ada2@home.example"],
            "address": (None, *ADA["address"][1:]),
            "key": "901",
            "made": "2024-03-15",
        },
        {**OMAR, "key": "902", "made": "2024-03-12"},
    ],
    "klaviyo": [{**ADA, "address": (None, "Portland", None, None, "US"), "labels": ["VIP"]}, OMAR],
    "linkedin": [{**ADA, "emails": [], "phones": [], "address": None}, OMAR],
    "mailchimp": [
        {
            **ADA,
            "company": None,
            "job": None,
            "address": ("12 Harbour Road Portland ME 04101 US", None, None, None, None),
            "labels": ["VIP", "Blog"],
            "birthday": "09-07",
            "key": "77",
        },
        {**OMAR, "name": "", "key": "78"},
    ],
    "odoo": [{**ADA, "job": None, "key": "res_partner_1"}, {**OMAR, "key": "res_partner_2"}],
    "outlook": [
        {**ADA, "emails": TWO, "labels": ["Rotary", "VIP"], **BORN},
        {**JOSE, "address": (None, "London", *[None] * 3)},
    ],
    "outlook-google": [
        {**ADA, "emails": TWO, "labels": ["Rotary", "VIP"], **BORN},
        {**JOSE, "address": (None, "London", *[None] * 3)},
    ],
    "outlook-web": [{**ADA, "emails": TWO, **BORN}, {**JOSE, "address": (None, "London", *[None] * 3)}],
    "pipedrive": [
        {**ADA, "job": None, "emails": TWO, "address": None, "labels": ["Hot lead"], "key": "11"},
        {**OMAR, "opted_out": True, "key": "12"},
    ],
    "salesforce-data": [
        {**ADA, "company": None, **BORN, "key": "003A1", "made": "2024-03-12"},
        {**OMAR, "opted_out": True, "key": "003A4"},
    ],
    "salesforce-leads": [
        {**ADA, "phones": [], "address": ("12 Harbour Road", *[None] * 4)},
        {**OMAR, "company": "Umbra Lighting"},
    ],
    "salesforce-report": [ADA, {**OMAR, "name": "José Haddad", "company": "Umbra Lighting"}],
    "shopify": [{**ADA, "job": None, "labels": ["VIP", "Rotary"], "key": "7001"}, {**OMAR, "key": "7002"}],
    "squarespace": [
        {
            **ADA,
            "company": None,
            "job": None,
            "labels": ["VIP"],
            "made": "2024-03-12",
            "address": (None, "Salem", None, None, None),
        },
        OMAR,
    ],
    "stripe": [
        {**ADA, "company": None, "job": None, "phones": [], "address": None, "key": "cus_A1", "made": "2025-05-05"},
        {**OMAR, "key": "cus_A2", "made": "2025-05-06"},
    ],
    "suitecrm": [
        {**ADA, "emails": [*TWO, "ada2@home.example"], **BORN, "key": "s1"},
        {**OMAR, "key": "s2"},
    ],
    "thunderbird": [{**ADA, "emails": TWO, **BORN}, {**OMAR, "birthday": "12-25"}],
    "windows-contacts": [ADA, OMAR],
    "yahoo": [{**ADA, "emails": TWO, "labels": ["Rotary"], **BORN}, OMAR],
    "wix": [
        {**ADA, "job": None, "labels": ["Rotary", "VIP"], "made": "2022-01-10"},
        {**OMAR, "name": "Haddad", "phones": ["+442079460958"], "address": (*[None] * 4, "GB"), "opted_out": True},
    ],
    "woocommerce": [
        {
            **ADA,
            "company": None,
            "job": None,
            "phones": [],
            "address": (None, *ADA["address"][1:]),
            "made": "2024-03-12",
        },
        {**OMAR, "name": "=Omar Haddad"},
    ],
    "zoho": [
        {**ADA, "emails": TWO, "labels": ["VIP"], "key": "zcrm_1", "made": "2024-03-12"},
        {**OMAR, "opted_out": True, "key": "zcrm_2"},
    ],
}
EMPTY: dict[str, Any] = {
    "company": None, "job": None, "emails": [], "phones": [], "address": None, "labels": [], "opted_out": False,
    "key": None, "made": None, "born": None, "birthday": None,
}  # fmt: skip


def people(tables: Records) -> list[dict[str, Any]]:
    """Records as the table above writes them; of several addresses the first."""

    def all_of(frame: pl.DataFrame, record: int, column: str) -> list[Any]:
        return frame.filter(pl.col("record") == record)[column].drop_nulls().to_list()

    found = []
    for row in tables.records.iter_rows(named=True):
        postal = tables.addresses.filter(pl.col("record") == row["record"])
        parts = postal.select("street", "city", "region", "postal_code", "country").rows()
        born = row["birthdate"]
        found.append(
            {
                "name": " ".join(filter(None, (row["first"], row["last"]))),
                "company": row["company"],
                "job": row["job_title"],
                "emails": all_of(tables.emails, row["record"], "email"),
                "phones": all_of(tables.phones, row["record"], "e164"),
                "address": parts[0] if parts else None,
                "labels": all_of(tables.labels, row["record"], "label"),
                "opted_out": row["opted_out"],
                "key": row["source_key"],
                "made": row["created"] and row["created"].strftime("%Y-%m-%d"),
                "born": born and born.isoformat(),
                "birthday": None if born else row["birthday"],
            }
        )
    return found


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_file_of_each_format_gives_its_records(name: str) -> None:
    reading = read_export(FORMATS / f"{name}.csv", source="x", rank=0, region="US", auto_saved=True)
    tables = to_records(reading.rows)

    assert reading.format == name
    assert people(tables) == [EMPTY | one for one in EXPECTED[name]]
    assert len(tables.records) + len(tables.rejects) + len(reading.rejects) == reading.data_rows


def test_every_format_has_a_sample_and_none_is_taken_for_another() -> None:
    samples = {path.stem for path in FORMATS.glob("*.csv")}
    headed = {form.name for form in known_formats().values() if form.signature}

    assert samples == set(EXPECTED) == headed - {"onefold"}
    for form in known_formats().values():
        if form.signature:
            assert recognise([group[0] for group in form.signature]).name == form.name


def test_what_a_source_has_merged_or_deleted_is_rejected_and_says_so() -> None:
    reading = read_export(FORMATS / "salesforce-data.csv", source="x", rank=0)

    assert to_records(reading.rows).rejects["reason"].to_list() == [
        "merged into 003A1 by its source",
        "deleted in its source",
    ]


def test_contacts_that_an_address_book_saved_on_its_own_are_taken_only_when_asked_for() -> None:
    reading = read_export(FORMATS / "google.csv", source="x", rank=0)

    assert reading.rows["first"].to_list() == ["Ada"]
    assert reading.rejects.select("line", "reason").rows() == [
        (4, "saved by the address book on its own; [[source]] auto_saved = true takes such rows")
    ]


def test_passwords_are_never_read() -> None:
    rows = read_export(FORMATS / "suitecrm.csv", source="x", rank=0).rows

    assert "hunter2" not in str(rows.drop("raw").to_dicts())


def test_records_whose_source_merged_them_are_one_person(tmp_path: Path) -> None:
    path = tmp_path / "hubspot.csv"
    path.write_text(
        "Record ID,First Name,Email,Lead Status,Merged record IDs\n"
        "1,Ada,ada@a.example,,7;3\n2,Byron,b@b.example,,\n3,A.,other@c.example,,\n"
    )
    tables = to_records(read_export(path, source="x", rank=0).rows)

    assert links_by_sources(tables.records) == [(0, 2)]


@pytest.mark.parametrize(
    ("header", "place"),
    [
        ("Telefon geschäftlich", "phones.work"),
        ("Téléphone (domicile)", "phones.home"),
        ("Telefono di Lavoro", "phones.work"),
        ("Dirección de correo electrónico", "emails.main"),
        ("E-Mail 2: Adresse", "emails.2"),
        ("Postleitzahl geschäftlich", "addresses.work.postal_code"),
        ("Ville (bureau)", "addresses.work.city"),
        ("Nom", "last"),
        ("Nome", "first"),
        ("Förnamn", "first"),
        ("Sobrenome", "last"),
        ("Achternaam", "last"),
        ("שם פרטי", "first"),
        ("Anniversaire", "birthdate"),
        ("User_Email", "emails.main"),
        ("Mobiltelefon 2", "phones.mobile2"),
        ("Weiteres/r Bundesland/Kanton", "addresses.other.region"),
        ("Straße (geschäftlich)", "addresses.work.street"),
        ("Calle del trabajo 2", "addresses.work.street2"),
        ("Calle del trabajo 3", None),
        ("Apartado postal de la dirección del trabajo", None),
        ("Otra provincia o estado", "addresses.other.region"),
        ("CAP abitazione", "addresses.home.postal_code"),
        ("Rua do endereço comercial", "addresses.work.street"),
        ("Telefone celular", "phones.mobile"),
        ("Adres thuis 2", "addresses.home.street2"),
        ("Secundair e-mailadres", "emails.second"),
        ("Numéro de téléphone mobile", "phones.mobile"),
        ("Telefon arbete", "phones.work"),
        ("Name Assistent", None),
        ("Téléphone de l'assistant", None),
    ],
)
def test_headers_in_other_languages_are_known(header: str, place: str | None) -> None:
    generic = known_formats()["generic"]

    assert (generic.place(normalised(header)) or generic.affixed_place(normalised(header))) == place


def test_parts_of_an_address_without_a_word_for_it_go_with_the_columns_before_them() -> None:
    header = "Prénom,Adresse privée,Ville,Code postal,Adresse professionnelle,Ville,Code postal,Portable,Ville".split(
        ","
    )

    assert list(layout(header, "book.csv").places.values()) == [
        "first",
        "addresses.home.street", "addresses.home.city", "addresses.home.postal_code",
        "addresses.work.street", "addresses.work.city", "addresses.work.postal_code",
        "phones.mobile", "addresses.main.city",
    ]  # fmt: skip


def test_a_birth_date_in_three_columns_is_one_and_a_year_alone_is_kept_beside_the_row(tmp_path: Path) -> None:
    whole, year = tmp_path / "whole.csv", tmp_path / "year.csv"
    whole.write_text("Vorname,Geburtsjahr,Geburtsmonat,Birth day\nAda,1987,9,7\n")
    year.write_text("Vorname,Geburtsjahr\nAda,1987\n")

    assert read_export(whole, source="x", rank=0).rows["birthdate"].to_list() == ["1987-09-07"]
    assert read_export(year, source="x", rank=0).rows["extras"].to_list() == [
        [{"name": "Geburtsjahr", "value": "1987"}]
    ]


def test_the_page_about_formats_is_true() -> None:
    assert (ROOT / "docs" / "formats.md").read_text("utf-8") == described()


@pytest.mark.parametrize(
    ("header", "place"),
    [
        ("cust_first_name", "first"),
        ("last_name_c", "last"),
        ("Surname (CRM)", "last"),
        ("postcode_fake", "addresses.main.postal_code"),
        ("dob_export", "birthdate"),
        ("company_name_v2", "company"),
        ("contact email", "emails.main"),
        ("city_billing", "addresses.billing.city"),
        ("Delivery postal code", "addresses.shipping.postal_code"),
        ("Office e-mail address", "emails.work"),
        ("spouse_email", None),
        ("birth_place", None),
        ("first_and_surname", None),
        ("Account manager phone", None),
        ("Emergency contact name", None),
        ("event city", None),
        ("shop_id", None),
        ("lead_id", None),
        ("billing name", None),
        ("mobile phone (crm)", "phones.mobile"),
        ("state/region billing", "addresses.billing.region"),
        ("new", None),
    ],
)
def test_headers_are_known_with_affixes_that_leave_no_doubt(header: str, place: str | None) -> None:
    assert known_formats()["generic"].affixed_place(normalised(header)) == place


def test_the_parts_of_two_addresses_with_affixes_are_not_mixed(tmp_path: Path) -> None:
    file = tmp_path / "crm.csv"
    file.write_text(
        "cust_last_name,street_billing,city_billing,street_shipping,city_shipping\n"
        "Novak,1 Elm Street,,9 Oak Road,Keizer\n"
    )

    addresses = read_export(file, source="crm", rank=0, region=None).rows["addresses"][0].to_list()

    assert [(one["street"], one["city"]) for one in addresses] == [("1 Elm Street", None), ("9 Oak Road", "Keizer")]

"""`onefold check` says what an export is taken for and what is wrong with it, and changes nothing."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest
from conftest import SAMPLES, Ended

from connectors.mail_servers import NO_MAIL, without_mail
from transforms.schema.errors import Unavailable

MESSY = (
    "First Name,Last Name,E-mail,Phone,Birthday,Handle,Portal Password\n"
    "Ada,Lovelace,ada@engines.example,tel: +44 20 7946 0958,13/04/1815,ada,hunter2\n"
    "JosÃ©,Novak,<jose@x.example>,4.47E+11,02/03/1980,jo,x\n"
    "Omar,Haddad,info@x.example,(212) 555-0147 x9,someday,,\n"
    "Acme GmbH,,nobody@,+1 212 555 0148,,,\n"
    ",,,,,,\n"
    "Mia,Fox,mia@x.example,555 0100,,,,surplus\n"
)


@pytest.fixture
def messy(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text(MESSY)
    return path


def test_a_check_says_how_a_file_is_read_and_what_is_wrong_on_which_lines(
    onefold: Callable[..., Ended], messy: Path
) -> None:
    done = onefold("check", messy, "--json", "--show-values")

    (table,) = json.loads(done.out)["tables"]
    assert done.code == 0
    assert (table["format"], table["encoding"], table["delimiter"], table["header_line"]) == (
        "generic",
        "utf-8",
        ",",
        1,
    )
    assert (table["rows"], table["records"], table["rejected"]) == (6, 4, 2)
    assert {one["name"]: (one["place"], one["example"]) for one in table["columns"]} == {
        "First Name": ("first", "Ada"),
        "Last Name": ("last", "Lovelace"),
        "E-mail": ("emails.main", "ada@engines.example"),
        "Phone": ("phones.main", "tel: +44 20 7946 0958"),
        "Birthday": ("birthdate", "13/04/1815"),
    }
    assert table["unmapped"] == ["Handle"]
    assert table["ignored"] == ["Portal Password"]
    assert table["emails"] | {"valid": 3, "repaired": 1, "rejected": 1, "role": 1} == table["emails"]
    assert table["phones"] | {"valid": 2, "repaired": 1, "rejected": 1} == table["phones"]
    assert table["dates"] == ["birth dates: day first, decided by their values"]
    problems = {one["what"]: one["lines"] for one in table["problems"]}
    assert problems["row: the row is empty"] == [6]
    assert problems["row: 8 cells where the header has 7"] == [7]
    assert problems["phone: digits lost by a spreadsheet (scientific notation)"] == [3]
    assert problems["first: mended, read in a wrong encoding by its source"] == [3]
    assert problems["company: mended, a company in a person's place"] == [5]
    assert problems["birth date: not understood"] == [4]
    assert problems["e-mail: the mailbox of a task, not of a person"] == [4]


def test_examples_are_shown_by_their_shape_unless_asked_for(onefold: Callable[..., Ended], messy: Path) -> None:
    hidden, shown = onefold("check", messy), onefold("check", messy, "--show-values")

    assert "axx@exxxxxx.exxxxxx" in hidden.out
    assert "ada@engines.example" not in hidden.out
    assert "hunter2" not in shown.out
    assert "ada@engines.example" in shown.out
    assert "4 records, 2 rejected" in shown.out


def test_a_column_goes_where_a_person_says(onefold: Callable[..., Ended], messy: Path, tmp_path: Path) -> None:
    done = onefold("check", messy, "--map", "Handle=nickname", "--map", "Birthday=ignore", "--json")

    (table,) = json.loads(done.out)["tables"]
    assert ("Handle", "nickname") in {(one["name"], one["place"]) for one in table["columns"]}
    assert table["ignored"] == ["Birthday", "Portal Password"]
    settings = tmp_path / "onefold.toml"
    settings.write_text(
        '[[source]]\nname = "crm"\nfiles = "people.csv"\n'
        '[source.columns]\nHandle = "keep"\n"Last Name" = "middle name"\n'
    )
    (table,) = json.loads(onefold("check", "--config", settings, "--json").out)["tables"]
    assert ("Last Name", "middle") in {(one["name"], one["place"]) for one in table["columns"]}


def test_a_table_of_unknown_headers_is_read_when_its_columns_are_named(
    onefold: Callable[..., Ended], tmp_path: Path
) -> None:
    path = tmp_path / "odd.csv"
    path.write_text("made by hand\n\nWho;Reach\nAda Lovelace;ada@engines.example\n")

    assert onefold("check", path).code == 1
    done = onefold("check", path, "--map", "Who=name", "--map", "Reach=email", "--json")

    (table,) = json.loads(done.out)["tables"]
    assert (table["header_line"], table["rows"], table["emails"]["valid"]) == (3, 1, 1)


@pytest.mark.parametrize(
    ("mapped", "sentence"),
    [
        ("Handel=nickname", "No export has a column 'Handel'; did you mean 'Handle'?"),
        ("Handle=nickame", "there is no field 'nickame'; did you mean 'nickname'?"),
        ("Handle", "--map takes"),
    ],
)
def test_a_mapping_that_cannot_be_is_one_sentence(
    onefold: Callable[..., Ended], messy: Path, mapped: str, sentence: str
) -> None:
    done = onefold("check", messy, "--map", mapped)

    assert done.code in (1, 2)
    assert sentence in done.err
    assert "Traceback" not in done.err


def test_swapped_columns_are_suspected(onefold: Callable[..., Ended], tmp_path: Path) -> None:
    names = ["Robert", "William", "Elizabeth", "Margaret", "Katherine", "Edward"]
    rows = [f"Zbrowski{at},{name},p{at}@x.example" for at, name in enumerate(names)]
    path = tmp_path / "people.csv"
    path.write_text("\n".join(["First Name,Last Name,Email", *rows]))

    done = onefold("check", path)

    assert "name: first and last name look swapped  (line 2, 3, 4, 5, 6 …)" in done.out


def test_the_samples_are_checked_and_a_file_without_people_is_named(onefold: Callable[..., Ended]) -> None:
    done = onefold("check", *sorted(SAMPLES.glob("*.csv")), "--json")

    facts = json.loads(done.out)
    assert done.code == 3
    assert [one["format"] for one in facts["tables"]] == ["google", "hubspot", "mailchimp", "wix"]
    assert all(one["rows"] == one["records"] + one["rejected"] for one in facts["tables"])
    assert facts["unreadable"][0].startswith("truth.csv has no column that can be used")


# --- name servers ---


@pytest.fixture
def names() -> Iterator[dns.resolver.Resolver]:
    """A name server on this machine: `mail.example` takes mail, `null.example` does not, others do not exist."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                packet, client = server.recvfrom(4096)
            except OSError:
                return
            query = dns.message.from_wire(packet)
            answer = dns.message.make_response(query)
            question = query.question[0]
            host = question.name.to_text(omit_final_dot=True)
            mail = {"mail.example": "10 mx.mail.example.", "null.example": "0 ."}
            if host not in mail:
                answer.set_rcode(dns.rcode.NXDOMAIN)
            elif dns.rdatatype.to_text(question.rdtype) == "MX":
                answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", "MX", mail[host]))
            server.sendto(answer.to_wire(), client)

    threading.Thread(target=serve, daemon=True).start()
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], server.getsockname()[1]
    yield resolver
    server.close()


def test_domains_that_take_no_mail_are_told(names: dns.resolver.Resolver) -> None:
    found = without_mail(["mail.example", "null.example", "nowhere.example"], resolver=names)

    assert found == {"null.example": NO_MAIL, "nowhere.example": NO_MAIL}


def test_where_no_name_server_answers_nothing_is_said_of_domains() -> None:
    resolver = dns.resolver.Resolver(configure=False)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.1", 0))
        resolver.nameservers, resolver.port = ["127.0.0.1"], closed.getsockname()[1]

        with pytest.raises(Unavailable, match="No name server answers"):
            without_mail(["mail.example"], resolver=resolver)


def test_an_encoding_in_doubt_is_said_and_can_be_told(onefold: Callable[..., Ended], tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes("Vorname;Nachname;E-Mail\nRené;Fox;rene@x.example\n".encode("cp1252"))
    site = f"local:{tmp_path / 'site.db'}"

    checked = onefold("check", str(path), "--json")
    planned = onefold("plan", str(path), "--site", site, "--run", str(tmp_path / "one"), "--json")
    told = onefold("plan", str(path), "--encoding", "cp1252", "--site", site, "--run", str(tmp_path / "two"), "--json")
    wrong = onefold("check", str(path), "--encoding", "utf-8")
    unknown = onefold("check", str(path), "--encoding", "klingon")
    matched = onefold("match", str(path), "--out", str(tmp_path / "clusters.csv"), "--json")
    certain = onefold("match", str(path), "--encoding", "cp1252", "--out", str(tmp_path / "again.csv"), "--json")

    assert checked.json["tables"][0]["rival_encoding"] is not None
    assert [warning.partition(" was")[0] for warning in planned.json["warnings"]] == ["people.csv"]
    assert [warning.partition(" was")[0] for warning in matched.json["warnings"]] == ["people.csv"]
    assert told.json["warnings"] == certain.json["warnings"] == []
    assert "line 2 has bytes that are none" in wrong.err
    assert "There is no encoding 'klingon'" in unknown.err


def test_the_balance_of_a_file_says_where_its_cells_went(onefold: Callable[..., Ended], tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(
        "First Name,Email,Colour,Password\nAda,a@x.example,blue,s\n  ,b@x.example,,\n#,only a comment\n,,,\n"
    )

    (table,) = onefold("check", str(path), "--json").json["tables"]

    assert table["balance"] == {"cells": 7, "placed": 3, "beside": 1, "left_out": 1, "rejected": 2}


def test_the_formats_are_listed_shown_and_tried_on_a_header(onefold: Callable[..., Ended]) -> None:
    listed = onefold("formats", "--json").json
    shown = onefold("formats", "yahoo", "--json").json
    tried = onefold("formats", "--header", "Vorname;Straße (privat);Passwort;Lieblingsfarbe", "--json").json

    assert {"wix", "google", "yahoo", "generic"} <= set(listed)
    assert shown["columns"]["home"] == "phones.home"
    assert tried["columns"] == {
        "Vorname": "first",
        "Straße (privat)": "addresses.home.street",
        "Passwort": "left out on purpose",
        "Lieblingsfarbe": "beside the row",
    }
    assert "did you mean 'yahoo'" in onefold("formats", "yaho").err

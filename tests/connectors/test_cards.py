"""vCards, property by property: what is odd costs itself, and what has no place stands beside the contact."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connectors.exports.cards import cards
from connectors.exports.limits import Limits

Card = dict[str, Any]


def card(*lines: str) -> Card:
    """The row of one card with these lines."""
    text = ["BEGIN:VCARD", "VERSION:3.0", *lines, "END:VCARD"]
    (read,) = cards(iter(f"{line}\r\n" for line in text), Limits())
    assert read.reason is None
    return read.places


def beside(row: Card) -> Iterator[tuple[str, str]]:
    return ((extra["name"], extra["value"]) for extra in row["extras"])


def test_every_property_lands_somewhere() -> None:
    row = card(
        "N:Lee;Ann;Mary;Dr.;Jr", "FN:Ann Lee", "NICKNAME:Annie,Nan", "ORG:Bakery;Bread team", "TITLE:Baker",
        "NOTE:likes tea\\, and cake", "URL:https://bakery.example", "ROLE:Night shift lead", "ANNIVERSARY:20100612",
        "IMPP:xmpp:ann@chat.example", "item1.X-ABLabel:School", "UID:1", "REV:20240102T030405Z",
        "ADR;TYPE=work:PO Box 9;;;Leeds;;LS1;UK", "CATEGORIES:VIP,Friends",
    )  # fmt: skip

    assert (row["first"], row["middle"], row["last"], row["suffix"]) == ("Ann", "Mary", "Lee", "Jr")
    assert (row["nickname"], row["company"], row["job_title"], row["full_name"]) == (
        "Annie",
        "Bakery",
        "Baker",
        "Ann Lee",
    )
    assert (row["source_key"], row["updated"], row["labels"]) == ("1", "2024-01-02 03:04:05", ["VIP", "Friends"])
    assert (row["addresses"][0]["street"], row["addresses"][0]["city"]) == ("PO Box 9", "Leeds")
    assert sorted(beside(row)) == [
        ("ANNIVERSARY", "20100612"), ("IMPP", "xmpp:ann@chat.example"), ("N", "Dr."), ("NICKNAME", "Nan"),
        ("NOTE", "likes tea, and cake"), ("ORG", "Bread team"), ("ROLE", "Night shift lead"),
        ("URL", "https://bakery.example"), ("X-ABLABEL", "School"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("N;ENCODING=QUOTED-PRINTABLE:M=FCller;J=FCrgen", ("Jürgen", "Müller")),
        ("N;charset=utf-8;encoding=quoted-printable:M=C3=BCller;J=C3=BCrgen;;;", ("Jürgen", "Müller")),
        ("N;CHARSET=X-UNKNOWN;ENCODING=QUOTED-PRINTABLE:Reid;Ren=E9", ("René", "Reid")),
        ("N;QUOTED-PRINTABLE;CHARSET=UTF-8:Noel;Zo=\r\n=C3=A9", ("Zoé", "Noel")),
        ("N:Back\\\\slash;Semi\\;colon;;;", ("Semi;colon", "Back\\slash")),
        ("n:Kern;\r\n Uta;;;", ("Uta", "Kern")),
    ],
)
def test_a_name_is_read_however_it_is_encoded(line: str, name: tuple[str, str]) -> None:
    row = card(line)

    assert (row["first"], row["last"]) == name


@pytest.mark.parametrize(
    ("lines", "kept"),
    [
        (["First name:Eddie"], ("line of the card", "First name:Eddie")),
        (["NOTE:first line", "second line without a blank"], ("NOTE", "first line\nsecond line without a blank")),
        (["NOTE;ENCODING=QUOTED-PRINTABLE:Reid=92s place"], ("NOTE", "Reid’s place")),
    ],
)
def test_an_odd_line_is_kept_and_costs_no_card(lines: list[str], kept: tuple[str, str]) -> None:
    row = card("N:Cole;Eddie;;;", *lines, "EMAIL:eddie@cole.example")

    assert (row["first"], row["emails"][0]["value"]) == ("Eddie", "eddie@cole.example")
    assert kept in beside(row)


def test_a_picture_whose_lines_are_not_indented_is_passed_over() -> None:
    row = card(
        "N:Photo;Pia", "PHOTO;ENCODING=BASE64;JPEG:/9j/4AAQSkZJRg", "N2wBDABALDA4==", "", "TEL;CELL:+491701234569"
    )

    assert (row["phones"], list(beside(row))) == ([{"value": "+491701234569", "tag": "MOBILE", "country": None}], [])


@pytest.mark.parametrize(
    ("parameters", "tag"),
    [
        (';TYPE="CELL,VOICE"', "MOBILE"), (';TYPE="work,fax"', "FAX"), (";TYPE=HOME;TYPE=VOICE", "HOME"),
        (";WORK", "WORK"), (";type=pref;type=cell", "MOBILE"), (";X-BÜRO", None),
    ],
)  # fmt: skip
def test_types_are_read_in_every_spelling(parameters: str, tag: str | None) -> None:
    assert card("N:Okta;Ivo", f"TEL{parameters}:+4930123456")["phones"][0]["tag"] == tag

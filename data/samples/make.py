"""Makes the sample world: a site as it is today, four exports of it and around it, and the truth about who is who.

Run it with `make samples`. Everything is invented; the same seed gives the same files.
"""

from __future__ import annotations

import csv
import io
import json
import uuid
from dataclasses import dataclass
from pathlib import Path

from words import GOOGLE, HUBSPOT, MAILCHIMP, NICKNAMES, TAGS, WIX
from world import RANDOM, Person, people, slug

HERE = Path(__file__).parent


@dataclass
class View:
    """A person as one source has them."""

    person: Person
    first: str
    last: str
    suffix: str
    emails: list[str]
    phones: list[str]
    company: str
    title: str
    with_address: bool
    birthdate: str


def typo(text: str) -> str:
    """The text with two neighbouring letters swapped, or one letter doubled or lost."""
    if len(text) < 5:
        return text
    at = RANDOM.randint(1, len(text) - 3)
    return RANDOM.choice(
        [
            text[:at] + text[at + 1] + text[at] + text[at + 2 :],
            text[:at] + text[at] + text[at:],
            text[:at] + text[at + 1 :],
        ]
    )


def view(person: Person, dirt: float, *, newest: bool = True) -> View:
    """What a source knows of a person, with so much dirt."""
    known = person if newest or person.old is None else person.old
    first, last = known.first, known.last
    if RANDOM.random() < dirt and first in NICKNAMES:
        first = NICKNAMES[first]
    elif RANDOM.random() < dirt / 4:
        first = typo(first)
    if RANDOM.random() < dirt / 4:
        last = typo(last)
    emails = [one for one in (known.home_email, known.work_email) if one]
    RANDOM.shuffle(emails)
    emails = emails[: RANDOM.choice([1, 1, 2])] if len(emails) > 1 and known.old is None else emails
    phones = [one for one in (known.mobile, known.home_phone, known.work_phone) if one]
    phones = [one for one in phones if RANDOM.random() > dirt / 2]
    if emails and RANDOM.random() < dirt / 8 and phones:
        emails = [typo(emails[0].split("@")[0]) + "@" + emails[0].split("@")[1]]
    if RANDOM.random() < dirt / 6:
        first, last = first.upper(), last.upper()
    return View(
        person,
        first,
        last,
        known.suffix,
        emails,
        phones,
        known.company if RANDOM.random() > dirt / 3 else "",
        known.title if RANDOM.random() > dirt / 3 else "",
        RANDOM.random() > dirt,
        known.birthdate if RANDOM.random() > 0.4 else "",
    )


def phone(number: str) -> str:
    """A US number in one of the ways people write it."""
    a, b, c = number[:3], number[3:6], number[6:]
    return RANDOM.choice(
        [f"({a}) {b}-{c}", f"{a}-{b}-{c}", f"+1 {a} {b} {c}", f"{a}.{b}.{c}", f"+1{number}", f"1-{a}-{b}-{c}"]
    )


def table(header: list[str], rows: list[list[str]]) -> str:
    """The rows as CSV."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue()


class Export:
    """The rows of one export, and whose they are."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.rows: list[list[str]] = []
        self.truth: list[tuple[str, str]] = []

    def add(self, row: list[str], person: Person | None) -> None:
        """Adds a row; one of nobody is broken on purpose."""
        self.rows.append(row)
        if person is not None:
            self.truth.append((f"{self.source}:{len(self.rows)}", person.key))


def last_name(seen: View) -> str:
    """The last name with a generation, where there is one."""
    return f"{seen.last} {seen.suffix}".strip()


def wix(everyone: list[Person]) -> Export:
    """Yesterday's export of the site and of an older one."""
    export = Export("wix")
    for person in RANDOM.sample(everyone, 120):
        seen = view(person, 0.15, newest=False)
        mails, phones = [*seen.emails, "", ""], [f"'{phone(one)}" for one in seen.phones] + ["", ""]
        where = (
            ["Home", person.street, "", person.city[0], person.city[2], person.zip, "US"]
            if seen.with_address
            else [""] * 7
        )
        status = RANDOM.choice(["Subscribed", "Never subscribed", "Never subscribed", "Unsubscribed"])
        export.add(
            [
                seen.first,
                last_name(seen),
                mails[0],
                mails[1],
                phones[0],
                phones[1],
                *where,
                seen.company,
                seen.title,
                ", ".join(person.tags),
                f"2025-{RANDOM.randint(1, 12):02d}-{RANDOM.randint(1, 28):02d} 09:{RANDOM.randint(10, 59)}",
                status if mails[0] else "",
                "",
                "",
                "",
                "Import",
                "en",
                "",
            ],
            person,
        )
    return export


def hubspot(everyone: list[Person]) -> Export:
    """The sales team's list: the most trusted of the exports."""
    export = Export("hubspot")
    for number, person in enumerate(RANDOM.sample(everyone, 210)):
        seen = view(person, 0.2)
        where = (
            [person.street, person.city[0], person.city[1], person.zip, "United States"]
            if seen.with_address
            else [""] * 5
        )
        mobile = phone(person.mobile) if person.mobile in seen.phones else ""
        other = next((phone(one) for one in seen.phones if one != person.mobile), "")
        export.add(
            [
                str(90_000 + number * 7),
                seen.first,
                last_name(seen),
                seen.emails[0] if seen.emails else "",
                other,
                mobile,
                "Robin Sample",
                RANDOM.choice(["New", "Open", "Connected"]),
                "2024-03-12 09:14",
                f"2026-{RANDOM.randint(1, 9):02d}-{RANDOM.randint(1, 28):02d} 10:00",
                RANDOM.choice(["lead", "customer"]),
                seen.title,
                seen.company,
                *where,
                ";".join(seen.emails[1:]),
                "true" if RANDOM.random() < 0.04 else "",
            ],
            person,
        )
    export.rows[40][5] = "4.41555E+11"  # what a spreadsheet made of a mobile number
    export.rows[77][4] = "#N/A"
    export.add(["95001", "", "", "none@none.example", "", "", "Robin Sample", "New", *[""] * 12], None)
    export.add(["95002", "", "", "", "", "", "", "", "", "", "", "", "Amberline Logistics", *[""] * 7], None)
    return export


def google(everyone: list[Person]) -> Export:
    """Somebody's address book."""
    export = Export("google")
    for person in RANDOM.sample(everyone, 95):
        seen = view(person, 0.45)
        mails = [*seen.emails, ""]
        phones = [phone(one) for one in seen.phones]
        first_phone = " ::: ".join(phones[:2]) if len(phones) > 1 and RANDOM.random() < 0.5 else (phones or [""])[0]
        second_phone = phones[1] if len(phones) > 1 and " ::: " not in first_phone else ""
        born = seen.birthdate if RANDOM.random() < 0.5 else (f" --{seen.birthdate[5:]}" if seen.birthdate else "")
        where = (
            [
                "* Home",
                f"{person.street}\n{person.city[0]}, {person.city[1]} {person.zip}\nUnited States",
                person.street,
                person.city[0],
                "",
                person.city[1],
                person.zip,
                "US",
                "",
            ]
            if seen.with_address
            else [""] * 9
        )
        export.add(
            [
                seen.first,
                "",
                seen.last,
                "",
                "",
                "",
                "",
                seen.suffix,
                "",
                "",
                seen.company,
                seen.title,
                "",
                born,
                RANDOM.choice(["", "", "", "met at the trade fair"]),
                "",
                " ::: ".join(["* myContacts", *person.tags[:1]]),
                "* Home" if mails[0] else "",
                mails[0],
                "Work" if mails[1] else "",
                mails[1],
                "Mobile" if first_phone else "",
                first_phone,
                "Home" if second_phone else "",
                second_phone,
                *where,
            ],
            person,
        )
    export.add(
        [
            "",
            "",
            "",
            "",
            "",
            "",
            "",
            "",
            "",
            "",
            "",
            "",
            "",
            "",
            "call the plumber about the boiler",
            *[""] * 19,
        ],
        None,
    )
    return export


def mailchimp(everyone: list[Person]) -> Export:
    """The newsletter's audience: an e-mail, sometimes a name."""
    export = Export("mailchimp")
    for number, person in enumerate(RANDOM.sample([one for one in everyone if one.home_email or one.work_email], 170)):
        seen = view(person, 0.3)
        if not seen.emails or seen.emails[0].startswith(("info@", "the.")):
            continue
        named = RANDOM.random() < 0.7
        email = seen.emails[0].upper() if RANDOM.random() < 0.05 else seen.emails[0]
        born = f"{seen.birthdate[5:7]}/{seen.birthdate[8:]}" if seen.birthdate and RANDOM.random() < 0.5 else ""
        unsubscribed = "2026-05-02 08:00:00" if RANDOM.random() < 0.08 else ""
        export.add(
            [
                email,
                seen.first if named else "",
                seen.last if named else "",
                phone(seen.phones[0]) if seen.phones and RANDOM.random() < 0.3 else "",
                born,
                str(RANDOM.randint(1, 5)),
                "2023-10-11 09:55:14",
                "",
                "2023-10-11 09:57:02",
                "",
                "",
                "",
                "",
                "",
                "",
                "US",
                "",
                "2026-01-05 07:00:00",
                str(4_000_000 + number * 13),
                f"{RANDOM.getrandbits(40):010x}",
                "",
                ",".join(f'"{one}"' for one in person.tags[:2]),
                unsubscribed,
            ],
            person,
        )
    export.add(["not an address", *[""] * 22], None)
    export.add(["", *[""] * 19, "remember to clean this list", "", ""], None)
    return export


def site(everyone: list[Person]) -> tuple[list[str], list[tuple[str, str]]]:
    """The site today: contacts as the Contacts API writes them, some members, some there twice or three times."""
    lines = [
        json.dumps({"label": {"key": f"custom.{slug(tag).replace(' ', '-')}", "displayName": tag}}) for tag in TAGS
    ]
    lines.append(json.dumps({"label": {"key": "contacts.customers", "displayName": "Customers"}}))
    truth: list[tuple[str, str]] = []
    chosen = RANDOM.sample(everyone, 160)
    copies = [*chosen, *RANDOM.sample(chosen, 34), *RANDOM.sample(chosen, 6)]
    many = next(one for one in chosen if one.home_email and one.mobile and not one.suffix)
    copies += [many] * 7  # one person eight times over: more than a merge takes at once
    members = {one.key for one in RANDOM.sample(chosen, 18)}
    for number, person in enumerate(copies):
        seen = view(person, 0.15 if person is not many else 0.0, newest=False)
        mails = seen.emails if person is not many else [person.home_email]
        phones = seen.phones if person is not many else [person.mobile]
        contact_id = str(uuid.UUID(int=RANDOM.getrandbits(128), version=4))
        info: dict[str, object] = {"name": {"first": seen.first, "last": last_name(seen)}}
        if mails:
            info["emails"] = {
                "items": [{"tag": "UNTAGGED", "email": one, "primary": at == 0} for at, one in enumerate(mails)]
            }
        if phones:
            info["phones"] = {
                "items": [
                    {
                        "tag": "MOBILE",
                        "countryCode": "US",
                        "phone": phone(one),
                        "e164Phone": f"+1{one}",
                        "primary": at == 0,
                    }
                    for at, one in enumerate(phones)
                ]
            }
        if seen.with_address and RANDOM.random() < 0.5:
            info["addresses"] = {
                "items": [
                    {
                        "tag": "HOME",
                        "address": {
                            "addressLine": person.street,
                            "city": person.city[0],
                            "subdivision": f"US-{person.city[1]}",
                            "postalCode": person.zip,
                            "country": "US",
                        },
                    }
                ]
            }
        if seen.company:
            info["company"] = seen.company
            info["jobTitle"] = seen.title or "Owner"
        if person.tags:
            info["labelKeys"] = {"items": [f"custom.{slug(tag).replace(' ', '-')}" for tag in person.tags[:1]]}
        contact: dict[str, object] = {
            "id": contact_id,
            "revision": RANDOM.randint(1, 9),
            "createdDate": f"2024-{number % 12 + 1:02d}-{number % 28 + 1:02d}T08:{number % 60:02d}:00.000Z",
            "updatedDate": f"2026-{number % 9 + 1:02d}-{number % 28 + 1:02d}T08:{number % 60:02d}:00.000Z",
            "info": info,
        }
        if person.key in members:
            members.discard(person.key)
            contact["memberInfo"] = {"memberId": contact_id, "status": "ACTIVE"}
        lines.append(json.dumps(contact, ensure_ascii=False))
        truth.append((f"site:{contact_id}", person.key))
    return lines, truth


def main() -> None:
    """Writes all files of the sample world."""
    everyone = people()
    lines, truth = site(everyone)
    (HERE / "site.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    for name, header, export in (
        ("wix-contacts.csv", WIX, wix(everyone)),
        ("hubspot-contacts.csv", HUBSPOT, hubspot(everyone)),
        ("google-contacts.csv", GOOGLE, google(everyone)),
        ("mailchimp-audience.csv", MAILCHIMP, mailchimp(everyone)),
    ):
        text = table(header, export.rows)
        if name.startswith("hubspot"):  # a line somebody edited by hand
            text += '95003,"Casey,Unfinished,casey@amberline.example\n'
        if name.startswith("wix"):  # a row with cells too many
            text += "Drew,Sample,drew@postbox.example" + "," * 24 + "what is this doing here\n"
        (HERE / name).write_text(text, "utf-8")
        truth += export.truth
    (HERE / "truth.csv").write_text(table(["record_id", "person"], [list(one) for one in truth]), "utf-8")


if __name__ == "__main__":
    main()

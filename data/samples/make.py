"""Makes the sample world: a site as it is today, four exports of it and around it, and the truth about who is who.

Run it with `make samples`. Everything is invented; the same seed gives the same files.
"""

from __future__ import annotations

import csv
import io
import json
import random
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path

HERE = Path(__file__).parent
RANDOM = random.Random(20261123)


def _listed(text: str) -> list[str]:
    """The parts of a text between semicolons."""
    return [" ".join(part.split()) for part in text.split(";")]


FIRST = """
Ada Alan Alice Amir Anna Anthony Barbara Beatrice Benjamin Bruno Carla Caroline Catherine Charles Christopher Clara
Daniel David Deborah Diego Dorothy Edward Eleanor Elizabeth Emma Eric Esther Fatima Felix Frances Frederick Gabriel
George Grace Gregory Hannah Harold Helen Henry Ingrid Irene Isaac Jacob James Janet Jasmine Jeffrey Jennifer Joanna
Jonathan Joseph Joshua Judith Julia Karen Kenneth Laura Lawrence Leonard Lillian Linda Louise Lucas Margaret Maria
Martin Matthew Michael Miriam Nadia Natalie Nathaniel Nicholas Nora Olivia Oscar Pamela Patricia Patrick Peter
Philip Rachel Raymond Rebecca Richard Robert Rosa Ruth Samuel Sandra Sarah Simon Sofia Stephen Susan Theodore
Theresa Thomas Timothy Victoria Vincent Walter William Zoe
""".split()
LAST = """
Abbott Achterberg Adeyemi Albrecht Almeida Andersen Archer Ashworth Atkinson Baptiste Barlow Beaumont Bergström
Blackwood Bloom Bonetti Bradford Brannigan Brooks Brückner Calloway Cardoso Carver Castellano Chandler Chowdhury
Conway Crawford Dahl Dalton Delacroix Delgado Devereux Donnelly Drummond Ellsworth Engel Escobar Fairchild Falk
Ferreira Finch Fitzgerald Fontaine Forsyth Gallagher Garrison Goldstein Granger Greenwood Guerrero Haddad Halloran
Hargrove Harlow Hawthorne Hendricks Holloway Hutchins Ibrahim Iverson Jankowski Jensen Kapoor Kessler Kingsley
Kowalski Lachance Langford Larsson Lindqvist Lockhart MacAllister Maddox Mancini Marlowe Mbeki McKenna Mercer
Moreau Müller Nakamura Nightingale Norwood Novak O'Brien O'Donnell Oakley Okafor Olsen Ortega Osborne Pemberton
Petrov Pickering Quintero Radcliffe Ramsey Redmond Reyes Rosenthal Rutherford Sandoval Schneider Shapiro Sinclair
Sørensen Stanhope Sutherland Takahashi Thackeray Underwood Valentine Vandermeer Vargas Villanueva Wainwright
Weatherby Whitaker Winslow Woodward Yamamoto Zielinski
""".split()
NICKNAMES = {
    "Alexander": "Alex",
    "Anthony": "Tony",
    "Benjamin": "Ben",
    "Catherine": "Cathy",
    "Charles": "Charlie",
    "Christopher": "Chris",
    "Daniel": "Dan",
    "David": "Dave",
    "Deborah": "Debbie",
    "Edward": "Ed",
    "Elizabeth": "Liz",
    "Frederick": "Fred",
    "Gregory": "Greg",
    "James": "Jim",
    "Jeffrey": "Jeff",
    "Jennifer": "Jen",
    "Jonathan": "Jon",
    "Joseph": "Joe",
    "Joshua": "Josh",
    "Kenneth": "Ken",
    "Lawrence": "Larry",
    "Leonard": "Len",
    "Margaret": "Peggy",
    "Matthew": "Matt",
    "Michael": "Mike",
    "Nathaniel": "Nate",
    "Nicholas": "Nick",
    "Pamela": "Pam",
    "Patricia": "Patty",
    "Philip": "Phil",
    "Rebecca": "Becky",
    "Richard": "Dick",
    "Robert": "Bob",
    "Samuel": "Sam",
    "Stephen": "Steve",
    "Susan": "Sue",
    "Theodore": "Ted",
    "Thomas": "Tom",
    "Timothy": "Tim",
    "Walter": "Walt",
    "William": "Bill",
}
TITLES = _listed("""
Account Manager; Architect; Bookkeeper; Buyer; Consultant; Designer; Director; Engineer; Office Manager;
Owner; Photographer; Producer; Teacher; Technician; Translator
""")
FIRMS = """Amberline Logistics;Bellwether Books;Bluefin Analytics;Brightwater Dental;Cobalt Studio;Copperfield Catering;Drift & Anchor;
Evergreen Landscaping;Fernhill Bakery;Foxglove Interiors;Granite Peak Outfitters;Harbor Light Films;Hollow Oak Furniture;Ironbridge Software;
Juniper Travel;Kestrel Aviation;Larkspur Events;Lighthouse Legal;Maple & Main;Northgate Clinic;Orchard Lane School;Paper Crane Press;
Quarry Street Gym;Redwood Realty;Saltmarsh Brewery;Silverbirch Insurance;Thistle & Thread;Tidewater Marine;Umbra Lighting;Wrenfield Farms""".replace(
    "\n", ""
).split(";")
FREE = ["postbox.example", "quickmail.example", "letterbox.example"]
CITIES = [
    ("New York", "NY", "New York", "100", "212"),
    ("Boston", "MA", "Massachusetts", "021", "617"),
    ("Portland", "OR", "Oregon", "972", "503"),
    ("Denver", "CO", "Colorado", "802", "303"),
    ("Austin", "TX", "Texas", "787", "512"),
    ("Seattle", "WA", "Washington", "981", "206"),
    ("Chicago", "IL", "Illinois", "606", "312"),
    ("Savannah", "GA", "Georgia", "314", "912"),
]
STREETS = _listed("""
Alder Street; Beacon Avenue; Cedar Road; Dogwood Lane; Elm Street; Franklin Avenue; Garden Court; Hillcrest
Drive; Juniper Road; Kensington Place; Lakeview Drive; Mulberry Street; Orchard Road; Prospect Avenue;
Sycamore Lane
""")
TAGS = ["VIP", "Newsletter", "Rotary", "Supplier", "Open house", "Summer sale"]


@dataclass(frozen=True)
class Person:
    """Someone of the sample world, as they really are."""

    key: str
    first: str
    last: str
    suffix: str = ""
    home_email: str = ""
    work_email: str = ""
    mobile: str = ""
    home_phone: str = ""
    work_phone: str = ""
    company: str = ""
    title: str = ""
    street: str = ""
    city: tuple[str, str, str, str, str] = CITIES[0]
    zip: str = ""
    birthdate: str = ""
    tags: tuple[str, ...] = ()
    old: Person | None = field(default=None, repr=False)


NUMBERS = iter(RANDOM.sample([f"{city[4]}55501{number:02d}" for city in CITIES for number in range(100)], 800))


def slug(text: str) -> str:
    """A text as it stands in an e-mail address."""
    table = str.maketrans({"ö": "o", "ü": "u", "ø": "o", "'": None, " ": None, "&": None, "é": "e"})
    return text.casefold().translate(table)


def people() -> list[Person]:
    """Everybody: single people, families, colleagues, people who moved jobs."""
    everyone: list[Person] = []
    switchboards = {firm: next(NUMBERS) for firm in FIRMS}
    taken: set[tuple[str, str]] = set()
    for number in range(330):
        first, last = RANDOM.choice(FIRST), RANDOM.choice(LAST)
        while (first, last) in taken:
            first, last = RANDOM.choice(FIRST), RANDOM.choice(LAST)
        taken.add((first, last))
        city = RANDOM.choice(CITIES)
        firm = RANDOM.choice(FIRMS) if RANDOM.random() < 0.7 else ""
        domain = f"{slug(firm).split(' ')[0]}.example"
        style = RANDOM.choice(["{f}.{l}", "{f}{l}", "{i}{l}"])
        local = style.format(f=slug(first), l=slug(last), i=slug(first)[0])
        person = Person(
            key=f"p{number:03d}",
            first=first,
            last=last,
            city=city,
            home_email=f"{local}{RANDOM.choice(['', '', str(RANDOM.randint(61, 99))])}@{RANDOM.choice(FREE)}"
            if RANDOM.random() < 0.75 or not firm
            else "",
            work_email=f"{slug(first)}.{slug(last)}@{domain}" if firm else "",
            mobile=next(NUMBERS) if RANDOM.random() < 0.7 else "",
            work_phone=switchboards[firm] if firm and RANDOM.random() < 0.5 else "",
            company=firm,
            title=RANDOM.choice(TITLES) if firm else "",
            street=f"{RANDOM.randint(3, 980)} {RANDOM.choice(STREETS)}",
            zip=f"{city[3]}{RANDOM.randint(1, 40):02d}",
            birthdate=f"{RANDOM.randint(1945, 2002)}-{RANDOM.randint(1, 12):02d}-{RANDOM.randint(1, 28):02d}"
            if RANDOM.random() < 0.5
            else "",
            tags=tuple(RANDOM.sample(TAGS, RANDOM.choice([0, 0, 1, 2]))),
        )
        if firm and number % 14 == 3:  # moved to another firm, same mobile and home mailbox
            other = RANDOM.choice([one for one in FIRMS if one != firm])
            person = replace(person, mobile=person.mobile or next(NUMBERS))
            old = replace(person)
            new_domain = f"{slug(other).split(' ')[0]}.example"
            person = replace(
                person,
                company=other,
                work_email=f"{slug(first)}.{slug(last)}@{new_domain}",
                work_phone="",
                title=RANDOM.choice(TITLES),
                old=old,
            )
        everyone.append(person)
    families = [one for one in everyone if one.home_email and not one.old][:14]
    for number, parent in enumerate(
        families
    ):  # a child of the house: same home, same phone, same mailbox; some the same name
        house = next(NUMBERS)
        mailbox = f"the.{slug(parent.last)}s@{RANDOM.choice(FREE)}"
        same_name = number % 4 == 0
        everyone[everyone.index(parent)] = replace(
            parent, home_phone=house, home_email=mailbox, suffix="Sr" if same_name else ""
        )
        first = parent.first if same_name else RANDOM.choice([one for one in FIRST if one[0] != parent.first[0]])
        everyone.append(
            replace(
                parent,
                key=f"c{number:03d}",
                first=first,
                suffix="Jr" if same_name else "",
                home_phone=house,
                home_email=mailbox,
                mobile=next(NUMBERS),
                work_email="",
                work_phone="",
                company="",
                title="",
                birthdate=f"{RANDOM.randint(2003, 2007)}-{RANDOM.randint(1, 12):02d}-{RANDOM.randint(1, 28):02d}",
            )
        )
    for firm in FIRMS[:4]:  # a firm where everybody writes from one mailbox
        for person in [one for one in everyone if one.company == firm and not one.old][:5]:
            everyone[everyone.index(person)] = replace(person, work_email=f"info@{slug(firm).split(' ')[0]}.example")
    return everyone


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


WIX = _listed("""
First Name; Last Name; Email 1; Email 2; Phone 1; Phone 2; Address 1 - Type; Address 1 - Street; Address 1 -
Street Line 2; Address 1 - City; Address 1 - State/Region; Address 1 - Zip; Address 1 - Country; Company;
Position; Labels; Created At (UTC+0); Email subscriber status; SMS subscriber status; Last Activity; Last
Activity Date (UTC+0); Source; Language; Message
""")
HUBSPOT = _listed("""
Record ID; First Name; Last Name; Email; Phone Number; Mobile Phone Number; Contact owner; Lead Status; Create
Date; Last Modified Date; Lifecycle Stage; Job Title; Company Name; Street Address; City; State/Region; Postal
Code; Country/Region; Additional email addresses; Unsubscribed from all email
""")
GOOGLE = _listed("""
First Name; Middle Name; Last Name; Phonetic First Name; Phonetic Middle Name; Phonetic Last Name; Name
Prefix; Name Suffix; Nickname; File As; Organization Name; Organization Title; Organization Department;
Birthday; Notes; Photo; Labels; E-mail 1 - Label; E-mail 1 - Value; E-mail 2 - Label; E-mail 2 - Value; Phone
1 - Label; Phone 1 - Value; Phone 2 - Label; Phone 2 - Value; Address 1 - Label; Address 1 - Formatted;
Address 1 - Street; Address 1 - City; Address 1 - PO Box; Address 1 - Region; Address 1 - Postal Code; Address
1 - Country; Address 1 - Extended Address
""")
MAILCHIMP = _listed("""
Email Address; First Name; Last Name; Phone Number; Birthday; MEMBER_RATING; OPTIN_TIME; OPTIN_IP;
CONFIRM_TIME; CONFIRM_IP; LATITUDE; LONGITUDE; GMTOFF; DSTOFF; TIMEZONE; CC; REGION; LAST_CHANGED; LEID; EUID;
NOTES; TAGS; UNSUB_TIME
""")


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

"""The people of the sample world, as they really are."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

from words import CITIES, FIRMS, FIRST, FREE, LAST, STREETS, TAGS, TITLES

RANDOM = random.Random(20261123)


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

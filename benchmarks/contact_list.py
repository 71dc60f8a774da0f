"""A seeded contact list as a site has it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from connectors.contacts import Contact
from transforms.schema.contact import Address, Email, Info, Phone

BEGAN = datetime(2024, 1, 1, tzinfo=UTC)


def people(count: int) -> Iterator[Contact]:
    """Contacts as a site has them: a name, one or two e-mails, mostly a phone, at times an address."""
    choose = random.Random(1)
    for at in range(count):
        moment = BEGAN + timedelta(milliseconds=at * 37)
        number = f"+1212{choose.randrange(2_000_000, 10_000_000)}"
        yield Contact(
            id=f"{choose.getrandbits(128):032x}",
            revision=1,
            created=moment,
            updated=moment,
            info=Info(
                first=f"First{at % 1000}",
                last=f"Last{at % 7919}",
                company=f"Firm {at % 20_000}" if at % 3 else None,
                emails=(Email(email=f"person{at}@mail{at % 50}.example", primary=True),),
                phones=(Phone(phone=number, country_code="US", e164=number, primary=True),) if at % 5 else (),
                addresses=(Address(line=f"{at} Main St", city="Portland", subdivision="US-ME", country="US"),)
                if at % 4 == 0
                else (),
            ),
        )

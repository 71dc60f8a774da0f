"""Contacts that others have created since a plan read the site: whom a create would make a second time."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connectors.contacts import ContactsSite
from flows.engine.keys import SiteKeys
from flows.engine.options import SiteAsRead
from transforms.schema.contact import Info
from transforms.schema.operations import Operation

CLOCKS_APART = timedelta(minutes=5)
"""Tolerated difference between the site's clock and ours."""

Reach = tuple[str, str, str]
"""A way to find a contact again: the kind of value, the value, and a second value that must agree."""
_EMAIL, _PHONE, _NAME = "email", "phone", "name"


def _reached(info: Info) -> list[Reach]:
    """Ways to find a contact again: its e-mails and phones, or its names where it has neither."""
    reach = [(_EMAIL, email.email.lower(), "") for email in info.emails]
    reach += [(_PHONE, re.sub(r"[^0-9+]", "", phone.phone), "") for phone in info.phones]
    return reach or [(_NAME, (info.last or "").casefold(), (info.first or "").casefold())]


@dataclass
class Newcomers:
    """The contacts that appeared on a site since a plan read it, by how they are found again.

    Attributes:
        site: the site.
        names: what tells the contacts that this run marks.
        seen: what the plan read of the site.
        own: the contacts that this run has created.
    """

    site: ContactsSite
    names: SiteKeys
    seen: SiteAsRead
    own: set[str]
    reach: set[Reach] = field(default_factory=set)
    looked_at: datetime | None = None

    async def beat(self, creates: Iterable[Operation]) -> set[str]:
        """The ids of the creates that the site would take although somebody else was faster.

        The site refuses no create that may be a duplicate, and none without an e-mail and a phone: only these are
        looked for.
        """
        wanted = {create.id: (create.allow_duplicates, set(_reached(create.content_after()))) for create in creates}
        loose = {
            name: reach
            for name, (allowed, reach) in wanted.items()
            if allowed or any(kind == _NAME for kind, *_ in reach)
        }
        if loose:
            await self._look()
        return {name for name, reach in loose.items() if reach & self.reach}

    async def _look(self) -> None:
        """Reads the contacts that were created since it was looked last, and notes how others' ones are found again."""
        since = self.looked_at or self.seen.at - CLOCKS_APART
        async for contact in self.site.scan(created_since=since - timedelta(seconds=self.site.lag)):
            self.looked_at = max(since, contact.created)
            is_own = contact.id in self.own or self.names.unmarked(contact) is not contact
            if contact.id not in self.seen.contacts and not is_own:
                self.reach |= set(_reached(contact.info))

"""Looking at a site without changing it: whether it can be used, and what it holds."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.contacts import Contact, ContactsSite
from connectors.site_reading import all_fields, all_labels, named_contacts
from flows.engine.waiting import run_blocking
from flows.settings import Settings
from flows.sites import opened, shown_site
from transforms.schema.contact import Info
from transforms.schema.errors import Denied, SiteError, TooManyCalls, Unanswered, Unavailable

MEMBERSHIP = "info.extendedFields.members.membershipStatus"


@dataclass(frozen=True)
class Checked:
    """Result of checking a site: its kind, each permission, and its size."""

    site: str
    permissions: Mapping[str, bool]
    there: Mapping[str, int | None]
    milliseconds: int

    @property
    def works(self) -> bool:
        """Whether everything that applying a plan needs is allowed."""
        return all(self.permissions.values())

    def facts(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "site": self.site,
            "works": self.works,
            "permissions": dict(self.permissions),
            "there": dict(self.there),
            "milliseconds": self.milliseconds,
        }

    def text(self) -> str:
        """As one screen."""
        lines = [f"{self.site} answers ({self.milliseconds} ms); key and site id are accepted.", ""]
        lines += [f"  may {name:<16} {'yes' if allowed else 'no'}" for name, allowed in self.permissions.items()]
        lines.append("")
        lines += [f"  {count:>9,} {name}" for name, count in self.there.items() if count is not None]
        return "\n".join(lines)


@dataclass(frozen=True)
class Counted:
    """Counts of a site's contents."""

    site: str
    counts: Mapping[str, int]
    labels: Mapping[str, int]
    fields: Mapping[str, int]

    def facts(self) -> dict[str, Any]:
        """As JSON."""
        return {"site": self.site, **self.counts, "labels": dict(self.labels), "fields": dict(self.fields)}

    def text(self) -> str:
        """As one screen: the most used labels and fields first."""
        lines = [f"{self.site}", ""]
        lines += [f"  {count:>9,} {name.replace('_', ' ')}" for name, count in self.counts.items()]
        for title, named in (("labels", self.labels), ("custom fields", self.fields)):
            if named:
                lines += ["", f"  {title}"]
                lines += [f"  {count:>9,} {name}" for name, count in list(named.items())[:15]]
                if len(named) > 15:
                    lines.append(f"            and {len(named) - 15} more")
        return "\n".join(lines)


def check_site(settings: Settings) -> Checked:
    """Whether the site of the settings can be used with its key, and what is there.

    Permissions to change something are tried on contacts, labels and fields that do not exist.

    Raises:
        Denied: the key or the site id is not accepted at all.
        SiteError: the site cannot be reached, or is none.
    """

    async def checked() -> Checked:
        async with opened(settings) as site:
            began = time.monotonic()
            contacts = (await site.query(limit=1)).total
            took = round(1000 * (time.monotonic() - began))
            nobody, nothing = str(uuid.uuid4()), f"custom.{uuid.uuid4()}"
            tries: dict[str, Callable[[], Awaitable[object]]] = {
                "read contacts": lambda: site.get(nobody),
                "change contacts": lambda: site.update(nobody, 0, Info(first="-")),
                "merge contacts": lambda: site.preview_merge(nobody, [str(uuid.uuid4())]),
                "read labels": lambda: site.list_labels(limit=1),
                "change labels": lambda: site.rename_label(nothing, "-"),
                "read fields": lambda: site.list_fields(limit=1),
                "change fields": lambda: site.rename_field(nothing, "-"),
            }
            allowed = {name: await _allowed(call) for name, call in tries.items()}
            there = {
                "contacts": contacts,
                "members": await _members(site),
                "labels": len(await all_labels(site)) if allowed["read labels"] else None,
                "custom fields": len(await all_fields(site)) if allowed["read fields"] else None,
            }
            return Checked(shown_site(settings.site.url), allowed, there, took)

    return run_blocking(checked())


def count_site(settings: Settings, progress: Callable[[int], None] = lambda _: None) -> Counted:
    """Counts what the site of the settings holds."""

    async def read() -> list[Contact]:
        async with opened(settings) as site:
            return await named_contacts(site, progress)

    contacts = run_blocking(read())
    infos = [contact.info for contact in contacts]
    mails = Counter(email for info in infos for email in {email.email.casefold() for email in info.emails})
    counts = {
        "contacts": len(contacts),
        "members": sum(contact.is_member for contact in contacts),
        "with_email": sum(bool(info.emails) for info in infos),
        "with_phone": sum(bool(info.phones) for info in infos),
        "with_neither": sum(not info.emails and not info.phones for info in infos),
        "with_address": sum(bool(info.addresses) for info in infos),
        "subscribed": sum(contact.subscription == "SUBSCRIBED" for contact in contacts),
        "unsubscribed": sum(contact.subscription == "UNSUBSCRIBED" for contact in contacts),
        "bounced": sum(contact.deliverability == "BOUNCED" for contact in contacts),
        "emails_on_several_contacts": sum(count > 1 for count in mails.values()),
    }
    labels = Counter(label for info in infos for label in info.labels)
    fields = Counter(name for info in infos for name in info.extended)
    return Counted(shown_site(settings.site.url), counts, dict(labels.most_common()), dict(fields.most_common()))


async def _allowed(call: Callable[[], Awaitable[object]]) -> bool:
    """Whether a call is let through; what it answers of something that does not exist is no matter."""
    try:
        await call()
    except Denied:
        return False
    except (TooManyCalls, Unavailable, Unanswered):
        raise
    except SiteError:
        return True
    return True


async def _members(site: ContactsSite) -> int | None:
    try:
        return (await site.query({MEMBERSHIP: {"$in": ["APPROVED", "PENDING", "DENIED", "INACTIVE"]}}, limit=1)).total
    except SiteError:
        return None

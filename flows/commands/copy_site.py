"""Copying a site to an embedded one, and writing it to a file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from connectors.contacts import Contact, ContactsSite
from connectors.exports.writing import check_suffix, write_contacts
from connectors.local import LocalSite
from connectors.private import write_whole
from connectors.site_reading import all_fields, all_labels, named_contacts
from flows.engine.waiting import run_blocking
from flows.settings import LOCAL, Settings
from flows.sites import opened
from transforms.schema.errors import UsageError

CHUNK = 1000
OVERLAP = timedelta(minutes=10)
"""By how much the clocks here and at the service may differ, and queries lag."""


def pull(settings: Settings, to: str, progress: Callable[[int], None] = lambda _: None) -> int:
    """Copies the site of the settings to a new embedded one; returns how many contacts that has.

    The copy grows in a file beside its place and takes it when it is whole: an interrupted pull goes on where it was.
    At the end what was changed meanwhile is read once more; what was deleted meanwhile may still be in the copy.

    Args:
        settings: the settings.
        to: the copy, `local:PATH`.
        progress: called with the number of contacts copied.

    Raises:
        UsageError: there is a file already, or the one begun is a copy of another site.
    """
    path = Path(to.removeprefix(LOCAL))
    if not to.startswith(LOCAL) or to == LOCAL:
        raise UsageError(f"{to!r} is not an embedded site. That is local:PATH, a site in a file.")
    if path.exists():
        raise UsageError(f"{path} is there already. Choose another file or remove it first.")
    part = path.with_name(f"{path.name}.part")

    async def pulled() -> int:
        async with opened(settings) as site:
            with LocalSite(part, create=True) as copy:
                return await _copied(site, _name(settings), copy, progress)

    count = run_blocking(pulled())
    part.rename(path)
    return count


def export(settings: Settings, out: Path, progress: Callable[[int], None] = lambda _: None) -> int:
    """Writes all contacts of the site of the settings to a new file; returns how many.

    Raises:
        UsageError: the file is there already, or its suffix is none of `.csv`, `.parquet`, `.vcf`.
    """
    check_suffix(out)
    if out.exists():
        raise UsageError(f"{out} is there already. Choose another file or remove it first.")

    async def read() -> list[Contact]:
        async with opened(settings) as site:
            return await named_contacts(site, progress)

    contacts = run_blocking(read())
    with write_whole(out) as part:
        write_contacts(contacts, part, out.suffix)
    return len(contacts)


def _name(settings: Settings) -> str:
    return f"{settings.site.url} {settings.wix_site_id or ''}".strip()


async def _copied(site: ContactsSite, name: str, copy: LocalSite, progress: Callable[[int], None]) -> int:
    known = copy.facts()
    if known.get("pulled_from", name) != name:
        raise UsageError(f"{copy.path} is the beginning of a copy of {known['pulled_from']}. Remove it to begin anew.")
    began = known.get("pull_began") or datetime.now(UTC).isoformat()
    copy.note(pulled_from=name, pull_began=began)
    copy.load((), await all_labels(site), await all_fields(site))
    count = (await copy.query(limit=1)).total or 0
    chunk: list[Contact] = []
    async for contact in site.scan(created_since=copy.newest()):
        chunk.append(contact)
        if len(chunk) == CHUNK:
            copy.load(chunk)
            count += len(chunk)
            progress(count)
            chunk = []
    copy.load(chunk)
    changed = [contact async for contact in site.scan(changed_since=datetime.fromisoformat(began) - OVERLAP)]
    rest = iter(changed)
    while several := list(islice(rest, CHUNK)):
        copy.load(several)
    count = (await copy.query(limit=1)).total or 0
    progress(count)
    copy.note(pull_ended=datetime.now(UTC).isoformat())
    return count

"""Which site a setting means."""

from __future__ import annotations

from pathlib import Path

from connectors.local import LocalSite
from connectors.memory import Memory
from transforms.errors import UsageError

LOCAL = "local:"


def open_site(url: str | None, *, create: bool = False) -> LocalSite:
    """The site behind `local:PATH`.

    Raises:
        UsageError: no site is set, or it is of an unknown kind.
    """
    if not url:
        raise UsageError("No site is set. Give --site local:PATH, or [site] url in onefold.toml.")
    if not url.startswith(LOCAL) or url == LOCAL:
        raise UsageError(f"{url!r} is not a site. A site is local:PATH, an embedded site in a file.")
    return LocalSite(Path(url.removeprefix(LOCAL)), create=create)


def is_missing(url: str | None) -> bool:
    """Whether this is an embedded site whose file is still to be made."""
    return bool(url) and str(url).startswith(LOCAL) and not Path(str(url).removeprefix(LOCAL)).exists()


def memory_of(url: str) -> Memory:
    """What earlier runs decided about a site: the embedded one keeps it in its own file."""
    return Memory(Path(url.removeprefix(LOCAL)))

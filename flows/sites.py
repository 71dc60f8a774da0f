"""Which site the settings mean, and what is remembered of it."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from pydantic import SecretStr

from connectors.contacts import ContactsSite
from connectors.local import LocalSite
from connectors.memory import Memory
from connectors.wix import Patience, WixSite
from connectors.wix.site import CALLS_A_MINUTE
from connectors.wix.transport import is_loopback
from flows.settings import Settings
from transforms.errors import Denied, UsageError

LOCAL = "local:"
WIX = "wix"


@asynccontextmanager
async def opened(settings: Settings, *, create: bool = False) -> AsyncIterator[ContactsSite]:
    """The site of the settings: `local:PATH`, `wix`, or the address of a service that speaks the Contacts API.

    Args:
        settings: the settings.
        create: whether the missing file of an embedded site is made.

    Raises:
        UsageError: no site is set, or it is of an unknown kind.
        Denied: the key or the site id is not set.
    """
    url = settings.site.url
    if url.startswith(LOCAL):
        with embedded(url, create=create) as site:
            yield site
        return
    base_url = settings.wix_base_url if url == WIX else url
    key, site_id = _identity(settings, base_url)
    patience = Patience(read=settings.site.timeout)
    async with WixSite(key, site_id, base_url=base_url, rate=settings.site.rate, patience=patience) as service:
        yield service


def calls_a_minute(settings: Settings) -> float | None:
    """The rate at which the site is called; None where there is no limit."""
    url = settings.site.url
    if settings.site.rate is not None or url.startswith(LOCAL):
        return settings.site.rate
    return None if is_loopback(settings.wix_base_url if url == WIX else url) else CALLS_A_MINUTE


def embedded(url: str, *, create: bool = False) -> LocalSite:
    """The embedded site `local:PATH`.

    Raises:
        UsageError: it is another kind of site, or its file is missing.
    """
    path = url.removeprefix(LOCAL)
    if path == url or not path:
        raise UsageError(f"{url!r} is not an embedded site. That is local:PATH, a site in a file.")
    return LocalSite(Path(path), create=create)


def is_missing(url: str) -> bool:
    """Whether this is an embedded site whose file is still to be made."""
    return url.startswith(LOCAL) and not Path(url.removeprefix(LOCAL)).exists()


def memory_of(settings: Settings) -> Memory:
    """What earlier runs decided about a site: the embedded one keeps it in its own file."""
    url = settings.site.url
    if url.startswith(LOCAL):
        return Memory(Path(url.removeprefix(LOCAL)))
    service = settings.wix_base_url if url == WIX else url
    name = hashlib.sha256(f"{service.rstrip('/')} {settings.wix_site_id}".encode()).hexdigest()[:16]
    return Memory(settings.state / f"memory-{name}.db")


def _identity(settings: Settings, base_url: str) -> tuple[SecretStr, str]:
    """The key and the site id for a service."""
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise UsageError(
            f"{base_url!r} is not a site. A site is local:PATH, an embedded site in a file; wix; or the address of a "
            "service, https://…"
        )
    if url.userinfo:
        raise UsageError("A site's address holds no user and no password. The key comes from WIX_API_KEY.")
    if url.scheme == "http" and not is_loopback(base_url):
        raise UsageError(f"The key would go to {url.host} for everybody to read. Use https://.")
    if not settings.wix_api_key and not settings.wix_site_id and is_loopback(base_url):
        return SecretStr("onefold"), "onefold"  # a rehearsal on this machine, which lets in any key unless it has one
    if not settings.wix_api_key:
        raise Denied("UNAUTHENTICATED", "There is no API key. Set WIX_API_KEY.")
    if not settings.wix_site_id:
        raise Denied("UNAUTHENTICATED", "There is no site id. Set WIX_SITE_ID.")
    return settings.wix_api_key, settings.wix_site_id

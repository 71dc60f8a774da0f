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
from connectors.store.memory import Memory
from connectors.wix import Patience, WixSite
from connectors.wix.site import CALLS_A_MINUTE
from connectors.wix.transport import is_loopback
from flows.settings import LOCAL, Settings
from transforms.schema.errors import Denied, UsageError

WIX = "wix"


@asynccontextmanager
async def opened(
    settings: Settings, *, create: bool = False, identity: str | None = None
) -> AsyncIterator[ContactsSite]:
    """The site of the settings: `local:PATH`, `wix`, or the address of a service that speaks the Contacts API.

    Args:
        settings: the settings.
        create: whether the missing file of an embedded site is made.
        identity: what an embedded site that is made now is known by.

    Raises:
        UsageError: no site is set, or it is of an unknown kind.
        Denied: the key or the site id is not set.
    """
    url = settings.site.url
    if url.startswith(LOCAL):
        with embedded(url, create=create, identity=identity) as site:
            yield site
        return
    base_url = service_of(settings)
    key, site_id = _credentials(settings, base_url)
    patience = Patience(read=settings.site.timeout)
    async with WixSite(key, site_id, base_url=base_url, rate=settings.site.rate, patience=patience) as service:
        yield service


def calls_a_minute(settings: Settings) -> float | None:
    """The rate at which the site is called; None where there is no limit."""
    url = settings.site.url
    if settings.site.rate is not None or url.startswith(LOCAL):
        return settings.site.rate
    return None if is_loopback(service_of(settings)) else CALLS_A_MINUTE


def service_of(settings: Settings) -> str:
    """The address of the service that the settings mean: the Contacts API's own for `wix`."""
    return settings.wix_base_url if settings.site.url == WIX else settings.site.url


def embedded(url: str, *, create: bool = False, identity: str | None = None) -> LocalSite:
    """The embedded site `local:PATH`.

    Raises:
        UsageError: it is another kind of site, or its file is missing.
    """
    return LocalSite(embedded_path(url), create=create, identity=identity)


def embedded_path(url: str) -> Path:
    """The file of the embedded site `local:PATH`.

    Raises:
        UsageError: it is another kind of site.
    """
    path = url.removeprefix(LOCAL)
    if path == url or not path:
        raise UsageError(f"{url!r} is not an embedded site. That is local:PATH, a site in a file.")
    return Path(path)


def is_missing(url: str) -> bool:
    """Whether this is an embedded site whose file is still to be made."""
    return url.startswith(LOCAL) and not Path(url.removeprefix(LOCAL)).exists()


def identity_of(settings: Settings) -> str | None:
    """Identity of the embedded site of the settings; None for one still to be made, and for a service."""
    if not settings.site.url.startswith(LOCAL) or is_missing(settings.site.url):
        return None
    with embedded(settings.site.url) as site:
        return site.identity


def site_names(settings: Settings) -> list[str]:
    """The names by which decisions are about the site of the settings; the first is the one they are written with.

    An embedded site goes by its identity, and by its path as long as it is still to be made.
    """
    if settings.site.url.startswith(LOCAL):
        identity = identity_of(settings)
        return [*([identity] if identity else []), settings.site.url]
    return [f"{service_of(settings).rstrip('/')} {settings.wix_site_id or ''}".rstrip()]


def memory_of(settings: Settings) -> Memory:
    """The memory of a site: the embedded one keeps it in its own file."""
    url = settings.site.url
    if url.startswith(LOCAL):
        return Memory(Path(url.removeprefix(LOCAL)))
    return Memory(settings.state / f"memory-{_service_name(settings)}.db")


def lock_of(settings: Settings) -> Path:
    """The lock of a site: beside an embedded one, in the state folder for a service."""
    url = settings.site.url
    if url.startswith(LOCAL):
        return Path(f"{url.removeprefix(LOCAL)}.lock")
    return settings.state / f"site-{_service_name(settings)}.lock"


def shown_site(url: str) -> str:
    """A site for people: an embedded one by its path from here, where it lies below."""
    path = Path(url.removeprefix(LOCAL))
    is_below = url.startswith(LOCAL) and path.is_relative_to(Path.cwd())
    return f"{LOCAL}{path.relative_to(Path.cwd())}" if is_below else url


def _service_name(settings: Settings) -> str:
    """Name of the files about a service."""
    service = f"{service_of(settings).rstrip('/')} {settings.wix_site_id}"
    return hashlib.sha256(service.encode()).hexdigest()[:16]


def _credentials(settings: Settings, base_url: str) -> tuple[SecretStr, str]:
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

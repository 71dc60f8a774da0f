"""Serving an embedded site."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from connectors.local import LocalSite
from connectors.server import Disturbance, Webhook, make_app, read_chaos, serve
from flows.settings import LOCAL
from flows.sites import embedded
from transforms.schema.errors import UsageError


def serve_site(
    url: str,
    *,
    host: str,
    port: int,
    api_key: str | None,
    chaos: Path | None,
    webhook: str | None,
    webhook_key: Path | None,
    seed: bool,
    started: Callable[[str], None],
) -> None:
    """Serves an embedded site until it is told to stop.

    Args:
        url: the site, `local:PATH`.
        host: the address to listen at.
        port: the port; 0 takes a free one.
        api_key: the only key let in; without one any key is.
        chaos: a file with faults to have.
        webhook: where events go.
        webhook_key: the private key (PEM) they are signed with.
        seed: whether contacts can be planted as they are.
        started: called with the base URL once connections are accepted.

    Raises:
        UsageError: the site is none or not there, a file cannot be used, or the address cannot be listened at.
    """
    faults = read_chaos(chaos) if chaos is not None else None
    if webhook_key is not None and not webhook_key.is_file():
        raise UsageError(f"There is no file {webhook_key}.")
    target = Webhook(webhook, webhook_key.read_bytes() if webhook_key else None) if webhook else None
    with embedded(url):
        pass  # says in one sentence when it is not there
    with LocalSite(Path(url.removeprefix(LOCAL)), events=target is not None) as site:
        disturbance = Disturbance(faults, site) if faults is not None else None
        app = make_app(site, api_key=api_key, disturbance=disturbance, webhook=target, seed=seed)
        asyncio.run(serve(app, host=host, port=port, started=started))

"""Events on their way to a webhook: in order, each until it is taken."""

from __future__ import annotations

import json
import time
from typing import Any, NamedTuple

import anyio
import httpx
import jwt

from connectors.local import LocalSite
from connectors.wire.shapes import ENTITY

TIMEOUT = 1.25
"""Seconds within which the receiver has to answer 200."""
LOOK = 0.1
LONGEST_PAUSE = 30.0


class Webhook(NamedTuple):
    """Destination of events, and the private key (PEM) they are signed with; without one they go as plain JSON."""

    url: str
    key: bytes | None = None


async def deliver(site: LocalSite, webhook: Webhook) -> None:
    """Posts the events of a site's outbox, for ever. One that is not taken is posted again, later and later."""
    pause = LOOK
    async with httpx.AsyncClient(timeout=TIMEOUT) as client:
        while True:
            for sequence, event in site.events():
                if not await _taken(client, webhook, event):
                    pause = min(pause * 2, LONGEST_PAUSE)
                    break
                site.delivered(sequence)
                pause = LOOK
            await anyio.sleep(pause)


async def _taken(client: httpx.AsyncClient, webhook: Webhook, event: dict[str, Any]) -> bool:
    body = json.dumps(event) if webhook.key is None else _signed(event, webhook.key)
    kind = "application/json" if webhook.key is None else "text/plain"
    try:
        answer = await client.post(webhook.url, content=body, headers={"Content-Type": kind})
    except httpx.TransportError:
        return False
    return answer.status_code == 200


def _signed(event: dict[str, Any], key: bytes) -> str:
    """The event as the service sends it: a signed token whose `data` is a JSON text with the event as a JSON text."""
    data = {
        "data": json.dumps(event),
        "instanceId": "onefold",
        "eventType": f"{ENTITY}_{event['slug']}",
        "identity": json.dumps({"identityType": "APP"}),
    }
    now = int(time.time())
    return jwt.encode({"data": json.dumps(data), "iat": now, "exp": now + 300}, key, algorithm="RS256")

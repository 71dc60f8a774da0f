"""Bounds of requests: their size and time, and the number of open connections."""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from connectors.wire.errors import error_to_wire
from transforms.schema.errors import Refused

BODY_BYTES = 8 << 20
"""Of a request, at most."""
DRAINED = 8
"""Multiples of the largest body that are discarded before a client that sends on is cut off."""
BODY_SECONDS = 30.0
"""Seconds that a request's body may take to arrive."""
HEADER_SECONDS = 10.0
"""Seconds that the head of a request may take to arrive, also on a new connection."""
CONNECTIONS = 200
"""Open at once; further ones are answered 503."""


class _TooLarge(Exception):  # noqa: N818 - becomes an answer
    pass


class Bounded:
    """Refuses requests whose body is too large (413) or too slow (408)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers in the application's place, or hands it the whole body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            body = await self._body(scope, receive)
        except _TooLarge:
            await self._drain(receive)
            await self._refuse(413, f"The request is larger than {BODY_BYTES:,} bytes.", scope, receive, send)
            return
        except TimeoutError:
            await self._refuse(408, "The request took too long to arrive.", scope, receive, send)
            return
        first = True

        async def replay() -> Message:
            nonlocal first
            if first:
                first = False
                return {"type": "http.request", "body": body, "more_body": False}
            return await receive()

        await self._app(scope, replay, send)

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced[:20]) > BODY_BYTES:
            raise _TooLarge
        body = bytearray()
        with anyio.fail_after(BODY_SECONDS):
            while True:
                message = await receive()
                body += message.get("body", b"")
                if len(body) > BODY_BYTES:
                    raise _TooLarge
                if not message.get("more_body", False):
                    return bytes(body)

    async def _drain(self, receive: Receive) -> None:
        """Reads on for a while, so that a client that is still sending gets to read the answer."""
        read = 0
        with anyio.move_on_after(BODY_SECONDS):
            while read < DRAINED * BODY_BYTES:
                message = await receive()
                read += len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return

    async def _refuse(self, status: int, why: str, scope: Scope, receive: Receive, send: Send) -> None:
        answer = JSONResponse(error_to_wire(Refused("INVALID_ARGUMENT", why)), status, {"Connection": "close"})
        await answer(scope, receive, send)


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 that closes a connection whose request's head does not arrive in time."""

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - as uvicorn declares it
        """Waits for the head of the first request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Waits for the rest of a head that has begun; one that is whole is waited for no longer."""
        if self._waiting is None and (self.cycle is None or self.cycle.response_complete):
            self._wait()
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        """Nothing is waited for between requests but what uvicorn's own keep-alive time allows."""
        self._stop_waiting()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the time."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._waiting = self.loop.call_later(HEADER_SECONDS, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

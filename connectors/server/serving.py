"""Running the server."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI

from connectors.server.bounds import CONNECTIONS, BoundedProtocol
from transforms.schema.errors import UsageError


async def serve(app: FastAPI, *, host: str, port: int, started: Callable[[str], None]) -> None:
    """Serves an application until SIGINT or SIGTERM.

    Args:
        app: the application.
        host: the address to listen at.
        port: the port; 0 takes a free one.
        started: called with the base URL once connections are accepted.

    Raises:
        UsageError: the address cannot be listened at.
    """
    async with running(app, host=host, port=port) as (url, serving):
        started(url)
        await serving


@asynccontextmanager
async def running(
    app: FastAPI, *, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[tuple[str, asyncio.Task[None]]]:
    """Serves an application while the block runs; gives its base URL and the task that serves.

    Raises:
        UsageError: the address cannot be listened at.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, so that asyncio sends answers at once instead of waiting to fill a packet.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen()
    except OSError as error:
        listening.close()
        raise UsageError(f"Nothing can be served at {host}:{port}: {error.strerror or error}.") from error
    logging.getLogger("uvicorn.error").addFilter(_broken_off_on_purpose)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http=BoundedProtocol,
            log_config=None,
            access_log=False,
            lifespan="on",
            limit_concurrency=CONNECTIONS,
            timeout_graceful_shutdown=3,
        )
    )
    place = f"[{host}]" if ":" in host else host
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield f"http://{place}:{listening.getsockname()[1]}", serving
    finally:
        server.should_exit = True
        await serving


def _broken_off_on_purpose(record: logging.LogRecord) -> bool:
    """Leaves out what uvicorn says of an answer that was broken off as a fault."""
    return "without completing response" not in record.getMessage()

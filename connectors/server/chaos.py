"""Seeded faults for rehearsals and tests: what a real service does on a bad day, on purpose."""

from __future__ import annotations

import random
import time
import tomllib
from collections import deque
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self

import anyio
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connectors.local import LocalSite
from connectors.wire.errors import error_to_wire
from connectors.wire.shapes import CONSISTENT
from transforms.schema.contact import Info
from transforms.schema.errors import SiteError, TooManyCalls, Unanswered, Unavailable, UsageError

Rate = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0)]
FAULTS = (
    "too_many", "too_many_bare", "failed_before", "failed_after", "unavailable", "unavailable_bare", "hang_before",
    "hang_after", "dropped_before", "dropped_after", "slow",
)  # fmt: skip


class Chaos(BaseModel):
    """Shares of all calls that meet each fault; "before" and "after" the call's work."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = 0
    too_many: Rate = 0
    """429 with `Retry-After`."""
    too_many_bare: Rate = 0
    """429 without it."""
    failed_before: Rate = 0
    """500."""
    failed_after: Rate = 0
    unavailable: Rate = 0
    """503 with `Retry-After`; nothing was done."""
    unavailable_bare: Rate = 0
    """503 without it; nothing was done."""
    hang_before: Rate = 0
    """No answer for `hang_seconds`, then 504."""
    hang_after: Rate = 0
    dropped_before: Rate = 0
    """The connection ends in the middle of an answer."""
    dropped_after: Rate = 0
    slow: Rate = 0
    """The answer comes `slow_seconds` late."""
    stale: Rate = 0
    """A list or a query shows the contacts of up to `stale_seconds` ago."""
    consistent: bool = True
    """Whether a read that sends `X-Wix-Consistent` back is never stale."""
    edited: Rate = 0
    """After a contact was read somebody else changes its job title."""
    looks: int = Field(0, ge=0)
    """Times that a bulk job is seen running before it is seen completed."""
    calls_per_second: Annotated[float, Field(gt=0)] | None = None
    """More calls than this are answered 429."""
    retry_after_seconds: Seconds = 1
    hang_seconds: Seconds = 60
    slow_seconds: Seconds = 1
    stale_seconds: Seconds = 5

    @model_validator(mode="after")
    def _at_most_one_fault_a_call(self) -> Self:
        if sum(getattr(self, name) for name in FAULTS) > 1:
            raise ValueError("the rates of all faults together must not be above 1")
        return self


def read_chaos(path: Path) -> Chaos:
    """The faults described in a TOML file, for example `seed = 7`, `too_many = 0.02`, `hang_after = 0.01`.

    Raises:
        UsageError: the file is missing, is not TOML, or has an unknown key or a bad value.
    """
    try:
        return Chaos(**tomllib.loads(path.read_text("utf-8")))
    except FileNotFoundError as error:
        raise UsageError(f"There is no file {path}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not a TOML file: {error}.") from error
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"])) or "the rates"
        raise UsageError(f"{path}: {where}: {problem['msg'].removeprefix('Value error, ')}.") from error


class Edit(NamedTuple):
    """A change that somebody else made."""

    contact_id: str
    job_title: str


class Disturbance:
    """Faults on the way to an application, as a profile wants them; the same seed gives the same faults in turn.

    Args:
        chaos: the profile.
        site: the site that is served.
    """

    def __init__(self, chaos: Chaos, site: LocalSite) -> None:
        self._chaos = chaos
        self._site = site
        self._random = random.Random(chaos.seed)
        self._past: LocalSite | None = None
        self._past_until = 0.0
        self._past_state = 0
        self._looks: dict[str, int] = {}
        self._calls: deque[float] = deque()
        self.faults: dict[str, int] = dict.fromkeys(FAULTS, 0)
        """Number of calls by the fault they met."""
        self.edits: list[Edit] = []
        """Changes by somebody else, in order."""

    def around(self, app: ASGIApp) -> ASGIApp:
        """The application with the faults in front of it."""

        async def disturbed(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or not scope["path"].startswith("/contacts/"):
                return await app(scope, receive, send)
            fault = self._next_fault()
            if fault is not None:
                self.faults[fault] += 1
            return await self._met(fault, app, scope, receive, send)

        return disturbed

    def reading(self, headers: Headers) -> LocalSite:
        """The site as a list or a query sees it: now, or as it was some seconds ago."""
        chaos = self._chaos
        if self._random.random() >= chaos.stale or self._site.path is None:
            return self._site
        if self._past is None or time.monotonic() >= self._past_until:
            self._past = self._past or LocalSite(self._site.path)
            self._past.hold()
            self._past_state = self._site.changes
            self._past_until = time.monotonic() + self._random.uniform(0, chaos.stale_seconds)
        known = headers.get(CONSISTENT, "")
        fresher = chaos.consistent and known.isdigit() and int(known) > self._past_state
        return self._site if fresher else self._past

    def still_running(self, job_id: str) -> bool:
        """Whether a job that is done is to be seen running once more."""
        seen = self._looks.get(job_id, 0)
        self._looks[job_id] = seen + 1
        return seen < self._chaos.looks

    async def after_read(self, contact_id: str) -> None:
        """Somebody else changes the contact that was just read, now and then."""
        if self._random.random() >= self._chaos.edited:
            return
        contact = await self._site.get(contact_id)
        title = f"Edited {len(self.edits) + 1}"
        await self._site.update(contact.id, contact.revision, Info(job_title=title))
        self.edits.append(Edit(contact.id, title))

    def close(self) -> None:
        """Lets go of the past."""
        if self._past is not None:
            self._past.close()

    def _next_fault(self) -> str | None:
        drawn = self._random.random()
        if self._chaos.calls_per_second is not None:
            now = time.monotonic()
            while self._calls and self._calls[0] <= now - 1:
                self._calls.popleft()
            if len(self._calls) >= self._chaos.calls_per_second:
                return "too_many_bare"
            self._calls.append(now)
        for name in FAULTS:
            drawn -= getattr(self._chaos, name)
            if drawn < 0:
                return name
        return None

    async def _met(self, fault: str | None, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        chaos = self._chaos
        if fault is None:
            return await app(scope, receive, send)
        if fault == "slow":
            answer = await _answer(app, scope, receive)
            await anyio.sleep(chaos.slow_seconds)
            for message in answer:
                await send(message)
            return None
        if fault.endswith("_after"):
            await _answer(app, scope, receive)
        if fault.startswith("dropped"):
            return await _broken_off(send)
        if fault.startswith("hang"):
            await _until_gone(receive, chaos.hang_seconds)
        error: SiteError = {
            "too_many": TooManyCalls("RESOURCE_EXHAUSTED", "Too many calls."),
            "unavailable": Unavailable("UNAVAILABLE", "The service is not available."),
            "failed": Unavailable("INTERNAL", "The service failed.", status=500),
            "hang": Unanswered("DEADLINE_EXCEEDED", "The service took too long."),
        }[fault.removesuffix("_bare").removesuffix("_before").removesuffix("_after")]
        waits = {"Retry-After": f"{chaos.retry_after_seconds:g}"} if fault in ("too_many", "unavailable") else {}
        await JSONResponse(error_to_wire(error), error.status, headers=waits)(scope, receive, send)
        return None


async def _answer(app: ASGIApp, scope: Scope, receive: Receive) -> list[Message]:
    """The answer of an application, all of its work done and nothing sent."""
    kept: list[Message] = []

    async def keep(message: Message) -> None:
        kept.append(message)

    await app(scope, receive, keep)
    return kept


async def _broken_off(send: Send) -> None:
    """Begins an answer and never ends it: the server then closes the connection."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"contact":{', "more_body": True})


async def _until_gone(receive: Receive, seconds: float) -> None:
    """Waits, but not for a client that has hung up."""
    with anyio.move_on_after(seconds):
        message: dict[str, Any] = {}
        while message.get("type") != "http.disconnect":
            message = dict(await receive())

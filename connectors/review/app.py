"""The review as an ASGI application: one page, and the calls that it makes. For a browser on the same machine alone."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib import resources
from typing import Annotated, Any, Literal, Protocol

from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from pydantic import BaseModel, Field

from transforms.schema.errors import OnefoldError

COOKIE = "onefold-review"
ASKED = "x-onefold"
"""A header that the page's calls carry; a form of another page cannot send it."""
_HOSTS = frozenset(("127.0.0.1", "localhost", "[::1]"))
_SCRIPTS = (("report", "tables.js"), ("report", "card.js"), ("report", "view.js"), ("review", "review.js"))
_STYLES = (("report", "report.css"), ("review", "review.css"))


class Reviewer(Protocol):
    """What the app asks for: a review of a run."""

    def overview(self) -> Mapping[str, Any]:
        """The run, its queues with their counts, and what the cards need."""
        ...

    def queue(self, tab: str, offset: int, query: str, pattern: str, *, undecided: bool) -> Mapping[str, Any]:
        """A page of a queue."""
        ...

    def case(self, case: str) -> Mapping[str, Any]:
        """The tables of a case's card, and what was said of it."""
        ...

    def seen(self, case: str) -> Mapping[str, Any]:
        """Notes that somebody has looked at a case."""
        ...

    def patterns(self) -> Sequence[Mapping[str, Any]]:
        """Cases that look alike, with their counts and examples."""
        ...

    def decide(self, case: str, verdict: str | None, leaving: list[str], note: str, by: str) -> Mapping[str, Any]:
        """Writes down what a person says of a case; tells what follows."""
        ...

    def decide_pattern(self, pattern: str, verdict: str, by: str) -> Mapping[str, Any]:
        """Writes down what a person says of all cases of a pattern that are still undecided."""
        ...

    def undo(self, by: str) -> Mapping[str, Any]:
        """Takes back what a person decided last."""
        ...

    def plan_again(self) -> Mapping[str, Any]:
        """Plans anew with all decisions; tells the differences."""
        ...

    def apply(self, merges: int) -> Mapping[str, Any]:
        """Applies the plan when that is how many contacts it merges away."""
        ...


class Said(BaseModel):
    """What a person says of a case."""

    case: str
    verdict: Literal["together", "apart", "unsure"] | None = None
    leaving: list[str] = []
    note: str = Field("", max_length=2_000)
    by: str = Field(min_length=1, max_length=200)


class SaidOfAll(BaseModel):
    """What a person says of all cases of a pattern."""

    pattern: str
    verdict: Literal["together", "apart"]
    by: str = Field(min_length=1, max_length=200)


class Who(BaseModel):
    """Who asks."""

    by: str = Field(min_length=1, max_length=200)


class Seen(BaseModel):
    """The case that somebody looks at."""

    case: str


class Typed(BaseModel):
    """How many contacts a person expects to be merged away."""

    merges: int


def make_review(reviewer: Reviewer, token: str) -> FastAPI:
    """The application.

    Args:
        reviewer: the review.
        token: what the first address is to carry; it lets one browser in, once.
    """
    app = FastAPI(openapi_url=None)
    session = secrets.token_urlsafe(32)
    tokens = {token}
    page, policy = _page()

    @app.middleware("http")
    async def guarded(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        host = request.headers.get("host", "").rpartition(":")[0] or request.headers.get("host", "")
        is_known = hmac.compare_digest(request.cookies.get(COOKIE, ""), session)
        if host not in _HOSTS:
            return JSONResponse({"problem": "The review answers on this machine alone."}, 421)
        if request.url.path != "/enter" and not is_known:
            return JSONResponse({"problem": "Open the review by the address that the command printed."}, 403)
        if request.method != "GET" and request.headers.get(ASKED) != "1":
            return JSONResponse({"problem": "Only the review's own page may ask that."}, 403)
        answer = await call_next(request)
        answer.headers["Content-Security-Policy"] = policy
        answer.headers["Cache-Control"] = "no-store"
        answer.headers["X-Content-Type-Options"] = "nosniff"
        answer.headers["Referrer-Policy"] = "no-referrer"
        return answer

    @app.exception_handler(OnefoldError)
    async def told(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"problem": str(error)}, 400)

    @app.get("/enter")
    async def enter(token: Annotated[str, Query()] = "") -> Response:
        if token not in tokens:
            return JSONResponse({"problem": "This address was used before. Start the review again."}, 403)
        tokens.remove(token)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(COOKIE, session, httponly=True, samesite="strict")
        return answer

    @app.get("/")
    async def start() -> HTMLResponse:
        return HTMLResponse(page)

    app.include_router(_calls(reviewer))
    return app


def _calls(reviewer: Reviewer) -> APIRouter:
    """The calls that the page makes."""
    calls = APIRouter()

    @calls.get("/overview")
    async def overview() -> object:
        return await run_in_threadpool(reviewer.overview)

    @calls.get("/queue")
    async def queue(
        tab: str, offset: Annotated[int, Query(ge=0)] = 0, query: str = "", pattern: str = "", undecided: bool = False
    ) -> object:
        return await run_in_threadpool(reviewer.queue, tab, offset, query, pattern, undecided=undecided)

    @calls.get("/case")
    async def case(case: str) -> object:
        return await run_in_threadpool(reviewer.case, case)

    @calls.post("/seen")
    async def seen(what: Seen) -> object:
        return await run_in_threadpool(reviewer.seen, what.case)

    @calls.get("/patterns")
    async def patterns() -> object:
        return await run_in_threadpool(reviewer.patterns)

    @calls.post("/decide")
    async def decide(said: Said) -> object:
        return await run_in_threadpool(reviewer.decide, said.case, said.verdict, said.leaving, said.note, said.by)

    @calls.post("/decide-pattern")
    async def decide_pattern(said: SaidOfAll) -> object:
        return await run_in_threadpool(reviewer.decide_pattern, said.pattern, said.verdict, said.by)

    @calls.post("/undo")
    async def undo(who: Who) -> object:
        return await run_in_threadpool(reviewer.undo, who.by)

    @calls.post("/plan-again")
    async def plan_again() -> object:
        return await run_in_threadpool(reviewer.plan_again)

    @calls.post("/apply")
    async def apply(typed: Typed) -> object:
        return await run_in_threadpool(reviewer.apply, typed.merges)

    return calls


def _page() -> tuple[str, str]:
    """The page with its styles and scripts in it, and the policy that lets in these alone."""
    style, script = (_together(names) for names in (_STYLES, _SCRIPTS))
    page = (resources.files("connectors.review") / "review.html").read_text("utf-8")
    page = page.replace("/* style */", style).replace("/* script */", script)
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    policy = (
        f"default-src 'none'; connect-src 'self'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return page, policy


def _together(names: tuple[tuple[str, str], ...]) -> str:
    return "\n".join((resources.files(f"connectors.{room}") / name).read_text("utf-8") for room, name in names)

"""Calls of the Contacts API over HTTP: pooled, paced, timed, repeated where that is safe, and their errors ours."""

from __future__ import annotations

import logging
import random
import re
import ssl
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import NamedTuple, TypeVar

import httpx
import stamina
from pydantic import SecretStr

from connectors.contacts import request_id
from connectors.wire.errors import error_from_wire
from connectors.wire.shapes import AUTHORIZATION, CONSISTENT, REQUEST_ID, SITE_ID, Request, Wire
from connectors.wix.pace import Pace
from transforms.schema.errors import Denied, SiteError, TooManyCalls, Unanswered, Unavailable, UsageError

USER_AGENT = f"onefold/{version('onefold')}"
NOT_JSON = "NOT_JSON"
UNTRUSTED = "UNTRUSTED"
UNREACHABLE = "UNREACHABLE"
LONGEST_WAIT = 300.0
"""Seconds: a service that wants to be left alone for longer is left alone for good."""
Answer = TypeVar("Answer", bound=Wire)
Parameters = Mapping[str, str | int | Sequence[str] | None]

logging.getLogger("stamina").addHandler(logging.NullHandler())


class Patience(NamedTuple):
    """Waiting times in seconds, and tries of a call."""

    connect: float = 10
    read: float = 30
    write: float = 30
    pool: float = 120
    attempts: int = 10
    first_pause: float = 0.5
    longest_pause: float = 30
    lag: float = 15
    """Seconds that a write may be missing from queries."""
    recovery: float = 5
    """After how long the pace is again where the service refused it."""


class Transport:
    """The way to a service.

    Args:
        api_key: the API key.
        site_id: the site it is for.
        base_url: where the service is.
        pace: how fast it is called.
        patience: how long is waited for it.
        inner: what carries requests instead of the network.

    Raises:
        UsageError: the address, the key or the site id cannot be one.
    """

    def __init__(
        self,
        api_key: SecretStr,
        site_id: str,
        base_url: str,
        pace: Pace,
        patience: Patience,
        inner: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        for name, value in (("API key", api_key.get_secret_value()), ("site id", site_id)):
            if not value or not value.isascii() or not value.isprintable() or " " in value:
                raise UsageError(f"The {name} is empty or has characters that cannot be in one.")
        try:
            url = httpx.URL(base_url)
        except httpx.InvalidURL as error:
            raise UsageError(f"{base_url!r} is not the address of a service: {error}.") from error
        if url.scheme not in ("http", "https") or not url.host:
            raise UsageError(f"{base_url!r} is not the address of a service. It begins with https:// or http://.")
        self._pace = pace
        self._patience = patience
        self._place = f"{url.scheme}://{url.netloc.decode()}"
        self._consistent: str | None = None
        self._has_answered = False
        loopback = is_loopback(base_url)
        self._client = httpx.AsyncClient(
            base_url=url,
            headers={AUTHORIZATION: api_key.get_secret_value(), SITE_ID: site_id, "User-Agent": USER_AGENT},
            timeout=httpx.Timeout(
                connect=patience.connect, read=patience.read, write=patience.write, pool=patience.pool
            ),
            limits=httpx.Limits(max_connections=20, max_keepalive_connections=20),
            http2=url.scheme == "https",
            trust_env=not loopback,
            transport=inner,
        )

    @property
    def rate(self) -> float | None:
        """Calls a second it is called with now; None is without limit."""
        return self._pace.rate()

    @property
    def patience(self) -> Patience:
        """How long the service is waited for."""
        return self._patience

    async def aclose(self) -> None:
        """Closes all connections."""
        await self._client.aclose()

    async def call(
        self,
        method: str,
        path: str,
        answer: type[Answer],
        *,
        body: Request | None = None,
        parameters: Parameters | None = None,
        repeatable: bool = True,
    ) -> Answer:
        """Makes a call.

        Args:
            method: the HTTP method.
            path: the path below the base URL.
            answer: the shape of the answer.
            body: what is sent.
            parameters: what stands behind the path; None is left out.
            repeatable: whether doing it twice is as good as doing it once. A call that is not is repeated only where
                the service has certainly not done it.

        Raises:
            SiteError: what the service answers instead.
            Unanswered: only where the call is not repeatable: it may have been done or not.
        """
        backoff = _Backoff(self._patience)
        async for attempt in stamina.retry_context(on=backoff.pause, attempts=self._patience.attempts, timeout=None):
            with attempt:
                return await self._once(method, path, answer, body, parameters, repeatable)
        raise AssertionError  # stamina ends with an answer or an error

    async def _once(
        self,
        method: str,
        path: str,
        answer: type[Answer],
        body: Request | None,
        parameters: Parameters | None,
        repeatable: bool,
    ) -> Answer:
        sent = await self._pace.turn()
        try:
            response = await self._client.request(
                method,
                path,
                json=body.to_json() if body is not None else None,
                params={name: value for name, value in (parameters or {}).items() if value is not None},
                headers={CONSISTENT: self._consistent} if self._consistent else None,
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise self._unreachable(error) from error
        except httpx.RequestError as error:
            kind = Unavailable if repeatable else Unanswered
            raise kind(
                "DEADLINE_EXCEEDED" if isinstance(error, httpx.TimeoutException) else "CONNECTION_LOST",
                f"{self._place} did not answer: {_reason(error)}.",
            ) from error
        self._has_answered = True
        self._consistent = response.headers.get(CONSISTENT, self._consistent)
        request_id.set(response.headers.get(REQUEST_ID))
        if response.status_code == httpx.codes.OK:
            try:
                return answer.model_validate(response.json())
            except (ValueError, RecursionError) as error:  # no JSON, another shape, or what Python does not take
                raise self._foreign(response, repeatable) from error
        refusal = self._error(response, repeatable)
        if isinstance(refusal, TooManyCalls):
            self._pace.refused(sent, min(refusal.retry_after or 0.0, LONGEST_WAIT))
        raise refusal

    def _error(self, response: httpx.Response, repeatable: bool) -> SiteError:
        status, name = response.status_code, response.headers.get(REQUEST_ID)
        try:
            body = response.json()
        except (ValueError, RecursionError):
            body = None
        wait = _seconds(response.headers.get("Retry-After"))
        if status == httpx.codes.UNAUTHORIZED:
            text = f"{self._place} does not accept the API key. Check WIX_API_KEY."
            return Denied("UNAUTHENTICATED", text, status=status, request_id=name)
        if status == httpx.codes.FORBIDDEN:
            text = f"{self._place} does not let this API key do that. Check WIX_SITE_ID and the permissions of the key."
            return Denied("PERMISSION_DENIED", text, status=status, request_id=name)
        if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            # Only an answer that says when to come back is sure to mean that nothing was done.
            kind = Unavailable if repeatable or (status == 503 and wait is not None) else Unanswered
            text = f"{self._place} failed ({status})."
            return kind(f"HTTP_{status}", text, status=status, request_id=name, retry_after=wait)
        if body is None and status not in (404, 409, 428, 429):
            return self._foreign(response, repeatable)
        return error_from_wire(status, body, name, wait)

    def _unreachable(self, error: httpx.RequestError) -> SiteError:
        if (problem := _tls_problem(error)) is not None:
            return Unavailable(UNTRUSTED, f"{self._place} cannot be trusted: {problem}.")
        code = "UNAVAILABLE" if self._has_answered else UNREACHABLE
        return Unavailable(code, f"{self._place} cannot be reached: {_reason(error)}.")

    def _foreign(self, response: httpx.Response, repeatable: bool) -> SiteError:
        kind = Unavailable if repeatable else Unanswered
        text = f"{self._place} does not answer as the Contacts API does ({response.status_code}). Check the address."
        return kind(NOT_JSON, text, status=response.status_code, request_id=response.headers.get(REQUEST_ID))


class _Backoff:
    """Whether a call is made again after an error, and after how long: full jitter, or what the service asks for."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._failures = 0

    def pause(self, error: Exception) -> float | bool:
        if not isinstance(error, TooManyCalls | Unavailable) or error.code in (NOT_JSON, UNTRUSTED):
            return False
        self._failures += 1
        if error.code == UNREACHABLE and self._failures > 1:
            return False  # what has never answered is not waited for
        wait = error.retry_after or 0.0
        longest = min(self._patience.longest_pause, self._patience.first_pause * 2 ** (self._failures - 1))
        return False if wait > LONGEST_WAIT else wait + random.uniform(0, longest)


def is_loopback(url: str) -> bool:
    """Whether an address is on this machine."""
    return httpx.URL(url).host in ("localhost", "127.0.0.1", "::1")


def _seconds(text: str | None) -> float | None:
    """Seconds of a `Retry-After`: a number of them, or a date."""
    if text is None:
        return None
    if text.strip().isdecimal() or re.fullmatch(r"\d+\.\d+", text.strip()):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds())


def _tls_problem(error: BaseException | None) -> str | None:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"its certificate is not valid ({error.verify_message})"
        if isinstance(error, ssl.SSLError):
            return "it does not speak TLS as it should"
        error = error.__cause__ or error.__context__
    return None


def _reason(error: httpx.RequestError) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "it took too long"
    return str(error).strip().rstrip(".") or "the connection broke"

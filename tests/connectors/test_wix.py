"""The client: what it repeats, how fast it goes, what it says when something is wrong, and what it never says."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
import trustme
from conftest import Ended, info
from pydantic import SecretStr

from connectors.wix import Pace, Patience, WixSite
from connectors.wix.transport import request_id
from transforms.schema.contact import Info
from transforms.schema.errors import (
    AlreadyChanged,
    Denied,
    Duplicate,
    NotFound,
    PreconditionFailed,
    SiteError,
    TooManyCalls,
    Unanswered,
    Unavailable,
    UsageError,
)

KEY = "IST.a-very-secret-key"
QUICK = Patience(attempts=4, first_pause=0.001, longest_pause=0.002, lag=0.05, recovery=0.05)
ADA = {"id": "ada", "revision": 3, "info": {"name": {"first": "Ada"}}}
Answer = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response | Exception]


def site(*answers: Answer, patience: Patience = QUICK, **more: Any) -> tuple[WixSite, list[httpx.Request]]:
    """A client whose calls get these answers in turn, the last one again and again; and the requests it sends.

    An answer that is a function is made from the request.
    """
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        found = answers[min(len(requests), len(answers)) - 1]
        if callable(found):
            found = found(request)
        if isinstance(found, Exception):
            raise found
        return httpx.Response(found.status_code, headers=found.headers, content=found.content)

    transport = httpx.MockTransport(answer)
    client = WixSite(
        SecretStr(KEY), "a-site", base_url="http://127.0.0.1:9", patience=patience, transport=transport, **more
    )
    return client, requests


def contact(**more: Any) -> httpx.Response:
    return httpx.Response(200, json={"contact": {**ADA, **more}})


def refusal(status: int, code: str, **data: str) -> httpx.Response:
    application = {"code": code, "description": "told so", "data": data}
    return httpx.Response(status, json={"message": "", "details": {"applicationError": application}})


GONE = refusal(404, "CONTACT_NOT_FOUND")


# --- what is sent ---


async def test_a_call_has_key_site_and_a_user_agent_of_its_own_and_sends_the_state_back() -> None:
    client, requests = site(
        httpx.Response(200, json={"contact": ADA}, headers={"X-Wix-Consistent": "7", "X-Wix-Request-Id": "r-1"}),
        contact(),
    )

    await client.get("ada")
    first = request_id.get()
    await client.get("ada")

    assert requests[0].headers["authorization"] == KEY
    assert requests[0].headers["wix-site-id"] == "a-site"
    assert requests[0].headers["user-agent"].startswith("onefold/")
    assert "x-wix-consistent" not in requests[0].headers
    assert requests[1].headers["x-wix-consistent"] == "7"
    assert (first, request_id.get()) == ("r-1", None)


async def test_an_answer_may_lack_a_revision_or_write_it_as_text() -> None:
    client, _ = site(httpx.Response(200, json={"contact": {"id": "a"}}), contact(revision="5", new={"unknown": 1}))

    assert (await client.get("a")).revision == 0
    assert (await client.get("ada")).revision == 5


async def test_a_key_in_an_address_is_quoted() -> None:
    client, requests = site(httpx.Response(200, json={"label": {"key": "a/b?c", "displayName": "x"}}))

    await client.get_label("a/b?c")

    assert requests[0].url.raw_path == b"/contacts/v4/labels/a%2Fb%3Fc"


# --- what is repeated ---


@pytest.mark.parametrize(
    "first", [httpx.Response(500), httpx.Response(503), httpx.Response(429), httpx.ReadTimeout("")]
)
async def test_a_read_is_repeated_after_any_failure(first: Answer) -> None:
    client, requests = site(first, contact())

    assert (await client.get("ada")).id == "ada"
    assert len(requests) == 2


@pytest.mark.parametrize("failure", [httpx.Response(500), httpx.Response(504), httpx.ReadError("lost")])
async def test_a_read_that_keeps_failing_is_given_up(failure: Answer) -> None:
    client, requests = site(failure)

    with pytest.raises(Unavailable):
        await client.get("ada")
    assert len(requests) == QUICK.attempts


@pytest.mark.parametrize(
    "wait", ["0.2", lambda: format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)]
)
async def test_retry_after_is_kept_to_in_seconds_and_as_a_date(wait: str | Callable[[], str]) -> None:
    text = wait if isinstance(wait, str) else wait()
    client, _ = site(httpx.Response(429, headers={"Retry-After": text}), contact())

    began = time.monotonic()
    await client.get("ada")

    assert time.monotonic() - began > (0.19 if isinstance(wait, str) else 0.9)


@pytest.mark.parametrize("odd", ["inf", "nan", "-5", "soon", ""])
async def test_a_retry_after_that_means_nothing_is_none(odd: str) -> None:
    client, requests = site(httpx.Response(429, headers={"Retry-After": odd}), contact())

    assert (await client.get("ada")).id == "ada"
    assert len(requests) == 2


async def test_a_service_that_wants_to_be_left_alone_for_hours_is_not_waited_for() -> None:
    client, requests = site(httpx.Response(429, headers={"Retry-After": "7200"}))

    with pytest.raises(TooManyCalls):
        await client.get("ada")
    assert len(requests) == 1


@pytest.mark.parametrize(
    "not_done", [httpx.Response(429), httpx.Response(503, headers={"Retry-After": "0"}), httpx.PoolTimeout("")]
)
async def test_a_create_is_repeated_when_it_was_certainly_not_done(not_done: Answer) -> None:
    client, requests = site(not_done, contact())

    assert (await client.create(info("Ada"))).id == "ada"
    assert len(requests) == 2


@pytest.mark.parametrize("lost", [httpx.Response(500), httpx.Response(503), httpx.ReadTimeout(""), httpx.ReadError("")])
async def test_a_create_without_a_marker_is_sent_once_when_its_answer_is_lost(lost: Answer) -> None:
    client, requests = site(lost, contact())

    with pytest.raises(Unanswered):
        await client.create(info("Ada"))
    assert len(requests) == 1


async def test_a_create_with_a_marker_is_looked_for_as_long_as_queries_lag() -> None:
    found = {"contacts": [ADA]}
    client, requests = site(
        httpx.ReadTimeout(""),
        httpx.Response(200, json={"contacts": []}),
        httpx.Response(200, json=found),
        contact(),
        marker="custom.mark",
    )

    created = await client.create(info("Ada", extended={"custom.mark": "op-1"}))

    assert created.id == "ada"
    assert [one.url.path.rsplit("/", 1)[1] for one in requests] == ["contacts", "query", "query", "ada"]
    assert b'"info.extendedFields.custom.mark":"op-1"' in requests[1].content.replace(b" ", b"")


async def test_a_create_that_cannot_be_found_is_sent_again() -> None:
    def is_create(request: httpx.Request) -> bool:
        return request.url.path.endswith("contacts")

    def answer(request: httpx.Request) -> httpx.Response | Exception:
        if not is_create(request):
            return httpx.Response(200, json={"contacts": []})
        return contact() if sum(map(is_create, requests)) > 1 else httpx.ReadTimeout("")

    client, requests = site(answer, marker="custom.mark")

    assert (await client.create(info("Ada", extended={"custom.mark": "op-1"}))).id == "ada"
    assert sum(map(is_create, requests)) == 2


async def test_an_update_whose_answer_is_lost_is_recognised_by_revision_and_content() -> None:
    done, requests = site(httpx.ReadTimeout(""), contact(revision=4, info={"company": "Engines"}))
    other, _ = site(
        httpx.ReadTimeout(""), contact(revision=4, info={"company": "Other"}), refusal(409, "CONTACT_ALREADY_CHANGED")
    )
    undone, again = site(httpx.ReadTimeout(""), contact(revision=3), contact(revision=4, info={"company": "Engines"}))

    assert (await done.update("ada", 3, Info(company="Engines"))).revision == 4
    with pytest.raises(AlreadyChanged):
        await other.update("ada", 3, Info(company="Engines"))
    assert (await undone.update("ada", 3, Info(company="Engines"))).revision == 4

    assert [one.method for one in requests] == ["PATCH", "GET"]
    assert [one.method for one in again] == ["PATCH", "GET", "PATCH"]


async def test_a_merge_whose_answer_is_lost_is_recognised_by_where_its_sources_lead() -> None:
    done, requests = site(httpx.ReadTimeout(""), contact(revision=4))
    undone, again = site(httpx.ReadTimeout(""), contact(id="byron"), contact(revision=4))

    assert (await done.merge("ada", 3, ["byron", "clara"])).revision == 4
    assert (await undone.merge("ada", 3, ["byron"])).revision == 4

    assert [one.url.path.rsplit("/", 1)[1] for one in requests] == ["merge", "byron", "clara"]
    assert [one.url.path.rsplit("/", 1)[1] for one in again] == ["merge", "byron", "merge"]


async def test_a_delete_whose_answer_is_lost_was_done_when_the_contact_is_gone() -> None:
    client, requests = site(httpx.ReadTimeout(""), GONE)

    await client.delete("ada")

    assert [one.method for one in requests] == ["DELETE", "GET"]


async def test_a_refusal_is_not_repeated_and_is_named_by_its_code() -> None:
    for answer, kind in (
        (refusal(409, "DUPLICATE_CONTACT_EXISTS", duplicateContactId="b"), Duplicate),
        (refusal(409, "DUPLICATE_CONTACT_EXIST"), Duplicate),
        (refusal(409, "CONTACT_ALREADY_CHANGED"), AlreadyChanged),
        (refusal(428, "FAILED_PRECONDITION"), PreconditionFailed),
        (refusal(428, "SOMETHING_NEW"), PreconditionFailed),
        (GONE, NotFound),
        (httpx.Response(404), NotFound),
        (httpx.Response(401), Denied),
        (httpx.Response(403), Denied),
        (httpx.Response(400, json={"message": "Expected an object"}), SiteError),
    ):
        client, requests = site(answer)
        with pytest.raises(kind) as raised:
            await client.update("ada", 1, Info(first="Ada"))
        assert len(requests) == 1
        assert raised.value.status == answer.status_code


async def test_a_bulk_delete_is_repeated_only_for_ids() -> None:
    started = httpx.Response(200, json={"jobId": "j"})
    by_id, _ = site(httpx.ReadTimeout(""), started)
    by_name, requests = site(httpx.ReadTimeout(""), started)

    assert await by_id.bulk_delete({"id": {"$in": ["a"]}}) == "j"
    with pytest.raises(Unanswered):
        await by_name.bulk_delete({"info.name.first": "Ada"})
    assert len(requests) == 1


# --- pace ---


async def test_the_pace_falls_once_for_all_calls_under_way_and_rises_again() -> None:
    pace = Pace(100, recovery=0.2)
    sent = [await pace.turn() for _ in range(5)]
    for one in sent:
        pace.refused(one)

    fallen = pace.rate()
    await asyncio.sleep(0.1)
    rising = pace.rate()
    await asyncio.sleep(2)
    risen = pace.rate()

    assert fallen is not None
    assert rising is not None
    assert fallen == pytest.approx(3.8, rel=0.05)  # in a second four others were let through, less a twentieth
    assert fallen < rising < 5
    assert risen == 100


async def test_no_second_has_more_calls_than_the_pace_allows_even_after_a_rest() -> None:
    pace = Pace(20)
    sent = [await pace.turn() for _ in range(15)]
    await asyncio.sleep(0.6)
    sent += [await pace.turn() for _ in range(15)]

    assert max(sum(0 <= other - one < 1 for other in sent) for one in sent) == 20


async def test_calls_that_wait_already_heed_what_is_refused_meanwhile() -> None:
    pace = Pace(20)
    sent = [await pace.turn() for _ in range(10)]
    waiting = asyncio.create_task(pace.turn())
    await asyncio.sleep(0)
    pace.refused(sent[-1], retry_after=0.5)

    assert await waiting - sent[-1] >= 0.5


async def test_a_service_here_has_no_limit_and_another_one_150_calls_a_minute() -> None:
    def rate(url: str, **more: Any) -> float | None:
        return WixSite(SecretStr(KEY), "a-site", base_url=url, **more)._transport.rate

    assert rate("http://127.0.0.1:8080") is None
    assert rate("https://www.wixapis.com") == 2.5
    assert rate("http://127.0.0.1:8080", rate=600) == 10


async def test_calls_keep_to_the_rate_after_a_burst() -> None:
    client, requests = site(contact(), rate=6000)

    began = time.monotonic()
    for _ in range(40):
        await client.get("ada")

    assert len(requests) == 40
    assert time.monotonic() - began > 0.25


async def test_too_many_refusals_end_as_what_they_are() -> None:
    client, _ = site(httpx.Response(429))

    with pytest.raises(TooManyCalls):
        await client.get("ada")


# --- what is never said ---


async def test_the_key_is_in_no_message_no_repr_no_trace_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[str] = []
    for answer in (
        httpx.Response(401, text=KEY),
        httpx.ReadError(""),
        httpx.Response(500),
        httpx.Response(200, text="x"),
    ):
        client, requests = site(answer)
        with pytest.raises(SiteError) as raised:
            await client.get("ada")
        error: BaseException | None = raised.value
        said += traceback.format_exception(raised.value)
        said += [repr(client), repr(client._transport), repr(vars(raised.value)), *map(repr, requests)]
        while error is not None:
            said.append(repr(error))
            error = error.__cause__

    assert KEY not in "\n".join([*said, caplog.text])


@pytest.mark.parametrize("key", ["", "two words", "line\nbreak", "schlüssel"])
def test_a_key_that_cannot_be_one_is_refused_without_naming_it(key: str) -> None:
    with pytest.raises(UsageError, match="The API key is empty or has characters") as raised:
        WixSite(SecretStr(key), "a-site")
    assert not key or key not in str(raised.value)


# --- one sentence each ---


@asynccontextmanager
async def answering(text: bytes, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server on loopback that answers every request with these bytes."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(text)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"{'https' if context else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"


PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>"


async def ended(onefold: Callable[..., Ended], *arguments: object, **environment: str) -> Ended:
    variables = {"WIX_API_KEY": KEY, "WIX_SITE_ID": "a-site", **environment}
    return await asyncio.to_thread(onefold, *arguments, environment=variables)


def one_sentence(done: Ended, *words: str) -> None:
    assert done.code == 1
    assert done.out == ""
    (line,) = [one for one in done.err.splitlines() if not one.endswith(" …")]
    assert line.startswith("onefold: ")
    assert all(word in line for word in words), line
    assert KEY not in line


async def test_an_answer_that_is_not_json_is_one_sentence(onefold: Callable[..., Ended]) -> None:
    async with answering(PAGE) as url:
        one_sentence(await ended(onefold, "site", "check", "--site", url), "Contacts API", "address")
        one_sentence(await ended(onefold, "plan", "--site", url), "Contacts API", "address")


async def test_tls_that_cannot_be_trusted_is_one_sentence(onefold: Callable[..., Ended]) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    async with answering(PAGE, context) as url:
        one_sentence(await ended(onefold, "site", "check", "--site", url), "cannot be trusted", "certificate")
        one_sentence(await ended(onefold, "site", "check", "--site", "wix", WIX_BASE_URL=url), "cannot be trusted")


async def test_what_does_not_speak_tls_is_one_sentence(onefold: Callable[..., Ended]) -> None:
    async with answering(PAGE) as url:
        done = await ended(onefold, "site", "check", "--site", url.replace("http:", "https:"))
    one_sentence(done, "TLS")


async def test_a_server_that_is_down_is_one_sentence(onefold: Callable[..., Ended]) -> None:
    began = time.monotonic()
    for command in ("check", "stats"):
        one_sentence(await ended(onefold, "site", command, "--site", "http://127.0.0.1:1"), "cannot be reached")
    one_sentence(await ended(onefold, "migrate", "--site", "http://127.0.0.1:1"), "cannot be reached")
    assert time.monotonic() - began < 30


async def test_a_wrong_key_and_a_missing_key_or_site_id_are_one_sentence(
    onefold: Callable[..., Ended], served: Callable[..., str]
) -> None:
    url = served("--api-key", "another-key")

    one_sentence(await ended(onefold, "site", "check", "--site", url), "WIX_API_KEY")
    one_sentence(await ended(onefold, "site", "check", "--site", url, WIX_SITE_ID=""), "WIX_SITE_ID")
    one_sentence(await ended(onefold, "site", "check", "--site", "wix", WIX_API_KEY=""), "WIX_API_KEY")


async def test_the_key_never_leaves_this_machine_in_the_open(onefold: Callable[..., Ended]) -> None:
    for site_url in ("http://wix.example", "https://user:secret@wix.example", "ftp://wix.example", "wix:"):
        done = await ended(onefold, "site", "check", "--site", site_url)
        assert done.code == 2
        assert len(done.err.splitlines()) == 1
        assert "secret" not in done.err.replace(KEY, "")


@pytest.mark.parametrize("status", [200, 400, 409])
@pytest.mark.parametrize(
    "body", ["[" * 200_000, '{"contact": ' + "9" * 5_000 + "}", "{", "\x00", '"text"', '{"contact": NaN}']
)
async def test_an_odd_answer_is_one_sentence(status: int, body: str) -> None:
    client, _ = site(*[httpx.Response(status, text=body)] * 10)

    with pytest.raises(SiteError) as raised:
        await client.get("ada")
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 300

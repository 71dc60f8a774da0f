"""The server speaks the wire format: headers, bodies, statuses, errors, events."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import httpx
import jwt
import pytest
from conftest import Ended, info
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi import FastAPI, Request, Response

from connectors.local import LocalSite
from connectors.server import Webhook, bounds, make_app, running, serving
from transforms.schema.contact import Info

HEADERS = {"Authorization": "a-key", "wix-site-id": "a-site"}
CONTACTS = "/contacts/v4/contacts"


@pytest.fixture
async def http(site: LocalSite) -> AsyncIterator[httpx.AsyncClient]:
    app = make_app(site, api_key="a-key")
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://127.0.0.1", headers=HEADERS
    ) as client:
        yield client


async def test_a_call_needs_the_key_and_a_site_id(http: httpx.AsyncClient) -> None:
    for headers, status in (
        ({"Authorization": "", "wix-site-id": "a-site"}, 401),
        ({"Authorization": "another", "wix-site-id": "a-site"}, 401),
        ({"Authorization": "a-key", "wix-site-id": ""}, 403),
        ({"Authorization": "Bearer a-key", "wix-site-id": "a-site"}, 200),
        ({"Authorization": "a-key", "wix-site-id": "a-site"}, 200),
    ):
        for method, path in (("GET", CONTACTS), ("POST", "/contacts/v4/labels/query")):
            answer = await http.request(method, path, headers=headers, json={} if method == "POST" else None)
            assert answer.status_code == status
            assert answer.headers["content-type"] == "application/json"


async def test_every_answer_has_an_id_of_its_own_and_the_state_of_the_site(http: httpx.AsyncClient) -> None:
    first = await http.get(f"{CONTACTS}/nobody")
    second = await http.post(CONTACTS, json={"info": {"name": {"first": "Ada"}}})

    assert first.headers["x-wix-request-id"] != second.headers["x-wix-request-id"]
    assert int(second.headers["x-wix-consistent"]) > int(first.headers["x-wix-consistent"])


async def test_a_contact_is_answered_with_all_that_the_service_derives(http: httpx.AsyncClient) -> None:
    given = {
        "name": {"first": "Ada"},
        "emails": {"items": [{"email": "ada@engines.example", "id": "ignored", "unknown": 1}]},
        "phones": {"items": [{"phone": "(212) 555-0123", "countryCode": "US"}]},
    }

    contact = (await http.post(CONTACTS, json={"info": given, "unknown": True})).json()["contact"]
    (phone,), (email,) = contact["info"]["phones"]["items"], contact["info"]["emails"]["items"]

    assert contact["revision"] == 1
    assert contact["createdDate"].endswith("Z")
    assert len(contact["createdDate"]) == len("2026-11-24T02:00:00.000Z")
    assert contact["primaryInfo"] == {"email": "ada@engines.example", "phone": "(212) 555-0123"}
    assert contact["primaryPhone"]["formattedPhone"] == "+1 212-555-0123"
    assert contact["lastActivity"]["activityType"] == "CONTACT_CREATED"
    assert (phone["e164Phone"], phone["primary"], phone["tag"]) == ("+12125550123", True, "UNTAGGED")
    assert email["id"] not in ("ignored", None)
    assert contact["info"]["extendedFields"]["items"]["emailSubscriptions.effectiveEmail"] == "ada@engines.example"
    assert "company" not in contact["info"]


async def test_fields_and_fieldsets_choose_what_is_answered(http: httpx.AsyncClient) -> None:
    given = {"name": {"first": "Ada"}, "company": "Engines", "emails": {"items": [{"email": "ada@engines.example"}]}}
    name = (await http.post(CONTACTS, json={"info": given})).json()["contact"]["id"]

    async def parts(query: str) -> tuple[set[str], set[str]]:
        contact = (await http.get(f"{CONTACTS}/{name}?{query}")).json()["contact"]
        return set(contact) - {"id", "revision"}, set(contact.get("info", ()))

    assert await parts("fields=info.company") == ({"info"}, {"company"})
    assert await parts("fields=info.company,info.name&fieldsets=BASIC") == (
        {"info", "primaryInfo"},
        {"company", "name"},
    )
    assert await parts("fields=source&fields=createdDate") == ({"source", "createdDate"}, set())
    assert await parts("fieldsets=COMMUNICATION_DETAILS") == ({"info", "primaryInfo"}, {"name", "emails"})
    assert (await parts("fieldsets=FULL"))[0] >= {"info", "source", "lastActivity", "primaryEmail"}


async def test_a_merged_id_says_so(http: httpx.AsyncClient) -> None:
    one, two = [
        (await http.post(CONTACTS, json={"info": {"name": {"first": name}}})).json()["contact"]["id"]
        for name in ("Ada", "Augusta")
    ]
    body = {"targetContactId": one, "targetContactRevision": 1, "sourceContactIds": [two]}

    merged = await http.post(f"{CONTACTS}/{one}/merge", json=body)

    assert (merged.status_code, merged.json()["contact"]["revision"]) == (200, 2)
    assert (await http.get(f"{CONTACTS}/{one}")).json()["responseType"] == "REGULAR"
    assert (await http.get(f"{CONTACTS}/{two}")).json()["responseType"] == "MERGED"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[1]", "Expected an object"),
        (b"{", "Expected an object"),
        (b"", "Expected an object"),
        (b'{"info": {"company": 7}}', "info.company"),
        (b'{"allowDuplicates": true}', "info"),
    ],
)
async def test_a_body_of_the_wrong_shape_is_400(http: httpx.AsyncClient, content: bytes, message: str) -> None:
    answer = await http.post(CONTACTS, content=content, headers={"Content-Type": "application/json"})

    assert answer.status_code == 400
    assert message in answer.json()["message"]


async def test_refusals_have_the_services_envelope(http: httpx.AsyncClient) -> None:
    unknown = await http.get(f"{CONTACTS}/nobody")
    long = await http.post(CONTACTS, json={"info": {"name": {"first": "A" * 1001}}})
    unfiltered = await http.post("/contacts/v4/contacts/query", json={"query": {"filter": []}})
    unpathed = await http.get("/contacts/v4/nowhere")
    unrevised = await http.patch(f"{CONTACTS}/nobody", json={"info": {"company": "x"}})

    assert unknown.status_code == 404
    assert unknown.json()["details"]["applicationError"]["code"] == "CONTACT_NOT_FOUND"
    assert long.json()["details"]["validationError"]["fieldViolations"] == [
        {
            "field": "info.name.first",
            "description": "is longer than 1000",
            "violatedRule": "MAX_LENGTH",
            "data": {"threshold": 1000},
        }
    ]
    assert unfiltered.json()["details"]["applicationError"]["code"] == "MALFORMED_FILTER"
    assert (unpathed.status_code, unpathed.headers["content-type"]) == (404, "application/json")
    assert unrevised.status_code == 400
    assert unrevised.json()["details"]["validationError"]["fieldViolations"][0]["field"] == "revision"


async def test_labels_are_taken_off_by_parameters_or_by_a_body(http: httpx.AsyncClient, site: LocalSite) -> None:
    keys = [(await site.find_or_create_label(name)).key for name in ("Poet", "Friend")]
    contact = await site.create(info("Ada", labels=tuple(keys)))

    one = await http.request("DELETE", f"{CONTACTS}/{contact.id}/labels?contactId={contact.id}&labelKeys={keys[0]}")
    two = await http.request("DELETE", f"{CONTACTS}/{contact.id}/labels", json={"labelKeys": [keys[1]]})

    assert one.json()["contact"]["info"]["labelKeys"]["items"] == [keys[1]]
    assert "labelKeys" not in two.json()["contact"]["info"]


async def test_lists_name_their_paging_metadata_and_queries_pagingmetadata(http: httpx.AsyncClient) -> None:
    await http.post("/contacts/v4/labels", json={"displayName": "Poet"})
    renamed = await http.patch("/contacts/v4/labels/custom.poet", json={"displayName": "Bard"})

    listed = (await http.get("/contacts/v4/labels?startsWith=B")).json()
    queried = (
        await http.post("/contacts/v4/labels/query", json={"query": {"sort": {"fieldName": "displayName"}}})
    ).json()

    assert renamed.json()["label"]["displayName"] == "Bard"
    assert listed["metadata"] == {"count": 1, "offset": 0, "total": 1, "tooManyToCount": False}
    assert queried["pagingMetadata"]["total"] == 1


async def test_the_documentation_asks_nothing_of_the_network(http: httpx.AsyncClient) -> None:
    page = (await http.get("/docs")).text
    paths = (await http.get("/openapi.json")).json()["paths"]

    assert "//cdn" not in page
    assert "https://" not in page
    assert {f"{CONTACTS}/{{contact_id}}/merge", "/contacts/v4/bulk/jobs/{job_id}"} <= set(paths)
    assert (await http.get("/static-offline-docs/swagger-ui-bundle.js")).status_code == 200


async def test_contacts_are_planted_only_where_that_was_asked_for(http: httpx.AsyncClient) -> None:
    assert (await http.post("/onefold/seed", json=[])).status_code == 404


# --- events ---


@asynccontextmanager
async def receiving(site_path: Path, key: bytes | None = None, refuse: int = 0) -> AsyncIterator[tuple[LocalSite, Any]]:
    """A served site that posts its events to a receiver on loopback, which takes them after some refusals."""
    taken: list[bytes] = []
    refused = refuse
    receiver = FastAPI()

    @receiver.post("/hook")
    async def hook(request: Request) -> Response:
        nonlocal refused
        if refused:
            refused -= 1
            return Response(status_code=500)
        taken.append(await request.body())
        return Response()

    async def arrived(count: int) -> list[bytes]:
        with anyio.fail_after(20):
            while len(taken) < count:
                await anyio.sleep(0.02)
        return taken

    with LocalSite(site_path, create=True, events=True) as site:
        async with (
            running(receiver) as (url, _),
            running(make_app(site, webhook=Webhook(f"{url}/hook", key))),
        ):
            yield site, arrived


async def test_every_change_is_posted_in_order_until_it_is_taken(site_path: Path) -> None:
    async with receiving(site_path, refuse=2) as (site, arrived):
        target, source = [await site.create(info(name)) for name in ("Ada", "Augusta")]
        await site.update(target.id, 1, Info(company="Engines"))
        await site.merge(target.id, 2, [source.id])
        await site.delete(target.id)
        events = [json.loads(body) for body in await arrived(7)]

    assert [(one["slug"], one["entityId"], one.get("originatedFrom")) for one in events] == [
        ("created", target.id, None),
        ("created", source.id, None),
        ("updated", target.id, None),
        ("updated", target.id, "merge"),
        ("deleted", source.id, "merge"),
        ("merged", target.id, None),
        ("deleted", target.id, None),
    ]
    sequence = [int(one["entityEventSequence"]) for one in events]
    assert sequence == sorted(set(sequence))
    assert len({one["id"] for one in events}) == 7
    assert events[2]["updatedEvent"]["currentEntity"]["info"]["company"] == "Engines"
    assert events[5]["actionEvent"]["body"]["sourceContactIds"] == [source.id]
    assert events[5]["actionEvent"]["body"]["targetContact"]["revision"] == 3


async def test_with_a_key_an_event_is_a_signed_token(site_path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    async with receiving(site_path, pem) as (site, arrived):
        contact = await site.create(info("Ada"))
        (token,) = await arrived(1)

    claims = jwt.decode(token, key.public_key(), algorithms=["RS256"])
    data = json.loads(claims["data"])
    event = json.loads(data["data"])

    assert data["eventType"] == "wix.contacts.v4.contact_created"
    assert event["entityId"] == event["createdEvent"]["entity"]["id"] == contact.id


# --- the command ---


def test_serving_what_cannot_be_served_is_one_sentence(onefold: Callable[..., Ended], site_path: Path) -> None:
    LocalSite(site_path, create=True).close()
    for arguments, words in (
        (["--site", f"local:{site_path}.missing"], "There is no embedded site"),
        (["--site", "wix"], "is not an embedded site"),
        (["--site", f"local:{site_path}", "--chaos", "missing.toml"], "There is no file"),
        (
            ["--site", f"local:{site_path}", "--webhook", "http://127.0.0.1", "--webhook-key", "x.pem"],
            "There is no file",
        ),
        (["--site", f"local:{site_path}", "--host", "203.0.113.1"], "Nothing can be served at"),
    ):
        done = onefold("serve", *arguments)
        assert done.code == 2
        assert words in done.err
        assert len(done.err.splitlines()) == 1


# --- what no field can hold, and how much may be asked ---


HUGE = 2**70
MALFORMED = [
    ("POST", CONTACTS, '{"info":{"name":{"first":"\\ud800"}}}'),
    ("POST", CONTACTS, '{"info":{"emails":{"items":[{"email":"\\udfff@kite.example"}]}}}'),
    ("POST", CONTACTS, '{"info":{"birthdate":"0000-00-00"}}'),
    ("POST", CONTACTS, b"\xff\xfe\x00"),
    ("POST", f"{CONTACTS}/query", {"query": {"paging": {"limit": HUGE}}}),
    ("POST", f"{CONTACTS}/query", {"query": {"paging": {"offset": HUGE}}}),
    ("POST", f"{CONTACTS}/query", {"query": {"filter": {"createdDate": {"$gt": "0001-01-01T00:00:00+23:59"}}}}),
    ("POST", f"{CONTACTS}/query", {"query": {"filter": {"createdDate": {"$gt": "9999-12-31T23:59:59-23:59"}}}}),
    ("POST", f"{CONTACTS}/query", {"query": {"filter": {"createdDate": {"$gt": HUGE}}}}),
    ("POST", f"{CONTACTS}/query", {"query": {"filter": {"info.name.first": HUGE}}}),
    ("POST", f"{CONTACTS}/query", '{"query":{"filter":' + '{"$not":' * 900 + "{}" + "}" * 900 + "}}"),
    ("POST", f"{CONTACTS}/query", "[" * 100_000),
    ("PATCH", f"{CONTACTS}/abc", {"revision": HUGE, "info": {}}),
    ("POST", f"{CONTACTS}/abc/merge", {"targetContactRevision": HUGE, "sourceContactIds": ["x"]}),
    ("GET", f"{CONTACTS}?paging.limit={'9' * 6_000}", None),
    ("GET", f"{CONTACTS}?paging.offset={'9' * 40}", None),
    ("POST", "/contacts/v4/labels", '{"displayName":"\\ud800"}'),
    ("POST", "/contacts/v4/labels/query", {"query": {"paging": {"limit": HUGE, "offset": -HUGE}}}),
    ("POST", "/contacts/v4/extended-fields", '{"displayName":"\\udfff","dataType":"TEXT"}'),
    ("POST", "/contacts/v4/bulk/contacts/delete", {"search": "\ud800"}),
]


@pytest.fixture
async def bounded(site: LocalSite) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the server as it runs, with its bounds."""
    async with (
        running(make_app(site)) as (url, _),
        httpx.AsyncClient(base_url=url, headers=HEADERS, trust_env=False, timeout=60) as client,
    ):
        yield client


async def test_a_request_that_no_field_can_hold_is_malformed_and_no_failure(bounded: httpx.AsyncClient) -> None:
    for method, path, body in MALFORMED:
        content = body if isinstance(body, str | bytes) or body is None else json.dumps(body)
        answer = await bounded.request(method, path, content=content, headers={"Content-Type": "application/json"})
        assert 400 <= answer.status_code < 500, (method, path, body, answer.status_code)
        assert isinstance(answer.json()["message"], str)


async def test_a_body_beyond_the_bound_is_refused(bounded: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "BODY_BYTES", 10_000)

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 1_000

    announced = await bounded.post(CONTACTS, content=b"x" * 20_000)
    unannounced = await bounded.post(CONTACTS, content=chunks())

    assert (announced.status_code, unannounced.status_code) == (413, 413)
    assert (await bounded.get(CONTACTS)).status_code == 200


async def test_a_request_that_does_not_arrive_is_not_waited_for(
    bounded: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "HEADER_SECONDS", 0.3)
    monkeypatch.setattr(bounds, "BODY_SECONDS", 0.3)
    host, port = bounded.base_url.host, bounded.base_url.port
    for begun, ending in (
        (b"", b""),
        (b"GET /contacts HTTP/1.1\r\nHost: x\r\nX-Slow: ", b""),
        (b"POST /contacts/v4/contacts HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{", b"HTTP/1.1 408"),
    ):
        async with await anyio.connect_tcp(host, port or 80) as stream:
            if begun:
                await stream.send(begun)
            received = b""
            with anyio.fail_after(10), suppress(anyio.EndOfStream):
                while True:
                    received += await stream.receive()
        assert received.startswith(ending)
    assert (await bounded.get(CONTACTS)).status_code == 200


async def test_no_more_connections_are_open_than_the_bound(site: LocalSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "CONNECTIONS", 3)
    async with running(make_app(site)) as (url, _):
        host, port = httpx.URL(url).host, httpx.URL(url).port
        held = [await anyio.connect_tcp(host, port or 80) for _ in range(4)]
        async with httpx.AsyncClient(base_url=url, headers=HEADERS, trust_env=False) as client:
            refused = await client.get(CONTACTS)
        for stream in held:
            await stream.aclose()
        await anyio.sleep(0.1)
        async with httpx.AsyncClient(base_url=url, headers=HEADERS, trust_env=False) as client:
            assert (refused.status_code, (await client.get(CONTACTS)).status_code) == (503, 200)

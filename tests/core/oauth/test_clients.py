"""Who may ask a student for access: clients that register, clients known by their document, metadata for both."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

import asyncpg
import httpx
import pytest
from authlib.oauth2 import rfc8414, rfc9207
from fastapi import FastAPI

from core.auth.oauth.documents import Document, DocumentUnreachable
from core.auth.oauth.pages import document_fetcher
from core.auth.oauth.registry import Fetch
from core.settings import Settings
from tests.core.conftest import SignUp, running
from tests.core.oauth.browsing import ISSUER, RESOURCE, App, Browser, answer_of
from tests.core.oauth.conftest import browser_on
from tests.core.oauth.hosts import DocumentHost, document_host

METADATA = "/.well-known/oauth-authorization-server"
RESOURCE_METADATA = "/.well-known/oauth-protected-resource"
CHATGPT = json.loads(files("core.auth.oauth").joinpath("chatgpt_client.json").read_text())
REDIRECT = "https://documents.test/callback"


async def test_the_server_describes_itself(client: httpx.AsyncClient) -> None:
    answer = await client.get(METADATA)
    described = answer.json()
    standard = rfc8414.AuthorizationServerMetadata({**described, "issuer": "https://course.example"})
    for name in ("authorization", "token", "revocation", "registration"):
        endpoint = described[f"{name}_endpoint"]
        assert endpoint.startswith(f"{ISSUER}/oauth/")
        standard[f"{name}_endpoint"] = endpoint.replace("http:", "https:")
    standard.validate(metadata_classes=[rfc9207.AuthorizationServerMetadata])
    assert described["issuer"] == ISSUER
    assert described["code_challenge_methods_supported"] == ["S256"]
    assert described["token_endpoint_auth_methods_supported"] == ["none"]
    assert described["client_id_metadata_document_supported"] is True
    assert described["authorization_response_iss_parameter_supported"] is True


@pytest.mark.parametrize("address", [RESOURCE_METADATA, f"{RESOURCE_METADATA}/mcp"])
async def test_the_app_says_whose_tokens_it_takes(client: httpx.AsyncClient, address: str) -> None:
    described = (await client.get(address)).json()
    assert described["resource"] == RESOURCE
    assert described["authorization_servers"] == [(await client.get(METADATA)).json()["issuer"]]
    assert described["scopes_supported"] == ["learn"]


@pytest.mark.parametrize("address", [METADATA, RESOURCE_METADATA, "/oauth/token", "/oauth/register", "/oauth/revoke"])
async def test_a_page_of_any_origin_may_ask(client: httpx.AsyncClient, address: str) -> None:
    asked = await client.options(address, headers={"Origin": "https://inspector.example"})
    assert asked.status_code == 204
    method = "POST" if address.startswith("/oauth") else "GET"
    answer = await client.request(method, address)
    for headers in (asked.headers, answer.headers):
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in headers
    assert "MCP-Protocol-Version" in asked.headers["Access-Control-Allow-Headers"]


@pytest.mark.parametrize("address", [f"{METADATA}/mcp", f"{METADATA}/", f"{RESOURCE_METADATA}/other"])
async def test_nothing_is_described_elsewhere(client: httpx.AsyncClient, address: str) -> None:
    assert (await client.get(address)).status_code == 404


async def test_an_issuer_with_a_path_is_described_at_its_own_address(settings: Settings) -> None:
    async with running(settings.model_copy(update={"public_url": f"{ISSUER}/tutor"})) as app, browser_on(app) as client:
        assert (await client.get(METADATA)).status_code == 404
        assert (await client.get(f"{METADATA}/tutor")).json()["issuer"] == f"{ISSUER}/tutor"
        assert (await client.get(f"{RESOURCE_METADATA}/tutor/mcp")).json()["resource"] == f"{ISSUER}/tutor/mcp"


async def test_a_client_registers_and_is_a_public_one(client: httpx.AsyncClient) -> None:
    asked = {
        "client_name": "Une appli",
        "redirect_uris": ["http://localhost:3000/cb", "com.example.app:/cb"],
        "token_endpoint_auth_method": "client_secret_post",
        "grant_types": ["authorization_code"],
        "logo_uri": "https://client.example/logo.png",
    }
    answer = await client.post("/oauth/register", json=asked)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
    made = answer.json()
    assert abs(made.pop("client_id_issued_at") - datetime.now(UTC).timestamp()) < 60
    assert made.pop("client_id") not in {"", None}
    assert made == {
        "client_name": "Une appli",
        "redirect_uris": asked["redirect_uris"],
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "scope": "learn",
    }


@pytest.mark.parametrize(
    ("change", "error"),
    [
        *(
            ({"redirect_uris": [uri]}, "invalid_redirect_uri")
            for uri in (
                *("http://client.example/cb", "https://client.example/cb#f", "https://user@client.example/cb"),
                *(
                    "javascript:alert(1)",
                    "data:text/html,x",
                    "file:///etc/passwd",
                    "cb",
                    "",
                    "https:///cb",
                    "https://[",
                ),
                *(
                    "https://client.example/a b",
                    "https://cli\u00e9nt.example/",
                    "https://client.example\\@evil.example/",
                ),
                *("https://client.example/\u0000", "https://client.example/" + "x" * 2000),
            )
        ),
        ({"redirect_uris": []}, "invalid_redirect_uri"),
        ({"redirect_uris": None}, "invalid_redirect_uri"),
        ({"redirect_uris": "https://client.example/cb"}, "invalid_redirect_uri"),
        ({"redirect_uris": [f"https://client.example/{n}" for n in range(21)]}, "invalid_redirect_uri"),
        ({"client_name": "n" * 201}, "invalid_client_metadata"),
        ({"client_name": "turned \u202e round"}, "invalid_client_metadata"),
        ({"client_name": "nul\0"}, "invalid_client_metadata"),
        ({"client_name": 7}, "invalid_client_metadata"),
        ({"software_statement": "x" * 20_000}, "invalid_client_metadata"),
    ],
)
async def test_a_registration_that_cannot_be_taken(
    client: httpx.AsyncClient, change: dict[str, Any], error: str
) -> None:
    body = {"client_name": "A client", "redirect_uris": ["https://client.example/cb"], **change}
    answer = await client.post("/oauth/register", json=body)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff"])
async def test_a_registration_that_is_no_document(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/oauth/register", content=body)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")


async def test_registrations_are_throttled_and_bounded(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    strict = settings.model_copy(update={"sign_in_limits_scale": 0.01})  # three an hour
    body = {"redirect_uris": ["https://client.example/cb"]}
    async with running(strict) as app, browser_on(app) as client:
        answers = [await client.post("/oauth/register", json=body) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [201, 201, 201, 429]
        assert answers[-1].json()["error"] == "temporarily_unavailable"
        assert int(answers[-1].headers["Retry-After"]) > 0
    monkeypatch.setattr("core.auth.oauth.registry.MOST_UNUSED_CLIENTS", 1)
    async with running(settings) as app, browser_on(app) as client:
        full = await client.post("/oauth/register", json=body)
        assert (full.status_code, full.json()["error"]) == (503, "temporarily_unavailable")


# ---- clients known by their document ---------------------------------------------------------------------------------


def described(host: DocumentHost, **changes: Any) -> bytes:
    """ChatGPT's document word for word, but for where it stands."""
    own = {"client_id": host.url(), "client_name": "A tutor's host", "redirect_uris": [REDIRECT]}
    return json.dumps({**CHATGPT, **own, **changes}).encode()


@pytest.fixture
async def host() -> AsyncIterator[DocumentHost]:
    async with document_host() as host:
        host.answer(described(host))
        yield host


@pytest.fixture
async def documented(app: FastAPI, browser: Browser, host: DocumentHost) -> AsyncIterator[App]:
    """A client with a document, at an app that trusts its host."""
    trusting(app, host)
    yield App(browser.client, host.url(), REDIRECT)
    app.dependency_overrides.clear()
    app.state.settings.__dict__["oauth_client_hosts"] = "chatgpt.com"


def trusting(app: FastAPI, host: DocumentHost, fetch: Fetch | None = None) -> None:
    app.state.settings.__dict__["oauth_client_hosts"] = f"chatgpt.com, {host.netloc}"
    app.dependency_overrides[document_fetcher] = lambda: fetch or host.fetch()


async def test_a_client_is_known_by_its_document(
    browser: Browser, documented: App, host: DocumentHost, sign_up: SignUp
) -> None:
    page = await browser.open(documented.request())
    assert page.status_code == 200, page.text
    assert f"<strong>{host.netloc}</strong>" in page.text
    assert "A tutor&#39;s host" in page.text
    assert "Nobody has" not in page.text, "the host is certain"
    code = (await browser.allow(documented.request(), (await sign_up()).email))["code"]
    tokens = (await documented.redeem(code)).json()
    assert (await documented.refresh(tokens["refresh_token"])).status_code == 200
    assert len(host.asked) == 1, "the document is kept for as long as its headers say"


async def test_a_document_is_read_again_when_it_is_old(
    owner: asyncpg.Connection, browser: Browser, documented: App, host: DocumentHost
) -> None:
    host.answer(described(host), Cache_Control="max-age=7200")
    await browser.open(documented.request())
    kept = "SELECT fresh_until - now() FROM oauth_clients WHERE client_id = $1"
    assert timedelta(minutes=119) < await owner.fetchval(kept, host.url()) <= timedelta(hours=2)
    await outdate(owner, host)
    host.answer(described(host, redirect_uris=["https://documents.test/new"]))
    assert (await browser.open(documented.request())).status_code == 400, "the old address is not the client's any more"
    assert (await browser.open(documented.request(redirect_uri="https://documents.test/new"))).status_code == 200
    assert len(host.asked) == 2


async def outdate(owner: asyncpg.Connection, host: DocumentHost) -> None:
    await owner.execute("UPDATE oauth_clients SET fresh_until = now() WHERE client_id = $1", host.url())


async def test_a_document_that_cannot_be_reached_counts_as_last_seen(
    app: FastAPI, owner: asyncpg.Connection, browser: Browser, documented: App, host: DocumentHost
) -> None:
    await browser.open(documented.request())
    await outdate(owner, host)
    host.reply = b""
    assert (await browser.open(documented.request())).status_code == 200
    host.answer(b"{}", "404 Not Found")
    assert (await browser.open(documented.request())).status_code == 400, "a host that says no is believed"
    unseen = documented.request(client_id=host.url("/never-seen.json"))
    host.reply = b""
    assert (await browser.open(unseen)).status_code == 503


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "https://elsewhere.example/client.json"},
        {"token_endpoint_auth_methods_supported": ["private_key_jwt"]},
        {"token_endpoint_auth_methods_supported": None},
        {"redirect_uris": []},
        {"redirect_uris": ["http://documents.test/callback"]},
        {"client_name": "turned \u202e round"},
    ],
)
async def test_a_document_that_is_not_taken(
    browser: Browser, documented: App, host: DocumentHost, changes: dict[str, Any]
) -> None:
    host.answer(described(host, **changes))
    answer = await browser.open(documented.request())
    assert (answer.status_code, "Location" in answer.headers) == (400, False)


@pytest.mark.parametrize(
    "changes", [{"token_endpoint_auth_method": "none", "token_endpoint_auth_methods_supported": None}]
)
async def test_a_client_of_the_singular_kind_is_taken_too(
    browser: Browser, documented: App, host: DocumentHost, changes: dict[str, Any]
) -> None:
    host.answer(described(host, **changes))
    assert (await browser.open(documented.request())).status_code == 200


@pytest.mark.parametrize(
    "client_id",
    [
        "http://{host}/client.json",
        "https://{host}",
        "https://{host}/",
        "https://{host}/client.json?q=1",
        "https://{host}/client.json#f",
        "https://{host}/a/../client.json",
        "https://{host}/./client.json",
        "https://user@{host}/client.json",
        "https://{host}.elsewhere.example/client.json",
        "https://elsewhere.example/{host}/client.json",
        "https://{host}\\@elsewhere.example/client.json",
        "https://localhost/client.json",
        "https://[::1/client.json",
        "https://{host}/" + "x" * 2000,
        "https://{host}/cli\u00e9nt.json",
        "HTTPS://{host}/client.json",
    ],
)
async def test_no_other_address_is_ever_fetched(
    browser: Browser, documented: App, host: DocumentHost, client_id: str
) -> None:
    answer = await browser.open(documented.request(client_id=client_id.replace("{host}", host.netloc)))
    assert answer.status_code == 400
    assert host.names == []


async def test_reading_documents_is_throttled(settings: Settings) -> None:
    async with document_host() as host:
        strict = settings.model_copy(
            update={"sign_in_limits_scale": 0.1, "oauth_client_hosts": host.netloc}  # three in ten minutes
        )
        host.answer(b"{}")
        async with running(strict) as app, browser_on(app) as client:
            app.dependency_overrides[document_fetcher] = lambda: host.fetch()  # noqa: PLW0108  # its parameters would be taken for a query
            asked = [{"client_id": host.url(f"/{number}.json")} for number in range(4)]
            answers = [await client.get("/oauth/authorize", params=params) for params in asked]
            assert [answer.status_code for answer in answers] == [400, 400, 400, 429]
            assert len(host.asked) == 3


async def test_chatgpt_signs_in_by_its_own_document(app: FastAPI, browser: Browser, sign_up: SignUp) -> None:
    """ChatGPT's exact id, redirect and document; read from the copy kept here where its host cannot be reached."""
    asked_for: list[str] = []

    async def away(url: str) -> Document:
        asked_for.append(url)
        raise DocumentUnreachable

    app.dependency_overrides[document_fetcher] = lambda: away
    chatgpt = App(browser.client, "https://chatgpt.com/oauth/client.json", CHATGPT["redirect_uris"][0])
    answer = await browser.open(chatgpt.request())
    assert "<strong>ChatGPT</strong> at <strong>chatgpt.com</strong>" in answer.text
    assert "form-action 'self' https://chatgpt.com;" in answer.headers["Content-Security-Policy"]
    student = await sign_up()
    said = await browser.allow(chatgpt.request(), student.email)
    assert said["iss"] == ISSUER
    tokens = (await chatgpt.redeem(said["code"])).json()
    assert (await chatgpt.refresh(tokens["refresh_token"])).status_code == 200
    wrong = await browser.open(chatgpt.request(redirect_uri="https://chatgpt.com/connector/oauth/other"))
    assert wrong.status_code == 400
    assert asked_for == [chatgpt.client_id]
    denied = await browser.sign_in(chatgpt.request(), student.email)
    assert answer_of(denied)["code"], "consent is remembered for ChatGPT as for any other"
    app.dependency_overrides.clear()

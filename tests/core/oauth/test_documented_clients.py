"""Clients known by their document: read once, kept a while, and never from an address that is not public."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from importlib.resources import files
from typing import Any

import asyncpg
import pytest
from fastapi import FastAPI

from core.auth.oauth.documents import Document, DocumentUnreachable
from core.auth.oauth.pages import document_fetcher
from core.auth.oauth.registry import Fetch
from core.settings import Settings
from tests.core.conftest import SignUp, running
from tests.core.oauth.browsing import ISSUER, App, Browser, answer_of, grant
from tests.core.oauth.conftest import browser_on
from tests.core.oauth.hosts import DocumentHost, document_host

CHATGPT = json.loads(files("core.auth.oauth").joinpath("chatgpt_client.json").read_text())
REDIRECT = "https://documents.test/callback"


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
    assert "It will take you to <strong>documents.test</strong>." in page.text
    assert answer_of(await browser.open(documented.request(scope="x")))["error"] == "invalid_scope"
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


@pytest.mark.parametrize("status", ["", "500 Broken", "503 Away", "403 Forbidden", "429 Too Many Requests"])
async def test_a_document_that_cannot_be_read_counts_as_last_seen(
    owner: asyncpg.Connection, browser: Browser, documented: App, host: DocumentHost, status: str
) -> None:
    await browser.open(documented.request())
    await outdate(owner, host)
    host.answer(b"{}", status)
    if not status:
        host.reply = b""
    for _ in range(3):
        assert (await browser.open(documented.request())).status_code == 200
    assert len(host.asked) == 2, "a host that has trouble is not asked by every student"
    kept = await owner.fetchval("SELECT fresh_until - now() FROM oauth_clients WHERE client_id = $1", host.url())
    assert timedelta(minutes=4) < kept <= timedelta(minutes=5)
    unseen = documented.request(client_id=host.url("/never-seen.json"))
    assert (await browser.open(unseen)).status_code == 503


@pytest.mark.parametrize("status", ["404 Not Found", "410 Gone", "200 OK"])
async def test_a_document_that_is_gone_or_wrong_lets_nobody_new_in_and_signs_nobody_out(
    owner: asyncpg.Connection, documented: App, host: DocumentHost, sign_up: SignUp, status: str
) -> None:
    browser = Browser(documented.client)
    tokens = await grant(browser, documented, (await sign_up()).email)
    await outdate(owner, host)
    host.answer(b"{}", status)
    for _ in range(3):
        assert (await browser.open(documented.request())).status_code == 400
    assert len(host.asked) == 2, "that it was refused is remembered"
    assert (await documented.refresh(tokens["refresh_token"])).status_code == 200, "a host's slip signs nobody out"
    await outdate(owner, host)
    host.reply = b""
    assert (await browser.open(documented.request())).status_code == 400, "it counts as it was last seen"
    await outdate(owner, host)
    host.answer(described(host))
    assert (await browser.open(documented.request())).status_code == 200


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


async def test_reading_documents_is_throttled(settings: Settings, owner: asyncpg.Connection) -> None:
    async with document_host() as host:
        strict = settings.model_copy(
            update={"sign_in_limits_scale": 0.1, "oauth_client_hosts": host.netloc}  # three in ten minutes
        )
        host.answer(described(host))
        async with running(strict) as app, browser_on(app, "203.0.113.7") as client:
            app.dependency_overrides[document_fetcher] = lambda: host.fetch()  # noqa: PLW0108  # its parameters would be taken for a query
            known = App(client, host.url(), REDIRECT).request()
            asked = [known, *({"client_id": host.url(f"/{number}.json")} for number in range(3))]
            answers = [await client.get("/oauth/authorize", params=params) for params in asked]
            assert [answer.status_code for answer in answers] == [200, 400, 400, 429]
            await outdate(owner, host)
            again = await client.get("/oauth/authorize", params=known)
            assert again.status_code == 200, "who is known already stays known"
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
    assert "form-action 'self' https:;" in answer.headers["Content-Security-Policy"]
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

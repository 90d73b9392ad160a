"""Who may ask a student for access: clients that register, clients known by their document, metadata for both."""

import json
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import asyncpg
import httpx
import pytest
from authlib.oauth2 import rfc8414, rfc9207

from core.auth.oauth.clients import Client
from core.settings import Settings
from tests.conftest import Servers
from tests.core.conftest import running
from tests.core.oauth.browsing import ISSUER, RESOURCE, register
from tests.core.oauth.conftest import browser_on

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


@pytest.mark.parametrize(
    "address",
    [
        *(METADATA, RESOURCE_METADATA, f"{RESOURCE_METADATA}/mcp"),
        *("/oauth/token", "/oauth/register", "/oauth/revoke"),
    ],
)
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


@pytest.mark.parametrize(
    ("asked", "granted"), [(None, "learn"), ("", "learn"), (" ", "learn"), ("learn  learn", "learn learn")]
)
def test_a_scope_of_nothing_but_spaces_asks_for_the_usual(asked: str | None, granted: str) -> None:
    client = Client("id", None, frozenset(), documented=False)
    assert client.get_allowed_scope(asked) == granted


@pytest.mark.parametrize(
    ("named", "asked", "its_own"),
    [
        ("http://127.0.0.1:3055/cb?k=1", "http://127.0.0.1:49152/cb?k=1", True),
        ("http://127.0.0.1:3055/cb", "http://127.0.0.1/cb", True),
        ("http://[::1]/cb", "http://[::1]:49152/cb", True),
        ("http://127.0.0.1", "http://127.0.0.1:49152", True),
        ("http://127.0.0.1:3055/cb?k=1", "http://127.0.0.1:49152/cb", False),
        ("http://127.0.0.1:3055/cb", "http://127.0.0.1:49152/other", False),
        ("http://127.0.0.1:3055/cb", "http://127.0.0.1:49152/cb/", False),
        ("http://127.0.0.1:3055/cb", "http://127.0.0.1:49152/cb\n", False),
        ("http://127.0.0.1:3055/cb", "http://127.0.0.1:x/cb", False),
        ("http://127.0.0.1:3055/cb", "http://127.0.0.1:1@elsewhere.example/cb", False),
        ("http://127.0.0.1:3055/cb", "http://127.0.0.1:1.elsewhere.example/cb", False),
        ("http://127.0.0.1:3055/cb", "http://user@127.0.0.1:3055/cb", False),
        ("http://127.0.0.1:3055/cb", "https://127.0.0.1:49152/cb", False),
        ("http://127.0.0.1:3055/cb", "http://[::1]:3055/cb", False),
        ("http://127.0.0.1:3055/cb", "http://127.0.0.2:3055/cb", False),
        ("http://localhost:3055/cb", "http://localhost:49152/cb", False),
        ("https://client.example:8443/cb", "https://client.example:8444/cb", False),
        ("https://client.example/http://127.0.0.1:1/", "https://client.example/http://127.0.0.1:2/", False),
    ],
)
def test_a_program_on_this_machine_may_take_any_port_and_nothing_else_differs(
    named: str, asked: str, its_own: bool
) -> None:
    client = Client("id", None, frozenset({named, "https://client.example/another"}), documented=False)
    assert client.check_redirect_uri(named)
    assert client.check_redirect_uri(asked) is its_own


async def test_a_client_registers_and_is_a_public_one(client: httpx.AsyncClient) -> None:
    asked = {
        "client_name": "Une appli",
        "redirect_uris": [
            *("http://localhost:3000/cb", "http://[::1]:3000/cb", "https://my-client.example:8443/cb"),
            *("com.example.app:/cb", "com.example.app://signed-in/cb"),
        ],
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
                *(
                    "https://x;sandbox",
                    "https://*/",
                    "https://x,default-src/",
                    "https://'self'/",
                    "https://a_b.example/",
                ),
                *("https://client.example:/", "https://client.example:x/"),
                *("https://client.example:80443x", "com.example.app://x;sandbox/cb", "http://localhost;/cb"),
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


async def test_registrations_are_throttled(settings: Settings) -> None:
    strict = settings.model_copy(update={"sign_in_limits_scale": 0.01})  # three an hour
    body = {"redirect_uris": ["https://client.example/cb"]}
    async with running(strict) as app, browser_on(app, "203.0.113.8") as client:
        answers = [await client.post("/oauth/register", json=body) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [201, 201, 201, 429]
        assert answers[-1].json()["error"] == "temporarily_unavailable"
        assert int(answers[-1].headers["Retry-After"]) > 0


async def test_a_new_client_takes_the_place_of_the_oldest_that_nobody_has_let_in(
    servers: Servers, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.auth.oauth.registry.MOST_UNUSED_CLIENTS", 3)
    monkeypatch.setattr("core.auth.oauth.registry.ROOM_FOR", 1)
    database = servers.new_database()
    own = settings.model_copy(update={"core_database_url": type(settings.jwt_secret_key)(database.core_url)})
    async with running(own) as app, browser_on(app) as client:
        oldest, old, young = [(await register(client)).client_id for _ in range(3)]
        full = await client.post("/oauth/register", json={"redirect_uris": ["https://client.example/cb"]})
        assert (full.status_code, full.json()["error"]) == (503, "temporarily_unavailable"), "each may be under way"
        owner = await asyncpg.connect(database.owner_url)
        try:
            aged = "UPDATE oauth_clients SET created_at = now() - CAST($2 AS text)::interval WHERE client_id = $1"
            await owner.executemany(aged, [(old, "61 minutes"), (oldest, "62 minutes"), (young, "59 minutes")])
            new = (await register(client)).client_id
            left = await owner.fetch("SELECT client_id FROM oauth_clients")
        finally:
            await owner.close()
        assert {row["client_id"] for row in left} == {old, young, new}

"""A student's browser and a client's program, as far as signing in needs them."""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.core.conftest import PASSWORD, SERVICE_TOKEN

ISSUER = "http://course.example"
RESOURCE = f"{ISSUER}/mcp"
REDIRECT = "https://client.example/callback?kept=1"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
SERVICE = {"Authorization": f"Bearer {SERVICE_TOKEN}"}
INVALID_GRANT = (400, "invalid_grant")


@dataclass
class Form:
    """A form of a page: where it goes, and what its hidden fields and first button say."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append(Form(named["action"]))
        if tag == "input" and named.get("type") == "hidden":
            self.found[-1].fields[named["name"]] = named["value"]


def forms(page: httpx.Response) -> list[Form]:
    """The forms of a page, in order."""
    parser = _Forms()
    parser.feed(page.text)
    return parser.found


def answer_of(page: httpx.Response) -> dict[str, str]:
    """What the redirect back to a client says."""
    assert page.status_code == 303, (page.status_code, page.text)
    return said_by(page.headers["Location"])


def said_by(address: str) -> dict[str, str]:
    """What an address tells a client."""
    query = parse_qs(urlsplit(address).query, strict_parsing=True)
    assert all(len(values) == 1 for values in query.values()), query
    return {name: values[0] for name, values in query.items()}


def is_page(answer: httpx.Response, status: int = 200) -> bool:
    """Whether this is a page of ours, with everything that guards one."""
    assert answer.status_code == status, answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy
    assert "script" not in policy
    assert "<script" not in answer.text
    assert '<html lang="en">' in answer.text
    return "Location" not in answer.headers


@dataclass
class App:
    """A registered client: it makes a request, and redeems what comes back."""

    client: httpx.AsyncClient
    client_id: str
    redirect_uri: str = REDIRECT
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    state: str = field(default_factory=lambda: secrets.token_urlsafe(8))

    @property
    def challenge(self) -> str:
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()

    def request(self, **changes: Any) -> dict[str, Any]:
        """The parameters of an authorization request; None leaves one out."""
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": "learn",
            "state": self.state,
            "resource": RESOURCE,
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
            **changes,
        }
        return {name: value for name, value in asked.items() if value is not None}

    async def token(self, **fields: str | None) -> httpx.Response:
        given = {name: value for name, value in {"client_id": self.client_id, **fields}.items() if value is not None}
        return await self.client.post("/oauth/token", data=given)

    async def redeem(self, code: str | None, **changes: str | None) -> httpx.Response:
        return await self.token(
            **{
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": self.redirect_uri,
                "code_verifier": self.verifier,
                "resource": RESOURCE,
                **changes,
            }
        )

    async def refresh(self, refresh_token: str, **changes: str | None) -> httpx.Response:
        return await self.token(**{"grant_type": "refresh_token", "refresh_token": refresh_token, **changes})


@dataclass
class Browser:
    """A browser of its own: cookies, and the page it shows."""

    client: httpx.AsyncClient

    async def open(self, asked: dict[str, Any]) -> httpx.Response:
        return await self.client.get("/oauth/authorize", params=asked)

    async def submit(self, page: httpx.Response, action: str, **fields: str) -> httpx.Response:
        [form] = [form for form in forms(page) if form.action == action]
        return await self.client.post(f"/oauth/{action}", data={**form.fields, **fields})

    async def sign_in(self, asked: dict[str, Any], email: str, password: str = PASSWORD) -> httpx.Response:
        page = await self.open(asked)
        assert page.status_code == 200, page.text
        return await self.submit(page, "sign-in", email=email, password=password)

    async def allow(self, asked: dict[str, Any], email: str, password: str = PASSWORD) -> dict[str, str]:
        """Sign in, agree where it is asked; what goes back to the client."""
        return answer_of(await self.follow(asked, email, password))

    async def follow(self, asked: dict[str, Any], email: str, password: str = PASSWORD) -> httpx.Response:
        """The same, as the redirect that takes it there."""
        page = await self.sign_in(asked, email, password)
        if page.status_code == 200:
            page = await self.submit(page, "consent", decision="allow")
        return page


async def register(client: httpx.AsyncClient, **metadata: Any) -> App:
    """A client that has registered itself."""
    body = {"client_name": "A test client", "redirect_uris": [REDIRECT], **metadata}
    answer = await client.post("/oauth/register", json=body)
    assert answer.status_code == 201, answer.text
    return App(client, answer.json()["client_id"], body["redirect_uris"][0])


async def grant(browser: Browser, app: App, email: str) -> dict[str, Any]:
    """The tokens of a student who has let the client in."""
    answer = await browser.allow(app.request(), email)
    tokens = await app.redeem(answer["code"])
    assert tokens.status_code == 200, tokens.text
    body: dict[str, Any] = tokens.json()
    return body


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Status and error of a token error as RFC 6749 words it."""
    body = answer.json()
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert body.keys() == {"error", "error_description"}, body
    assert body["error_description"]
    return answer.status_code, body["error"]


async def exchange(client: httpx.AsyncClient, token: str, **changes: str) -> httpx.Response:
    form = {"grant_type": EXCHANGE, "subject_token": token, "subject_token_type": ACCESS_TOKEN, **changes}
    return await client.post("/internal/v1/oauth/token", data=form, headers=SERVICE)


async def is_live(client: httpx.AsyncClient, access_token: str) -> bool:
    """Whether the app would still be let in with this token."""
    body = {"token": access_token, "audience": "app"}
    answer = await client.post("/internal/v1/learners/resolve", json=body, headers=SERVICE)
    assert answer.status_code in (200, 401)
    return answer.status_code == 200


async def works(client: httpx.AsyncClient, api_token: str) -> bool:
    headers = {"Authorization": f"Bearer {api_token}"}
    return (await client.get("/api/v1/auth/me", headers=headers)).status_code == 200


async def code_for(browser: Browser, app: App, email: str) -> str:
    return (await browser.allow(app.request(), email))["code"]

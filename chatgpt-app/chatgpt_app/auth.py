"""Who may speak to `/mcp`: the bearer is exchanged at core for a short API token of the same session.

The API token is kept for a minute. The caller's is never passed on, and the app can neither read nor make one.
"""

import hashlib
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from chatgpt_app.errors import SignedOut, Unreachable
from chatgpt_app.gateway import Doors, Message

SCOPE = "learn"
KEPT_TOKENS = 20_000
LONGEST_TOKEN = 4096
# What asks nothing of the API, such as the list of the tools, is served for so long after a session has ended.
KEPT_SECONDS = 60.0
# A kept token that is about to end is exchanged anew, so that the longest call still finishes with it.
SPARE_SECONDS = 60.0


@dataclass(frozen=True)
class Kept:
    """An API token and when, on the monotonic clock, it should no longer be begun with."""

    token: str
    until: float


class TokenExchange:
    """Bearer in, API token out. Bearers are remembered by their digests only."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._kept: dict[bytes, Kept] = {}

    async def api_token(self, bearer: str) -> str:
        """The API token of this bearer's session; raises SignedOut or Unreachable."""
        if not 1 <= len(bearer) <= LONGEST_TOKEN:
            raise SignedOut
        digest = _digest(bearer)
        kept = self._kept.get(digest)
        if kept is not None and kept.until > time.monotonic():
            return kept.token
        began = time.monotonic()
        fresh = await self._doors.exchange(bearer)
        self._kept.pop(digest, None)
        while len(self._kept) >= KEPT_TOKENS:
            del self._kept[next(iter(self._kept))]  # the oldest
        good_for = min(KEPT_SECONDS, fresh.expires_in - SPARE_SECONDS)
        self._kept[digest] = Kept(fresh.access_token, began + good_for)
        return fresh.access_token

    def forget(self, bearer: str) -> None:
        """Drop what is kept of a bearer whose session has ended."""
        self._kept.pop(_digest(bearer), None)


def _digest(bearer: str) -> bytes:
    return hashlib.sha256(bearer.encode()).digest()


@dataclass(frozen=True)
class Learner:
    """The API as the caller of this request may use it."""

    doors: Doors
    exchange: TokenExchange
    bearer: str
    token: str

    async def get(self, path: str, message: type[Message], **params: Any) -> Message:
        """What the API answers to a GET."""
        given = {name: value for name, value in params.items() if value is not None}
        return await self._ask("GET", path, message, params=given)

    async def send(
        self, method: str, path: str, message: type[Message], body: BaseModel, key: str | None = None
    ) -> Message:
        """What the API answers to a write; ``key`` makes it happen once."""
        return await self._ask(method, path, message, body=body, key=key)

    async def follow(
        self, method: str, path: str, *, body: BaseModel | None = None, key: str | None = None
    ) -> AsyncGenerator[tuple[str, bytes]]:
        """The events of long work as (name, JSON data)."""
        try:
            async with aclosing(self.doors.follow(self.token, method, path, body=body, key=key)) as events:
                async for event in events:
                    yield event
        except SignedOut:
            self.exchange.forget(self.bearer)
            raise

    async def _ask(self, method: str, path: str, message: type[Message], **rest: Any) -> Message:
        try:
            return await self.doors.ask(self.token, method, path, message, **rest)
        except SignedOut:
            self.exchange.forget(self.bearer)
            raise


class BearerGate:
    """Lets a request through with a `Learner` in its state; answers 401 or 503 otherwise.

    The SDK's own middleware is not used: it knows no `scope` in its challenge, and would tell a client to sign in anew
    when it is only core that can not be asked.
    """

    def __init__(self, app: ASGIApp, exchange: TokenExchange, doors: Doors, *, challenge: str) -> None:
        self._app = app
        self._exchange = exchange
        self._doors = doors
        self._challenge = challenge

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        bearer = _bearer(Headers(scope=scope))
        try:
            token = await self._exchange.api_token(bearer)
        except SignedOut:
            await self._refuse(bool(bearer))(scope, receive, send)
            return
        except Unreachable:
            await _unavailable()(scope, receive, send)
            return
        scope.setdefault("state", {})["learner"] = Learner(self._doors, self._exchange, bearer, token)
        await self._app(scope, receive, send)

    def _refuse(self, shown: bool) -> JSONResponse:
        error = {"error": "invalid_token", "error_description": "Sign in to Course Companion to go on."}
        told = f'{self._challenge}, error="invalid_token"' if shown else self._challenge
        return JSONResponse(error, 401, headers={"WWW-Authenticate": told, "Cache-Control": "no-store"})


def challenge(resource_metadata: str, **more: str) -> str:
    """The value of a WWW-Authenticate header (RFC 6750, RFC 9728)."""
    parts = {"resource_metadata": resource_metadata, "scope": SCOPE, **more}
    return "Bearer " + ", ".join(f'{name}="{value}"' for name, value in parts.items())


def _bearer(headers: Headers) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _unavailable() -> JSONResponse:
    error = {"code": "SERVICE_UNAVAILABLE", "message": "Sign-in can not be checked at the moment.", "details": {}}
    return JSONResponse({"error": error}, 503, headers={"Retry-After": "2"})

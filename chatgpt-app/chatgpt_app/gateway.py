"""The only door of the app: HTTP to the gateway for everything a learner does, and to core for who the learner is."""

import logging
from collections.abc import AsyncGenerator
from typing import Any, TypeVar
from urllib.parse import quote

import httpx2
from pydantic import BaseModel, ValidationError

from chatgpt_app.errors import Refused, SignedOut, Unreachable, outline
from chatgpt_app.settings import Settings

logger = logging.getLogger(__name__)

TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105  # a grant's name (RFC 8693), no secret
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105  # the same
UNAUTHORIZED = 401
BAD_REQUEST = 400
# The gateway gives v2 35 s for one answer; a stream of events is only cut when it falls silent.
ANSWER_SECONDS = 40.0

Message = TypeVar("Message", bound=BaseModel)


class ExchangedToken(BaseModel):
    """A short token for the API, made of the caller's; ``expires_in`` seconds."""

    access_token: str
    expires_in: int


class Doors:
    """Connections to the gateway and to core, shared by every request of this process."""

    def __init__(self, settings: Settings) -> None:
        # retries are for connections that could not be made: nothing has been sent then, so it is always safe
        transport = httpx2.AsyncHTTPTransport(
            retries=1, limits=httpx2.Limits(max_connections=200, max_keepalive_connections=100)
        )
        self.gateway = httpx2.AsyncClient(
            base_url=settings.gateway_url,
            headers={"Accept-Encoding": "identity"},
            timeout=httpx2.Timeout(ANSWER_SECONDS, connect=3, pool=3),
            transport=transport,
        )
        self.core = httpx2.AsyncClient(
            base_url=settings.core_url,
            headers={"Authorization": f"Bearer {settings.core_service_token.get_secret_value()}"},
            timeout=httpx2.Timeout(5, connect=2, pool=2),
            transport=httpx2.AsyncHTTPTransport(retries=1),
        )

    async def close(self) -> None:
        """Close the connections."""
        await self.gateway.aclose()
        await self.core.aclose()

    async def exchange(self, token: str) -> ExchangedToken:
        """A short API token of the same session (RFC 8693); raises SignedOut when ``token`` is nobody's here."""
        form = {"grant_type": TOKEN_EXCHANGE, "subject_token": token, "subject_token_type": ACCESS_TOKEN}
        try:
            answer = await self.core.post("/internal/v1/oauth/token", data=form)
        except httpx2.HTTPError as error:
            raise Unreachable("core can not be asked") from error
        if answer.status_code == BAD_REQUEST:
            raise SignedOut
        if not answer.is_success:
            logger.error("core answered %s to a token exchange", answer.status_code)
            raise Unreachable("core refuses to exchange tokens")
        return _read(answer.content, ExchangedToken)

    async def specification(self, path: str) -> dict[str, Any]:
        """The OpenAPI document of a service; raises Unreachable."""
        try:
            answer = await self.gateway.get(path)
        except httpx2.HTTPError as error:
            raise Unreachable(path) from error
        if not answer.is_success:
            raise Unreachable(path)
        document: dict[str, Any] = answer.json()
        return document

    async def ask(
        self,
        token: str,
        method: str,
        path: str,
        message: type[Message],
        *,
        body: BaseModel | None = None,
        params: dict[str, Any] | None = None,
        key: str | None = None,
    ) -> Message:
        """What the API answers, as ``message``; raises Refused, SignedOut or Unreachable."""
        try:
            answer = await self.gateway.request(
                method,
                path,
                params=params,
                content=None if body is None else body.model_dump_json(),
                headers=_headers(token, key),
            )
        except httpx2.HTTPError as error:
            raise Unreachable(path) from error
        if not answer.is_success:
            raise refusal(answer.status_code, answer.content)
        return _read(answer.content, message)

    async def follow(
        self, token: str, method: str, path: str, *, body: BaseModel | None = None, key: str | None = None
    ) -> AsyncGenerator[tuple[str, bytes]]:
        """The API's events as (name, JSON data); raises what `ask` raises."""
        headers = {**_headers(token, key), "Accept": "text/event-stream"}
        content = None if body is None else body.model_dump_json()
        try:
            async with self.gateway.stream(method, path, content=content, headers=headers) as answer:
                if not answer.is_success:
                    raise refusal(answer.status_code, await answer.aread())
                async for event in httpx2.EventSource(answer):
                    yield event.event, event.data.encode()
        except httpx2.HTTPError as error:
            raise Unreachable(path) from error


def api_path(*steps: str) -> str:
    """The address of something in the API, step by step: no step leads anywhere else, whatever it holds."""
    if {"", ".", ".."} & set(steps):
        raise ValueError("a step of an address has a name")
    return "/".join(["/api", *(quote(step, safe="") for step in steps)])


def refusal(status: int, content: bytes) -> Exception:
    """What an answer that is not a success means."""
    if status == UNAUTHORIZED:
        return SignedOut()
    try:
        body = httpx2.Response(status, content=content).json()["error"]
        return Refused(status, dict(body))
    except (ValueError, KeyError, TypeError):
        return Unreachable(f"an answer {status} without the error envelope")


def _headers(token: str, key: str | None) -> dict[str, str]:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    return headers if key is None else {**headers, "Idempotency-Key": key}


def _read(content: bytes, message: type[Message]) -> Message:
    try:
        return message.model_validate_json(content)
    except ValidationError as error:
        logger.error("an answer is not a %s: %s", message.__name__, outline(error))  # noqa: TRY400  # without its text
        raise Unreachable(message.__name__) from error

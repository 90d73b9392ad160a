"""Core's two kinds of route: one reads JSON, strictly and only after the caller was let in; one sends pages."""

from collections.abc import Callable, Coroutine
from typing import Any

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from shared_schemas.errors import ErrorEnvelope
from shared_schemas.wire import MOST_MEMBERS, is_overfull

REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorEnvelope} for status in (401, 403, 404, 409, 413, 422, 429, 503)
}

# Stands for a body that is not good JSON, and says why. A builtin on purpose: of any other object pydantic would read
# attributes, find none of a schema's members, and take the body for an empty one.
Unreadable = ValueError
NOT_JSON = Unreadable("the body is not valid JSON")
OVERFULL = Unreadable(f"no request has more than {MOST_MEMBERS} members")
HAS_NUL = Unreadable("the character U+0000 cannot be stored")


class JsonRequest(Request):
    """A request whose bad JSON is an invalid body, not an error of its own.

    FastAPI reads the body before it resolves dependencies; raised there, bad JSON would answer 422 to somebody who
    should hear 401 or 403 first.
    """

    async def json(self) -> Any:
        """The body as Python objects, or an Unreadable, which no schema accepts."""
        return read_json(await self.body())


class JsonRoute(APIRoute):
    """A route that reads its requests as JsonRequest."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's own handler, with the request put in."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            return await handler(JsonRequest(request.scope, request.receive))

        return handle


class PageRoute(APIRoute):
    """A route for what is read most. Its endpoint gets the request and what the path names, as text, and answers.

    It has no dependencies, for resolving them takes FastAPI longer than such an answer. All else, documentation too, is
    like that of every route.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        endpoint = self.endpoint

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            response = await endpoint(Request(scope, receive), **scope["path_params"])
            await response(scope, receive, send)

        self.app = serve


def read_json(body: bytes) -> Any:
    """``body`` as Python objects, or an Unreadable: not UTF-8, not JSON, too deep or full, NaN, or text with U+0000."""
    try:
        data = orjson.loads(body)
    except ValueError:
        return NOT_JSON
    if is_overfull(data):
        return OVERFULL
    return HAS_NUL if b"\\u0000" in body and _holds_nul(data) else data


def router(prefix: str, tag: str, *, kind: type[APIRoute] = JsonRoute, documented: bool = True) -> APIRouter:
    """An empty router whose routes are of one kind."""
    return APIRouter(prefix=prefix, tags=[tag], route_class=kind, include_in_schema=documented, responses=REFUSALS)


def _holds_nul(data: Any) -> bool:
    waiting = [data]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str) and "\0" in value:
            return True
        if isinstance(value, dict):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, list):
            waiting += value
    return False

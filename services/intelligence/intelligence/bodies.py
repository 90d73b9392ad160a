"""How intelligence reads a body: JSON of no more members than any request needs."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from fastapi.routing import APIRoute

from shared_schemas.wire import is_overfull


class Overfull(ValueError):
    """A body has more members than any request; FastAPI takes it for one that cannot be read."""


class _BoundedRequest(Request):
    async def json(self) -> Any:
        data = await super().json()
        if is_overfull(data):
            raise Overfull
        return data


class BoundedRoute(APIRoute):
    """A route whose requests are refused as unreadable before a hundred thousand members are each found wrong."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's own handler, with the bounded request put in."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            return await handler(_BoundedRequest(request.scope, request.receive))

        return handle

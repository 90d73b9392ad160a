"""The web application: `/mcp` behind sign-in, and the pages around it."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.routing import Route

from chatgpt_app import site
from chatgpt_app.auth import BearerGate, TokenExchange, challenge
from chatgpt_app.gateway import Doors
from chatgpt_app.server import CourseServer
from chatgpt_app.settings import Settings, get_settings

LOCAL = ["localhost:*", "127.0.0.1:*", "[::1]:*"]
HOST_ORIGINS = ["https://chatgpt.com", "https://chat.openai.com"]


def create_app(settings: Settings) -> Starlette:
    """The application for these settings."""
    logging.basicConfig(level=settings.log_level.upper())
    for chatty in ("httpx2", "mcp", "sse_starlette"):  # a line for every request, the last with all that is answered
        logging.getLogger(chatty).setLevel(logging.WARNING)
    doors = Doors(settings)
    # Every request is answered by whichever process it meets. Short work is answered as JSON; only what reports its
    # progress becomes a stream.
    server = CourseServer(settings)
    mcp = server.streamable_http_app(stateless_http=True, transport_security=allowed(settings))
    # A GET would be a stream for what a server says of its own accord, which is nothing here.
    posts = Route("/mcp", mcp, methods=["POST"])
    told = challenge(settings.resource_metadata)
    gate = BearerGate(posts.handle, TokenExchange(doors), doors, challenge=told)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with mcp.router.lifespan_context(app):
            yield
        await doors.close()

    return Starlette(routes=[Route("/mcp", gate), *site.routes(settings, server.list_tools)], lifespan=lifespan)


def allowed(settings: Settings) -> TransportSecuritySettings:
    """The names this server answers to, against web pages that rebind theirs."""
    host = settings.public_url.partition("://")[2]
    local = [] if settings.production else LOCAL
    local_origins = [f"http://{name}" for name in local]
    return TransportSecuritySettings(
        allowed_hosts=[host, *local], allowed_origins=[settings.public_url, *HOST_ORIGINS, *local_origins]
    )


app = create_app(get_settings())

"""Puts core together."""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from importlib.metadata import version

from fastapi import FastAPI, Request, Response
from fastapi_swagger import patch_fastapi
from starlette.exceptions import HTTPException

from core import errors, health
from core.access.router import admin_router
from core.access.router import router as access_router
from core.auth.oauth.pages import pages_router
from core.auth.oauth.router import exchange_router
from core.auth.oauth.router import router as oauth_router
from core.auth.outbox import Outbox
from core.auth.passwords import Passwords
from core.auth.router import admin_router as directory_router
from core.auth.router import router as auth_router
from core.cache import Cache
from core.chapters.router import router as chapters_router
from core.chapters.router import search_router
from core.chapters.service import prepare_search
from core.content import Shelf
from core.database import Database, libpq_url
from core.errors import ServiceError
from core.learners.router import router as learners_router
from core.limits import Limits
from core.logs import write_json_lines
from core.mail import Mailer
from core.memory import Memory
from core.middleware import Reception
from core.openapi import describe_sign_in
from core.progress.router import router as progress_router
from core.push import Push
from core.quizzes.router import paper_router
from core.quizzes.router import router as quizzes_router
from core.security import current_learner
from core.settings import Settings, get_settings
from core.storage import open_storage

PAGES = [chapters_router, paper_router]
ROUTERS = [  # searched in this order, so what students do most comes first
    quizzes_router,
    progress_router,
    learners_router,
    search_router,
    auth_router,
    access_router,
    admin_router,
    directory_router,
    oauth_router,
    pages_router,
    exchange_router,
    health.router,
]


def create_app(settings: Settings) -> FastAPI:
    """The service. It starts without a database, Redis or a published course, and says so in its readiness."""
    app = FastAPI(
        title="Course Companion core",
        version=version("core"),
        lifespan=_lifespan,
        redirect_slashes=False,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # FastAPI's own page loads its script from elsewhere
        swagger_ui_oauth2_redirect_url=None,
        redoc_url=None,
    )
    app.state.settings = settings
    errors.install(app)
    app.add_exception_handler(HTTPException, _at_no_route)
    app.add_middleware(Reception)
    for router in PAGES:
        app.router.routes.extend(router.routes)  # an included router is searched by itself, and twice a request
    for router in ROUTERS:
        app.include_router(router)
    describe_sign_in(app, [*PAGES, *ROUTERS])
    docs = "/api/v1/docs"
    patch_fastapi(
        app,
        docs,
        redirect_from_root_to_docs=False,
        swagger_js_url=f"{docs}/swagger-ui.js",
        swagger_css_url=f"{docs}/swagger-ui.css",
        swagger_favicon_url=f"{docs}/favicon.png",
    )
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """What one process holds while it serves; all of it is let go of at the end."""
    settings: Settings = app.state.settings
    app.state.database = Database(settings.database_login, pool_size=settings.database_pool_size)
    app.state.cache = Cache(settings.redis_url.get_secret_value() if settings.redis_url else None)
    app.state.limits = Limits(app.state.cache, settings)
    app.state.push = Push(libpq_url(settings.database_login))
    app.state.memory = Memory(app.state.database, app.state.push)
    app.state.passwords = Passwords(settings.password_hash_threads)
    async with open_storage(settings) as storage:
        app.state.shelf = Shelf(storage, prepare_search)
        await app.state.shelf.refresh()
        refreshing = asyncio.create_task(app.state.shelf.refresh_every(settings.content_reload_seconds))
        listening = asyncio.create_task(app.state.push.run())
        outbox = Outbox(app.state.database, Mailer(settings), settings=settings)
        sending = asyncio.create_task(outbox.run())
        try:
            yield
        finally:
            outbox.stop()
            await sending
            refreshing.cancel()
            listening.cancel()
            await asyncio.gather(refreshing, listening, return_exceptions=True)
            app.state.passwords.close()
            await app.state.cache.close()
            await app.state.database.close()


async def _at_no_route(request: Request, error: Exception) -> Response:
    """An unknown address or method. Who is signed in is told what is left of the hour there too."""
    with contextlib.suppress(ServiceError):
        await current_learner(request, datetime.now(UTC))
    return await errors.http_error(request, error)


def __getattr__(name: str) -> FastAPI:
    """``core.app:app`` is made when a server asks for it, so that importing this module reads no environment."""
    if name != "app":
        raise AttributeError(name)
    write_json_lines(get_settings().log_level)
    app = create_app(get_settings())
    # What was imported stays until the end: the collector need not look through all of it again and again.
    gc.collect()
    gc.freeze()
    return app

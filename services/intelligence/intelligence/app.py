"""The service, put together: `uvicorn intelligence.app:app`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from fastapi_swagger import patch_fastapi
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from intelligence import activity, content, health, processes
from intelligence.assessments import review_router as reviews
from intelligence.assessments import router as assessments
from intelligence.core_client import CoreUnavailable
from intelligence.edge import BodyTooLarge, Edge
from intelligence.errors import InvalidRequest, ServiceError, envelope
from intelligence.failures import told
from intelligence.paths import router as paths
from intelligence.security import current_learner, refuse_first
from intelligence.usage import router as usage
from intelligence.usage import sweeper
from shared_schemas.errors import ErrorEnvelope
from shared_schemas.wire import MOST_MEMBERS

REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorEnvelope} for status in (400, 401, 403, 404, 409, 413, 429, 503)
}
# For the document alone, which then offers to take a token: `security` says whose it is, and whether there is one.
DOCUMENTED_BEARER = HTTPBearer(
    scheme_name="bearer", description="The access_token of POST /api/v1/auth/login", auto_error=False
)
WARM_UP_SECONDS = 2.0
MOST_PROBLEMS = 20
LONGEST_FIELD = 80
UNREADABLE = f"The body is not valid JSON, or has more than {MOST_MEMBERS} members."
HTTP_CODES = {
    404: ("RESOURCE_NOT_FOUND", "There is nothing at this address."),
    405: ("METHOD_NOT_ALLOWED", "This address does not take this method."),
}


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Sweep, tell core what it must hear and look for a new course while serving; let go of every connection then."""
    stop = asyncio.Event()
    sweeping = asyncio.create_task(sweeper.run(stop))
    telling = asyncio.create_task(activity.run(stop))
    refreshing = asyncio.create_task(content.refresh_every())
    warming = asyncio.create_task(processes.warm_up(after_seconds=WARM_UP_SECONDS))
    try:
        yield
    finally:
        stop.set()
        warming.cancel()
        refreshing.cancel()
        await asyncio.gather(sweeping, telling, warming, refreshing, return_exceptions=True)
        await processes.shut_down()


def create_app() -> FastAPI:
    """The service; ends the process with one line when a setting or the model's price is missing."""
    processes.start()
    app = FastAPI(
        title="Course Companion intelligence",
        version=version("intelligence"),
        lifespan=lifespan,
        redirect_slashes=False,
        openapi_url="/api/v2/openapi.json",
        docs_url=None,  # FastAPI's own page loads its script from elsewhere
        swagger_ui_oauth2_redirect_url=None,
        redoc_url=None,
        responses=REFUSALS,
    )
    app.include_router(health.router)
    for router in (paths.router, assessments.router, reviews.router, usage.router):
        app.include_router(router, dependencies=[Depends(DOCUMENTED_BEARER)])
    docs = "/api/v2/docs"
    patch_fastapi(
        app,
        docs,
        redirect_from_root_to_docs=False,
        swagger_js_url=f"{docs}/swagger-ui.js",
        swagger_css_url=f"{docs}/swagger-ui.css",
        swagger_favicon_url=f"{docs}/favicon.png",
    )
    app.add_exception_handler(ServiceError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    for kind in (SQLAlchemyError, OSError):
        app.add_exception_handler(kind, _database_error)
    app.add_middleware(Edge)
    return app


def _answer(error: ServiceError) -> JSONResponse:
    return JSONResponse(error.envelope(), status_code=error.status, headers=error.headers)


async def _refused(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, ServiceError):
        raise error
    return _answer(error)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    """400 for a malformed request, unless its sender has to be refused first. Names members, never repeats values.

    A member's name may be the sender's own: it comes back cut, and of many problems the first are told.
    """
    if not isinstance(error, RequestValidationError):
        raise error
    problems = [
        {"field": ".".join(str(part) for part in problem["loc"])[:LONGEST_FIELD], "problem": problem["msg"]}
        for problem in error.errors()[:MOST_PROBLEMS]
    ]
    first = f"{problems[0]['field'].removeprefix('body.')}: {problems[0]['problem']}"
    return await _after_gate(request, InvalidRequest(first, details={"problems": jsonable_encoder(problems)}))


async def _http(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == InvalidRequest.status:  # FastAPI could not even parse the body
        return await _after_gate(request, InvalidRequest(UNREADABLE))
    if error.status_code == BodyTooLarge.status:
        return _answer(BodyTooLarge())
    with suppress(ServiceError):
        await current_learner(request)  # so that the quota's headers stand at unknown addresses too
    code, message = HTTP_CODES.get(error.status_code, ("INVALID_REQUEST", "The request can not be served."))
    return JSONResponse(envelope(code, message), status_code=error.status_code, headers=error.headers)


async def _after_gate(request: Request, invalid: InvalidRequest) -> JSONResponse:
    try:
        await refuse_first(request)
    except ServiceError as refusal:
        return _answer(refusal)
    return _answer(invalid)


async def _database_error(request: Request, error: Exception) -> JSONResponse:
    refusal = told(error)
    request.state.database_away = isinstance(refusal, CoreUnavailable)
    return _answer(refusal)


app = create_app()

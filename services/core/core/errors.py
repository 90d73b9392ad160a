"""The error every refusal is made of, and the one place that puts it on the wire."""

import json
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from fastapi import FastAPI, Request, status
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.routing import Match

from core.routing import Unreadable
from shared_schemas.errors import ErrorBody, ErrorEnvelope

CODES = {
    400: "VALIDATION_ERROR",
    401: "UNAUTHORIZED",
    403: "ACCESS_DENIED",
    404: "RESOURCE_NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    413: "PAYLOAD_TOO_LARGE",
    422: "VALIDATION_ERROR",
    429: "RATE_LIMIT_EXCEEDED",
    503: "SERVICE_UNAVAILABLE",
}
MOST_FIELDS = 20
LONGEST_FIELD = 80
PLACES = {"body", "query", "path", "header", "cookie"}


class ServiceError(Exception):
    """An expected refusal: a subclass stands beside the function that raises it, and its docstring is its message.

    ``details`` explains it to programs; ``headers`` go out with the answer. Where ``keeps_changes`` is true, what the
    request has written so far is committed although it is refused.
    """

    status = 500
    code = "INTERNAL_ERROR"
    keeps_changes = False

    def __init__(
        self,
        message: str | None = None,
        *,
        details: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.message = message or " ".join((type(self).__doc__ or "").split())
        self.details = dict(details or {})
        self.headers = dict(headers or {})
        super().__init__(self.message)


class InvalidFields(ServiceError):
    """Some of what was sent is not valid."""

    status = 422
    code = "VALIDATION_ERROR"

    def __init__(self, problems: Mapping[str, str]) -> None:
        """``problems`` says by the name of each field what is wrong with it; the first twenty are told.

        Where a client made the name up, it comes back cut: an answer is never as long as what was asked.
        """
        told = islice(problems.items(), MOST_FIELDS)
        fields = [{"field": field[:LONGEST_FIELD], "message": message} for field, message in told]
        first = fields[0]
        super().__init__(f"{first['field']}: {first['message']}", details={"fields": fields})


def rendered(error: ServiceError) -> Response:
    """The answer that tells a client about ``error``."""
    return _response(error.status, error.code, error.message, error.details, error.headers)


def install(app: FastAPI) -> None:
    """Make every refusal of ``app`` leave it in the envelope."""
    app.add_exception_handler(ServiceError, _service_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, http_error)


def unexpected() -> Response:
    """The answer where something broke; it tells nothing of the cause."""
    return _response(500, "INTERNAL_ERROR", "Something went wrong on our side. Please try again.")


def too_large(limit: int) -> Response:
    """The answer to a body over ``limit`` bytes."""
    return _response(413, CODES[413], "The request is too large.", {"maximum_bytes": limit})


async def _service_error(_request: Request, error: Exception) -> Response:
    if not isinstance(error, ServiceError):
        raise error
    return rendered(error)


async def _validation_error(_request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    problems: dict[str, str] = {}
    for problem in error.errors():
        # an unreadable body has none of its fields: that it is unreadable is all there is to say
        field = "body" if isinstance(problem.get("input"), Unreadable) else _field(problem["loc"])
        problems.setdefault(field, _complaint(problem))
    return rendered(InvalidFields(problems))


async def http_error(request: Request, error: Exception) -> Response:
    """What Starlette and FastAPI refuse themselves: above all an unknown address or method."""
    if not isinstance(error, HTTPException):
        raise error
    headers = dict(error.headers or {})
    message = str(error.detail)
    if error.status_code == status.HTTP_404_NOT_FOUND:
        message = "There is nothing at this address."
    if error.status_code == status.HTTP_405_METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(sorted(_methods(request)))  # Starlette names the first matching route's only
        message = "This address does not know this method."
    return _response(error.status_code, CODES.get(error.status_code, "REQUEST_REFUSED"), message, headers=headers)


def _field(location: Sequence[str | int]) -> str:
    """The name of a field as a client knows it: ``answers.q1``, ``limit``, ``body``."""
    steps = list(map(str, location))
    inner = steps[1:] if steps and steps[0] in PLACES else steps
    return ".".join(inner) or (steps[0] if steps else "body")


def _complaint(problem: Mapping[str, Any]) -> str:
    """What is wrong with a field; never its value."""
    found = problem.get("input")
    if isinstance(found, Unreadable):
        return str(found)
    if isinstance(found, bytes) and tuple(problem["loc"]) == ("body",):
        return "send JSON, with Content-Type: application/json"
    return str(problem["msg"]).removeprefix("Value error, ")


def _methods(request: Request) -> set[str]:
    """Every method that the address of ``request`` knows, over all routes."""
    found: set[str] = set()
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
        scope = {**request.scope, "method": method}
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes):
            found.add(method)
    return found


def _response(
    status_code: int,
    code: str,
    message: str,
    details: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    envelope = ErrorEnvelope(error=ErrorBody(code=code, message=message, details=dict(details or {})))
    # A lone surrogate in a field's name cannot be UTF-8; a question mark stands for it, rather than a broken answer.
    body = json.dumps(envelope.model_dump(), ensure_ascii=False).encode("utf-8", "replace")
    return Response(body, status_code, headers=dict(headers or {}), media_type="application/json")

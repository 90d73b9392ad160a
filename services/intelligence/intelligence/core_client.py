"""The only door to core: a bearer becomes a learner, a student id becomes a snapshot."""

import logging
from functools import lru_cache
from typing import TypeVar
from uuid import UUID

import httpx
from pydantic import BaseModel, ValidationError

from intelligence.errors import ServiceError
from intelligence.settings import get_settings
from shared_schemas.claims import Learner
from shared_schemas.learners import LearnerSnapshot

logger = logging.getLogger(__name__)

MAXIMUM_TOKEN_LENGTH = 4096

Message = TypeVar("Message", bound=BaseModel)


class CoreUnavailable(ServiceError):
    """Core can not be asked at the moment."""

    status = 503
    code = "SERVICE_UNAVAILABLE"
    message = "The service is not available at the moment. Please try again shortly."

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "2"})


class Unauthorized(ServiceError):
    """No bearer token, or one that core does not (or no longer) accept."""

    status = 401
    code = "UNAUTHORIZED"
    message = "Please sign in: the access token is missing, expired or not valid."

    def __init__(self) -> None:
        super().__init__(headers={"WWW-Authenticate": "Bearer"})


@lru_cache
def _client() -> httpx.AsyncClient:
    settings = get_settings()
    return httpx.AsyncClient(
        base_url=settings.core_url,
        headers={"Authorization": f"Bearer {settings.core_service_token.get_secret_value()}"},
        timeout=httpx.Timeout(5, connect=2, pool=2),
        # retries=1 is for connections that could not be made: nothing has been sent then, so it is always safe
        transport=httpx.AsyncHTTPTransport(
            retries=1, limits=httpx.Limits(max_connections=100, max_keepalive_connections=50)
        ),
    )


async def resolve(token: str) -> Learner:
    """Who this bearer token belongs to, with the entitlement of this moment; raises Unauthorized when nobody's."""
    if not 1 <= len(token) <= MAXIMUM_TOKEN_LENGTH:
        raise Unauthorized
    answer = await _ask("POST", "/internal/v1/learners/resolve", json={"token": token})
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        raise Unauthorized
    return _read(answer, Learner)


async def snapshot(student_id: UUID) -> LearnerSnapshot:
    """Progress and quiz attempts of one student; raises Unauthorized when core does not know the student (any more)."""
    answer = await _ask("GET", f"/internal/v1/learners/{student_id}/snapshot")
    if answer.status_code == httpx.codes.NOT_FOUND:
        raise Unauthorized
    return _read(answer, LearnerSnapshot)


async def is_reachable() -> bool:
    """Whether core answers its health check."""
    try:
        return (await _ask("GET", "/api/v1/health")).is_success
    except CoreUnavailable:
        return False


async def close() -> None:
    """Close the connections to core; the next use opens new ones."""
    if _client.cache_info().currsize:
        await _client().aclose()
        _client.cache_clear()


async def _ask(method: str, path: str, *, json: dict[str, str] | None = None) -> httpx.Response:
    try:
        return await _client().request(method, path, json=json)
    except httpx.HTTPError as error:
        logger.warning("core can not be reached: %s", type(error).__name__)
        raise CoreUnavailable from error


def _read(answer: httpx.Response, message: type[Message]) -> Message:
    if answer.status_code == httpx.codes.FORBIDDEN:
        logger.error("core refuses this service: CORE_SERVICE_TOKEN differs from the one core has")
    if not answer.is_success:
        logger.warning("core answered %s to %s", answer.status_code, answer.request.url.path)
        raise CoreUnavailable
    try:
        return message.model_validate_json(answer.content)
    except ValidationError as error:
        logger.exception("core's answer is not a %s", message.__name__)
        raise CoreUnavailable from error

"""The only door to core: a bearer becomes a learner, with a snapshot if wanted; core hears who was active when."""

import logging
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from http import HTTPStatus
from typing import TypeVar
from uuid import UUID

import aiohttp
from pydantic import BaseModel, ValidationError

from intelligence.errors import ServiceError
from intelligence.settings import get_settings
from shared_schemas.claims import Learner
from shared_schemas.learners import LearnerWithSnapshot

logger = logging.getLogger(__name__)

MAXIMUM_TOKEN_LENGTH = 4096
MOST_CONNECTIONS = 20  # one event loop answers one after the other, and opening many at once takes its time

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


@dataclass(frozen=True)
class _Answer:
    status: int
    path: str
    body: bytes


@lru_cache
def _client() -> aiohttp.ClientSession:
    settings = get_settings()
    return aiohttp.ClientSession(
        base_url=settings.core_url,
        headers={"Authorization": f"Bearer {settings.core_service_token.get_secret_value()}"},
        # No shorter limit for getting a connection: where a class arrives at once, many wait for a free one, not long.
        timeout=aiohttp.ClientTimeout(total=5, sock_connect=2),
        connector=aiohttp.TCPConnector(limit=MOST_CONNECTIONS),
        raise_for_status=False,
    )


async def resolve(token: str) -> Learner:
    """Who this bearer token belongs to, with the entitlement of this moment; raises Unauthorized when nobody's."""
    return await _resolve(token, "resolve", Learner)


async def resolve_with_snapshot(token: str) -> LearnerWithSnapshot:
    """The same, and what the student has done, in one request."""
    return await _resolve(token, "snapshot", LearnerWithSnapshot)


async def record_activity(student_id: UUID, acted_at: datetime) -> bool:
    """Tell core that a student learned something then. False when core knows no such student (any more)."""
    body = {"acted_at": acted_at.isoformat()}
    answer = await _ask("POST", f"/internal/v1/learners/{student_id}/activity", json=body)
    _check(answer, HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND)
    return answer.status == HTTPStatus.NO_CONTENT


async def is_reachable() -> bool:
    """Whether core answers its health check."""
    try:
        return (await _ask("GET", "/api/v1/health")).status == HTTPStatus.OK
    except CoreUnavailable:
        return False


async def close() -> None:
    """Close the connections to core; the next use opens new ones."""
    if _client.cache_info().currsize:
        await _client().close()
        _client.cache_clear()


async def _resolve(token: str, what: str, message: type[Message]) -> Message:
    if not 1 <= len(token) <= MAXIMUM_TOKEN_LENGTH:
        raise Unauthorized
    answer = await _ask("POST", f"/internal/v1/learners/{what}", json={"token": token})
    if answer.status == HTTPStatus.UNAUTHORIZED:
        raise Unauthorized
    return _read(answer, message)


async def _ask(method: str, path: str, *, json: dict[str, str] | None = None) -> _Answer:
    try:
        return await _once(method, path, json)
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientConnectorError):
        pass  # core may have closed an idle connection, or have just been restarted; all we ask it is safe to ask twice
    except (aiohttp.ClientError, TimeoutError) as error:
        raise _unavailable(error) from error
    try:
        return await _once(method, path, json)
    except (aiohttp.ClientError, TimeoutError) as error:
        raise _unavailable(error) from error


async def _once(method: str, path: str, json: dict[str, str] | None) -> _Answer:
    async with _client().request(method, path, json=json) as answer:
        return _Answer(answer.status, path, await answer.read())


def _unavailable(error: Exception) -> CoreUnavailable:
    logger.warning("core can not be reached: %s", type(error).__name__)
    return CoreUnavailable()


def _check(answer: _Answer, *expected: HTTPStatus) -> None:
    if answer.status == HTTPStatus.FORBIDDEN:
        logger.error("core refuses this service: CORE_SERVICE_TOKEN differs from the one core has")
    if answer.status not in expected:
        # the end of the path only: ids stay out of the log
        logger.warning("core answered %s to %s", answer.status, answer.path.rpartition("/")[2])
        raise CoreUnavailable


def _read(answer: _Answer, message: type[Message]) -> Message:
    _check(answer, HTTPStatus.OK)
    try:
        return message.model_validate_json(answer.body)
    except ValidationError as error:
        wrong = [(one["loc"], one["type"]) for one in error.errors()]
        logger.error("core's answer is not a %s: %s", message.__name__, wrong)  # noqa: TRY400  # an error tells what it was given
        raise CoreUnavailable from error

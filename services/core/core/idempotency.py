"""Idempotency-Key: the same key and body give the same answer, and have one effect."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Header
from fastapi.responses import Response
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from core.database import driver
from core.errors import ServiceError
from core.models import IdempotencyKey
from core.tokens import keyed_digest

# With every request that creates something, and so as SQL: to put a statement together takes longer than to run it.
CLAIM = """
    INSERT INTO core_idempotency_keys (owner, idempotency_key, request_digest, status_code, response_body)
    VALUES ($1, $2, $3, 0, '') ON CONFLICT DO NOTHING RETURNING owner
"""
KEEP = """
    UPDATE core_idempotency_keys SET student_id = $3, status_code = $4, response_body = $5
    WHERE owner = $1 AND idempotency_key = $2
"""
DIGEST_PURPOSE = b"course-companion request digest"

# An empty key is none: the gateway cannot tell the two apart either.
ClientKey = Annotated[str | None, Header(alias="Idempotency-Key", max_length=200, pattern=r"^[\x20-\x7e]*$")]


class IdempotencyConflict(ServiceError):
    """This Idempotency-Key was used for another request. Use a new key for a new request."""

    status = 409
    code = "IDEMPOTENCY_CONFLICT"


@dataclass(frozen=True)
class Effect:
    """What a request did: for whom, and how it is answered."""

    student_id: UUID
    status: int
    answer: BaseModel

    def response(self) -> Response:
        """The answer as bytes."""
        return _json(self.status, self.answer.model_dump_json().encode())


def digest(request: BaseModel, *, operation: str, secret: str) -> str:
    """A fingerprint of an operation and its body. Keyed, because a body may hold a password."""
    body = f"{operation}\n{request.model_dump_json()}".encode()
    return keyed_digest(body, purpose=DIGEST_PURPOSE, secret=secret).hex()


async def run_once(
    session: AsyncSession, *, owner: str, key: str | None, request_digest: str, work: Callable[[], Awaitable[Effect]]
) -> Response:
    """The answer of ``work``, done once for each ``key`` of each ``owner``; without one it is simply done.

    The key is written in the transaction of the work: a duplicate that comes meanwhile waits for it on the unique
    index, and gets the stored answer if it was committed, or does the work itself if it was not.
    """
    if not key:
        return (await work()).response()
    # The session's own way, though it is the slower one: its first statement begins the transaction.
    beginning = await session.connection()
    if (await beginning.exec_driver_sql(CLAIM, (owner, key, request_digest))).scalar() is None:
        used = await session.get_one(IdempotencyKey, (owner, key))
        return replay(used, request_digest=request_digest)
    response = (effect := await work()).response()
    connection = await driver(session)
    await connection.execute(KEEP, owner, key, effect.student_id, response.status_code, bytes(response.body))
    return response


async def earlier_use(session: AsyncSession, *, owner: str, key: str | None) -> IdempotencyKey | None:
    """What ``key`` has been used for by its ``owner``; None where it is a new one, or none."""
    return await session.get(IdempotencyKey, (owner, key)) if key else None


def replay(used: IdempotencyKey, *, request_digest: str) -> Response:
    """The answer of the request that ``used`` a key. Raises IdempotencyConflict where this is another request."""
    if used.request_digest != request_digest:
        raise IdempotencyConflict
    return _json(used.status_code, used.response_body)


def _json(status: int, body: bytes) -> Response:
    return Response(body, status, media_type="application/json")

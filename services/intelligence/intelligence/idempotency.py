"""One effect for one Idempotency-Key, however often the request arrives.

Two ways: `run_once` claims the key first and commits, for work that takes longer than a transaction may;
`claim_within` claims it in the transaction of the work. Both give the work a Claim, whose `store` belongs in the work's
last transaction, so that the effect and the remembered answer are committed together. What one statement does stores
its answer in it, and `known_answer` gives it to a repetition.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import asyncpg
from fastapi import Header, Response
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from intelligence import background
from intelligence.database import connection, driver
from intelligence.errors import InvalidRequest, ServiceError

MAXIMUM_KEY_LENGTH = 200
LEASE_SECONDS = 60.0
LONGEST_WAIT_SECONDS = 28.0  # less than the gateway waits
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 0.5

IdempotencyKeyHeader = Annotated[str | None, Header(alias="Idempotency-Key")]
Work = Callable[["Claim"], Awaitable[tuple[int, BaseModel]]]
Replayed = Response  # what a repetition gets: the first request's answer, byte for byte


class IdempotencyConflict(ServiceError):
    """The key was used before, for something else."""

    status = 409
    code = "IDEMPOTENCY_CONFLICT"
    message = "This Idempotency-Key was used before with another request. Use a new key."


class ClaimLost(ServiceError):
    """The work took longer than its lease, and a repetition has taken it over."""

    status = 409
    code = "IDEMPOTENCY_CONFLICT"
    message = "This request took too long, and a repetition of it is already at work."


@dataclass
class Claim:
    """The right to do the work of one key; without a key, `store` remembers nothing."""

    student_id: UUID
    key: str | None
    token: Any = None
    stored: bool = False

    async def store(self, postgres: asyncpg.Connection, status: int, body: BaseModel) -> None:
        """Remember the answer in this transaction; raises when another request has taken the work over."""
        if self.key is None:
            return
        if await postgres.fetchval(_STORE, *self._row, status, body.model_dump_json().encode()) is None:
            raise ClaimLost
        self.stored = True

    async def release(self) -> None:
        """Free the key after a failure, so that the next try starts afresh."""
        if self.key is not None:
            async with connection() as postgres:
                await postgres.execute(_RELEASE, *self._row)

    @property
    def _row(self) -> tuple[Any, ...]:
        return self.student_id, self.key, self.token


def digest(*parts: str | BaseModel) -> str:
    """What a request is recognised by: its method and path, and its body."""
    whole = "\n".join(part if isinstance(part, str) else part.model_dump_json() for part in parts)
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()


def checked(key: str | None) -> str | None:
    """The key, or None without one; raises InvalidRequest unless it is 1 to 200 printable ASCII characters."""
    if key is None:
        return None
    if not (1 <= len(key) <= MAXIMUM_KEY_LENGTH and key.isascii() and key.isprintable()):
        raise InvalidRequest(f"Idempotency-Key must be 1 to {MAXIMUM_KEY_LENGTH} printable ASCII characters.")
    return key


class StillWorking(ServiceError):
    """The first request with this key has neither answered nor failed yet; it may have died, and its lease runs out."""

    status = 503
    code = "SERVICE_UNAVAILABLE"
    message = "Your first request with this key is still being worked on. Please try again in a moment."

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "15"})


async def run_once(
    key: str | None, *, student_id: UUID, request_digest: str, work: Work, lease_seconds: float = LEASE_SECONDS
) -> Response:
    """The answer of `work`, which runs once a key: a repetition waits for the first and gets the same answer.

    `work` calls `claim.store` in its last transaction; if it did not, its answer is stored afterwards. When it fails,
    the key is free again. Another body under the same key raises IdempotencyConflict.
    """
    key = checked(key)
    if key is None:
        status, body = await work(Claim(student_id, None))
        return _answer(status, body.model_dump_json().encode())
    claim = await _claim_or_answer(key, student_id, request_digest, lease_seconds)
    if isinstance(claim, Response):
        return claim
    try:
        status, body = await work(claim)
        if not claim.stored:
            async with connection() as postgres:
                await claim.store(postgres, status, body)
    except BaseException:
        await background.finish(claim.release())
        raise
    return _answer(status, body.model_dump_json().encode())


async def claim_within(
    session: AsyncSession, key: str | None, *, student_id: UUID, request_digest: str
) -> Claim | Response:
    """The right to do the work in this transaction, or the answer that an earlier request got.

    A concurrent repetition waits here until the first has committed or failed. Call `claim.store` before the commit.
    """
    key = checked(key)
    if key is None:
        return Claim(student_id, None)
    postgres = await driver(session)
    claimed = await postgres.fetchval(_CLAIM_WITHIN, student_id, key, request_digest, LEASE_SECONDS)
    if claimed is not None:
        return Claim(student_id, key, claimed)
    answer = known_answer(await postgres.fetchrow(_FIND, student_id, key), request_digest)
    if answer is None:
        raise ClaimLost
    return answer


async def answer_within(
    session: AsyncSession,
    key: str | None,
    *,
    student_id: UUID,
    request_digest: str,
    status: int,
    work: Callable[[], Awaitable[BaseModel]],
) -> Response:
    """The answer of `work`, done and remembered in this transaction, or the one that an earlier request got."""
    claim = await claim_within(session, key, student_id=student_id, request_digest=request_digest)
    if isinstance(claim, Response):
        return claim
    body = await work()
    await claim.store(await driver(session), status, body)
    return _answer(status, body.model_dump_json().encode())


async def _claim_or_answer(key: str, student_id: UUID, request_digest: str, lease_seconds: float) -> Claim | Response:
    pause = FIRST_PAUSE_SECONDS
    give_up = asyncio.get_running_loop().time() + LONGEST_WAIT_SECONDS
    while asyncio.get_running_loop().time() < give_up:
        async with connection() as postgres:
            claimed = await postgres.fetchval(_CLAIM_FIRST, student_id, key, request_digest, lease_seconds)
            known = None if claimed else await postgres.fetchrow(_FIND, student_id, key)
        if claimed is not None:
            return Claim(student_id, key, claimed)
        answer = known_answer(known, request_digest)
        if answer is not None:
            return answer
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
    raise StillWorking


def known_answer(known: asyncpg.Record | None, request_digest: str) -> Replayed | None:
    """The answer in the row of a key, if it has one yet; raises IdempotencyConflict if it is another request's row."""
    if known is None or known["request_digest"] is None:  # the latter by an outer join
        return None
    if known["request_digest"] != request_digest:
        raise IdempotencyConflict
    if known["status_code"] is None:
        return None
    return _answer(known["status_code"], known["response_body"], replayed=True)


def _answer(status: int, body: bytes, *, replayed: bool = False) -> Response:
    headers = {"Idempotency-Replayed": "true"} if replayed else None
    return Response(content=body, status_code=status, media_type="application/json", headers=headers)


# A claim whose lease has run out without an answer belongs to whoever comes next with the same request.
_CLAIM = (
    "INSERT INTO intelligence_idempotency_keys AS k (student_id, idempotency_key, request_digest, lease_until) "
    "SELECT $1::uuid, $2::text, $3::text, clock_timestamp() + make_interval(secs => $4::double precision) {}"
    "ON CONFLICT (student_id, idempotency_key) DO UPDATE SET lease_until = excluded.lease_until "
    "WHERE k.status_code IS NULL AND k.lease_until < clock_timestamp() AND k.request_digest = excluded.request_digest "
    "RETURNING lease_until"
)
_CLAIM_WITHIN = _CLAIM.format("")
# Not waited for until it is on the disk: whatever a claim leads to is committed after it and takes it along, so that a
# crash forgets only a claim that has had no effect.
_CLAIM_FIRST = _CLAIM.format("FROM set_config('synchronous_commit', 'off', true) ")
_FIND = (
    "SELECT request_digest, status_code, response_body FROM intelligence_idempotency_keys "
    "WHERE student_id = $1::uuid AND idempotency_key = $2::text"
)
_STORE = (
    "UPDATE intelligence_idempotency_keys SET status_code = $4::integer, response_body = $5::bytea "
    "WHERE student_id = $1::uuid AND idempotency_key = $2::text AND lease_until = $3::timestamptz "
    "AND status_code IS NULL RETURNING 1"
)
_RELEASE = (
    "DELETE FROM intelligence_idempotency_keys WHERE student_id = $1::uuid AND idempotency_key = $2::text "
    "AND lease_until = $3::timestamptz AND status_code IS NULL"
)

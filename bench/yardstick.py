"""The least a service on this framework and database could do for the same answers: what core is compared with.

Every GET does one primary-key select with asyncpg and sends the bytes that core sends. POST does the statements of a
quiz submission that is not the day's first, core's own, in one transaction, and sends such an answer. Nobody is signed
in, nothing is counted, marked, logged or validated.
"""

import json
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.idempotency import KEEP
from core.progress.service import HOLD, RECORD_ATTEMPT, RECORD_DAY
from core.quizzes.service import KEEP as KEEP_ATTEMPT

POOL = 10

SELECT = "SELECT role FROM students WHERE student_id = $1"
CLAIM = """
    INSERT INTO core_idempotency_keys (owner, idempotency_key, request_digest, status_code, response_body)
    VALUES ($1, $2, $3, 0, '') ON CONFLICT DO NOTHING RETURNING owner
"""


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """What to answer comes from a file."""
    with open(os.environ["YARDSTICK_ANSWERS"], encoding="utf-8") as file:  # noqa: ASYNC230, PTH123  # before the first request
        answers = json.load(file)
    app.state.bodies = {path: body.encode() for path, body in answers["bodies"].items()}
    app.state.attempt = answers["attempt"]
    async with asyncpg.create_pool(os.environ["CORE_DATABASE_URL"], min_size=POOL, max_size=POOL) as pool:
        app.state.pool = pool
        yield


async def read(request: Request) -> Response:
    """One select, and the bytes."""
    async with request.app.state.pool.acquire() as connection:
        await connection.fetchrow(SELECT, UUID(request.headers["X-Student"]))
    return Response(request.app.state.bodies[request.url.path], media_type="application/json")


async def submit(request: Request) -> Response:
    """The statements of `core.quizzes`, `progress` and `idempotency`, and the bytes."""
    body = request.app.state.bodies[request.url.path]
    attempt: dict[str, Any] = request.app.state.attempt
    sent = await request.body()
    student, key = UUID(request.headers["X-Student"]), request.headers["Idempotency-Key"]
    now = datetime.now(UTC)
    async with request.app.state.pool.acquire() as connection, connection.transaction():
        await connection.fetchval(CLAIM, str(student), key, "0" * 64)
        timezone = await connection.fetchval(HOLD, student)
        await connection.fetchrow(
            RECORD_ATTEMPT, student, attempt["chapter_id"], "in_progress", attempt["score"], None, now
        )
        await connection.fetchval(RECORD_DAY, student, now.date(), now, timezone)
        await connection.execute(
            KEEP_ATTEMPT,
            uuid.uuid4(),
            student,
            attempt["quiz_id"],
            attempt["chapter_id"],
            attempt["content_version"],
            attempt["score"],
            attempt["passed"],
            attempt["correct_answers"],
            attempt["total_questions"],
            json.dumps(json.loads(sent)["answers"]),
            json.dumps(attempt["grading_details"]),
            now,
        )
        await connection.execute(KEEP, str(student), key, student, 200, body)
    return Response(body, media_type="application/json")


app = Starlette(
    routes=[Route("/{path:path}", read, methods=["GET"]), Route("/{path:path}", submit, methods=["POST"])],
    lifespan=lifespan,
)

"""The least a service on this framework and database could do for the same answers: what core is compared with.

Every GET does one primary-key select with asyncpg and sends the bytes that core sends. POST does the statements of a
quiz submission that is not the day's first, in one transaction, and sends such an answer. Nobody is signed in, nothing
is counted, marked, logged or validated.
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

POOL = 10

SELECT = "SELECT role FROM students WHERE student_id = $1"
CLAIM = """
    INSERT INTO core_idempotency_keys (owner, idempotency_key, request_digest, status_code, response_body)
    VALUES ($1, $2, $3, 0, '') ON CONFLICT DO NOTHING RETURNING owner
"""
HOLD = "SELECT timezone FROM students WHERE student_id = $1 FOR NO KEY UPDATE"
PROGRESS = """
    INSERT INTO chapter_progress AS old (student_id, chapter_id, completion_status, best_quiz_score, completed_at,
        started_at, last_activity_at)
    VALUES ($1, $2, 'in_progress', $3, NULL, $4, $4)
    ON CONFLICT (student_id, chapter_id) DO UPDATE SET
        completion_status = CASE WHEN excluded.completed_at IS NOT NULL THEN 'completed' ELSE old.completion_status END,
        best_quiz_score = greatest(old.best_quiz_score, excluded.best_quiz_score),
        completed_at = coalesce(old.completed_at, excluded.completed_at),
        last_activity_at = greatest(old.last_activity_at, excluded.last_activity_at)
    RETURNING best_quiz_score, completed_at
"""
DAY = """
    INSERT INTO activity_days AS old (student_id, day, earned_at, timezone) VALUES ($1, $2, $3, $4)
    ON CONFLICT (student_id, day) DO UPDATE SET timezone = excluded.timezone
        WHERE old.timezone IS DISTINCT FROM excluded.timezone
    RETURNING earned_at
"""
ATTEMPT = """
    INSERT INTO quiz_results (attempt_id, student_id, quiz_id, chapter_id, content_version, score, passed,
        correct_answers, total_questions, answers, grading_details, completed_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
"""
KEEP = """
    UPDATE core_idempotency_keys SET student_id = $3, status_code = 200, response_body = $4
    WHERE owner = $1 AND idempotency_key = $2
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
        await connection.fetchrow(PROGRESS, student, attempt["chapter_id"], attempt["score"], now)
        await connection.fetchval(DAY, student, now.date(), now, timezone)
        await connection.execute(
            ATTEMPT,
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
        await connection.execute(KEEP, str(student), key, student, body)
    return Response(body, media_type="application/json")


app = Starlette(
    routes=[Route("/{path:path}", read, methods=["GET"]), Route("/{path:path}", submit, methods=["POST"])],
    lifespan=lifespan,
)

"""What a bearer is let in for ends with the token, the session, and the subscription."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import jwt
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncConnection

from core import security
from core.memory import Memory
from core.security import SignedIn
from core.tokens import AccessClaims
from tests.core.conftest import SignUp, Student

PROFILE = "/api/v1/auth/me"
MOMENT = timedelta(seconds=1)


@pytest.fixture
async def student(client: httpx.AsyncClient, sign_up: SignUp) -> Student:
    """Somebody who is let in."""
    student = await sign_up()
    assert (await client.get(PROFILE, headers=student.headers)).status_code == 200
    return student


async def test_a_session_that_has_run_out_is_not_let_in_from_memory(
    app: FastAPI, client: httpx.AsyncClient, student: Student, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory: Memory = app.state.memory
    recall = memory.recall

    async def long_ago(
        student_id: UUID, question: str, read: Callable[[AsyncConnection], Awaitable[SignedIn]]
    ) -> SignedIn:
        return replace(await recall(student_id, question, read), until=datetime.now(UTC) - MOMENT)

    monkeypatch.setattr(memory, "recall", long_ago)
    assert (await client.get(PROFILE, headers=student.headers)).status_code == 401


async def test_a_token_that_has_run_out_since_it_was_checked_is_not_let_in(
    client: httpx.AsyncClient, student: Student, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = jwt.decode(student.access_token, options={"verify_signature": False})
    checked = AccessClaims(UUID(said["sub"]), UUID(said["sid"]), expires_at=datetime.now(UTC) - MOMENT)
    monkeypatch.setattr(security, "_verified", lambda *_: checked)
    assert (await client.get(PROFILE, headers=student.headers)).status_code == 401


async def test_a_subscription_that_has_run_out_is_limited_like_a_free_one(
    client: httpx.AsyncClient, sign_up: SignUp
) -> None:
    student = await sign_up("premium", expires_at=datetime.now(UTC) - MOMENT)
    for answer in (
        await client.get(PROFILE, headers=student.headers),
        await client.post("/api/v1/auth/logout", headers=student.headers),
    ):
        assert (answer.headers["X-RateLimit-Limit"], answer.headers["X-RateLimit-Tier"]) == ("1000", "free")

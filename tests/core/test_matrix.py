"""Who may do what: every operation of v1, called by everyone there is. An operation without a row here is a failure."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import jwt
import pytest
from fastapi import FastAPI

from core.settings import Settings
from core.tokens import mint_access_token
from tests.core.conftest import PASSWORD, SignUp, Student
from tests.core.factories import right_answers, tiny_course

CALLERS = ("owner", "other", "anonymous", "admin", "expired token", "expired plan")
EVERYONE = (200,) * 6
SIGNED_IN = (200, 200, 401, 200, 401, 200)
SIGNED_IN_EMPTY = (204, 204, 401, 204, 401, 204)
PREMIUM = (200, 200, 401, 403, 401, 403)  # an operator reads by their own plan, like everybody
OPERATOR = (403, 403, 401, 200, 401, 403)

# The owner's own chapter is the premium one; {chapter_id} and {quiz_id} are filled with what is written behind.
TABLE: dict[str, tuple[int, ...]] = {
    "POST /api/v1/auth/register": (201,) * 6,
    "POST /api/v1/auth/login": EVERYONE,
    "POST /api/v1/auth/refresh": EVERYONE,
    "POST /api/v1/auth/logout": SIGNED_IN_EMPTY,
    "GET /api/v1/auth/me": SIGNED_IN,
    "PATCH /api/v1/auth/me": SIGNED_IN,
    "DELETE /api/v1/auth/me": SIGNED_IN_EMPTY,
    "GET /api/v1/auth/me/export": SIGNED_IN,
    "POST /api/v1/auth/password/change": SIGNED_IN_EMPTY,
    "POST /api/v1/auth/password/forgot": (202,) * 6,
    "POST /api/v1/auth/password/reset": (401,) * 6,  # the token is nobody's
    "POST /api/v1/auth/email/verify": (401,) * 6,
    "POST /api/v1/auth/email/resend": (202, 202, 401, 202, 401, 202),
    "GET /api/v1/chapters": SIGNED_IN,
    "GET /api/v1/chapters/{chapter_id}": PREMIUM,
    "GET /api/v1/chapters/{chapter_id}/next": PREMIUM,
    "GET /api/v1/chapters/{chapter_id}/previous": SIGNED_IN,  # the one before is free
    "GET /api/v1/chapters/{chapter_id}/sections/{section_id}": PREMIUM,
    "GET /api/v1/search": SIGNED_IN,
    "GET /api/v1/quizzes/{quiz_id}": PREMIUM,
    "POST /api/v1/quizzes/{quiz_id}/submit": PREMIUM,
    "GET /api/v1/quizzes/{quiz_id}/results": SIGNED_IN,  # one's own attempts stay readable
    "GET /api/v1/progress/quiz-history": SIGNED_IN,
    "GET /api/v1/progress": SIGNED_IN,
    "GET /api/v1/progress/streaks": SIGNED_IN,
    "PUT /api/v1/progress/chapter/{chapter_id}": PREMIUM,
    "GET /api/v1/access/check": SIGNED_IN,
    "GET /api/v1/access/upgrade": SIGNED_IN,
    "GET /api/v1/admin/students": OPERATOR,
    "PUT /api/v1/admin/students/{student_id}/subscription": OPERATOR,
    "GET /api/v1/health": EVERYONE,
    "GET /api/v1/health/live": EVERYONE,
    "GET /api/v1/health/ready": EVERYONE,
}
ENDS_THE_SESSION = {"POST /api/v1/auth/logout", "DELETE /api/v1/auth/me", "POST /api/v1/auth/password/change"}
ENDS_THE_SESSION |= {"POST /api/v1/auth/refresh"}
QUERIES = {"search": {"q": "seed"}, "students": {"email": "nobody@example.com"}}
LOCKED = "03-third"
SECTION = tiny_course().course.chapters[2].sections[0].section_id


@dataclass(frozen=True)
class People:
    """One of each caller; only the owner has learned anything, and has a name."""

    owner: Student
    word: str
    callers: Mapping[str, Student]

    def headers(self, caller: str, settings: Settings) -> dict[str, str]:
        """What the caller's requests carry: nothing, an old token, or a good one."""
        person = self.callers[caller]
        if caller == "anonymous":
            return {}
        if caller != "expired token":
            return person.headers
        session = jwt.decode(person.access_token, options={"verify_signature": False})["sid"]
        token = mint_access_token(
            student_id=UUID(person.student_id),
            session_id=UUID(session),
            secret=settings.token_secrets[0],
            now=datetime.now(UTC) - timedelta(hours=2),
        )
        return {"Authorization": f"Bearer {token}"}


async def gather(client: httpx.AsyncClient, sign_up: SignUp) -> People:
    past = datetime.now(UTC) - timedelta(minutes=1)
    made = [
        await sign_up("premium"),
        await sign_up("premium"),
        await sign_up(),
        await sign_up(role="admin"),
        await sign_up("premium"),
        await sign_up("premium", expires_at=past),
    ]
    people = People(made[0], f"zq{secrets.token_hex(6)}", dict(zip(CALLERS, made, strict=True)))
    name = {"full_name": f"Name {people.word}"}
    answers = {"answers": {**right_answers("01-first"), "q4": f"An answer {people.word}"}}
    await client.patch("/api/v1/auth/me", json=name, headers=people.owner.headers)
    await client.post("/api/v1/quizzes/01-first-quiz/submit", json=answers, headers=people.owner.headers)
    return people


@pytest.fixture(scope="module")
async def people(client: httpx.AsyncClient, sign_up: SignUp) -> People:
    return await gather(client, sign_up)


def body_of(operation: str, person: Student) -> dict[str, Any] | None:
    """What is sent, so that only who sends it decides."""
    bodies: dict[str, dict[str, Any]] = {
        "POST /api/v1/auth/register": {"email": f"new-{secrets.token_hex(6)}@example.com", "password": PASSWORD},
        "POST /api/v1/auth/login": {"email": person.email, "password": PASSWORD},
        "POST /api/v1/auth/refresh": {"refresh_token": person.refresh_token},
        "PATCH /api/v1/auth/me": {"timezone": "Europe/Berlin"},
        "DELETE /api/v1/auth/me": {"password": PASSWORD},
        "POST /api/v1/auth/password/change": {"current_password": PASSWORD, "new_password": f"{PASSWORD}, another"},
        "POST /api/v1/auth/password/forgot": {"email": person.email},
        "POST /api/v1/auth/password/reset": {"token": "A" * 64, "new_password": PASSWORD},
        "POST /api/v1/auth/email/verify": {"token": "A" * 64},
        "POST /api/v1/quizzes/{quiz_id}/submit": {"answers": {}},
        "PUT /api/v1/progress/chapter/{chapter_id}": {"time_spent_seconds": 1},
        "PUT /api/v1/admin/students/{student_id}/subscription": {
            "subscription_tier": "premium",
            "subscription_expires_at": None,
        },
    }
    return bodies.get(operation)


def test_every_operation_has_a_row(app: FastAPI) -> None:
    documented = {f"{method.upper()} {path}" for path, methods in app.openapi()["paths"].items() for method in methods}
    assert documented == TABLE.keys()


async def test_the_document_says_which_operations_want_a_token(app: FastAPI) -> None:
    marked = {
        f"{method.upper()} {path}"
        for path, methods in app.openapi()["paths"].items()
        for method, operation in methods.items()
        if operation.get("security")
    }
    assert marked == {operation for operation, row in TABLE.items() if row[2] == 401 != row[3]}


async def test_unknown_addresses_say_what_is_left_of_the_hour_too(client: httpx.AsyncClient, people: People) -> None:
    for method, path, status in (("GET", "/api/v1/nothing", 404), ("DELETE", "/api/v1/progress", 405)):
        known = await client.request(method, path, headers=people.owner.headers)
        assert known.status_code == status
        assert known.headers["X-RateLimit-Tier"] == "premium"
        unknown = await client.request(method, path)
        assert unknown.status_code == status
        assert "X-RateLimit-Tier" not in unknown.headers


@pytest.mark.parametrize("operation", TABLE)
async def test_everyone_gets_what_the_table_says(
    *, client: httpx.AsyncClient, settings: Settings, sign_up: SignUp, people: People, operation: str
) -> None:
    if operation in ENDS_THE_SESSION:
        people = await gather(client, sign_up)
    method, path = operation.split(" ")
    chapter_id = "02-second" if path.endswith("/next") else LOCKED
    address = path.format(
        chapter_id=chapter_id, quiz_id=f"{LOCKED}-quiz", section_id=SECTION, student_id=people.owner.student_id
    )
    statuses = []
    for caller, person in people.callers.items():
        answer = await client.request(
            method,
            address,
            params=QUERIES.get(path.rsplit("/", 1)[-1], {}),
            json=body_of(operation, person),
            headers=people.headers(caller, settings),
        )
        statuses.append(answer.status_code)
        if person is not people.owner and "/admin/" not in path:
            for secret in (people.word, people.owner.email, people.owner.student_id):
                assert secret not in answer.text, f"{caller} is shown what is the owner's"
    assert dict(zip(CALLERS, statuses, strict=True)) == dict(zip(CALLERS, TABLE[operation], strict=True))

"""What other services may ask of core: only with the service token, and never through the gateway."""

from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from core.learners import service
from core.security import Unauthorized
from core.settings import Settings
from shared_schemas.learners import LearnerSnapshot, LearnerWithSnapshot
from tests.core.conftest import SERVICE_TOKEN, SignUp
from tests.core.factories import right_answers, tiny_course

SUBMIT = "/api/v1/quizzes/01-first-quiz/submit"
BAD_JSON = b"{"


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_the_service_token_of_these_tests_is_a_good_one(settings: Settings) -> None:
    assert settings.weak_secrets() == {}
    assert settings.core_service_token.get_secret_value() == SERVICE_TOKEN


def as_service(token: str = SERVICE_TOKEN) -> dict[str, Any]:
    return {"Authorization": f"Bearer {token}"}


async def test_another_service_resolves_a_bearer(client: httpx.AsyncClient, sign_up: SignUp) -> None:
    student = await sign_up("pro")
    answer = await client.post(
        "/internal/v1/learners/resolve", json={"token": student.access_token}, headers=as_service()
    )
    assert answer.status_code == 200
    body = answer.json()
    assert (body["student_id"], body["role"], body["subscription_tier"]) == (student.student_id, "student", "pro")
    await client.post("/api/v1/auth/logout", headers=student.headers)
    for token in (student.access_token, "forged", "x" * 4000):
        for wanted in ("resolve", "snapshot"):
            refused = await client.post(f"/internal/v1/learners/{wanted}", json={"token": token}, headers=as_service())
            assert code(refused) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize("token", ["", "wrong", "t\u00f6k\u00ebn", SERVICE_TOKEN + "x"])
async def test_nobody_else_may_use_the_internal_endpoints(
    client: httpx.AsyncClient, sign_up: SignUp, token: str
) -> None:
    student = await sign_up()
    headers = [(b"authorization", f"Bearer {token}".encode())]
    path = f"/internal/v1/learners/{student.student_id}"
    for asking in (headers, student.headers):
        assert code(await client.post(f"{path}/activity", headers=asking)) == (403, "ACCESS_DENIED")
    for wanted in ("resolve", "snapshot"):
        refused = await client.post(
            f"/internal/v1/learners/{wanted}",
            content=BAD_JSON,
            headers=[*headers, (b"content-type", b"application/json")],
        )
        assert code(refused) == (403, "ACCESS_DENIED")


async def test_the_snapshot_holds_what_analysis_needs_and_no_person(client: httpx.AsyncClient, sign_up: SignUp) -> None:
    student = await sign_up()
    for answers in ({"q1": "a"}, right_answers("01-first")):
        assert (await client.post(SUBMIT, json={"answers": answers}, headers=student.headers)).status_code == 200
    section = tiny_course().course.chapters[0].sections[0].section_id
    read = {"section_id": section, "completed": True}
    assert (
        await client.put("/api/v1/progress/chapter/01-first", json=read, headers=student.headers)
    ).status_code == 200
    answer = await client.post(
        "/internal/v1/learners/snapshot", json={"token": student.access_token}, headers=as_service()
    )
    assert answer.status_code == 200, answer.text
    known = LearnerWithSnapshot.model_validate_json(answer.text, strict=True)
    snapshot = known.snapshot
    assert str(known.learner.student_id) == str(snapshot.student_id) == student.student_id
    attempts = answer.json()["snapshot"]["quiz_attempts"]
    assert [attempt["passed"] for attempt in attempts] == [False, True], "oldest first"
    assert attempts[0]["marks"] == {"q1": 10, "q2": 0, "q3": 0, "q4": 0}
    assert attempts[0]["sections"].keys() == attempts[0]["concepts"].keys() == attempts[0]["marks"].keys()
    assert answer.json()["snapshot"]["chapters"][0]["completion_status"] == "completed"
    [told] = snapshot.chapters[0].sections
    assert (told.section_id, told.completed) == (section, True)
    assert told.last_activity_at
    assert told.last_activity_at > snapshot.quiz_attempts[-1].completed_at
    assert student.email not in answer.text


async def test_an_intelligence_of_the_release_before_asks_by_id(
    client: httpx.AsyncClient, sign_up: SignUp, app: FastAPI
) -> None:
    student = await sign_up()
    told = await client.get(f"/internal/v1/learners/{student.student_id}/snapshot", headers=as_service())
    assert LearnerSnapshot.model_validate_json(told.text, strict=True).quiz_attempts == []
    refused = await client.get(f"/internal/v1/learners/{student.student_id}/snapshot", headers=student.headers)
    assert code(refused) == (403, "ACCESS_DENIED")
    with pytest.raises(Unauthorized):  # nobody, or nobody any more
        await service.snapshot(app.state.database, student_id=uuid4())


async def test_internal_endpoints_are_not_documented(app: FastAPI) -> None:
    assert not any(path.startswith("/internal") for path in app.openapi()["paths"])

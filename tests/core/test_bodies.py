"""A body that is no good JSON is never taken for an empty one, also where every member may be left out."""

import json

import httpx
import pytest

from tests.core.conftest import SignUp, Student

WITHOUT_REQUIRED_MEMBERS = [("PATCH", "/api/v1/auth/me"), ("PUT", "/api/v1/progress/chapter/01-first")]


@pytest.fixture(scope="module")
async def student(sign_up: SignUp) -> Student:
    return await sign_up()


@pytest.mark.parametrize(("method", "path"), WITHOUT_REQUIRED_MEMBERS)
@pytest.mark.parametrize("body", [b"W", b"\x00", b"{", b'{"timezone": "\\u0000"}', b"[]", b"null", b'""', b"0"])
async def test_no_unreadable_body_passes_for_an_empty_one(
    *, client: httpx.AsyncClient, student: Student, method: str, path: str, body: bytes
) -> None:
    headers = {**student.headers, "Content-Type": "application/json"}
    answer = await client.request(method, path, content=body, headers=headers)
    assert answer.status_code == 422, answer.text
    assert answer.json()["error"]["details"]["fields"][0]["field"] == "body"
    first, *_ = (await client.get("/api/v1/progress", headers=student.headers)).json()["chapters"]
    assert first["completion_status"] == "not_started", "nothing is half stored"


async def test_whole_numbers_may_be_written_with_a_point(client: httpx.AsyncClient, student: Student) -> None:
    path = "/api/v1/progress/chapter/02-second"
    for seconds, status in ((60.0, 200), (60.5, 422), (True, 422), ("60", 422)):
        answer = await client.put(path, json={"time_spent_seconds": seconds}, headers=student.headers)
        assert answer.status_code == status, (seconds, answer.text)


MANY = {f"{n:x}": 0 for n in range(100_000)}


@pytest.mark.parametrize("body", [MANY, {"answers": MANY}, {"email": [*MANY], "password": [[n] for n in range(300)]}])
@pytest.mark.parametrize("path", ["/api/v1/auth/login", "/api/v1/auth/register", "/api/v1/auth/refresh"])
async def test_an_overfull_body_is_refused_without_looking_at_each_member(
    client: httpx.AsyncClient, path: str, body: dict[str, object]
) -> None:
    answer = await client.post(path, json=body)
    assert answer.status_code == 422
    assert [found["field"] for found in answer.json()["error"]["details"]["fields"]] == ["body"]


@pytest.mark.parametrize("members", [{"x" * 900_000: 0}, {f"{n}{'x' * 1000}": 0 for n in range(400)}])
async def test_no_refusal_is_as_long_as_what_was_asked(
    client: httpx.AsyncClient, student: Student, members: dict[str, object]
) -> None:
    for path, body in (("auth/login", members), ("quizzes/01-first-quiz/submit", {"answers": members})):
        answer = await client.post(f"/api/v1/{path}", json=body, headers=student.headers)
        assert answer.status_code == 422
        assert len(answer.content) < 10_000, path
        fields = answer.json()["error"]["details"]["fields"]
        assert 0 < len(fields) <= 20
        assert all(len(found["field"]) <= 80 for found in fields)
        assert len(json.dumps(body)) > 400_000

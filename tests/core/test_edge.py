"""What every request meets: who is let in and in which order, the envelope, sizes, ids, limits, a commit that fails."""

import asyncio
import json
import logging
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from core.settings import Settings
from core.storage import LocalStorage
from tests.conftest import Database
from tests.core.conftest import PASSWORD, SignUp, calling, running, settings_for
from tests.core.factories import right_answers, tiny_course, write_course

SUBMIT = "/api/v1/quizzes/01-first-quiz/submit"
LOCKED_SUBMIT = "/api/v1/quizzes/03-third-quiz/submit"
BAD_JSON = b"{"
JSON = {"Content-Type": "application/json"}


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def protected(app: FastAPI) -> list[tuple[str, str]]:
    """Every documented operation that wants a bearer token."""
    without_sign_in = ("register", "login", "refresh", "password/forgot", "password/reset", "email/verify")
    open_to_all = (*(f"/auth/{name}" for name in without_sign_in), "/health")
    return [
        (method.upper(), path)
        for path, operations in app.openapi()["paths"].items()
        for method in operations
        if not any(part in path for part in open_to_all)
    ]


async def test_every_operation_wants_a_token_before_anything_else(app: FastAPI, client: httpx.AsyncClient) -> None:
    operations = protected(app)
    assert len(operations) >= 15
    for method, path in operations:
        answer = await client.request(method, path.replace("{", "").replace("}", ""), content=BAD_JSON, headers=JSON)
        assert code(answer) == (401, "UNAUTHORIZED"), (method, path)
        assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_refusals_come_in_order(client: httpx.AsyncClient, sign_up: SignUp) -> None:
    student = await sign_up()
    headers = {**student.headers, **JSON}
    admin = f"/api/v1/admin/students/{student.student_id}/subscription"
    assert code(await client.put(admin, content=BAD_JSON, headers=headers)) == (403, "ACCESS_DENIED")
    assert code(await client.post(LOCKED_SUBMIT, content=BAD_JSON, headers=headers)) == (403, "ACCESS_DENIED")
    unknown = "/api/v1/quizzes/09-none-quiz/submit"
    assert code(await client.post(unknown, content=BAD_JSON, headers=headers)) == (404, "RESOURCE_NOT_FOUND")
    assert code(await client.post(SUBMIT, content=BAD_JSON, headers=headers)) == (422, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[" * 5000,
        b"\xff\xfe",
        b"NaN",
        b"null",
        b'"text"',
        b'{"answers": NaN}',
        b'{"answers": {"q1": "\\ud800"}}',
        b'{"answers": {"\\ud800": "a"}}',
        b'{"answers": {"q4": "nul \\u0000"}}',
        b'{"answers": ' + b"9" * 5000 + b"}",
    ],
)
async def test_no_body_breaks_anything(client: httpx.AsyncClient, sign_up: SignUp, body: bytes) -> None:
    headers = {**(await sign_up()).headers, **JSON}
    answer = await client.post(SUBMIT, content=body, headers=headers)
    assert code(answer) == (422, "VALIDATION_ERROR"), answer.text
    assert answer.json()["error"]["details"]["fields"][0]["message"]


async def test_a_body_that_is_not_called_json_is_told_so(client: httpx.AsyncClient, sign_up: SignUp) -> None:
    headers = {**(await sign_up()).headers, "Content-Type": "text/plain"}
    answer = await client.post(SUBMIT, content=b'{"answers": {}}', headers=headers)
    assert answer.status_code == 422
    assert "Content-Type" in answer.json()["error"]["message"]


async def test_bodies_over_one_megabyte_are_refused(client: httpx.AsyncClient) -> None:
    large = b"x" * (1_048_576 + 1)

    async def in_pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield large[:100_000]

    declared = await client.post("/api/v1/auth/login", content=large, headers=JSON)
    chunked = await client.post("/api/v1/auth/login", content=in_pieces(), headers=JSON)
    assert code(declared) == code(chunked) == (413, "PAYLOAD_TOO_LARGE")
    assert declared.headers["X-Request-ID"]


async def test_unknown_addresses_and_methods_are_in_the_envelope(client: httpx.AsyncClient) -> None:
    assert code(await client.get("/api/v1/nothing")) == (404, "RESOURCE_NOT_FOUND")
    assert code(await client.get("/api/v1/chapters/")) == (404, "RESOURCE_NOT_FOUND")
    wrong = await client.put("/api/v1/auth/me")
    assert code(wrong) == (405, "METHOD_NOT_ALLOWED")
    assert wrong.headers["Allow"] == "DELETE, GET, PATCH"


@pytest.mark.parametrize("address", ["", "/live", "/ready"])
async def test_a_monitor_may_ask_for_health_by_head(client: httpx.AsyncClient, address: str) -> None:
    asked = [await client.request(method, f"/api/v1/health{address}") for method in ("HEAD", "GET")]
    assert [answer.status_code for answer in asked] == [200, 200]
    assert (await client.post(f"/api/v1/health{address}")).headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize("given", ["", "short", "x" * 65, "has spaces in it", "line\tbreak"])
async def test_a_strange_request_id_is_replaced(client: httpx.AsyncClient, given: str) -> None:
    answer = await client.get("/api/v1/health", headers={"X-Request-ID": given})
    assert answer.headers["X-Request-ID"] != given
    assert len(answer.headers["X-Request-ID"]) == 32


async def test_a_good_request_id_is_passed_on(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/nothing", headers={"X-Request-ID": "gateway-0123.abc"})
    assert answer.headers["X-Request-ID"] == "gateway-0123.abc"


async def test_signed_in_answers_say_what_is_left_of_the_hour(client: httpx.AsyncClient, sign_up: SignUp) -> None:
    student = await sign_up("premium")
    first = await client.get("/api/v1/auth/me", headers=student.headers)
    second = await client.get("/api/v1/chapters/09-none", headers=student.headers)
    assert (first.headers["X-RateLimit-Limit"], first.headers["X-RateLimit-Tier"]) == ("10000", "premium")
    assert int(second.headers["X-RateLimit-Remaining"]) == int(first.headers["X-RateLimit-Remaining"]) - 1
    assert int(first.headers["X-RateLimit-Reset"]) % 3600 == 0


async def test_the_hourly_limit_refuses_what_comes_after_it(settings: Settings, sign_up: SignUp) -> None:
    student = await sign_up()
    few = settings.model_copy(update={"hourly_limit_free": 3})
    async with running(few) as app, calling(app) as client:
        answers = [await client.get("/api/v1/auth/me", headers=student.headers) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert answers[3].json()["error"]["code"] == "RATE_LIMIT_EXCEEDED"
    assert answers[3].headers["X-RateLimit-Remaining"] == "0"
    assert 0 < int(answers[3].headers["Retry-After"]) <= 3600


@pytest.mark.parametrize("redis", [None, "redis://127.0.0.1:1/0"])
async def test_without_redis_the_limits_are_off_and_all_else_is_right(
    settings: Settings, sign_up: SignUp, redis: str | None
) -> None:
    student = await sign_up()
    alone = settings_for(settings.database_login, settings.content_directory, redis)
    async with running(alone.model_copy(update={"hourly_limit_free": 1})) as app, calling(app) as client:
        answers = [await client.get("/api/v1/chapters", headers=student.headers) for _ in range(3)]
        ready = await client.get("/api/v1/health/ready")
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert answers[2].headers["X-RateLimit-Remaining"] == "1"
    assert ready.status_code == 200
    assert ready.json()["warnings"]


async def test_a_failing_commit_answers_500_and_keeps_nothing(
    client: httpx.AsyncClient, owner: asyncpg.Connection
) -> None:
    """The commit comes before the answer: a trigger that fires only at the commit makes it fail."""
    email = f"doomed-{uuid4().hex}@example.com"
    await owner.execute(
        """
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not today'; END $$;
        CREATE CONSTRAINT TRIGGER refuse_doomed AFTER INSERT ON students DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW WHEN (new.email LIKE 'doomed-%') EXECUTE FUNCTION refuse();
        """
    )
    try:
        answer = await client.post("/api/v1/auth/register", json={"email": email, "password": PASSWORD})
    finally:
        await owner.execute("DROP TRIGGER refuse_doomed ON students; DROP FUNCTION refuse();")
    assert code(answer) == (500, "INTERNAL_ERROR")
    assert "not today" not in answer.text
    assert await owner.fetchval("SELECT count(*) FROM students WHERE email = $1", email) == 0


async def test_an_unreachable_database_is_a_503(settings: Settings) -> None:
    gone = settings_for("postgresql://core_service@127.0.0.1:1/cc", settings.content_directory)
    async with running(gone) as app, calling(app) as client:
        login = await client.post("/api/v1/auth/login", json={"email": "a@b.co", "password": PASSWORD})
        ready = await client.get("/api/v1/health/ready")
        assert (await client.get("/api/v1/health/live")).status_code == 200
    assert code(login) == (503, "SERVICE_UNAVAILABLE")
    assert ready.status_code == 503
    assert ready.json()["checks"]["database"] != "ok"


async def test_before_a_course_is_published_the_rest_works(settings: Settings, tmp_path: Path, sign_up: SignUp) -> None:
    student = await sign_up()
    empty = settings_for(settings.database_login, tmp_path)
    async with running(empty) as app, calling(app) as client:
        assert code(await client.get("/api/v1/chapters", headers=student.headers)) == (503, "SERVICE_UNAVAILABLE")
        assert (await client.get("/api/v1/auth/me", headers=student.headers)).status_code == 200
        assert (await client.get("/api/v1/health/ready")).json()["status"] == "not_ready"


async def test_readiness_warns_of_a_published_course_that_cannot_be_loaded(settings: Settings, tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    await write_course(storage)
    async with running(settings_for(settings.database_login, tmp_path)) as app, calling(app) as client:
        await write_course(storage, tiny_course("v2"))
        await storage.write("v2/quizzes/02-second-quiz.json", b"{}")
        await app.state.shelf.refresh()
        ready = (await client.get("/api/v1/health/ready")).json()
    assert ready["status"] == "ready"
    [warning] = [line for line in ready["warnings"] if "version" in line]
    assert warning.startswith("serving version v1: version v2, which is published, cannot be loaded: v2/quizzes/02-")


async def test_health_names_the_phases(client: httpx.AsyncClient) -> None:
    body = (await client.get("/api/v1/health")).json()
    assert body.keys() == {"status", "phase1_enabled", "phase2_enabled", "timestamp"}
    assert (body["status"], body["phase1_enabled"]) == ("healthy", True)


async def test_a_request_is_one_log_line_without_what_was_said(
    client: httpx.AsyncClient, sign_up: SignUp, caplog: pytest.LogCaptureFixture
) -> None:
    student = await sign_up()
    with caplog.at_level(logging.INFO, logger="core.requests"):
        caplog.clear()  # the sign-up's own line, where logging is on for other reasons
        await client.get("/api/v1/chapters/01-first?secret=1", headers=student.headers)
    [record] = [record for record in caplog.records if record.name == "core.requests"]
    said = json.dumps(record.__dict__, default=str)
    assert (record.__dict__["route"], record.__dict__["status"]) == ("/api/v1/chapters/{chapter_id}", 200)
    assert student.access_token not in said
    assert "secret" not in said


async def test_one_key_one_effect(client: httpx.AsyncClient, owner: asyncpg.Connection, sign_up: SignUp) -> None:
    student = await sign_up()
    body = {"answers": right_answers("01-first")}
    headers = {**student.headers, "Idempotency-Key": "the same key"}
    answers = await asyncio.gather(*(client.post(SUBMIT, json=body, headers=headers) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    count = "SELECT count(*) FROM quiz_results WHERE student_id = $1"
    assert await owner.fetchval(count, student.student_id) == 1
    other = await client.post(SUBMIT, json={"answers": {}}, headers=headers)
    assert code(other) == (409, "IDEMPOTENCY_CONFLICT")
    elsewhere = await client.post("/api/v1/quizzes/02-second-quiz/submit", json=body, headers=headers)
    assert code(elsewhere) == (409, "IDEMPOTENCY_CONFLICT"), "the same answers to another quiz are another request"
    someone = await sign_up()
    theirs = await client.post(SUBMIT, json=body, headers={**someone.headers, "Idempotency-Key": "the same key"})
    assert theirs.json()["attempt_id"] != answers[0].json()["attempt_id"], "a key belongs to its student"


async def test_a_refused_request_does_not_use_up_its_key(client: httpx.AsyncClient, sign_up: SignUp) -> None:
    headers = {**(await sign_up()).headers, "Idempotency-Key": "retried"}
    wrong = await client.post(SUBMIT, json={"answers": {"q99": "a"}}, headers=headers)
    assert wrong.status_code == 422
    assert (await client.post(SUBMIT, json={"answers": {"q1": "a"}}, headers=headers)).status_code == 200


@pytest.mark.parametrize("key", ["k" * 201, "tab\tkey", "k\u00e9y"])
async def test_a_strange_key_is_refused(client: httpx.AsyncClient, sign_up: SignUp, key: str) -> None:
    headers = [(b"authorization", (await sign_up()).headers["Authorization"].encode())]
    headers.append((b"idempotency-key", key.encode()))
    answer = await client.post(SUBMIT, json={"answers": {}}, headers=headers)
    assert code(answer) == (422, "VALIDATION_ERROR")


async def test_a_registration_is_idempotent_and_its_key_keeps_no_password(
    client: httpx.AsyncClient, owner: asyncpg.Connection
) -> None:
    body = {"email": f"twice-{uuid4().hex}@example.com", "password": PASSWORD}
    key = {"Idempotency-Key": uuid4().hex}
    answers = await asyncio.gather(*(client.post("/api/v1/auth/register", json=body, headers=key) for _ in range(5)))
    assert Counter(answer.status_code for answer in answers) == {201: 5}
    assert len({answer.content for answer in answers}) == 1
    other = await client.post("/api/v1/auth/register", json={**body, "password": PASSWORD + "!"}, headers=key)
    assert code(other) == (409, "IDEMPOTENCY_CONFLICT")
    stored = await owner.fetchval(
        "SELECT row_to_json(k)::text FROM core_idempotency_keys k WHERE idempotency_key = $1", key["Idempotency-Key"]
    )
    assert PASSWORD not in stored
    assert body["email"] not in stored.split("response_body")[0]


async def test_the_core_role_is_enough_and_no_more(postgres: Database) -> None:
    connection = await asyncpg.connect(postgres.core_url)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("SELECT * FROM llm_usage_logs")
    finally:
        await connection.close()

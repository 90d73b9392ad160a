import json
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from intelligence import background, core_client
from intelligence.database import Session
from tests.conftest import Database, Servers
from tests.intelligence.conftest import Configure, Rows
from tests.intelligence.support import FakeCore, served, whole_service

PATH = "/api/v2/adaptive/path"


def code(answer: httpx.Response) -> str:
    body = answer.json()
    assert set(body) == {"error"}
    assert {"code", "message", "details"} <= set(body["error"])
    return str(body["error"]["code"])


async def post(client: httpx.AsyncClient, headers: dict[str, str], content: bytes) -> httpx.Response:
    return await client.post(PATH, content=content, headers={"Content-Type": "application/json", **headers})


@pytest.mark.parametrize(
    "content", [b'{"force_refresh": tru', b'{"force_refresh": "often"}', b"[1]", b"\xff\xfe", b"[" * 100_000]
)
async def test_who_asks_is_looked_at_before_what_is_asked(
    client: httpx.AsyncClient, fake_core: FakeCore, student: UUID, content: bytes
) -> None:
    nobody = await post(client, {}, content)
    assert (nobody.status_code, code(nobody)) == (401, "UNAUTHORIZED")
    assert nobody.headers["WWW-Authenticate"] == "Bearer"
    free = await post(client, fake_core.sign_in(student, "free"), content)
    assert (free.status_code, code(free)) == (403, "PREMIUM_REQUIRED")
    premium = await post(client, fake_core.sign_in(student), content)
    assert (premium.status_code, code(premium)) == (400, "INVALID_REQUEST")


async def test_no_refusal_names_a_hundred_thousand_members(
    client: httpx.AsyncClient, fake_core: FakeCore, student: UUID
) -> None:
    headers = fake_core.sign_in(student)
    for members in (60_000, 400, 1):
        length = 400_000 // members
        body = {f"{n}{'x' * length}"[:length]: 0 for n in range(members)}
        for path in (PATH, f"{PATH}/{uuid4()}/complete", "/api/v2/assessments/submit"):
            answer = await client.post(path, json=body, headers=headers)
            assert (answer.status_code, code(answer)) == (400, "INVALID_REQUEST")
            assert len(answer.content) < 10_000
            problems = answer.json()["error"]["details"].get("problems", [])
            assert len(problems) <= 20
            assert bool(problems) == (members < 500), "what is overfull is not looked through"
    operator = fake_core.sign_in(student, role="admin")
    answer = await client.post(f"/api/v2/admin/feedback/{uuid4()}/review", json=body, headers=operator)
    assert (answer.status_code, len(answer.content) < 10_000) == (400, True)


async def test_a_wrong_query_of_a_student_is_forbidden_first(
    client: httpx.AsyncClient, fake_core: FakeCore, student: UUID
) -> None:
    query = "/api/v2/admin/costs?start_date=yesterday"
    assert (await client.get(query)).status_code == 401
    refused = await client.get(query, headers=fake_core.sign_in(student, "pro"))
    assert (refused.status_code, code(refused)) == (403, "ADMIN_REQUIRED")
    assert refused.json()["error"]["required_role"] == "admin"
    wrong = await client.get(query, headers=fake_core.sign_in(student, role="admin"))
    assert (wrong.status_code, code(wrong)) == (400, "INVALID_REQUEST")


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer  x y", "Basic abc", "Bearer forged", "Bearer " + "x" * 5000, "Bearer \xe9"]
)
async def test_no_token_and_wrong_tokens_are_401(client: httpx.AsyncClient, authorization: str) -> None:
    raw = [(b"Authorization", authorization.encode("latin-1"))]
    answer = await client.get("/api/v2/usage/quota", headers=raw)
    assert (answer.status_code, code(answer)) == (401, "UNAUTHORIZED")


async def test_core_is_asked_once_for_a_path(client: httpx.AsyncClient, fake_core: FakeCore, student: UUID) -> None:
    refused = await client.post(PATH, json={}, headers=fake_core.sign_in(student))
    assert (refused.status_code, code(refused)) == (400, "INSUFFICIENT_DATA")
    assert fake_core.asked == 1


async def test_the_gate_says_what_premium_is_and_costs(
    client: httpx.AsyncClient, fake_core: FakeCore, student: UUID
) -> None:
    expired = datetime.now(UTC) - timedelta(seconds=1)
    for headers in (fake_core.sign_in(student, "free"), fake_core.sign_in(student, "premium", expires=expired)):
        error = (await client.post(PATH, json={}, headers=headers)).json()["error"]
        assert error["pricing"] == {"monthly": 9.99, "annual": 99.99}
        assert error["benefits"]
        assert error["upgrade_url"].startswith("http")
        assert (await client.get("/api/v2/usage/quota", headers=headers)).status_code == 200


async def test_core_away_is_503_not_401(client: httpx.AsyncClient, configure: Configure) -> None:
    await configure(CORE_URL="http://127.0.0.1:9")
    answer = await client.get("/api/v2/usage/quota", headers={"Authorization": "Bearer t"})
    assert (answer.status_code, code(answer)) == (503, "SERVICE_UNAVAILABLE")
    assert "Retry-After" in answer.headers


async def test_a_wrong_service_token_is_an_operators_matter(
    client: httpx.AsyncClient, configure: Configure, fake_core: FakeCore, caplog: pytest.LogCaptureFixture
) -> None:
    await configure(CORE_SERVICE_TOKEN="another-service-token-0123456789abcd")
    answer = await client.get("/api/v2/usage/quota", headers={"Authorization": "Bearer t"})
    assert answer.status_code == 503
    assert "CORE_SERVICE_TOKEN" in caplog.text


async def test_quota_and_headers_agree_and_are_mirrored(
    client: httpx.AsyncClient, fake_core: FakeCore, student: UUID, rows: Rows, redis_url: str
) -> None:
    await rows(
        "INSERT INTO premium_usage_quotas (student_id, month, adaptive_paths_used, assessments_used) "
        "VALUES ($1, current_utc_month(), 3, 20)",
        student,
    )
    answer = await client.get("/api/v2/usage/quota", headers=fake_core.sign_in(student))
    body = answer.json()
    assert body["student_id"] == str(student)
    assert body["adaptive_paths"] | {"reset_date": ""} == {"used": 3, "limit": 10, "remaining": 7, "reset_date": ""}
    assert body["assessments"]["remaining"] == 0
    assert [option["tier"] for option in body["upgrade_options"]] == ["pro"]
    reset = datetime.fromisoformat(body["adaptive_paths"]["reset_date"])
    assert reset.day == 1
    assert timedelta() < reset - datetime.now(UTC) <= timedelta(days=31)
    headers = answer.headers
    assert (headers["X-RateLimit-Limit-Paths"], headers["X-RateLimit-Remaining-Paths"]) == ("10", "7")
    assert headers["X-RateLimit-Remaining-Assessments"] == "0"
    assert headers["X-RateLimit-Reset-Assessments"] == body["assessments"]["reset_date"]

    import redis.asyncio as redis

    await background.drain()  # nobody waits for what is written to Redis
    async with redis.Redis.from_url(redis_url, decode_responses=True) as store:
        name = f"quota:{student}:{body['month']}"
        assert await store.get(f"{name}:adaptive_paths") == "3"
        assert await store.expiretime(f"{name}:assessments") == int(reset.timestamp())


async def test_pro_has_no_limit_and_free_has_none_left(
    client: httpx.AsyncClient, fake_core: FakeCore, student: UUID
) -> None:
    pro = await client.get("/api/v2/usage/quota", headers=fake_core.sign_in(student, "pro"))
    assert pro.json()["adaptive_paths"]["limit"] is None
    assert pro.json()["upgrade_options"] == []
    assert pro.headers["X-RateLimit-Remaining-Paths"] == "unlimited"
    free = await client.get("/api/v2/usage/quota", headers=fake_core.sign_in(student, "free"))
    assert free.json()["assessments"]["remaining"] == 0
    assert len(free.json()["upgrade_options"]) == 2


async def test_errors_of_a_known_learner_carry_the_quota_headers_too(
    client: httpx.AsyncClient, fake_core: FakeCore, student: UUID
) -> None:
    refused = await client.post(PATH, json={}, headers=fake_core.sign_in(student, "free"))
    assert refused.status_code == 403
    assert "X-RateLimit-Limit-Paths" in refused.headers


async def test_unknown_addresses_carry_the_quota_headers_too(
    client: httpx.AsyncClient, fake_core: FakeCore, student: UUID
) -> None:
    signed_in = fake_core.sign_in(student)
    for method, path, status in (("GET", "/api/v2/nothing", 404), ("DELETE", "/api/v2/usage/quota", 405)):
        answer = await client.request(method, path, headers=signed_in)
        assert answer.status_code == status
        assert answer.headers["X-RateLimit-Remaining-Paths"] == "10"
    stranger = await client.get("/api/v2/nothing", headers={"Authorization": "Bearer nobody"})
    assert stranger.status_code == 404
    assert "X-RateLimit-Remaining-Paths" not in stranger.headers


async def test_redis_gone_changes_nothing(
    client: httpx.AsyncClient, fake_core: FakeCore, configure: Configure, student: UUID
) -> None:
    await configure(REDIS_URL="redis://127.0.0.1:9/0")
    answer = await client.get("/api/v2/usage/quota", headers=fake_core.sign_in(student))
    assert answer.status_code == 200
    assert "X-RateLimit-Limit-Paths" in answer.headers


async def test_every_answer_has_a_request_id_and_a_good_one_is_kept(client: httpx.AsyncClient) -> None:
    kept = await client.get("/api/v2/health", headers={"X-Request-ID": "from-the-gateway.1"})
    assert kept.headers["X-Request-ID"] == "from-the-gateway.1"
    replaced = await client.get("/api/v2/nothing", headers={"X-Request-ID": 'evil "id"'})
    assert replaced.headers["X-Request-ID"] not in {"", 'evil "id"'}
    assert (replaced.status_code, code(replaced)) == (404, "RESOURCE_NOT_FOUND")
    wrong = await client.delete("/api/v2/health")
    assert (wrong.status_code, code(wrong)) == (405, "METHOD_NOT_ALLOWED")


async def test_a_body_over_one_megabyte_is_413(client: httpx.AsyncClient, fake_core: FakeCore, student: UUID) -> None:
    headers = fake_core.sign_in(student) | {"Content-Type": "application/json"}
    known = await client.post(PATH, content=b" " * (1024 * 1024 + 1), headers=headers)
    assert (known.status_code, code(known)) == (413, "PAYLOAD_TOO_LARGE")

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(17):
            yield b" " * 65536

    chunked = await client.post(PATH, content=chunks(), headers=headers)
    assert (chunked.status_code, code(chunked)) == (413, "PAYLOAD_TOO_LARGE")


async def test_health_says_what_is_missing(client: httpx.AsyncClient, fake_core: FakeCore) -> None:
    healthy = await client.get("/api/v2/health")
    assert healthy.json() | {"timestamp": ""} == {
        "status": "healthy",
        "phase1_enabled": True,
        "phase2_enabled": True,
        "timestamp": "",
    }
    assert (await client.get("/api/v2/health/live")).status_code == 200
    ready = await client.get("/api/v2/health/ready")
    assert ready.status_code == 503
    heads = [(await client.head(f"/api/v2/health{address}")).status_code for address in ("", "/live", "/ready")]
    assert heads == [200, 200, 503], "as a monitor asks that wants no body"
    checks = ready.json()["checks"]
    assert {name for name, result in checks.items() if result != "ok"} == {"course"}


async def test_readiness_warns_of_a_model_about_to_retire(client: httpx.AsyncClient, configure: Configure) -> None:
    await configure(ANTHROPIC_MODEL="claude-sonnet-4-5-20250929", ANTHROPIC_API_KEY="sk-ant-...")
    warnings = (await client.get("/api/v2/health/ready")).json()["warnings"]
    assert any("2026-11-30" in warning for warning in warnings)
    assert any("ANTHROPIC_API_KEY" in warning for warning in warnings)


async def test_a_commit_that_fails_is_a_500_and_leaks_nothing(
    configure: Configure, intelligence_database: Database, rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    from intelligence.app import create_app

    await rows("CREATE TABLE IF NOT EXISTS late (word text UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    await rows("GRANT ALL ON late TO intelligence_service")
    app = create_app()
    add_route(app)
    async with served(app) as url, httpx.AsyncClient(base_url=url) as browser:
        with caplog.at_level(logging.INFO):
            answer = await browser.post("/late")
            broken = await browser.post("/broken")
            slow = await browser.post("/slow")
    await rows("DROP TABLE late")
    assert (answer.status_code, code(answer)) == (500, "INTERNAL_SERVER_ERROR")
    assert "late_word_key" in caplog.text
    assert (slow.status_code, code(slow)) == (503, "SERVICE_UNAVAILABLE")
    assert (broken.status_code, code(broken)) == (500, "INTERNAL_SERVER_ERROR")
    assert "ZeroDivisionError" in caplog.text
    assert "canary" not in answer.text + broken.text + caplog.text


def add_route(app: FastAPI) -> None:
    @app.post("/late", status_code=201)
    async def late(session: Session) -> dict[str, bool]:
        await session.execute(text("INSERT INTO late VALUES ('canary'), ('canary')"))
        return {"done": True}

    @app.post("/slow")
    async def slow(session: Session) -> None:
        await session.execute(text("SET LOCAL statement_timeout = '10ms'"))
        await session.execute(text("SELECT pg_sleep(5)"))

    @app.post("/broken")
    async def broken() -> None:
        secret = "canary"
        raise ZeroDivisionError(secret)


@pytest.mark.parametrize("is_full", [False, True])
async def test_the_database_away_is_a_503_in_the_envelope(
    fake_core: FakeCore, student: UUID, configure: Configure, servers: Servers, *, is_full: bool
) -> None:
    url = "postgresql://nobody@127.0.0.1:9/none"
    if is_full:
        assert servers.stack.postgres is not None
        url = servers.new_database().intelligence_url
        servers.stack.postgres.psql(f"ALTER DATABASE {url.rpartition('/')[2]} CONNECTION LIMIT 0")
    await configure(INTELLIGENCE_DATABASE_URL=url)
    async with served(whole_service()) as url, httpx.AsyncClient(base_url=url) as browser:
        headers = fake_core.sign_in(student) | {"Idempotency-Key": "k"}
        answers = [await browser.get("/api/v2/usage/quota", headers=headers)]
        answers.append(await browser.post(PATH, json={}, headers=headers))
        ready = await browser.get("/api/v2/health/ready")
    for answer in answers:
        assert (answer.status_code, code(answer)) == (503, "SERVICE_UNAVAILABLE")
    assert ready.json()["checks"]["database"] != "ok"


async def test_the_document_says_what_wants_a_token(client: httpx.AsyncClient) -> None:
    document = (await client.get("/api/v2/openapi.json")).json()
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation.get("security") == (None if "/health" in path else [{"bearer": []}]), path


async def test_a_malformed_request_says_first_what_is_wrong(
    client: httpx.AsyncClient, fake_core: FakeCore, student: UUID
) -> None:
    headers = fake_core.sign_in(student)
    answer = await client.post("/api/v2/assessments/submit", json={"question_id": 1}, headers=headers)
    assert (answer.status_code, code(answer)) == (400, "INVALID_REQUEST")
    assert answer.json()["error"]["message"].startswith("question_id: ")


async def test_an_account_deleted_in_mid_request_is_signed_out(
    client: httpx.AsyncClient, fake_core: FakeCore, student: UUID, rows: Rows
) -> None:
    headers = fake_core.sign_in(uuid4()) | {"Idempotency-Key": "k"}
    answer = await client.post(PATH, json={}, headers=headers)
    assert (answer.status_code, code(answer)) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize("status", [200, 500])
async def test_an_answer_of_core_that_can_not_be_used_is_logged_without_ids(
    monkeypatch: pytest.MonkeyPatch, student: UUID, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    async def once(_method: str, path: str, _json: object) -> core_client._Answer:
        return core_client._Answer(status, path, f'{{"student_id": ["{student}"]}}'.encode())

    monkeypatch.setattr(core_client, "_once", once)
    with pytest.raises(core_client.CoreUnavailable):
        await core_client.resolve_with_snapshot("token")
    assert ("LearnerWithSnapshot" if status == 200 else "core answered 500 to snapshot") in caplog.text
    assert str(student) not in caplog.text


async def test_one_json_line_a_request_without_ids_or_tokens(
    client: httpx.AsyncClient, fake_core: FakeCore, student: UUID, caplog: pytest.LogCaptureFixture
) -> None:
    headers = fake_core.sign_in(student)
    path_id = uuid4()
    with caplog.at_level(logging.INFO, logger="intelligence.requests"):
        await client.get(f"/api/v2/adaptive/path/{path_id}?secret=canary", headers=headers)
    said = [record.getMessage() for record in caplog.records if record.name.startswith("intelligence")]
    (line,) = map(json.loads, said)
    assert (line["method"], line["status"]) == ("GET", 404)
    assert line["route"] == "/api/v2/adaptive/path/{path_id}"
    assert str(path_id) not in said[0]
    assert headers["Authorization"].removeprefix("Bearer ") not in said[0]

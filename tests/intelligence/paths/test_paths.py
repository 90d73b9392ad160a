import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from redis.asyncio import Redis

from intelligence import background
from intelligence.paths import stored
from intelligence.settings import get_settings
from tests.intelligence.assessments.running import World, attempt, eventually


async def test_a_path_is_made_stored_and_charged_once(world: World) -> None:
    student = await world.student()
    answer = await student.post("/adaptive/path")
    assert answer.status_code == 200, answer.text
    path = answer.json()
    steps = path["recommendations"]
    assert [step["priority"] for step in steps] == list(range(1, len(steps) + 1))
    assert 1 <= len(steps) <= 5
    assert steps[0]["links"]["section"] == (
        f"/api/v1/chapters/{steps[0]['chapter_id']}/sections/{steps[0]['section_id']}"
    )
    assert path["metadata"] == {
        "total_recommendations": len(steps),
        "high_priority_count": sum(step["estimated_impact"] == "high" for step in steps),
        "estimated_total_time_minutes": sum(step["estimated_time_minutes"] for step in steps),
        "cached": False,
    }
    assert path["reasoning"]
    lifetime = datetime.fromisoformat(path["expires_at"]) - datetime.fromisoformat(path["generated_at"])
    assert lifetime == timedelta(hours=24)
    [call] = await world.rows("SELECT * FROM llm_usage_logs WHERE student_id = $1", student.student_id)
    assert (str(call["reference_id"]), call["success"], call["cost_usd"] > 0) == (path["path_id"], True, True)
    assert await student.used("adaptive_paths") == 1
    committed = await world.rows(
        "SELECT p.xmin = l.xmin AND r.xmin = l.xmin AS together, e.response_text IS NOT NULL AS kept "
        "FROM llm_usage_logs l JOIN adaptive_paths p ON p.path_id = l.reference_id "
        "JOIN llm_reservations r USING (reservation_id) JOIN llm_exchanges e USING (call_id) WHERE l.student_id = $1",
        student.student_id,
    )
    assert committed == [{"together": True, "kept": True}], "the path, its unit and what it cost"


async def test_the_second_path_is_the_first_and_counts_too(world: World) -> None:
    student = await world.student()
    first = (await student.post("/adaptive/path")).json()
    second = (await student.post("/adaptive/path", {"include_reasoning": False})).json()
    assert (second["path_id"], second["metadata"]["cached"], second["reasoning"]) == (first["path_id"], True, None)
    assert await student.used("adaptive_paths") == 2
    calls = await world.rows("SELECT 1 FROM llm_usage_logs WHERE student_id = $1", student.student_id)
    assert len(calls) == 1


async def test_redis_remembers_for_a_day_but_postgresql_decides(world: World) -> None:
    student = await world.student()
    first = (await student.post("/adaptive/path")).json()
    redis = Redis.from_url(str(get_settings().redis_url))
    key = f"adaptive_path:{student.student_id}"
    await background.drain()  # nobody waits for what is written to Redis
    try:
        assert 86_300 < await redis.ttl(key) <= 86_400
        assert json.loads(await redis.get(key) or "") == {"path_id": first["path_id"]}, (
            "nothing that outlives an account"
        )
        await redis.delete(key)
        assert (await student.post("/adaptive/path")).json()["path_id"] == first["path_id"]
        for odd in ("not a path", "[]", '{"path_id": 7}', json.dumps({"path_id": str(uuid4())})):
            await redis.set(key, odd)
            assert (await student.post("/adaptive/path")).json()["path_id"] == first["path_id"]
    finally:
        await redis.aclose()
    await student.post("/adaptive/path", {"force_refresh": True})
    await world.rows("UPDATE adaptive_paths SET expires_at = now() WHERE student_id = $1", student.student_id)
    assert (await student.post("/adaptive/path")).json()["metadata"]["cached"] is False


async def test_a_refresh_supersedes_the_path_before(world: World) -> None:
    student = await world.student()
    first = (await student.post("/adaptive/path")).json()["path_id"]
    second = (await student.post("/adaptive/path", {"force_refresh": True})).json()
    assert second["path_id"] != first
    assert (await student.get(f"/adaptive/path/{first}")).json()["status"] == "superseded"


@pytest.mark.parametrize(
    ("chapter_id", "score", "ends_it"),
    [("01-intro", 61, True), ("01-intro", 60, False), ("02-llms", 59, True), ("03-prompting", 80, True)],
)
async def test_a_newer_quiz_ends_the_cache_only_when_it_says_something_new(
    world: World, chapter_id: str, score: int, ends_it: bool
) -> None:
    student = await world.student("premium", attempt("01-intro", 40), attempt("02-llms", 80))
    await student.post("/adaptive/path")
    world.core.attempts[student.student_id].append(attempt(chapter_id, score, completed_at=datetime.now(UTC)))
    assert (await student.post("/adaptive/path")).json()["metadata"]["cached"] is not ends_it


async def test_caching_can_be_switched_off(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(get_settings(), "enable_phase2_caching", False)
    student = await world.student()
    ids = {(await student.post("/adaptive/path")).json()["path_id"] for _ in range(2)}
    assert len(ids) == 2


async def test_the_eleventh_path_is_refused_and_changes_nothing(world: World) -> None:
    student = await world.student()
    for _ in range(10):
        assert (await student.post("/adaptive/path")).status_code == 200
    refused = await student.post("/adaptive/path")
    assert refused.status_code == 429
    error = refused.json()["error"]
    assert error["code"] == "RATE_LIMIT_EXCEEDED"
    assert (error["quota"]["used"], error["quota"]["limit"]) == (10, 10)
    assert re.fullmatch(r"\d{4}-\d\d-01T00:00:00Z", error["quota"]["reset_date"])


async def test_thirty_at_once_on_a_quota_of_ten(world: World) -> None:
    student = await world.student()
    answers = await asyncio.gather(*(student.post("/adaptive/path") for _ in range(30)))
    assert sorted(answer.status_code for answer in answers) == [200] * 10 + [429] * 20
    active = await world.rows(
        "SELECT 1 FROM adaptive_paths WHERE student_id = $1 AND status = 'active'", student.student_id
    )
    assert len(active) == 1


async def test_two_attempts_at_one_quiz_are_not_enough(world: World) -> None:
    student = await world.student("premium", attempt("01-intro", 40), attempt("01-intro", 90))
    answer = await student.post("/adaptive/path")
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["code"], error["required_quizzes"], error["completed_quizzes"]) == ("INSUFFICIENT_DATA", 2, 1)
    assert error["next_steps"]
    assert await student.used("adaptive_paths") == 0


async def test_a_free_student_is_refused_before_anything_else(world: World) -> None:
    student = await world.student("free")
    answer = await student.post("/adaptive/path", {"force_refresh": "nonsense"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "PREMIUM_REQUIRED")


async def test_wrong_types_are_an_invalid_request(world: World) -> None:
    student = await world.student()
    bodies: list[object] = [{"force_refresh": "yes"}, {"unknown": 1}, [], "text"]
    for body in bodies:
        answer = await student.post("/adaptive/path", body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "INVALID_REQUEST"), body


async def test_the_switch_turns_paths_off(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(get_settings(), "enable_adaptive_paths", False)
    student = await world.student()
    answer = await student.post("/adaptive/path")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "FEATURE_DISABLED")
    assert answer.headers["X-RateLimit-Remaining-Paths"] == "10", "nothing is charged"
    monkeypatch.setattr(get_settings(), "premium_adaptive_paths_limit", 0)
    used_up = await student.post("/adaptive/path")
    assert (used_up.status_code, used_up.json()["error"]["code"]) == (429, "RATE_LIMIT_EXCEEDED"), "503 comes last"


async def test_a_path_that_may_not_be_given_again_costs_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    student = await world.student()
    made = (await student.post("/adaptive/path", Idempotency_Key="first")).json()
    with monkeypatch.context() as patch:
        patch.setattr(get_settings(), "enable_adaptive_paths", False)
        off = await student.post("/adaptive/path", Idempotency_Key="second")
        assert (off.status_code, off.json()["error"]["code"]) == (503, "FEATURE_DISABLED")
        for setting, value, code in (
            ("llm_monthly_ceiling_usd", Decimal(0), "SERVICE_BUDGET_EXHAUSTED"),
            ("llm_student_monthly_ceiling_usd", Decimal(0), "SPEND_CEILING_REACHED"),
            ("premium_adaptive_paths_limit", 1, "RATE_LIMIT_EXCEEDED"),
        ):
            patch.setattr(get_settings(), setting, value)
            refused = await student.post("/adaptive/path", Idempotency_Key="second")
            assert refused.json()["error"]["code"] == code, "each comes before those that refused already"
    assert await student.used("adaptive_paths") == 1
    given = [await student.post("/adaptive/path", Idempotency_Key="second") for _ in range(2)]
    assert [one.json()["path_id"] for one in given] == [made["path_id"]] * 2
    assert given[0].text == given[1].text
    assert await student.used("adaptive_paths") == 2


async def test_a_path_completed_while_it_is_looked_up_is_not_given_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    student = await world.student()
    made = (await student.post("/adaptive/path")).json()
    find = stored.find_active

    async def find_just_before_its_end(*what: Any, **more: Any) -> Any:
        found = await find(*what, **more)
        await world.rows("UPDATE adaptive_paths SET status = 'completed' WHERE student_id = $1", student.student_id)
        return found

    monkeypatch.setattr(stored, "find_active", find_just_before_its_end)
    another = (await student.post("/adaptive/path")).json()
    assert (another["path_id"] != made["path_id"], another["metadata"]["cached"]) == (True, False)
    assert await student.used("adaptive_paths") == 2


async def test_a_path_whose_keeping_could_not_be_confirmed_is_kept_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    student = await world.student()
    run, runs = stored._run, 0

    async def run_and_lose_the_reply(*what: Any) -> Any:
        nonlocal runs
        runs += 1
        answer = await run(*what)
        if runs == 1:
            raise ConnectionResetError
        return answer

    monkeypatch.setattr(stored, "_run", run_and_lose_the_reply)
    made = await student.post("/adaptive/path")
    assert made.status_code == 200
    assert runs == 3, "kept, kept again in vain, and the quota read"
    assert made.headers["X-RateLimit-Remaining-Paths"] == "9"
    kept = await world.rows("SELECT path_id FROM adaptive_paths WHERE student_id = $1", student.student_id)
    assert [str(row["path_id"]) for row in kept] == [made.json()["path_id"]]
    [call] = await world.rows("SELECT outcome FROM llm_usage_logs WHERE student_id = $1", student.student_id)
    assert call["outcome"] == "succeeded"
    assert await student.used("adaptive_paths") == 1


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_an_account_deleted_while_its_path_is_kept_is_not_waited_for_in_a_circle(
    world: World, accept: str
) -> None:
    student = await world.student()
    await student.post("/adaptive/path")
    world.simulator.control(mode="latency", latency_ms=2000)
    asking = asyncio.create_task(student.post("/adaptive/path", {"force_refresh": True}, Accept=accept))

    async def calls() -> bool:
        mine = "SELECT 1 FROM llm_usage_logs WHERE student_id = $1"
        return len(await world.rows(mine, student.student_id)) == 2

    await eventually(calls, "the model is not asked")
    core = await asyncpg.connect(world.database.owner_url)
    try:
        async with core.transaction():
            await core.execute("SELECT FROM students WHERE student_id = $1 FOR UPDATE", student.student_id)

            async def waits() -> bool:
                waiting = "SELECT 1 FROM pg_stat_activity WHERE $1 = ANY(pg_blocking_pids(pid))"
                return bool(await world.rows(waiting, core.get_server_pid()))

            await eventually(waits, "the path is not being kept")
            await core.execute("DELETE FROM students WHERE student_id = $1", student.student_id)
    finally:
        await core.close()
    answer = await asking
    if accept == "application/json":
        assert answer.status_code == 401
    else:
        told = json.loads(answer.text.rpartition("event: error\ndata: ")[2])["error"]
        assert (told["code"], told["status"]) == ("UNAUTHORIZED", 401), "as a plain answer says it"
    [lost] = await world.rows("SELECT * FROM llm_usage_logs ORDER BY request_timestamp DESC LIMIT 1")
    assert (lost["outcome"], lost["cost_usd"] > 0, lost["student_id"]) == ("failed", True, None), "paid for"


@pytest.mark.parametrize("mode", [{"mode": "error", "status": 529}, {"mode": "malformed"}, {"mode": "refusal"}])
async def test_a_model_in_trouble_gives_the_quota_back_and_a_way_on(world: World, mode: dict[str, object]) -> None:
    student = await world.student()
    world.simulator.control(**mode)
    answer = await student.post("/adaptive/path")
    assert answer.status_code == 503
    error = answer.json()["error"]
    assert error["code"] == "LLM_SERVICE_UNAVAILABLE"
    assert error["fallback"]["weak_chapters"] == ["01-intro"]
    assert error["fallback"]["suggestion"]
    assert error["retry_after_seconds"] >= 1
    assert await student.used("adaptive_paths") == 0
    [state] = await world.rows("SELECT state, held_usd FROM llm_reservations WHERE student_id = $1", student.student_id)
    assert (state["state"], state["held_usd"]) == ("released", 0)


async def test_invented_sections_never_reach_the_student(world: World) -> None:
    student = await world.student()
    world.simulator.control(mode="invent")
    path = (await student.post("/adaptive/path")).json()
    course = {section["section_id"] for chapter in await chapters(world) for section in chapter["sections"]}
    assert {step["section_id"] for step in path["recommendations"]} <= course


async def chapters(world: World) -> list[dict[str, list[dict[str, str]]]]:
    folder = get_settings().content_directory
    version = json.loads((folder / "course.json").read_text())["content_version"]
    found: list[dict[str, list[dict[str, str]]]] = json.loads((folder / version / "course.json").read_text())[
        "chapters"
    ]
    return found


async def test_an_idempotency_key_makes_one_path_and_one_charge(world: World) -> None:
    student = await world.student()
    key = str(uuid4())
    answers = await asyncio.gather(*(student.post("/adaptive/path", {}, Idempotency_Key=key) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    other = await student.post("/adaptive/path", {"force_refresh": True}, Idempotency_Key=key)
    assert (other.status_code, other.json()["error"]["code"]) == (409, "IDEMPOTENCY_CONFLICT")
    assert await student.used("adaptive_paths") == 1

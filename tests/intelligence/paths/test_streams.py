"""A path as it is being made: its stages as server-sent events."""

import json

import httpx
import pytest

from intelligence.settings import get_settings
from tests.intelligence.assessments.running import Student, World, attempt, eventually


async def test_events_tell_the_stages_and_end_with_the_path(world: World) -> None:
    student = await world.student()
    answer = await student.call("POST", "/adaptive/path", {}, Accept="text/event-stream")
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [block.splitlines() for block in answer.text.strip().split("\n\n")]
    assert [lines[0] for lines in events] == ["event: queued", "event: analysing", "event: done"]
    path = json.loads(events[-1][1].removeprefix("data: "))
    assert (await student.get(f"/adaptive/path/{path['path_id']}")).status_code == 200


async def test_a_stream_that_is_refused_is_refused_like_a_plain_post(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(student: Student, status: int, code: str, body: object, key: str = "one") -> httpx.Response:
        answer = await student.call("POST", "/adaptive/path", body, Accept="text/event-stream", Idempotency_Key=key)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
        return answer

    await refused(await world.student("free"), 403, "PREMIUM_REQUIRED", {})
    await refused(await world.student("premium", attempt("01-intro", 40)), 400, "INSUFFICIENT_DATA", {})
    monkeypatch.setattr(get_settings(), "premium_adaptive_paths_limit", 1)
    student = await world.student()
    assert (await student.post("/adaptive/path", {}, Idempotency_Key="one")).status_code == 200
    await refused(student, 409, "IDEMPOTENCY_CONFLICT", {"force_refresh": True})
    for body in ({}, {"force_refresh": True}):
        over = await refused(student, 429, "RATE_LIMIT_EXCEEDED", body, key="two")
        assert over.headers["X-RateLimit-Remaining-Paths"] == "0"
    assert await student.used("adaptive_paths") == 1


async def test_a_streams_headers_count_the_unit_it_took(world: World) -> None:
    student = await world.student()
    for left, stages in (("9", ["queued", "analysing", "done"]), ("8", ["queued", "done"])):
        answer = await student.call("POST", "/adaptive/path", {}, Accept="text/event-stream")
        assert answer.headers["X-RateLimit-Remaining-Paths"] == left
        assert [line.removeprefix("event: ") for line in answer.text.splitlines() if "event" in line] == stages


async def test_what_goes_wrong_with_the_model_is_an_event_with_the_envelope_and_its_status(world: World) -> None:
    student = await world.student()
    world.simulator.control(mode="error", status=529)
    answer = await student.call("POST", "/adaptive/path", {}, Accept="text/event-stream")
    assert answer.status_code == 200
    last = answer.text.strip().split("\n\n")[-1].splitlines()
    assert last[0] == "event: error"
    error = json.loads(last[1].removeprefix("data: "))["error"]
    assert (error["code"], error["status"]) == ("LLM_SERVICE_UNAVAILABLE", 503)
    assert error["fallback"]["suggestion"]


async def test_openapi_knows_the_streams(world: World) -> None:
    document = (await world.client.get("/api/v2/openapi.json")).json()
    feedback = "/api/v2/assessments/feedback/{submission_id}/events"
    assert set(document["paths"][feedback]["get"]["responses"]["200"]["content"]) == {"text/event-stream"}
    path = document["paths"]["/api/v2/adaptive/path"]["post"]["responses"]["200"]["content"]
    assert set(path) == {"application/json", "text/event-stream"}
    assert "`analysing`" in path["text/event-stream"]["schema"]["description"]


async def test_a_client_that_leaves_the_stream_is_charged_once_and_finds_the_path(world: World) -> None:
    student = await world.student()
    world.simulator.control(mode="latency", latency_ms=500)
    headers = {"Authorization": f"Bearer {student.token}", "Accept": "text/event-stream"}
    async with world.client.stream("POST", "/api/v2/adaptive/path", headers=headers) as answer:
        async for line in answer.aiter_lines():
            if line == "event: analysing":
                break

    async def kept() -> bool:
        rows = await world.rows("SELECT state FROM llm_reservations WHERE student_id = $1", student.student_id)
        return [row["state"] for row in rows] == ["kept"]

    await eventually(kept, "the work did not go on")
    assert await student.used("adaptive_paths") == 1
    assert (await student.get("/adaptive/paths")).json()["pagination"]["total"] == 1
    calls = await world.rows("SELECT outcome FROM llm_usage_logs WHERE student_id = $1", student.student_id)
    assert [call["outcome"] for call in calls] == ["succeeded"]

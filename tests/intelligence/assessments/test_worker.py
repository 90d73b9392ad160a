import asyncio
import hashlib
import json
import sys
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from intelligence.assessments import queue, worker
from intelligence.assessments.grading import is_sampled
from intelligence.assessments.worker import Rhythm
from intelligence.database import driver, transaction
from intelligence.usage.ledger import ReservationClosed
from tests.intelligence.assessments.running import GOOD_ANSWER, QUICK, World, eventually, status_of


async def seen_as(world: World, submission_id: str, status: str) -> None:
    async def ask() -> bool:
        return bool((await status_of(world, submission_id))["grading_status"] == status)

    await eventually(ask, f"{submission_id} is never {status}")


async def test_a_provider_in_trouble_only_delays(world: World) -> None:
    student = await world.student()
    world.simulator.control(mode="error", status=500)
    receipt = (await student.submit()).json()
    async with world.worker():

        async def tried_twice() -> bool:
            return bool((await status_of(world, receipt["submission_id"]))["grading_runs"] >= 2)

        await eventually(tried_twice, "never tried again")
        world.simulator.control()
        feedback = await student.graded(receipt["submission_id"])
    assert feedback["grading_status"] == "completed"
    assert await student.used("assessments") == 1


@pytest.mark.parametrize("mode", ["refusal", "malformed"])
async def test_what_cannot_be_graded_gives_everything_back_once(world: World, mode: str) -> None:
    student = await world.student()
    world.simulator.control(mode=mode)
    receipt = (await student.submit()).json()
    async with world.worker(), world.worker():
        failed = await student.graded(receipt["submission_id"])
    assert (failed["grading_status"], failed["error"]["code"]) == ("failed", "GRADING_FAILED")
    row = await status_of(world, receipt["submission_id"])
    assert (row["state"], row["answer_text"]) == ("released", GOOD_ANSWER)
    assert await student.used("assessments") == 0
    [calls] = await world.rows("SELECT count(*) FROM llm_usage_logs WHERE student_id = $1", student.student_id)
    assert calls["count"] <= 4
    world.simulator.control()
    again = (await student.submit()).json()
    assert (again["attempt_number"], again["attempts_remaining"]) == (1, 2)


async def test_after_a_day_it_is_given_up(world: World) -> None:
    student = await world.student()
    receipt = (await student.submit()).json()
    world.simulator.control(mode="error", status=500)
    await world.rows(
        "UPDATE assessment_submissions SET submitted_at = now() - interval '25 hours' WHERE student_id = $1",
        student.student_id,
    )
    async with world.worker():
        assert (await student.graded(receipt["submission_id"]))["grading_status"] == "failed"
    assert await student.used("assessments") == 0


async def test_a_killed_workers_job_is_taken_up_and_charged_once(world: World, tmp_path: Path) -> None:
    student = await world.student()
    world.simulator.control(mode="timeout")
    receipt = (await student.submit()).json()
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).parent / "intelligence", "worker", cwd=tmp_path, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        await seen_as(world, receipt["submission_id"], "processing")

        async def asked() -> bool:
            return bool(await world.rows("SELECT 1 FROM llm_usage_logs WHERE student_id = $1", student.student_id))

        await eventually(asked, "the killed worker never asked the model")
    finally:
        process.kill()
        await process.wait()
    world.simulator.control()
    await world.rows(
        "UPDATE assessment_submissions SET lease_until = now() - interval '1 s' WHERE student_id = $1",
        student.student_id,
    )
    async with world.worker():
        feedback = await student.graded(receipt["submission_id"])
    assert feedback["grading_status"] == "completed"
    calls = await world.rows(
        "SELECT outcome FROM llm_usage_logs WHERE student_id = $1 ORDER BY request_timestamp", student.student_id
    )
    assert [call["outcome"] for call in calls] == ["open", "succeeded"], "the sweeper will call the first one unknown"
    assert await student.used("assessments") == 1


async def test_a_told_worker_finishes_what_it_holds_and_takes_no_more(world: World) -> None:
    student = await world.student("pro")
    world.simulator.control(mode="latency", latency_ms=400)
    first = (await student.submit("04-rag-q1")).json()["submission_id"]
    one_at_a_time = Rhythm(concurrent_jobs=1, poll_seconds=0.02, grace_seconds=10)
    async with world.worker(one_at_a_time) as stop:
        await seen_as(world, first, "processing")
        second = (await student.submit("04-rag-q2")).json()["submission_id"]
        stop.set()
    assert (await status_of(world, first))["grading_status"] == "completed"
    assert (await status_of(world, second))["grading_status"] == "pending"


async def test_a_told_worker_puts_back_what_takes_too_long(world: World) -> None:
    student = await world.student()
    world.simulator.control(mode="timeout")
    submission_id = (await student.submit()).json()["submission_id"]
    async with world.worker(Rhythm(poll_seconds=0.02, grace_seconds=0.1)):
        await seen_as(world, submission_id, "processing")
    row = await status_of(world, submission_id)
    assert (row["grading_status"], row["lease_token"], row["state"]) == ("pending", None, "open")


async def test_a_job_taken_over_is_finished_once(world: World) -> None:
    student = await world.student()
    receipt = (await student.submit()).json()
    async with transaction() as session:
        slow = await queue.claim(session, lease_seconds=0)
    async with transaction() as session:
        fast = await queue.claim(session)
    assert slow is not None
    assert fast is not None
    assert slow.submission_id == fast.submission_id == UUID(receipt["submission_id"])
    async with transaction() as session:
        assert not await queue.extend(session, slow)
        assert not await queue.fail(await driver(session), slow, error_code="GRADING_FAILED")
        assert not await queue.put_back(session, slow, after_seconds=0)
    await worker._grade(slow)
    assert (await student.get(receipt["feedback_url"].removeprefix("/api/v2"))).status_code == 202
    await worker._grade(fast)
    assert (await student.get(receipt["feedback_url"].removeprefix("/api/v2"))).status_code == 200
    with pytest.raises(ReservationClosed):
        await worker._grade(fast)
    feedback = await world.rows("SELECT 1 FROM assessment_feedback WHERE student_id = $1", student.student_id)
    assert len(feedback) == 1
    calls = await world.rows(
        "SELECT outcome, success, error_code FROM llm_usage_logs WHERE student_id = $1 ORDER BY request_timestamp",
        student.student_id,
    )
    assert [tuple(call.values()) for call in calls] == [("failed", False, "NOT_KEPT"), ("succeeded", True, None)]


async def test_a_grade_its_unit_and_what_it_cost_are_committed_together(world: World) -> None:
    student = await world.student()
    receipt = (await student.submit()).json()
    async with world.worker():
        await student.graded(receipt["submission_id"])
    committed = await world.rows(
        "SELECT f.xmin = l.xmin AND r.xmin = l.xmin AS together, e.response_text IS NOT NULL AS kept, "
        "f.cost_usd = l.cost_usd AS told FROM llm_usage_logs l JOIN assessment_feedback f "
        "ON f.feedback_id = l.reference_id JOIN llm_reservations r USING (reservation_id) "
        "JOIN llm_exchanges e USING (call_id) WHERE l.student_id = $1",
        student.student_id,
    )
    assert committed == [{"together": True, "kept": True, "told": True}]


async def test_a_grade_outlives_the_connection_it_was_to_be_kept_by(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = queue.finish
    lost: list[queue.Job] = []

    async def first_lost(session: AsyncSession, job: queue.Job) -> bool:
        if not lost:
            lost.append(job)
            await session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        return await finish(session, job)

    monkeypatch.setattr(queue, "finish", first_lost)
    student = await world.student()
    receipt = (await student.submit()).json()
    async with world.worker():
        await student.graded(receipt["submission_id"])
    assert len(lost) == 1
    calls = await world.rows("SELECT outcome FROM llm_usage_logs WHERE student_id = $1", student.student_id)
    assert calls == [{"outcome": "succeeded"}], "what was paid for is not bought again"


async def test_the_heartbeat_keeps_a_slow_job(world: World) -> None:
    student = await world.student()
    world.simulator.control(mode="latency", latency_ms=2500)
    receipt = (await student.submit()).json()
    short = Rhythm(poll_seconds=0.02, lease_seconds=1.5)
    async with world.worker(short), world.worker(short):
        await student.graded(receipt["submission_id"])
    assert (await status_of(world, receipt["submission_id"]))["grading_runs"] == 1


async def test_students_take_turns(world: World) -> None:
    busy, patient = await world.student("pro"), await world.student("pro")
    for question in ("04-rag-q1", "04-rag-q2", "04-rag-q3"):
        await busy.submit(question)
    await patient.submit()
    claimed = []
    for _ in range(2):
        async with transaction() as session:
            job = await queue.claim(session)
        assert job is not None
        claimed.append(job)
    assert [job.student_id for job in claimed] == [busy.student_id, patient.student_id]
    async with transaction() as session:
        for job in claimed:
            assert await queue.put_back(session, job, after_seconds=0)
    async with world.worker():
        for student in (busy, patient):
            for one in (await student.get("/assessments/submissions")).json()["submissions"]:
                await student.graded(one["submission_id"])


async def test_an_account_deleted_meanwhile_leaves_the_ledger_and_no_feedback(world: World) -> None:
    student = await world.student()
    world.simulator.control(mode="latency", latency_ms=500)
    receipt = (await student.submit()).json()
    async with world.worker():
        await seen_as(world, receipt["submission_id"], "processing")

        async def asked() -> bool:
            return bool(await world.rows("SELECT 1 FROM llm_usage_logs WHERE student_id = $1", student.student_id))

        await eventually(asked, "never asked")
        [call] = await world.rows("SELECT call_id FROM llm_usage_logs WHERE student_id = $1", student.student_id)
        await world.rows("DELETE FROM students WHERE student_id = $1", student.student_id)
    [settled] = await world.rows("SELECT outcome, cost_usd FROM llm_usage_logs WHERE call_id = $1", call["call_id"])
    assert (settled["outcome"], settled["cost_usd"] > 0) == ("failed", True), "paid for, and used for nothing"
    assert not await world.rows("SELECT 1 FROM assessment_feedback WHERE student_id = $1", student.student_id)


async def test_events_follow_the_grading_to_its_end(world: World) -> None:
    student = await world.student()
    world.simulator.control(mode="latency", latency_ms=800)
    receipt = (await student.submit()).json()
    following = asyncio.create_task(student.get(f"/assessments/feedback/{receipt['submission_id']}/events"))
    async with world.worker():
        answer = await following
    events = [block.splitlines() for block in answer.text.strip().split("\n\n")]
    names = [lines[0].removeprefix("event: ") for lines in events]
    assert names[-1] == "done"
    assert names in (["queued", "analysing", "done"], ["analysing", "done"])
    assert json.loads(events[-1][1].removeprefix("data: "))["grading_status"] == "completed"


def test_one_submission_in_ten_is_sampled_and_always_the_same() -> None:
    ids = [UUID(bytes=hashlib.md5(str(number).encode()).digest()) for number in range(5000)]
    sampled = [one for one in ids if is_sampled(one)]
    assert 400 < len(sampled) < 600
    assert sampled == [one for one in ids if is_sampled(one)]


def test_pauses_grow_to_five_minutes() -> None:
    assert QUICK.first_pause_seconds < 1
    job = queue.Job(*(None,) * 8, grading_runs=1, age_seconds=0)  # type: ignore[arg-type]  # only the runs are read
    later = queue.Job(*(None,) * 8, grading_runs=60, age_seconds=0)  # type: ignore[arg-type]  # the same
    assert worker._pause(job, Rhythm()) < 3
    assert 200 < worker._pause(later, Rhythm()) < 400

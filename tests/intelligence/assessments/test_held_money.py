"""The worker and the money of a student: what it does with an answer that the ceiling keeps from the model."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from intelligence.assessments import queue, worker
from intelligence.settings import get_settings
from intelligence.usage import write_off
from intelligence.usage.service import SpendCeilingReached
from tests.intelligence.assessments.running import Student, World, eventually, status_of


async def test_the_ceiling_of_the_student_fails_it_for_good(world: World) -> None:
    student = await world.student()
    receipt = (await student.submit()).json()
    await world.rows(
        "UPDATE llm_student_spend SET unknown_usd = 1.9999, held_usd = 0 WHERE student_id = $1", student.student_id
    )
    await world.rows("UPDATE llm_reservations SET held_usd = 0 WHERE student_id = $1", student.student_id)
    async with world.worker():
        failed = await student.graded(receipt["submission_id"])
    assert failed["grading_status"] == "failed"
    assert await student.used("assessments") == 0


async def asked_without_an_answer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> tuple[Student, str, tuple[datetime, datetime]]:
    """A student whose money is enough for one attempt, not two, what they submitted, and the time around it.

    The model's answers will be lost.
    """
    monkeypatch.setattr(get_settings(), "llm_student_monthly_ceiling_usd", Decimal("0.1"))
    student = await world.student()
    receipt = (await student.submit()).json()
    world.simulator.control(mode="error", status=504)
    day = (datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC) + timedelta(hours=1))
    return student, receipt["submission_id"], day


async def test_money_held_for_a_lost_answer_keeps_it_waiting_until_it_is_given_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    student, submission_id, day = await asked_without_an_answer(world, monkeypatch)
    async with world.worker():

        async def tried_again() -> bool:
            return bool((await status_of(world, submission_id))["grading_runs"] >= 3)

        await eventually(tried_again, "given up, or never tried again")
        world.simulator.control()
        assert (await write_off.find(*day, student_id=uuid4())).calls == 0
        assert (await write_off.find(*day, student_id=student.student_id)).calls == 1
        assert await write_off.give_back(*day, student_id=student.student_id) == 1
        assert (await student.graded(submission_id))["grading_status"] == "completed"
    [spend] = await world.rows("SELECT * FROM llm_student_spend WHERE student_id = $1", student.student_id)
    assert (spend["unknown_usd"], spend["held_usd"]) == (0, 0)


async def test_money_given_back_just_after_the_ceiling_refused_is_not_too_late(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    student, submission_id, day = await asked_without_an_answer(world, monkeypatch)
    given_back: list[int] = []
    grade = worker._grade

    async def grade_and_give_back(job: queue.Job) -> None:
        try:
            await grade(job)
        except SpendCeilingReached:
            world.simulator.control()
            given_back.append(await write_off.give_back(*day, student_id=student.student_id))
            raise

    monkeypatch.setattr(worker, "_grade", grade_and_give_back)
    async with world.worker():
        assert (await student.graded(submission_id))["grading_status"] == "completed"
    assert given_back == [1]

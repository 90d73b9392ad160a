"""What counts as learning here, and that core hears of it at once."""

from datetime import datetime
from typing import Any

import pytest

from intelligence import activity, background
from intelligence.settings import get_settings
from tests.intelligence.assessments.running import Student, World

OWED = "SELECT student_id FROM learning_actions"


@pytest.fixture(autouse=True)
def no_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Core hears what is told at once, or nothing."""

    async def nothing() -> bool:
        return True

    monkeypatch.setattr(activity, "tell_owed", nothing)


async def heard(world: World) -> list[Any]:
    """Whom core has heard of, once everything begun is done."""
    await background.drain()
    return [student_id for student_id, _ in world.core.heard]


async def step_of(student: Student) -> tuple[str, dict[str, str]]:
    """A new path's address to tick steps off, and its first step."""
    path = (await student.post("/adaptive/path")).json()
    first = path["recommendations"][0]
    return f"/adaptive/path/{path['path_id']}/complete", {name: first[name] for name in ("chapter_id", "section_id")}


async def test_an_answer_handed_in_is_told_at_once_and_a_replay_is_not(world: World) -> None:
    student = await world.student()
    receipts = [await student.submit(Idempotency_Key="one-answer") for _ in range(2)]
    assert [receipt.status_code for receipt in receipts] == [202, 202]
    assert await heard(world) == [student.student_id]
    assert world.core.heard[0][1] == datetime.fromisoformat(receipts[0].json()["submitted_at"])
    assert await world.rows(OWED) == []


async def test_a_step_ticked_off_is_told_at_once_and_a_repetition_is_not(world: World) -> None:
    student = await world.student()
    address, step = await step_of(student)
    assert await heard(world) == [], "to ask for a path is not to learn"
    for _ in range(2):
        assert (await student.post(address, step)).status_code == 200
    assert await heard(world) == [student.student_id]
    assert await world.rows(OWED) == []


async def test_what_is_refused_is_no_action(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    student = await world.student()
    monkeypatch.setattr(get_settings(), "premium_assessments_limit", 0)
    assert (await student.submit()).status_code == 429
    address, step = await step_of(student)
    assert (await student.post(address, step | {"section_id": "no-such-section"})).status_code == 400
    assert await heard(world) == []
    assert await world.rows(OWED) == []


async def test_an_answer_is_taken_while_core_cannot_record_it_and_what_is_owed_stays(world: World) -> None:
    student = await world.student()
    world.core.refused[student.student_id] = 503
    assert (await student.submit()).status_code == 202
    assert await heard(world) == []
    assert [row["student_id"] for row in await world.rows(OWED)] == [student.student_id]

"""A student's export while an answer is graded: what they wrote, and nothing of how it is graded."""

import json
from pathlib import Path
from typing import Any

import pytest

from intelligence.usage.export import own_part
from shared_schemas.course import CoursePointer, RubricSet
from tests.intelligence.assessments.running import GOOD_ANSWER, World, eventually


def secrets_of(folder: Path, question_id: str) -> list[str]:
    """The texts by which an answer to this question is graded."""
    version = CoursePointer.model_validate_json((folder / "course.json").read_bytes()).content_version
    files = (folder / version / "rubrics").glob("*.json")
    rubrics = [one for file in files for one in RubricSet.model_validate_json(file.read_bytes()).rubrics]
    [rubric] = [one for one in rubrics if one.question_id == question_id]
    levels = [text for one in rubric.criteria for text in one.levels.model_dump().values()]
    return [rubric.excellent_example, rubric.poor_example, *levels]


async def test_an_export_while_an_answer_is_graded_tells_nothing_of_the_grading(
    world: World, published_course: Path
) -> None:
    student = await world.student()
    world.simulator.control(mode="latency", latency_ms=1500)
    submission_id = (await student.submit("04-rag-q1")).json()["submission_id"]

    async def export() -> dict[str, Any] | None:
        found: dict[str, Any] = (await student.get("/usage/export")).json()
        return found if found["model_exchanges"] else None

    async with world.worker():
        during = await eventually(export, "nothing was sent")
        assert (await student.get(f"/assessments/feedback/{submission_id}")).status_code == 202
        await student.graded(submission_id)
    after = await export()
    assert after is not None
    for exported in (during, after):
        [exchange] = exported["model_exchanges"]
        assert exchange["sent"] == {"answer": GOOD_ANSWER}
        assert exchange.keys() == {"call_id", "student_id", "created_at", "sent"}
        text = json.dumps(exported, ensure_ascii=False)
        assert [secret for secret in secrets_of(published_course, "04-rag-q1") if secret in text] == []


async def test_the_learning_facts_of_a_path_are_exported(world: World) -> None:
    student = await world.student()
    assert (await student.post("/adaptive/path", {})).status_code in (200, 201)
    [exchange] = (await student.get("/usage/export")).json()["model_exchanges"]
    assert exchange["sent"].keys() == {"candidates", "weak_areas"}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"messages": []},
        {"messages": [{"content": None}]},
        {"messages": [{"content": "no document"}]},
        {"messages": [{"content": "<input>{</input>"}]},
        {"messages": [{"content": "<input>7</input>"}]},
    ],
)
def test_a_request_without_a_students_part_gives_none(body: dict[str, Any]) -> None:
    assert own_part(body) == {}

"""Grades from the written answer to the feedback, against the model simulator."""

from typing import Any
from uuid import uuid4

import pytest
import yaml
from pydantic import ValidationError

from intelligence import content
from intelligence.assessments import grading
from intelligence.usage import metering
from intelligence.usage.attempts import Cause
from tests.intelligence.assessments.running import World
from tests.simulator.running import ROOT

QUESTION = "04-rag-q2"
WRITTEN = {
    question["id"]: question
    for question in yaml.safe_load((ROOT / "content/04-rag/assessments.yaml").read_text(encoding="utf-8"))["questions"]
}
CAKE = "My grandmother bakes the best apple cake in town, with cinnamon and a lot of cream on top of it."


async def grade(answer: str) -> grading.Result:
    task = grading.assignment(await content.current_course(), QUESTION, answer)
    asked = await metering.ask(grading.prompt(task), Cause("check"), deadline_seconds=20)
    return grading.result(task, asked.result, submission_id=uuid4())


async def test_grade_excellent_answer(world: World) -> None:
    result = await grade(WRITTEN[QUESTION]["excellent_example"])
    assert result.grade.score >= 8
    assert all(one.evidence for one in result.grade.criteria if one.points)
    assert result.feedback.strengths


async def test_grade_poor_answer(world: World) -> None:
    result = await grade(WRITTEN[QUESTION]["poor_example"])
    assert result.grade.score <= 4
    assert len(result.feedback.improvements) >= 3
    assert "Read again" in result.feedback.improvements[-1]


async def test_detect_off_topic_submission(world: World) -> None:
    result = await grade(CAKE)
    assert result.grade.score == 0
    assert result.grade.off_topic
    assert result.feedback.strengths == []
    assert result.needs_review
    assert WRITTEN[QUESTION]["text"][:30] in result.feedback.detailed_feedback


async def test_parse_feedback_json(world: World) -> None:
    task = grading.assignment(await content.current_course(), QUESTION, WRITTEN[QUESTION]["excellent_example"])
    answer_type = grading.prompt(task).answer_type
    answer: dict[str, Any] = {
        "criteria": [
            {"criterion_id": one.criterion_id, "level": "full", "evidence": "not in the answer", "why": "Because."}
            for one in task.rubric.criteria
        ],
        "off_topic": False,
        "instructions_in_answer": False,
        "confidence": "high",
        "strengths": ["Clear."],
        "improvements": ["Go on."],
        "detailed_feedback": "Well done.",
    }
    parsed = answer_type.model_validate(answer)
    assert grading.result(task, parsed, submission_id=uuid4()).grade.score == 0
    for broken in (
        answer | {"criteria": answer["criteria"][1:]},
        answer | {"criteria": answer["criteria"] * 2},
        answer | {"criteria": [answer["criteria"][0] | {"level": "great"}, *answer["criteria"][1:]]},
        {name: value for name, value in answer.items() if name != "off_topic"},
    ):
        with pytest.raises(ValidationError):
            answer_type.model_validate(broken)

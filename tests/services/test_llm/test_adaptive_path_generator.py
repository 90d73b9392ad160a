"""Paths from the student's facts to what the ledger says of them, against the model simulator."""

from decimal import Decimal

import pytest
from pydantic import ValidationError

from intelligence import core_client
from intelligence.idempotency import Claim
from intelligence.paths import wording
from intelligence.paths.analysis import analyse
from intelligence.paths.service import InsufficientData, create_path
from intelligence.paths.wording import WordedPath
from tests.intelligence.assessments.running import Student, World, attempt
from tests.intelligence.paths import courses

SONNET_INPUT, SONNET_OUTPUT = Decimal(2) / 1_000_000, Decimal(10) / 1_000_000
SONNET_CACHE_WRITE, SONNET_CACHE_READ = Decimal("2.50") / 1_000_000, Decimal("0.10") / 1_000_000


async def generate(student: Student) -> list[str]:
    known = await core_client.resolve_with_snapshot(student.token)
    given = await create_path(
        known.learner,
        known.snapshot,
        tier="premium",
        force_refresh=False,
        include_reasoning=True,
        claim=Claim(student.learner.student_id, None),
    )
    return [step.chapter_id for step in given.answer.recommendations]


async def test_generate_path_with_weak_areas(world: World) -> None:
    student = await world.student("premium", attempt("01-intro", 90), attempt("02-llms", 30))
    assert (await generate(student))[0] == "02-llms"


async def test_generate_path_insufficient_data(world: World) -> None:
    student = await world.student("premium", attempt("01-intro", 90))
    with pytest.raises(InsufficientData) as refused:
        await generate(student)
    assert refused.value.extra["completed_quizzes"] == 1
    assert not await world.rows("SELECT 1 FROM llm_reservations WHERE student_id = $1", student.student_id)


def test_parse_recommendations_json() -> None:
    weak = courses.snapshot(courses.attempt(1, 20, [0] * 10), courses.attempt(2, 90, [10] * 10))
    candidates = analyse(weak, courses.COURSE, "premium").candidates
    worded = WordedPath.model_validate_json(
        '{"recommendations": [{"chapter_id": "chapter-1", "section_id": "models", "reason": "Because.", '
        '"estimated_impact": "high"}, {"chapter_id": "chapter-1", "section_id": "no-such-section", "reason": "x", '
        '"estimated_impact": "low"}], "reasoning": "First what others build on."}'
    )
    steps, reasoning = wording.choose(worded, candidates)
    assert [(step.section_id, step.estimated_impact, step.reason) for step in steps] == [("models", "high", "Because.")]
    assert reasoning == "First what others build on."
    for broken in ('{"recommendations": [], "reasoning": ""}', '{"reasoning": "none"}', "no JSON"):
        with pytest.raises(ValidationError):
            WordedPath.model_validate_json(broken)


async def test_cost_calculation(world: World) -> None:
    student = await world.student()
    await generate(student)
    [call] = await world.rows("SELECT * FROM llm_usage_logs WHERE student_id = $1", student.student_id)
    plain = call["tokens_input"] - call["tokens_cache_write"] - call["tokens_cache_read"]
    assert call["cost_usd"] == (
        plain * SONNET_INPUT
        + call["tokens_cache_write"] * SONNET_CACHE_WRITE
        + call["tokens_cache_read"] * SONNET_CACHE_READ
        + call["tokens_output"] * SONNET_OUTPUT
    )
    assert 0 < call["cost_usd"] <= call["worst_case_usd"]

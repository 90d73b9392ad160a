"""A learner who waits hears how far it is."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from chatgpt_app.errors import NothingThere
from chatgpt_app.tools.answers import FAILED, get_feedback
from shared_schemas.assessments import GradingFailure
from shared_schemas.errors import ErrorBody

FAILURE = GradingFailure(
    submission_id=UUID(int=1),
    question_id="04-rag-q1",
    grading_status="failed",
    submitted_at=datetime(2026, 11, 22, tzinfo=UTC),
    error=ErrorBody(code="GRADING_FAILED", message="", details={}),
)


class Api:
    """An answer that is being graded, and cannot be in the end."""

    async def get(self, *_: Any, **__: Any) -> Any:
        return SimpleNamespace(submissions=[SimpleNamespace(submission_id="1")], question_text="Why?")

    def __init__(self) -> None:
        self.closed = False

    async def follow(self, *_: Any, **__: Any) -> AsyncIterator[tuple[str, bytes]]:
        try:
            for stage in ("queued", "analysing"):
                yield stage, b"{}"
            yield "done", FAILURE.model_dump_json().encode()
        finally:
            self.closed = True


async def test_each_stage_of_grading_is_told_while_the_learner_waits() -> None:
    heard: list[tuple[float, float | None, str | None]] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, total, message))

    api = Api()
    request = SimpleNamespace(state=SimpleNamespace(learner=api))
    context: Any = SimpleNamespace(request_context=SimpleNamespace(request=request), report_progress=hear)
    with pytest.raises(NothingThere, match=FAILED):
        await get_feedback.function(context, question_id="04-rag-q1")
    assert api.closed, "nothing is left to the collector"
    assert heard == [(0, 2, "Your answer waits its turn"), (1, 2, "Reading your answer")]

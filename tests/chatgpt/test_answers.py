"""What a learner is told of a graded answer."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from chatgpt_app.errors import NothingThere, Refused
from chatgpt_app.tools import answers
from chatgpt_app.wording import NO_GRADED_WORK
from shared_schemas.assessments import Feedback, FeedbackMetadata, FeedbackReview, Submissions
from shared_schemas.usage import Quota

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def graded(**told: Any) -> Feedback:
    parts: dict[str, Any] = {
        "feedback_id": UUID(int=1),
        "submission_id": UUID(int=2),
        "question_id": "04-rag-q1",
        "grading_status": "completed",
        "quality_score": 7.5,
        "strengths": ["It compares."],
        "improvements": ["Name a limit."],
        "detailed_feedback": "A good start.",
        "criteria": [],
        "off_topic": False,
        "generated_at": NOW,
        "review": None,
        "metadata": FeedbackMetadata(model_version="a model", tokens_used=1, cost_usd=0, latency_ms=1),
    }
    return Feedback(**(parts | told))


def words_of(feedback: Feedback, question: str | None = None) -> list[str]:
    return answers._words(answers._graded(feedback, question)).splitlines()


def test_a_grade_that_a_person_looked_at_says_so() -> None:
    assert words_of(graded()) == ["7.5 of 10. A good start.", "+ It compares.", "- Name a limit."]
    confirmed = FeedbackReview(original_score=7.5, note=None, reviewed_at=NOW)
    assert words_of(graded(review=confirmed))[1] == "A person has looked at this grade."
    review = FeedbackReview(original_score=4, note="The quote shows it.", reviewed_at=NOW)
    assert words_of(graded(review=review))[1] == (
        "A person has looked at this grade; it was 4 before. The quote shows it."
    )


def test_the_question_stands_on_top_where_it_is_known() -> None:
    assert words_of(graded(), "Why?")[:2] == ["Question: Why?", "7.5 of 10. A good start."]


def test_an_answer_off_the_topic_is_told_the_question_once() -> None:
    summary, improvement = "It does not speak to the question. It asked: Why?", "Answer what was asked: Why?"
    told = words_of(graded(off_topic=True, strengths=[], detailed_feedback=summary, improvements=[improvement]))
    assert told == [f"7.5 of 10. {summary}"]


class Api:
    """No answers yet, and one question."""

    def __init__(self, plan: str = "premium") -> None:
        self.plan = plan

    async def get(self, path: str, message: type[Any], **_: Any) -> Any:
        if message is Quota:
            return SimpleNamespace(subscription_tier=self.plan)
        if message is Submissions:
            return SimpleNamespace(submissions=[])
        if not path.endswith("/questions/04-rag-q1"):
            raise Refused(404, {"code": "QUESTION_NOT_FOUND"})
        return SimpleNamespace(question_text="Why?")


def context(api: Api) -> Any:
    request = SimpleNamespace(state=SimpleNamespace(learner=api))
    return SimpleNamespace(request_context=SimpleNamespace(request=request))


async def test_a_plan_without_graded_work_is_not_sent_to_hand_in_an_answer() -> None:
    with pytest.raises(NothingThere) as refused:
        await answers.get_feedback.function(context(Api("free")), question_id="04-rag-q1")
    assert str(refused.value) == NO_GRADED_WORK


async def test_feedback_on_nothing_says_whether_the_question_or_the_answer_is_missing() -> None:
    ctx = context(Api())
    with pytest.raises(NothingThere, match="not answered this question yet"):
        await answers.get_feedback.function(ctx, question_id="04-rag-q1")
    with pytest.raises(Refused):
        await answers.get_feedback.function(ctx, question_id="04-rag-q99")

"""Every refusal of the API in words for a learner: with a next step, without codes, plans and prices."""

import re
from typing import Any

import pytest

from chatgpt_app.errors import Refused, SignedOut, Unreachable
from chatgpt_app.tooling import counted
from chatgpt_app.wording import explain

SELLING = {"upgrade_url": "https://course.example/upgrade", "pricing": {"monthly": 9.99}}
REFUSALS: list[tuple[int, str, dict[str, Any], str]] = [
    (403, "ACCESS_DENIED", {"details": SELLING | {"required_tier": "premium"}}, "list_chapters"),
    (403, "PREMIUM_REQUIRED", SELLING, "Learning paths and graded answers are not part of your current plan; reading"),
    (404, "RESOURCE_NOT_FOUND", {"message": "The course has: 01-intro."}, "01-intro"),
    (404, "QUESTION_NOT_FOUND", {}, "list_open_questions"),
    (404, "PATH_NOT_FOUND", {}, "get_learning_path"),
    (409, "ATTEMPTS_EXHAUSTED", {"message": "You have used all 3 attempts."}, "get_feedback"),
    (
        422,
        "VALIDATION_ERROR",
        {"details": {"fields": [{"field": "answers.q99", "message": "no such question"}]}},
        "q99",
    ),
    (400, "INSUFFICIENT_DATA", {"message": "Take at least 2 quizzes first."}, "get_quiz"),
    (400, "INVALID_SUBMISSION", {"suggestion": "Write in full sentences."}, "full sentences"),
    (429, "RATE_LIMIT_EXCEEDED", {}, "wait"),
    (429, "SPEND_CEILING_REACHED", {}, "go on"),
    (503, "LLM_SERVICE_UNAVAILABLE", {"fallback": {"suggestion": "Read chapter 2 again."}}, "chapter 2"),
    (503, "FEATURE_DISABLED", {}, "Everything else works"),
    (404, "PATH_NOT_FOUND", {}, "There is no such learning path."),
    (404, "QUESTION_NOT_FOUND", {}, "There is no such open question"),
    (404, "SUBMISSION_NOT_FOUND", {}, "There is no answer of yours to this question."),
    (503, "SERVICE_BUDGET_EXHAUSTED", {}, "rests until next month"),
    (429, "SPEND_CEILING_REACHED", {}, "all of this month's graded work"),
    (409, "IDEMPOTENCY_CONFLICT", {}, "asked for before in another form"),
    (500, "INTERNAL_ERROR", {"message": "secret detail"}, "try again"),
    (418, "SOMETHING_NEW", {"message": "premium costs $9.99"}, "try again"),
]


@pytest.mark.parametrize(("status", "code", "more", "next_step"), REFUSALS, ids=lambda value: str(value)[:24])
def test_a_refusal_says_what_to_do(status: int, code: str, more: dict[str, Any], next_step: str) -> None:
    said = explain(Refused(status, {"code": code, "message": "Something.", "details": {}} | more))
    assert next_step in said
    assert code not in said
    assert not re.search(r"premium|\$|upgrade|9\.99|secret", said, re.IGNORECASE)


def test_several_wrong_fields_are_told_one_by_one() -> None:
    fields = [
        {"field": "answers.q1", "message": "no such option"},
        {"field": "answers.q99", "message": "no such question."},
    ]
    body = {"code": "VALIDATION_ERROR", "message": "answers.q1: no such option", "details": {"fields": fields}}
    assert explain(Refused(422, body)) == (
        "answers.q1: no such option; answers.q99: no such question. Correct this and call the tool again."
    )


def test_a_used_up_month_says_when_there_is_more() -> None:
    quota = {"feature": "adaptive_paths", "used": 10, "limit": 10, "reset_date": "2026-12-01T00:00:00+00:00"}
    said = explain(Refused(429, {"code": "RATE_LIMIT_EXCEEDED", "quota": quota}))
    assert "10 learning paths" in said
    assert "1 December" in said


def test_what_is_cut_off_or_signed_out_says_so() -> None:
    assert "try again" in explain(Unreachable("/api/v1/chapters"))
    assert "/api" not in explain(Unreachable("/api/v1/chapters"))
    assert "connect it again" in explain(SignedOut())


@pytest.mark.parametrize(("count", "said"), [(0, "0 steps"), (1, "1 step"), (2, "2 steps")])
def test_one_of_something_is_not_called_many(count: int, said: str) -> None:
    assert counted(count, "step") == said

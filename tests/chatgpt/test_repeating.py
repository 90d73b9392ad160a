"""When a call is a repetition with no second effect, and when it is asked anew."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from chatgpt_app import tooling
from chatgpt_app.tools import answers, paths, quizzes
from shared_schemas.assessments import Submissions
from shared_schemas.paths import AdaptivePaths

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ID = "00000000-0000-0000-0000-{:012}"
ATTEMPT = ("score", "best_score", "passing_score", "correct_answers", "total_questions")


def path(number: int, made_at: datetime, status: str = "active") -> dict[str, Any]:
    return {
        "path_id": ID.format(number),
        "student_id": ID.format(0),
        "generated_at": made_at.isoformat(),
        "expires_at": (made_at + timedelta(hours=24)).isoformat(),
        "status": status,
        "recommendations": [],
        "reasoning": f"path {number}",
        "metadata": {
            "total_recommendations": 0,
            "high_priority_count": 0,
            "estimated_total_time_minutes": 0,
            "cached": False,
        },
    }


class Api:
    """Answers a key that it has seen with the answer of then, as v1 does for a day and v2 for months."""

    def __init__(self, clock: "Clock") -> None:
        self.clock = clock
        self.paths: list[dict[str, Any]] = []
        self.written: list[tuple[str, str]] = []
        self.answers: dict[str, Any] = {}
        self.attempts = 0
        self.behind = timedelta()

    async def get(self, _: str, message: type[Any], **__: Any) -> Any:
        if message is Submissions:
            return SimpleNamespace(
                submissions=[SimpleNamespace(answer_text=text, grading_status=status) for text, status in self.written]
            )
        if message is not AdaptivePaths:
            return SimpleNamespace(chapters=[])
        nothing: dict[str, Any] = {
            "followed_at": None,
            "completed_recommendations": 0,
            "completed_steps": [],
            "total_recommendations": 0,
        }
        shown = [{**one, "progress": {**nothing, "completion_percentage": 0}} for one in self.paths[-1:]]
        pages = {"total": 1, "limit": 1, "offset": 0, "has_more": False}
        return AdaptivePaths.model_validate({"paths": shown, "pagination": pages})

    async def follow(self, *_: Any, key: str, **__: Any) -> AsyncIterator[tuple[str, bytes]]:
        if key not in self.answers:
            self.paths.append(path(len(self.answers) + 1, self.clock.now))
            self.answers[key] = json.dumps(self.paths[-1]).encode()
        yield "done", self.answers[key]

    async def send(self, _method: str, _path: str, _message: Any, _body: Any, key: str) -> Any:
        if key not in self.answers:
            self.attempts += 1
            score = self.attempts
            self.answers[key] = SimpleNamespace(
                **dict.fromkeys(ATTEMPT, score),
                attempt_id=ID.format(score),
                submitted_at=self.clock.now - self.behind,
                quiz_id="01-intro-quiz",
                chapter_id="01-intro",
                passed=True,
                grading_details={},
                sections_to_review=[],
                milestones_reached=[],
                attempt_number=score,
                attempts_remaining=0,
                estimated_completion_seconds=10,
            )
        return self.answers[key]


class Clock:
    """The app's, moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = NOON
        for module in (paths, quizzes):
            monkeypatch.setattr(module, "utc_now", lambda: self.now)

    def pass_by(self, **time: float) -> None:
        self.now += timedelta(**time)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def api(clock: Clock) -> Api:
    return Api(clock)


async def make_path(api: Api, **arguments: Any) -> dict[str, Any]:
    result = await paths.create_learning_path.function(context(api), **arguments)
    shown: dict[str, Any] = result.structured_content or {}
    return shown


async def hand_in(api: Api, answer: str) -> int:
    result = await quizzes.submit_quiz.function(context(api), quiz_id="01-intro-quiz", answers={"q1": answer})
    return int((result.structured_content or {})["score"])


async def hand_in_words(api: Api, text: str) -> int:
    result = await answers.submit_answer.function(context(api), question_id="04-rag-q1", answer_text=text)
    return int((result.structured_content or {})["attempt"])


def context(api: Api) -> Any:
    request = SimpleNamespace(state=SimpleNamespace(learner=api))
    return SimpleNamespace(request_context=SimpleNamespace(request=request))


@pytest.mark.parametrize("fresh", [False, True])
async def test_a_path_that_has_expired_is_never_made_again(api: Api, clock: Clock, fresh: bool) -> None:
    api.paths = [path(99, NOON - timedelta(hours=30), "expired")]
    assert (await make_path(api, fresh=fresh))["reasoning"] == "path 1"
    clock.pass_by(hours=25)
    api.paths = [path(99, NOON - timedelta(hours=30), "expired")]  # the same is the newest again, or still
    assert (await make_path(api, fresh=fresh))["reasoning"] == "path 2"


async def test_paths_asked_for_in_parallel_or_again_within_two_minutes_are_one(api: Api, clock: Clock) -> None:
    assert (await make_path(api))["reasoning"] == "path 1"
    made = api.paths
    api.paths = []  # as a call sees it that began before the first had ended
    assert (await make_path(api))["reasoning"] == "path 1"
    api.paths = made
    clock.pass_by(seconds=119)
    assert (await make_path(api))["reasoning"] == "path 1"
    clock.pass_by(seconds=1)
    assert (await make_path(api))["reasoning"] == "path 2"


@pytest.mark.parametrize("fresh", [False, True])
async def test_a_path_of_a_moment_ago_is_not_called_a_new_one(api: Api, fresh: bool) -> None:
    assert "note" not in await make_path(api)
    result = await paths.create_learning_path.function(context(api), fresh=fresh)
    assert (result.structured_content or {})["note"].startswith("This path was made a moment ago.")
    assert result.content[0].model_dump()["text"].startswith("This path was made a moment ago.")
    assert "new" not in paths.create_learning_path.invoked


async def test_answers_handed_in_again_count_once_within_two_minutes_and_anew_later(api: Api, clock: Clock) -> None:
    assert [await hand_in(api, "a") for _ in range(3)] == [1, 1, 1]
    clock.pass_by(seconds=119)
    assert [await hand_in(api, answer) for answer in "ab"] == [1, 2]
    clock.pass_by(seconds=2)
    assert [await hand_in(api, answer) for answer in "bab"] == [2, 3, 2]
    clock.pass_by(seconds=119)
    assert [await hand_in(api, answer) for answer in "ab"] == [3, 4]


@pytest.mark.parametrize("second", range(0, 120, 7))
async def test_no_stroke_of_the_clock_parts_a_repetition_from_its_first_call(
    api: Api, clock: Clock, second: int
) -> None:
    clock.pass_by(seconds=second)
    first = await hand_in(api, "a")
    clock.pass_by(seconds=10)
    assert await hand_in(api, "a") == first


async def test_an_app_whose_clock_is_ahead_does_not_hand_in_for_ever(api: Api) -> None:
    api.behind = timedelta(minutes=5)
    assert await hand_in(api, "a") == 2


async def test_words_are_graded_once_unless_their_own_grading_failed(api: Api) -> None:
    assert [await hand_in_words(api, text) for text in ("mine", " mine\n")] == [1, 1]
    api.written = [("mine", "pending"), ("other words", "failed")]
    assert await hand_in_words(api, "mine") == 1
    api.written = [("mine", "failed"), ("other words", "failed")]
    assert await hand_in_words(api, "mine") == 2


async def test_the_same_moment_is_two_minutes_long() -> None:
    moments = {tooling.stretch_of(NOON + timedelta(seconds=second)) for second in range(240)}
    assert len(moments) == 2

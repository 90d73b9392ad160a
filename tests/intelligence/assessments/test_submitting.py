import asyncio
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from intelligence import background
from intelligence.assessments import service
from intelligence.settings import get_settings
from tests.intelligence.assessments.running import GOOD_ANSWER, World


async def test_a_receipt_says_everything_about_the_submission(world: World) -> None:
    student = await world.student()
    answer = await student.submit(answer=f"  \n{GOOD_ANSWER}\n ")
    assert answer.status_code == 202, answer.text
    receipt = answer.json()
    assert receipt["student_id"] == str(student.student_id)
    assert (receipt["grading_status"], receipt["attempt_number"], receipt["attempts_remaining"]) == ("pending", 1, 2)
    assert receipt["feedback_url"] == f"/api/v2/assessments/feedback/{receipt['submission_id']}"
    assert receipt["estimated_completion_seconds"] > 0
    [stored] = (await student.get("/assessments/submissions")).json()["submissions"]
    assert stored["answer_text"] == GOOD_ANSWER
    waiting = await student.get(f"/assessments/feedback/{receipt['submission_id']}")
    assert (waiting.status_code, waiting.json()["grading_status"]) == (202, "pending")
    assert await student.used("assessments") == 1


@pytest.mark.parametrize(("length", "accepted"), [(49, False), (50, True), (5000, True), (5001, False)])
async def test_length_counts_characters_without_the_space_around(world: World, length: int, accepted: bool) -> None:
    student = await world.student()
    words = "retrieval finds the right pages größer 🦜 " * 200
    answer = await student.submit(answer=" \n" + words[: length - 1] + "." + "\t ")
    if accepted:
        assert answer.status_code == 202, answer.text
    else:
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (400, "INVALID_ANSWER_LENGTH")
        assert (error["current_length"], error["minimum_length"], error["maximum_length"]) == (length, 50, 5000)


async def test_gibberish_is_refused_and_nothing_is_charged(world: World) -> None:
    student = await world.student()
    answer = await student.submit(answer="asdf jkl; " * 8)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "INVALID_SUBMISSION")
    assert answer.json()["error"]["suggestion"]
    assert await student.used("assessments") == 0


@pytest.mark.parametrize("text", [f"{GOOD_ANSWER}\x00", 7, None, ["a"]])
async def test_what_is_no_text_is_an_invalid_request(world: World, text: object) -> None:
    student = await world.student()
    answer = await student.post("/assessments/submit", {"question_id": "04-rag-q1", "answer_text": text})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "INVALID_REQUEST")


async def test_half_a_surrogate_pair_is_an_invalid_request(world: World) -> None:
    student = await world.student()
    answer = await world.client.post(
        "/api/v2/assessments/submit",
        content=b'{"question_id": "04-rag-q1", "answer_text": "\\ud800' + GOOD_ANSWER.encode() + b'"}',
        headers={"Authorization": f"Bearer {student.token}", "Content-Type": "application/json"},
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "INVALID_REQUEST")


async def test_refusals_come_in_their_order(world: World) -> None:
    free, premium = await world.student("free"), await world.student()
    signed_out = await world.client.post("/api/v2/assessments/submit", json={})
    assert signed_out.status_code == 401
    assert (await free.submit("no-such-question", "short")).json()["error"]["code"] == "PREMIUM_REQUIRED"
    assert (await premium.submit("no-such-question", "short")).json()["error"]["code"] == "INVALID_ANSWER_LENGTH"
    unknown = await premium.submit("no-such-question")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "QUESTION_NOT_FOUND")


async def test_the_switch_turns_submissions_off(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    student = await world.student()
    for _ in range(3):
        assert (await student.submit("04-rag-q2")).status_code == 202
    monkeypatch.setattr(get_settings(), "enable_llm_assessments", False)
    answer = await student.submit()
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "FEATURE_DISABLED")
    assert answer.headers["X-RateLimit-Remaining-Assessments"] == "17", "nothing is charged"
    exhausted = await student.submit("04-rag-q2")
    assert (exhausted.status_code, exhausted.json()["error"]["code"]) == (409, "ATTEMPTS_EXHAUSTED"), "503 comes last"
    monkeypatch.setattr(get_settings(), "premium_assessments_limit", 3)
    used_up = await student.submit()
    assert (used_up.status_code, used_up.json()["error"]["code"]) == (429, "RATE_LIMIT_EXCEEDED")


async def test_twenty_at_once_win_exactly_three_attempts(world: World) -> None:
    student = await world.student()
    answers = await asyncio.gather(*(student.submit() for _ in range(20)))
    assert Counter(answer.status_code for answer in answers) == {202: 3, 409: 17}
    accepted = [answer.json() for answer in answers if answer.status_code == 202]
    assert sorted(receipt["attempt_number"] for receipt in accepted) == [1, 2, 3]
    refused = {answer.json()["error"]["code"] for answer in answers if answer.status_code == 409}
    assert refused == {"ATTEMPTS_EXHAUSTED"}
    assert await student.used("assessments") == 3


async def test_thirty_questions_at_once_on_a_quota_of_twenty(world: World) -> None:
    student = await world.student()
    questions = [f"{chapter}-q{n}" for chapter in CHAPTERS for n in (1, 2, 3)] * 2
    answers = await asyncio.gather(*(student.submit(question) for question in questions[:30]))
    assert Counter(answer.status_code for answer in answers) == {202: 20, 429: 10}
    submissions = (await student.get("/assessments/submissions?limit=100")).json()
    assert submissions["pagination"]["total"] == 20


CHAPTERS = ["01-intro", "02-llms", "03-prompting", "04-rag", "05-fine-tuning", "06-ai-apps"]


TRACES = (
    "SELECT (SELECT count(*) FROM assessment_submissions) AS submissions, (SELECT count(*) FROM llm_reservations) AS "
    "reservations, (SELECT count(*) FROM intelligence_idempotency_keys) AS keys, "
    "(SELECT count(*) FROM learning_actions) AS actions, (SELECT sum(held_usd) FROM llm_installation_spend) AS held"
)


@pytest.mark.parametrize(
    ("setting", "value", "status", "code"),
    [
        ("premium_assessments_limit", 1, 429, "RATE_LIMIT_EXCEEDED"),
        ("llm_student_monthly_ceiling_usd", Decimal("0.0001"), 429, "SPEND_CEILING_REACHED"),
        ("llm_monthly_ceiling_usd", Decimal("0.0001"), 503, "SERVICE_BUDGET_EXHAUSTED"),
        ("enable_llm_assessments", False, 503, "FEATURE_DISABLED"),
    ],
)
async def test_what_is_refused_leaves_nothing_and_its_key_is_free(  # noqa: PLR0917  # the table's columns
    world: World, monkeypatch: pytest.MonkeyPatch, setting: str, value: object, status: int, code: str
) -> None:
    student = await world.student()
    assert (await student.submit()).status_code == 202
    await background.drain()
    before, heard = await world.rows(TRACES), len(world.core.heard)
    with monkeypatch.context() as patch:
        patch.setattr(get_settings(), setting, value)
        refused = await student.submit(Idempotency_Key="a key")
        assert (refused.status_code, refused.json()["error"]["code"]) == (status, code)
    await background.drain()
    assert await world.rows(TRACES) == before
    assert len(world.core.heard) == heard, "what was refused was no learning"
    assert await student.used("assessments") == 1
    assert (await student.submit(Idempotency_Key="a key")).status_code == 202


async def test_who_loses_the_last_attempt_and_the_last_unit_at_once_is_told_of_the_attempt(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(get_settings(), "premium_assessments_limit", 3)
    student = await world.student()
    for _ in range(2):
        assert (await student.submit()).status_code == 202
    read = service._attempts

    async def read_just_before_another_takes_it(*what: Any) -> Any:
        found = await read(*what)
        monkeypatch.setattr(service, "_attempts", read)
        assert (await student.submit()).status_code == 202
        return found

    monkeypatch.setattr(service, "_attempts", read_just_before_another_takes_it)
    late = await student.submit()
    assert (late.status_code, late.json()["error"]["code"]) == (409, "ATTEMPTS_EXHAUSTED")


async def test_the_last_attempt_is_told_to_every_repetition_and_nobody_finds_the_attempts_used_up(world: World) -> None:
    student = await world.student()
    for _ in range(2):
        assert (await student.submit()).status_code == 202
    answers = await asyncio.gather(*(student.submit(Idempotency_Key="the third") for _ in range(15)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.text for answer in answers}) == 1
    assert sum("Idempotency-Replayed" in answer.headers for answer in answers) == 14


async def test_a_key_submits_once(world: World) -> None:
    student = await world.student()
    key = str(uuid4())
    answers = await asyncio.gather(*(student.submit(Idempotency_Key=key) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.text for answer in answers}) == 1
    other = await student.submit("04-rag-q2", Idempotency_Key=key)
    assert (other.status_code, other.json()["error"]["code"]) == (409, "IDEMPOTENCY_CONFLICT")
    assert await student.used("assessments") == 1


async def test_questions_are_open_to_everyone_signed_in_and_keep_their_examples(world: World) -> None:
    free = await world.student("free")
    listed = (await free.get("/assessments/questions")).json()
    assert (listed["total"], listed["chapters_covered"]) == (18, CHAPTERS)
    assert {question["excellent_example"] for question in listed["questions"]} == {None}
    assert "levels" not in (await free.get("/assessments/questions")).text
    [first, *_] = (await free.get("/assessments/questions?chapter_id=04-rag")).json()["questions"]
    assert first["question_id"] == "04-rag-q1"
    assert first["student_status"] == {"attempted": False, "latest_score": None, "attempts_remaining": 3}
    assert (await free.get("/assessments/questions/nothing")).json()["error"]["code"] == "QUESTION_NOT_FOUND"


async def test_a_graded_attempt_opens_the_examples(world: World) -> None:
    student = await world.student()
    receipt = (await student.submit()).json()
    before = (await student.get("/assessments/questions/04-rag-q1")).json()
    assert (before["student_status"]["attempted"], before["excellent_example"]) == (True, None)
    async with world.worker():
        score = (await student.graded(receipt["submission_id"]))["quality_score"]
    after = (await student.get("/assessments/questions/04-rag-q1")).json()
    assert after["student_status"] == {"attempted": True, "latest_score": score, "attempts_remaining": 2}
    assert after["excellent_example"]
    assert after["poor_example"]


async def test_submissions_are_listed_filtered_and_paged(world: World) -> None:
    student, other = await world.student(), await world.student()
    for question in ("04-rag-q1", "04-rag-q2", "04-rag-q1"):
        await student.submit(question)
    page = (await student.get("/assessments/submissions?question_id=04-rag-q1&limit=1")).json()
    assert page["pagination"] == {"total": 2, "limit": 1, "offset": 0, "has_more": True}
    assert page["submissions"][0]["attempt_number"] == 2
    assert (await student.get("/assessments/submissions?grading_status=failed")).json()["submissions"] == []
    assert (await other.get("/assessments/submissions")).json()["pagination"]["total"] == 0
    assert (await student.get("/assessments/submissions?limit=101")).status_code == 400


async def test_anothers_feedback_does_not_exist(world: World) -> None:
    owner, other = await world.student(), await world.student()
    submission_id = (await owner.submit()).json()["submission_id"]
    for path in (f"/assessments/feedback/{submission_id}", f"/assessments/feedback/{submission_id}/events"):
        answer = await other.get(path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "SUBMISSION_NOT_FOUND")


async def test_an_expired_student_still_reads_feedback(world: World) -> None:
    student = await world.student()
    submission_id = (await student.submit()).json()["submission_id"]
    expired = student.learner.model_copy(update={"subscription_expires_at": datetime.now(UTC)})
    world.core.learners[student.token] = expired
    async with world.worker():
        assert (await student.graded(submission_id))["grading_status"] == "completed"
    assert (await student.submit()).json()["error"]["code"] == "PREMIUM_REQUIRED"

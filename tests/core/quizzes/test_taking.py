"""Quizzes over HTTP: the paper, an attempt, earlier attempts, and what is refused."""

import asyncio
import json
from typing import Any

import asyncpg
import httpx
import pytest

from tests.core.conftest import SignUp, Student
from tests.core.factories import right_answers, tiny_course

COURSE = tiny_course()
FIRST = "/api/v1/quizzes/01-first-quiz"
LOCKED = "/api/v1/quizzes/03-third-quiz"
RIGHT = right_answers("01-first")
PASSING = {**RIGHT, "q1": "c"}
FAILING = {"q1": "a", "q2": "a"}


@pytest.fixture
async def student(sign_up: SignUp) -> Student:
    return await sign_up()


@pytest.fixture(scope="module")
async def idle(sign_up: SignUp) -> Student:
    """A student whose every request is refused, so that many tests can share them."""
    return await sign_up()


async def submit(
    client: httpx.AsyncClient, student: Student, answers: Any, *, quiz: str = FIRST, key: str | None = None
) -> httpx.Response:
    headers = student.headers | ({"Idempotency-Key": key} if key else {})
    return await client.post(f"{quiz}/submit", json={"answers": answers}, headers=headers)


async def stored(owner: asyncpg.Connection, student: Student) -> list[asyncpg.Record]:
    query = "SELECT * FROM quiz_results WHERE student_id = $1::uuid ORDER BY completed_at"
    return list(await owner.fetch(query, student.student_id))


async def test_a_paper_holds_questions_and_no_keys(client: httpx.AsyncClient, idle: Student) -> None:
    answer = await client.get(FIRST, headers=idle.headers)
    assert answer.status_code == 200
    paper = answer.json()
    assert set(paper) == {"quiz_id", "chapter_id", "title", "passing_score", "total_questions", "questions"}
    assert paper["total_questions"] == len(paper["questions"]) == 4
    assert [question["type"] for question in paper["questions"]].count("short-answer") == 1
    assert all(set(q) == {"question_id", "question_text", "type", "options"} for q in paper["questions"])
    assert all(set(option) == {"id", "text"} for q in paper["questions"] for option in q["options"])


async def test_a_whole_attempt(client: httpx.AsyncClient, owner: asyncpg.Connection, student: Student) -> None:
    answer = await submit(client, student, RIGHT)
    assert answer.status_code == 200, answer.text
    attempt = answer.json()
    assert (attempt["score"], attempt["passed"], attempt["correct_answers"], attempt["total_questions"]) == (
        100,
        True,
        4,
        4,
    )
    assert attempt["progress_updated"] is True
    assert attempt["sections_to_review"] == []
    assert attempt["milestones_reached"] == ["first_chapter"]
    assert attempt["best_score"] == 100
    assert all(grade["correct"] and grade["review"] is None for grade in attempt["grading_details"].values())
    [row] = await stored(owner, student)
    assert str(row["attempt_id"]) == attempt["attempt_id"]
    assert json.loads(row["answers"]) == RIGHT
    kept = json.loads(row["grading_details"])
    concepts = {key.question_id: key.concept for key in COURSE.keys["01-first-quiz"].keys}
    assert {name: grade["concept"] for name, grade in kept.items()} == concepts
    assert row["content_version"] == COURSE.course.content_version


async def test_failing_names_the_sections_to_review_in_reading_order(
    client: httpx.AsyncClient, student: Student
) -> None:
    attempt = (await submit(client, student, FAILING)).json()
    assert (attempt["score"], attempt["passed"], attempt["correct_answers"]) == (25, False, 1)
    order = [section.section_id for section in COURSE.course.chapters[0].sections]
    named = [section["section_id"] for section in attempt["sections_to_review"]]
    assert named == [section_id for section_id in order if section_id in named] != []
    details = attempt["grading_details"]
    assert list(details) == ["q1", "q2", "q3", "q4"]
    assert details["q2"]["review"]["title"]
    assert details["q4"] == {
        "correct": False,
        "score": 0,
        "max_score": 10,
        "explanation": details["q4"]["explanation"],
        "feedback": details["q4"]["feedback"],
        "matched": [],
        "missing": ["Say what the seed takes up.", "Say what the young root lives on."],
        "review": details["q4"]["review"],
    }


async def test_option_texts_and_verdicts_in_words_count(client: httpx.AsyncClient, student: Student) -> None:
    said = {"q1": "WATER", "q2": " starch in  the seed", "q3": "True", "q4": RIGHT["q4"].upper()}
    assert (await submit(client, student, said)).json()["score"] == 100


async def test_an_empty_submission_is_accepted_and_scores_nothing(client: httpx.AsyncClient, student: Student) -> None:
    attempt = (await submit(client, student, {})).json()
    assert (attempt["score"], attempt["correct_answers"]) == (0, 0)


@pytest.mark.parametrize(
    ("answers", "field"),
    [
        ({"q77": "a"}, "answers.q77"),
        ({"q1": 1}, "answers.q1"),
        ({"q1": None}, "answers.q1"),
        ({"q1": ["a"]}, "answers.q1"),
        ({"q1": True}, "answers.q1"),
        ({"q1": "z"}, "answers.q1"),
        ({"q3": "perhaps"}, "answers.q3"),
        ({"q4": False}, "answers.q4"),
        ({"q4": "a" * 2001}, "answers.q4"),
        ({f"q{n}": "a" for n in range(101)}, "answers"),
        (["a", "b"], "answers"),
        ("a", "answers"),
        (None, "answers"),
    ],
)
async def test_what_cannot_be_marked_is_refused_by_name(
    client: httpx.AsyncClient, owner: asyncpg.Connection, idle: Student, answers: Any, field: str
) -> None:
    answer = await submit(client, idle, answers)
    assert answer.status_code == 422, answer.text
    error = answer.json()["error"]
    assert error["code"] == "VALIDATION_ERROR"
    assert field in [problem["field"] for problem in error["details"]["fields"]]
    assert await stored(owner, idle) == []
    assert (
        await owner.fetchval("SELECT count(*) FROM chapter_progress WHERE student_id = $1::uuid", idle.student_id) == 0
    )


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"answers": {"q4": "a\\u0000b"}}', b'{"answers": {}, "more": 1}', b"", b"null"]
)
async def test_bodies_that_are_no_submission(client: httpx.AsyncClient, idle: Student, body: bytes) -> None:
    headers = idle.headers | {"Content-Type": "application/json"}
    answer = await client.post(f"{FIRST}/submit", content=body, headers=headers)
    assert answer.status_code == 422, answer.text
    assert answer.json()["error"]["code"] == "VALIDATION_ERROR"


async def test_the_order_of_refusal(client: httpx.AsyncClient, idle: Student) -> None:
    bad = {"answers": {"q77": 1}}
    assert (await client.post(f"{LOCKED}/submit", json=bad)).status_code == 401
    refused = await client.post(f"{LOCKED}/submit", json=bad, headers=idle.headers)
    assert refused.status_code == 403
    assert refused.json()["error"]["details"]["chapter_id"] == "03-third"
    assert (await client.get(LOCKED, headers=idle.headers)).status_code == 403
    for path in ("/api/v1/quizzes/nothing", "/api/v1/quizzes/nothing/results"):
        unknown = await client.get(path, headers=idle.headers)
        assert unknown.status_code == 404
        assert "01-first-quiz" in unknown.json()["error"]["message"]
    assert (await client.post("/api/v1/quizzes/nothing/submit", json=bad, headers=idle.headers)).status_code == 404


async def test_premium_takes_the_locked_quiz(client: httpx.AsyncClient, sign_up: SignUp) -> None:
    student = await sign_up("premium")
    attempt = await submit(client, student, right_answers("03-third"), quiz=LOCKED)
    assert attempt.json()["score"] == 100


async def test_every_attempt_is_kept_and_the_best_counts(client: httpx.AsyncClient, student: Student) -> None:
    scores = []
    for answers in (FAILING, RIGHT, FAILING):
        attempt = (await submit(client, student, answers)).json()
        scores.append((attempt["score"], attempt["best_score"]))
    assert scores == [(25, 25), (100, 100), (25, 100)]
    results = (await client.get(f"{FIRST}/results", headers=student.headers)).json()
    assert results["best_score"] == 100
    assert [attempt["score"] for attempt in results["attempts"]] == [25, 100, 25]
    assert results["attempts"][1]["grading_details"]["q4"]["matched"]
    assert results["pagination"] == {"page": 1, "per_page": 10, "total": 3, "total_pages": 1}


async def test_history_is_paged_newest_first(client: httpx.AsyncClient, student: Student) -> None:
    made = [(await submit(client, student, FAILING)).json()["attempt_id"] for _ in range(3)]
    other = await submit(client, student, {}, quiz="/api/v1/quizzes/02-second-quiz")
    newest_first = [other.json()["attempt_id"], *reversed(made)]
    pages = [
        (await client.get(f"/api/v1/progress/quiz-history?page={n}&per_page=3", headers=student.headers)).json()
        for n in (1, 2, 3)
    ]
    assert [a["attempt_id"] for page in pages for a in page["attempts"]] == newest_first
    assert [page["pagination"] for page in pages] == [
        {"page": n, "per_page": 3, "total": 4, "total_pages": 2} for n in (1, 2, 3)
    ]
    of_first = (await client.get(f"{FIRST}/results?page=2&per_page=2", headers=student.headers)).json()
    assert [a["attempt_id"] for a in of_first["attempts"]] == made[:1]


@pytest.mark.parametrize(
    "query", ["page=0", "page=-1", "per_page=0", "per_page=51", "page=x", "page=1e99", "page=99999999999"]
)
async def test_pages_out_of_range_are_refused(client: httpx.AsyncClient, idle: Student, query: str) -> None:
    for path in ("/api/v1/progress/quiz-history", f"{FIRST}/results"):
        answer = await client.get(f"{path}?{query}", headers=idle.headers)
        assert answer.status_code == 422, path


async def test_another_students_attempts_are_invisible(
    client: httpx.AsyncClient, student: Student, sign_up: SignUp
) -> None:
    await submit(client, student, RIGHT)
    other = await sign_up()
    results = (await client.get(f"{FIRST}/results", headers=other.headers)).json()
    assert (results["attempts"], results["best_score"]) == ([], None)
    history = (await client.get("/api/v1/progress/quiz-history", headers=other.headers)).json()
    assert history == {"attempts": [], "pagination": {"page": 1, "per_page": 10, "total": 0, "total_pages": 0}}


async def test_one_key_makes_one_attempt_also_in_parallel(
    client: httpx.AsyncClient, owner: asyncpg.Connection, student: Student
) -> None:
    answers = await asyncio.gather(*(submit(client, student, PASSING, key="try-1") for _ in range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert len(await stored(owner, student)) == 1
    assert (await submit(client, student, RIGHT, key="try-1")).status_code == 409
    assert (
        await submit(client, student, right_answers("02-second"), quiz="/api/v1/quizzes/02-second-quiz", key="try-1")
    ).status_code == 409
    assert (await submit(client, student, PASSING, key="try-2")).json()["attempt_id"] != answers[0].json()["attempt_id"]


async def test_a_refused_attempt_does_not_use_up_its_key(client: httpx.AsyncClient, student: Student) -> None:
    assert (await submit(client, student, {"q77": "a"}, key="again")).status_code == 422
    assert (await submit(client, student, RIGHT, key="again")).status_code == 200


async def test_twenty_parallel_attempts_are_all_kept(
    client: httpx.AsyncClient, owner: asyncpg.Connection, student: Student
) -> None:
    quizzes = [FIRST, "/api/v1/quizzes/02-second-quiz"]
    sheets = [RIGHT, right_answers("02-second")]
    answers = await asyncio.gather(
        *(submit(client, student, sheets[n % 2] if n % 4 < 2 else {}, quiz=quizzes[n % 2]) for n in range(20))
    )
    assert {answer.status_code for answer in answers} == {200}
    assert len(await stored(owner, student)) == 20
    reached = [name for answer in answers for name in answer.json()["milestones_reached"]]
    assert sorted(reached) == ["first_chapter", "halfway"], "each milestone is reached once, and none is missed"
    rows = await owner.fetch("SELECT * FROM chapter_progress WHERE student_id = $1::uuid", student.student_id)
    assert {(row["completion_status"], row["best_quiz_score"]) for row in rows} == {("completed", 100)}

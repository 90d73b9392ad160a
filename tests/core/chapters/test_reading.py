"""Chapters and sections over HTTP: what a student gets, what is locked, and what need not be sent again."""

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from core.settings import Settings
from tests.core.conftest import SignUp, Student, heard
from tests.core.factories import tiny_course
from tests.core.plants import PREMIUM_WORDS

COURSE = tiny_course()
LOCKED_READS = [
    "/api/v1/chapters/03-third",
    "/api/v1/chapters/03-third/sections/colours-that-call",
    "/api/v1/chapters/02-second/next",
]


@pytest.fixture(scope="module")
async def free(sign_up: SignUp) -> Student:
    return await sign_up()


@pytest.fixture(scope="module")
async def premium(sign_up: SignUp) -> Student:
    return await sign_up("premium")


async def read(client: httpx.AsyncClient, student: Student, path: str) -> Any:
    answer = await client.get(path, headers=student.headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def refusal(client: httpx.AsyncClient, student: Student, path: str, status: int) -> Any:
    answer = await client.get(path, headers=student.headers)
    assert answer.status_code == status, answer.text
    return answer.json()["error"]


async def test_the_list_shows_every_chapter_in_order(client: httpx.AsyncClient, free: Student) -> None:
    body = await read(client, free, "/api/v1/chapters")
    assert body["total_chapters"] == 3
    assert body["user_subscription"] == "free"
    assert body["chapters"][0] == {
        "chapter_id": "01-first",
        "chapter_number": 1,
        "title": "Seeds",
        "subtitle": COURSE.chapters["01-first"].subtitle,
        "access_tier": "free",
        "estimated_time_minutes": 10,
        "difficulty_level": "beginner",
        "user_has_access": True,
        "user_progress": None,
    }
    opened = {chapter["chapter_id"]: chapter["user_has_access"] for chapter in body["chapters"]}
    assert list(opened.items()) == [("01-first", True), ("02-second", True), ("03-third", False)]


async def test_a_chapter_holds_its_text_and_its_neighbours(client: httpx.AsyncClient, free: Student) -> None:
    body = await read(client, free, "/api/v1/chapters/02-second")
    written = COURSE.chapters["02-second"].model_dump(mode="json")
    assert body["sections"] == written["sections"]
    assert set(body["sections"][0]["explanations"]) == {"beginner", "intermediate", "advanced"}
    for name in ("learning_objectives", "prerequisites", "further_reading", "content_version", "updated_at", "title"):
        assert body[name] == written[name]
    assert (body["previous_chapter"], body["next_chapter"]) == ("01-first", "03-third")
    assert body["quiz_id"] == "02-second-quiz"
    first = await read(client, free, "/api/v1/chapters/01-first")
    assert first["previous_chapter"] is None


async def test_next_and_previous_are_the_chapters_themselves(client: httpx.AsyncClient, premium: Student) -> None:
    second = await read(client, premium, "/api/v1/chapters/02-second")
    assert await read(client, premium, "/api/v1/chapters/01-first/next") == second
    assert await read(client, premium, "/api/v1/chapters/03-third/previous") == second


@pytest.mark.parametrize(("path", "end"), [("03-third/next", "last"), ("01-first/previous", "first")])
async def test_beyond_the_ends_there_is_nothing(
    client: httpx.AsyncClient, premium: Student, path: str, end: str
) -> None:
    error = await refusal(client, premium, f"/api/v1/chapters/{path}", 404)
    assert error["code"] == "RESOURCE_NOT_FOUND"
    assert f"{end} chapter" in error["message"]


async def test_a_section_alone(client: httpx.AsyncClient, free: Student) -> None:
    body = await read(client, free, "/api/v1/chapters/01-first/sections/what-seeds-store")
    written = COURSE.chapters["01-first"].sections[1].model_dump(mode="json")
    assert {name: body[name] for name in written} == written
    assert (body["chapter_id"], body["previous_section"], body["next_section"]) == ("01-first", "how-seeds-wake", None)


@pytest.mark.parametrize("path", LOCKED_READS)
async def test_a_locked_chapter_says_what_opens_it(
    client: httpx.AsyncClient, settings: Settings, free: Student, path: str
) -> None:
    error = await refusal(client, free, path, 403)
    assert error["code"] == "ACCESS_DENIED"
    assert error["details"] == {
        "chapter_id": "03-third",
        "required_tier": "premium",
        "user_tier": "free",
        "upgrade_url": f"{settings.public_url}/api/v1/access/upgrade",
    }


@pytest.mark.parametrize("path", [*LOCKED_READS, "/api/v1/chapters", "/api/v1/chapters/02-second"])
async def test_no_answer_to_a_free_student_holds_premium_text(
    client: httpx.AsyncClient, free: Student, path: str
) -> None:
    text = (await client.get(path, headers=free.headers)).text.lower()
    assert not [word for word in PREMIUM_WORDS if word in text]


@pytest.mark.parametrize("path", LOCKED_READS)
async def test_premium_and_pro_read_what_is_locked(client: httpx.AsyncClient, sign_up: SignUp, path: str) -> None:
    for tier in ("premium", "pro"):
        student = await sign_up(tier, expires_at=datetime.now(UTC) + timedelta(days=1))
        assert "anthocyanin" in str(await read(client, student, path)).lower()


async def test_an_expired_subscription_reads_like_a_free_one(client: httpx.AsyncClient, sign_up: SignUp) -> None:
    student = await sign_up("premium", expires_at=datetime.now(UTC) - timedelta(seconds=1))
    error = await refusal(client, student, "/api/v1/chapters/03-third", 403)
    assert error["details"]["user_tier"] == "free"
    assert (await read(client, student, "/api/v1/chapters"))["user_subscription"] == "free"


@pytest.mark.parametrize(
    "path",
    ["09-none", "09-none/next", "09-none/previous", "09-none/sections/how-seeds-wake", "%00", "é" * 300],
)
async def test_an_unknown_chapter_names_those_there_are(client: httpx.AsyncClient, free: Student, path: str) -> None:
    error = await refusal(client, free, f"/api/v1/chapters/{path}", 404)
    assert error["code"] == "RESOURCE_NOT_FOUND"
    assert all(chapter_id in error["message"] for chapter_id in COURSE.chapters)


async def test_an_unknown_section_names_those_there_are(client: httpx.AsyncClient, free: Student) -> None:
    error = await refusal(client, free, "/api/v1/chapters/01-first/sections/making-sugar", 404)
    assert error["code"] == "RESOURCE_NOT_FOUND"
    assert "how-seeds-wake" in error["message"]


@pytest.mark.parametrize("path", ["/api/v1/chapters", *LOCKED_READS, "/api/v1/chapters/09-none", "/api/v1/search?q=a"])
async def test_nobody_reads_without_signing_in(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "UNAUTHORIZED")


async def test_progress_stands_beside_the_chapter(
    client: httpx.AsyncClient, owner: asyncpg.Connection, sign_up: SignUp, free: Student
) -> None:
    student = await sign_up()
    await owner.execute(
        "INSERT INTO chapter_progress (student_id, chapter_id, completion_status, best_quiz_score) "
        "VALUES ($1, '01-first', 'completed', 90), ($1, '02-second', 'in_progress', NULL)",
        student.student_id,
    )
    chapters = (await read(client, student, "/api/v1/chapters"))["chapters"]
    assert [chapter["user_progress"] for chapter in chapters] == [
        {"completion_status": "completed", "quiz_score": 90},
        {"completion_status": "in_progress", "quiz_score": None},
        None,
    ]
    assert (await read(client, student, "/api/v1/chapters/01-first"))["user_progress"]["quiz_score"] == 90
    assert (await read(client, free, "/api/v1/chapters/01-first"))["user_progress"] is None


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/chapters",
        "/api/v1/chapters/01-first",
        "/api/v1/chapters/01-first/next",
        "/api/v1/chapters/02-second/previous",
        "/api/v1/chapters/01-first/sections/how-seeds-wake",
        "/api/v1/quizzes/01-first-quiz",
    ],
)
async def test_what_the_client_holds_is_not_sent_again(client: httpx.AsyncClient, free: Student, path: str) -> None:
    tag = (await client.get(path, headers=free.headers)).headers["ETag"]
    for held in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        answer = await client.get(path, headers={**free.headers, "If-None-Match": held})
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", tag)
        assert "X-RateLimit-Remaining" in answer.headers
        assert_for_this_reader_only(answer)
    for held in ('"other"', "", tag.strip('"')):
        answer = await client.get(path, headers={**free.headers, "If-None-Match": held})
        assert (answer.status_code, answer.headers["ETag"]) == (200, tag)
        assert_for_this_reader_only(answer)


def assert_for_this_reader_only(answer: httpx.Response) -> None:
    """No cache on the way may keep it for somebody else."""
    assert (answer.headers["Cache-Control"], answer.headers["Vary"]) == ("private, no-cache", "Authorization")


async def test_progress_changes_the_tag(
    app: FastAPI, client: httpx.AsyncClient, owner: asyncpg.Connection, sign_up: SignUp
) -> None:
    student = await sign_up()
    path = "/api/v1/chapters/01-first"
    before = (await client.get(path, headers=student.headers)).headers["ETag"]
    await owner.execute(
        "INSERT INTO chapter_progress (student_id, chapter_id, best_quiz_score) VALUES ($1, '01-first', 40)",
        student.student_id,
    )
    await heard(app)
    answer = await client.get(path, headers={**student.headers, "If-None-Match": before})
    assert answer.status_code == 200
    assert answer.headers["ETag"] != before


async def test_a_tag_opens_nothing_that_is_locked(client: httpx.AsyncClient, free: Student, premium: Student) -> None:
    path = "/api/v1/chapters/03-third"
    tag = (await client.get(path, headers=premium.headers)).headers["ETag"]
    answer = await client.get(path, headers={**free.headers, "If-None-Match": tag})
    assert answer.status_code == 403

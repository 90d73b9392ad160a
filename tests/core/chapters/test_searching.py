"""Search over HTTP: shape, bounds, and that it never gives away what is locked or a quiz key."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from core.content import Shelf
from core.storage import LocalStorage
from tests.core.conftest import SignUp, Student
from tests.core.factories import tiny_course, write_course
from tests.core.plants import PREMIUM_WORDS, SUBJECTS


@pytest.fixture(scope="module")
async def free(sign_up: SignUp) -> Student:
    return await sign_up()


@pytest.fixture(scope="module")
async def premium(sign_up: SignUp) -> Student:
    return await sign_up("premium")


async def search(client: httpx.AsyncClient, student: Student, **query: Any) -> Any:
    answer = await client.get("/api/v1/search", params=query, headers=student.headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_hit_names_its_place_and_shows_its_words(client: httpx.AsyncClient, free: Student) -> None:
    body = await search(client, free, q="photosyntesis")
    assert body["query"] == "photosyntesis"
    assert body["total_results"] == 1
    assert body["query_time_ms"] >= 0
    [hit] = body["results"]
    assert 0 < hit.pop("relevance_score") <= 1
    assert hit.pop("snippet").startswith("**Photosynthesis** joins carbon dioxide and water to sugar.")
    assert hit == {
        "chapter_id": "02-second",
        "chapter_title": "Leaves",
        "section_id": "making-sugar",
        "section_title": "Making sugar",
        "locked": False,
    }


@pytest.mark.parametrize("words", ["nectar", "anthocyanin", "stamen insects", "flower"])
async def test_a_locked_hit_shows_no_text(
    client: httpx.AsyncClient, free: Student, premium: Student, words: str
) -> None:
    for_free = await search(client, free, q=words)
    locked = [hit for hit in for_free["results"] if hit["chapter_id"] == "03-third"]
    assert locked
    assert all(hit["locked"] and hit["snippet"] is None for hit in locked)
    shown = str([hit["snippet"] for hit in for_free["results"]]).lower()
    assert not [word for word in PREMIUM_WORDS if word in shown]
    for hit in (await search(client, premium, q=words))["results"]:
        assert not hit["locked"]
        assert hit["snippet"]


async def test_no_quiz_key_is_ever_found(client: httpx.AsyncClient, premium: Student) -> None:
    for subject in SUBJECTS:
        for secret in (*subject.must_not, "The key says", "Moonlight", subject.model_answers[0]):
            shown = str((await search(client, premium, q=secret, limit=50))["results"])
            assert secret.lower() not in shown.replace("**", "").lower()


async def test_limit_and_filter(client: httpx.AsyncClient, premium: Student) -> None:
    everything = await search(client, premium, q="water seed light", limit=50)
    assert everything["total_results"] == len(everything["results"]) > 2
    first = await search(client, premium, q="water seed light", limit=1)
    assert first["results"] == everything["results"][:1]
    assert first["total_results"] == everything["total_results"]
    one_chapter = await search(client, premium, q="water seed light", chapter_id="01-first")
    assert {hit["chapter_id"] for hit in one_chapter["results"]} == {"01-first"}


@pytest.mark.parametrize("words", ["zeppelin", " ", "\0", "***", "'; DROP TABLE students; --"])
async def test_nothing_found_is_an_answer(client: httpx.AsyncClient, free: Student, words: str) -> None:
    assert (await search(client, free, q=words, limit=50))["results"] == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "q"),
        ({"q": ""}, "q"),
        ({"q": "x" * 201}, "q"),
        ({"q": "water", "limit": 0}, "limit"),
        ({"q": "water", "limit": 51}, "limit"),
        ({"q": "water", "limit": "many"}, "limit"),
        ({"q": "water", "chapter_id": "x" * 81}, "chapter_id"),
    ],
)
async def test_what_is_out_of_bounds_is_named(
    client: httpx.AsyncClient, free: Student, query: dict[str, Any], field: str
) -> None:
    answer = await client.get("/api/v1/search", params=query, headers=free.headers)
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["code"] == "VALIDATION_ERROR"
    assert field in str(error["details"])


async def test_an_unknown_chapter_to_search_in(client: httpx.AsyncClient, free: Student) -> None:
    answer = await client.get("/api/v1/search", params={"q": "a", "chapter_id": "09-none"}, headers=free.headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "RESOURCE_NOT_FOUND")


async def test_a_new_version_is_searched_once_it_is_published(
    app: FastAPI, client: httpx.AsyncClient, free: Student, tmp_path: Path
) -> None:
    assert (await search(client, free, q="germination"))["total_results"] == 1
    before: Shelf = app.state.shelf
    storage = LocalStorage(tmp_path)
    course = tiny_course("v2")
    chapter = course.chapters["02-second"]
    text = chapter.sections[0].model_copy(update={"content_markdown": "A sundew catches flies."})
    course.chapters["02-second"] = chapter.model_copy(update={"sections": [text, chapter.sections[1]]})
    await write_course(storage, course)
    app.state.shelf = Shelf(storage)
    try:
        await app.state.shelf.refresh()
        assert [hit["section_id"] for hit in (await search(client, free, q="sundew"))["results"]] == ["catching-light"]
    finally:
        app.state.shelf = before
    assert (await search(client, free, q="sundew"))["total_results"] == 0

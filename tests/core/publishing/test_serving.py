"""A small course of another field, from its folder to a student: checked, published to S3, served, searched, marked."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from typer.testing import CliRunner

from core.commands import app as commands
from core.publishing.source import read_course
from core.settings import Settings
from tests.core.conftest import PASSWORD, calling, running, settings_for, sign_in
from tests.core.publishing.conftest import Bucket, NewBucket
from tests.core.publishing.generated import write_generated

SOURDOUGH = Path(__file__).parent / "courses" / "sourdough"


@pytest.fixture(scope="module")
async def bread(core_database_url: str, new_bucket: NewBucket, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """core's settings for a bucket to which the command has published the bread course."""
    bucket: Bucket = await new_bucket()
    said = await asyncio.to_thread(CliRunner().invoke, commands, ["publish", str(SOURDOUGH)], env=bucket.environment)
    assert said.exit_code == 0, said.output
    settings = settings_for(core_database_url, tmp_path_factory.mktemp("unused"))
    return settings.model_copy(
        update=bucket.settings.model_dump(exclude={"content_directory", "content_reload_seconds"})
    )


@pytest.fixture(scope="module")
async def client(bread: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with running(bread) as app, calling(app) as client:
        email = f"baker-{secrets.token_hex(6)}@example.com"
        answer = await client.post("/api/v1/auth/register", json={"email": email, "password": PASSWORD})
        assert answer.status_code == 201, answer.text
        client.headers.update((await sign_in(client, email)).headers)
        yield client


async def test_its_chapters_are_listed_and_read(client: httpx.AsyncClient) -> None:
    listed = (await client.get("/api/v1/chapters")).json()
    assert [one["chapter_id"] for one in listed["chapters"]] == ["01-starter", "02-baking"]
    assert [one["user_has_access"] for one in listed["chapters"]] == [True, False]
    chapter = (await client.get("/api/v1/chapters/01-starter")).json()
    assert [one["section_id"] for one in chapter["sections"]] == ["what-lives-in-the-jar", "feeding-a-starter"]
    assert "wild yeast" in chapter["sections"][0]["content_markdown"].lower()
    locked = await client.get("/api/v1/chapters/02-baking")
    assert (locked.status_code, locked.json()["error"]["details"]["required_tier"]) == (403, "premium")


async def test_it_can_be_searched(client: httpx.AsyncClient) -> None:
    found = (await client.get("/api/v1/search", params={"q": "bacteria"})).json()
    assert found["results"][0]["section_id"] == "what-lives-in-the-jar"


async def test_its_quiz_is_marked_by_its_own_key(client: httpx.AsyncClient) -> None:
    quiz = (await client.get("/api/v1/quizzes/01-starter-quiz")).json()
    assert quiz["total_questions"] == 10
    authored = read_course(SOURDOUGH).chapters[0].quiz.questions
    answers: dict[str, Any] = {
        one.id: one.model_answers[0] if one.type == "short-answer" else one.answer for one in authored
    }
    right = await client.post("/api/v1/quizzes/01-starter-quiz/submit", json={"answers": answers})
    assert (right.status_code, right.json()["score"], right.json()["passed"]) == (200, 100, True)
    wrong = await client.post("/api/v1/quizzes/01-starter-quiz/submit", json={"answers": {"q9": quiz["title"]}})
    assert wrong.json()["score"] == 0


def test_a_course_is_checked_by_the_command(tmp_path: Path) -> None:
    green = CliRunner().invoke(commands, ["validate-course", str(SOURDOUGH)])
    assert (green.exit_code, green.stderr) == (0, f"{SOURDOUGH}: 0 errors, 0 warnings\n")
    assert "Sourdough Bread, 2 chapters" in green.stdout
    nowhere = CliRunner().invoke(commands, ["validate-course", str(tmp_path / "nowhere")])
    assert nowhere.exit_code == 1
    assert "there is no such folder" in nowhere.stderr


def test_the_check_of_a_large_course_says_how_far_it_has_come(tmp_path: Path) -> None:
    folder = write_generated(tmp_path / "course", 20)
    shown = CliRunner().invoke(commands, ["validate-course", str(folder)])
    assert shown.exit_code == 0
    lines = shown.stderr.splitlines()
    assert lines[0] == " 10 %  2/20  002-harbour is read"
    assert lines[9] == "100 %  20/20  020-harbour is read"
    assert lines[-2:] == ["100 %  8/8  short answers are checked", f"{folder}: 0 errors, 0 warnings"]


def test_what_keeps_a_course_from_being_read_is_told_with_what_waits_for_it(tmp_path: Path) -> None:
    (tmp_path / "course.yaml").write_text("title: 2026-02-30\n")
    refused = CliRunner().invoke(commands, ["validate-course", str(tmp_path)])
    assert refused.exit_code == 1
    assert f"{tmp_path}/course.yaml:1: error: 2026-02-30 is written like" in refused.stderr
    assert refused.stderr.endswith("nothing is published. The other checks wait until all files can be read.\n")
    nowhere = CliRunner().invoke(commands, ["validate-course", str(tmp_path / "bread")])
    assert nowhere.stderr.startswith(f"{tmp_path}/bread:1: error: there is no such folder\n")


def test_a_warning_is_shown_and_refused_only_when_strict(tmp_path: Path) -> None:
    folder = tmp_path / "bread"
    for path in SOURDOUGH.rglob("*.*"):
        copy = folder / path.relative_to(SOURDOUGH)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    facts = yaml.safe_load((folder / "course.yaml").read_text())
    facts["lengths"]["section"] = {"minimum": 500, "maximum": 900}
    (folder / "course.yaml").write_text(yaml.safe_dump(facts))
    shown = CliRunner().invoke(commands, ["validate-course", str(folder)])
    assert shown.exit_code == 0
    assert shown.stderr.count(": warning: the section has") == 4
    refused = CliRunner().invoke(commands, ["validate-course", "--strict", str(folder)])
    assert refused.exit_code == 1
    assert f"{folder}: 0 errors, 4 warnings; nothing is published." in refused.stderr
    assert os.fspath(folder / "01-starter/sections/01-what-lives-in-the-jar.md") in refused.stderr

"""The skills, by their own specification and by what this course's tutor must never do."""

from pathlib import Path

import pytest
import skills_ref
from mcp.client.client import Client

import chatgpt_app.skills
from chatgpt_app import tools
from chatgpt_app.server import CourseServer
from chatgpt_app.skills import skill_files
from tests.chatgpt.conftest import wire

FOLDER = Path(chatgpt_app.skills.__file__).parent
NAMES = ["concept-explainer", "progress-motivator", "quiz-master", "socratic-tutor"]


@pytest.mark.parametrize("name", NAMES)
def test_a_skill_is_valid(name: str) -> None:
    assert skills_ref.validate(FOLDER / name) == []


def test_there_are_no_others_and_they_fit_the_limits_of_the_import() -> None:
    assert list(skill_files()) == NAMES
    for contents in skill_files().values():
        assert len(contents) <= 100
        assert len(contents["SKILL.md"].encode()) <= 256 * 1024
        assert len(contents["SKILL.md"].splitlines()) < 500


def test_every_tool_a_skill_names_exists() -> None:
    known = {tool.name for tool in tools.ALL}
    for contents in skill_files().values():
        named = {word for word in contents["SKILL.md"].split("`") if "_" in word and word.isidentifier()}
        assert named - {"quiz_id"} <= known


async def test_they_are_served_word_for_word(server: CourseServer, era: str) -> None:
    listed = (await wire(server, era, "skills/list"))["skills"]
    assert [skill["uri"] for skill in listed] == [f"skill://course-companion/{name}/SKILL.md" for name in NAMES]
    for skill, name in zip(listed, NAMES, strict=True):
        async with Client(server, mode=era) as client:
            read = (await client.read_resource(skill["uri"])).contents[0].model_dump()
        assert read["text"] == (FOLDER / name / "SKILL.md").read_text()
        assert skill["frontmatter"] == skills_ref.read_properties(FOLDER / name).to_dict()

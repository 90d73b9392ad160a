"""The skills, by their own specification and by what this course's tutor must never do."""

from pathlib import Path

import pytest
import skills_ref
from mcp.client.client import Client

import chatgpt_app.skills
from chatgpt_app import tools
from chatgpt_app.server import INSTRUCTIONS, CourseServer
from chatgpt_app.skills import skill_files
from tests.chatgpt.conftest import wire

FOLDER = Path(chatgpt_app.skills.__file__).parent
# What each one says of what its tutor must never do; those that teach say from what, and that it is cited.
RULES = {
    "concept-explainer": [
        "Never explain from memory what a section explains",
        "Cite: end with the `citation` the tool returned",
        "While a quiz is open, explain ideas but never in the words of one of its questions",
        "never say which option is right",
    ],
    "progress-motivator": ["Never invent or round up numbers", "never compare with other learners"],
    "quiz-master": [
        "Keep answer keys out of everything before the quiz is handed in: no hints",
        "Never write or improve a short answer for the learner",
        "the explanation the tool returned, and the section to read again",
    ],
    "socratic-tutor": [
        "Fetch the section that teaches it",
        "show the passage of the section, cite it",
        "you never write, complete or polish the answer",
        "While a quiz of the same topic is open, do not lead to the answer of one of its questions",
    ],
}
NAMES = list(RULES)


@pytest.mark.parametrize("name", NAMES)
def test_a_skill_is_valid(name: str) -> None:
    assert skills_ref.validate(FOLDER / name) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_skill_says_what_its_tutor_must_never_do(name: str) -> None:
    text = " ".join((FOLDER / name / "SKILL.md").read_text().split())
    assert [rule for rule in RULES[name] if rule not in text] == []


def test_every_tutor_hears_the_same_of_the_server() -> None:
    text = " ".join(INSTRUCTIONS.split())
    for rule in ("Teach from its text", "cite the section", "Never reveal or hint at a quiz answer"):
        assert rule in text


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

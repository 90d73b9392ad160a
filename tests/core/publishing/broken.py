"""The small course that tests break on purpose, and what is found in it then."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from core.publishing.source import CourseInvalid, Finding, read_source
from core.publishing.validate import validate

COURSES = Path(__file__).parent / "courses"
CONTENT = Path(__file__).resolve().parents[3] / "content"

COURSE = "course.yaml"
QUIZ = "01-starter/quiz.yaml"
QUIZ_2 = "02-baking/quiz.yaml"
OPEN = "01-starter/assessments.yaml"
JAR = "01-starter/sections/01-what-lives-in-the-jar.md"
FEEDING = "01-starter/sections/02-feeding-a-starter.md"
GLUTEN = "02-baking/sections/01-building-gluten.md"
OVEN = "02-baking/sections/02-what-the-oven-does.md"
HUNGRY = "A starter is like a pet. It eats the flour, gets hungry, and goes flat."


def findings(folder: Path) -> list[Finding]:
    try:
        return validate(read_source(folder))
    except CourseInvalid as invalid:
        return invalid.findings


def messages(folder: Path, file: str) -> list[str]:
    return [one.message for one in findings(folder) if one.file == file]


def edit(path: Path, change: Callable[[Any], object]) -> None:
    data = yaml.safe_load(path.read_text())
    change(data)
    path.write_text(json.dumps(data, indent=1))  # without the anchors that YAML writes for what stands there twice


def change(folder: Path, file: str, old: str, new: str) -> None:
    """In a file of the folder, let ``old`` become ``new`` where it stands first."""
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1))

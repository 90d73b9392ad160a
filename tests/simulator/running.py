"""A model simulator in a process of its own, and the words its tests share."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import yaml
from anthropic.types import Message

ROOT = Path(__file__).resolve().parents[2]
COMMAND = Path(sys.executable).parent / "model-simulator"
MODEL = "claude-sonnet-5-5"
KEY = "key-of-a-test"
PATIENCE_SECONDS = 30.0

LEVELS = {"enum": ["full", "partial", "none"]}
TEXT = {"type": "string"}
TEXTS = {"type": "array", "items": TEXT}


def closed_object(**properties: Any) -> dict[str, Any]:
    """A JSON schema of an object with exactly these members."""
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


GRADE_SCHEMA = closed_object(
    criteria={"type": "array", "items": closed_object(criterion_id=TEXT, level=LEVELS, evidence=TEXT, why=TEXT)},
    off_topic={"type": "boolean"},
    instructions_in_answer={"type": "boolean"},
    confidence={"enum": ["high", "medium", "low"]},
    strengths=TEXTS,
    improvements=TEXTS,
    detailed_feedback=TEXT,
)
PATH_SCHEMA = closed_object(
    recommendations={
        "type": "array",
        "minItems": 1,
        "items": closed_object(
            chapter_id=TEXT, section_id=TEXT, reason=TEXT, estimated_impact={"enum": ["high", "medium", "low"]}
        ),
    },
    reasoning=TEXT,
)
SCHEMAS = {"grade": GRADE_SCHEMA, "path": PATH_SCHEMA}


@dataclass(frozen=True)
class Simulator:
    """Where it listens, its ledger file, and the operator's own client of it."""

    url: str
    ledger: Path
    process: "subprocess.Popen[str]"
    operator: httpx.Client

    def control(self, **setting: Any) -> httpx.Response:
        return self.operator.put("/control", json=setting)

    def current(self) -> dict[str, Any]:
        """The setting it is in now."""
        current: dict[str, Any] = self.operator.get("/control").json()
        return current

    def tell_oracle(self, known: Any) -> httpx.Response:
        return self.operator.put("/oracle", json=known)

    def counts(self) -> dict[str, int]:
        counts: dict[str, int] = self.operator.get("/ledger/count").json()
        return counts

    def lines(self, event: str) -> list[dict[str, Any]]:
        """The ledger's lines of one event, oldest first."""
        lines = [json.loads(line) for line in self.ledger.read_text(encoding="utf-8").splitlines()]
        return [line for line in lines if line["event"] == event]


def start(ledger: Path, *options: str) -> Simulator:
    """A simulator on a free port, ready when this returns."""
    command: list[str | Path] = [COMMAND, "serve", "--port", "0", "--ledger", ledger, *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    announced = process.stdout.readline()
    assert "simulated model, no real answers" in announced, announced
    url = announced.split()[-1]
    simulator = Simulator(url, ledger, process, httpx.Client(base_url=url, timeout=PATIENCE_SECONDS))
    assert simulator.operator.get("/health").json()["simulated"] is True
    return simulator


def stop(simulator: Simulator) -> int:
    """Ask it to end; gives its exit status."""
    simulator.operator.close()
    simulator.process.terminate()
    simulator.process.communicate(timeout=PATIENCE_SECONDS)
    return simulator.process.returncode


def ask(task: str, document: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """What `messages.create` takes for one of the course's tasks."""
    text = f"Do it.\n<task>{task}</task>\n<input>{json.dumps(document)}</input>"
    return {
        "model": MODEL,
        "max_tokens": 8000,
        "messages": [{"role": "user", "content": [{"type": "text", "text": text}]}],
        "output_config": {"format": {"type": "json_schema", "schema": SCHEMAS[task]}, "effort": "low"},
        **more,
    }


def text_of(message: Message) -> str:
    """The text blocks of an answer, which stand behind its thinking."""
    return "".join(block.text for block in message.content if block.type == "text")


def said(message: Message) -> dict[str, Any]:
    """The JSON object an answer holds."""
    answer: dict[str, Any] = json.loads(text_of(message))
    return answer


def points(task: Mapping[str, Any], grade: Mapping[str, Any]) -> float:
    """A grade in points of ten: a criterion is worth all, half or none of its points."""
    worth = {"full": 1.0, "partial": 0.5, "none": 0.0}
    points_of: dict[str, float] = {criterion["criterion_id"]: criterion["points"] for criterion in task["criteria"]}
    return sum(points_of[one["criterion_id"]] * worth[one["level"]] for one in grade["criteria"])


@cache
def course_questions() -> dict[str, dict[str, Any]]:
    """Every open question of the course as a grade task without its answer, by id."""
    tasks = {}
    for file in sorted(ROOT.glob("content/*/assessments.yaml")):
        for question in yaml.safe_load(file.read_text(encoding="utf-8"))["questions"]:
            tasks[question["id"]] = {
                "question": question["text"],
                "criteria": [
                    {"criterion_id": one["id"], **{name: one[name] for name in ("name", "points", "levels")}}
                    for one in question["criteria"]
                ],
                "excellent_example": question["excellent_example"],
                "poor_example": question["poor_example"],
                "sections": {one["section"]: one["section"].replace("-", " ") for one in question["criteria"]},
            }
    return tasks

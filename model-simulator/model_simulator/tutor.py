"""What the simulated model says to a prompt: the course's own tasks by rules, anything else by its schema."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from model_simulator import grading, recommending
from model_simulator.control import Mode
from model_simulator.errors import invalid
from model_simulator.schema import LABEL, conform, generate

TASK = re.compile(r"^\s*<task>(path|grade|check)</task>\s*$", re.MULTILINE)
LEVELS = ("full", "partial", "none")

# sha256 of an answer's UTF-8 text -> its level for every criterion, or one level for all of them
Oracle = Mapping[str, Mapping[str, str] | str]


@dataclass(frozen=True)
class Task:
    """One of the course's own tasks, with the JSON document it is about."""

    name: str
    document: Mapping[str, Any]


def read_oracle(wanted: Any) -> Oracle:
    """A checked oracle, or 400 naming the entry that is wrong."""
    if not isinstance(wanted, dict):
        raise invalid("oracle: Input should map sha256(answer) to levels")
    for digest, levels in wanted.items():
        named = levels.values() if isinstance(levels, dict) else [levels]
        if any(level not in LEVELS for level in named):
            raise invalid(f"oracle.{digest}: levels are full, partial or none")
    return wanted


def find_task(messages: list[Mapping[str, Any]]) -> Task | None:
    """The latest task a user message names.

    Only the text outside the input is searched, and the input runs to the last closing mark, so that a student's answer
    can neither name a task nor end the input.
    """
    for message in reversed(messages):
        if message["role"] != "user":
            continue
        content = message["content"]
        texts = [content] if isinstance(content, str) else [b["text"] for b in content if b["type"] == "text"]
        for text in reversed(texts):
            before, opened, rest = text.partition("<input>")
            document, _, after = rest.rpartition("</input>")
            named = TASK.search(before) or TASK.search(after if opened else "")
            if named:
                return Task(named.group(1), _document(document))
    return None


def _document(text: str) -> Mapping[str, Any]:
    try:
        document = json.loads(text)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def say(body: Mapping[str, Any], mode: Mode, oracle: Oracle) -> str:
    """The text of the answer: JSON valid for the requested schema, plain words where none is requested."""
    task = find_task(body["messages"])
    said = _perform(task, mode, oracle) if task else None
    answer_format = (body.get("output_config") or {}).get("format")
    if answer_format:
        schema = answer_format["schema"]
        answer = conform(said, schema) if said is not None else generate(schema)
        return json.dumps(answer, ensure_ascii=False)
    if said is not None:
        return json.dumps(said, ensure_ascii=False)
    if task and task.name == "check":
        return f"{LABEL} The connection works; no model was asked."
    return f"{LABEL} No model was asked: this is the stand-in's reply to any prompt it has no rule for."


def _perform(task: Task, mode: Mode, oracle: Oracle) -> dict[str, Any] | None:
    """The result of a task, None for one without; 400 where its input is not what the rules can work on."""
    try:
        if task.name == "path":
            return recommending.recommend(task.document, invent=mode is Mode.INVENT)
        if task.name == "grade":
            return _grade(task.document, mode, oracle)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # A made-up answer would hide that the prompt and these rules have drifted apart.
        raise invalid(f"{LABEL} task {task.name}: the tutor cannot read its input: {error!r}") from error
    return None


def _grade(document: Mapping[str, Any], mode: Mode, oracle: Oracle) -> dict[str, Any]:
    reading = grading.read_answer(document)
    answer = document["answer"]
    if mode is Mode.GULLIBLE:
        # An order in a language that no rule here reads is made known beforehand: by the oracle's "full".
        reading = grading.obey(reading, answer, is_known_order=oracle.get(_digest(answer)) == "full")
    elif mode is Mode.INVENT:
        reading = grading.invent_evidence(reading)
    elif mode is Mode.CONSTANT:
        reading = grading.with_levels(reading, answer, lambda _: "partial")
    elif mode is Mode.LENIENT:
        reading = grading.with_levels(reading, answer, lambda _: "full")
    elif mode is Mode.ORACLE:
        levels = _known_levels(answer, oracle)
        reading = grading.with_levels(
            reading, answer, lambda one: levels if isinstance(levels, str) else levels.get(one, "none")
        )
    return grading.worded(reading, document)


def _known_levels(answer: str, oracle: Oracle) -> Mapping[str, str] | str:
    digest = _digest(answer)
    if digest not in oracle:
        raise invalid(f"oracle: the quality of answer sha256 {digest} is not known")
    return oracle[digest]


def _digest(answer: str) -> str:
    return hashlib.sha256(answer.encode()).hexdigest()

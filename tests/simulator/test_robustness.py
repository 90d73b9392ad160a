"""Whatever is sent, the answer is a valid one or a refusal: never a crash of the simulator itself."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model_simulator import contract
from model_simulator.answering import answer
from model_simulator.control import Control, Mode, Setting
from model_simulator.errors import ApiError
from model_simulator.tutor import read_oracle
from model_simulator.usage import PromptCache
from tests.texts import any_text

WORDS = st.sampled_from(
    [
        *("type", "text", "role", "user", "content", "format", "schema", "json_schema", "object", "array", "string"),
        *("properties", "items", "anyOf", "allOf", "enum", "const", "$ref", "$defs", "#/$defs/a", "#", "a", "null"),
        *(
            "additionalProperties",
            "minItems",
            "effort",
            "low",
            "cache_control",
            "ephemeral",
            "ttl",
            "5m",
            "tool_result",
        ),
        *("<task>grade</task><input>{}</input>", "<task>path</task>\n<input>{}</input>", "candidates", "answer"),
    ]
)
LEAVES = st.none() | st.booleans() | st.integers(-1, 3) | st.floats(allow_nan=False) | WORDS | any_text(8)
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4), max_leaves=12
)
PARAMETERS = st.dictionaries(st.sampled_from(sorted(contract.CREATE_PARAMETERS)), JSON, max_size=4)
VALID = {"model": "claude-sonnet-5-5", "max_tokens": 500, "messages": [{"role": "user", "content": "x"}]}
WITH_PARAMETERS = PARAMETERS.map(lambda parameters: {**VALID, **parameters})
WITH_SCHEMA = JSON.map(lambda schema: {**VALID, "output_config": {"format": {"type": "json_schema", "schema": schema}}})
WITH_TASK = st.tuples(st.sampled_from(["path", "grade", "check"]), st.dictionaries(WORDS, JSON, max_size=4)).map(
    lambda task: {**VALID, "messages": [{"role": "user", "content": as_task(*task)}]}
)
OFTEN = settings(max_examples=100, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])


def as_task(task: str, document: dict[str, Any]) -> str:
    return f"<task>{task}</task>\n<input>{json.dumps(document)}</input>"


def answered(body: dict[str, Any]) -> None:
    with contextlib.suppress(ApiError):
        contract.check_create(body)
        made = answer(body, Mode.TUTOR, oracle={}, cache=PromptCache())
        assert json.loads(made.payload)["usage"]["output_tokens"] >= 0


def set_up(wanted: Any) -> None:
    for take in (Control(Setting()).put, read_oracle):
        with contextlib.suppress(ApiError):
            take(wanted)


@OFTEN
@given(WITH_PARAMETERS)
def test_any_parameters(body: dict[str, Any]) -> None:
    answered(body)


@OFTEN
@given(WITH_SCHEMA)
def test_any_schema(body: dict[str, Any]) -> None:
    answered(body)


@OFTEN
@given(WITH_TASK)
def test_any_task_input(body: dict[str, Any]) -> None:
    answered(body)


@OFTEN
@given(JSON)
def test_any_setting_and_any_oracle(wanted: Any) -> None:
    set_up(wanted)


@pytest.mark.prove
@settings(OFTEN, max_examples=5000)
@given(WITH_PARAMETERS | WITH_SCHEMA | WITH_TASK, JSON)
def test_any_of_these_at_length(body: dict[str, Any], wanted: Any) -> None:
    answered(body)
    set_up(wanted)

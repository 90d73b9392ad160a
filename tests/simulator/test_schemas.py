"""Any schema the API takes gets an answer that is valid for it."""

import json
from enum import StrEnum
from typing import Any, Literal

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest
from anthropic import AsyncAnthropic, transform_schema
from pydantic import BaseModel, Field

from model_simulator.schema import check_schema, conform, generate
from tests.simulator.running import MODEL, closed_object, text_of


class Mood(StrEnum):
    CALM = "calm"
    MERRY = "merry"


class Leaf(BaseModel):
    kind: Literal["leaf"]
    count: int = Field(ge=1, le=9)
    ratio: float | None
    tags: list[str] = Field(min_length=1, max_length=3)


class Tree(BaseModel):
    mood: Mood
    leaves: list[Leaf]
    either: Leaf | str
    day: str = Field(json_schema_extra={"format": "date"})
    flag: bool
    nothing: None


SCHEMAS: list[dict[str, Any]] = [
    transform_schema(Tree),
    closed_object(),
    closed_object(a={"type": ["string", "null"]}, b={"const": 7}, c={"enum": [None, 1]}),
    closed_object(a={"anyOf": [{"type": "null"}, closed_object(b={"type": "number"})]}),
    {"allOf": [closed_object(a={"type": "integer"})]},
    {"type": "array", "items": {"$ref": "#/$defs/x"}, "$defs": {"x": {"type": "boolean"}}},
    *(
        {"type": "string", "format": name}
        for name in ("date", "date-time", "time", "email", "uuid", "ipv4", "ipv6", "uri")
    ),
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=range(len(SCHEMAS)))
def test_generated_answers_are_valid(schema: dict[str, Any]) -> None:
    check_schema(schema, "schema")
    made = generate(schema)
    jsonschema.validate(made, schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)
    assert conform(made, schema) == made


@pytest.mark.parametrize("schema", SCHEMAS, ids=range(len(SCHEMAS)))
@pytest.mark.parametrize("value", [{}, [], "text", 3, None, True, {"mood": 1, "leaves": [{"kind": "x"}, 4]}])
def test_whatever_is_bent_to_a_schema_is_valid(schema: dict[str, Any], value: Any) -> None:
    jsonschema.validate(conform(value, schema), schema)


async def test_a_prompt_without_a_task_is_answered_by_its_schema(claude: AsyncAnthropic) -> None:
    message = await claude.messages.create(
        model=MODEL,
        max_tokens=900,
        messages=[{"role": "user", "content": "Describe a tree."}],
        output_config={"format": {"type": "json_schema", "schema": transform_schema(Tree)}},
    )
    tree = Tree.model_validate(json.loads(text_of(message)))
    assert tree.mood is Mood.CALM
    assert tree.leaves[0].tags == ["[Simulated] text"]

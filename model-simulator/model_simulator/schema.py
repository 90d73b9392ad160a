"""Structured output without a model: which JSON schemas the API takes, and a valid answer to any of them."""

from collections.abc import Mapping
from typing import Any

from model_simulator.errors import invalid

Json = Any

LABEL = "[Simulated]"

# The API compiles a schema to a grammar and refuses bounds that a grammar cannot hold; callers check those themselves.
REFUSED_KEYWORDS = frozenset(
    {
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "pattern",
        "maxItems",
        "uniqueItems",
        "minProperties",
        "maxProperties",
        "patternProperties",
        "oneOf",
        "not",
        "if",
    }
)
KINDS = frozenset({"object", "array", "string", "integer", "number", "boolean", "null"})
SHAPES: dict[str, type] = {
    "properties": dict,
    "$defs": dict,
    "required": list,
    "enum": list,
    "anyOf": list,
    "allOf": list,
    "format": str,
    "minItems": int,
}
SCALARS: dict[str, Json] = {"integer": 1, "number": 1.0, "boolean": True, "null": None}
FORMATS = {
    "date-time": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "time": "00:00:00Z",
    "duration": "P1D",
    "email": "simulated@example.com",
    "hostname": "example.com",
    "uri": "https://example.com/",
    "ipv4": "127.0.0.1",
    "ipv6": "::1",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def check_schema(schema: Json, place: str) -> None:
    """Refuse (400) a schema the API would not compile: bounds, open objects, references that loop or lead nowhere."""
    _check(schema, place, schema, ())


def _check(schema: Json, place: str, root: Json, references: tuple[str, ...]) -> None:
    if not isinstance(schema, dict):
        raise invalid(f"{place}: Input should be a JSON schema object")
    _check_keywords(schema, place)
    if "$ref" in schema:
        if schema["$ref"] in references:
            raise invalid(f"{place}: recursive schemas are not supported")
        _check(_resolve(schema["$ref"], root, place), place, root, (*references, schema["$ref"]))
        return
    for where, inner in _parts(schema):
        _check(inner, f"{place}.{where}", root, references)


def _check_keywords(schema: Mapping[str, Json], place: str) -> None:
    for keyword, value in schema.items():
        if keyword in REFUSED_KEYWORDS:
            raise invalid(f"{place}: property '{keyword}' is not supported")
        if not isinstance(value, SHAPES.get(keyword, object)) or (keyword in ("enum", "anyOf") and not value):
            raise invalid(f"{place}: property '{keyword}' is not valid JSON schema")
    if any(not isinstance(kind, str) or kind not in KINDS for kind in _types(schema)):
        raise invalid(f"{place}: property 'type' is not one of {', '.join(sorted(KINDS))}")
    if schema.get("minItems", 0) not in (0, 1):
        raise invalid(f"{place}: property 'minItems' may only be 0 or 1")
    if "object" in _types(schema) and schema.get("additionalProperties") is not False:
        raise invalid(f"{place}: for 'object' type, 'additionalProperties' must be explicitly set to false")


def _parts(schema: Mapping[str, Json]) -> list[tuple[str, Json]]:
    """The schemas inside a schema, each with its place."""
    parts = [(f"properties.{name}", inner) for name, inner in schema.get("properties", {}).items()]
    parts += [("items", schema["items"])] if "items" in schema else []
    for keyword in ("anyOf", "allOf"):
        parts += [(f"{keyword}.{index}", inner) for index, inner in enumerate(schema.get(keyword, []))]
    return parts


def _types(schema: Mapping[str, Json]) -> list[str]:
    declared = schema.get("type")
    if isinstance(declared, list):
        return declared
    if declared is None and "properties" in schema:
        return ["object"]
    return [] if declared is None else [declared]


def _resolve(reference: Json, root: Json, place: str) -> Json:
    if not isinstance(reference, str) or not reference.startswith("#"):
        raise invalid(f"{place}: only references into the same schema are supported")
    found = root
    for step in reference.lstrip("#").strip("/").split("/"):
        if step and (not isinstance(found, dict) or step not in found):
            raise invalid(f"{place}: reference {reference} leads nowhere")
        found = found[step] if step else found
    return found


def generate(schema: Json, root: Json | None = None) -> Json:
    """The plainest value that is valid for a schema ``check_schema`` let pass; its texts say they are simulated."""
    root = schema if root is None else root
    schema = _merged(schema, root)
    if "const" in schema or schema.get("enum"):
        return schema["const"] if "const" in schema else schema["enum"][0]
    if schema.get("anyOf"):
        return generate(schema["anyOf"][0], root)
    kinds = _types(schema)
    if "object" in kinds:
        return {name: generate(inner, root) for name, inner in schema.get("properties", {}).items()}
    if "array" in kinds:
        return [generate(schema.get("items", {}), root)]
    scalar = kinds[0] if kinds else "string"
    return SCALARS.get(scalar, FORMATS.get(schema.get("format", ""), f"{LABEL} text"))


def conform(value: Json, schema: Json, root: Json | None = None) -> Json:
    """``value`` bent to the schema: unknown members dropped, what is missing or of another kind generated."""
    root = schema if root is None else root
    schema = _merged(schema, root)
    if schema.get("anyOf"):
        fitting = next((one for one in schema["anyOf"] if conform(value, one, root) == value), schema["anyOf"][0])
        return conform(value, fitting, root)
    if "const" in schema or schema.get("enum"):
        allowed = schema.get("enum", [schema.get("const")])
        return value if value in allowed else generate(schema, root)
    kinds = _types(schema)
    if "object" in kinds and isinstance(value, dict):
        properties = schema.get("properties", {})
        return {
            name: conform(value[name], inner, root) if name in value else generate(inner, root)
            for name, inner in properties.items()
        }
    if "array" in kinds and isinstance(value, list):
        items = [conform(item, schema.get("items", {}), root) for item in value]
        return items if len(items) >= schema.get("minItems", 0) else generate(schema, root)
    return value if not kinds or any(_is_a(value, kind) for kind in kinds) else generate(schema, root)


def _merged(schema: Json, root: Json) -> dict[str, Json]:
    """The schema with its reference followed and its ``allOf`` parts laid into one."""
    merged = dict(_resolve(schema["$ref"], root, "schema")) if "$ref" in schema else dict(schema)
    if "$ref" in merged:
        return _merged(merged, root)
    for part in merged.pop("allOf", []):
        inner = _merged(part, root)
        properties = {**merged.get("properties", {}), **inner.get("properties", {})}
        merged = {**merged, **inner}
        if properties:
            merged["properties"] = properties
    return merged


def _is_a(value: Json, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    python_types: dict[str, tuple[type, ...]] = {
        "string": (str,),
        "integer": (int,),
        "number": (int, float),
        "null": (type(None),),
    }
    return isinstance(value, python_types.get(kind, ()))

"""What is wrong with a member of a course file, in words that its author knows."""

from typing import Any

from pydantic_core import ErrorDetails

ID_RULE = "an id is made of lower case letters and digits, its words joined by single hyphens, as in wild-yeast"
QUOTE_IT = "a text is wanted; put it between quotes, for YAML reads this as {kind}"
SENTENCES = {
    "missing": "{name} is missing",
    "extra_forbidden": "{name} is not known here: it is misspelt, or stands too far left or right",
    "string_type": "a text is wanted",
    "string_too_short": "the text is empty",
    "string_too_long": "at most {max_length} characters are wanted",
    "string_pattern_mismatch": ID_RULE,
    "too_short": "at least {min_length} are wanted, not {actual_length}",
    "int_type": "a whole number is wanted",
    "int_parsing": "a whole number is wanted",
    "int_from_float": "a whole number is wanted",
    "bool_type": "true or false is wanted",
    "bool_parsing": "true or false is wanted",
    "greater_than_equal": "{ge} or more is wanted",
    "less_than_equal": "{le} or less is wanted",
    "literal_error": "one of these is wanted: {expected}",
    "union_tag_invalid": "the type is one of these: {expected_tags}",
    "union_tag_not_found": "type is missing",
    "list_type": "a list is wanted",
    "model_type": "named members are wanted, as in name: value",
    "model_attributes_type": "named members are wanted, as in name: value",
    "date_type": "a day is wanted, written as in 2026-11-22",
    "date_parsing": "a day is wanted, written as in 2026-11-22",
    "date_from_datetime_parsing": "a day is wanted, written as in 2026-11-22",
    "date_from_datetime_inexact": "a day is wanted, written as in 2026-11-22",
    "invalid_key": "a name is wanted; one of digits stands between quotes",
    "value_error": "{error}",
}
ABOUT_A_NAME = {"missing", "extra_forbidden"}
KINDS = {bool: "yes or no", int: "a number", float: "a number"}


def in_plain_words(error: ErrorDetails, data: object) -> str:
    """Where in the file's data a member is wrong, list items by number from 1 and id, and what would be right."""
    steps = list(error["loc"])
    name = str(steps.pop()) if error["type"] in ABOUT_A_NAME else ""
    where = ", ".join(_places(steps, data))
    what = SENTENCES.get(error["type"], error["msg"]).format(name=name, **error.get("ctx", {}))
    kind = KINDS.get(type(error["input"]))
    if error["type"] == "string_type" and kind:
        what = QUOTE_IT.format(kind=kind)
    return f"{where}: {what}" if where else what


def _places(steps: list[str | int], data: Any) -> list[str]:
    """Each step in words: a number as “question 3 (q3)”; the name of a question's type is no step in the file."""
    places: list[str] = []
    for step in steps:
        if isinstance(step, int):
            data = data[step] if isinstance(data, list) else None
            item_id = data.get("id") if isinstance(data, dict) else None
            listed = places.pop() if places else "items"
            places.append(f"{_one_of(listed)} {step + 1}" + (f" ({item_id})" if isinstance(item_id, str) else ""))
        elif isinstance(data, dict) and step in data:
            data = data[step]
            places.append(step)
    return places


def _one_of(names: str) -> str:
    return {"criteria": "criterion", "teaches": "concept", "requires": "concept"}.get(
        names, names.replace("_", " ").removesuffix("s")
    )

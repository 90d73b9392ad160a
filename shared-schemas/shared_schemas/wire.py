"""The ground types of every message."""

from typing import Any

from pydantic import BaseModel, BeforeValidator, ConfigDict


def _without_fraction(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


# Put after the bounds of a strict integer: 89.0 is a whole number of JSON too; "89" and true are none.
WholeNumber = BeforeValidator(_without_fraction)


class Request(BaseModel):
    """What a client sends: an unknown member is an error, so that a typing mistake is never silently ignored."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=False)


class Response(BaseModel):
    """What a service answers: every member is always present."""

    model_config = ConfigDict(frozen=True)

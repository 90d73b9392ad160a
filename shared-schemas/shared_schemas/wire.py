"""The ground types of every message."""

from typing import Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

MOST_MEMBERS = 500  # five times those of the longest quiz that can be answered


def _without_fraction(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def is_overfull(data: Any) -> bool:
    """Whether parsed JSON has more members, at all depths together, than any request needs.

    A refusal can name each member, and to make and name a hundred thousand takes seconds.
    """
    waiting, members = [data], 0
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict | list):
            members += len(value)
            if members > MOST_MEMBERS:
                return True
            waiting += value.values() if isinstance(value, dict) else value
    return False


# Put after the bounds of a strict integer: 89.0 is a whole number of JSON too; "89" and true are none.
WholeNumber = BeforeValidator(_without_fraction)


class Request(BaseModel):
    """What a client sends: an unknown member is an error, so that a typing mistake is never silently ignored."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=False)


class Response(BaseModel):
    """What a service answers: every member is always present."""

    model_config = ConfigDict(frozen=True)

"""The two ground types of every message."""

from pydantic import BaseModel, ConfigDict


class Request(BaseModel):
    """What a client sends: an unknown member is an error, so that a typing mistake is never silently ignored."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=False)


class Response(BaseModel):
    """What a service answers: every member is always present."""

    model_config = ConfigDict(frozen=True)

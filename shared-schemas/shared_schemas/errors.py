"""The one error envelope of every service and of the gateway."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class ErrorBody(BaseModel):
    """``code`` for programs, ``message`` for people, ``details`` for both.

    Some errors of v2 add members of their own (``quota``, ``fallback``); they stand beside these.
    """

    model_config = ConfigDict(extra="allow")

    code: str
    message: str
    details: dict[str, Any] = Field(default_factory=dict)


class ErrorEnvelope(BaseModel):
    """The body of every answer that is not a success."""

    error: ErrorBody

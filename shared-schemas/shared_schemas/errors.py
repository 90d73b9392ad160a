"""The one error envelope of every service and of the gateway."""

import uuid
from collections.abc import Iterable
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


def unreadable_request(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A whole HTTP/1.1 answer, 400 in the envelope and with these headers, to bytes that are no request."""
    body = ErrorEnvelope(error=ErrorBody(code="INVALID_REQUEST", message="The request could not be understood."))
    content = body.model_dump_json().encode()
    lines = [
        b"HTTP/1.1 400 Bad Request",
        *(name + b": " + value for name, value in headers),
        b"content-type: application/json",
        b"content-length: %d" % len(content),
        b"x-request-id: " + uuid.uuid4().hex.encode(),
        b"connection: close",
    ]
    return b"\r\n".join([*lines, b"", content])

"""The error every refusal is made of, and how it looks on the wire."""

from typing import Any

from shared_schemas.errors import ErrorBody, ErrorEnvelope


class ServiceError(Exception):
    """An expected refusal.

    A subclass stands beside the function that raises it and sets `status` and `code`; `details` explains it to
    programs; `extra` holds members that stand beside `details` inside `error`; `headers` go out with the answer.
    """

    status: int = 500
    code: str = "INTERNAL_SERVER_ERROR"
    message: str = "Something went wrong on our side. Please try again."

    def __init__(
        self,
        message: str | None = None,
        *,
        details: dict[str, Any] | None = None,
        extra: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.message = message or self.message
        self.details = details or {}
        self.extra = extra or {}
        self.headers = headers or {}
        super().__init__(self.message)

    def envelope(self) -> dict[str, Any]:
        """The body of the answer: `{"error": {...}}`, ready for JSON."""
        return envelope(self.code, self.message, self.details, **self.extra)


class InvalidRequest(ServiceError):
    """The request is malformed: bad JSON, a missing or wrong member, an impossible value."""

    status = 400
    code = "INVALID_REQUEST"
    message = "The request is not valid."


def envelope(code: str, message: str, details: dict[str, Any] | None = None, **extra: Any) -> dict[str, Any]:
    """The one error envelope as a JSON-ready dictionary; `extra` members stand beside `details`."""
    return ErrorEnvelope(error=ErrorBody(code=code, message=message, details=details or {}, **extra)).model_dump(
        mode="json"
    )

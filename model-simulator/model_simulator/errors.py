"""Errors as the Messages API words them."""

from collections.abc import Mapping
from typing import Any

SPEND_LIMIT_CODE = "enforced_spend_limit_reached"

TYPE_OF_STATUS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


class ApiError(Exception):
    """A refusal that the caller gets as ``status`` with the API's error body.

    ``error_code`` is the machine-readable cause, ``headers`` go out with the answer.
    """

    def __init__(
        self, status: int, message: str, *, error_code: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.error_code = error_code
        self.headers = dict(headers or {})

    def body(self, request_id: str) -> dict[str, Any]:
        """The JSON body: type, message and, where there is one, the code of the cause."""
        default_type = "invalid_request_error" if self.status < 500 else "api_error"  # noqa: PLR2004 - HTTP's own border
        error: dict[str, Any] = {"type": TYPE_OF_STATUS.get(self.status, default_type), "message": self.message}
        if self.error_code:
            error["details"] = {"error_code": self.error_code}
        return {"type": "error", "error": error, "request_id": request_id}


def invalid(message: str) -> ApiError:
    """A 400 that names the parameter and what is wrong with it."""
    return ApiError(400, message)

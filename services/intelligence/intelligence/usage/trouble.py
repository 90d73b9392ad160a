"""A question that got no usable answer: what students hear of it, and what operators do."""

import logging
import time

from intelligence.errors import ServiceError

logger = logging.getLogger(__name__)

DEFAULT_RETRY_AFTER_SECONDS = 30.0
TELL_AGAIN_SECONDS = 60.0
NO_USABLE_ANSWER = "the model at ANTHROPIC_BASE_URL gave no usable answer"
# What an operator has to see to: no student can do anything about it.
OPERATOR_LINES = {
    400: "the model refused a request as malformed: does ANTHROPIC_MODEL know structured output?",
    401: "the model's provider refused the key: check ANTHROPIC_API_KEY",
    402: "the model's provider wants to be paid: check the account behind ANTHROPIC_API_KEY",
    403: "the key may not use this model: check ANTHROPIC_API_KEY and ANTHROPIC_MODEL",
    404: "the model's provider does not know this model: check ANTHROPIC_MODEL and ANTHROPIC_BASE_URL",
    413: "the model's provider refused a request as too large",
    429: "the spend limit of the account behind ANTHROPIC_API_KEY is reached",
}


class ModelUnavailable(ServiceError):
    """The model gave no answer in time. ``told`` says why, to operators only."""

    status = 503
    code = "LLM_SERVICE_UNAVAILABLE"
    message = "The tutor's model is not available at the moment. Your quota is untouched; please try again shortly."
    told = ""

    def __init__(self, retry_after_seconds: float | None = None) -> None:
        self.retry_after_seconds = max(1, round(retry_after_seconds or DEFAULT_RETRY_AFTER_SECONDS))
        super().__init__(
            extra={"retry_after_seconds": self.retry_after_seconds},
            headers={"Retry-After": str(self.retry_after_seconds)},
        )


class ModelAnswerInvalid(ModelUnavailable):
    """The model answered, and again after a correction, with something that can not be used."""


class ModelDeclined(ModelAnswerInvalid):
    """The model refused to answer; the same question would be refused again."""


class Notices:
    """Lines for operators: one a minute for each kind of trouble, however many students it meets."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], float] = {}

    def tell(self, line: str, error_code: str, told: str) -> None:
        """Log what an operator has to know, unless the same was logged just now."""
        now = time.monotonic()
        if now - self._told.get((line, error_code), -TELL_AGAIN_SECONDS) >= TELL_AGAIN_SECONDS:
            self._told[line, error_code] = now
            logger.error("%s (%s)", line, told)

"""Reading the model's answer: valid, or named for what is wrong with it. Pure."""

import re
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from intelligence.llm import Reply

T = TypeVar("T", bound=BaseModel)

NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")  # as JSON writes the one character that PostgreSQL's texts can not hold


class UnusableReply(Exception):
    """A reply that was billed and can not be used. The message says why without quoting it."""

    def __init__(self, error_code: str, problem: str) -> None:
        super().__init__(problem)
        self.error_code = error_code

    @property
    def declined(self) -> bool:
        """Whether the model refused: the same question would be refused again."""
        return self.error_code == "REFUSAL"


def parse(reply: Reply, answer_type: type[T]) -> T:
    """The reply's text as the answer that was asked for; raises UnusableReply."""
    if reply.stop_reason == "refusal":
        raise UnusableReply("REFUSAL", "it was refused")
    if reply.stop_reason == "max_tokens":
        raise UnusableReply("CUT_OFF", "it was longer than allowed and was cut off")
    if reply.text is None:
        raise UnusableReply("MALFORMED_ANSWER", "it held no text")
    if NUL.search(reply.text):
        raise UnusableReply("MALFORMED_ANSWER", "it held a NUL character")
    try:
        return answer_type.model_validate_json(reply.text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the document"
        raise UnusableReply("MALFORMED_ANSWER", f"{place}: {first['type']}") from error

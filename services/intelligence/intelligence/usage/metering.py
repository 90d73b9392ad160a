"""Asking the model with every attempt accounted for: a ledger row before it is sent, the truth about it afterwards.

No transaction is open while the model works. No row, no call.
"""

import asyncio
import logging
import random
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Generic, Literal, NoReturn, TypeVar
from uuid import UUID, uuid4

from pydantic import BaseModel, ValidationError

from intelligence import llm
from intelligence.errors import ServiceError
from intelligence.llm import NoUsableReply, Prompt, ProviderRefused, Reply
from intelligence.settings import get_settings
from intelligence.usage import ledger, pricing
from intelligence.usage.circuit import Circuit
from intelligence.usage.places import Places

logger = logging.getLogger(__name__)

T = TypeVar("T", bound=BaseModel)
CallFeature = Literal["adaptive_path", "assessment", "check"]

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 8.0
SHORTEST_ATTEMPT_SECONDS = 1.0
DEFAULT_RETRY_AFTER_SECONDS = 30


class ModelUnavailable(ServiceError):
    """The model gave no answer in time."""

    status = 503
    code = "LLM_SERVICE_UNAVAILABLE"
    message = "The tutor's model is not available at the moment. Nothing was charged; please try again shortly."

    def __init__(self, retry_after_seconds: float = DEFAULT_RETRY_AFTER_SECONDS) -> None:
        self.retry_after_seconds = max(1, round(retry_after_seconds))
        super().__init__(
            extra={"retry_after_seconds": self.retry_after_seconds},
            headers={"Retry-After": str(self.retry_after_seconds)},
        )


class ModelAnswerInvalid(ModelUnavailable):
    """The model answered, twice, with something that can not be used."""


class ModelDeclined(ModelAnswerInvalid):
    """The model refused to answer; asking again would not help."""


@dataclass(frozen=True)
class Answer(Generic[T]):
    """A usable answer with what all attempts for it came to; `model` is the one that answered."""

    parsed: T
    model: str
    prompt_version: str
    tokens_used: int
    cost_usd: Decimal
    latency_ms: int

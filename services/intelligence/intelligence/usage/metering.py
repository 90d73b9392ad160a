"""Asking the model with every attempt accounted for: a ledger row before it is sent, the truth about it afterwards.

No transaction is open while the model works. No row, no call.
"""

import asyncio
import logging
import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Generic, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel

from intelligence import background, llm
from intelligence.errors import ServiceError
from intelligence.llm import NoUsableReply, Prompt, ProviderRefused, Reply
from intelligence.settings import get_settings
from intelligence.usage import ledger, pricing, replies
from intelligence.usage.circuit import Circuit
from intelligence.usage.ledger import Outcome, Settlement
from intelligence.usage.places import Places
from intelligence.usage.replies import UnusableReply

logger = logging.getLogger(__name__)

T = TypeVar("T", bound=BaseModel)
CallFeature = Literal["adaptive_path", "assessment", "check"]

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 8.0
SHORTEST_ATTEMPT_SECONDS = 1.0
DEFAULT_RETRY_AFTER_SECONDS = 30.0
OVERLOADED = 529
# What an operator has to see to: one line each, for no student can do anything about it.
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
    """The model gave no answer in time."""

    status = 503
    code = "LLM_SERVICE_UNAVAILABLE"
    message = "The tutor's model is not available at the moment. Nothing was counted; please try again shortly."

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


@dataclass(frozen=True)
class Answer(Generic[T]):
    """A usable answer, with what all attempts for it came to. `model` is the one that answered."""

    parsed: T
    model: str
    prompt_version: str
    tokens_used: int
    cost_usd: Decimal
    latency_ms: int

    @property
    def simulated(self) -> bool:
        """Whether the simulator answered: no model was asked, and nobody pays."""
        return self.model.startswith(llm.SIMULATED_MODEL)


async def ask(
    prompt: Prompt[T],
    *,
    feature: CallFeature,
    reservation_id: UUID | None,
    student_id: UUID | None,
    deadline_seconds: float,
    reference_id: UUID | None = None,
) -> Answer[T]:
    """The model's answer within the deadline, retries, one repair and the wait for a place counted in.

    ``student_id``: whose words the prompt holds. ``reference_id``: what a call without a reservation is for.

    Raises ModelUnavailable, ModelAnswerInvalid, ModelDeclined, ServiceBusy, SpendCeilingReached,
    ServiceBudgetExhausted or ReservationClosed. Every attempt is in the ledger, whatever happens.
    """
    if get_settings().model_key is None:
        raise ModelUnavailable
    cause = _Cause(feature, reservation_id=reservation_id, student_id=student_id, reference_id=reference_id)
    asking = _Asking(prompt, cause, deadline=time.monotonic() + deadline_seconds)
    async with _places().taken(wait_seconds=deadline_seconds):
        return await asking.run()


def forget() -> None:
    """Drop what this process knows of the provider and of its own load."""
    _circuit.cache_clear()
    _places.cache_clear()


@lru_cache
def _circuit() -> Circuit:
    return Circuit()


@lru_cache
def _places() -> Places:
    settings = get_settings()
    return Places(running=settings.llm_concurrency, waiting=settings.llm_waiting)


@dataclass(frozen=True)
class _Cause:
    """What the ledger says a question was asked for."""

    feature: CallFeature
    reservation_id: UUID | None
    student_id: UUID | None
    reference_id: UUID | None


class _Asking(Generic[T]):
    """One question until it is answered or given up."""

    def __init__(self, prompt: Prompt[T], cause: _Cause, *, deadline: float) -> None:
        self.prompt = prompt
        self.cause = cause
        self.started = time.monotonic()
        self.deadline = deadline
        self.attempts = 0
        self.failures = 0
        self.repaired = False
        self.tokens = 0
        self.cost = Decimal(0)
        self.model = get_settings().anthropic_model

    async def run(self) -> Answer[T]:
        """Try until there is a usable answer; each branch either waits for the next try or raises."""
        while True:
            if (closed_for := _circuit().open_for()) > 0:
                raise ModelUnavailable(closed_for)
            # After a failed connection, look before leaping: no attempt, no row, no money held for it.
            if _circuit().unreachable and not await llm.is_reachable():
                await self._wait(None)
                continue
            try:
                parsed = await self._attempt()
            except ProviderRefused as refused:
                await self._after_refusal(refused)
            except NoUsableReply as lost:
                _circuit().unreachable = lost.unreachable
                await self._wait(None)
            except UnusableReply as unusable:
                if unusable.declined:
                    raise ModelDeclined from unusable
                if self.repaired:
                    raise ModelAnswerInvalid from unusable
                self.repaired = True
                self.prompt = self.prompt.corrected(str(unusable))
            else:
                return Answer(
                    parsed=parsed,
                    model=self.model,
                    prompt_version=self.prompt.version,
                    tokens_used=self.tokens,
                    cost_usd=self.cost,
                    latency_ms=_milliseconds_since(self.started),
                )

    async def _after_refusal(self, refused: ProviderRefused) -> None:
        if refused.status == OVERLOADED:
            _circuit().overloaded(refused.retry_after)
        else:
            _circuit().answered()
        if not refused.can_try_again:
            line = OPERATOR_LINES.get(refused.status, "the model's provider refused a request")
            logger.error("%s (%s)", line, refused)
            raise ModelUnavailable from refused
        await self._wait(refused.retry_after)

    async def _wait(self, asked_for: float | None) -> None:
        """Sleep before the next try, as long as the provider asks; raises when that is too long or too often."""
        self.failures += 1
        pause = asked_for
        if pause is None:
            pause = min(FIRST_PAUSE_SECONDS * 2 ** (self.failures - 1), LONGEST_PAUSE_SECONDS) * random.uniform(0.75, 1)
        too_late = time.monotonic() + pause + SHORTEST_ATTEMPT_SECONDS > self.deadline
        if self.failures > get_settings().anthropic_max_retries or too_late:
            raise ModelUnavailable(asked_for)
        await asyncio.sleep(pause)

    async def _attempt(self) -> T:
        seconds = min(get_settings().anthropic_timeout, self.deadline - time.monotonic())
        if seconds < SHORTEST_ATTEMPT_SECONDS:  # also the first, when waiting for a place has taken the time
            raise ModelUnavailable
        self.attempts += 1
        price = llm.current_price()
        call = ledger.Call(
            feature=self.cause.feature,
            reference_id=self.cause.reference_id,
            attempt=self.attempts,
            model=price.model,
            prompt_version=self.prompt.version,
            price_version=price.version,
            worst_case_usd=llm.worst_case_usd(self.prompt),
            seconds=seconds,
            request_body=self.prompt.request_body(price.model),
        )
        call_id = await background.finish(
            ledger.open_call(call, reservation_id=self.cause.reservation_id, student_id=self.cause.student_id)
        )
        reply, sent_at = await self._send(call_id, seconds)
        return await self._take(call_id, reply, sent_at, price)

    async def _send(self, call_id: UUID, seconds: float) -> tuple[Reply, float]:
        """The reply and when it was asked for; an attempt that fails is settled before its error goes on."""
        sent_at = time.monotonic()

        async def settle(outcome: Outcome, code: str, request_id: str | None = None) -> None:
            settlement = Settlement(outcome, _milliseconds_since(sent_at), request_id=request_id, error_code=code)
            await background.finish(ledger.settle(call_id, settlement))

        try:
            async with asyncio.timeout(seconds):
                reply = await llm.create(self.prompt, timeout_seconds=seconds)
        except TimeoutError as error:
            await settle("unknown", "TIMEOUT")
            raise NoUsableReply("TIMEOUT") from error
        except ProviderRefused as refused:
            await settle("rejected", refused.error_code, refused.request_id)
            raise
        except NoUsableReply as lost:
            await settle("unknown", lost.error_code, lost.request_id)
            raise
        except BaseException as error:
            await settle("unknown", type(error).__name__)
            raise
        _circuit().answered()
        return reply, sent_at

    async def _take(self, call_id: UUID, reply: Reply, sent_at: float, price: pricing.Price) -> T:
        """The parsed answer. What it cost is settled first, whether it can be used or not."""
        charged = _price_of(reply.model, price)
        cost = pricing.cost(reply.usage, charged)
        self.tokens += reply.usage.prompt_tokens + reply.usage.output_tokens
        self.cost += cost
        self.model = reply.model

        async def settle(outcome: Outcome, error_code: str | None = None) -> None:
            settlement = Settlement(
                outcome,
                latency_ms=_milliseconds_since(sent_at),
                usage=reply.usage,
                cost_usd=cost,
                raw_usage=reply.raw_usage | {"model": reply.model, "price_version": charged.version},
                request_id=reply.request_id,
                error_code=error_code,
                response_text=reply.text,
            )
            await background.finish(ledger.settle(call_id, settlement))

        try:
            parsed = replies.parse(reply, self.prompt.answer_type)
        except UnusableReply as unusable:
            await settle("failed", unusable.error_code)
            raise
        await settle("succeeded")
        return parsed


def _price_of(answered_by: str, asked: pricing.Price) -> pricing.Price:
    """The price of the model that answered, which may be another than the one asked; a simulator's is its model's."""
    answered_by = answered_by.removeprefix(llm.SIMULATED_MODEL)
    if answered_by == asked.model:
        return asked
    try:
        return pricing.price(answered_by, datetime.now(UTC))
    except pricing.UnpricedModel:
        logger.warning("%s, which has no price, answered: priced as %s", answered_by, asked.model)
        return asked


def _milliseconds_since(moment: float) -> int:
    return round((time.monotonic() - moment) * 1000)

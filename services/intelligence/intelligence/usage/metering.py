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
from intelligence.llm import NoUsableReply, Prompt, ProviderRefused, Reply
from intelligence.settings import get_settings
from intelligence.usage import ledger, pricing, replies
from intelligence.usage.circuit import Circuit
from intelligence.usage.ledger import Outcome, Settlement
from intelligence.usage.places import Places
from intelligence.usage.replies import UnusableReply
from intelligence.usage.trouble import (
    NO_USABLE_ANSWER,
    OPERATOR_LINES,
    ModelAnswerInvalid,
    ModelDeclined,
    ModelUnavailable,
)

logger = logging.getLogger(__name__)

T = TypeVar("T", bound=BaseModel)
CallFeature = Literal["adaptive_path", "assessment", "check"]

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 8.0
SHORTEST_ATTEMPT_SECONDS = 1.0
OVERLOADED = 529


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
        self.unknown = Decimal(0)
        self.model = get_settings().anthropic_model
        self.error_code = "CIRCUIT_OPEN"  # as long as no attempt was made
        self.operator_line = NO_USABLE_ANSWER

    async def run(self) -> Answer[T]:
        """The answer; where there is none, operators are told why."""
        try:
            return await self._until_usable()
        except ModelUnavailable as unavailable:
            unavailable.told = (
                f"{self.error_code}, attempts: {self.attempts}, billed: {self.cost:.6f} USD, "
                f"perhaps billed: up to {self.unknown:.6f} USD"
            )
            _circuit().notices.tell(self.operator_line, self.error_code, unavailable.told)
            raise

    async def _until_usable(self) -> Answer[T]:
        """Try until there is a usable answer; each branch either waits for the next try or raises."""
        while True:
            if (closed_for := _circuit().seconds_to_wait()) > 0:
                raise ModelUnavailable(closed_for)
            # After a failed connection, look before leaping: no attempt, no row, no money held for it.
            if _circuit().unreachable and not await llm.is_reachable():
                self.error_code = "CONNECT_FAILED"
                await self._wait(None)
                continue
            try:
                parsed = await self._attempt()
            except ProviderRefused as refused:
                self.error_code = refused.error_code
                await self._after_refusal(refused)
            except NoUsableReply as lost:
                self.error_code = lost.error_code
                self.unknown += llm.worst_case_usd(self.prompt)
                _circuit().lost(unreachable=lost.unreachable)
                await self._wait(None)
            except UnusableReply as unusable:
                self.error_code = unusable.error_code
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
            self.operator_line = OPERATOR_LINES.get(refused.status, NO_USABLE_ANSWER)
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

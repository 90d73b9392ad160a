"""Asking the model with every attempt accounted for, until there is an answer that can be used.

No transaction is open while the model works.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any, Generic, TypeVar, overload

from pydantic import BaseModel

from intelligence import background, llm
from intelligence.database import connection, is_temporary
from intelligence.llm import NoUsableReply, Prompt, ProviderRefused
from intelligence.settings import get_settings
from intelligence.usage import ledger
from intelligence.usage.attempts import Cause, Tally, attempt, milliseconds_since
from intelligence.usage.circuit import provider
from intelligence.usage.ledger import Due
from intelligence.usage.places import Places
from intelligence.usage.replies import UnusableReply
from intelligence.usage.trouble import (
    NO_USABLE_ANSWER,
    OPERATOR_LINES,
    ModelAnswerInvalid,
    ModelDeclined,
    ModelUnavailable,
)

T = TypeVar("T", bound=BaseModel)
R = TypeVar("R")

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 8.0
SHORTEST_ATTEMPT_SECONDS = 1.0
OVERLOADED = 529
KEEPING_SECONDS = 10.0  # how long after the deadline keeping is tried again: then the gateway has given up, too


@dataclass(frozen=True)
class Answer(Generic[R]):
    """A usable answer, or what was made of it, and what all attempts came to. `model` is the one that answered."""

    result: R
    model: str
    prompt_version: str
    tokens_used: int
    cost_usd: Decimal
    latency_ms: int

    @property
    def simulated(self) -> bool:
        """Whether the simulator answered: no model was asked, and nobody pays."""
        return self.model.startswith(llm.SIMULATED_MODEL)


# Makes a result of the model's answer, and writes what is due to the ledger together with it. It may be called again
# after a try that was committed and could not say so.
Keep = Callable[[Answer[T], Due], Awaitable[R]]


@overload
async def ask(prompt: Prompt[T], cause: Cause, *, deadline_seconds: float) -> Answer[T]: ...
@overload
async def ask(prompt: Prompt[T], cause: Cause, *, deadline_seconds: float, keep: Keep[T, R]) -> Answer[R]: ...
async def ask(
    prompt: Prompt[T], cause: Cause, *, deadline_seconds: float, keep: Keep[T, R] | None = None
) -> Answer[Any]:
    """The model's answer within the deadline, retries, one repair and the wait for a place counted in.

    A reservation that is not taken yet is taken with the first attempt, or before anything here waits or refuses.
    ``keep`` writes what the answer was for and, in the same transaction, what is due to the ledger; what it returns
    takes the answer's place.

    Raises what taking the reservation raises, then ModelUnavailable, ModelAnswerInvalid, ModelDeclined, ServiceBusy,
    SpendCeilingReached, ServiceBudgetExhausted or ReservationClosed. Every attempt is in the ledger, whatever happens.
    """
    deadline = time.monotonic() + deadline_seconds
    if cause.reservation_to_take and not (cause.reservation_to_take.switched_on and _at_once()):
        async with connection() as postgres:
            await cause.reservation_to_take.take(postgres)
    if get_settings().model_key is None:
        raise ModelUnavailable
    asking = _Asking(prompt, cause, deadline=deadline)
    async with _places().taken(wait_seconds=deadline - time.monotonic()):
        said, due = await asking.run()
    answer = asking.answer(said)
    if keep is None:
        await background.finish(ledger.settle(due))
        return answer
    return asking.answer(await background.finish(_kept(keep, answer, due, until=deadline + KEEPING_SECONDS)))


def forget() -> None:
    """Drop what this process knows of the provider and of its own load."""
    provider.cache_clear()
    _places.cache_clear()


def _at_once() -> bool:
    """Whether an attempt could be sent now: there is a key, a place is free, and the provider was well."""
    return get_settings().model_key is not None and _places().free_now and provider().is_well


@lru_cache
def _places() -> Places:
    settings = get_settings()
    return Places(running=settings.llm_concurrency, waiting=settings.llm_waiting)


async def _kept(keep: Keep[T, R], answer: Answer[T], due: Due, *, until: float) -> R:
    """What was made of the answer; where that could not be kept, what the answer cost is settled all the same."""

    def again(error: Exception) -> bool:
        return is_temporary(error) and time.monotonic() < until

    try:
        return await ledger.patiently(due, partial(keep, answer, due), again=again)
    except BaseException:
        await ledger.settle(due.unused())
        raise


class _Asking(Generic[T]):
    """One question until it is answered or given up."""

    def __init__(self, prompt: Prompt[T], cause: Cause, *, deadline: float) -> None:
        self.prompt = prompt
        self.cause = cause
        self.started = time.monotonic()
        self.deadline = deadline
        self.tally = Tally(model=get_settings().anthropic_model)
        self.failures = 0
        self.repaired = False
        self.unknown = Decimal(0)
        self.error_code = "CIRCUIT_OPEN"  # as long as no attempt was made
        self.operator_line = NO_USABLE_ANSWER

    def answer(self, result: R) -> Answer[R]:
        """The result with what all attempts came to."""
        return Answer(
            result=result,
            model=self.tally.model,
            prompt_version=self.prompt.version,
            tokens_used=self.tally.tokens,
            cost_usd=self.tally.cost,
            latency_ms=milliseconds_since(self.started),
        )

    async def run(self) -> tuple[T, Due]:
        """The answer and what is due for it; where there is none, operators are told why."""
        try:
            return await self._until_usable()
        except ModelUnavailable as unavailable:
            unavailable.told = (
                f"{self.error_code}, attempts: {self.tally.attempts}, billed: {self.tally.cost:.6f} USD, "
                f"perhaps billed: up to {self.unknown:.6f} USD"
            )
            provider().notices.tell(self.operator_line, self.error_code, unavailable.told)
            raise

    async def _until_usable(self) -> tuple[T, Due]:
        """Try until there is a usable answer; each branch either waits for the next try or raises."""
        while True:
            if (closed_for := provider().seconds_to_wait()) > 0:
                raise ModelUnavailable(closed_for)
            # After a failed connection, look before leaping: no attempt, no row, no money held for it.
            if provider().unreachable and not await llm.is_reachable():
                self.error_code = "CONNECT_FAILED"
                await self._wait(None)
                continue
            try:
                return await self._attempt()
            except ProviderRefused as refused:
                self.error_code = refused.error_code
                await self._after_refusal(refused)
            except NoUsableReply as lost:
                self.error_code = lost.error_code
                self.unknown += llm.worst_case_usd(self.prompt)
                provider().lost(unreachable=lost.unreachable)
                await self._wait(None)
            except UnusableReply as unusable:
                self.error_code = unusable.error_code
                if unusable.declined:
                    raise ModelDeclined from unusable
                if self.repaired:
                    raise ModelAnswerInvalid from unusable
                self.repaired = True
                self.prompt = self.prompt.corrected(str(unusable))

    async def _attempt(self) -> tuple[T, Due]:
        seconds = min(get_settings().anthropic_timeout, self.deadline - time.monotonic())
        if seconds < SHORTEST_ATTEMPT_SECONDS:  # also the first, when waiting for a place has taken the time
            raise ModelUnavailable
        return await attempt(self.prompt, self.cause, self.tally, seconds=seconds)

    async def _after_refusal(self, refused: ProviderRefused) -> None:
        if refused.status == OVERLOADED:
            provider().overloaded(refused.retry_after)
        else:
            provider().answered()
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

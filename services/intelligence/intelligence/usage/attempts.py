"""One attempt: a ledger row, then the call, then what became of it. No row, no call."""

import asyncio
import logging
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel

from intelligence import background, llm
from intelligence.llm import NoUsableReply, Prompt, ProviderRefused, Reply
from intelligence.usage import ledger, pricing, replies
from intelligence.usage.circuit import provider
from intelligence.usage.ledger import Due, Outcome, Settlement
from intelligence.usage.replies import UnusableReply
from intelligence.usage.reservations import Reservation

logger = logging.getLogger(__name__)

T = TypeVar("T", bound=BaseModel)
CallFeature = Literal["adaptive_path", "assessment", "check"]


@dataclass(frozen=True)
class Cause:
    """What the ledger says a question was asked for.

    `reservation`: what pays, or its id. `student_id`: whose words the prompt holds. `reference_id`: what a call without
    a reservation is for.
    """

    feature: CallFeature
    reservation: Reservation | UUID | None = None
    student_id: UUID | None = None
    reference_id: UUID | None = None

    @property
    def reservation_to_take(self) -> Reservation | None:
        """The reservation, while nobody has taken it."""
        wanted = self.reservation
        return wanted if isinstance(wanted, Reservation) and wanted.reservation_id is None else None

    @property
    def reservation_id(self) -> UUID | None:
        """The id of the reservation that has been taken."""
        return self.reservation.reservation_id if isinstance(self.reservation, Reservation) else self.reservation


@dataclass
class Tally:
    """What the attempts at one question came to. `model` is the one that answered last."""

    model: str
    attempts: int = 0
    tokens: int = 0
    cost: Decimal = field(default_factory=Decimal)

    def add(self, reply: Reply, cost: Decimal) -> None:
        """Count an answer, whether it can be used or not."""
        self.tokens += reply.usage.prompt_tokens + reply.usage.output_tokens
        self.cost += cost
        self.model = reply.model


async def attempt(prompt: Prompt[T], cause: Cause, tally: Tally, *, seconds: float) -> tuple[T, Due]:
    """The model's answer to one attempt, and what is due to the ledger for it: the caller has it settled.

    Raises ProviderRefused, NoUsableReply or UnusableReply when there is none, and then it is settled here; or what
    `ledger` raises when it may not be sent.
    """
    tally.attempts += 1
    price = llm.current_price()
    call_id = await _opened(prompt, cause, tally.attempts, seconds, price)
    reply, sent_at = await _send(call_id, prompt, seconds)
    provider().answered()
    charged = _price_of(reply.model, price)
    cost = pricing.cost(reply.usage, charged)
    tally.add(reply, cost)

    def due(outcome: Outcome, error_code: str | None = None) -> Due:
        settlement = Settlement(
            outcome,
            latency_ms=milliseconds_since(sent_at),
            usage=reply.usage,
            cost_usd=cost,
            raw_usage=reply.raw_usage | {"model": reply.model, "price_version": charged.version},
            request_id=reply.request_id,
            error_code=error_code,
            response_text=reply.text,
        )
        return Due(call_id, settlement)

    try:
        answer = replies.parse(reply, prompt.answer_type)
    except UnusableReply as unusable:
        await background.finish(ledger.settle(due("failed", unusable.error_code)))
        raise
    return answer, due("succeeded")


def milliseconds_since(moment: float) -> int:
    """Whole milliseconds since a moment of the monotonic clock."""
    return round((time.monotonic() - moment) * 1000)


async def _opened(prompt: Prompt[T], cause: Cause, number: int, seconds: float, price: pricing.Price) -> UUID:
    """The id of the committed row. When the caller is cancelled meanwhile, nothing is sent and the row is closed."""
    opening = background.start(_open(prompt, cause, number, seconds, price))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        await background.finish(_close_unsent(opening))
        raise


async def _close_unsent(opening: asyncio.Task[UUID]) -> None:
    await asyncio.wait([opening])
    if opening.exception() is None:
        await ledger.settle(Due(opening.result(), Settlement("unknown", latency_ms=0, error_code="NOT_SENT")))


async def _open(prompt: Prompt[T], cause: Cause, number: int, seconds: float, price: pricing.Price) -> UUID:
    call = ledger.Call(
        feature=cause.feature,
        reference_id=cause.reference_id,
        attempt=number,
        model=price.model,
        prompt_version=prompt.version,
        price_version=price.version,
        worst_case_usd=llm.worst_case_usd(prompt),
        seconds=seconds,
        request_body=prompt.request_body(price.model),
    )
    if cause.reservation_to_take:
        return await ledger.reserve_and_open(call, cause.reservation_to_take)
    return await ledger.open_call(call, reservation_id=cause.reservation_id, student_id=cause.student_id)


async def _send(call_id: UUID, prompt: Prompt[T], seconds: float) -> tuple[Reply, float]:
    """The reply and when it was asked for; an attempt that fails is settled before its error goes on."""
    sent_at = time.monotonic()

    async def settle(outcome: Outcome, code: str, request_id: str | None = None) -> None:
        settlement = Settlement(outcome, milliseconds_since(sent_at), request_id=request_id, error_code=code)
        await background.finish(ledger.settle(Due(call_id, settlement)))

    try:
        async with asyncio.timeout(seconds):
            reply = await llm.create(prompt, timeout_seconds=seconds)
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
    return reply, sent_at


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

"""Quota and ceilings admit exactly what they allow: on their first row, through a crash, after a deletion.

Here at the reservation itself, 200 at once on a database that nobody has used yet. Through the whole system and over
HTTP the same stands in tests/e2e/proofs.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy.exc import SQLAlchemyError

from intelligence.errors import ServiceError
from intelligence.usage import ledger, sweeper
from intelligence.usage.ledger import Due, ReservationClosed
from intelligence.usage.service import QuotaExceeded, ServiceBudgetExhausted, SpendCeilingReached
from shared_schemas.claims import Learner, SubscriptionTier
from tests.intelligence.conftest import Configure
from tests.intelligence.proofs.conftest import Ground
from tests.intelligence.test_reservations import CENT, call, close, reserve

# asyncpg leaves the socket of a connection that was cut in mid-handshake to the garbage collector
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
AT_ONCE = 200
ADMITTED = 10
TOO_LITTLE = "0.10"  # dollars: room for ten times a cent
NO_ANSWER = (SQLAlchemyError, OSError, TimeoutError)


@dataclass(frozen=True)
class Limit:
    """A limit that admits ten, how many students run into it together, and how it refuses."""

    settings: Mapping[str, str]
    tier: SubscriptionTier
    students: int
    refusal: type[ServiceError]


QUOTA = Limit({"PREMIUM_ADAPTIVE_PATHS_LIMIT": str(ADMITTED)}, "premium", 1, QuotaExceeded)
STUDENT = Limit({"LLM_STUDENT_MONTHLY_CEILING_USD": TOO_LITTLE}, "pro", 1, SpendCeilingReached)
INSTALLATION = Limit(
    {"LLM_STUDENT_MONTHLY_CEILING_USD": "", "LLM_MONTHLY_CEILING_USD": TOO_LITTLE}, "pro", 20, ServiceBudgetExhausted
)
each_limit = pytest.mark.parametrize(
    "limit", [QUOTA, STUDENT, INSTALLATION], ids=["quota", "student ceiling", "installation ceiling"]
)


class Flood:
    """Many reservations at once, and what became of them."""

    def __init__(self, students: Iterable[Learner]) -> None:
        self.students = list(students)
        self.admitted: set[UUID] = set()
        self.refused_by: set[type[ServiceError]] = set()
        self.unanswered = 0

    async def run(self, *, after: int, then: Callable[[], Awaitable[None]]) -> None:
        """200 at once; ``then`` happens as soon as ``after`` of them have been admitted."""
        reached = asyncio.Event()

        async def one(who: Learner) -> None:
            try:
                self.admitted.add(await reserve(who))
            except ServiceError as refusal:
                self.refused_by.add(type(refusal))
            except NO_ANSWER:
                self.unanswered += 1
            if len(self.admitted) >= after:
                reached.set()

        async def disturb() -> None:
            await reached.wait()
            await then()

        chosen = [self.students[n % len(self.students)] for n in range(AT_ONCE)]
        await asyncio.gather(disturb(), *(one(who) for who in chosen))

    async def run_quietly(self) -> None:
        """200 more, undisturbed."""

        async def nothing() -> None: ...

        await self.run(after=0, then=nothing)


@each_limit
async def test_exactly_ten_of_two_hundred_through_a_crash_on_the_first_row(
    ground: Ground, configure: Configure, limit: Limit
) -> None:
    await configure(**limit.settings)
    flood = Flood([await ground.student(limit.tier) for _ in range(limit.students)])
    assert await ground.value("SELECT count(*) FROM llm_installation_spend") == 0, "this is to be the first row"
    await flood.run(after=ADMITTED // 2, then=ground.crash)
    assert flood.unanswered, "the crash was to hit some of them"
    await flood.run_quietly()
    assert flood.refused_by == {limit.refusal}
    kept = {row["reservation_id"] for row in await ground.rows("SELECT reservation_id FROM llm_reservations")}
    assert len(kept) == ADMITTED
    assert flood.admitted <= kept, "whoever was told yes has a reservation"
    assert await held(ground) == ADMITTED * CENT
    assert await ground.value("SELECT sum(adaptive_paths_used) FROM premium_usage_quotas") == ADMITTED


@pytest.mark.parametrize("spent", [0, 4])
async def test_the_installation_ceiling_holds_after_an_account_is_deleted(
    ground: Ground, configure: Configure, spent: int
) -> None:
    """What a deleted student has cost or may still cost stays spent: a deletion is no refund."""
    await configure(LLM_STUDENT_MONTHLY_CEILING_USD="", LLM_MONTHLY_CEILING_USD=TOO_LITTLE)
    leaver = await ground.student("pro")
    for _ in range(spent):
        reservation_id = await reserve(leaver)
        call_id = await ledger.open_call(call(), reservation_id=reservation_id, student_id=leaver.student_id)
        await ledger.settle(Due(call_id, ledger.Settlement("succeeded", 1, cost_usd=CENT)))
        await close(reservation_id, keep=True)
    await ground.delete(leaver.student_id)
    flood = Flood([await ground.student("pro") for _ in range(20)])
    await flood.run_quietly()
    assert len(flood.admitted) == ADMITTED - spent
    assert flood.refused_by == {ServiceBudgetExhausted}
    assert await ground.value("SELECT sum(spent_usd + held_usd) FROM llm_installation_spend") == ADMITTED * CENT


async def test_an_account_deleted_in_the_middle_of_its_flood_leaves_nothing_held(
    ground: Ground, configure: Configure
) -> None:
    await configure(PREMIUM_ADAPTIVE_PATHS_LIMIT="100", LLM_STUDENT_MONTHLY_CEILING_USD="")
    leaver, other = await ground.student(), await ground.student()
    before = await reserve(other)
    flood = Flood([leaver])
    await flood.run(after=10, then=lambda: ground.delete(leaver.student_id))
    assert 10 <= len(flood.admitted) < AT_ONCE
    for table in ("premium_usage_quotas", "llm_student_spend"):
        owners = await ground.rows(f"SELECT student_id FROM {table}")
        assert {row["student_id"] for row in owners} <= {other.student_id}, table
    with pytest.raises(ReservationClosed):
        await open_for(next(iter(flood.admitted)), leaver)
    await ground.rows("UPDATE llm_reservations SET lease_until = now() WHERE student_id IS NULL")
    await sweeper.sweep_once()
    open_ones = await ground.rows("SELECT reservation_id FROM llm_reservations WHERE state = 'open'")
    assert open_ones == [{"reservation_id": before}]
    assert await held(ground) == CENT


@each_limit
async def test_a_refusal_changes_nothing(ground: Ground, configure: Configure, limit: Limit) -> None:
    await configure(**{name: "0" if value else value for name, value in limit.settings.items()})
    who = await ground.student(limit.tier)
    with pytest.raises(limit.refusal):
        await reserve(who)
    for table in ("premium_usage_quotas", "llm_student_spend", "llm_installation_spend", "llm_reservations"):
        assert await ground.value(f"SELECT count(*) FROM {table}") == 0, table


async def open_for(reservation_id: UUID, who: Learner) -> UUID:
    return await ledger.open_call(call(), reservation_id=reservation_id, student_id=who.student_id)


async def held(ground: Ground) -> Decimal:
    """The installation's holds, after checking that they are the sum of the reservations'."""
    reserved = await ground.value("SELECT sum(held_usd) FROM llm_reservations WHERE state = 'open'")
    total: Decimal = await ground.value("SELECT sum(held_usd) FROM llm_installation_spend")
    assert total == reserved
    return total

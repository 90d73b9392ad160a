"""What is taken in one month is given back to that month, also when the next has begun meanwhile.

The month of every number is what PostgreSQL's function `current_utc_month` says. It is replaced in a database of the
test's own: for everything that works on this database, the month has turned.
"""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from intelligence.database import driver, transaction
from intelligence.usage import ledger, service, sweeper
from intelligence.usage.ledger import Due, Settlement
from tests.conftest import Servers
from tests.intelligence.proofs.conftest import Ground
from tests.intelligence.test_reservations import CENT, call, close, reserve

OLD, NEW = date(2026, 11, 1), date(2026, 12, 1)


@pytest.fixture(scope="session")
def crashing(servers: Servers) -> Servers:
    """Nothing is crashed here: the server of all tests will do."""
    return servers


async def turn_to(ground: Ground, month: date) -> None:
    await ground.rows(
        f"CREATE OR REPLACE FUNCTION current_utc_month() RETURNS date LANGUAGE sql STABLE RETURN date '{month}'"
    )


async def months(ground: Ground) -> dict[date, tuple[Any, ...]]:
    """By month: paths used, then spent, held and unknown dollars."""
    rows = await ground.rows(
        "SELECT month, coalesce(adaptive_paths_used, 0) AS used, spent_usd, held_usd, unknown_usd "
        "FROM llm_student_spend FULL JOIN premium_usage_quotas USING (student_id, month)"
    )
    by_month = {row["month"]: (row["used"], row["spent_usd"], row["held_usd"], row["unknown_usd"]) for row in rows}
    everybody = await ground.rows("SELECT * FROM llm_installation_spend")
    assert {row["month"]: (row["spent_usd"], row["held_usd"], row["unknown_usd"]) for row in everybody} == {
        month: money for month, (_, *rest) in by_month.items() for money in [tuple(rest)]
    }, "with one student, the installation's sums are this student's"
    return by_month


async def test_a_refund_goes_to_the_month_it_was_taken_from(ground: Ground) -> None:
    who = await ground.student()
    await turn_to(ground, OLD)
    kept, returned = await reserve(who), await reserve(who)
    await turn_to(ground, NEW)
    this_month = await reserve(who)
    assert await close(returned, keep=False)
    assert await close(kept, keep=True)
    assert await months(ground) == {OLD: (1, 0, 0, 0), NEW: (1, 0, CENT, 0)}
    assert await close(this_month, keep=False)
    assert not await close(returned, keep=False), "once is enough"
    assert await months(ground) == {OLD: (1, 0, 0, 0), NEW: (0, 0, 0, 0)}
    async with transaction() as session:
        assert (await service.quota_use(await driver(session), who.student_id)).month == NEW


async def test_a_call_made_in_the_new_month_is_paid_there_and_its_unit_goes_back_to_the_old(ground: Ground) -> None:
    who = await ground.student()
    await turn_to(ground, OLD)
    reservation_id = await reserve(who)
    await turn_to(ground, NEW)
    call_id = await ledger.open_call(call(), reservation_id=reservation_id, student_id=who.student_id)
    assert await months(ground) == {OLD: (1, 0, 0, 0), NEW: (0, 0, CENT, 0)}
    await ledger.settle(Due(call_id, Settlement("failed", 1, cost_usd=Decimal("0.004"))))
    assert await close(reservation_id, keep=False)
    assert await months(ground) == {OLD: (0, 0, 0, 0), NEW: (0, Decimal("0.004"), 0, 0)}


async def test_a_call_sent_in_the_old_month_is_settled_there(ground: Ground) -> None:
    who = await ground.student()
    await turn_to(ground, OLD)
    answered, killed = await reserve(who), await reserve(who, lease=0)
    known = await ledger.open_call(call(), reservation_id=answered, student_id=who.student_id)
    await ledger.open_call(call(seconds=-30), reservation_id=killed, student_id=who.student_id)
    await turn_to(ground, NEW)
    await ledger.settle(Due(known, Settlement("succeeded", 1, cost_usd=Decimal("0.003"))))
    assert await close(answered, keep=True)
    await sweeper.sweep_once()
    assert await months(ground) == {OLD: (1, Decimal("0.003"), 0, CENT)}

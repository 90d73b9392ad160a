"""The nightly comparison of every sum: silent over real work, loud over each thing that can be wrong."""

from datetime import date
from decimal import Decimal
from uuid import UUID, uuid4

import asyncpg
import pytest

from intelligence.database import connection, transaction
from intelligence.usage import ledger, self_check
from intelligence.usage.ledger import Call, Due, Settlement
from intelligence.usage.reservations import Reservation, close_reservation
from intelligence.usage.self_check import Sum
from tests.conftest import Database, Servers
from tests.intelligence.conftest import Configure, MakeStudent
from tests.intelligence.support import learner

CENT = Decimal("0.01")


@pytest.fixture(scope="module")
def intelligence_database(servers: Servers) -> Database:
    """Sums over everything need a database of their own."""
    return servers.new_database()


@pytest.fixture(scope="module")
def base_environment(base_environment: dict[str, str], intelligence_database: Database) -> dict[str, str]:
    return base_environment | {"INTELLIGENCE_DATABASE_URL": intelligence_database.intelligence_url}


async def work(student: UUID, *outcomes: str) -> None:
    """One reservation for each outcome: `held`, `open`, `unknown`, `kept` or `released`."""
    for outcome in outcomes:
        async with connection() as postgres:
            reservation_id = await Reservation(learner(student), "adaptive_path", uuid4(), CENT, 60).take(postgres)
        if outcome == "held":
            continue
        call_id = await ledger.open_call(
            Call("adaptive_path", 1, "m", "path.v1", "m@2026", CENT, 30, {}),
            reservation_id=reservation_id,
            student_id=student,
        )
        if outcome == "open":
            continue
        known = Settlement("succeeded", 5, cost_usd=Decimal("0.0037"))
        await ledger.settle(Due(call_id, Settlement("unknown", 5) if outcome == "unknown" else known))
        async with connection() as postgres:
            await close_reservation(postgres, reservation_id, keep=outcome == "kept")


async def sums() -> dict[str, Sum]:
    async with transaction() as session:
        return {one.what: one for one in await self_check.check(session, months=1)}


@pytest.fixture
async def student(configure: Configure, make_student: MakeStudent) -> UUID:
    """One of two students with a bit of everything, beside an operator's check."""
    students = [await make_student() for _ in range(2)]
    for one in students:
        await work(one, "held", "open", "unknown", "kept", "released")
    check = Call("check", 1, "m", "check.v1", "m@2026", CENT, 30, {})
    call_id = await ledger.open_call(check, reservation_id=None, student_id=None)
    await ledger.settle(Due(call_id, Settlement("succeeded", 5, cost_usd=Decimal("0.0001"))))
    return students[0]


async def test_real_work_agrees_with_itself_also_after_an_account_is_gone(
    student: UUID, owner: asyncpg.Connection
) -> None:
    before = await sums()
    await owner.execute("DELETE FROM students WHERE student_id = $1", student)
    after = await sums()
    assert [one for one in (*before.values(), *after.values()) if not one.agrees] == []
    assert after["spent USD of the installation"] == before["spent USD of the installation"]
    for kind in ("spent", "held", "unknown"):
        assert before[f"{kind} USD of each student"].booked > after[f"{kind} USD of each student"].booked > 0
    used = "adaptive paths used by each student"
    assert before[used].booked - after[used].booked == 3, "held, open and kept are gone with the account"
    assert after["calls shown by feature"].booked >= 9


@pytest.mark.parametrize(
    ("damage", "noticed"),
    [
        ("llm_student_spend SET spent_usd = spent_usd {} 0.000000000001", ["spent USD of each student"]),
        ("llm_student_spend SET held_usd = held_usd {} 1", ["held USD of each student"]),
        ("llm_student_spend SET unknown_usd = unknown_usd {} 1", ["unknown USD of each student"]),
        ("llm_installation_spend SET spent_usd = spent_usd {} 1", ["spent USD of the installation"]),
        ("llm_installation_spend SET held_usd = held_usd {} 1", ["held USD of the installation"]),
        ("llm_installation_spend SET unknown_usd = unknown_usd {} 1", ["unknown USD of the installation"]),
        (
            "premium_usage_quotas SET adaptive_paths_used = adaptive_paths_used {} 1",
            ["adaptive paths used by each student"],
        ),
        ("premium_usage_quotas SET assessments_used = assessments_used {} 1", ["assessments used by each student"]),
        (
            "llm_usage_logs SET request_timestamp = request_timestamp {} interval '70 days'",
            [f"{what} shown by {group}" for group in ("feature", "student", "day") for what in ("calls", "USD")],
        ),
        (
            "llm_usage_logs SET worst_case_usd = worst_case_usd {} 1",
            [
                f"{kind} USD of {whose}"
                for kind in ("unknown", "held")
                for whose in ("the installation", "each student")
            ],
        ),
    ],
)
async def test_each_kind_of_damage_is_named(
    student: UUID, owner: asyncpg.Connection, damage: str, noticed: list[str]
) -> None:
    await owner.execute(f"UPDATE {damage.format('+')}")
    found = await sums()
    await owner.execute(f"UPDATE {damage.format('-')}")
    assert sorted(what for what, one in found.items() if not one.agrees) == sorted(noticed)


async def test_two_students_wrong_by_the_same_amount_do_not_make_it_right(
    configure: Configure, make_student: MakeStudent, owner: asyncpg.Connection
) -> None:
    ada, bob = await make_student(), await make_student()
    for one in (ada, bob):
        await work(one, "kept")
    shift = "UPDATE llm_student_spend SET spent_usd = spent_usd + $2 WHERE student_id = $1"
    await owner.execute(shift, ada, Decimal("0.001"))
    await owner.execute(shift, bob, Decimal("-0.001"))
    found = (await sums())["spent USD of each student"]
    await owner.execute(shift, ada, Decimal("-0.001"))
    await owner.execute(shift, bob, Decimal("0.001"))
    assert (found.booked == found.counted, found.differing, found.agrees) == (True, 2, False)


def test_the_table_names_what_differs_and_by_how_many_students() -> None:
    month = date(2026, 11, 1)
    right = Sum(month, "spent USD of the installation", Decimal("0.5"), Decimal("0.500000000000"))
    wrong = Sum(month, "spent USD of each student", Decimal("0.5"), Decimal("0.5"), differing=2)
    lines = self_check.table([right, wrong])
    assert ["DIFFERS" in line for line in lines] == [False, False, True]
    assert "2 students" in lines[2]
    nothing = Sum(month, "held USD of the installation", Decimal(0), Decimal("0E-12"))
    assert self_check.table([nothing])[1].split()[-2:] == ["0", "0.000000000000"]
    assert all(line.startswith("2026-11") for line in lines[1:])

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from tests.conftest import Database, Servers
from tests.intelligence.conftest import Configure, Rows
from tests.intelligence.support import FakeCore

COSTS = "/api/v2/admin/costs"

# student (None: an operator's check), feature, when, tokens cost, outcome
LEDGER: list[tuple[str | None, str, str, str, str]] = [
    ("ada", "adaptive_path", "2026-03-01 00:00:00+00", "0.1", "succeeded"),
    ("ada", "assessment", "2026-03-01 23:59:59.9+00", "0.2", "succeeded"),
    ("ada", "assessment", "2026-03-31 23:59:59.9+00", "0.3", "failed"),
    ("bob", "adaptive_path", "2026-03-15 12:00:00+00", "0.4", "succeeded"),
    ("bob", "adaptive_path", "2026-03-15 12:00:00+00", "0", "rejected"),
    ("bob", "adaptive_path", "2026-03-15 12:00:00+00", "0", "unknown"),
    (None, "check", "2026-03-15 12:00:00+00", "0.01", "succeeded"),
    ("bob", "assessment", "2026-02-28 23:59:59.9+00", "5", "succeeded"),
    ("bob", "assessment", "2026-04-01 00:00:00+00", "7", "succeeded"),
]


@pytest.fixture(scope="module")
def intelligence_database(servers: Servers) -> Database:
    """A database of its own: sums over the whole ledger need an empty one."""
    return servers.new_database()


@pytest.fixture(scope="module")
def base_environment(base_environment: dict[str, str], intelligence_database: Database) -> dict[str, str]:
    return base_environment | {"INTELLIGENCE_DATABASE_URL": intelligence_database.intelligence_url}


@pytest.fixture(scope="module")
async def students(intelligence_database: Database) -> AsyncIterator[dict[str, UUID]]:
    owner = await asyncpg.connect(intelligence_database.owner_url)
    ids = {name: uuid4() for name in ("ada", "bob")}
    for student, student_id in ids.items():
        await owner.execute(
            "INSERT INTO students (student_id, email, password_hash) VALUES ($1, $2, '-')",
            student_id,
            f"{student}@x.org",
        )
    for name, feature, moment, cost, outcome in LEDGER:
        await owner.execute(
            "INSERT INTO llm_usage_logs (student_id, feature, attempt, model, prompt_version, price_version, outcome,"
            " success, cost_usd, worst_case_usd, spend_month, request_timestamp, lease_until) VALUES "
            "($1, $2, 1, 'm', 'p', 'v', $3, $3 = 'succeeded', $4, 0.05, $5::text::timestamptz::date, "
            "$5::text::timestamptz, now())",
            ids.get(name or ""),
            feature,
            outcome,
            Decimal(cost),
            moment,
        )
    yield ids
    await owner.close()


@pytest.fixture
def admin(fake_core: FakeCore, students: dict[str, UUID]) -> dict[str, str]:
    return fake_core.sign_in(uuid4(), "free", role="admin")


async def costs(client: httpx.AsyncClient, admin: dict[str, str], **query: str) -> dict[str, Any]:
    query = {"start_date": "2026-03-01", "end_date": "2026-03-31"} | query
    answer = await client.get(COSTS, params=query, headers=admin)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_both_dates_are_inclusive_and_sums_are_numbers(client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    body = await costs(client, admin)
    assert body["period"] == {"start_date": "2026-03-01", "end_date": "2026-03-31"}
    assert (body["total_cost_usd"], body["total_requests"]) == (1.01, 7)
    assert body["average_cost_per_student"] == 0.5
    assert (body["unknown_requests"], body["unknown_cost_usd"]) == (1, 0.05)
    assert body["breakdown_by_feature"] == [
        {
            "feature": "adaptive_path",
            "total_requests": 4,
            "total_cost_usd": 0.5,
            "average_cost_per_request": 0.125,
        },
        {"feature": "assessment", "total_requests": 2, "total_cost_usd": 0.5, "average_cost_per_request": 0.25},
        {"feature": "check", "total_requests": 1, "total_cost_usd": 0.01, "average_cost_per_request": 0.01},
    ]


async def test_every_breakdown_adds_up_to_the_total(
    client: httpx.AsyncClient, admin: dict[str, str], students: dict[str, UUID]
) -> None:
    for group in ("feature", "student", "day"):
        body = await costs(client, admin, group_by=group)
        parts = body[f"breakdown_by_{group}"]
        assert sum(part["total_requests"] for part in parts) == 7
        assert sum(Decimal(str(part["total_cost_usd"])) for part in parts) == Decimal("1.01")
    by_student = (await costs(client, admin, group_by="student"))["breakdown_by_student"]
    assert [row["student_id"] for row in by_student] == [str(students["ada"]), str(students["bob"]), None]
    by_day = (await costs(client, admin, group_by="day"))["breakdown_by_day"]
    assert [row["day"] for row in by_day] == ["2026-03-01", "2026-03-15", "2026-03-31"]
    assert [row["total_requests"] for row in by_day] == [2, 4, 1]


async def test_alerts_name_students_over_the_threshold_in_a_month(
    client: httpx.AsyncClient, admin: dict[str, str], students: dict[str, UUID]
) -> None:
    body = await costs(client, admin)
    (alert,) = body["alerts"]
    assert alert | {"message": ""} == {
        "type": "COST_THRESHOLD_EXCEEDED",
        "student_id": str(students["ada"]),
        "month": "2026-03",
        "cost_usd": 0.6,
        "threshold_usd": 0.5,
        "message": "",
    }
    assert [user["student_id"] for user in body["top_users_by_cost"]] == [str(students["ada"]), str(students["bob"])]


async def test_a_period_without_calls_is_all_zero(client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    body = await costs(client, admin, start_date="2020-01-01", end_date="2020-01-01")
    assert (body["total_cost_usd"], body["average_cost_per_student"], body["breakdown_by_feature"]) == (0, 0, [])


@pytest.mark.parametrize(
    "query",
    [
        {"start_date": "2026-04-01", "end_date": "2026-03-01"},
        {"start_date": "2026-02-30"},
        {"group_by": "colour"},
        {"end_date": "9999-12-31", "start_date": "10000-01-01"},
    ],
)
async def test_impossible_questions_are_400(
    client: httpx.AsyncClient, admin: dict[str, str], query: dict[str, str]
) -> None:
    answer = await client.get(COSTS, params=query, headers=admin)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "INVALID_REQUEST")


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01"])
async def test_the_ends_of_the_calendar_are_no_error(
    client: httpx.AsyncClient, admin: dict[str, str], day: str
) -> None:
    assert (await costs(client, admin, start_date=day, end_date=day))["total_requests"] == 0


async def test_a_hidden_row_does_not_count(
    client: httpx.AsyncClient, admin: dict[str, str], intelligence_database: Database
) -> None:
    owner = await asyncpg.connect(intelligence_database.owner_url)
    hidden = "UPDATE llm_usage_logs SET deleted_at = {} WHERE feature = 'check'"
    await owner.execute(hidden.format("now()"))
    body = await costs(client, admin)
    await owner.execute(hidden.format("NULL"))
    await owner.close()
    assert body["total_requests"] == 6


async def test_students_may_not_look(client: httpx.AsyncClient, fake_core: FakeCore, students: dict[str, UUID]) -> None:
    for path in (COSTS, f"{COSTS}/summary"):
        answer = await client.get(path, headers=fake_core.sign_in(students["ada"], "pro"))
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "ADMIN_REQUIRED")


async def test_this_month_at_a_glance(
    client: httpx.AsyncClient, admin: dict[str, str], configure: Configure, rows: Rows, students: dict[str, UUID]
) -> None:
    await rows("SELECT add_spend($1, current_utc_month(), 0.25, 0.5, 0.125)", students["ada"])
    body = (await client.get(f"{COSTS}/summary", headers=admin)).json()
    assert (body["spent_usd"], body["held_usd"], body["unknown_usd"], body["ceiling_usd"]) == (0.25, 0.5, 0.125, None)
    assert (body["total_requests"], body["simulated_requests"]) == (0, 0)


async def test_what_nobody_pays_is_told_from_what_is_paid(
    client: httpx.AsyncClient, admin: dict[str, str], intelligence_database: Database
) -> None:
    before = await costs(client, admin)
    assert before["simulated_requests"] == 0
    assert "imulated" not in before["alerts"][0]["message"]
    owner = await asyncpg.connect(intelligence_database.owner_url)
    answered_by = "UPDATE llm_usage_logs SET usage = {} WHERE cost_usd = 0.3"
    await owner.execute(answered_by.format("""'{"model": "simulated-claude-sonnet-5-5"}'"""))
    body = await costs(client, admin)
    await owner.execute(answered_by.format("NULL"))
    await owner.close()
    assert body["simulated_requests"] == 1
    assert "Simulated calls are counted in: nobody pays" in body["alerts"][0]["message"]


async def test_the_export_holds_what_is_kept_and_nobody_elses(
    client: httpx.AsyncClient, fake_core: FakeCore, students: dict[str, UUID]
) -> None:
    ada, bob = await asyncio.gather(
        *(
            client.get("/api/v2/usage/export", headers=fake_core.sign_in(students[name], "free"))
            for name in ("ada", "bob")
        )
    )
    assert ada.status_code == bob.status_code == 200
    assert len(ada.json()["model_calls"]) == 3
    assert {row["student_id"] for row in ada.json()["model_calls"]} == {str(students["ada"])}
    assert len(bob.json()["model_calls"]) == 5

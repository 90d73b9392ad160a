"""Quotas as operators see and change them."""

import asyncio
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from intelligence.database import connection
from intelligence.errors import ServiceError
from intelligence.usage import service
from intelligence.usage.reservations import Reservation
from intelligence.usage.service import QuotaExceeded
from shared_schemas.claims import SubscriptionTier
from tests.conftest import Database, Servers
from tests.intelligence.conftest import Configure, MakeStudent, Rows
from tests.intelligence.support import FakeCore, learner

QUOTAS = "/api/v2/admin/quotas"


@pytest.fixture(scope="module")
def intelligence_database(servers: Servers) -> Database:
    """Everybody near a limit is listed, so nobody else's students may be here."""
    return servers.new_database()


@pytest.fixture(scope="module")
def base_environment(base_environment: dict[str, str], intelligence_database: Database) -> dict[str, str]:
    return base_environment | {"INTELLIGENCE_DATABASE_URL": intelligence_database.intelligence_url}


@pytest.fixture
async def operator(fake_core: FakeCore, make_student: MakeStudent, rows: Rows) -> dict[str, str]:
    await rows("DELETE FROM students")
    return fake_core.sign_in(await make_student(), "free", role="admin")


async def take(
    student: UUID,
    units: int,
    *,
    feature: service.Feature = "adaptive_path",
    tier: SubscriptionTier = "premium",
    worst: str = "0",
) -> list[ServiceError]:
    """Reserve so many units at once; the refusals."""

    async def one() -> ServiceError | None:
        try:
            async with connection() as postgres:
                await Reservation(learner(student, tier), feature, uuid4(), Decimal(worst), 60).take(postgres)
        except ServiceError as refusal:
            return refusal
        return None

    return [refusal for refusal in await asyncio.gather(*(one() for _ in range(units))) if refusal]


async def gift(
    client: httpx.AsyncClient, operator: dict[str, str], student: UUID, units: int, **more: str
) -> httpx.Response:
    body: dict[str, Any] = {"feature": "adaptive_paths", "units": units, "note": "the model was down on Monday"} | more
    return await client.post(f"/api/v2/admin/students/{student}/quota-gift", json=body, headers=operator)


async def test_students_near_a_limit_are_listed_the_nearest_first(
    client: httpx.AsyncClient, operator: dict[str, str], make_student: MakeStudent, configure: Configure
) -> None:
    ids = {name: await make_student() for name in ("far", "paths", "answers", "dollars", "pro")}
    await take(ids["far"], 7)
    await take(ids["paths"], 8)
    await take(ids["answers"], 19, feature="assessment")
    await take(ids["dollars"], 1, worst="2.00")
    await take(ids["pro"], 30, tier="pro")
    body = (await client.get(QUOTAS, headers=operator)).json()
    assert [(one["student_id"], one["near"]) for one in body["students"]] == [
        (str(ids["dollars"]), ["spend"]),
        (str(ids["answers"]), ["assessments"]),
        (str(ids["paths"]), ["adaptive_paths"]),
    ]
    assert body["students"][2]["adaptive_paths"] == {"used": 8, "limit": 10, "gifted": 0}
    assert body["students"][2]["assessments"] == {"used": 0, "limit": None, "gifted": 0}
    assert body["students"][0]["spend"] == {"committed_usd": 2.0, "ceiling_usd": 2.0}
    assert body["pagination"] == {"total": 3, "limit": 20, "offset": 0, "has_more": False}
    page = (await client.get(f"{QUOTAS}?limit=1&offset=1", headers=operator)).json()
    assert [one["student_id"] for one in page["students"]] == [str(ids["answers"])]
    assert page["pagination"]["has_more"]
    await gift(client, operator, ids["paths"], 10)
    assert str(ids["paths"]) not in (await client.get(QUOTAS, headers=operator)).text


async def test_a_gift_raises_the_limit_for_this_month_everywhere(
    client: httpx.AsyncClient, operator: dict[str, str], fake_core: FakeCore, make_student: MakeStudent, rows: Rows
) -> None:
    student = await make_student()
    assert len(await take(student, 11)) == 1
    answer = await gift(client, operator, student, 2)
    assert answer.status_code == 201, answer.text
    given = answer.json()
    assert (given["units"], given["gifted_this_month"], given["feature"]) == (2, 2, "adaptive_paths")
    assert "A free or ended plan stays at 0" in given["effect"]
    quota = await client.get("/api/v2/usage/quota", headers=fake_core.sign_in(student))
    assert quota.json()["adaptive_paths"] | {"reset_date": ""} == {
        "used": 10,
        "limit": 12,
        "remaining": 2,
        "reset_date": "",
    }
    assert quota.json()["assessments"]["limit"] == 20
    assert quota.headers["X-RateLimit-Limit-Paths"] == "12"
    (refusal,) = await take(student, 3)
    assert isinstance(refusal, QuotaExceeded)
    assert (refusal.extra["quota"]["used"], refusal.extra["quota"]["limit"]) == (12, 12)
    pro = await client.get("/api/v2/usage/quota", headers=fake_core.sign_in(student, "pro"))
    free = await client.get("/api/v2/usage/quota", headers=fake_core.sign_in(student, "free"))
    assert (pro.json()["adaptive_paths"]["limit"], free.json()["adaptive_paths"]["limit"]) == (None, 0)
    (audited,) = await rows("SELECT action, note, details FROM operator_actions WHERE student_id = $1", student)
    assert (audited["action"], audited["note"]) == ("quota_gift", "the model was down on Monday")
    export = await client.get("/api/v2/usage/export", headers=fake_core.sign_in(student))
    (exported,) = export.json()["operator_actions"]
    assert exported["details"] == {"feature": "adaptive_paths", "units": 2, "month": given["month"]}
    assert "operator_id" not in exported


async def test_gifts_and_reservations_at_once_add_up(
    client: httpx.AsyncClient, operator: dict[str, str], make_student: MakeStudent, rows: Rows
) -> None:
    student = await make_student()
    gifts = asyncio.gather(*(gift(client, operator, student, 3) for _ in range(5)))
    answers, _ = await asyncio.gather(gifts, take(student, 40))
    assert {answer.status_code for answer in answers} == {201}
    await take(student, 40)
    (row,) = await rows("SELECT * FROM premium_usage_quotas WHERE student_id = $1", student)
    assert (row["adaptive_paths_used"], row["adaptive_paths_gifted"]) == (25, 15)


async def test_one_key_gives_once(
    client: httpx.AsyncClient, operator: dict[str, str], make_student: MakeStudent, rows: Rows
) -> None:
    student = await make_student()
    keyed = operator | {"Idempotency-Key": str(uuid4())}
    answers = await asyncio.gather(*(gift(client, keyed, student, 5) for _ in range(4)))
    assert {(answer.status_code, answer.text) for answer in answers} == {(201, answers[0].text)}
    other = await gift(client, keyed, student, 6)
    assert (other.status_code, other.json()["error"]["code"]) == (409, "IDEMPOTENCY_CONFLICT")
    (row,) = await rows(
        "SELECT adaptive_paths_gifted AS units FROM premium_usage_quotas WHERE student_id = $1", student
    )
    assert row["units"] == 5
    assert len(await rows("SELECT 1 FROM operator_actions WHERE student_id = $1", student)) == 1


async def test_nobody_gives_to_nobody(client: httpx.AsyncClient, operator: dict[str, str]) -> None:
    answer = await gift(client, operator, uuid4(), 1)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "RESOURCE_NOT_FOUND")


@pytest.mark.parametrize(
    "body",
    [
        {"units": 0},
        {"units": 1001},
        {"units": 2.5},
        {"units": "2"},
        {"note": "  "},
        {"note": "a\x00b"},
        {"feature": "check"},
        {"more": 1},
    ],
)
async def test_an_odd_gift_is_refused(
    client: httpx.AsyncClient, operator: dict[str, str], make_student: MakeStudent, body: dict[str, Any]
) -> None:
    wanted = {"feature": "assessments", "units": 1, "note": "because"} | body
    url = f"/api/v2/admin/students/{await make_student()}/quota-gift"
    answer = await client.post(url, json=wanted, headers=operator)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "INVALID_REQUEST")


async def test_students_give_and_see_nothing(
    client: httpx.AsyncClient, fake_core: FakeCore, make_student: MakeStudent
) -> None:
    student = await make_student()
    pro = fake_core.sign_in(student, "pro")
    for answer in (
        await client.get(QUOTAS, headers=pro),
        await gift(client, pro, student, 1),
        await client.post(f"/api/v2/admin/students/{student}/quota-gift", content=b"no json", headers=pro),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "ADMIN_REQUIRED")
        assert answer.json()["error"]["required_role"] == "admin"

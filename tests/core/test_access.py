from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from core.access import service
from core.access.service import Reader
from core.content import PublishedCourse
from shared_schemas.claims import Learner
from tests.core.conftest import SignUp
from tests.core.factories import tiny_course

FUTURE = "2030-01-01T00:00:00Z"
STUDENTS = "/api/v1/admin/students"


def path(student_id: object) -> str:
    return f"{STUDENTS}/{student_id}/subscription"


async def test_access_says_what_is_open_and_what_would_open_the_rest(
    client: httpx.AsyncClient, sign_up: SignUp
) -> None:
    student = await sign_up()
    body = (await client.get("/api/v1/access/check", headers=student.headers)).json()
    assert (body["subscription_tier"], body["expired"]) == ("free", False)
    assert [one["chapter_id"] for one in body["accessible_chapters"]] == ["01-first", "02-second"]
    assert [one["chapter_id"] for one in body["locked_chapters"]] == ["03-third"]
    prices = {plan["plan"]: (plan["monthly_price"], plan["yearly_price"]) for plan in body["plans"]}
    assert prices == {"premium": (9.99, 99.99), "pro": (19.99, None)}


async def test_a_subscription_that_has_ended_is_spoken_of(client: httpx.AsyncClient, sign_up: SignUp) -> None:
    student = await sign_up("premium", expires_at=datetime(2026, 3, 9, 23, 30, tzinfo=UTC))
    words = "Your subscription ended on 9 March 2026 (UTC). Your progress and your results are kept. "
    locked = (await client.get("/api/v1/chapters/03-third", headers=student.headers)).json()["error"]
    assert locked["message"].startswith(words)
    assert locked["details"]["subscription_ended_at"] == "2026-03-09T23:30:00+00:00"
    for name in ("check", "upgrade"):
        answer = (await client.get(f"/api/v1/access/{name}", headers=student.headers)).json()
        assert answer["message"].startswith(words), name
        assert answer["subscription_expires_at"] == "2026-03-09T23:30:00Z"
    account = (await client.get("/api/v1/auth/me", headers=student.headers)).json()
    assert (account["subscription_tier"], account["subscription_expires_at"]) == ("free", "2026-03-09T23:30:00Z")


@pytest.mark.parametrize(("tier", "expires"), [("free", None), ("premium", FUTURE), ("pro", None)])
async def test_nothing_is_said_to_have_ended_that_has_not(
    client: httpx.AsyncClient, sign_up: SignUp, tier: str, expires: str | None
) -> None:
    student = await sign_up(tier, expires_at=datetime.fromisoformat(expires) if expires else None)
    for name in ("check", "upgrade"):
        assert "ended" not in (await client.get(f"/api/v1/access/{name}", headers=student.headers)).text, name
    assert "subscription_ended_at" not in (await client.get("/api/v1/chapters/03-third", headers=student.headers)).text
    account = (await client.get("/api/v1/auth/me", headers=student.headers)).json()
    assert account["subscription_tier"] == tier


async def test_core_promises_no_count_that_another_service_sets(client: httpx.AsyncClient, sign_up: SignUp) -> None:
    student = await sign_up()
    plans = (await client.get("/api/v1/access/upgrade", headers=student.headers)).json()["plans"]
    sold = " ".join(benefit for plan in plans for benefit in plan["benefits"]).lower()
    assert not any(number in sold.split() for number in ("ten", "twenty", "10", "20"))


@pytest.mark.parametrize(
    ("locked", "status", "offer"),
    [
        (0, "Every chapter is open to you.", "Every chapter is open to you. Pro takes the monthly counts away."),
        (1, "1 chapter is part of Premium.", "Premium would add 1 more chapter."),
        (3, "3 chapters are part of Premium.", "Premium would add 3 more chapters."),
    ],
)
def test_what_is_locked_is_counted_in_plain_words(locked: int, status: str, offer: str) -> None:
    written = tiny_course()
    tiers = ["premium"] * locked + ["free"] * (len(written.chapters) - locked)
    pairs = zip(written.course.chapters, tiers, strict=True)
    outlines = [outline.model_copy(update={"access_tier": tier}) for outline, tier in pairs]
    map_of_course = written.course.model_copy(update={"chapters": outlines})
    course = PublishedCourse(map_of_course, written.chapters, written.quizzes, written.keys)
    learner = Learner(
        student_id=uuid4(),
        session_id=uuid4(),
        role="student",
        subscription_tier="free",
        subscription_expires_at=None,
        token_expires_at=datetime.now(UTC),
    )
    reader = Reader("free", "https://course.example/upgrade")
    assert service.status(course, learner=learner, reader=reader).message == status
    assert service.offer(course, learner=learner, reader=reader).message.endswith(offer)


@pytest.mark.parametrize(("tier", "left"), [("free", ["premium", "pro"]), ("premium", ["pro"]), ("pro", [])])
async def test_the_offer_names_the_plans_above(
    client: httpx.AsyncClient, sign_up: SignUp, tier: str, left: list[str]
) -> None:
    student = await sign_up(tier)
    body = (await client.get("/api/v1/access/upgrade", headers=student.headers)).json()
    assert [plan["plan"] for plan in body["plans"]] == left
    assert body["message"]


async def test_an_operator_sets_a_subscription_and_it_is_written_down(
    client: httpx.AsyncClient, owner: asyncpg.Connection, sign_up: SignUp
) -> None:
    admin, student = await sign_up(role="admin"), await sign_up()
    change = {"subscription_tier": "premium", "subscription_expires_at": FUTURE}
    answer = await client.put(path(student.student_id), json=change, headers=admin.headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["subscription_tier"] == "premium"
    locked = "/api/v1/chapters/03-third"
    assert (await client.get(locked, headers=student.headers)).status_code == 200, "without signing in again"
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    await client.put(path(student.student_id), json={**change, "subscription_expires_at": past}, headers=admin.headers)
    assert (await client.get(locked, headers=student.headers)).status_code == 403
    checked = (await client.get("/api/v1/access/check", headers=student.headers)).json()
    assert (checked["subscription_tier"], checked["expired"]) == ("free", True)
    rows = await owner.fetch(
        "SELECT previous_tier, new_tier, changed_by::text FROM subscription_changes WHERE student_id = $1"
        " ORDER BY changed_at",
        student.student_id,
    )
    assert [tuple(row) for row in rows] == [
        ("free", "premium", admin.student_id),
        ("premium", "premium", admin.student_id),
    ]


async def test_an_operator_finds_a_student_by_e_mail(client: httpx.AsyncClient, sign_up: SignUp) -> None:
    admin, student = await sign_up(role="admin"), await sign_up()
    past = "2026-03-09T23:30:00Z"
    for tier, expires in (("pro", None), ("premium", past)):
        change = {"subscription_tier": tier, "subscription_expires_at": expires}
        await client.put(path(student.student_id), json=change, headers=admin.headers)
    answer = await client.get(STUDENTS, params={"email": f" {student.email.upper()}"}, headers=admin.headers)
    assert answer.status_code == 200, answer.text
    [found] = answer.json()["students"]
    assert (found["student_id"], found["email"]) == (student.student_id, student.email)
    tiers = found["subscription_tier"], found["effective_tier"], found["subscription_expires_at"]
    assert tiers == ("premium", "free", past)
    assert found["email_verified"] is False
    assert found["created_at"]
    changes = [(c["previous_tier"], c["new_tier"], c["new_expires_at"]) for c in found["access_changes"]]
    assert changes == [("pro", "premium", past), ("free", "pro", None)]
    assert {c["changed_by"] for c in found["access_changes"]} == {admin.student_id}
    assert "argon2" not in answer.text
    by_id = await client.get(STUDENTS, params={"student_id": student.student_id}, headers=admin.headers)
    assert by_id.json() == answer.json()


async def test_to_find_nobody_is_an_empty_list_and_to_ask_for_nobody_a_mistake(
    client: httpx.AsyncClient, sign_up: SignUp
) -> None:
    admin = await sign_up(role="admin")
    nobody = await client.get(STUDENTS, params={"email": "nobody@example.com"}, headers=admin.headers)
    assert (nobody.status_code, nobody.json()) == (200, {"students": []})
    nobody = await client.get(STUDENTS, params={"student_id": str(uuid4())}, headers=admin.headers)
    assert (nobody.status_code, nobody.json()) == (200, {"students": []})
    both = {"email": "nobody@example.com", "student_id": str(uuid4())}
    for query in (both, {"student_id": "7"}, {}, {"email": ""}, {"email": "x" * 321}, {"email": "nul\0@example.com"}):
        assert (await client.get(STUDENTS, params=query, headers=admin.headers)).status_code == 422, query


async def test_a_student_may_not(client: httpx.AsyncClient, sign_up: SignUp) -> None:
    student = await sign_up()
    answer = await client.put(path(student.student_id), json={"subscription_tier": "pro"}, headers=student.headers)
    assert answer.status_code == 403
    assert answer.json()["error"]["details"] == {"required_role": "admin"}


UNREPRESENTABLE = "9999-12-31T23:59:59-14:00"  # in UTC it is beyond the last year there is


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"subscription_expires_at": None}, "subscription_tier"),
        ({"subscription_tier": "gold", "subscription_expires_at": FUTURE}, "subscription_tier"),
        ({"subscription_tier": "pro", "subscription_expires_at": "2030-01-01T00:00:00"}, "subscription_expires_at"),
        ({"subscription_tier": "pro", "subscription_expires_at": UNREPRESENTABLE}, "subscription_expires_at"),
        ({"subscription_tier": "pro", "subscription_expires_at": 1e300}, "subscription_expires_at"),
        ({"subscription_tier": "pro", "subscription_expires_at": None, "role": "admin"}, "role"),
        ({"subscription_tier": "premium"}, "subscription_expires_at"),
        ({"subscription_tier": "free", "subscription_expires_at": FUTURE}, "subscription_expires_at"),
    ],
)
async def test_a_bad_change_names_its_field(
    client: httpx.AsyncClient, sign_up: SignUp, body: dict[str, Any], field: str
) -> None:
    admin, student = await sign_up(role="admin"), await sign_up()
    answer = await client.put(path(student.student_id), json=body, headers=admin.headers)
    assert answer.status_code == 422, answer.text
    assert [one["field"] for one in answer.json()["error"]["details"]["fields"]] == [field]


async def test_an_unknown_student_is_a_404(client: httpx.AsyncClient, sign_up: SignUp) -> None:
    admin = await sign_up(role="admin")
    change = {"subscription_tier": "pro", "subscription_expires_at": None}
    answer = await client.put(path(uuid4()), json=change, headers=admin.headers)
    assert answer.status_code == 404
    odd = await client.put(path("not-an-id"), json=change, headers=admin.headers)
    assert odd.status_code == 422

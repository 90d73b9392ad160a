import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Any

import asyncpg
import httpx
import pytest

from tests.core.conftest import PASSWORD, SignUp, Student, sign_in

REGISTER, LOGIN, REFRESH = "/api/v1/auth/register", "/api/v1/auth/login", "/api/v1/auth/refresh"


def new_email() -> str:
    return f"someone-{token_hex(6)}@example.com"


async def refresh(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post(REFRESH, json={"refresh_token": token})


async def works(client: httpx.AsyncClient, access_token: str) -> bool:
    headers = {"Authorization": f"Bearer {access_token}"}
    return (await client.get("/api/v1/auth/me", headers=headers)).status_code == 200


async def test_register_answers_as_promised(client: httpx.AsyncClient) -> None:
    email = new_email()
    body = {"email": email, "password": PASSWORD, "full_name": "Ada", "timezone": "Europe/Berlin"}
    answer = await client.post(REGISTER, json=body)
    assert answer.status_code == 201
    assert answer.json().keys() == {"user_id", "email", "full_name", "subscription_tier", "created_at"}
    assert answer.json()["subscription_tier"] == "free"
    again = await client.post(REGISTER, json={**body, "email": email.upper()})
    assert again.status_code == 409
    assert again.json()["error"]["code"] == "DUPLICATE_RESOURCE"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"password": "short"}, "password"),
        ({"password": "SAME@example.com", "email": "same@example.com"}, "password"),
        ({"password": 12345678}, "password"),
        ({"password": "x" * 300}, "password"),
        ({"email": "nobody"}, "email"),
        ({"email": None}, "email"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"timezone": "../../etc/passwd"}, "timezone"),
        ({"timezone": "Factory"}, "timezone"),
        ({"timezone": "localtime"}, "timezone"),
        ({"full_name": "n" * 201}, "full_name"),
        ({"full_name": "nul\0"}, "body"),
        ({"role": "admin"}, "role"),
    ],
)
async def test_a_bad_registration_names_the_field_and_keeps_the_password_to_itself(
    client: httpx.AsyncClient, change: dict[str, Any], field: str
) -> None:
    body = {"email": new_email(), "password": "a password nobody should read", **change}
    answer = await client.post(REGISTER, json=body)
    assert answer.status_code == 422, answer.text
    error = answer.json()["error"]
    assert error["code"] == "VALIDATION_ERROR"
    assert [one["field"] for one in error["details"]["fields"]] == [field]
    assert "nobody should read" not in answer.text


async def test_of_parallel_registrations_one_wins(client: httpx.AsyncClient) -> None:
    body = {"email": new_email(), "password": PASSWORD}
    answers = await asyncio.gather(*(client.post(REGISTER, json=body) for _ in range(8)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 7}


async def test_login_answers_as_promised(client: httpx.AsyncClient, sign_up: SignUp) -> None:
    student = await sign_up("premium", expires_at=datetime.now(UTC) - timedelta(seconds=5))
    answer = await client.post(LOGIN, json={"email": student.email.upper(), "password": PASSWORD})
    body = answer.json()
    assert (body["token_type"], body["expires_in"]) == ("bearer", 3600)
    assert body["user"]["user_id"] == student.student_id
    assert body["user"]["subscription_tier"] == "free", "an expired subscription is worth nothing"


async def test_login_tells_no_account_from_none(client: httpx.AsyncClient, sign_up: SignUp) -> None:
    student = await sign_up()
    wrong = await client.post(LOGIN, json={"email": student.email, "password": "not this one"})
    unknown = await client.post(LOGIN, json={"email": new_email(), "password": "not this one"})
    assert (wrong.status_code, unknown.status_code) == (401, 401)
    assert wrong.json() == unknown.json()


async def test_logout_ends_the_session_at_once(client: httpx.AsyncClient, sign_up: SignUp) -> None:
    student = await sign_up()
    other = await sign_in(client, student.email)
    answer = await client.post("/api/v1/auth/logout", headers=student.headers)
    assert (answer.status_code, answer.content) == (204, b"")
    assert not await works(client, student.access_token)
    assert (await refresh(client, student.refresh_token)).status_code == 401
    assert await works(client, other.access_token), "another device stays signed in"


async def test_a_refresh_token_rotates(client: httpx.AsyncClient, sign_up: SignUp) -> None:
    student = await sign_up()
    first = await refresh(client, student.refresh_token)
    assert first.status_code == 200
    assert first.json()["refresh_token"] != student.refresh_token
    again = await refresh(client, student.refresh_token)
    assert again.json()["refresh_token"] == first.json()["refresh_token"], "within ten seconds: the same successor"
    assert await works(client, again.json()["access_token"])


async def backdate(owner: asyncpg.Connection, student: Student, seconds: int) -> None:
    await owner.execute(
        "UPDATE sessions SET rotated_at = rotated_at - make_interval(secs => $1) WHERE student_id = $2",
        seconds,
        student.student_id,
    )


async def test_the_previous_token_is_worth_nothing_after_ten_seconds(
    client: httpx.AsyncClient, owner: asyncpg.Connection, sign_up: SignUp
) -> None:
    student = await sign_up()
    successor = (await refresh(client, student.refresh_token)).json()
    await backdate(owner, student, 11)
    assert (await refresh(client, student.refresh_token)).status_code == 401
    assert not await works(client, successor["access_token"]), (
        "the family is revoked, although the answer was a refusal"
    )
    assert (await refresh(client, successor["refresh_token"])).status_code == 401


async def test_a_token_two_generations_old_revokes_at_once(client: httpx.AsyncClient, sign_up: SignUp) -> None:
    student = await sign_up()
    second = (await refresh(client, student.refresh_token)).json()
    third = (await refresh(client, second["refresh_token"])).json()
    assert (await refresh(client, student.refresh_token)).status_code == 401
    assert not await works(client, third["access_token"])


async def test_fifty_parallel_refreshes_leave_one_chain(
    client: httpx.AsyncClient, owner: asyncpg.Connection, sign_up: SignUp
) -> None:
    student = await sign_up()
    answers = await asyncio.gather(*(refresh(client, student.refresh_token) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1
    row = await owner.fetchrow("SELECT generation, revoked_at FROM sessions WHERE student_id = $1", student.student_id)
    assert tuple(row) == (1, None)


async def test_an_expired_session_is_not_refreshed(
    client: httpx.AsyncClient, owner: asyncpg.Connection, sign_up: SignUp
) -> None:
    student = await sign_up()
    await owner.execute("UPDATE sessions SET expires_at = now() WHERE student_id = $1", student.student_id)
    assert (await refresh(client, student.refresh_token)).status_code == 401
    assert not await works(client, student.access_token)


async def test_a_refresh_keeps_the_session_for_thirty_days_more(
    client: httpx.AsyncClient, owner: asyncpg.Connection, sign_up: SignUp
) -> None:
    student = await sign_up()
    await owner.execute(
        "UPDATE sessions SET expires_at = now() + interval '1 hour' WHERE student_id = $1", student.student_id
    )
    assert (await refresh(client, student.refresh_token)).status_code == 200
    left = "SELECT expires_at - rotated_at FROM sessions WHERE student_id = $1"
    assert await owner.fetchval(left, student.student_id) == timedelta(days=30)


@pytest.mark.parametrize("token", ["x", "a.b.c", "t\u00f6k\u00ebn", "." * 400])
async def test_what_is_no_refresh_token_is_a_401(client: httpx.AsyncClient, token: str) -> None:
    assert (await refresh(client, token)).status_code == 401


async def test_the_profile_can_change(client: httpx.AsyncClient, sign_up: SignUp) -> None:
    student = await sign_up()
    changed = await client.patch(
        "/api/v1/auth/me", headers=student.headers, json={"full_name": "Grace", "timezone": "Asia/Tokyo"}
    )
    assert (changed.json()["full_name"], changed.json()["timezone"]) == ("Grace", "Asia/Tokyo")
    untouched = await client.patch("/api/v1/auth/me", headers=student.headers, json={"full_name": None})
    assert (untouched.json()["full_name"], untouched.json()["timezone"]) == (None, "Asia/Tokyo")
    assert (await client.get("/api/v1/auth/me", headers=student.headers)).json() == untouched.json()
    refused = await client.patch("/api/v1/auth/me", headers=student.headers, json={"subscription_tier": "pro"})
    assert refused.status_code == 422


@pytest.mark.usefixtures("shipped_hashing")
async def test_no_secret_is_stored_readable(owner: asyncpg.Connection, sign_up: SignUp) -> None:
    student = await sign_up()
    row = await owner.fetchrow("SELECT password_hash FROM students WHERE student_id = $1", student.student_id)
    assert row["password_hash"].startswith("$argon2id$v=19$m=47104,t=1,p=1$")
    sessions = await owner.fetchval(
        "SELECT json_agg(s)::text FROM sessions s WHERE student_id = $1", student.student_id
    )
    assert student.refresh_token.rpartition(".")[2] not in sessions

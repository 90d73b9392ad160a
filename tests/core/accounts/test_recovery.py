import asyncio
from collections import Counter
from typing import Any

import pytest

from core.settings import Settings
from tests.conftest import Database
from tests.core.accounts.conftest import AUTH, House, house_on, new_email
from tests.core.conftest import PASSWORD, sign_in

NEW = "another long enough password"


async def test_an_address_is_confirmed_by_the_mail_of_registration(house: House) -> None:
    student = await house.register()
    profile = await house.client.get(f"{AUTH}/me", headers=student.headers)
    assert profile.json()["email_verified"] is False
    token = await house.smtp.token(student.email, "Confirm")
    assert (await house.post("/email/verify", {"token": token})).status_code == 204
    profile = await house.client.get(f"{AUTH}/me", headers=student.headers)
    assert profile.json()["email_verified"] is True
    again = await house.post("/email/verify", {"token": token})
    assert (again.status_code, again.json()["error"]["code"]) == (401, "UNAUTHORIZED")


async def test_a_refused_registration_mails_nobody(house: House) -> None:
    student = await house.register()
    assert (await house.post("/register", {"email": student.email, "password": PASSWORD})).status_code == 409
    assert (
        await house.owner.fetchval("SELECT count(*) FROM account_mails WHERE student_id = $1", student.student_id) == 1
    )


async def test_a_repeated_registration_mails_once(house: House) -> None:
    body, key = {"email": new_email(), "password": PASSWORD}, {"Idempotency-Key": "the same"}
    first = await house.client.post(f"{AUTH}/register", json=body, headers=key)
    second = await house.client.post(f"{AUTH}/register", json=body, headers=key)
    assert (first.status_code, first.content) == (second.status_code, second.content)
    found = await house.owner.fetchval(
        "SELECT count(*) FROM account_mails JOIN students USING (student_id) WHERE email = $1", body["email"]
    )
    assert found == 1


async def test_verification_can_be_mailed_again_and_one_token_ends_the_others(house: House) -> None:
    student = await house.register()
    first = await house.smtp.token(student.email, "Confirm")
    assert (await house.post("/email/resend", {}, student)).status_code == 202
    second = await house.smtp.token(student.email, "Confirm", 2)
    assert first != second
    assert (await house.post("/email/verify", {"token": first})).status_code == 204
    assert (await house.post("/email/verify", {"token": second})).status_code == 401
    assert (await house.post("/email/resend", {}, student)).status_code == 202
    left = "SELECT count(*) FROM account_mails WHERE student_id = $1 AND kind = 'email_verification'"
    assert await house.owner.fetchval(left, student.student_id) == 0, "a confirmed address gets no mail"


async def test_a_changed_password_ends_every_session_at_once(house: House) -> None:
    student = await house.register()
    other = await sign_in(house.client, student.email)
    wrong = await house.post("/password/change", {"current_password": "not this one", "new_password": NEW}, student)
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (403, "ACCESS_DENIED")
    assert await house.works(student)
    answer = await house.post("/password/change", {"current_password": PASSWORD, "new_password": NEW}, student)
    assert (answer.status_code, answer.content) == (204, b"")
    assert not await house.works(student)
    assert not await house.works(other)
    refreshed = await house.post("/refresh", {"refresh_token": other.refresh_token})
    assert refreshed.status_code == 401
    assert (await house.post("/login", {"email": student.email, "password": PASSWORD})).status_code == 401
    assert await house.works(await sign_in(house.client, student.email, NEW))
    await house.smtp.mail(student.email, "changed")


@pytest.mark.parametrize("password", ["short", "password1", "ILoveYou1", "1234567890"])
async def test_a_weak_new_password_is_refused_and_uses_no_token_up(house: House, password: str) -> None:
    student = await house.register()
    token = await house.forget(student)
    answers = [
        await house.post("/password/change", {"current_password": PASSWORD, "new_password": password}, student),
        await house.post("/password/reset", {"token": token, "new_password": password}),
    ]
    for answer in answers:
        assert answer.status_code == 422
        assert [one["field"] for one in answer.json()["error"]["details"]["fields"]] == ["new_password"]
    assert (await house.post("/password/reset", {"token": token, "new_password": NEW})).status_code == 204


async def test_a_forgotten_password_is_reset_by_mail_once(house: House) -> None:
    student = await house.register()
    early = await house.forget(student)
    token = await house.forget(student, 2)
    assert await house.works(student), "asking for a reset ends nothing"
    assert (await house.post("/password/reset", {"token": token, "new_password": NEW})).status_code == 204
    assert not await house.works(student)
    for used in (token, early):
        assert (await house.post("/password/reset", {"token": used, "new_password": PASSWORD})).status_code == 401
    back = await sign_in(house.client, student.email, NEW)
    profile = await house.client.get(f"{AUTH}/me", headers=back.headers)
    assert profile.json()["email_verified"] is True, "the mail has arrived"
    await house.smtp.mail(student.email, "changed")


async def test_a_change_ends_the_resets_that_were_mailed(house: House) -> None:
    student = await house.register()
    token = await house.forget(student)
    await house.post("/password/change", {"current_password": PASSWORD, "new_password": NEW}, student)
    assert (await house.post("/password/reset", {"token": token, "new_password": PASSWORD})).status_code == 401


async def test_of_parallel_uses_of_a_token_one_wins(house: House) -> None:
    student = await house.register()
    reset = await house.forget(student)
    verification = await house.smtp.token(student.email, "Confirm")
    verified = [house.post("/email/verify", {"token": verification}) for _ in range(12)]
    resets = [house.post("/password/reset", {"token": reset, "new_password": f"{NEW} {n}"}) for n in range(8)]
    answers = await asyncio.gather(*verified, *resets)
    assert Counter(answer.status_code for answer in answers[:12]) == {204: 1, 401: 11}
    assert Counter(answer.status_code for answer in answers[12:]) == {204: 1, 401: 7}


async def test_a_token_runs_out(house: House) -> None:
    student = await house.register()
    reset, verification = await house.forget(student), await house.smtp.token(student.email, "Confirm")
    lifetimes = await house.owner.fetch(
        "SELECT kind, expires_at - created_at AS lifetime FROM account_mails WHERE student_id = $1", student.student_id
    )
    hours = {row["kind"]: row["lifetime"].total_seconds() / 3600 for row in lifetimes}
    assert hours == {"password_reset": 1, "email_verification": 48}
    await house.owner.execute("UPDATE account_mails SET expires_at = now() WHERE student_id = $1", student.student_id)
    assert (await house.post("/password/reset", {"token": reset, "new_password": NEW})).status_code == 401
    assert (await house.post("/email/verify", {"token": verification})).status_code == 401
    await sign_in(house.client, student.email)


async def test_a_token_is_good_for_its_purpose_only(house: House) -> None:
    student = await house.register()
    reset, verification = await house.forget(student), await house.smtp.token(student.email, "Confirm")
    assert (await house.post("/email/verify", {"token": reset})).status_code == 401
    assert (await house.post("/password/reset", {"token": verification, "new_password": NEW})).status_code == 401


async def test_no_token_is_stored(house: House) -> None:
    student = await house.register()
    tokens = [await house.forget(student), await house.smtp.token(student.email, "Confirm")]
    rows = await house.owner.fetchval("SELECT json_agg(m)::text FROM account_mails m")
    assert not any(token in rows or token[-43:] in rows for token in tokens)


@pytest.mark.parametrize(
    ("token", "status"),
    [
        ("x", 401),
        ("A" * 64, 401),
        ("t\u00f6k\u00ebn", 401),
        ("'; DROP TABLE students; --", 401),
        ("../" * 20, 401),
        ("", 422),
        ("A" * 129, 422),
        ("nul\0", 422),
        (None, 422),
        (17, 422),
        (["A" * 64], 422),
    ],
)
async def test_what_is_no_token_is_refused(house: House, token: Any, status: int) -> None:
    for path, body in (("/email/verify", {}), ("/password/reset", {"new_password": NEW})):
        answer = await house.post(path, {"token": token, **body})
        assert answer.status_code == status, answer.text


@pytest.mark.parametrize("path", ["/password/change", "/email/resend"])
async def test_a_stranger_hears_401_before_anything_else(house: House, path: str) -> None:
    assert (await house.client.post(f"{AUTH}{path}", content=b"{")).status_code == 401
    assert (await house.client.request("DELETE", f"{AUTH}/me", content=b"{")).status_code == 401


@pytest.mark.parametrize("email", ["nobody", "x" * 320, "a@b\r\nBcc: c@d.example", "' OR 1=1 --", "\u0130@example.com"])
async def test_forgot_takes_any_text_for_an_address(house: House, email: str) -> None:
    answer = await house.post("/password/forgot", {"email": email})
    assert answer.status_code == 202


async def test_forgot_tells_no_account_from_none(house: House) -> None:
    student = await house.register()
    known = await house.post("/password/forgot", {"email": student.email.upper()})
    nobody = new_email()
    unknown = await house.post("/password/forgot", {"email": nobody})
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content)
    assert set(known.headers) == set(unknown.headers)
    await house.smtp.mail(student.email, "Reset")
    assert house.smtp.to(nobody) == []


async def test_forgot_writes_the_same_for_an_unknown_account(spare_database: Database, settings: Settings) -> None:
    """With nobody sending, the outbox shows what either request wrote: one row, of the same kind."""
    async with house_on(spare_database, settings, mail_poll_seconds=3600) as house:
        student = await house.register()
        seen = []
        for email in (student.email, new_email()):
            before = {row["mail_id"] for row in await house.owner.fetch("SELECT mail_id FROM account_mails")}
            await house.post("/password/forgot", {"email": email})
            rows = await house.owner.fetch("SELECT * FROM account_mails")
            seen.append([row["kind"] for row in rows if row["mail_id"] not in before])
        assert seen == [["password_reset"], ["password_reset"]]

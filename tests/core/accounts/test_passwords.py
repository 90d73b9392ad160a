import asyncio
from contextlib import AsyncExitStack

import pytest

from core.auth import passwords as module
from core.auth.passwords import PLACES_A_THREAD, Passwords, TooManyAtOnce, _common_passwords, what_is_weak
from tests.core.accounts.conftest import House, new_email
from tests.core.conftest import PASSWORD, sign_in


def test_the_list_holds_three_thousand_that_length_does_not_refuse() -> None:
    common = _common_passwords()
    assert len(common) == 3000
    assert all(len(password) >= 8 and password == password.casefold() for password in common)


@pytest.mark.parametrize("password", ["password", "PASSWORD", "12345678", "QwertyUiop", "iloveyou", "\uff50assword"])
async def test_a_common_password_is_refused_however_it_is_written(house: House, password: str) -> None:
    answer = await house.post("/register", {"email": new_email(), "password": password})
    assert answer.status_code == 422
    assert [one["field"] for one in answer.json()["error"]["details"]["fields"]] == ["password"]


@pytest.mark.parametrize(
    "password", ["aaaaaaaa", "ZzZzZzZzZ", "         ", "\u3000" * 9, "Ada.Lovelace", "ada.lovelace "]
)
def test_what_anybody_could_guess_is_refused(password: str) -> None:
    assert what_is_weak(password, email="ada.lovelace@example.com")


async def test_a_length_is_asked_for_in_plain_words(house: House) -> None:
    for password, words in (("short", "Use at least 8 characters."), ("x" * 300, "Use at most 256 characters.")):
        answer = await house.post("/register", {"email": new_email(), "password": password})
        assert answer.json()["error"]["details"]["fields"] == [{"field": "password", "message": words}]


@pytest.mark.parametrize(("old", "new"), [(PASSWORD, PASSWORD), ("caf\u00e9 au lait", "cafe\u0301 au lait")])
async def test_a_password_is_not_changed_to_itself(house: House, old: str, new: str) -> None:
    student = await house.register()
    if old != PASSWORD:
        await house.post("/password/change", {"current_password": PASSWORD, "new_password": old}, student)
        student = await sign_in(house.client, student.email, old)
    answer = await house.post("/password/change", {"current_password": old, "new_password": new}, student)
    assert answer.status_code == 422
    assert [one["field"] for one in answer.json()["error"]["details"]["fields"]] == ["new_password"]
    assert await house.works(student), "nobody is signed out by what was refused"


@pytest.mark.parametrize(
    "password", ["correct horse battery", "\u5bc6\u7801\u5f88\u957f\u5f88\u957f\u7684\u5440", "aB3$dE6&"]
)
def test_others_are_good_enough(password: str) -> None:
    assert what_is_weak(password, email="ada@example.com") is None


async def test_how_an_accent_was_typed_makes_no_difference() -> None:
    passwords = Passwords(1)
    try:
        stored = await passwords.hash("caf\u00e9 au lait")
        assert await passwords.match("cafe\u0301 au lait", stored_hash=stored)
        assert not await passwords.match("cafe au lait", stored_hash=stored)
    finally:
        passwords.close()


async def test_a_crowd_signs_in_a_few_at_a_time() -> None:
    passwords = Passwords(1)
    inside, most = 0, 0

    async def sign_in() -> None:
        nonlocal inside, most
        async with passwords.place():
            inside += 1
            most = max(most, inside)
            await passwords.hash("a long enough password")
            inside -= 1

    try:
        await asyncio.gather(*(sign_in() for _ in range(10)))
    finally:
        passwords.close()
    assert most == PLACES_A_THREAD


async def test_nobody_waits_longer_than_the_gateway_would(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PLACE_SECONDS", 0.05)
    passwords = Passwords(1)
    try:
        async with passwords.place(), passwords.place():
            with pytest.raises(TooManyAtOnce) as refused:
                async with passwords.place():
                    pass
        assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "5"})
        async with passwords.place():
            pass  # whoever gave up has taken no place
    finally:
        passwords.close()


async def test_a_sign_in_without_a_place_is_refused_before_it_costs_a_statement(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PLACE_SECONDS", 0.05)
    student = await house.register()
    tried = "SELECT count(*), sum(extract(epoch FROM drained_at)) FROM throttles"
    before = await house.owner.fetchrow(tried)
    passwords = house.app.state.passwords
    async with AsyncExitStack() as everybody:
        for _ in range(PLACES_A_THREAD * house.settings.password_hash_threads):
            await everybody.enter_async_context(passwords.place())
        answer = await house.post("/login", {"email": student.email, "password": PASSWORD})
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "SERVICE_UNAVAILABLE")
        assert answer.headers["Retry-After"] == "5"
    assert await house.owner.fetchrow(tried) == before
    assert (await house.post("/login", {"email": student.email, "password": PASSWORD})).status_code == 200

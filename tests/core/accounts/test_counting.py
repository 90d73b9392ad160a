"""What counts towards the limits of the sign-in desk, by account and by address, and what does not."""

import httpx

from core.settings import Settings
from tests.conftest import Database
from tests.core.accounts.conftest import AUTH, House, guess, house_on, new_email, statuses
from tests.core.conftest import PASSWORD


async def test_what_succeeds_does_not_count(strict: House) -> None:
    student = await strict.register()
    assert await statuses(guess(strict, student.email, password=PASSWORD), 15) == [200] * 15


async def test_a_right_password_that_is_asked_again_does_not_count(strict: House) -> None:
    student = await strict.register()
    body = {"current_password": PASSWORD, "new_password": PASSWORD}  # right, and then refused: it is no new one
    answers = [await strict.post("/password/change", body, student) for _ in range(15)]
    assert [answer.status_code for answer in answers] == [422] * 15


async def test_guesses_at_the_desk_count_like_those_at_login(strict: House) -> None:
    student = await strict.register()
    body = {"current_password": "not this one", "new_password": "quite another password"}

    async def change() -> httpx.Response:
        return await strict.post("/password/change", body, student)

    async def delete() -> httpx.Response:
        url = f"{AUTH}/me"
        return await strict.client.request("DELETE", url, json={"password": "guess"}, headers=student.headers)

    assert await statuses(change, 5) == [403] * 5
    assert await statuses(delete, 5) == [403] * 5
    assert (await guess(strict, student.email)()).status_code == 429
    assert (await delete()).status_code == 429


async def test_registration_is_counted_by_account_and_by_address(spare_database: Database, settings: Settings) -> None:
    async with house_on(spare_database, settings, sign_in_limits_scale=0.02) as house:  # six an address
        await house.owner.execute("DELETE FROM throttles")

        async def register(email: str) -> int:
            return (await house.post("/register", {"email": email, "password": PASSWORD})).status_code

        email = new_email()
        assert [await register(email), await register(email)] == [201, 429]
        assert [await register(new_email()) for _ in range(5)] == [201] * 4 + [429]


async def test_a_registration_sent_again_under_its_key_is_neither_refused_nor_counted(
    spare_database: Database, settings: Settings
) -> None:
    async with house_on(spare_database, settings, sign_in_limits_scale=0.02) as house:  # one an account, six an address
        await house.owner.execute("DELETE FROM throttles")

        async def register(email: str) -> httpx.Response:
            body = {"email": email, "password": PASSWORD}
            return await house.client.post(f"{AUTH}/register", json=body, headers={"Idempotency-Key": "the same"})

        email = new_email()
        answers = [await register(email) for _ in range(10)]
        assert [answer.status_code for answer in answers] == [201] * 10
        assert len({answer.content for answer in answers}) == 1
        assert [(await register(new_email())).status_code for _ in range(6)] == [201] * 5 + [429]
        assert (await register(email)).status_code == 201, "nobody is refused what was done already"


async def test_a_key_does_not_help_to_guess_a_password(strict: House) -> None:
    email, key = new_email(), {"Idempotency-Key": "easily guessed"}

    async def register(password: str) -> int:
        body = {"email": email, "password": password}
        return (await strict.client.post(f"{AUTH}/register", json=body, headers=key)).status_code

    assert await register(PASSWORD) == 201
    assert [await register(f"a wrong guess {number}") for number in range(10)] == [409] * 10
    assert [await register("another wrong guess"), await register(PASSWORD)] == [429, 429]
    assert (await guess(strict, email, password=PASSWORD)()).status_code == 429, "they count like those at login"


async def test_an_address_asks_for_so_many_mails(spare_database: Database, settings: Settings) -> None:
    async with house_on(spare_database, settings, sign_in_limits_scale=0.1) as house:  # six an address
        await house.owner.execute("DELETE FROM throttles")
        answers = [await house.post("/password/forgot", {"email": new_email()}) for _ in range(7)]
        assert [answer.status_code for answer in answers] == [202] * 6 + [429]

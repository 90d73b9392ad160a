import pytest

from core.auth.passwords import Passwords, _common_passwords, what_is_weak
from tests.core.accounts.conftest import House, new_email


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

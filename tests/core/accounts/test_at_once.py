"""Requests of one account that meet: none holds a connection while it waits, and each hears what is true."""

import asyncio
from collections import Counter
from uuid import UUID

import httpx
import pytest

from core.auth import recovery
from core.auth.desk import Desk
from core.auth.passwords import Passwords
from core.security import Unauthorized
from core.settings import Settings
from tests.conftest import Database
from tests.core.accounts.conftest import AUTH, House, house_on, new_email
from tests.core.conftest import PASSWORD, Student

NEW = "another long enough password"


class Paused(Passwords):
    """Real passwords, but each waits before it is hashed or checked until the test lets it."""

    def __init__(self) -> None:
        super().__init__(1)
        self.asked, self.go_on = asyncio.Event(), asyncio.Event()

    async def hash(self, password: str) -> str:
        await self._wait()
        return await super().hash(password)

    async def match(self, password: str, *, stored_hash: str | None) -> bool:
        await self._wait()
        return await super().match(password, stored_hash=stored_hash)

    async def _wait(self) -> None:
        self.asked.set()
        await self.go_on.wait()


@pytest.mark.parametrize("name", ["register", "login", "change", "reset", "delete"])
async def test_no_connection_is_held_while_a_password_is_hashed(
    spare_database: Database, settings: Settings, name: str
) -> None:
    async with house_on(spare_database, settings, database_pool_size=1) as house:
        student, reader = await house.register(), await house.register()
        token = await house.forget(student)
        calls: dict[str, tuple[str, str, dict[str, str]]] = {
            "register": ("POST", "/register", {"email": new_email(), "password": NEW}),
            "login": ("POST", "/login", {"email": student.email, "password": PASSWORD}),
            "change": ("POST", "/password/change", {"current_password": PASSWORD, "new_password": NEW}),
            "reset": ("POST", "/password/reset", {"token": token, "new_password": NEW}),
            "delete": ("DELETE", "/me", {"password": PASSWORD}),
        }
        method, path, body = calls[name]
        usual, paused = house.app.state.passwords, Paused()
        house.app.state.passwords = paused
        call = asyncio.create_task(house.client.request(method, f"{AUTH}{path}", json=body, headers=student.headers))
        try:
            await asyncio.wait_for(paused.asked.wait(), 10)
            assert await house.works(reader), "the only connection is free"
        finally:
            paused.go_on.set()
            answer: httpx.Response = await call
            house.app.state.passwords = usual
            paused.close()
        assert answer.status_code < 300, answer.text


async def leave(house: House, student: Student) -> httpx.Response:
    return await house.client.request("DELETE", f"{AUTH}/me", json={"password": PASSWORD}, headers=student.headers)


async def test_of_two_changes_at_once_one_wins(house: House) -> None:
    student = await house.register()
    bodies = [{"current_password": PASSWORD, "new_password": f"{NEW} {number}"} for number in range(2)]
    answers = await asyncio.gather(*(house.post("/password/change", body, student) for body in bodies))
    assert sum(answer.status_code == 204 for answer in answers) == 1


async def test_a_login_that_meets_a_change_of_password_starts_no_session(house: House) -> None:
    """The old password was right when it was checked, and is not when the session would start."""
    student = await house.register()
    change = house.owner.transaction()
    await change.start()
    await house.owner.execute("UPDATE students SET password_hash = 'another' WHERE student_id = $1", student.student_id)
    login = asyncio.create_task(house.post("/login", {"email": student.email, "password": PASSWORD}))
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND transactionid = pg_current_xact_id()::xid"
    async with asyncio.timeout(10):
        while not await house.owner.fetchval(waiting):  # noqa: ASYNC110  # PostgreSQL has no event for this
            await asyncio.sleep(0.02)
    await house.owner.execute("UPDATE sessions SET revoked_at = now() WHERE student_id = $1", student.student_id)
    await change.commit()
    assert (await login).status_code == 401
    live = "SELECT count(*) FROM sessions WHERE student_id = $1 AND revoked_at IS NULL"
    assert await house.owner.fetchval(live, student.student_id) == 0


@pytest.mark.parametrize(
    ("overtaking", "status"),
    [
        ("UPDATE students SET password_hash = 'another' WHERE student_id = $1", 403),
        ("DELETE FROM students WHERE student_id = $1", 401),
    ],
)
@pytest.mark.parametrize("leaves", [True, False])
async def test_a_right_password_that_was_overtaken_changes_nothing_and_is_told_why(
    *, house: House, overtaking: str, status: int, leaves: bool
) -> None:
    student = await house.register()
    usual, paused = house.app.state.passwords, Paused()
    house.app.state.passwords = paused
    body = {"current_password": PASSWORD, "new_password": NEW}
    call = asyncio.create_task(leave(house, student) if leaves else house.post("/password/change", body, student))
    try:
        await asyncio.wait_for(paused.asked.wait(), 10)
        await house.owner.execute(overtaking, student.student_id)
    finally:
        paused.go_on.set()
        answer = await call
        house.app.state.passwords = usual
        paused.close()
    assert answer.status_code == status
    kept = await house.owner.fetch("SELECT password_hash FROM students WHERE student_id = $1", student.student_id)
    assert [row["password_hash"] for row in kept] == (["another"] if status == 403 else [])


async def test_of_several_who_erase_an_account_at_once_one_does_and_the_others_are_nobody(house: House) -> None:
    student = await house.register()
    answers = await asyncio.gather(*(leave(house, student) for _ in range(4)))
    assert Counter(answer.status_code for answer in answers) == {204: 1, 401: 3}


async def test_nobody_confirms_the_password_of_an_account_that_is_gone(house: House) -> None:
    student = await house.register()
    assert (await leave(house, student)).status_code == 204
    state = house.app.state
    desk = Desk(state.database, state.passwords, house.settings, "127.0.0.1")
    with pytest.raises(Unauthorized):
        await recovery.confirm_password(desk, student_id=UUID(student.student_id), password=PASSWORD)

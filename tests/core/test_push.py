"""What one process changes the others know within a second: two real processes of core on one database and one Redis.

The promise is on when a request begins: one that begins a second after the commit, or later, is answered by what was
committed. So nothing here depends on how fast the machine is.
"""

import asyncio
import os
import secrets
import signal
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from core.settings import Settings
from devstack.processes import Child
from devstack.servers import valkey
from devstack.services import core
from tests.conftest import Servers, free_plan
from tests.core.conftest import PASSWORD, Student, sign_in

LOCKED = "/api/v1/chapters/03-third"
PUSHES = "FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'core push'"
PREMIUM = "UPDATE students SET subscription_tier = 'premium' WHERE student_id = '{}'"
SIGNED_OUT = "UPDATE sessions SET revoked_at = now() WHERE student_id = '{}'"


@dataclass(frozen=True)
class House:
    """Two processes of core, and what they stand on."""

    doors: list[httpx.AsyncClient]
    redis: Child
    servers: Servers
    database: str

    def sql(self, *statements: str) -> str:
        """Run statements as the superuser, in one transaction."""
        assert self.servers.stack.postgres is not None
        return self.servers.stack.postgres.psql("; ".join(statements), database=self.database)

    async def sign_up(self) -> Student:
        """A free student whom both processes remember."""
        email = f"student-{secrets.token_hex(6)}@example.com"
        made = await self.doors[0].post("/api/v1/auth/register", json={"email": email, "password": PASSWORD})
        assert made.status_code == 201, made.text
        student = await sign_in(self.doors[0], email)
        for _ in range(2):
            assert await self.ask(student, LOCKED) == [403, 403]
        return student

    async def ask(self, student: Student, path: str) -> list[int]:
        answers = await asyncio.gather(*(door.get(path, headers=student.headers) for door in self.doors))
        return [answer.status_code for answer in answers]

    async def both_answer(self, status: int, student: Student, path: str = LOCKED) -> None:
        """Both processes answer so from at most a second on."""
        committed = time.monotonic()
        while True:
            began = time.monotonic()
            found = await self.ask(student, path)
            if found == [status, status]:
                return
            assert began - committed < 1, f"{path} is still answered with {found}"

    async def listening(self) -> None:
        """Both processes are connected to hear of changes."""
        deadline = time.monotonic() + 30
        while self.sql(f"SELECT count(*) {PUSHES} AND query LIKE 'SELECT%'") != "2":
            assert time.monotonic() < deadline, "two push connections"
            await asyncio.sleep(0.05)

    @contextmanager
    def unheard(self) -> Iterator[None]:
        """Nobody answers on the push connections, and nobody closes them: as when a network cable is pulled."""
        pids = [int(pid) for pid in self.sql(f"SELECT pid {PUSHES}").split()]
        assert len(pids) == 2
        try:
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)


@pytest.fixture(scope="module")
async def house(servers: Servers, settings: Settings, state_folder: Path) -> AsyncIterator[House]:
    database = servers.new_database()
    redis_plan = free_plan(state_folder / "push-redis")
    redis = Child(valkey(redis_plan), redis_plan.state / "valkey.log")
    plans = [
        free_plan(
            state_folder / f"push-{name}",
            DATABASE_URL=database.owner_url,
            CORE_DATABASE_URL=database.core_url,
            REDIS_URL=redis_plan.redis_url,
            SIGN_IN_LIMITS_SCALE="1000",
        )
        for name in ("a", "b")
    ]
    same = {"core.JWT_SECRET_KEY": settings.token_secrets[0]}
    same |= {"core.CONTENT_SOURCE": "local", "core.CONTENT_DIRECTORY": str(settings.content_directory)}
    plans = [replace(plan, extra=same) for plan in plans]
    children = [redis, *(Child(core(plan), plan.state / "core.log") for plan in plans)]
    try:
        for child in children:
            child.start()
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda child: child.wait_until_ready(), children))
        urls = [f"http://127.0.0.1:{plan.ports.core}" for plan in plans]
        async with httpx.AsyncClient(base_url=urls[0]) as first, httpx.AsyncClient(base_url=urls[1]) as second:
            house = House([first, second], redis, servers, database.owner_url.rpartition("/")[2])
            await house.listening()
            yield house
    finally:
        for child in reversed(children):
            child.kill()


async def test_an_operator_changes_an_entitlement(house: House) -> None:
    student, operator = await house.sign_up(), await house.sign_up()
    house.sql(f"UPDATE students SET role = 'admin' WHERE student_id = '{operator.student_id}'")
    await house.both_answer(404, operator, "/api/v1/chapters/09-none")
    for tier, status in (("premium", 200), ("free", 403)):
        changed = await house.doors[0].put(
            f"/api/v1/admin/students/{student.student_id}/subscription",
            json={"subscription_tier": tier, "subscription_expires_at": None},
            headers=operator.headers,
        )
        assert changed.status_code == 200, changed.text
        await house.both_answer(status, student)


async def test_a_session_ends_everywhere(house: House) -> None:
    student = await house.sign_up()
    assert (await house.doors[0].post("/api/v1/auth/logout", headers=student.headers)).is_success
    here = await house.doors[0].get(LOCKED, headers=student.headers)
    assert here.status_code == 401, "the process that signed out knows it before it answers"
    await house.both_answer(401, student)


async def test_an_account_is_erased_everywhere(house: House) -> None:
    student = await house.sign_up()
    house.sql(f"DELETE FROM students WHERE student_id = '{student.student_id}'")
    await house.both_answer(401, student)


async def test_progress_is_seen_everywhere(house: House) -> None:
    student = await house.sign_up()
    path = "/api/v1/chapters/01-first"
    tag = (await house.doors[1].get(path, headers=student.headers)).headers["ETag"]
    assert (await house.doors[1].get(path, headers={**student.headers, "If-None-Match": tag})).status_code == 304
    submitted = await house.doors[0].post(
        "/api/v1/quizzes/01-first-quiz/submit", json={"answers": {"q1": "a"}}, headers=student.headers
    )
    assert submitted.status_code == 200, submitted.text
    committed = time.monotonic()
    while True:
        began = time.monotonic()
        answer = await house.doors[1].get(path, headers={**student.headers, "If-None-Match": tag})
        if answer.status_code == 200:
            assert answer.json()["user_progress"]["quiz_score"] == submitted.json()["score"]
            return
        assert began - committed < 1


@pytest.mark.parametrize(("change", "status"), [(PREMIUM, 200), (SIGNED_OUT, 401)])
async def test_the_push_connections_are_lost_at_the_moment_of_the_change(
    house: House, change: str, status: int
) -> None:
    student = await house.sign_up()
    house.sql(f"SELECT pg_terminate_backend(pid) {PUSHES}", change.format(student.student_id))
    await house.both_answer(status, student)
    await house.listening()
    await house.both_answer(status, student)  # what was remembered before the loss is not trusted again


@pytest.mark.parametrize(("change", "status"), [(PREMIUM, 200), (SIGNED_OUT, 401)])
async def test_the_push_connections_fall_silent_before_the_change(house: House, change: str, status: int) -> None:
    student = await house.sign_up()
    with house.unheard():
        house.sql(change.format(student.student_id))
        await house.both_answer(status, student)
    await house.listening()


@pytest.mark.parametrize(("change", "status"), [(PREMIUM, 200), (SIGNED_OUT, 401)])
async def test_redis_dies_at_the_moment_of_the_change(house: House, change: str, status: int) -> None:
    student = await house.sign_up()
    house.redis.kill()
    try:
        house.sql(change.format(student.student_id))
        await house.both_answer(status, student)
    finally:
        house.redis.start()
        house.redis.wait_until_ready()

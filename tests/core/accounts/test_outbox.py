import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from core.auth import mails
from core.auth.outbox import CLAIM, LEASE, Outbox, pause_after
from core.auth.single_use import mint
from core.database import Database
from core.mail import SEND_SECONDS, Mailer
from core.settings import Settings
from tests.conftest import Database as Addresses
from tests.conftest import Servers
from tests.core.accounts.smtp import MailServer, mail_server, token_in


@dataclass
class Post:
    """An outbox that nobody empties but the test, and its mail server."""

    addresses: Addresses
    settings: Settings
    smtp: MailServer
    database: Database
    owner: asyncpg.Connection
    outbox: Outbox

    async def write(self, kind: mails.Kind = "password_reset", *, email: str = "ada@example.com") -> UUID:
        student_id: UUID = await self.owner.fetchval(
            """INSERT INTO students (email, password_hash, full_name) VALUES ($1, '', 'Visit http://bad.example')
               ON CONFLICT (lower(email)) DO UPDATE SET email = excluded.email RETURNING student_id""",
            email,
        )
        async with self.database.transaction() as session:
            await mails.post(session, kind=kind, student_id=student_id)
        return student_id

    async def rows(self) -> list[dict[str, Any]]:
        query = "SELECT *, due_at - now() AS wait FROM account_mails ORDER BY created_at"
        return [dict(row) for row in await self.owner.fetch(query)]

    def with_settings(self, **changes: Any) -> Outbox:
        settings = Settings.model_validate({**self.settings.model_dump(), **changes})
        return Outbox(self.database, Mailer(settings), settings=settings)


@pytest.fixture(scope="module")
def addresses(servers: Servers) -> Addresses:
    return servers.new_database()


@pytest.fixture
async def post(addresses: Addresses, settings: Settings) -> AsyncIterator[Post]:
    async with AsyncExitStack() as stack:
        smtp = await stack.enter_async_context(mail_server())
        to_smtp = {"smtp_server": "127.0.0.1", "smtp_port": smtp.port, "smtp_from": "course@example.org"}
        own = Settings.model_validate({**settings.model_dump(), **to_smtp})
        database = Database(addresses.core_url, pool_size=2)
        stack.push_async_callback(database.close)
        owner = await asyncpg.connect(addresses.owner_url)
        stack.push_async_callback(owner.close)
        await owner.execute("TRUNCATE account_mails")
        yield Post(addresses, own, smtp, database, owner, Outbox(database, Mailer(own), settings=own))


@pytest.fixture
def written() -> Iterator[list[str]]:
    """What core.mail and the outbox log."""
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    handler, loggers = Keep(), [logging.getLogger(name) for name in ("core.mail", "core.auth.outbox")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    yield lines
    for logger, level in zip(loggers, before, strict=True):
        logger.removeHandler(handler)
        logger.setLevel(level)


async def test_a_mail_says_what_it_should(post: Post) -> None:
    await post.write()
    assert await post.outbox.deliver_one()
    [mail] = post.smtp.mails
    assert (mail["From"], mail["To"]) == ("course@example.org", "ada@example.com")
    assert mail["Subject"] == "Course Companion: Reset your password"
    [row] = await post.rows()
    assert mail["Message-ID"] == f"<{row['mail_id']}@course.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert len(token_in(mail)) == 64
    assert f"{row['expires_at']:%Y-%m-%d %H:%M} UTC" in mail.get_content()
    assert "bad.example" not in str(mail), "who registers somebody else's address writes nothing into their mail"


async def test_a_mail_is_sent_once_and_then_only_its_right_is_kept(post: Post) -> None:
    await post.write("password_reset")
    await post.write("password_changed")
    assert [await post.outbox.deliver_one() for _ in range(3)] == [True, True, False]
    assert [(row["kind"], row["sent_at"] is not None) for row in await post.rows()] == [("password_reset", True)]
    assert len(post.smtp.mails) == 2


async def test_three_processes_send_each_mail_once(post: Post) -> None:
    for number in range(30):
        await post.write(email=f"student-{number}@example.com")
    databases = [Database(post.addresses.core_url, pool_size=2) for _ in range(3)]

    async def work(database: Database) -> None:
        outbox = Outbox(database, Mailer(post.settings), settings=post.settings)
        while await outbox.deliver_one():
            pass

    await asyncio.gather(*map(work, databases))
    for database in databases:
        await database.close()
    assert Counter(mail["To"] for mail in post.smtp.mails) == {f"student-{n}@example.com": 1 for n in range(30)}


async def test_what_is_not_committed_is_not_sent(post: Post) -> None:
    class Undone(Exception):
        pass

    student_id = await post.write()
    await post.owner.execute("DELETE FROM account_mails")
    with contextlib.suppress(Undone):
        async with post.database.transaction() as session:
            await mails.post(session, kind="password_reset", student_id=student_id)
            assert not await post.outbox.deliver_one()
            raise Undone
    assert not await post.outbox.deliver_one()
    assert post.smtp.mails == []


async def test_a_server_that_will_not_take_it_now_is_asked_again_later(post: Post) -> None:
    await post.write()
    post.smtp.fail = 2
    for seconds in (15, 30):
        assert not await post.outbox.deliver_one(), "the others wait as well"
        [row] = await post.rows()
        assert abs(row["wait"] - timedelta(seconds=seconds)) < timedelta(seconds=5)
        assert not await post.outbox.deliver_one(), "it is not due"
        await post.owner.execute("UPDATE account_mails SET due_at = now()")
    assert await post.outbox.deliver_one()
    assert len(post.smtp.mails) == 1


async def test_a_server_that_is_not_there_loses_nothing(post: Post) -> None:
    await post.write()
    assert not await post.with_settings(smtp_port=1).deliver_one()
    await post.owner.execute("UPDATE account_mails SET due_at = now()")
    assert await post.outbox.deliver_one()
    assert len(post.smtp.mails) == 1


async def test_a_recipient_refused_for_good_is_given_up(post: Post) -> None:
    await post.write(email="gone@example.com")
    await post.write(email="here@example.com")
    post.smtp.refuse = {"gone@example.com"}
    assert [await post.outbox.deliver_one() for _ in range(3)] == [True, True, False]
    assert [mail["To"] for mail in post.smtp.mails] == ["here@example.com"]
    assert len(await post.rows()) == 1


async def test_a_dead_process_keeps_a_mail_no_longer_than_its_lease(post: Post) -> None:
    await post.write()
    async with post.database.transaction() as session:
        await session.execute(CLAIM, {"lease": LEASE})  # and here the process dies
    assert not await post.outbox.deliver_one()
    [row] = await post.rows()
    assert row["wait"] > timedelta(seconds=SEND_SECONDS), "nobody else takes what may still be under way"
    await post.owner.execute("UPDATE account_mails SET due_at = due_at - $1::interval", LEASE)
    assert await post.outbox.deliver_one()
    assert len(post.smtp.mails) == 1


async def test_mail_for_nobody_is_thrown_away(post: Post) -> None:
    async with post.database.transaction() as session:
        await mails.post(session, kind="password_reset", student_id=None)
    assert await post.outbox.deliver_one()
    assert (await post.rows(), post.smtp.commands) == ([], [])


async def test_what_has_run_out_is_not_sent_but_reported(post: Post, written: list[str]) -> None:
    await post.write()
    await post.owner.execute("UPDATE account_mails SET expires_at = now()")
    assert not await post.outbox.deliver_one()
    await post.outbox._clean()
    assert await post.rows() == []
    assert [line for line in written if line.startswith("1 mails ran out")]


async def test_what_is_old_and_of_no_use_is_cleared_away_and_the_rest_stays(post: Post) -> None:
    student = await post.write()
    for age in ("1 hour", "2 days"):
        await post.owner.execute(
            f"INSERT INTO core_idempotency_keys VALUES ('{age}', 'k', NULL, 'd', 200, '', now() - interval '{age}')"
        )
        await post.owner.execute(
            f"INSERT INTO sessions (student_id, expires_at) VALUES ($1, now() + interval '1 day' - interval '{age}')",
            student,
        )
        for name in ("let in", "never"):
            await post.owner.execute(
                f"""INSERT INTO oauth_clients (client_id, redirect_uris, created_at)
                    VALUES ('{name} {age}', '{{com.example:/}}', now() - interval '{age}')"""
            )
        await post.owner.execute(f"INSERT INTO oauth_consents VALUES ($1, 'let in {age}', 'learn')", student)
    before = await post.owner.fetchval("SELECT count(*) FROM sessions")
    await post.outbox._clean()
    assert await post.owner.fetchval("SELECT array_agg(owner) FROM core_idempotency_keys") == ["1 hour"]
    assert await post.owner.fetchval("SELECT count(*) FROM sessions") == before - 1
    clients = await post.owner.fetch("SELECT client_id FROM oauth_clients WHERE redirect_uris = '{com.example:/}'")
    assert {row["client_id"] for row in clients} == {"let in 1 hour", "let in 2 days", "never 1 hour"}


@pytest.mark.parametrize("environment", ["development", "production"])
async def test_without_a_server_mail_is_written_to_the_log(post: Post, written: list[str], environment: str) -> None:
    await post.write()
    assert await post.with_settings(smtp_server=None, environment=environment).deliver_one()
    [row] = await post.rows()
    token = mint(row["mail_id"], kind="password_reset", secret=post.settings.token_secrets[0])
    ours = [line for line in written if line.startswith("mail to ada@example.com")]  # other outboxes run beside it
    first, *text = "\n".join(ours).split("\n")
    assert first == "mail to ada@example.com: Course Companion: Reset your password"
    assert (token in text) is (environment == "development")
    assert row["sent_at"] is not None
    assert post.smtp.commands == []


async def test_a_password_is_not_sent_without_tls(post: Post) -> None:
    await post.write()
    with_login = post.with_settings(smtp_username="course", smtp_password="a password of the mail server")
    assert not await with_login.deliver_one()
    assert not any("AUTH" in command for command in post.smtp.commands)
    assert post.smtp.mails == []


async def test_a_stop_lets_the_mail_under_way_finish(post: Post) -> None:
    await post.write()
    await post.write(email="next@example.com")
    post.smtp.open.clear()
    running = asyncio.create_task(post.outbox.run())
    await post.smtp.until(lambda: "DATA" in post.smtp.commands, "a mail on its way")
    post.outbox.stop()
    post.smtp.open.set()
    await asyncio.wait_for(running, 10)
    assert [row["sent_at"] is not None for row in await post.rows()] == [True, False]


async def test_the_task_outlives_a_database_that_does_not_answer(post: Post, written: list[str]) -> None:
    settings = Settings.model_validate({**post.settings.model_dump(), "mail_poll_seconds": 0.01})
    nowhere = Database("postgresql://core_service@127.0.0.1:1/nowhere", pool_size=1)
    outbox = Outbox(nowhere, Mailer(settings), settings=settings)
    running = asyncio.create_task(outbox.run())
    async with asyncio.timeout(10):
        while len(written) < 2:  # noqa: ASYNC110  # a log has no event
            await asyncio.sleep(0.01)
    outbox.stop()
    await asyncio.wait_for(running, 10)
    await nowhere.close()
    assert all("mail waits" in line for line in written)


def test_pauses_grow_to_a_quarter_of_an_hour() -> None:
    assert [pause_after(n).total_seconds() for n in (1, 2, 3, 7, 50)] == [15, 30, 60, 900, 900]

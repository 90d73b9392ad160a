import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from uuid import UUID

import asyncpg
import pytest
from typer.testing import CliRunner

from intelligence.commands import app
from intelligence.settings import Settings
from intelligence.usage import alerts
from tests.conftest import Database, Servers
from tests.intelligence.commanding import Run, environment, run, run_installed
from tests.intelligence.conftest import Rows

__all__ = ["environment", "run", "run_installed"]


@pytest.fixture(scope="module")
def intelligence_database(servers: Servers) -> Database:
    """Alerts and purges look at every student, so they get a database of their own."""
    return servers.new_database()


@pytest.mark.parametrize("command", ["worker", "check-model", "cost-alerts", "purge", "self-check"])
def test_each_command_explains_itself_also_without_settings(command: str) -> None:
    ended = CliRunner().invoke(app, [command, "--help"], env={"INTELLIGENCE_DATABASE_URL": ""})
    assert ended.exit_code == 0
    assert "Usage" in ended.output


class Mailbox:
    """A mail server that keeps what it is given, or refuses it."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.refuse = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(line: str) -> None:
            writer.write(f"{line}\r\n".encode())

        say("220 test")
        while line := (await reader.readline()).decode().strip():
            verb = line.split()[0].upper()
            if verb == "DATA":
                say("354 go on")
                self.messages.append((await reader.readuntil(b"\r\n.\r\n")).decode())
                say("250 kept")
            elif verb == "QUIT":
                say("221 bye")
                break
            else:
                say("550 no" if self.refuse and verb == "RCPT" else "250 ok")
        await writer.drain()
        writer.close()


@pytest.fixture
async def mailbox() -> AsyncIterator[tuple[Mailbox, dict[str, str]]]:
    box = Mailbox()
    server = await asyncio.start_server(box.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    yield (
        box,
        {
            "SMTP_SERVER": "127.0.0.1",
            "SMTP_PORT": str(port),
            "SMTP_FROM": "course@example.com",
            "LLM_COST_ALERT_EMAIL": "operator@example.com",
        },
    )
    server.close()
    await server.wait_closed()


async def spend(database: Database, student: UUID, usd: str, model: str = "m") -> None:
    owner = await asyncpg.connect(database.owner_url)
    await owner.execute(
        "INSERT INTO llm_usage_logs (student_id, feature, attempt, model, prompt_version, price_version, outcome,"
        " success, cost_usd, worst_case_usd, spend_month, lease_until, usage) VALUES ($1, 'assessment', 1, 'm', 'p',"
        " 'v', 'succeeded', true, $2, 1, current_utc_month(), now(), jsonb_build_object('model', $3::text))",
        student,
        Decimal(usd),
        model,
    )
    await owner.close()


async def test_an_alert_is_sent_once_a_month_and_again_only_after_a_failure(
    run: Run,
    mailbox: tuple[Mailbox, dict[str, str]],
    make_student: Callable[[], Awaitable[UUID]],
    intelligence_database: Database,
) -> None:
    box, settings = mailbox
    over, under = await make_student(), await make_student()
    await spend(intelligence_database, over, "0.51")
    await spend(intelligence_database, under, "0.50")
    box.refuse = True
    failed = await run("cost-alerts", **settings)
    assert failed.code == 1
    assert "could not be sent" in failed.err
    box.refuse = False
    sent = await run("cost-alerts", **settings)
    assert (sent.code, sent.err) == (0, "")
    (message,) = box.messages
    assert "To: operator@example.com" in message
    assert str(over) in message
    assert str(over) in sent.out
    assert str(under) not in message
    again = await run("cost-alerts", **settings)
    assert again.code == 0
    assert "No new student" in again.out
    assert len(box.messages) == 1


async def test_two_runs_at_once_send_one_e_mail(
    run_installed: Run,
    mailbox: tuple[Mailbox, dict[str, str]],
    make_student: Callable[[], Awaitable[UUID]],
    intelligence_database: Database,
) -> None:
    box, settings = mailbox
    student = await make_student()
    await spend(intelligence_database, student, "9")
    ended = await asyncio.gather(*(run_installed("cost-alerts", **settings) for _ in range(2)))
    assert [one.code for one in ended] == [0, 0]
    assert sum(str(student) in message for message in box.messages) == 1


@pytest.mark.parametrize("secret", [{"SMTP_USERNAME": "course"}, {"ENVIRONMENT": "production"}])
async def test_no_alert_and_no_password_goes_out_without_tls(
    mailbox: tuple[Mailbox, dict[str, str]], environment: dict[str, str], secret: dict[str, str]
) -> None:
    box, settings = mailbox
    named = {name.lower(): value for name, value in (environment | settings | secret).items()}
    told = Settings(**named, _env_file=None)  # type: ignore[arg-type]  # pydantic reads the texts
    with pytest.raises(alerts.AlertNotSent):
        await alerts.send(told, subject="s", body="b")
    assert box.messages == []


async def test_an_alert_that_was_only_printed_is_still_to_be_sent(
    run: Run,
    mailbox: tuple[Mailbox, dict[str, str]],
    make_student: Callable[[], Awaitable[UUID]],
    intelligence_database: Database,
) -> None:
    student = await make_student()
    await spend(intelligence_database, student, "3")
    for _ in range(2):
        ended = await run("cost-alerts")
        assert ended.code == 0
        assert "is not set" in ended.out
        assert "nobody marked" in ended.out
        assert re.search(rf"{student}\s+3\.0000 USD", ended.out)
    box, settings = mailbox
    assert (await run("cost-alerts", **settings)).code == 0
    (message,) = box.messages
    assert str(student) in message


async def test_what_was_simulated_is_marked_in_the_alert_and_below_the_sums(
    run: Run, make_student: Callable[[], Awaitable[UUID]], intelligence_database: Database
) -> None:
    played, paid = await make_student(), await make_student()
    await spend(intelligence_database, played, "4", "simulated-claude-sonnet-5-5")
    await spend(intelligence_database, paid, "5", "claude-sonnet-5-5")
    told = {line.split()[0]: line for line in (await run("cost-alerts")).out.splitlines() if line.startswith("  ")}
    assert told[str(played)].endswith("simulated: nobody pays")
    assert "simulated" not in told[str(paid)]
    checked = (await run("self-check")).out
    assert re.search(r"^\d+ calls of this month were simulated: nobody pays", checked, re.MULTILINE)


async def test_purge_erases_texts_and_keys_and_keeps_numbers(
    run: Run,
    run_installed: Run,
    make_student: Callable[[], Awaitable[UUID]],
    intelligence_database: Database,
    rows: Rows,
) -> None:
    student = await make_student()
    for _ in range(3):
        await spend(intelligence_database, student, "0.01")
    await rows(
        "INSERT INTO llm_exchanges (call_id, student_id, request_body, created_at) SELECT call_id, student_id, '{}', "
        "now() - CASE row_number() OVER () WHEN 1 THEN interval '89 days' ELSE interval '91 days' END "
        "FROM llm_usage_logs WHERE student_id = $1",
        student,
    )
    await rows(
        "INSERT INTO intelligence_idempotency_keys (student_id, idempotency_key, request_digest, lease_until, "
        "created_at) VALUES ($1, 'old', 'd', now(), now() - interval '91 days'), ($1, 'new', 'd', now(), now())",
        student,
    )
    kept = (
        "SELECT (SELECT count(*) FROM llm_exchanges WHERE student_id = $1) AS texts, "
        "(SELECT count(*) FROM intelligence_idempotency_keys WHERE student_id = $1) AS keys, "
        "(SELECT count(*) FROM llm_usage_logs WHERE student_id = $1) AS numbers"
    )
    dry = await run("purge", "--dry-run")
    assert "llm_exchanges: 2 rows older than 90 days would be erased" in dry.out
    assert await rows(kept, student) == [{"texts": 3, "keys": 2, "numbers": 3}]
    wet = await run_installed("purge", "--days", "90")
    assert (wet.code, wet.err) == (0, "")
    assert await rows(kept, student) == [{"texts": 1, "keys": 1, "numbers": 3}]
    assert (await run("purge", "--days", "0")).code != 0


async def test_the_self_check_prints_each_sum_and_fails_when_two_differ(
    run_installed: Run, make_student: Callable[[], Awaitable[UUID]], intelligence_database: Database
) -> None:
    await spend(intelligence_database, await make_student(), "0.02")  # a row in the ledger that nobody was charged for
    ended = await run_installed("self-check", "--months", "1")
    assert ended.code == 1
    assert re.search(r"spent USD of each student .* DIFFERS for \d+ students", ended.out)
    assert re.search(r"held USD of each student +0 +0$", ended.out, re.MULTILINE)
    assert re.fullmatch(r"\d+ of 15 sums differ\.", ended.err.strip())


async def test_a_missing_database_is_one_line_and_a_failure(run: Run) -> None:
    ended = await run("purge", INTELLIGENCE_DATABASE_URL="postgresql://nobody@127.0.0.1:9/none")
    assert ended.code == 1
    assert len(ended.err.strip().splitlines()) == 1

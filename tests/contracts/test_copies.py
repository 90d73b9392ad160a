"""What stands in both services on purpose, because they are deployed apart, is the same in both."""

from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

import chatgpt_app.settings
import core.content
import core.database
import core.errors
import core.idempotency
import core.middleware
import core.security
import core.settings
import core.storage
import intelligence.content
import intelligence.core_client
import intelligence.database
import intelligence.edge
import intelligence.idempotency
import intelligence.settings
import intelligence.storage
from core.access.service import PLANS
from intelligence import plans
from tests.conftest import Database

ADDRESSES = [
    "postgresql://someone:secret@db.example:5432/course",
    "postgresql+asyncpg://someone@db.example/course",
    "postgresql://db.example/course?sslmode=require",
    "postgresql://db.example/course?sslmode=disable&application_name=x",
]
SECRETS = ["", "  ", "changeme", "change_me_now", "change-me", "your-key-here", "sk-ant-...", "...", "<secret>"]
SECRETS += ["Example", "kh2-8dJ_0s9dlkPq28dHk3jw9d8Qm1zX", "a-secret-here", "unexampled-32-characters-long-xyz"]


def test_a_refused_token_is_refused_in_the_same_words() -> None:
    ours, theirs = core.security.Unauthorized(), intelligence.core_client.Unauthorized()
    assert (ours.status, ours.code, ours.message) == (theirs.status, theirs.code, theirs.message)
    assert ours.headers == theirs.headers == {"WWW-Authenticate": "Bearer"}


def test_a_service_in_trouble_says_so_alike() -> None:
    ours, theirs = core.database.DatabaseUnavailable(), intelligence.core_client.CoreUnavailable()
    assert (ours.status, ours.code, ours.headers) == (theirs.status, theirs.code, theirs.headers)


def test_a_course_that_is_not_there_is_missed_in_the_same_words() -> None:
    ours, theirs = core.content.CourseUnavailable(), intelligence.content.CourseUnavailable()
    assert (ours.status, ours.code, ours.message, ours.headers) == (
        theirs.status,
        theirs.code,
        theirs.message,
        theirs.headers,
    )
    assert core.content.READS_AT_ONCE == intelligence.content.READS_AT_ONCE


def test_a_large_body_is_refused_from_the_same_size_on() -> None:
    assert core.middleware.LARGEST_BODY == intelligence.edge.MAXIMUM_BODY_BYTES == 1_048_576
    assert core.errors.CODES[413] == intelligence.edge.BodyTooLarge.code


def test_the_same_request_ids_are_passed_on() -> None:
    assert core.middleware.ACCEPTABLE_REQUEST_ID == intelligence.edge.REQUEST_ID


def test_a_used_key_is_refused_alike() -> None:
    ours, theirs = core.idempotency.IdempotencyConflict, intelligence.idempotency.IdempotencyConflict
    assert (ours.status, ours.code) == (theirs.status, theirs.code)


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_of_a_database_is_read_alike(address: str) -> None:
    assert core.database.asyncpg_url(address) == intelligence.database.asyncpg_url(address)


@pytest.mark.parametrize("secret", SECRETS)
def test_a_placeholder_is_one_for_all(secret: str) -> None:
    services = (core.settings, intelligence.settings, chatgpt_app.settings)
    assert len({service.PLACEHOLDERS for service in services}) == 1
    assert len({service.is_placeholder(secret) for service in services}) == 1


def test_the_bucket_is_waited_for_equally_long() -> None:
    for name in ("CONNECT_TIMEOUT", "REQUEST_TIMEOUT", "RETRIES", "LAST_RETRY", "CALLS_AT_ONCE"):
        assert getattr(core.storage, name) == getattr(intelligence.storage, name), name


def test_both_name_the_same_prices() -> None:
    found = {plan.plan: {"monthly": plan.monthly_price, "annual": plan.yearly_price} for plan in PLANS}
    assert found == {"premium": plans.PREMIUM_PRICING, "pro": plans.PRO_PRICING}


@pytest.mark.parametrize("public_url", ["https://course.example", "http://127.0.0.1:8000"])
def test_both_send_a_student_to_the_same_place_to_upgrade(monkeypatch: pytest.MonkeyPatch, public_url: str) -> None:
    monkeypatch.setattr(
        plans, "get_settings", lambda: intelligence.settings.Settings.model_construct(public_url=public_url)
    )
    assert plans.upgrade_url() == core.settings.Settings.model_construct(public_url=public_url).upgrade_url


@pytest.fixture
async def pools(postgres: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[dict[str, AsyncEngine]]:
    """Each service's own pool, on a real database."""
    made = core.database.Database(postgres.core_url, pool_size=1)
    settings = intelligence.settings.Settings.model_construct(
        intelligence_database_url=SecretStr(postgres.intelligence_url), database_pool_size=1
    )
    monkeypatch.setattr(intelligence.database, "get_settings", lambda: settings)
    theirs = intelligence.database.engine.__wrapped__()
    yield {"core": made._engine, "intelligence": theirs}
    await made.close()
    await theirs.dispose()


async def test_both_services_bound_their_waits_in_the_database(pools: dict[str, AsyncEngine]) -> None:
    names = ("timezone", "idle_in_transaction_session_timeout", "application_name", "statement_timeout")
    found = {}
    for service, pool in pools.items():
        async with pool.connect() as connection:
            found[service] = [await connection.scalar(text(f"SHOW {name}")) for name in names]
    for service, (timezone, idle, name, longest) in found.items():
        assert (timezone, idle, name) == ("UTC", "30s", service)
        assert longest not in {None, "0"}, "a statement may not run for ever"

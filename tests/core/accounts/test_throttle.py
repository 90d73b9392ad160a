import asyncio
import secrets
import unicodedata
from collections import Counter

import httpx
import pytest
import uvicorn

from core.auth.desk import client_address
from core.settings import Settings
from tests.conftest import Database
from tests.core.accounts.conftest import AUTH, House, guess, house_on, new_email, statuses
from tests.core.conftest import PASSWORD


async def wait(house: House, seconds: float) -> None:
    """Let time go by, as the buckets know it."""
    await house.owner.execute("UPDATE throttles SET drained_at = drained_at - make_interval(secs => $1)", seconds)


@pytest.mark.parametrize("known", [True, False])
async def test_ten_wrong_guesses_are_enough_for_any_account(strict: House, *, known: bool) -> None:
    email = (await strict.register()).email if known else new_email()
    assert await statuses(guess(strict, email), 10) == [401] * 10
    refused = await guess(strict, email.upper())()
    assert refused.status_code == 429
    error = refused.json()["error"]
    assert error["code"] == "RATE_LIMIT_EXCEEDED"
    assert int(refused.headers["Retry-After"]) == error["details"]["retry_after_seconds"]
    assert 0 < error["details"]["retry_after_seconds"] <= 60
    assert set(error["details"]) == {"retry_after_seconds"}
    elsewhere = await guess(strict, email, "198.51.100.9")()
    assert elsewhere.status_code == 429, "another address does not help to guess"


def writings(name: str) -> list[str]:
    """One address, written in all the ways that reach it."""
    composed = f"\u00e9{name}@b\u00fccher.example.com"
    ways = [composed, composed.upper(), unicodedata.normalize("NFD", composed), f" {composed}\t"]
    ways += [f"\u00e9{name}@xn--bcher-kva.example.com", f"\u00e9{name}@b\u00fccher.\uff45xample.com"]
    return ways


@pytest.mark.parametrize("known", [True, False])
async def test_however_an_address_is_written_it_is_counted_as_one(strict: House, *, known: bool) -> None:
    ways = writings(secrets.token_hex(6))
    if known:
        answer = await strict.post("/register", {"email": ways[0], "password": PASSWORD})
        assert answer.status_code == 201, answer.text
    tried = [(await guess(strict, ways[n % len(ways)])()).status_code for n in range(10)]
    assert tried == [401] * 10
    assert [(await guess(strict, way)()).status_code for way in ways] == [429] * len(ways)
    assert [(await strict.post("/password/forgot", {"email": way})).status_code for way in ways[:3]] == [202] * 3
    assert [(await strict.post("/password/forgot", {"email": way})).status_code for way in ways] == [429] * len(ways)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(("letter", "same"), [("\u1fef", "`"), ("\u0130", "\u0130"), ("\u212b", "\u00c5")])
async def test_a_letter_of_many_forms_tells_nothing(strict: House, letter: str, same: str, *, known: bool) -> None:
    name = f"{secrets.token_hex(6)}@example.com"
    if known:
        answer = await strict.post("/register", {"email": same + name, "password": PASSWORD})
        assert answer.status_code == 201, answer.text
    ways = [letter + name, same + name]
    assert [(await guess(strict, ways[n % 2])()).status_code for n in range(10)] == [401] * 10
    assert [(await guess(strict, way)()).status_code for way in ways] == [429] * 2


async def test_who_registers_can_sign_in_with_the_same_text(strict: House) -> None:
    for way in writings(secrets.token_hex(6)):
        body = {"email": f"x{secrets.token_hex(3)}{way.strip()}", "password": PASSWORD}
        assert (await strict.post("/register", body)).status_code == 201
        assert (await strict.post("/login", body)).status_code == 200, way
    named = await strict.post("/register", {"email": f"Bob <{new_email()}>", "password": PASSWORD})
    assert named.status_code == 422
    assert named.json()["error"]["details"]["fields"][0]["field"] == "email"


async def test_retry_after_is_true(strict: House) -> None:
    student = await strict.register()
    await statuses(guess(strict, student.email), 10)
    right = guess(strict, student.email, password=PASSWORD)
    seconds = int((await right()).headers["Retry-After"])
    await wait(strict, seconds - 25)
    assert (await right()).status_code == 429
    await wait(strict, 25)
    assert (await right()).status_code == 200


async def test_parallel_guesses_get_no_further(strict: House) -> None:
    call = guess(strict, (await strict.register()).email)
    answers = await asyncio.gather(*(call() for _ in range(40)))
    assert Counter(answer.status_code for answer in answers) == {401: 10, 429: 30}


async def test_a_locked_account_locks_nobody_else_behind_its_address(strict: House) -> None:
    locked, other = await strict.register(), await strict.register()
    await statuses(guess(strict, locked.email), 11)
    assert (await guess(strict, other.email, password=PASSWORD)()).status_code == 200


async def test_an_address_has_a_limit_of_its_own(spare_database: Database, settings: Settings) -> None:
    async with house_on(spare_database, settings, sign_in_limits_scale=0.1) as house:  # ten failures
        await house.owner.execute("DELETE FROM throttles")
        student = await house.register()
        tried = [await guess(house, new_email(), "198.51.100.7")() for _ in range(11)]
        assert [answer.status_code for answer in tried] == [401] * 10 + [429]
        right = [guess(house, student.email, address, PASSWORD) for address in ("198.51.100.7", "198.51.100.8")]
        assert [(await one()).status_code for one in right] == [429, 200]


@pytest.mark.parametrize("known", [True, False])
async def test_three_mails_an_hour_are_enough_for_any_account(strict: House, *, known: bool) -> None:
    email = (await strict.register()).email if known else new_email()
    answers = [await strict.post("/password/forgot", {"email": email}) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 1200


async def test_verification_is_mailed_three_times_an_hour(strict: House) -> None:
    student = await strict.register()
    answers = [await strict.post("/email/resend", {}, student) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [202, 202, 202, 429]


async def test_an_address_tries_so_many_tokens(spare_database: Database, settings: Settings) -> None:
    async with house_on(spare_database, settings, sign_in_limits_scale=0.1) as house:  # ten tokens
        await house.owner.execute("DELETE FROM throttles")

        async def verify() -> httpx.Response:
            return await house.post("/email/verify", {"token": "A" * 64})

        assert await statuses(verify, 11) == [401] * 10 + [429]
        reset = await house.post("/password/reset", {"token": "A" * 64, "new_password": PASSWORD})
        assert reset.status_code == 429


async def test_no_account_and_no_address_is_readable_in_a_bucket(strict: House) -> None:
    email = new_email()
    await guess(strict, email, "198.51.100.77")()
    rows = await strict.owner.fetch("SELECT throttle_key FROM throttles")
    assert len(rows) == 2
    assert all(set(row["throttle_key"]) <= set("0123456789abcdef") for row in rows)


@pytest.mark.parametrize(
    ("host", "counted_as"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("testclient", "testclient"),
    ],
)
async def test_how_an_address_is_counted(host: str, counted_as: str) -> None:
    from starlette.requests import Request

    assert await client_address(Request({"type": "http", "client": (host, 1), "headers": []})) == counted_as


async def test_the_gateways_word_on_the_client_is_taken(strict: House) -> None:
    """Over a socket, as behind the gateway of one machine, which sets X-Forwarded-For to the address it sees."""
    server = uvicorn.Server(uvicorn.Config(strict.app, port=0, lifespan="off", log_config=None))
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:  # noqa: ASYNC110  # uvicorn has no event for this
            await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    seen = {}
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            for address in ("198.51.100.7", "198.51.100.8"):
                before = await strict.owner.fetchval("SELECT count(*) FROM throttles")
                body = {"email": "the-same@example.com", "password": "guess"}
                await client.post(f"{AUTH}/login", json=body, headers={"X-Forwarded-For": address})
                seen[address] = await strict.owner.fetchval("SELECT count(*) FROM throttles") - before
    finally:
        server.should_exit = True
        await serving
    assert seen == {"198.51.100.7": 2, "198.51.100.8": 1}, "one bucket an address, and one for the account"


async def test_a_bucket_is_forgotten_when_it_has_drained(spare_database: Database, settings: Settings) -> None:
    async with house_on(spare_database, settings) as house:
        await guess(house, new_email())()
        await wait(house, 3600)
    async with house_on(spare_database, settings) as house, asyncio.timeout(10):
        while await house.owner.fetchval("SELECT count(*) FROM throttles"):  # noqa: ASYNC110  # no event for this
            await asyncio.sleep(0.02)

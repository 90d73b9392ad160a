"""Codes: what each is bound to, how often it is good, and how long."""

import asyncio

import asyncpg
import httpx
import jwt
import pytest

from tests.core.conftest import SignUp
from tests.core.oauth.browsing import (
    INVALID_GRANT,
    RESOURCE,
    App,
    Browser,
    answer_of,
    code_for,
    exchange,
    is_live,
    refusal,
    register,
    works,
)


async def test_a_code_becomes_tokens_for_the_app_alone(
    client: httpx.AsyncClient, browser: Browser, asking: App, sign_up: SignUp
) -> None:
    student = await sign_up()
    answer = await asking.redeem(await code_for(browser, asking, student.email))
    assert answer.headers["Cache-Control"] == "no-store"
    tokens = answer.json()
    assert tokens.keys() == {"access_token", "token_type", "expires_in", "refresh_token", "scope"}
    assert (tokens["token_type"], tokens["expires_in"], tokens["scope"]) == ("Bearer", 3600, "learn")
    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    assert claims.keys() == {"sub", "sid", "aud", "iss", "iat", "exp"}
    assert (claims["sub"], claims["aud"], claims["exp"] - claims["iat"]) == (student.student_id, RESOURCE, 3600)
    assert await is_live(client, tokens["access_token"])
    assert not await works(client, tokens["access_token"]), "the API refuses a token made for the app"
    assert not await is_live(client, student.access_token), "the app refuses a token made for the API"
    refreshed = await client.post("/api/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert refreshed.status_code == 401, "a client cannot turn its token into one of the API"
    assert refusal(await asking.refresh(student.refresh_token)) == INVALID_GRANT


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"code_verifier": "w" * 43}, INVALID_GRANT),
        ({"code_verifier": None}, (400, "invalid_request")),
        ({"code_verifier": "short"}, (400, "invalid_request")),
        ({"redirect_uri": "https://client.example/other"}, INVALID_GRANT),
        ({"redirect_uri": None}, INVALID_GRANT),
        ({"resource": "https://elsewhere.example/mcp"}, (400, "invalid_target")),
        ({"resource": RESOURCE + "/"}, (400, "invalid_target")),
        ({"code": None}, (400, "invalid_request")),
        ({"code": "x" * 64}, INVALID_GRANT),
        ({"code": "t\u00f6k\u00ebn"}, INVALID_GRANT),
        ({"client_id": None}, (400, "invalid_client")),
        ({"client_id": "nobody"}, (400, "invalid_client")),
        ({"client_id": "nobody\0"}, (400, "invalid_request")),
        ({"client_secret": "made up"}, (400, "invalid_client")),
        ({"grant_type": "client_credentials"}, (400, "unsupported_grant_type")),
        ({"grant_type": "password"}, (400, "unsupported_grant_type")),
        ({"grant_type": 'quo"ted'}, (400, "unsupported_grant_type")),
        ({"grant_type": None}, (400, "invalid_request")),
    ],
)
async def test_a_code_is_bound_to_what_it_was_given_for(
    browser: Browser, asking: App, sign_up: SignUp, changes: dict[str, str | None], expected: tuple[int, str]
) -> None:
    code = await code_for(browser, asking, (await sign_up()).email)
    refused = await asking.redeem(**{"code": code, **changes})
    assert refusal(refused) == expected
    assert "[" not in refused.json()["error_description"], "an error is words, not a list of Python's"
    assert (await asking.redeem(code)).status_code == 200, "what was refused has used nothing up"


async def test_a_code_is_bound_to_the_port_on_this_machine_that_was_asked_for(
    browser: Browser, on_this_machine: App, sign_up: SignUp
) -> None:
    named = on_this_machine.redirect_uri
    on_this_machine.redirect_uri = named.replace(":3055", ":49152")
    back = await browser.follow(on_this_machine.request(), (await sign_up()).email)
    assert back.headers["Location"].startswith(on_this_machine.redirect_uri)
    code = answer_of(back)["code"]
    assert refusal(await on_this_machine.redeem(code, redirect_uri=named)) == INVALID_GRANT
    assert (await on_this_machine.redeem(code)).status_code == 200


async def test_a_code_is_bound_to_its_client(
    client: httpx.AsyncClient, browser: Browser, asking: App, sign_up: SignUp
) -> None:
    thief = await register(client)
    thief.verifier = asking.verifier
    code = await code_for(browser, asking, (await sign_up()).email)
    assert refusal(await thief.redeem(code)) == INVALID_GRANT


async def test_a_code_used_twice_ends_the_whole_family(
    client: httpx.AsyncClient, browser: Browser, asking: App, sign_up: SignUp
) -> None:
    code = await code_for(browser, asking, (await sign_up()).email)
    tokens = (await asking.redeem(code)).json()
    api_token = (await exchange(client, tokens["access_token"])).json()["access_token"]
    assert refusal(await asking.redeem(code)) == INVALID_GRANT
    assert not await is_live(client, tokens["access_token"])
    assert not await works(client, api_token)
    assert refusal(await asking.refresh(tokens["refresh_token"])) == INVALID_GRANT


async def test_of_parallel_redemptions_none_leaves_a_family(
    client: httpx.AsyncClient, browser: Browser, asking: App, sign_up: SignUp
) -> None:
    code = await code_for(browser, asking, (await sign_up()).email)
    answers = await asyncio.gather(*(asking.redeem(code) for _ in range(6)))
    given = [answer.json() for answer in answers if answer.status_code == 200]
    assert len(given) <= 1
    assert [await is_live(client, tokens["access_token"]) for tokens in given] == [False] * len(given)


async def test_a_code_lives_a_minute(owner: asyncpg.Connection, browser: Browser, asking: App, sign_up: SignUp) -> None:
    student = await sign_up()
    code = await code_for(browser, asking, student.email)
    lifetime = """
        SELECT extract(epoch FROM expires_at - now()) FROM sessions JOIN oauth_grants USING (session_id)
        WHERE student_id = $1
    """
    assert 0 < await owner.fetchval(lifetime, student.student_id) <= 60
    await owner.execute(
        """UPDATE sessions SET expires_at = now()
           WHERE student_id = $1 AND session_id IN (SELECT session_id FROM oauth_grants)""",
        student.student_id,
    )
    assert refusal(await asking.redeem(code)) == INVALID_GRANT

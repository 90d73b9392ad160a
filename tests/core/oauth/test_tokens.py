"""Tokens of the app: exchanged for one of the API, and refreshed."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import httpx
import jwt
import pytest

from core.tokens import mint_access_token
from tests.core.conftest import SECRET, SignUp
from tests.core.oauth.browsing import (
    ACCESS_TOKEN,
    EXCHANGE,
    INVALID_GRANT,
    RESOURCE,
    App,
    Browser,
    exchange,
    grant,
    is_live,
    refusal,
    register,
    works,
)


async def test_the_app_exchanges_its_token_for_one_of_the_api(
    client: httpx.AsyncClient, browser: Browser, asking: App, sign_up: SignUp
) -> None:
    student = await sign_up("premium")
    tokens = await grant(browser, asking, student.email)
    answer = await exchange(client, tokens["access_token"])
    assert answer.headers["Cache-Control"] == "no-store"
    exchanged = answer.json()
    assert exchanged.pop("expires_in") == 900
    api_token = exchanged.pop("access_token")
    assert exchanged == {"issued_token_type": ACCESS_TOKEN, "token_type": "Bearer", "scope": "learn"}
    assert await works(client, api_token)
    assert not await is_live(client, api_token)
    assert refusal(await exchange(client, api_token)) == (400, "invalid_request")
    assert refusal(await exchange(client, student.access_token)) == (400, "invalid_request")
    assert refusal(await exchange(client, "nobody's")) == (400, "invalid_request")
    assert refusal(await exchange(client, "t", grant_type="refresh_token")) == (400, "unsupported_grant_type")
    assert refusal(await exchange(client, "t", subject_token_type="jwt")) == (400, "invalid_request")
    anybody = await client.post("/internal/v1/oauth/token", data={"grant_type": EXCHANGE})
    assert anybody.status_code == 403
    said, named = (jwt.decode(t, options={"verify_signature": False}) for t in (api_token, tokens["access_token"]))
    assert (said["sid"], said["sub"]) == (named["sid"], named["sub"]), "the same session"
    assert said["exp"] <= named["exp"]


async def test_an_exchanged_token_never_outlives_the_one_it_was_made_from(
    client: httpx.AsyncClient, browser: Browser, asking: App, sign_up: SignUp
) -> None:
    student = await sign_up()
    claims = jwt.decode(
        (await grant(browser, asking, student.email))["access_token"], options={"verify_signature": False}
    )
    ending = mint_access_token(
        student_id=UUID(claims["sub"]),
        session_id=UUID(claims["sid"]),
        secret=SECRET,
        now=datetime.now(UTC),
        audience=RESOURCE,
        lifetime=timedelta(seconds=90),
    )
    assert 80 < (await exchange(client, ending)).json()["expires_in"] <= 90


async def test_a_refresh_token_rotates(
    client: httpx.AsyncClient, browser: Browser, asking: App, sign_up: SignUp
) -> None:
    first = await grant(browser, asking, (await sign_up()).email)
    second = await asking.refresh(first["refresh_token"], resource=RESOURCE, scope="learn")
    assert second.status_code == 200
    assert second.json()["refresh_token"] != first["refresh_token"]
    again = await asking.refresh(first["refresh_token"])
    assert again.json()["refresh_token"] == second.json()["refresh_token"], "within ten seconds: the same successor"
    assert await is_live(client, again.json()["access_token"])
    other = await register(client)
    assert refusal(await other.refresh(second.json()["refresh_token"])) == INVALID_GRANT
    assert refusal(await asking.refresh(second.json()["refresh_token"], scope="learn more")) == (400, "invalid_scope")
    elsewhere = await asking.refresh(second.json()["refresh_token"], resource="https://elsewhere.example")
    assert refusal(elsewhere) == (400, "invalid_target")
    assert refusal(await asking.refresh("made.0.up")) == INVALID_GRANT
    assert (await asking.refresh(second.json()["refresh_token"])).status_code == 200, "nothing of that ended it"


async def test_an_older_refresh_token_ends_the_family(
    client: httpx.AsyncClient, browser: Browser, asking: App, sign_up: SignUp
) -> None:
    first = await grant(browser, asking, (await sign_up()).email)
    second = (await asking.refresh(first["refresh_token"])).json()
    third = (await asking.refresh(second["refresh_token"])).json()
    assert refusal(await asking.refresh(first["refresh_token"])) == INVALID_GRANT
    assert not await is_live(client, third["access_token"])
    assert refusal(await asking.refresh(third["refresh_token"])) == INVALID_GRANT


async def test_after_ten_seconds_the_previous_refresh_token_ends_the_family_too(
    client: httpx.AsyncClient, owner: asyncpg.Connection, browser: Browser, asking: App, sign_up: SignUp
) -> None:
    student = await sign_up()
    first = await grant(browser, asking, student.email)
    second = (await asking.refresh(first["refresh_token"])).json()
    await owner.execute(
        "UPDATE sessions SET rotated_at = now() - interval '11 seconds' WHERE student_id = $1", student.student_id
    )
    assert refusal(await asking.refresh(first["refresh_token"])) == INVALID_GRANT
    assert not await is_live(client, second["access_token"])


async def test_a_redeemed_code_and_each_refresh_keep_the_session_for_thirty_days(
    owner: asyncpg.Connection, browser: Browser, asking: App, sign_up: SignUp
) -> None:
    student = await sign_up()
    of_the_client = "student_id = $1 AND session_id IN (SELECT session_id FROM oauth_grants)"
    left = f"SELECT expires_at - rotated_at FROM sessions WHERE {of_the_client}"
    tokens = await grant(browser, asking, student.email)
    assert await owner.fetchval(left, student.student_id) == timedelta(days=30)
    await owner.execute(
        f"UPDATE sessions SET expires_at = now() + interval '1 hour' WHERE {of_the_client}", student.student_id
    )
    assert (await asking.refresh(tokens["refresh_token"])).status_code == 200
    assert await owner.fetchval(left, student.student_id) == timedelta(days=30)


async def test_a_session_that_has_run_out_is_not_refreshed(
    client: httpx.AsyncClient, owner: asyncpg.Connection, browser: Browser, asking: App, sign_up: SignUp
) -> None:
    student = await sign_up()
    tokens = await grant(browser, asking, student.email)
    await owner.execute("UPDATE sessions SET expires_at = now() WHERE student_id = $1", student.student_id)
    assert refusal(await asking.refresh(tokens["refresh_token"])) == INVALID_GRANT
    assert not await is_live(client, tokens["access_token"])


async def test_a_body_that_is_no_form_is_refused(client: httpx.AsyncClient, asking: App) -> None:
    assert refusal(await client.post("/oauth/token", json={"grant_type": "x"})) == (400, "invalid_request")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    many = "&".join(f"p{number}=1" for number in range(60))
    assert refusal(await client.post("/oauth/token", content=many, headers=form)) == (400, "invalid_request")
    twice = f"client_id={asking.client_id}&grant_type=refresh_token&grant_type=authorization_code"
    assert refusal(await client.post("/oauth/token", content=twice, headers=form)) == (400, "invalid_request")
    bytes_ = b"grant_type=%ff%fe&client_id=\xff"
    assert refusal(await client.post("/oauth/token", content=bytes_, headers=form)) == (400, "unsupported_grant_type")


@pytest.mark.parametrize("endpoint", ["token", "revoke"])
@pytest.mark.parametrize("form", [{}, {"client_id": "named in the body too"}])
async def test_a_client_that_authenticates_is_told_that_clients_do_not(
    client: httpx.AsyncClient, endpoint: str, form: dict[str, str]
) -> None:
    answer = await client.post(f"/oauth/{endpoint}", data={"token": "t", **form}, auth=("a client", "its secret"))
    assert refusal(answer) == (401, "invalid_client")
    assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")

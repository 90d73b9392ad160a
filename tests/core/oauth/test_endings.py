"""What ends the session of a client."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import jwt
import pytest

from core.tokens import AUDIENCE, mint_access_token
from tests.core.conftest import PASSWORD, SECRET, SignUp
from tests.core.oauth.browsing import (
    INVALID_GRANT,
    RESOURCE,
    App,
    Browser,
    code_for,
    exchange,
    grant,
    is_live,
    is_page,
    refusal,
    register,
    works,
)


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
async def test_revoking_either_token_ends_the_session(
    client: httpx.AsyncClient, browser: Browser, asking: App, sign_up: SignUp, kind: str
) -> None:
    student = await sign_up()
    tokens = await grant(browser, asking, student.email)
    api_token = (await exchange(client, tokens["access_token"])).json()["access_token"]
    other = await register(client)
    stolen = await client.post("/oauth/revoke", data={"token": tokens[kind], "client_id": other.client_id})
    assert refusal(stolen) == INVALID_GRANT
    assert await is_live(client, tokens["access_token"])
    form = {"token": tokens[kind], "token_type_hint": kind, "client_id": asking.client_id}
    for _ in range(2):
        answer = await client.post("/oauth/revoke", data=form)
        assert (answer.status_code, answer.content) == (200, b""), "also for a token that is worth nothing any more"
    assert not await is_live(client, tokens["access_token"])
    assert not await works(client, api_token)
    assert await works(client, student.access_token), "another session of the student goes on"


@pytest.mark.parametrize(
    ("made_with", "ends"),
    [((SECRET, RESOURCE), True), ((SECRET, AUDIENCE), False), (("x" * 32, RESOURCE), False)],
)
async def test_an_access_token_that_has_run_out_ends_its_session_if_it_is_the_clients(
    browser: Browser, asking: App, sign_up: SignUp, made_with: tuple[str, str], ends: bool
) -> None:
    student = await sign_up()
    tokens = await grant(browser, asking, student.email)
    secret, audience = made_with
    named = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    old = mint_access_token(
        student_id=UUID(named["sub"]),
        session_id=UUID(named["sid"]),
        now=datetime(2020, 1, 1, tzinfo=UTC),
        secret=secret,
        audience=audience,
    )
    answer = await asking.client.post("/oauth/revoke", data={"token": old, "client_id": asking.client_id})
    assert answer.status_code == 200
    assert await is_live(asking.client, tokens["access_token"]) is not ends
    page = await browser.sign_in(asking.request(), student.email)
    assert (page.status_code == 200) is ends, "the agreement ends with the session"


async def test_what_cannot_be_revoked(client: httpx.AsyncClient, asking: App, sign_up: SignUp) -> None:
    student = await sign_up()
    form = {"client_id": asking.client_id, "token": student.refresh_token}
    assert (await client.post("/oauth/revoke", data=form)).status_code == 200, "no token of a client: nothing to do"
    assert await works(client, student.access_token)
    nobody = await client.post("/oauth/revoke", data={"token": "t", "client_id": "nobody"})
    assert refusal(nobody) == (400, "invalid_client")
    assert refusal(await client.post("/oauth/revoke", data={"client_id": asking.client_id})) == (400, "invalid_request")


async def sign_out(client: httpx.AsyncClient, headers: dict[str, str]) -> httpx.Response:
    return await client.post("/api/v1/auth/logout", headers=headers)


async def change_password(client: httpx.AsyncClient, headers: dict[str, str]) -> httpx.Response:
    body = {"current_password": PASSWORD, "new_password": "another long password"}
    return await client.post("/api/v1/auth/password/change", json=body, headers=headers)


async def erase(client: httpx.AsyncClient, headers: dict[str, str]) -> httpx.Response:
    return await client.request("DELETE", "/api/v1/auth/me", json={"password": PASSWORD}, headers=headers)


async def revoke_a_token(app: App, tokens: dict[str, Any]) -> httpx.Response:
    return await app.client.post("/oauth/revoke", data={"token": tokens["access_token"], "client_id": app.client_id})


async def use_an_old_refresh_token(app: App, tokens: dict[str, Any]) -> httpx.Response:
    newer = (await app.refresh(tokens["refresh_token"])).json()
    await app.refresh(newer["refresh_token"])
    return await app.refresh(tokens["refresh_token"])


async def sign_the_app_out(app: App, tokens: dict[str, Any]) -> httpx.Response:
    api_token = (await exchange(app.client, tokens["access_token"])).json()["access_token"]
    return await sign_out(app.client, {"Authorization": f"Bearer {api_token}"})


@pytest.mark.parametrize("end", [revoke_a_token, use_an_old_refresh_token, sign_the_app_out])
async def test_an_agreement_ends_with_the_connection(
    client: httpx.AsyncClient, browser: Browser, asking: App, sign_up: SignUp, end: Any
) -> None:
    student, other = await sign_up(), await register(client)
    for app in (asking, other):
        tokens = await grant(browser, app, student.email)
    assert (await browser.sign_in(asking.request(), student.email)).status_code == 303, "remembered until then"
    await end(other, tokens)
    page = await browser.sign_in(other.request(), student.email)
    assert is_page(page)
    assert "Allow access?" in page.text
    assert (await browser.sign_in(asking.request(), student.email)).status_code == 303, "another's stands"


async def test_what_is_revoked_is_asked_for_anew_although_another_connection_stands(
    owner: asyncpg.Connection, browser: Browser, asking: App, sign_up: SignUp
) -> None:
    student = await sign_up()
    tokens = [await grant(browser, asking, student.email) for _ in range(2)]
    await revoke_a_token(asking, tokens[0])
    assert "Allow access?" in (await browser.sign_in(asking.request(), student.email)).text
    assert await is_live(asking.client, tokens[1]["access_token"])
    kept = "SELECT count(*) FROM oauth_consents WHERE student_id = $1"
    assert await owner.fetchval(kept, UUID(student.student_id)) == 0


@pytest.mark.parametrize("end", [sign_out, change_password, erase])
async def test_what_ends_a_session_ends_a_clients_too(
    owner: asyncpg.Connection, browser: Browser, asking: App, sign_up: SignUp, end: Any
) -> None:
    client = asking.client
    student = await sign_up()
    tokens = await grant(browser, asking, student.email)
    api_token = (await exchange(client, tokens["access_token"])).json()["access_token"]
    pending = await code_for(browser, asking, student.email)
    headers = {"Authorization": f"Bearer {api_token}"} if end is sign_out else student.headers
    assert (await end(client, headers)).status_code == 204
    assert not await is_live(client, tokens["access_token"])
    assert not await works(client, api_token)
    assert refusal(await asking.refresh(tokens["refresh_token"])) == INVALID_GRANT
    if end is not sign_out:
        assert refusal(await asking.redeem(pending)) == INVALID_GRANT, "a code that was on its way is worth nothing"
    if end is erase:
        left = "SELECT count(*) FROM oauth_consents WHERE student_id = $1"
        assert await owner.fetchval(left, UUID(student.student_id)) == 0
        grants = "SELECT count(*) FROM oauth_grants WHERE client_id = $1"
        assert await owner.fetchval(grants, asking.client_id) == 0

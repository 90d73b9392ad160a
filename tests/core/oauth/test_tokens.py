"""Codes and tokens: what each is good for, how often, how long, and what ends it."""

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import jwt
import pytest

from tests.core.conftest import PASSWORD, SERVICE_TOKEN, SignUp
from tests.core.oauth.browsing import RESOURCE, App, Browser, grant, register

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
SERVICE = {"Authorization": f"Bearer {SERVICE_TOKEN}"}


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Status and error of a token error as RFC 6749 words it."""
    body = answer.json()
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert body.keys() == {"error", "error_description"}, body
    assert body["error_description"]
    return answer.status_code, body["error"]


INVALID_GRANT = (400, "invalid_grant")


async def exchange(client: httpx.AsyncClient, token: str, **changes: str) -> httpx.Response:
    form = {"grant_type": EXCHANGE, "subject_token": token, "subject_token_type": ACCESS_TOKEN, **changes}
    return await client.post("/internal/v1/oauth/token", data=form, headers=SERVICE)


async def is_live(client: httpx.AsyncClient, access_token: str) -> bool:
    """Whether the app would still be let in with this token."""
    body = {"token": access_token, "audience": "app"}
    answer = await client.post("/internal/v1/learners/resolve", json=body, headers=SERVICE)
    assert answer.status_code in (200, 401)
    return answer.status_code == 200


async def works(client: httpx.AsyncClient, api_token: str) -> bool:
    headers = {"Authorization": f"Bearer {api_token}"}
    return (await client.get("/api/v1/auth/me", headers=headers)).status_code == 200


async def code_for(browser: Browser, app: App, email: str) -> str:
    return (await browser.allow(app.request(), email))["code"]


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
    from datetime import UTC, datetime, timedelta

    from core.tokens import mint_access_token
    from tests.core.conftest import SECRET

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
        ({"grant_type": None}, (400, "unsupported_grant_type")),
    ],
)
async def test_a_code_is_bound_to_what_it_was_given_for(
    browser: Browser, asking: App, sign_up: SignUp, changes: dict[str, str | None], expected: tuple[int, str]
) -> None:
    code = await code_for(browser, asking, (await sign_up()).email)
    assert refusal(await asking.redeem(**{"code": code, **changes})) == expected
    assert (await asking.redeem(code)).status_code == 200, "what was refused has used nothing up"


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


async def test_a_body_that_is_no_form_is_refused(client: httpx.AsyncClient, asking: App) -> None:
    assert refusal(await client.post("/oauth/token", json={"grant_type": "x"})) == (400, "invalid_request")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    many = "&".join(f"p{number}=1" for number in range(60))
    assert refusal(await client.post("/oauth/token", content=many, headers=form)) == (400, "invalid_request")
    twice = f"client_id={asking.client_id}&grant_type=refresh_token&grant_type=authorization_code"
    assert refusal(await client.post("/oauth/token", content=twice, headers=form)) == (400, "invalid_request")
    bytes_ = b"grant_type=%ff%fe&client_id=\xff"
    assert refusal(await client.post("/oauth/token", content=bytes_, headers=form)) == (400, "unsupported_grant_type")

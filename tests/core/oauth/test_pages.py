"""What a student's browser meets between a client's request and the answer that goes back."""

import re

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from core.settings import Settings
from tests.conftest import Servers
from tests.core.accounts.conftest import new_email
from tests.core.conftest import PASSWORD, SignUp, running
from tests.core.oauth.browsing import (
    ISSUER,
    REDIRECT,
    App,
    Browser,
    answer_of,
    forms,
    grant,
    is_page,
    register,
)
from tests.core.oauth.conftest import browser_on


async def test_from_request_to_code(browser: Browser, asking: App, sign_up: SignUp) -> None:
    student = await sign_up()
    page = await browser.open(asking.request())
    assert is_page(page)
    assert "form-action 'self' https:;" in page.headers["Content-Security-Policy"]
    cookie = page.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/oauth;" in cookie
    page = await browser.submit(page, "sign-in", email=student.email.upper(), password=PASSWORD)
    assert is_page(page)
    assert student.email in page.text
    assert "It will take you to <strong>client.example</strong>." in page.text
    assert "until you disconnect it or change your password:" in page.text
    assert "your own computer" not in page.text
    assert "Nobody has" in page.text, "a client that registered itself proves nothing by its name"
    answer = await browser.submit(page, "consent", decision="allow")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Location"].startswith(REDIRECT + "&")
    said = answer_of(answer)
    assert said.keys() == {"kept", "code", "state", "iss"}
    assert (said["state"], said["iss"], said["kept"]) == (asking.state, ISSUER, "1")


async def test_every_page_leads_to_what_is_kept_agreed_and_offered(
    browser: Browser, asking: App, sign_up: SignUp
) -> None:
    sign_in = await browser.open(asking.request())
    consent = await browser.submit(sign_in, "sign-in", email=(await sign_up()).email, password=PASSWORD)
    for page in (sign_in, consent, await browser.submit(sign_in, "sign-up")):
        assert re.findall(r'<a href="\.\./(\w+)"', page.text) == ["privacy", "terms", "support"]


async def test_every_field_has_a_label(browser: Browser, asking: App) -> None:
    first = await browser.open(asking.request())
    second = await browser.submit(first, "sign-up")
    third = await browser.submit(first, "forgot")
    fourth = await browser.submit(third, "forgot", email=new_email())
    for page in (first, second, third, fourth):
        named = set(re.findall(r'<(?:input|select) id="(\w+)"', page.text))
        assert named == set(re.findall(r'<label for="(\w+)"', page.text)) != set()


async def test_what_may_be_left_out(browser: Browser, asking: App, sign_up: SignUp) -> None:
    asked = asking.request(scope=None, resource=None, state=None)
    answer = await browser.allow(asked, (await sign_up()).email)
    tokens = (await asking.redeem(answer["code"], resource=None)).json()
    assert tokens["scope"] == "learn"


async def test_a_wrong_password_is_told_on_the_page(browser: Browser, asking: App, sign_up: SignUp) -> None:
    student = await sign_up()
    known = await browser.sign_in(asking.request(), student.email, "not this one")
    unknown = await browser.sign_in(asking.request(), new_email(), "not this one")
    for page in (known, unknown):
        assert is_page(page, 401)
        assert 'role="alert"' in page.text
        assert "not this one" not in page.text
    again = await browser.submit(known, "sign-in", email=student.email, password=PASSWORD)
    assert is_page(again)
    too_long = await browser.submit(known, "sign-in", email=student.email, password="x" * 300)
    assert is_page(too_long, 401)


async def test_guesses_on_the_page_count_like_those_at_login(servers: Servers, settings: Settings) -> None:
    database = servers.new_database()
    strict = settings.model_copy(
        update={"sign_in_limits_scale": 0.3, "core_database_url": type(settings.jwt_secret_key)(database.core_url)}
    )
    async with running(strict) as app, browser_on(app) as client:
        browser, app_ = Browser(client), await register(client)
        email = new_email()
        pages = [await browser.sign_in(app_.request(), email, "wrong") for _ in range(4)]
        assert [page.status_code for page in pages] == [401, 401, 401, 429]
        assert is_page(pages[-1], 429)
        assert int(pages[-1].headers["Retry-After"]) > 0
        login = await client.post("/api/v1/auth/login", json={"email": email, "password": "wrong"})
        assert login.status_code == 429


async def test_a_new_student_signs_up_on_the_page(browser: Browser, owner: asyncpg.Connection, asking: App) -> None:
    email = new_email()
    page = await browser.submit(await browser.open(asking.request()), "sign-up")
    assert is_page(page)
    assert " selected" not in page.text, "no zone is taken for granted"
    assert "13 years and older" in page.text
    given = {"email": email, "password": PASSWORD, "timezone": "Asia/Tokyo", "full_name": "<b>Ada</b>"}
    for wrong, word in (
        ({"password": "short"}, ">Password: Use at least"),
        ({"timezone": ""}, ">Time zone: Please choose yours."),
        ({"timezone": "Mars/Olympus"}, ">Time zone: an IANA time zone is expected"),
        ({"email": "x"}, ">E-mail address: value is not"),
    ):
        refused = await browser.submit(page, "sign-up", **{**given, **wrong})
        assert is_page(refused, 422)
        assert word in refused.text
        assert "<b>" not in refused.text
        assert "&lt;b&gt;Ada" in refused.text, "what was filled in is still there"
    consent = await browser.submit(page, "sign-up", **given)
    assert is_page(consent)
    code = answer_of(await browser.submit(consent, "consent", decision="allow"))["code"]
    assert (await asking.redeem(code)).status_code == 200
    row = await owner.fetchrow("SELECT full_name, timezone FROM students WHERE email = $1", email)
    assert tuple(row) == ("<b>Ada</b>", "Asia/Tokyo")
    assert is_page(await browser.submit(page, "sign-up", **given), 409)


async def test_who_does_not_agree_gives_nothing_away(
    browser: Browser, owner: asyncpg.Connection, asking: App, sign_up: SignUp
) -> None:
    student = await sign_up()
    page = await browser.sign_in(asking.request(), student.email)
    said = answer_of(await browser.submit(page, "consent", decision="deny"))
    assert said.keys() == {"kept", "error", "error_description", "state", "iss"}
    assert (said["error"], said["state"], said["iss"]) == ("access_denied", asking.state, ISSUER)
    assert said["error_description"] == "You did not allow it."
    assert is_page(await browser.submit(page, "consent", decision="allow"), 400)
    assert await owner.fetchval("SELECT count(*) FROM oauth_consents WHERE student_id = $1", student.student_id) == 0
    anything_else = await browser.sign_in(asking.request(), student.email)
    assert answer_of(await browser.submit(anything_else, "consent"))["error"] == "access_denied"


async def test_a_client_that_was_forgotten_meanwhile_is_told_on_a_page(
    browser: Browser, owner: asyncpg.Connection, asking: App, sign_up: SignUp
) -> None:
    page = await browser.sign_in(asking.request(), (await sign_up()).email)
    await owner.execute("DELETE FROM oauth_clients WHERE client_id = $1", asking.client_id)
    assert is_page(await browser.submit(page, "consent", decision="allow"), 400)


async def test_consent_is_remembered_for_each_client(
    client: httpx.AsyncClient, browser: Browser, asking: App, sign_up: SignUp
) -> None:
    student, other_student = await sign_up(), await sign_up()
    await grant(browser, asking, student.email)
    straight = await browser.sign_in(asking.request(), student.email)
    assert (await asking.redeem(answer_of(straight)["code"])).status_code == 200
    assert is_page(await browser.sign_in(asking.request(), other_student.email))
    assert is_page(await browser.sign_in((await register(client)).request(), student.email))


async def test_a_second_click_is_no_second_consent(browser: Browser, asking: App, sign_up: SignUp) -> None:
    page = await browser.sign_in(asking.request(), (await sign_up()).email)
    codes = [answer_of(await browser.submit(page, "consent", decision="allow"))["code"] for _ in range(2)]
    assert codes[0] == codes[1]
    tokens = (await asking.redeem(codes[0])).json()
    late = await browser.submit(page, "consent", decision="allow")
    assert is_page(late, 409)
    assert (await asking.refresh(tokens["refresh_token"])).status_code == 200, "the connection stands"


@pytest.mark.parametrize("action", ["sign-in", "sign-up", "consent"])
async def test_a_form_is_of_no_use_in_another_browser(
    browser: Browser, other_browser: Browser, asking: App, sign_up: SignUp, action: str
) -> None:
    email = (await sign_up()).email
    page = await (browser.sign_in(asking.request(), email) if action == "consent" else browser.open(asking.request()))
    [form] = [form for form in forms(page) if form.action == action]
    filled = {**form.fields, "email": email, "password": PASSWORD, "decision": "allow"}
    await other_browser.open(asking.request())
    for forged in (filled, {**filled, "ticket": "made.up"}, {"decision": "allow"}):
        answer = await other_browser.client.post(f"/oauth/{action}", data=forged)
        assert is_page(answer, 400)
    no_cookie = httpx.AsyncClient(transport=browser.client._transport, base_url=ISSUER)
    assert is_page(await no_cookie.post(f"/oauth/{action}", data=filled), 400)


async def test_a_ticket_before_sign_in_gives_no_consent(browser: Browser, asking: App) -> None:
    page = await browser.open(asking.request())
    ticket = forms(page)[0].fields["ticket"]
    for decision in ("allow", "deny"):
        answer = await browser.client.post("/oauth/consent", data={"ticket": ticket, "decision": decision})
        assert is_page(answer, 400)


async def test_a_new_password_ends_a_sign_in_that_waits_for_consent(
    client: httpx.AsyncClient, browser: Browser, asking: App, sign_up: SignUp
) -> None:
    student = await sign_up()
    page = await browser.sign_in(asking.request(), student.email)
    body = {"current_password": PASSWORD, "new_password": "another long password"}
    changed = await client.post("/api/v1/auth/password/change", json=body, headers=student.headers)
    assert changed.status_code == 204
    assert is_page(await browser.submit(page, "consent", decision="allow"), 400)


async def test_a_sign_in_waits_ten_minutes_for_consent(
    owner: asyncpg.Connection, browser: Browser, asking: App, sign_up: SignUp
) -> None:
    student = await sign_up()
    await owner.execute("DELETE FROM sessions WHERE student_id = $1", student.student_id)
    page = await browser.sign_in(asking.request(), student.email)
    seconds = "SELECT extract(epoch FROM expires_at - now()) FROM sessions WHERE student_id = $1"
    assert 540 < await owner.fetchval(seconds, student.student_id) <= 600
    await owner.execute("UPDATE sessions SET expires_at = now() WHERE student_id = $1", student.student_id)
    assert is_page(await browser.submit(page, "consent", decision="allow"), 400)


async def test_over_https_the_cookie_is_secure(settings: Settings) -> None:
    https = settings.model_copy(update={"public_url": "https://course.example"})
    async with running(https) as app, browser_on(app) as client:
        answer = await client.get("/oauth/authorize", params=(await register(client)).request(resource=None))
        assert "Secure" in answer.headers["Set-Cookie"]


async def test_pages_are_pages_without_a_database(settings: Settings) -> None:
    away = settings.model_copy(
        update={"core_database_url": type(settings.jwt_secret_key)("postgresql://nobody@127.0.0.1:1/none")}
    )
    async with running(away) as app, browser_on(app) as client:
        assert is_page(await client.get("/oauth/authorize", params={"client_id": "any"}), 503)
        token = await client.post("/oauth/token", data={"grant_type": "refresh_token", "client_id": "any"})
        assert (token.status_code, token.json()["error"]) == (503, "temporarily_unavailable")


async def test_a_loopback_and_an_own_scheme_are_named_to_the_student(app: FastAPI, browser: Browser) -> None:
    loopback = await register(browser.client, redirect_uris=["http://127.0.0.1:3055/callback"], client_name=None)
    page = await browser.open(loopback.request())
    assert "It will take you to <strong>127.0.0.1:3055</strong>.\nThat is a program on your own computer" in page.text
    assert "form-action 'self' https: http:;" in page.headers["Content-Security-Policy"]
    own = await register(browser.client, redirect_uris=["com.example.tutor:/callback"])
    page = await browser.open(own.request(scope="x"))
    assert is_page(page, 400)
    assert "<strong>com.example.tutor</strong>" in page.text

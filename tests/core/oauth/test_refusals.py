"""Authorization requests that are refused before anybody has signed in: who hears of it, and where."""

import re
from html import unescape
from typing import Any

import pytest

from tests.core.oauth.browsing import ISSUER, REDIRECT, RESOURCE, App, Browser, answer_of, is_page, said_by


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "too short"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": 'quo"ted'}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"scope": "learn everything"}, "invalid_scope"),
        ({"resource": "https://elsewhere.example/mcp"}, "invalid_target"),
        ({"resource": ISSUER}, "invalid_target"),
        ({"resource": [RESOURCE, "https://elsewhere.example"]}, "invalid_target"),
        ({"scope": ["learn", "learn"]}, "invalid_request"),
        ({"code_challenge": ["c" * 43, "d" * 43]}, "invalid_request"),
        ({"scope": "nul\0"}, "invalid_request"),
    ],
)
async def test_a_bad_request_goes_back_to_the_client(
    browser: Browser, on_this_machine: App, asking: App, changes: dict[str, Any], error: str
) -> None:
    said = answer_of(await browser.open(on_this_machine.request(**changes)))
    assert said.keys() == {"kept", "error", "error_description", "state", "iss"}
    assert (said["error"], said["state"], said["iss"]) == (error, on_this_machine.state, ISSUER)
    page = await browser.open(asking.request(**changes))
    assert is_page(page, 400), "nobody is sent unasked to where anybody could have registered"
    assert "<strong>client.example</strong>" in page.text
    [link] = re.findall(r'<a href="([^"]*)">go back', page.text)
    assert link.startswith("https://client.example/callback?")
    assert said_by(unescape(link)) == {**said, "state": asking.state}


async def test_a_state_comes_back_as_it_was_or_not_at_all(browser: Browser, on_this_machine: App) -> None:
    strange = 'a b+c/%&=?"<\u00fc>'
    assert answer_of(await browser.open(on_this_machine.request(state=strange, scope="x")))["state"] == strange
    assert "state" not in answer_of(await browser.open(on_this_machine.request(state=None, scope="x")))


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "nobody"},
        {"client_id": None},
        {"client_id": "nul\0"},
        {"client_id": ["one", "two"]},
        {"client_id": "https://elsewhere.example/client.json"},
        {"redirect_uri": None},
        {"redirect_uri": "https://elsewhere.example/"},
        {"redirect_uri": REDIRECT + "&more=1"},
        {"redirect_uri": REDIRECT.upper()},
        {"redirect_uri": 'https://client.example/"quoted"'},
        {"redirect_uri": [REDIRECT, "https://elsewhere.example/"]},
    ],
)
async def test_nobody_is_sent_to_an_address_that_is_no_clients(
    browser: Browser, asking: App, changes: dict[str, Any]
) -> None:
    page = await browser.open(asking.request(**changes))
    assert is_page(page, 400)
    assert "elsewhere.example" not in page.text
    assert "form-action 'none'" in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize("page", ["sign-in", "sign-up", "forgot", "reset", "consent"])
async def test_a_page_opened_by_its_address_says_where_it_begins(browser: Browser, page: str) -> None:
    answer = await browser.client.get(f"/oauth/{page}")
    assert is_page(answer, 405)
    assert answer.headers["Allow"] == "POST"
    assert "Please go there and connect again." in answer.text

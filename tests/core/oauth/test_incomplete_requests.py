"""Requests with a parameter missing or sent twice are refused in the words of RFC 6749, whichever it is."""

from urllib.parse import urlencode

import httpx
import pytest

from tests.core.conftest import SERVICE_TOKEN, SignUp
from tests.core.oauth.browsing import RESOURCE, App, Browser, grant

NEEDED = {
    "code": ["grant_type", "code", "code_verifier", "client_id", "redirect_uri"],
    "refresh": ["grant_type", "refresh_token", "client_id"],
    "exchange": ["grant_type", "subject_token", "subject_token_type"],
    "revocation": ["token", "client_id"],
}
ADDRESSES = {"exchange": "/internal/v1/oauth/token", "revocation": "/oauth/revoke"}
KINDS = [(request, name) for request, names in NEEDED.items() for name in names]


class Requests:
    """Requests of every kind that are right in all but what is changed."""

    def __init__(self, browser: Browser, app: App, email: str) -> None:
        self.browser, self.app, self.email = browser, app, email

    async def right(self, request: str) -> dict[str, str]:
        common = {"client_id": self.app.client_id}
        if request == "code":
            code = (await self.browser.allow(self.app.request(), self.email))["code"]
            proof = {"code_verifier": self.app.verifier, "redirect_uri": self.app.redirect_uri, "resource": RESOURCE}
            return {"grant_type": "authorization_code", "code": code, **proof, **common}
        tokens = await grant(self.browser, self.app, self.email)
        if request == "refresh":
            return {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], **common}
        if request == "revocation":
            return {"token": tokens["refresh_token"], **common}
        kinds = "urn:ietf:params:oauth:"
        return {
            "grant_type": f"{kinds}grant-type:token-exchange",
            "subject_token": tokens["access_token"],
            "subject_token_type": f"{kinds}token-type:access_token",
        }

    async def send(self, request: str, pairs: list[tuple[str, str]]) -> httpx.Response:
        address = ADDRESSES.get(request, "/oauth/token")
        headers = {"Authorization": f"Bearer {SERVICE_TOKEN}"} if request == "exchange" else {}
        form = urlencode(pairs)
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        return await self.app.client.post(address, content=form, headers=headers)


@pytest.fixture
async def requests(browser: Browser, asking: App, sign_up: SignUp) -> Requests:
    return Requests(browser, asking, (await sign_up()).email)


@pytest.mark.parametrize(("request_", "name"), KINDS, ids=["-".join(kind) for kind in KINDS])
async def test_a_parameter_that_is_missing_or_sent_twice(requests: Requests, request_: str, name: str) -> None:
    form = await requests.right(request_)
    rest = [(key, value) for key, value in form.items() if key != name]
    word = {"client_id": "invalid_client", "redirect_uri": "invalid_grant"}.get(name, "invalid_request")
    for value in ([], [(name, "")]):
        missing = await requests.send(request_, rest + value)
        assert (missing.status_code, missing.json()["error"]) == (400, word)
    twice = await requests.send(request_, [*rest, (name, form[name]), (name, form[name])])
    assert (twice.status_code, twice.json()["error"]) == (400, "invalid_request")
    whole = await requests.send(request_, list(form.items()))
    assert whole.status_code == 200, "what was refused has used nothing up"

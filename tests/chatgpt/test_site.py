"""The pages, the proof of the address, and what is said when core can not be asked."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from chatgpt_app.app import create_app
from chatgpt_app.pages import members
from chatgpt_app.server import CourseServer
from chatgpt_app.settings import Settings
from tests.conftest import free_port

TOKEN = "a-service-token-of-more-than-32-characters"


def asking(**given: Any) -> httpx.AsyncClient:
    """A client of an app with these settings."""
    settings = Settings(_env_file=None, core_service_token=TOKEN, public_url="https://course.example", **given)
    return httpx.AsyncClient(transport=httpx.ASGITransport(create_app(settings)), base_url="https://course.example")


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with asking(publisher_name="A <school>", support_email="help@course.example") as found:
        yield found


@pytest.mark.parametrize("page", ["", "privacy", "terms", "support"])
async def test_a_page_names_its_publisher_and_needs_nothing_else(client: httpx.AsyncClient, page: str) -> None:
    answer = await client.get(f"/{page}")
    assert answer.status_code == 200
    assert "A &lt;school&gt;" in answer.text
    assert ("help@course.example" in answer.text) is (page != "")
    assert "$" not in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


async def test_privacy_lists_all_that_any_tool_shows(client: httpx.AsyncClient, server: CourseServer) -> None:
    listed = (await client.get("/privacy")).text
    for tool in await server.list_tools():
        row = next(line for line in listed.splitlines() if f"<td>{tool.title}</td>" in line)
        for member in members(tool.output_schema or {}):
            assert member.replace("_", " ") in row


async def test_privacy_names_who_reads_answers_and_what_is_kept_of_sign_in(client: httpx.AsyncClient) -> None:
    told = " ".join((await client.get("/privacy")).text.split())
    for said in (
        "one in ten of the others",
        "Your plan",
        "network address",
        "one cookie",
        "Until you disconnect the app",
        "so it disconnects the app too",
    ):
        assert said in told


async def test_the_proof_of_the_address_is_there_only_when_it_is_set(client: httpx.AsyncClient) -> None:
    path = "/.well-known/openai-apps-challenge"
    assert (await client.get(path)).status_code == 404
    async with asking(openai_apps_challenge="proof-123") as set_up:
        answer = await set_up.get(path)
    assert (answer.status_code, answer.text) == (200, "proof-123")
    assert answer.headers["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize("token", ["", "short", "replace-me-with-a-service-token-of-32-characters", "x" * 40 + "..."])
def test_production_refuses_a_token_that_is_none(token: str) -> None:
    with pytest.raises(ValueError, match="CORE_SERVICE_TOKEN must be a secret"):
        Settings(_env_file=None, environment="production", core_service_token=token)


async def test_home_says_how_to_connect(client: httpx.AsyncClient) -> None:
    assert "<code>https://course.example/mcp</code>" in (await client.get("/")).text


async def test_production_has_no_preview(client: httpx.AsyncClient) -> None:
    assert (await client.get("/preview")).status_code == 200
    assert "/preview" in (await client.get("/")).text
    async with asking(environment="production") as production:
        assert (await production.get("/preview")).status_code == 404
        assert "/preview" not in (await production.get("/")).text


async def test_a_host_keeps_its_sign_in_while_core_can_not_be_asked() -> None:
    async with asking(core_url=f"http://127.0.0.1:{free_port()}") as cut_off:
        answer = await cut_off.post("/mcp", json={}, headers={"Authorization": "Bearer something"})
    assert answer.status_code == 503
    assert "WWW-Authenticate" not in answer.headers

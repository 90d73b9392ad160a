"""Every page a learner meets beside the chat, on a phone: sign-in to consent, and those of the plugin."""

import json
import secrets
from typing import Any

import httpx
import pytest

from tests.chatgpt.chat import public_url
from tests.chatgpt.node import HERE, run_node
from tests.core.oauth.browsing import register
from tests.live import PASSWORD, Live

PICTURES = HERE.parents[1] / "test-artifacts" / "pages"
PAGES = [
    *("sign-in", "sign-in-refused", "forgot", "reset", "reset-refused", "sign-up", "sign-up-refused", "consent"),
    *("problem", "home", "privacy", "terms", "support", "preview"),
]


@pytest.fixture(scope="module")
async def seen(live: Live, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the browser saw."""
    address = public_url(live)
    async with httpx.AsyncClient(base_url=address) as http:
        client = await register(http, client_name="A host of the tests")
    asked = httpx.QueryParams(client.request(resource=f"{address}/mcp"))
    given = {
        "address": address,
        "authorize": f"{address}/oauth/authorize?{asked}",
        "email": f"pages-{secrets.token_hex(6)}@example.com",
        "password": PASSWORD,
    }
    folder = tmp_path_factory.mktemp("pages")
    PICTURES.mkdir(parents=True, exist_ok=True)
    (folder / "given.json").write_text(json.dumps(given))
    files = (str(folder / "given.json"), str(folder / "seen.json"), str(PICTURES))
    code, output = await run_node(HERE / "browser" / "pages.mjs", *files, seconds=200)
    assert code == 0, output
    found: dict[str, Any] = json.loads((folder / "seen.json").read_text())
    return found


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_and_can_be_used_by_everybody(seen: dict[str, Any], name: str) -> None:
    kept = [one for one in seen["report"] if one["name"] == name]
    assert [one["theme"] for one in kept] == ["light", "dark"]
    for one in kept:
        assert one["violations"] == [], one["theme"]
        assert one["overflow"] <= 0, one["theme"]
        assert "Course Companion" in one["title"]
        assert one["language"] == "en"
        assert (PICTURES / f"{name}-{one['theme']}.png").stat().st_size > 2_000


def test_no_page_asks_anything_of_another_host(seen: dict[str, Any]) -> None:
    assert {one["name"] for one in seen["report"]} == set(PAGES)
    assert seen["away"] == []

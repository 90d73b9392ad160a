"""The submission kit: made from the code, within the directory's limits, its cases executed."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from chatgpt_app import kit
from chatgpt_app.commands import app
from chatgpt_app.kit import Case
from chatgpt_app.settings import Settings, get_settings
from tests.chatgpt.chat import app_token, chatting, public_url
from tests.live import Live

PASSWORDS = {"premium@test.com": "premium123", "free@test.com": "password123"}
LISTING = kit.listing()


@pytest.fixture(scope="module")
def made(live: Live, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kit as the command writes it."""
    folder = tmp_path_factory.mktemp("kit") / "course-companion"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PUBLIC_URL", public_url(live))
        patch.setenv("GATEWAY_URL", public_url(live))
        get_settings.cache_clear()
        result = CliRunner().invoke(app, ["kit", str(folder)])
    get_settings.cache_clear()
    assert result.exit_code == 1  # this address is not https, and nobody publishes it
    assert "PUBLIC_URL must be an https address" in result.stderr
    return folder


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def test_plugin_and_server_are_described_as_the_format_asks(live: Live, made: Path) -> None:
    plugin = read(made / "plugin.json")
    assert plugin["$schema"] == "https://agent-plugins.org/schemas/1.0.0/plugin.schema.json"
    assert re.fullmatch(r"[a-z0-9-]{1,64}", plugin["name"])
    assert plugin.keys() <= {
        "$schema", "name", "version", "description", "author", "homepage", "license", "keywords", "extensions",
    }  # fmt: skip
    [server] = read(made / "mcp.json")["mcpServers"].values()
    assert server == {"type": "streamable-http", "url": f"{public_url(live)}/mcp"}
    assert sorted(path.name for path in (made / "skills").iterdir()) == [
        "concept-explainer", "progress-motivator", "quiz-master", "socratic-tutor",
    ]  # fmt: skip
    assert made.with_suffix(".zip").stat().st_size > 5_000


def test_the_listing_sells_nothing(made: Path) -> None:
    manifest = yaml.safe_load((made / "manifest.yaml").read_text())
    assert len(manifest["tools"]) == 20
    told = " ".join(
        [manifest["name"], manifest["short_description"], manifest["long_description"], *LISTING.starter_prompts]
    )
    assert not re.search(r"premium|price|free\b|upgrade|\$|plugin|mcp", told, re.IGNORECASE)


def test_api_clients_get_at_most_thirty_operations_with_short_names(made: Path) -> None:
    document = read(made / "openapi.json")
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    assert 20 <= len(operations) <= 30
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    assert {"list_chapters", "list_quiz_history", "create_path"} <= set(names)
    assert all(len(operation["description"]) <= 300 for operation in operations)
    named = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(document)))
    assert named <= document["components"]["schemas"].keys()


@pytest.fixture(scope="module")
async def tokens(live: Live) -> dict[str, str]:
    return {email: await app_token(live, email, password) for email, password in PASSWORDS.items()}


@pytest.mark.parametrize("case", [*LISTING.positive_cases, *LISTING.negative_cases], ids=lambda case: case.prompt)
async def test_a_case_a_reviewer_tries_gives_what_it_promises(live: Live, tokens: dict[str, str], case: Case) -> None:
    async with chatting(f"{public_url(live)}/mcp", tokens[case.account]) as chat:
        result = await chat.call(case.tool, **case.arguments)
    said = result.model_dump_json()
    assert case.says in said.replace("\\u201c", "“").replace("\\u201d", "”")
    assert not case.never_says or case.never_says not in said
    assert bool(result.is_error) is (case in LISTING.negative_cases and bool(case.says))


def test_nothing_is_missing_once_the_operator_has_said_who_publishes_it() -> None:
    ready = Settings(
        _env_file=None,
        public_url="https://course.example",
        publisher_name="A school",
        support_email="help@course.example",
        openai_apps_challenge="proof",
    )
    assert kit.missing(ready) == []
    assert len(kit.missing(Settings(_env_file=None))) == 4

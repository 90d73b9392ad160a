"""The submission kit: made from the code, within the directory's limits, its cases executed."""

import json
import re
import secrets
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from chatgpt_app import kit
from chatgpt_app.commands import app
from chatgpt_app.kit import Case, artwork, plugin
from chatgpt_app.kit.listing import Outside
from chatgpt_app.server import CourseServer
from chatgpt_app.settings import Settings, get_settings
from tests.chatgpt.chat import app_token, chatting, public_url, text_of
from tests.chatgpt.node import HERE, run_node
from tests.live import PASSWORD, Live

LISTING = kit.listing()
RECORDING = "https://course.example/recording.mp4"
SIZES = {"logo.png": 512, "icon.png": 128}


@pytest.fixture(scope="module")
def made(live: Live, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kit as the command writes it."""
    folder = tmp_path_factory.mktemp("kit") / "course-companion-0.1.0"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PUBLIC_URL", public_url(live))
        patch.setenv("GATEWAY_URL", public_url(live))
        get_settings.cache_clear()
        result = CliRunner().invoke(app, ["kit", str(folder), "--demo-recording", RECORDING])
    get_settings.cache_clear()
    assert result.exit_code == 1  # this address is not https, and nobody publishes it
    assert "PUBLIC_URL must be an https address" in result.stderr
    assert "recording" not in result.stderr
    return folder


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def test_plugin_and_server_are_described_as_the_format_asks(live: Live, made: Path) -> None:
    described = read(made / "plugin.json")
    assert described["$schema"] == "https://agent-plugins.org/schemas/1.0.0/plugin.schema.json"
    assert re.fullmatch(r"[a-z0-9-]{1,64}", described["name"])
    assert described.keys() <= {
        "$schema", "name", "version", "description", "author", "homepage", "license", "keywords", "extensions",
    }  # fmt: skip
    openai = described["extensions"]["com.openai"]
    listed = openai["interface"]
    assert listed["developerName"] == described["author"]["name"]
    assert listed["category"] == "Education & Research"
    for page in ("privacyPolicyURL", "termsOfServiceURL", "supportURL"):
        assert live.client.get(listed[page]).status_code == 200
    assert openai["review"]["demo_recording_url"] == RECORDING
    cases = openai["review"]["test_cases"]
    assert [len(cases[kind]) for kind in ("positive", "negative")] == [5, 3]
    assert openai["publication"]["release_notes"]
    assert "test.com" not in json.dumps(described), "accounts of reviewers are told in the portal"
    [server] = read(made / "mcp.json")["mcpServers"].values()
    assert server == {"type": "streamable-http", "url": f"{public_url(live)}/mcp"}
    assert sorted(path.name for path in (made / "skills").iterdir()) == [
        "concept-explainer", "progress-motivator", "quiz-master", "socratic-tutor",
    ]  # fmt: skip
    with zipfile.ZipFile(made.with_name("course-companion-0.1.0.zip")) as package:
        packed = set(package.namelist())
    assert packed == {str(path.relative_to(made)) for path in made.rglob("*") if path.is_file()}
    assert {listed[member].removeprefix("./") for member in ("logo", "composerIcon")} <= packed


def test_the_listing_sells_nothing(made: Path) -> None:
    manifest = yaml.safe_load((made / "manifest.yaml").read_text())
    assert len(manifest["tools"]) == 20
    for tool in manifest["tools"]:
        assert tool["hints"].keys() == {"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"}
        assert all(isinstance(hint["value"], bool) and hint["why"] for hint in tool["hints"].values())
    assert all(LISTING.model_dump()[text].count("\n") == 0 for text in ("long_description", "release_notes"))
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
    assert named == document["components"]["schemas"].keys()


async def test_each_hint_has_a_reason_of_its_tool_and_says_what_goes_to_a_provider(server: CourseServer) -> None:
    listed = await server.list_tools()
    hints = {
        tool["name"]: tool["hints"] for tool in plugin.manifest(Settings(_env_file=None), LISTING, listed)["tools"]
    }
    writing = {name for name, told in hints.items() if not told["readOnlyHint"]["value"]}
    assert writing == plugin.WRITES.keys()
    for name, told in hints.items():
        again = "another" in told["idempotentHint"]["why"]
        assert told["idempotentHint"]["value"] is not again, name
    sending = {name for name, told in hints.items() if "provider" in told["openWorldHint"]["why"]}
    assert sending == {"create_learning_path", "submit_answer"}


@pytest.fixture(scope="module")
async def token(live: Live) -> str:
    """Reviewers have one account, made as the README says: every case holds there."""
    email = f"reviewer-{secrets.token_hex(6)}@example.com"
    live.stack.core_command("create-student", email, "--password", PASSWORD, "--tier", "premium", "--sample-data")
    assert live.sign_in(email, PASSWORD).get("/api/v1/progress").json()["overall_progress"] > 0
    return await app_token(live, email)


@pytest.mark.parametrize("case", LISTING.positive_cases, ids=lambda case: case.prompt)
async def test_a_case_a_reviewer_tries_gives_what_it_promises(live: Live, token: str, case: Case) -> None:
    async with chatting(f"{public_url(live)}/mcp", token) as chat:
        assert case.says in text_of(await chat.call(case.tool, **case.arguments))


@pytest.mark.parametrize("case", LISTING.negative_cases, ids=lambda case: case.prompt)
async def test_a_case_that_calls_no_tool_is_about_nothing_the_course_teaches(
    live: Live, token: str, server: CourseServer, case: Outside
) -> None:
    assert case.why.startswith("No tool is called: ")
    assert case.subject in case.prompt
    assert not [tool.name for tool in await server.list_tools() if tool.name in case.model_dump_json()]
    async with chatting(f"{public_url(live)}/mcp", token) as chat:
        found = await chat.call("search_course", query=case.subject)
    assert "The course says nothing about" in text_of(found)
    assert not found.is_error
    assert found.structured_content["hits"] == []


async def test_a_reviewer_gets_no_key_and_no_grade_for_a_word(live: Live, token: str) -> None:
    async with chatting(f"{public_url(live)}/mcp", token) as chat:
        assert "Right." not in (await chat.call("get_quiz", quiz_id="01-intro-quiz")).model_dump_json()
        told = await chat.refused("submit_answer", question_id="04-rag-q1", answer_text="yes")
        assert "50 to 5000 characters" in told


def test_nothing_is_missing_once_the_operator_has_said_who_publishes_it() -> None:
    ready = Settings(
        _env_file=None,
        public_url="https://course.example",
        publisher_name="A school",
        support_email="help@course.example",
        openai_apps_challenge="proof",
    )
    assert kit.missing(ready, recording=RECORDING) == []
    assert len(kit.missing(Settings(_env_file=None))) == 5


def png(width: int, height: int, more: bytes = b"") -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height) + more


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"assets/logo.png": None}, "assets/logo.png is missing"),
        ({"assets/icon.png": None}, "assets/icon.png is missing"),
        ({"assets/logo.png": b"<svg/>"}, "assets/logo.png is no PNG image"),
        ({"assets/logo.png": png(512, 511)}, "assets/logo.png must be square, not 512 by 511 pixels"),
        ({"assets/logo.png": png(255, 255)}, "assets/logo.png must have 256 to 4096 pixels a side, not 255"),
        ({"assets/logo.png": png(4097, 4097)}, "assets/logo.png must have 256 to 4096 pixels a side, not 4097"),
        ({"assets/icon.png": png(47, 47)}, "assets/icon.png must have 48 to 4096 pixels a side, not 47"),
        ({"assets/icon.png": png(48, 48, bytes(5 * 1024**2))}, "assets/icon.png must not be larger than 5 MiB"),
    ],
)
def test_a_picture_the_directory_would_refuse_is_named(changed: dict[str, bytes | None], said: str) -> None:
    assert artwork.problems(artwork.assets()) == []
    found = {**artwork.assets(), **changed}
    assert artwork.problems({path: content for path, content in found.items() if content is not None}) == [said]


def test_the_command_fails_for_a_picture_that_is_missing(
    live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artwork, "FOLDER", tmp_path)
    monkeypatch.setenv("GATEWAY_URL", public_url(live))
    get_settings.cache_clear()
    result = CliRunner().invoke(app, ["kit", str(tmp_path / "kit")])
    get_settings.cache_clear()
    assert result.exit_code == 1
    assert "assets/logo.png is missing" in result.stderr


async def test_the_pictures_are_what_was_drawn(tmp_path: Path) -> None:
    drawn = HERE.parents[1] / "test-artifacts" / "artwork"
    drawn.mkdir(parents=True, exist_ok=True)
    folder, seen = Path(str(artwork.FOLDER)), tmp_path / "seen.json"
    script = HERE / "browser" / "artwork.mjs"
    code, output = await run_node(script, str(folder), json.dumps(SIZES), str(drawn), str(seen))
    assert code == 0, output
    assert all(difference <= 8 for difference in read(seen).values()), read(seen)

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from intelligence import processes
from intelligence.settings import get_settings, is_placeholder
from tests.intelligence.conftest import Configure

GOOD = {
    "ENVIRONMENT": "production",
    "INTELLIGENCE_DATABASE_URL": "postgresql://intelligence_service@127.0.0.1:9/none",
    "CORE_SERVICE_TOKEN": "a-service-token-of-32-characters-or-more",
    "ANTHROPIC_API_KEY": "sk-ant-api03-real-looking",
}


def start(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Import the service as uvicorn would, with this environment and no other."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", "import intelligence.app"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"ANTHROPIC_API_KEY": "your-key-here"}, "ANTHROPIC_API_KEY"),
        ({"ANTHROPIC_API_KEY": ""}, "ANTHROPIC_API_KEY"),
        ({"ANTHROPIC_API_KEY": "xxx"}, "ANTHROPIC_API_KEY"),
        ({"ANTHROPIC_API_KEY": "replace-me"}, "ANTHROPIC_API_KEY"),
        ({"ANTHROPIC_API_KEY": "example-key"}, "ANTHROPIC_API_KEY"),
        ({"ANTHROPIC_API_KEY": "sk-ant-api03-..."}, "ANTHROPIC_API_KEY"),
        ({"CORE_SERVICE_TOKEN": "short"}, "CORE_SERVICE_TOKEN"),
        ({"CORE_SERVICE_TOKEN": "changeme-changeme-changeme-changeme"}, "CORE_SERVICE_TOKEN"),
        ({"INTELLIGENCE_DATABASE_URL": "", "DATABASE_URL": "postgresql://x"}, "INTELLIGENCE_DATABASE_URL"),
        ({"ANTHROPIC_MODEL": "claude-nobody"}, "claude-nobody"),
        ({"CONTENT_SOURCE": "r2"}, "CLOUDFLARE_R2_ENDPOINT"),
        ({"CONTENT_SOURCE": "r2", "CLOUDFLARE_R2_ENDPOINT": "https://r2.example"}, "CLOUDFLARE_R2_SECRET_KEY"),
        (
            {
                "CONTENT_SOURCE": "r2",
                "CLOUDFLARE_R2_ENDPOINT": "https://r2.example",
                "CLOUDFLARE_R2_ACCESS_KEY": "of-the-bucket",
                "CLOUDFLARE_R2_SECRET_KEY": "your-r2-secret-key",
            },
            "CLOUDFLARE_R2_SECRET_KEY",
        ),
        ({"CONTENT_SOURCE": "r2", "CLOUDFLARE_R2_ENDPOINT": "r2.example"}, "begins with http:// or https://"),
        ({"LLM_CONCURRENCY": "many"}, "LLM_CONCURRENCY"),
    ],
)
async def test_an_unsafe_start_ends_with_one_line(configure: Configure, changes: dict[str, str], named: str) -> None:
    await configure(**(GOOD | changes))
    with pytest.raises(SystemExit) as ended:
        processes.start()
    line = str(ended.value)
    assert line.startswith("intelligence cannot start")
    assert named in line
    assert len(line.splitlines()) == 1
    assert not any(value in line for name, value in changes.items() if value and name.endswith(("KEY", "TOKEN")))


def test_the_server_says_no_more_than_that_line(tmp_path: Path) -> None:
    ended = start(tmp_path, **(GOOD | {"ANTHROPIC_API_KEY": "your-key-here"}))
    assert (ended.returncode, ended.stderr) == (1, "intelligence cannot start: ANTHROPIC_API_KEY is not set\n")


def test_a_safe_start_starts(tmp_path: Path) -> None:
    ended = start(tmp_path, **GOOD)
    assert (ended.returncode, ended.stderr) == (0, "")


async def test_development_warns_instead(configure: Configure, caplog: pytest.LogCaptureFixture) -> None:
    unset = dict.fromkeys(("INTELLIGENCE_DATABASE_URL", "CORE_SERVICE_TOKEN"), "")
    await configure(**unset, DATABASE_URL="postgresql://x@127.0.0.1:9/none", ANTHROPIC_API_KEY="sk-ant-...")
    processes.start()
    assert "ANTHROPIC_API_KEY is not set" in caplog.text


@pytest.mark.parametrize("key", ["", " ", "your-key-here", "sk-ant-...", "changeme", "YOUR_API_KEY", "<key>"])
def test_placeholders_count_as_unset(key: str) -> None:
    assert is_placeholder(key)


@pytest.mark.parametrize("key", ["sk-ant-api03-abc", "simulated-key-of-the-local-stack", "k"])
def test_keys_do_not(key: str) -> None:
    assert not is_placeholder(key)


async def test_empty_ceilings_mean_none(configure: Configure) -> None:
    assert get_settings().llm_student_monthly_ceiling_usd == Decimal("2.00")
    await configure(LLM_STUDENT_MONTHLY_CEILING_USD="", LLM_MONTHLY_CEILING_USD="")
    assert get_settings().llm_monthly_ceiling_usd is None


async def test_the_key_that_signs_tokens_is_not_read(configure: Configure) -> None:
    await configure(JWT_SECRET_KEY="the-signing-key-of-core-0123456789ab")
    assert "the-signing-key" not in get_settings().model_dump_json()


async def test_secrets_do_not_show(configure: Configure) -> None:
    await configure(ANTHROPIC_API_KEY="sk-ant-canary", SMTP_PASSWORD="canary-too")
    assert "canary" not in repr(get_settings())

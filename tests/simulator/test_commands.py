"""The command line, from its help to its end."""

import hashlib
import json
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from anthropic import AsyncAnthropic

from model_simulator.control import Mode, Setting
from tests.simulator.running import COMMAND, KEY, ROOT, ask, course_questions, said, start, stop


def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=30, check=False)


def test_help_explains_every_option() -> None:
    shown = run("serve", "--help")
    assert shown.returncode == 0
    for option in ("--host", "--port", "--mode", "--status", "--latency-ms", "--ledger", "--oracle", "--workers"):
        assert option in shown.stdout


def test_the_readme_explains_every_mode_and_setting() -> None:
    readme = (ROOT / "model-simulator/README.md").read_text(encoding="utf-8")
    explained = re.findall(r"^\| `(\w+)` \|", readme, re.MULTILINE)
    assert sorted(explained) == sorted([*Setting.__dataclass_fields__, *Mode])


def test_a_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    first = start(tmp_path / "l.jsonl")
    second = run("serve", "--port", first.url.rsplit(":", 1)[1])
    assert stop(first) == 0
    assert second.returncode == 1
    assert second.stderr.count("\n") == 1
    assert "cannot start" in second.stderr


def test_an_oracle_file_it_cannot_read_is_one_clear_line(tmp_path: Path) -> None:
    file = tmp_path / "oracle.json"
    file.write_text('{"digest": "superb"}')
    refused = run("serve", "--port", 0, "--oracle", file)
    assert refused.returncode == 1
    assert str(file) in refused.stderr


async def test_modes_and_oracle_can_be_set_at_the_start(tmp_path: Path) -> None:
    task = {**course_questions()["01-intro-q1"], "answer": "known"}
    (tmp_path / "oracle.json").write_text(json.dumps({hashlib.sha256(b"known").hexdigest(): "partial"}))
    simulator = start(tmp_path / "l.jsonl", "--mode", "oracle", "--oracle", str(tmp_path / "oracle.json"))
    async with AsyncAnthropic(api_key=KEY, base_url=simulator.url, max_retries=0) as claude:
        grade = said(await claude.messages.create(**ask("grade", task)))
    assert {one["level"] for one in grade["criteria"]} == {"partial"}
    assert stop(simulator) == 0


def test_latency_of_the_start_stays_after_a_count(tmp_path: Path) -> None:
    simulator = start(tmp_path / "l.jsonl", "--mode", "latency", "--latency-ms", "50")
    assert simulator.current()["latency_ms"] == 50
    assert simulator.control(mode="error", count=1).json()["latency_ms"] == 50
    assert stop(simulator) == 0


@pytest.mark.parametrize(("options", "status"), [(["--latency-ms", "700"], 200), (["--mode", "timeout"], 503)])
def test_sigterm_answers_the_calls_under_way(tmp_path: Path, options: list[str], status: int) -> None:
    simulator = start(tmp_path / "l.jsonl", *options)
    headers = {"authorization": f"Bearer {KEY}", "anthropic-version": "2026-10-21"}
    url, body = f"{simulator.url}/v1/messages", ask("path", {"candidates": []})
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(httpx.post, url, json=body, headers=headers, timeout=30)
        while simulator.counts()["seen"] == 0:
            pass
        assert stop(simulator) == 0
        assert call.result().status_code == status
    assert simulator.lines("answered")[0]["status"] == status

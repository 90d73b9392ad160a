"""The simulator's own account of what it was asked."""

import asyncio
import hashlib
import json
import socket
from pathlib import Path
from urllib.parse import urlsplit

import anthropic
import httpx
from anthropic import AsyncAnthropic

from model_simulator.ledger import Ledger
from tests.simulator.running import KEY, MODEL, Simulator, start, stop


async def hello(claude: AsyncAnthropic, text: str = "Hello") -> str:
    message = await claude.messages.create(model=MODEL, max_tokens=300, messages=[{"role": "user", "content": text}])
    assert message._request_id is not None
    return message._request_id


async def test_a_call_leaves_a_line_before_and_a_line_after(simulator: Simulator, claude: AsyncAnthropic) -> None:
    request_id = await hello(claude, "Grüße")
    (seen,) = [line for line in simulator.lines("seen") if line["request_id"] == request_id]
    (answered,) = [line for line in simulator.lines("answered") if line["request_id"] == request_id]
    assert seen["model"] == MODEL
    assert seen["path"] == "/v1/messages"
    assert seen["body"]["messages"][0]["content"] == "Grüße"
    assert len(seen["sha256"]) == 64
    assert (answered["status"], answered["mode"]) == (200, "tutor")
    assert answered["usage"]["input_tokens"] == 2
    assert seen["time"] <= answered["time"]
    assert KEY not in simulator.ledger.read_text(encoding="utf-8")


def test_a_refused_call_and_a_body_that_is_not_json_are_kept_too(simulator: Simulator) -> None:
    answer = httpx.post(f"{simulator.url}/v1/messages", content=b"{torn", headers={"authorization": f"Bearer {KEY}"})
    (seen,) = [line for line in simulator.lines("seen") if line["request_id"] == answer.headers["request-id"]]
    assert seen["body"] == "{torn"
    assert seen["sha256"] == hashlib.sha256(b"{torn").hexdigest()
    assert simulator.lines("answered")[-1]["status"] == 400


async def test_counts_are_exact_under_concurrency(simulator: Simulator, claude: AsyncAnthropic) -> None:
    before = simulator.counts()
    simulator.control(mode="error", status=529, count=5)
    results = await asyncio.gather(*(hello(claude) for _ in range(40)), return_exceptions=True)
    after = simulator.counts()
    assert sum(isinstance(one, anthropic.OverloadedError) for one in results) == 5
    assert after["seen"] - before["seen"] == after["answered"] - before["answered"] == 40
    assert len({line["request_id"] for line in simulator.lines("seen")}) == len(simulator.lines("seen"))


def test_a_connection_is_counted_even_when_nothing_is_sent(simulator: Simulator) -> None:
    address = urlsplit(simulator.url)
    with httpx.Client() as asking:
        before = asking.get(f"{simulator.url}/ledger/count").json()
        unchanged = asking.get(f"{simulator.url}/ledger/count").json()
        with socket.create_connection((address.hostname, address.port)):
            pass
        after = asking.get(f"{simulator.url}/ledger/count").json()
    assert unchanged["connections"] == before["connections"], "one kept connection asks without counting twice"
    assert after["connections"] == before["connections"] + 1
    assert after["seen"] == before["seen"]


async def test_a_killed_simulator_has_written_all_it_saw_and_goes_on_after(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    first = start(ledger, "--mode", "timeout")
    async with AsyncAnthropic(api_key=KEY, base_url=first.url, max_retries=0, timeout=20) as claude:
        held = [asyncio.create_task(hello(claude)) for _ in range(3)]
        async with httpx.AsyncClient(base_url=first.url) as asking:
            while (await asking.get("/ledger/count")).json()["seen"] < 3:
                pass
        first.process.kill()
        stop(first)
        results = await asyncio.gather(*held, return_exceptions=True)
    assert all(isinstance(one, anthropic.APIConnectionError) for one in results)
    second = start(ledger)
    async with AsyncAnthropic(api_key=KEY, base_url=second.url, max_retries=0, timeout=20) as claude:
        await hello(claude)
    assert stop(second) == 0
    assert len(second.lines("seen")) == 4
    assert len(second.lines("answered")) == 1


def test_without_a_file_it_only_counts() -> None:
    ledger = Ledger()
    ledger.record_seen("r", path="/", headers={}, raw=b"{}")
    ledger.record_answered("r", status=200, usage=None, mode="tutor")
    assert (ledger.seen, ledger.answered) == (1, 1)


def test_a_line_never_holds_a_line_break(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l.jsonl")
    ledger.record_seen("r", path="/", headers={"authorization": "Bearer s"}, raw=json.dumps("a\nb\ud800").encode())
    (line,) = (tmp_path / "l.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["headers"] == {}

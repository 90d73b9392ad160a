"""What the benches of v2 stand on: the whole system as it is shipped, one worker a service, and students in it."""

import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from devstack import services
from devstack.stack import Stack, remove_data
from tests.conftest import free_plan, free_port
from tests.live import Live

NO_LIMITS = {
    "PREMIUM_ADAPTIVE_PATHS_LIMIT": "1000000",
    "PREMIUM_ASSESSMENTS_LIMIT": "1000000",
    "LLM_STUDENT_MONTHLY_CEILING_USD": "100000",
    "HOURLY_LIMIT_PREMIUM": "100000000",
    "HOURLY_LIMIT_FREE": "100000000",
    "GATEWAY_FLOOD_RATE": "100000r/s",
    "SIGN_IN_LIMITS_SCALE": "100000",
    "LOG_LEVEL": "warning",
}


@dataclass(frozen=True)
class Exchange:
    """One path's call to the model: what was sent, and what came back as the Messages API says it."""

    request: dict[str, Any]
    message: dict[str, Any]


@contextmanager
def system(**settings: str) -> Iterator[Live]:
    """Everything behind its gateway with the model simulator, on free ports; limits of use are lifted."""
    with tempfile.TemporaryDirectory(prefix="cc-bench-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        plan = free_plan(Path(folder) / "stack", **(NO_LIMITS | settings))
        stack = Stack(plan)
        try:
            stack.start()
            with httpx.Client(base_url=f"http://127.0.0.1:{plan.ports.gateway}", timeout=60) as client:
                yield Live(stack, client)
        finally:
            stack.stop()
            remove_data(plan)


def record_exchange(live: Live) -> Exchange:
    """A student asks for a path: the call that this makes, as the ledger keeps it."""
    student = live.learner()
    answer = student.new_path()
    assert answer.status_code == 200, answer.text
    [row] = live.rows(
        "SELECT request_body, response_text, usage, model FROM llm_exchanges JOIN llm_usage_logs l USING (call_id) "
        f"WHERE l.student_id = '{student.student_id}'"
    )
    message = {
        "id": "msg_prepared",
        "type": "message",
        "role": "assistant",
        "model": row["model"],
        "content": [{"type": "text", "text": row["response_text"]}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": row["usage"],
    }
    return Exchange(row["request_body"], message)


@contextmanager
def prepared_provider(live: Live, exchange: Exchange) -> Iterator[str]:
    """Let intelligence ask `v2_provider`, which answers every call like this one at once; its address."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(exchange.message, file)
        file.flush()
        process = subprocess.Popen([sys.executable, "-m", "bench.v2_provider", str(port), file.name])
        try:
            while not listens(port):
                assert process.poll() is None, "the prepared provider ended"
                time.sleep(0.02)
            ask_provider(live, url)
            yield url
        finally:
            process.terminate()
            process.wait()


def ask_provider(live: Live, url: str | None) -> None:
    """Start intelligence and its worker again with this provider; None is the simulator."""
    extra = {} if url is None else {"intelligence.ANTHROPIC_BASE_URL": url}
    plan = replace(live.stack.plan, extra={**live.stack.plan.extra, **extra})
    for name, program in (("intelligence", services.intelligence(plan)), ("grading worker", services.worker(plan))):
        live.stack.children[name].stop()
        live.stack.run(program)


def listens(port: int) -> bool:
    """Whether somebody accepts connections there."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True

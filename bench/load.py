"""Asks one address as fast as it answers: a job of requests in, what was counted out.

A process of its own (`python -m bench.load`), so that it shares no interpreter with what it measures. It is written
here because the generators that are kept well (wrk, oha, k6) are no Python packages, and `make bench` has to install
all that it needs.
"""

import asyncio
import json
import re
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import uvloop

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
END_OF_HEAD = b"\r\n\r\n"


@dataclass(frozen=True)
class Job:
    """Each of ``connections`` sends its share of ``requests`` (whole, as text) over and over, for ``seconds``.

    What comes in the first ``warm_up`` seconds is not counted. With ``once`` each connection sends one request, and all
    answers are waited for.
    """

    port: int
    connections: int
    seconds: float
    requests: list[str]
    warm_up: float = 0.5
    once: bool = False


@dataclass(frozen=True)
class Counted:
    """Requests a second, latencies in milliseconds, and how many answers came of each status."""

    rate: float
    p50: float
    p99: float
    statuses: dict[str, int]


@dataclass
class _Tally:
    begin: float
    end: float
    once: bool
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)


class _Client(asyncio.Protocol):
    """One connection: sends a request, waits for its whole answer, sends the next."""

    def __init__(self, requests: list[bytes], tally: _Tally, done: asyncio.Future[None]) -> None:
        self._requests = requests
        self._tally = tally
        self._done = done
        self._turn = 0
        self._head = b""
        self._missing = 0  # bytes of the body; unknown while the head is incomplete

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._send()

    def connection_lost(self, _error: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(ConnectionError("the server closed a connection"))

    def data_received(self, data: bytes) -> None:
        if self._missing:
            self._missing -= len(data)
        else:
            self._head += data
            head, found, body = self._head.partition(END_OF_HEAD)
            if not found:
                return
            length = LENGTH.search(head)
            if length is None:
                raise ValueError(f"an answer without a length: {head[:200]!r}")
            self._missing = int(length[1]) - len(body)
            self._status = head[9:12].decode()
            self._head = b""
        if not self._missing:
            self._answered()

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._requests[self._turn])
        self._turn = (self._turn + 1) % len(self._requests)

    def _answered(self) -> None:
        now = time.perf_counter()
        if self._tally.once or self._tally.begin <= now < self._tally.end:
            self._tally.latencies.append(now - self._sent)
            self._tally.statuses[self._status] += 1
        if self._tally.once or now >= self._tally.end:
            self._done.set_result(None)
            self._transport.close()
        else:
            self._send()


async def ask(job: Job) -> Counted:
    """Do a job."""
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    tally = _Tally(started + job.warm_up, started + job.warm_up + job.seconds, job.once)
    raw = [request.encode() for request in job.requests]
    ends = []
    for number in range(job.connections):
        done = loop.create_future()
        ends.append(done)
        share = raw[number :: job.connections] or [raw[number % len(raw)]]
        await loop.create_connection(partial(_Client, share, tally, done), "127.0.0.1", job.port)
    await asyncio.wait_for(asyncio.gather(*ends), job.warm_up + job.seconds + 60)
    latencies = sorted(tally.latencies)
    return Counted(
        rate=len(latencies) / job.seconds,
        p50=1000 * _quantile(latencies, 0.5),
        p99=1000 * _quantile(latencies, 0.99),
        statuses=dict(tally.statuses),
    )


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


async def start(job: Job) -> asyncio.subprocess.Process:
    """A process that has begun to do ``job``."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.load", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(asdict(job)).encode())
    process.stdin.close()
    return process


async def result(process: asyncio.subprocess.Process) -> Counted:
    """What a process counted; raises where it failed."""
    out, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError("the load generator failed; its own words stand above")
    return Counted(**json.loads(out))


if __name__ == "__main__":
    print(json.dumps(asdict(uvloop.run(ask(Job(**json.load(sys.stdin)))))))

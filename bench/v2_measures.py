"""The three measurements of v2. Times in seconds, by the client's clock."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median, quantiles
from typing import Any

import aiohttp
import anthropic

from bench.v2_stage import Exchange
from tests.live import GOOD_ANSWER, Live, Student

PATH = "/api/v2/adaptive/path"
SUBMIT = "/api/v2/assessments/submit"
WRITTEN = {"question_id": "04-rag-q1", "answer_text": GOOD_ANSWER}
SIMULATED_SECONDS = 1.0


@dataclass(frozen=True)
class Times:
    """How long each of many took."""

    seconds: Sequence[float]

    @property
    def p50(self) -> float:
        """The median."""
        return median(self.seconds)

    @property
    def p95(self) -> float:
        """Of twenty, nineteen took no longer."""
        return quantiles(self.seconds, n=20, method="inclusive")[-1]

    @property
    def p99(self) -> float:
        """Of a hundred, ninety-nine took no longer."""
        return quantiles(self.seconds, n=100, method="inclusive")[-1]


@dataclass(frozen=True)
class Latency:
    """The same call to the model, made directly and by a path."""

    direct: Times
    path: Times


@dataclass(frozen=True)
class Throughput:
    """How many a second: the SDK's calls alone, and paths."""

    direct: float
    paths: float


@dataclass(frozen=True)
class Crowd:
    """What a hundred students at once waited for, and the errors they were told, each with how often."""

    paths: Times
    grades: Times
    errors: Counter[str]


async def latency(gateway: str, provider: str, exchange: Exchange, student: Student, *, times: int) -> Latency:
    """One client, one call after the other: directly and by a path in turn, so that both meet the same machine."""
    direct, path = [], []
    async with sdk(provider) as model, client(gateway, 1) as http:
        for n in range(times + times // 10):
            a = await timed(lambda: model.messages.create(**exchange.request))
            b = await timed(lambda: make_path(http, student))
            if n >= times // 10:  # the first ones warm up
                direct.append(a)
                path.append(b)
    return Latency(Times(direct), Times(path))


async def throughput(
    gateway: str, provider: str, exchange: Exchange, students: Sequence[Student], *, seconds: float, clients: int
) -> Throughput:
    """So many clients without pause, each student asking for a new path every time. The best of two rounds in turn."""
    direct, paths = [], []
    async with sdk(provider) as model, client(gateway, clients) as http:
        for _ in range(2):
            direct.append(await rate(lambda _: model.messages.create(**exchange.request), clients, seconds))
            paths.append(await rate(lambda n: make_path(http, students[n % len(students)]), clients, seconds))
    return Throughput(max(direct), max(paths))


async def crowd(live: Live, gateway: str, students: Sequence[Student]) -> Crowd:
    """Each student asks for a path and submits an answer, all at the same moment."""
    began = live.stack.sql("SELECT clock_timestamp()")
    async with client(gateway, 2 * len(students)) as http:
        asked = [timed(partial(make_path, http, student)) for student in students]
        submitted = [submit(http, student) for student in students]
        results = await asyncio.gather(*asked, *submitted, return_exceptions=True)
    waited = [result for result in results[: len(students)] if isinstance(result, float)]
    errors = Counter(repr(result) for result in results if isinstance(result, BaseException))
    grades = await graded(live, began, len(students))
    if len(grades) < len(students):
        errors["no grade"] = len(students) - len(grades)
    return Crowd(Times(waited), Times(grades), errors)


async def graded(live: Live, began: str, expected: int) -> list[float]:
    """From submitted to graded, by PostgreSQL's clock, so that nobody's asking for it slows the grading down."""
    query = (
        "SELECT extract(epoch FROM finished_at - submitted_at)::float AS waited FROM assessment_submissions "
        f"WHERE submitted_at >= '{began}' AND grading_status = 'completed'"
    )
    deadline = time.monotonic() + 60
    while True:
        waited = [row["waited"] for row in live.rows(query)]
        if len(waited) >= expected or time.monotonic() > deadline:
            return waited
        await asyncio.sleep(0.5)


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    """How long it took."""
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


async def rate(work: Callable[[int], Awaitable[object]], clients: int, seconds: float) -> float:
    """How many a second so many clients get done, each starting the next when one is done."""
    began = time.perf_counter()
    done = 0

    async def one(n: int) -> None:
        nonlocal done
        while time.perf_counter() - began < seconds:
            await work(n)
            done += 1

    await asyncio.gather(*(one(n) for n in range(clients)))
    return done / (time.perf_counter() - began)


async def make_path(http: aiohttp.ClientSession, student: Student) -> None:
    """A new path; raises unless it is 200."""
    await post(http, PATH, student, {"force_refresh": True})


async def submit(http: aiohttp.ClientSession, student: Student) -> None:
    """An answer into the queue; raises unless it is taken."""
    await post(http, SUBMIT, student, WRITTEN)


async def post(http: aiohttp.ClientSession, path: str, student: Student, body: dict[str, Any]) -> None:
    """Send it and read the whole answer."""
    async with http.post(path, json=body, headers={"Authorization": f"Bearer {student.token}"}) as answer:
        text = await answer.text()
        if not answer.ok:
            raise RuntimeError(f"{path} was answered with {answer.status} {text[:200]}")


def client(url: str, connections: int) -> aiohttp.ClientSession:
    """A browser with so many connections, and a light one: it shares the cores with what it measures."""
    timeout = aiohttp.ClientTimeout(total=60)
    return aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(limit=connections), timeout=timeout)


def sdk(provider: str) -> anthropic.AsyncAnthropic:
    """The provider's own SDK, as intelligence uses it."""
    options: dict[str, Any] = {"max_retries": 0, "timeout": 30, "open_telemetry": False}
    return anthropic.AsyncAnthropic(api_key="key-of-a-bench", base_url=provider, **options)

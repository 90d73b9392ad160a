"""Reads while a hundred students sign in, against reads alone."""

import json
import statistics

import httpx

from bench.compare import ROUNDS, SECONDS, Line, at_most, measure
from bench.house import House
from bench.load import Job, result, start
from bench.reads import CHAPTER

LOGINS = 100
PASSWORD = "a long enough password"
LOGIN = "/api/v1/auth/login"


async def lines(house: House) -> list[Line]:
    """The p99 of reading a chapter from the moment a hundred students sign in at once, and without them."""
    body = json.dumps({"email": _register(house), "password": PASSWORD})
    head = f"POST {LOGIN} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    alone, crowded, waits = [], [], []
    for _ in range(ROUNDS):
        alone.append((await measure(house.system, house.students, "GET", CHAPTER)).p99)
        logins = Job(house.system, LOGINS, SECONDS, [f"{head}\r\n\r\n{body}"] * LOGINS, once=True)
        crowd = await start(logins)
        crowded.append((await measure(house.system, house.students, "GET", CHAPTER)).p99)
        counted = await result(crowd)
        if counted.statuses != {"200": LOGINS}:
            raise RuntimeError(f"logins were answered with {counted.statuses}")
        waits.append(counted.p50)
    with_logins, without = statistics.median(crowded), statistics.median(alone)
    figures = f"{with_logins:.1f} ms by {without:.1f} ms; half of the logins within {statistics.median(waits):.0f} ms"
    return [at_most("chapter's p99 while 100 sign in", with_logins / without, 4, figures)]


def _register(house: House) -> str:
    email = "bench-login@example.com"
    made = httpx.post(
        f"http://127.0.0.1:{house.system}/api/v1/auth/register", json={"email": email, "password": PASSWORD}, timeout=30
    )
    made.raise_for_status()
    return email

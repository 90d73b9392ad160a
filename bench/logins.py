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
    """The p99 of reading a chapter, with a hundred connections that do nothing but sign in, and without."""
    body = json.dumps({"email": _register(house), "password": PASSWORD})
    head = f"POST {LOGIN} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    alone, crowded, signed_in = [], [], 0
    for _ in range(ROUNDS):
        alone.append((await measure(house.system, house.students, "GET", CHAPTER)).p99)
        crowd = await start(Job(house.system, LOGINS, SECONDS + 1, [f"{head}\r\n\r\n{body}"] * LOGINS, warm_up=0))
        crowded.append((await measure(house.system, house.students, "GET", CHAPTER)).p99)
        counted = await result(crowd)
        if set(counted.statuses) != {"200"}:
            raise RuntimeError(f"logins were answered with {counted.statuses}")
        signed_in += counted.statuses["200"]
    with_logins, without = statistics.median(crowded), statistics.median(alone)
    figures = f"{with_logins:.1f} ms by {without:.1f} ms, {signed_in} logins"
    return [at_most("chapter's p99 while 100 sign in", with_logins / without, 4, figures)]


def _register(house: House) -> str:
    email = "bench-login@example.com"
    made = httpx.post(
        f"http://127.0.0.1:{house.system}/api/v1/auth/register", json={"email": email, "password": PASSWORD}, timeout=30
    )
    made.raise_for_status()
    return email

"""Rounds of the system and of its yardstick by turns, and what their medians say."""

import os
import statistics
from dataclasses import dataclass

from bench.house import House, Student
from bench.load import Counted, Job, result, start

CONNECTIONS = 64
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "3"))


@dataclass(frozen=True)
class Line:
    """One line of the table: a ratio, and what it should at least (or at most) be."""

    what: str
    ratio: float
    target: str
    met: bool
    figures: str


def at_least(what: str, ratio: float, target: float, figures: str) -> Line:
    """A ratio that is better the higher it is."""
    return Line(what, ratio, f">= {target:.2f}", ratio >= target, figures)


def at_most(what: str, ratio: float, target: float, figures: str) -> Line:
    """A ratio that is better the lower it is."""
    return Line(what, ratio, f"<= {target:.2f}", ratio <= target, figures)


async def measure(port: int, students: list[Student], method: str, path: str, body: str = "") -> Counted:
    """One round: every student asks the same over and over, on a connection of their own."""
    requests = [student.request(method, path, body) for student in students]
    counted = await result(await start(Job(port, CONNECTIONS, SECONDS, requests)))
    if set(counted.statuses) != {"200"}:
        raise RuntimeError(f"{method} {path} on port {port} was answered with {counted.statuses}")
    return counted


async def compare(house: House, what: str, target: float, *, method: str, path: str, body: str = "") -> list[Line]:
    """The system's rate by the yardstick's, and its p99 by the yardstick's."""
    system, yardstick = [], []
    for _ in range(ROUNDS):
        system.append(await measure(house.system, house.students, method, path, body))
        yardstick.append(await measure(house.yardstick, house.students, method, path, body))
    rates = [statistics.median(each.rate for each in rounds) for rounds in (system, yardstick)]
    tails = [statistics.median(each.p99 for each in rounds) for rounds in (system, yardstick)]
    return [
        at_least(f"{what}: rate", rates[0] / rates[1], target, f"{rates[0]:.0f}/s by {rates[1]:.0f}/s"),
        at_most(f"{what}: p99", tails[0] / tails[1], 4, f"{tails[0]:.1f} ms by {tails[1]:.1f} ms"),
    ]

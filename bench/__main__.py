"""Measure everything on this machine in one run, and print it as a table of ratios, and of one difference."""

import asyncio
import sys

from bench import logins, reads, submissions, tool_calls
from bench.compare import CONNECTIONS, ROUNDS, SECONDS, Line
from bench.house import WORKERS, opened

PARTS = [reads, submissions, logins, tool_calls]


async def main() -> int:
    """0 where every target is met."""
    print("Starting the system and the yardstick", flush=True)
    found: list[Line] = []
    with opened(reads.PATHS) as house:
        print(
            f"Medians of {ROUNDS} rounds of {SECONDS:g} s by turns, {CONNECTIONS} connections, {WORKERS} workers each\n"
        )
        print(f"{'':34} {'ratio':>6}   {'target':8}        measured", flush=True)
        for part in PARTS:
            for line in await part.lines(house):
                verdict = "met" if line.met else "MISSED"
                print(f"{line.what:34} {line.ratio:6.2f}   {line.target:8} {verdict:6} {line.figures}", flush=True)
                found.append(line)
    return 0 if all(line.met for line in found) else 1


sys.exit(asyncio.run(main()))

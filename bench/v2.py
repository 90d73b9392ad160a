"""The numbers of v2, each beside what the same call costs without us: part of `make bench`.

Everything stands on this machine and shares its cores: the ratio to the yardstick of the same run says more than the
milliseconds.
"""

import sys
from collections.abc import Sequence

import uvloop

from bench.v2_measures import SIMULATED_SECONDS, SUBMIT, WRITTEN, Crowd, Latency, Throughput, crowd, latency, throughput
from bench.v2_stage import ask_provider, prepared_provider, record_exchange, system
from tests.live import Live, Student

ALONE_CALLS = 400
THROUGHPUT_SECONDS = 10.0
CLIENTS = 32
STUDENTS = 100


def main() -> int:
    """Print the table; 1 when a target was missed."""
    with system() as live:
        gateway = f"http://127.0.0.1:{live.stack.plan.ports.gateway}"
        print(f"{STUDENTS} students sign up and take two quizzes each …", flush=True)
        students = [live.learner() for _ in range(STUDENTS)]
        exchange = record_exchange(live)
        with prepared_provider(live, exchange) as provider:
            alone = uvloop.run(latency(gateway, provider, exchange, students[0], times=ALONE_CALLS))
            flood = uvloop.run(
                throughput(gateway, provider, exchange, students, seconds=THROUGHPUT_SECONDS, clients=CLIENTS)
            )
        rush = hundred_at_once(live, gateway, students)
    return report(alone, flood, rush)


def hundred_at_once(live: Live, gateway: str, students: Sequence[Student]) -> Crowd:
    """All of them against the model simulator, which takes its time.

    The services were started again to ask it: one student goes first, so that none of the hundred waits for a start.
    """
    ask_provider(live, None)
    first = live.learner()
    assert first.new_path().is_success
    first.graded(first.post(SUBMIT, WRITTEN).json()["submission_id"])
    live.simulate(mode="latency", latency_ms=round(SIMULATED_SECONDS * 1000))
    return uvloop.run(crowd(live, gateway, students))


def report(alone: Latency, flood: Throughput, rush: Crowd) -> int:
    """Every figure with its target and its yardstick."""
    added_p50, added_p99 = alone.path.p50 - alone.direct.p50, alone.path.p99 - alone.direct.p99
    lines = [
        ("one client, added p50", f"{added_p50 * 1000:.1f} ms", "< 10 ms", added_p50 < 0.010),
        ("one client, added p99", f"{added_p99 * 1000:.1f} ms", "< 30 ms", added_p99 < 0.030),
        ("paths a second, one worker", f"{flood.paths:.0f}", ">= 120", flood.paths >= 120),
        (f"{STUDENTS} at once, path p95", f"{rush.paths.p95:.2f} s", "< 5 s", rush.paths.p95 < 5),
        (f"{STUDENTS} at once, grade p95", f"{rush.grades.p95:.2f} s", "< 10 s", rush.grades.p95 < 10),
        (f"{STUDENTS} at once, errors", f"{rush.errors.total()}", "0", not rush.errors),
    ]
    print(f"\n{'v2':<32}{'measured':>12}  {'target':<10}")
    for name, measured, target, met in lines:
        print(f"{name:<32}{measured:>12}  {target:<10}{'met' if met else 'MISSED'}")
    for error, count in rush.errors.items():
        print(f"  {count} x {error}")
    print("\nyardstick: the same call by the provider's SDK alone, in the same run")
    for name, times in (("SDK alone", alone.direct), ("path POST through the gateway", alone.path)):
        print(f"  {name:<30} p50 {times.p50 * 1000:6.1f} ms   p99 {times.p99 * 1000:6.1f} ms")
    print(f"  a path costs {alone.path.p50 / alone.direct.p50:.1f} times the SDK's call at p50")
    print(f"  SDK alone {flood.direct:.0f} calls a second, paths {flood.paths / flood.direct:.2f} of that")
    return 0 if all(met for *_, met in lines) else 1


if __name__ == "__main__":
    sys.exit(main())

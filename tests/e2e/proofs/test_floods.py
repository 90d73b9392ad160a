"""Two hundred POSTs at once through the whole system, with PostgreSQL crashed and restarted in the middle of them."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from pathlib import Path

import httpx
import pytest

from devstack.stack import Stack, remove_data
from tests.conftest import free_plan
from tests.crashes import crash
from tests.e2e.proofs.books import books_balance, nothing_open
from tests.live import Live, Student, eventually

pytestmark = [pytest.mark.prove, pytest.mark.timeout(900)]
AT_ONCE = 200
PASSING = {0, 500, 502, 503, 504}
NOT_BUSY = {"LLM_CONCURRENCY": "200", "LLM_WAITING": "200"}
ROOM = {"student": "0.20", "installation": "0.40"}  # dollars: a few paths at their worst case


def test_a_quota_of_ten_admits_exactly_ten(live: Live) -> None:
    student = live.learner()
    answers = flood(live, [student])
    assert {answer for answer in answers if answer not in PASSING} <= {200, 429}
    assert answers.count(200) <= 10
    eventually(partial(nothing_open, live), "the sweeper to settle what the crash left open", 120)
    while student.new_path().status_code == 200:
        pass
    assert student.quota()["adaptive_paths"]["used"] == 10
    where = f"student_id = '{student.student_id}'"
    assert len(live.rows(f"SELECT 1 FROM llm_reservations WHERE {where} AND state = 'kept'")) == 10
    books_balance(live)


@pytest.fixture(params=["student", "installation"])
def capped(request: pytest.FixtureRequest, state_folder: Path) -> Iterator[tuple[Live, str, Decimal]]:
    """A system of its own, used by nobody yet, under one ceiling and no other; its name and dollars."""
    room = ROOM[request.param]
    ceilings = {"LLM_STUDENT_MONTHLY_CEILING_USD": "1000", "LLM_MONTHLY_CEILING_USD": ""}
    name = "LLM_STUDENT_MONTHLY_CEILING_USD" if request.param == "student" else "LLM_MONTHLY_CEILING_USD"
    settings = {"GATEWAY_FLOOD_RATE": "100000r/s", "SIGN_IN_LIMITS_SCALE": "1000", **NOT_BUSY, **ceilings, name: room}
    plan = free_plan(state_folder / f"capped-{request.param}", **settings)
    stack = Stack(plan)
    try:
        stack.start()
        with httpx.Client(base_url=f"http://127.0.0.1:{plan.ports.gateway}", timeout=40) as client:
            yield Live(stack, client), request.param, Decimal(room)
    finally:
        stack.stop()
        remove_data(plan)


def test_a_ceiling_is_never_passed(capped: tuple[Live, str, Decimal]) -> None:
    """Also on the very first row of the month, and with calls that nobody knows the price of after the crash."""
    live, name, room = capped
    students = [live.learner("pro") for _ in range(1 if name == "student" else 10)]
    assert live.rows("SELECT 1 FROM llm_installation_spend") == [], "this is to be the first row"
    answers = flood(live, students)
    assert {answer for answer in answers if answer not in PASSING} <= {200, 429}
    assert committed(live, name) <= room
    eventually(partial(nothing_open, live), "the sweeper to settle what the crash left open", 120)
    flood(live, students, crashes=False)
    assert committed(live, name) <= room
    refusal = students[0].new_path(force_refresh=True)
    while refusal.status_code == 200:
        refusal = students[0].new_path(force_refresh=True)
    expected = "SPEND_CEILING_REACHED" if name == "student" else "SERVICE_BUDGET_EXHAUSTED"
    assert refusal.json()["error"]["code"] == expected
    assert committed(live, name) <= room
    books_balance(live)


def committed(live: Live, ceiling: str) -> Decimal:
    """The most that any student, or all of them, have spent, may still spend, and may have spent."""
    table = "llm_student_spend" if ceiling == "student" else "llm_installation_spend"
    return Decimal(live.stack.sql(f"SELECT max(spent_usd + held_usd + unknown_usd) FROM {table}"))


def flood(live: Live, students: Sequence[Student], *, crashes: bool = True) -> list[int]:
    """The statuses of 200 POSTs for new paths at once, 0 for a cut connection; PostgreSQL crashes after the first."""
    through = threading.Event()

    def ask(n: int) -> int:
        try:
            status = students[n % len(students)].new_path(force_refresh=True).status_code
        except httpx.HTTPError:
            status = 0
        if status == 200:
            through.set()
        return status

    live.simulate(mode="latency", latency_ms=200)
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers: list[Future[int]] = [pool.submit(ask, n) for n in range(AT_ONCE)]
            if crashes:
                assert through.wait(60), "not even one was admitted"
                crash(live.stack.children["PostgreSQL"])
            return [answer.result() for answer in answers]
    finally:
        live.simulate(mode="tutor")

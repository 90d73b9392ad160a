"""The long proofs of the whole: crashes and floods at full size. `make prove` runs them."""

import os
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from tests.live import GOOD_ANSWER, Live, Student, eventually

pytestmark = [pytest.mark.prove, pytest.mark.timeout(900)]
KILLS = 12
STUDENTS = 6


def test_kills_of_the_worker_lose_no_answer_and_charge_nothing_twice(live: Live) -> None:
    """Answers are submitted while the worker is killed again and again; every one is graded once and charged once."""
    students = [live.learner() for _ in range(STUDENTS)]
    worker = live.stack.children["grading worker"]
    live.simulate(mode="latency", latency_ms=400)
    submitted: list[tuple[Student, str]] = []
    try:
        for kill in range(KILLS):
            student = students[kill % STUDENTS]
            question = f"0{kill // STUDENTS + 4}-{'rag' if kill < STUDENTS else 'fine-tuning'}-q1"
            answer = student.post("/api/v2/assessments/submit", {"question_id": question, "answer_text": GOOD_ANSWER})
            assert answer.status_code == 202, answer.text
            submitted.append((student, answer.json()["submission_id"]))
            time.sleep(random.uniform(0, 0.8))  # where in its work the worker is hit is to be different each time
            os.killpg(worker.pid or 0, signal.SIGKILL)
            worker.kill()
            worker.start()
    finally:
        live.simulate(mode="tutor")
    for student, submission_id in submitted:
        assert student.graded(submission_id, 300)["grading_status"] == "completed"
    for student in students:
        eventually(partial(nothing_open, live, student), "the sweeper to settle the killed calls", 120)
        assert student.quota()["assessments"]["used"] == KILLS // STUDENTS
        successes = [row for row in live.calls(student) if row["success"] and row["feature"] == "assessment"]
        assert len(successes) >= KILLS // STUDENTS
        assert {row["outcome"] for row in live.calls(student)} <= {"succeeded", "unknown"}
    books_balance(live)


def test_two_hundred_at_once_while_postgresql_crashes(live: Live) -> None:
    """The quota of ten holds through a crash and restart of the database in the middle of two hundred requests."""
    student = live.learner()
    postgres = live.stack.children["PostgreSQL"]

    def ask(_: int) -> int:
        try:
            return student.new_path().status_code
        except Exception:  # noqa: BLE001  # a cut connection is one of the answers here
            return 0

    with ThreadPoolExecutor(40) as pool:
        answers = [pool.submit(ask, n) for n in range(200)]
        time.sleep(0.3)
        postgres.kill()
        postgres.start()
        postgres.wait_until_ready()
        statuses = [answer.result() for answer in answers]
    assert set(statuses) <= {0, 200, 401, 429, 500, 502, 503, 504}
    eventually(lambda: student.get("/api/v2/usage/quota").status_code == 200, "v2 back")
    eventually(partial(nothing_open, live, student), "the sweeper to settle what the crash left open", 120)
    while student.new_path().status_code == 200:
        pass
    assert student.quota()["adaptive_paths"]["used"] == 10
    kept = live.rows(
        f"SELECT count(*) AS n FROM llm_reservations WHERE student_id = '{student.student_id}' AND state = 'kept'"
    )
    assert kept[0]["n"] == 10
    books_balance(live)


def nothing_open(live: Live, student: Student) -> bool:
    """Whether every reservation and every call of a student has been closed."""
    where = f"student_id = '{student.student_id}'"
    reservations = live.rows(f"SELECT 1 FROM llm_reservations WHERE {where} AND state = 'open'")
    return not reservations and all(call["outcome"] != "open" for call in live.calls(student))


def books_balance(live: Live) -> None:
    """The sums of the months are the sums of the ledger and of what is held, for every student and for all."""
    wrong = live.rows(
        """
        SELECT * FROM (
            SELECT s.student_id, s.spent_usd - coalesce(sum(c.cost_usd), 0) AS spent_off,
                s.unknown_usd - coalesce(sum(c.worst_case_usd) FILTER (WHERE c.outcome = 'unknown'), 0) AS unknown_off
            FROM llm_student_spend s LEFT JOIN llm_usage_logs c
                ON c.student_id = s.student_id AND c.spend_month = s.month
            GROUP BY s.student_id, s.month, s.spent_usd, s.unknown_usd
        ) sums WHERE spent_off <> 0 OR unknown_off <> 0
        """
    )
    assert wrong == []
    [all_students] = live.rows(
        """
        SELECT (SELECT sum(spent_usd) FROM llm_installation_spend)
            = (SELECT sum(cost_usd) FROM llm_usage_logs) AS spent_agrees,
            (SELECT sum(held_usd) FROM llm_installation_spend)
            = (SELECT coalesce(sum(held_usd), 0) FROM llm_reservations WHERE state = 'open')
            + (SELECT coalesce(sum(worst_case_usd), 0) FROM llm_usage_logs WHERE outcome = 'open') AS held_agrees
        """
    )
    assert all_students == {"spent_agrees": True, "held_agrees": True}

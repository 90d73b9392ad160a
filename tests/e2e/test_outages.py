"""What a student sees when a part is down, and that nothing is lost or charged."""

import os
import signal
from typing import Any

from tests.crashes import leases_run_out
from tests.live import GOOD_ANSWER, Live, eventually


def test_model_down_costs_nothing_and_answers_are_graded_when_it_is_back(live: Live) -> None:
    student = live.learner()
    simulator = live.stack.children["model simulator"]
    simulator.stop()
    try:
        answer = student.new_path()
        assert answer.status_code == 503
        error = answer.json()["error"]
        assert error["code"] == "LLM_SERVICE_UNAVAILABLE"
        assert error["fallback"]["suggestion"]
        assert "weak_chapters" in error["fallback"]
        assert error["retry_after_seconds"] > 0
        assert student.quota()["adaptive_paths"]["used"] == 0
        assert student.get("/api/v1/chapters").status_code == 200
        submitted = student.post("/api/v2/assessments/submit", {"question_id": "04-rag-q1", "answer_text": GOOD_ANSWER})
        assert submitted.status_code == 202, submitted.text
        waiting = student.get(f"/api/v2/assessments/feedback/{submitted.json()['submission_id']}")
        assert waiting.status_code == 202
    finally:
        simulator.start()
        simulator.wait_until_ready()
    assert student.graded(submitted.json()["submission_id"], 90)["grading_status"] == "completed"
    assert student.quota()["assessments"]["used"] == 1


def test_intelligence_down_leaves_v1_untouched(live: Live) -> None:
    student = live.register()
    service = live.stack.children["intelligence"]
    service.stop()
    try:
        assert student.get("/api/v1/chapters").status_code == 200
        assert student.take_quiz("01-intro").status_code == 200
        down = student.get("/api/v2/usage/quota")
        assert down.status_code in (502, 503)
        assert down.json()["error"]["code"] == "SERVICE_UNAVAILABLE"
    finally:
        service.start()
        service.wait_until_ready()
    assert student.quota()["adaptive_paths"]["used"] == 0


def test_killing_the_worker_in_mid_grading_loses_nothing(live: Live) -> None:
    student = live.learner()
    worker = live.stack.children["grading worker"]
    live.simulate(mode="latency", latency_ms=3000)
    try:
        submitted = student.post(
            "/api/v2/assessments/submit", {"question_id": "04-rag-q1", "answer_text": GOOD_ANSWER}
        ).json()
        eventually(lambda: any(row["outcome"] == "open" for row in live.calls(student)), "a call in flight")
        os.killpg(worker.pid or 0, signal.SIGKILL)
    finally:
        live.simulate(mode="tutor")
        worker.kill()
        worker.start()
    leases_run_out(live)
    feedback = student.graded(submitted["submission_id"], 150)
    assert feedback["grading_status"] == "completed"
    assert student.quota()["assessments"]["used"] == 1
    outcomes = eventually(lambda: settled(live.calls(student)), "the sweeper to settle the killed call", 90)
    assert outcomes == ["succeeded", "unknown"], "the killed call stays in the ledger, as unknown"


def settled(calls: list[dict[str, Any]]) -> list[str] | None:
    """The outcomes of the calls, once none is open."""
    outcomes = sorted(str(call["outcome"]) for call in calls)
    return None if "open" in outcomes else outcomes

"""What a student of each tier may do in v2, what it costs, and where it ends; through the gateway."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from tests.live import GOOD_ANSWER, Live, Student


def test_adaptive_path_premium_gating(live: Live) -> None:
    free, premium, pro = live.learner("free"), live.learner("premium"), live.learner("pro")
    assert free.new_path().json()["error"]["code"] == "PREMIUM_REQUIRED"
    assert premium.new_path().status_code == 200
    path = pro.new_path()
    assert path.status_code == 200
    live.set_tier(pro, "pro", "2020-01-01T00:00:00Z")
    assert pro.new_path().json()["error"]["code"] == "PREMIUM_REQUIRED"
    assert pro.get(f"/api/v2/adaptive/path/{path.json()['path_id']}").status_code == 200, "what was made stays readable"
    assert premium.get(f"/api/v2/adaptive/path/{path.json()['path_id']}").json()["error"]["code"] == "PATH_NOT_FOUND"


def test_assessment_premium_gating(live: Live) -> None:
    free, premium = live.register(), live.register("premium")
    answer = {"question_id": "04-rag-q1", "answer_text": GOOD_ANSWER}
    assert free.get("/api/v2/assessments/questions").json()["total"] == 18
    refused = free.post("/api/v2/assessments/submit", answer)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "PREMIUM_REQUIRED")
    accepted = premium.post("/api/v2/assessments/submit", answer)
    assert accepted.status_code == 202, accepted.text
    feedback_url = accepted.json()["feedback_url"]
    assert free.get(feedback_url).status_code == 404
    assert premium.graded(accepted.json()["submission_id"])["grading_status"] == "completed"


def test_rate_limit_enforcement(live: Live) -> None:
    """Two hundred at once on a quota of ten: ten are served, and every refusal names the quota."""
    student = live.learner()
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: student.new_path(), range(200)))
    served = [a for a in answers if a.status_code == 200]
    refused = [a for a in answers if a.status_code == 429]
    busy = [a for a in answers if a.status_code == 503]
    assert len(served) + len(refused) + len(busy) == 200
    # A machine at its limit may turn some away, or miss core's deadline; it says so, and charges them nothing.
    assert {a.json()["error"]["code"] for a in busy} <= {"SERVICE_BUSY", "SERVICE_UNAVAILABLE"}
    assert len(served) == 10
    errors = [a.json()["error"] for a in refused]
    assert {(e["code"], e["quota"]["feature"], e["quota"]["used"], e["quota"]["limit"]) for e in errors} == {
        ("RATE_LIMIT_EXCEEDED", "adaptive_paths", 10, 10)
    }
    assert student.quota()["adaptive_paths"]["used"] == 10


def test_llm_cost_tracking(live: Live) -> None:
    """The ledger's row, the admin's figure and the month's sum are the same exact number."""
    student = live.learner()
    path = student.new_path().json()
    [row] = live.rows(
        f"SELECT cost_usd::text, tokens_input, tokens_output, success, feature, model, reference_id "
        f"FROM llm_usage_logs WHERE student_id = '{student.student_id}'"
    )
    assert (row["success"], row["feature"], row["reference_id"]) == (True, "adaptive_path", path["path_id"])
    input_rate, output_rate = Decimal(2) / 1_000_000, Decimal(10) / 1_000_000
    assert row["model"] == "claude-sonnet-5-5"
    cost = Decimal(row["cost_usd"])
    assert 0 < cost <= row["tokens_input"] * input_rate * Decimal("1.25") + row["tokens_output"] * output_rate
    [sums] = live.rows(
        f"SELECT spent_usd::text, held_usd::text FROM llm_student_spend WHERE student_id = '{student.student_id}'"
    )
    assert Decimal(sums["spent_usd"]) == cost
    assert Decimal(sums["held_usd"]) == 0
    costs = live.admin.get("/api/v2/admin/costs?group_by=student").json()
    [mine] = [s for s in costs["breakdown_by_student"] if s["student_id"] == str(student.student_id)]
    assert mine["total_cost_usd"] == pytest.approx(float(cost))


def test_an_idempotency_key_makes_one_effect(live: Live) -> None:
    student: Student = live.learner()
    with ThreadPoolExecutor(10) as pool:
        answers = list(
            pool.map(
                lambda _: student.post("/api/v2/adaptive/path", {"force_refresh": True}, Idempotency_Key="evening-1"),
                range(10),
            )
        )
    assert {a.status_code for a in answers} == {200}
    assert len({a.json()["path_id"] for a in answers}) == 1
    assert student.quota()["adaptive_paths"]["used"] == 1
    other = student.post("/api/v2/adaptive/path", {"force_refresh": False}, Idempotency_Key="evening-1")
    assert (other.status_code, other.json()["error"]["code"]) == (409, "IDEMPOTENCY_CONFLICT")

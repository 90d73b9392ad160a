"""What must never reach the model, what must be gone with the account, and what one key may do once."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tests.e2e.proofs.books import Witness, books_balance
from tests.e2e.proofs.load import insist
from tests.live import GOOD_ANSWER, PASSWORD, Live, Student, eventually

AT_ONCE = 50


def named_student(live: Live, name: str) -> Student:
    """A premium student whose name and address nobody else has, with two quizzes taken."""
    email = f"{name}@example.com"
    account = {"email": email, "password": PASSWORD, "full_name": f"{name.title()} Canaria"}
    assert live.client.post("/api/v1/auth/register", json=account).status_code == 201
    student = live.sign_in(email, PASSWORD)
    live.set_tier(student, "premium", "2099-01-01T00:00:00Z")
    for chapter in ("01-intro", "02-llms"):
        assert student.take_quiz(chapter).status_code == 200
    return student


def test_nothing_that_names_a_student_reaches_the_model_and_nothing_of_them_outlives_the_account(live: Live) -> None:
    witness = Witness.of(live)
    name, word = f"canary{secrets.token_hex(4)}", f"songbird{secrets.token_hex(4)}"
    student = named_student(live, name)
    assert student.new_path().status_code == 200
    answer = f"{GOOD_ANSWER} A {word} says so: write to {name}@example.com or call +49 30 1234567."
    submitted = student.post("/api/v2/assessments/submit", {"question_id": "04-rag-q1", "answer_text": answer})
    student.graded(submitted.json()["submission_id"])
    seen = witness.text()
    assert word in seen, "the answer itself was sent"
    for secret in (name, name.title(), "Canaria", str(student.student_id), "1234567", student.token):
        assert secret not in seen
    assert "[email address]" in seen
    assert rows_holding(live, word), "until then it is kept for the audit"
    left = live.client.request(
        "DELETE", "/api/v1/auth/me", json={"password": PASSWORD}, headers={"Authorization": f"Bearer {student.token}"}
    )
    assert left.status_code in (200, 204), left.text
    for trace in (word, name, str(student.student_id)):
        assert rows_holding(live, trace) == []
    with live.redis() as cache:  # there counts run out by themselves, under a random number that leads nowhere now
        kept = {key: cache.get(key) for key in cache.scan_iter(f"*{student.student_id}*")}
    assert not any(word in text or name in text for text in map(str, kept.items()))
    books_balance(live)


def rows_holding(live: Live, text: str) -> list[str]:
    """The tables of the whole database with a row in which this text stands."""
    tables = live.rows("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
    names = [row["table_name"] for row in tables]
    counted = " UNION ALL ".join(
        f"SELECT '{name}' AS name FROM \"{name}\" t WHERE t::text LIKE '%{text}%'" for name in names
    )
    return sorted({row["name"] for row in live.rows(counted)})


def test_an_account_deleted_while_it_floods_is_gone_and_leaves_the_books_right(live: Live) -> None:
    student = live.learner()
    live.simulate(mode="latency", latency_ms=300)
    try:
        with ThreadPoolExecutor(20) as pool:
            asked = [pool.submit(student.new_path, force_refresh=True) for _ in range(20)]
            eventually(lambda: live.calls(student), "a call under way")
            headers = {"Authorization": f"Bearer {student.token}"}
            left = live.client.request("DELETE", "/api/v1/auth/me", json={"password": PASSWORD}, headers=headers)
            statuses = {answer.result().status_code for answer in asked}
    finally:
        live.simulate(mode="tutor")
    assert left.status_code in (200, 204), left.text
    assert statuses <= {200, 401, 429, 503}
    for table in ("premium_usage_quotas", "llm_student_spend", "adaptive_paths", "llm_exchanges"):
        assert live.rows(f"SELECT 1 FROM {table} WHERE student_id = '{student.student_id}'") == []
    books_balance(live)


def test_one_key_fifty_times_at_once_is_one_effect(live: Live) -> None:
    student = live.learner()
    requests: dict[str, dict[str, object]] = {
        "/api/v2/adaptive/path": {"force_refresh": True},
        "/api/v2/assessments/submit": {"question_id": "04-rag-q1", "answer_text": GOOD_ANSWER},
        "/api/v1/quizzes/01-intro-quiz/submit": {"answers": {"q1": "a"}},
    }
    for path, body in requests.items():
        send = partial(student.post, path, body, Idempotency_Key=f"once and for all: {path}")
        with ThreadPoolExecutor(AT_ONCE) as pool:
            asked = [pool.submit(insist, send) for _ in range(AT_ONCE)]
            answers = [one.result() for one in asked]
        assert {answer.is_success for answer in answers} == {True}
        assert len({answer.content for answer in answers}) == 1, path
    used = student.quota()
    assert (used["adaptive_paths"]["used"], used["assessments"]["used"]) == (1, 1)
    mine = f"student_id = '{student.student_id}'"
    assert len(live.rows(f"SELECT 1 FROM quiz_results WHERE {mine}")) == 3, "two were taken to begin with"
    assert len(live.rows(f"SELECT 1 FROM assessment_submissions WHERE {mine}")) == 1
    assert len(live.rows(f"SELECT 1 FROM adaptive_paths WHERE {mine}")) == 1

"""Bad input gets the error of the contract, in the one envelope, from services and gateway alike; never a 500."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest

from shared_schemas.errors import ErrorEnvelope
from tests.live import GOOD_ANSWER, Live

PROTECTED = ["/api/v1/chapters", "/api/v1/auth/me", "/api/v2/usage/quota", "/api/v2/assessments/questions"]


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The error of an answer, checked for everything that every error has."""
    assert answer.status_code == status, answer.text
    body = ErrorEnvelope.model_validate(answer.json())
    assert body.error.code == code
    assert body.error.message
    assert answer.headers["X-Request-ID"]
    assert not any(character.isdigit() for character in answer.headers.get("Server", "")), "no version in Server"
    return dict(answer.json()["error"])


def unsigned(claims: dict[str, Any]) -> str:
    """A token that says of itself that it needs no signature."""
    parts = [{"alg": "none", "typ": "JWT"}, claims]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, ""])


@pytest.fixture(scope="module")
def bad_tokens(live: Live) -> dict[str, str]:
    """Tokens that nobody should be let in with, by what is wrong with them."""
    student = live.register()
    key = live.stack.plan.secrets["jwt_secret_key"]
    claims = jwt.decode(student.token, options={"verify_signature": False})
    past = datetime.now(UTC) - timedelta(hours=2)

    def signed(**changes: Any) -> str:
        return jwt.encode({**claims, **changes}, key, algorithm="HS256")

    assert live.client.get(PROTECTED[0], headers={"Authorization": f"Bearer {signed()}"}).status_code == 200
    return {
        "no token": "not-a-token",
        "forged": jwt.encode(claims, "k" * 40, algorithm="HS256"),
        "alg none": unsigned(claims),
        "expired": signed(iat=int(past.timestamp()), exp=int((past + timedelta(hours=1)).timestamp())),
        "another audience": signed(aud="somebody-else"),
        "another session": signed(sid=str(uuid4())),
        "another student": signed(sub=str(uuid4())),
        "subject is no id": signed(sub="' OR 1=1 --"),
        "expiry is no time": signed(exp="soon"),
        "expiry beyond time": signed(exp=10**30),
        "without subject": jwt.encode({k: v for k, v in claims.items() if k != "sub"}, key, algorithm="HS256"),
        "very long": "a." * 1500,
        "a refresh token": f"{claims['sid']}.0.AAAA",
        "not ascii": "t\u00f6k\u00ebn",
    }


@pytest.mark.parametrize("path", PROTECTED)
def test_a_bad_token_is_a_401_everywhere(live: Live, bad_tokens: dict[str, str], path: str) -> None:
    for flaw, token in bad_tokens.items():
        header = f"Bearer {token}".encode()
        answer = live.client.get(path, headers={b"Authorization": header})
        assert answer.status_code == 401, f"{flaw}: {answer.text}"
        refused(answer, 401, "UNAUTHORIZED")
    refused(live.client.get(path), 401, "UNAUTHORIZED")
    refused(live.client.get(path, headers={"Authorization": "Basic dXNlcjpwYXNz"}), 401, "UNAUTHORIZED")


def test_malformed_json_is_said_plainly(live: Live) -> None:
    student = live.register("premium")
    headers = {"Authorization": f"Bearer {student.token}", "Content-Type": "application/json"}
    for body in (b"{", b"", b"\xff\xfe", b'{"answers": NaN', b"[" * 5000):
        v1 = live.client.post("/api/v1/quizzes/01-intro-quiz/submit", content=body, headers=headers)
        refused(v1, 422, "VALIDATION_ERROR")
        v2 = live.client.post("/api/v2/assessments/submit", content=body, headers=headers)
        refused(v2, 400, "INVALID_REQUEST")


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        None,
        "text",
        {"answers": []},
        {"answers": {"q1": 5}},
        {"answers": {"q1": None}},
        {"answers": {"q99": "a"}},
        {"answers": {"q9": "x" * 100_000}},
        {"answers": {"q9": "nul \x00 character"}},
        {"answers": {"q9": "\ud800"}},
        {"answers": {"q6": "perhaps"}},
        {"answers": {f"q{n}": "a" for n in range(5000)}},
        {"answers": {"q1": "a"}, "score": 100},
    ],
)
def test_wrong_types_in_v1_name_the_field(live: Live, body: Any) -> None:
    student = live.register()
    answer = student.call("POST", "/api/v1/quizzes/01-intro-quiz/submit", body)
    refused(answer, 422, "VALIDATION_ERROR")
    assert student.get("/api/v1/progress/quiz-history").json()["attempts"] == [], "nothing is half stored"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "INVALID_REQUEST"),
        ([], "INVALID_REQUEST"),
        ({"question_id": 5, "answer_text": GOOD_ANSWER}, "INVALID_REQUEST"),
        ({"question_id": "04-rag-q1", "answer_text": ["a"]}, "INVALID_REQUEST"),
        ({"question_id": "04-rag-q1", "answer_text": GOOD_ANSWER, "score": 10}, "INVALID_REQUEST"),
        ({"question_id": "04-rag-q1", "answer_text": "too short"}, "INVALID_ANSWER_LENGTH"),
        ({"question_id": "04-rag-q1", "answer_text": "word " * 1001}, "INVALID_ANSWER_LENGTH"),
        ({"question_id": "04-rag-q1", "answer_text": "nul \x00 " + GOOD_ANSWER}, "INVALID_REQUEST"),
        ({"question_id": "04-rag-q1", "answer_text": "asdfgh jklqwe " * 10}, "INVALID_SUBMISSION"),
    ],
)
def test_a_bad_submission_is_refused_and_costs_nothing(live: Live, body: Any, code: str) -> None:
    student = live.register("premium")
    answer = student.call("POST", "/api/v2/assessments/submit", body)
    refused(answer, 400, code)
    assert student.quota()["assessments"]["used"] == 0


def test_a_body_over_one_megabyte_is_refused(live: Live) -> None:
    student = live.register("premium")
    large = {"answers": {"q9": "x" * 1_100_000}}
    assert student.post("/api/v1/quizzes/01-intro-quiz/submit", large).status_code == 413
    assert student.post("/api/v2/assessments/submit", large).status_code == 413
    body = student.post("/api/v2/assessments/submit", large)
    assert ErrorEnvelope.model_validate(body.json()).error.code


def test_unknown_ids_are_404_and_somebody_elses_too(live: Live) -> None:
    student, other = live.learner(), live.learner()
    missing = refused(student.get("/api/v1/chapters/99-nothing"), 404, "RESOURCE_NOT_FOUND")
    assert "01-intro" in json.dumps(missing), "a 404 names the chapters there are"
    refused(student.get("/api/v1/quizzes/99-quiz"), 404, "RESOURCE_NOT_FOUND")
    refused(student.get("/api/v1/chapters/01-intro/sections/none"), 404, "RESOURCE_NOT_FOUND")
    refused(student.get(f"/api/v2/adaptive/path/{uuid4()}"), 404, "PATH_NOT_FOUND")
    refused(student.get(f"/api/v2/assessments/feedback/{uuid4()}"), 404, "SUBMISSION_NOT_FOUND")
    refused(student.get("/api/v2/assessments/questions/none-q1"), 404, "QUESTION_NOT_FOUND")
    path_id = other.new_path().json()["path_id"]
    refused(student.get(f"/api/v2/adaptive/path/{path_id}"), 404, "PATH_NOT_FOUND")
    answer = {"question_id": "none-q1", "answer_text": GOOD_ANSWER}
    refused(student.post("/api/v2/assessments/submit", answer), 404, "QUESTION_NOT_FOUND")


def test_ids_that_are_no_ids_are_never_a_500(live: Live) -> None:
    student = live.register("premium")
    for odd in ("not-a-uuid", "%00", "..%2f..%2fetc", "'; DROP TABLE students; --", "x" * 3000, "\u2603"):
        for path in (
            "/api/v1/chapters/{}",
            "/api/v1/quizzes/{}",
            "/api/v2/adaptive/path/{}",
            "/api/v2/assessments/questions/{}",
        ):
            answer = student.get(path.format(odd))
            assert 400 <= answer.status_code < 500, f"{path} {odd[:30]}: {answer.status_code}"
            ErrorEnvelope.model_validate(answer.json())


def test_the_order_of_refusal(live: Live) -> None:
    """401 before 403 before 400 before 404 before 409 before 429."""
    nonsense = {"question_id": 7}
    refused(live.client.post("/api/v2/assessments/submit", json=nonsense), 401, "UNAUTHORIZED")
    refused(live.register().post("/api/v2/assessments/submit", nonsense), 403, "PREMIUM_REQUIRED")
    premium = live.register("premium")
    refused(premium.post("/api/v2/assessments/submit", nonsense), 400, "INVALID_REQUEST")
    short = {"question_id": "none-q1", "answer_text": "short"}
    refused(premium.post("/api/v2/assessments/submit", short), 400, "INVALID_ANSWER_LENGTH")
    refused(live.client.put(f"/api/v1/admin/students/{uuid4()}/subscription", json=nonsense), 401, "UNAUTHORIZED")
    refused(premium.call("PUT", f"/api/v1/admin/students/{uuid4()}/subscription", nonsense), 403, "ACCESS_DENIED")
    refused(live.admin.call("PUT", f"/api/v1/admin/students/{uuid4()}/subscription", nonsense), 422, "VALIDATION_ERROR")
    unknown = {"subscription_tier": "pro", "subscription_expires_at": None}
    refused(
        live.admin.call("PUT", f"/api/v1/admin/students/{uuid4()}/subscription", unknown), 404, "RESOURCE_NOT_FOUND"
    )


def test_locked_content_is_in_no_body(live: Live) -> None:
    free, premium = live.register(), live.register("premium")
    chapter = premium.get("/api/v1/chapters/04-rag").json()
    locked = refused(free.get("/api/v1/chapters/04-rag"), 403, "ACCESS_DENIED")
    assert locked["details"]["required_tier"] == "premium"
    assert locked["details"]["upgrade_url"]
    section = chapter["sections"][0]
    for path in (
        "/api/v1/chapters/04-rag",
        f"/api/v1/chapters/04-rag/sections/{section['section_id']}",
        "/api/v1/quizzes/04-rag-quiz",
    ):
        answer = free.get(path)
        assert answer.status_code == 403
        assert section["content_markdown"][:80] not in answer.text


def test_internal_endpoints_are_not_reachable(live: Live) -> None:
    token = live.stack.plan.secrets["core_service_token"]
    for path in (
        "/internal/v1/learners/resolve",
        "//internal/v1/learners/resolve",
        "/internal/v1/learners/3f2504e0-4f89-11d3-9a0c-0305e82c3301/activity",
        "/api/v1/%2e%2e/%2e%2e/internal/v1/learners/resolve",
    ):
        answer = live.client.post(path, json={"token": "x"}, headers={"Authorization": f"Bearer {token}"})
        refused(answer, 404, "RESOURCE_NOT_FOUND")

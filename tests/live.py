"""The whole system, running, and the small vocabulary that tests of it speak."""

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import httpx
import redis
import yaml

from devstack.stack import Stack

T = TypeVar("T")
CONTENT = Path(__file__).resolve().parents[1] / "content"
PASSWORD = "a-long-enough-password"
PATIENCE_SECONDS = 60.0


def eventually(question: Callable[[], T | None], what: str, seconds: float = PATIENCE_SECONDS) -> T:
    """The first answer that is not None or False; fails naming ``what`` when there is none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := question():
            return answer
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {seconds:.0f} s")


@dataclass
class Student:
    """A signed-in person: every call goes through the gateway with their token."""

    client: httpx.Client
    student_id: UUID
    email: str
    token: str

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        own = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        content = None if method == "GET" else json.dumps(body)  # escapes what UTF-8 cannot hold
        return self.client.request(method, path, content=content, headers=own | named)

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        return self.call("POST", path, {} if body is None else body, **headers)

    def take_quiz(self, chapter_id: str, answers: dict[str, Any] | None = None) -> httpx.Response:
        return self.post(f"/api/v1/quizzes/{chapter_id}-quiz/submit", {"answers": answers or {"q1": "a", "q2": "b"}})

    def new_path(self, **body: Any) -> httpx.Response:
        return self.post("/api/v2/adaptive/path", body)

    def quota(self) -> dict[str, Any]:
        answer = self.get("/api/v2/usage/quota")
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def graded(self, submission_id: str, seconds: float = PATIENCE_SECONDS) -> dict[str, Any]:
        """The feedback, once there is one."""

        def ask() -> dict[str, Any] | None:
            answer = self.get(f"/api/v2/assessments/feedback/{submission_id}")
            assert answer.status_code in (200, 202), answer.text
            return answer.json() if answer.status_code == 200 else None

        return eventually(ask, f"feedback on {submission_id}", seconds)


@dataclass
class Live:
    """The running system of this test run."""

    stack: Stack
    client: httpx.Client
    _admin: Student | None = field(default=None)

    def sign_in(self, email: str, password: str) -> Student:
        answer = self.client.post("/api/v1/auth/login", json={"email": email, "password": password})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        return Student(self.client, UUID(body["user"]["user_id"]), email, body["access_token"])

    @property
    def admin(self) -> Student:
        if self._admin is None:
            self._admin = self.sign_in("admin@example.com", "admin123")
        return self._admin

    def register(self, tier: str = "free", expires_at: str | None = "2099-01-01T00:00:00Z") -> Student:
        """A new student of that tier, made as an operator would."""
        email = f"student-{secrets.token_hex(6)}@example.com"
        answer = self.client.post("/api/v1/auth/register", json={"email": email, "password": PASSWORD})
        assert answer.status_code == 201, answer.text
        student = self.sign_in(email, PASSWORD)
        if tier != "free":
            self.set_tier(student, tier, expires_at)
        return student

    def set_tier(self, student: Student, tier: str, expires_at: str | None) -> None:
        answer = self.admin.call(
            "PUT",
            f"/api/v1/admin/students/{student.student_id}/subscription",
            {"subscription_tier": tier, "subscription_expires_at": expires_at},
        )
        assert answer.status_code == 200, answer.text

    def learner(self, tier: str = "premium") -> Student:
        """A student with two quizzes taken, so that a path can be made."""
        student = self.register(tier)
        assert student.take_quiz("01-intro").status_code == 200
        assert student.take_quiz("02-llms", {"q1": "c", "q6": True}).status_code == 200
        return student

    def rows(self, query: str) -> list[dict[str, Any]]:
        """A query's rows, as the owner sees them."""
        text = self.stack.sql(f"SELECT coalesce(json_agg(r), '[]') FROM ({query}) r")
        found: list[dict[str, Any]] = json.loads(text)
        return found

    def calls(self, student: Student) -> list[dict[str, Any]]:
        """The ledger rows of one student, oldest first."""
        where = f"student_id = '{student.student_id}'"
        return self.rows(f"SELECT * FROM llm_usage_logs WHERE {where} ORDER BY request_timestamp")

    def redis(self) -> redis.Redis:
        return redis.Redis.from_url(self.stack.plan.redis_url, decode_responses=True)

    def simulate(self, **mode: Any) -> None:
        """Tell the simulator how to answer from now on."""
        url = f"http://127.0.0.1:{self.stack.plan.ports.model_simulator}/control"
        assert httpx.put(url, json=mode).status_code == 200

    def seen_by_model(self) -> dict[str, int]:
        """What the simulator has counted: requests seen and connections accepted."""
        url = f"http://127.0.0.1:{self.stack.plan.ports.model_simulator}/ledger/count"
        counted: dict[str, int] = httpx.get(url).json()
        return counted


def excellent_answer(question_id: str) -> str:
    """The course's own example of an answer worth full marks."""
    chapter_id = question_id.rsplit("-", 1)[0]
    written = yaml.safe_load((CONTENT / chapter_id / "assessments.yaml").read_text())
    found = next(q for q in written["questions"] if q["id"] == question_id)
    return str(found["excellent_example"]).strip()


GOOD_ANSWER = excellent_answer("04-rag-q1")

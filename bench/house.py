"""What is measured: the whole system on free ports, and beside it the yardstick behind a gateway of the same kind."""

import json
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import httpx

from core.tokens import mint_access_token
from devstack import services
from devstack.plan import HOST, Plan, make_plan, port_in_use
from devstack.processes import Program
from devstack.servers import nginx
from devstack.stack import Stack, remove_data

ROOT = Path(__file__).resolve().parents[1]
WORKERS = 2
STUDENTS = 64
UNLIMITED = "1000000000"
SETTINGS = {
    "HOURLY_LIMIT_FREE": UNLIMITED,
    "HOURLY_LIMIT_PREMIUM": UNLIMITED,
    "SIGN_IN_LIMITS_SCALE": "1000000",
    "GATEWAY_FLOOD_RATE": "1000000r/s",
}
QUIZ = "/api/v1/quizzes/01-intro-quiz/submit"
ANSWERS = {"q1": "a", "q2": "b", "q3": "a", "q4": "a", "q5": "a", "q6": True, "q7": False, "q8": True}
ANSWERS |= {"q9": "It predicts the next token from what it has seen.", "q10": "Check what it says against a source."}


@dataclass(frozen=True)
class Student:
    """Somebody signed in."""

    student_id: UUID
    token: str

    def request(self, method: str, path: str, body: str = "") -> str:
        """A whole request, as it goes over the wire: the same to the system and to the yardstick."""
        head = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {self.token}"]
        head += [f"X-Student: {self.student_id}"]
        if body:
            head += ["Content-Type: application/json", f"Content-Length: {len(body.encode())}"]
        return "\r\n".join([*head, "", body])


@dataclass(frozen=True)
class House:
    """The two doors, and who may enter."""

    stack: Stack
    system: int
    yardstick: int
    students: list[Student]


def free_plan(state: Path, settings: dict[str, str]) -> Plan:
    """A plan on a free block of ports."""
    while True:
        port = random.randrange(20_000, 45_000, 16)
        plan = make_plan(ROOT, port=port, state=state, environment=settings, workers=WORKERS)
        if not any(map(port_in_use, plan.ports.named().values())):
            return plan


@contextmanager
def opened(paths: list[str]) -> Iterator[House]:
    """The system, and the yardstick with the system's own answers to GETs of ``paths``; all is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="cc-bench-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        plan = free_plan(Path(folder) / "system", SETTINGS)
        stack = Stack(plan)
        try:
            stack.start()
            students = _sign_in(stack, STUDENTS)
            texts = Path(folder) / "answers.json"
            texts.write_text(json.dumps(_answers(plan, students[0], paths)))
            door = _start_yardstick(stack, free_plan(Path(folder) / "yardstick", SETTINGS), texts)
            yield House(stack, plan.ports.gateway, door, students)
        finally:
            stack.stop()
            remove_data(plan)


def _sign_in(stack: Stack, count: int) -> list[Student]:
    """Premium students, each with a session and the same two chapters begun."""
    ids = [(uuid4(), uuid4()) for _ in range(count)]
    rows = ",".join(f"('{student}','bench-{student}@example.com','none','premium')" for student, _ in ids)
    stack.sql(f"INSERT INTO students (student_id, email, password_hash, subscription_tier) VALUES {rows}")
    rows = ",".join(f"('{session}','{student}',now() + interval '1 day')" for student, session in ids)
    stack.sql(f"INSERT INTO sessions (session_id, student_id, expires_at) VALUES {rows}")
    begun = "('01-intro', 'completed', 100, now()), ('02-llms', 'in_progress', 40, NULL)"
    stack.sql(
        "INSERT INTO chapter_progress (student_id, chapter_id, completion_status, best_quiz_score, completed_at) "
        f"SELECT student_id, begun.* FROM students, (VALUES {begun}) begun WHERE email LIKE 'bench-%'"
    )
    secret, now = stack.plan.secrets["jwt_secret_key"], datetime.now(UTC)
    return [
        Student(student, mint_access_token(student_id=student, session_id=session, secret=secret, now=now))
        for student, session in ids
    ]


def _answers(plan: Plan, student: Student, paths: list[str]) -> dict[str, object]:
    """What the system answers, by path, and what a quiz submission leaves in the database."""
    bearer = {"Authorization": f"Bearer {student.token}"}
    with httpx.Client(base_url=f"http://{HOST}:{plan.ports.gateway}", headers=bearer) as client:
        bodies = {path: client.get(path).raise_for_status().text for path in paths}
        graded = client.post(QUIZ, json={"answers": ANSWERS}).raise_for_status()
        history = client.get(QUIZ.replace("submit", "results")).raise_for_status().json()["attempts"][0]
        version = client.get("/api/v1/chapters/01-intro").json()["content_version"]
    return {"bodies": bodies | {QUIZ: graded.text}, "attempt": history | {"content_version": version}}


def _start_yardstick(stack: Stack, plan: Plan, texts: Path) -> int:
    """The yardstick's processes, as many as core has and started by the same command, and its gateway's port."""
    core = services.core(stack.plan)
    command = [str(part) for part in core.command]
    command[command.index("core.app:app")] = "bench.yardstick:app"
    command[command.index(str(stack.plan.ports.core))] = str(plan.ports.core)
    core_url = {"CORE_DATABASE_URL": stack.plan.core_database_url, "YARDSTICK_ANSWERS": str(texts)}
    program = Program(
        name="yardstick",
        command=[*command, "--app-dir", str(ROOT)],
        environment={"PATH": core.environment["PATH"], **core_url},
        folder=plan.state,
        ready=lambda: port_in_use(plan.ports.core),
    )
    stack.run(program)
    gateway = nginx(plan, services.gateway_values(plan))
    stack.run(replace(gateway, name="yardstick's gateway"))
    return plan.ports.gateway

"""Intelligence for one test: real PostgreSQL and Redis, the model simulator, and a stand-in for core on a socket."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from core.publishing.compile import compile_course
from core.publishing.source import read_course
from intelligence import content, processes
from intelligence.assessments import worker
from intelligence.assessments.worker import Rhythm
from intelligence.settings import get_settings
from intelligence.usage import metering
from shared_schemas.claims import Learner, SubscriptionTier
from shared_schemas.learners import LearnerSnapshot, LearnerWithSnapshot, QuizAttemptFacts
from tests.conftest import Database
from tests.intelligence.support import SERVICE_TOKEN, Hearing, browser_of, served, whole_service
from tests.simulator.running import ROOT, Simulator

T = TypeVar("T")
PATIENCE_SECONDS = 120.0  # the grading worker gives way to everybody, and other tests are at work
QUICK = Rhythm(poll_seconds=0.02, first_pause_seconds=0.05, grace_seconds=5)

GOOD_ANSWER = (
    "I would use retrieval. The pages are cut into passages and indexed beforehand. When a visitor asks, a search "
    "picks a few passages that go into the prompt with the question, and the model answers from them. Training each "
    "month updates slowly and is unreliable for single facts, and pasting all pages into every prompt is costly and "
    "may not fit. Each answer can point to the page it came from, so that staff can check it. The limit is the "
    "search: a missed passage leads to a wrong answer."
)


async def eventually(question: Callable[[], Awaitable[T | None]], what: str) -> T:
    """The first answer that is neither None nor False."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            if answer := await question():
                return answer
            await asyncio.sleep(0.02)
    raise AssertionError(what)


def attempt(chapter_id: str, score: int, *, marks: dict[str, int] | None = None, **more: Any) -> QuizAttemptFacts:
    """A quiz attempt an hour ago, unless it says otherwise."""
    facts: dict[str, Any] = {
        "attempt_id": uuid4(),
        "quiz_id": f"{chapter_id}-quiz",
        "chapter_id": chapter_id,
        "score": score,
        "passed": score >= 70,
        "completed_at": datetime.now(UTC) - timedelta(hours=1),
        "marks": marks or {},
        "concepts": {},
        "sections": {},
    }
    return QuizAttemptFacts(**facts | more)


@dataclass
class Core(Hearing):
    """What core would say: learners by token, and what each has done."""

    learners: dict[str, Learner] = field(default_factory=dict)
    attempts: dict[UUID, list[QuizAttemptFacts]] = field(default_factory=dict)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/internal/v1/learners/resolve", self.resolve, methods=["POST"]),
                Route("/internal/v1/learners/snapshot", self.snapshot, methods=["POST"]),
                self.ear,
            ]
        )

    async def resolve(self, request: Request) -> JSONResponse:
        learner = self.learners.get((await request.json())["token"])
        if learner is None:
            return JSONResponse({"error": {"code": "UNAUTHORIZED", "message": "no"}}, 401)
        return JSONResponse(learner.model_dump(mode="json"))

    async def snapshot(self, request: Request) -> JSONResponse:
        learner = self.learners[(await request.json())["token"]]
        facts = LearnerSnapshot(
            student_id=learner.student_id,
            taken_at=datetime.now(UTC),
            chapters=[],
            quiz_attempts=self.attempts.get(learner.student_id, []),
        )
        return JSONResponse(LearnerWithSnapshot(learner=learner, snapshot=facts).model_dump(mode="json"))


def publish_course(folder: Path, *, version: str | None = None) -> str:
    """The repository's own course as published objects in a folder; its version."""
    compiled = compile_course(read_course(ROOT / "content"))
    for key, body in (compiled.versioned | compiled.plain).items():
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(body)
    (folder / "course.json").write_text(compiled.pointer(datetime.now(UTC)).model_dump_json())
    return compiled.course.content_version


@dataclass
class Student:
    """A signed-in student who asks intelligence as the gateway would."""

    learner: Learner
    client: httpx.AsyncClient
    token: str

    @property
    def student_id(self) -> UUID:
        return self.learner.student_id

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.request(
            method, f"/api/v2{path}", json=body, headers={"Authorization": f"Bearer {self.token}", **named}
        )

    async def get(self, path: str) -> httpx.Response:
        return await self.call("GET", path)

    async def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        return await self.call("POST", path, body, **headers)

    async def submit(self, question_id: str = "04-rag-q1", answer: str = GOOD_ANSWER, **headers: str) -> httpx.Response:
        return await self.post("/assessments/submit", {"question_id": question_id, "answer_text": answer}, **headers)

    async def graded(self, submission_id: str) -> dict[str, Any]:
        async def ask() -> dict[str, Any] | None:
            answer = await self.get(f"/assessments/feedback/{submission_id}")
            assert answer.status_code in (200, 202), answer.text
            return answer.json() if answer.status_code == 200 else None

        return await eventually(ask, "no feedback")

    async def used(self, feature: str) -> int:
        quota = (await self.get("/usage/quota")).json()
        used: int = quota[feature]["used"]
        return used


@dataclass
class World:
    """Everything around one test."""

    core: Core
    simulator: Simulator
    database: Database
    client: httpx.AsyncClient

    async def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """A query's rows, as the owner sees them."""
        connection = await asyncpg.connect(self.database.owner_url)
        try:
            return [dict(row) for row in await connection.fetch(query, *values)]
        finally:
            await connection.close()

    async def student(self, tier: SubscriptionTier = "premium", *attempts: QuizAttemptFacts) -> Student:
        """A new student with these quiz attempts, or with one at each of the first two chapters."""
        student_id = uuid4()
        await self.rows(
            "INSERT INTO students (student_id, email, password_hash, subscription_tier) VALUES ($1, $2, '-', $3)",
            student_id,
            f"{student_id}@example.com",
            tier,
        )
        token = f"token-{student_id}"
        learner = Learner(
            student_id=student_id,
            session_id=uuid4(),
            role="student",
            subscription_tier=tier,
            subscription_expires_at=None,
            token_expires_at=datetime.now(UTC) + timedelta(hours=1),
        )
        self.core.learners[token] = learner
        self.core.attempts[student_id] = list(attempts or (attempt("01-intro", 40), attempt("02-llms", 80)))
        return Student(learner, self.client, token)

    async def operator(self) -> Student:
        """A course operator, without a plan."""
        operator = await self.student("free")
        operator.learner = operator.learner.model_copy(update={"role": "admin"})
        self.core.learners[operator.token] = operator.learner
        return operator

    @asynccontextmanager
    async def worker(self, rhythm: Rhythm = QUICK) -> AsyncIterator[asyncio.Event]:
        """A grading worker at work; stopped as SIGTERM would."""
        stop = asyncio.Event()
        task = asyncio.create_task(worker.run(stop, rhythm))
        try:
            yield stop
        finally:
            stop.set()
            await task


async def status_of(world: World, submission_id: str) -> dict[str, Any]:
    """The row of a submission, with the state of its reservation."""
    [row] = await world.rows(
        "SELECT s.*, r.state FROM assessment_submissions s JOIN llm_reservations r USING (reservation_id) "
        "WHERE submission_id = $1::uuid",
        submission_id,
    )
    return row


@asynccontextmanager
async def running_intelligence(
    simulator: Simulator, database: Database, redis_url: str, course: Path, patch: pytest.MonkeyPatch
) -> AsyncIterator[World]:
    """The service with fresh settings and connections, served on a socket of its own."""
    core = Core()
    patch.chdir(course)  # no .env of the developer is read
    for name in [name for name in os.environ if name.startswith(("ANTHROPIC_", "LLM_", "PREMIUM_", "ENABLE_"))]:
        patch.delenv(name)
    async with served(core.app()) as core_url:
        for name, value in {
            "INTELLIGENCE_DATABASE_URL": database.intelligence_url,
            "REDIS_URL": redis_url,
            "CORE_URL": core_url,
            "CORE_SERVICE_TOKEN": SERVICE_TOKEN,
            "CONTENT_SOURCE": "local",
            "CONTENT_DIRECTORY": str(course),
            "ANTHROPIC_API_KEY": "key-of-a-test",
            "ANTHROPIC_BASE_URL": simulator.url,
            "ANTHROPIC_MAX_RETRIES": "0",
        }.items():
            patch.setenv(name, value)
        await forget_everything()
        async with served(whole_service()) as url, browser_of(url) as client:
            yield World(core, simulator, database, client)
        await forget_everything()


async def forget_everything() -> None:
    """Connections closed, and settings, course and load read anew at the next use."""
    await processes.shut_down()
    metering.forget()
    content.forget()
    get_settings.cache_clear()

"""Servers and people that tests of intelligence need: everything over real sockets, nothing patched in."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID, uuid4

import httpx
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from intelligence import processes
from intelligence.llm import Prompt
from shared_schemas.claims import Learner, SubscriptionTier
from shared_schemas.learners import Activity, LearnerSnapshot, LearnerWithSnapshot

SERVICE_TOKEN = "service-token-of-the-tests-0123456789"


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    """The address of an ASGI application that listens on a free port until the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        assert not serving.done(), "the server ended before it started"
        await asyncio.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
        listener.close()


def browser_of(url: str) -> httpx.AsyncClient:
    """A client of a server on this machine. It loads no certificates: that would take longer than most tests do."""
    return httpx.AsyncClient(base_url=url, timeout=30, verify=False)


def whole_service() -> FastAPI:
    """The application that a process of the service serves, started as its settings now say.

    It is put together once for all tests, because that takes longer than most of them and no setting changes it.
    """
    processes.start()
    from intelligence.app import app

    return app


@dataclass
class Hearing:
    """Core's ear for what students learn: `heard` holds who and when, unless the student is to be refused."""

    heard: list[tuple[UUID, datetime]] = field(default_factory=list)
    refused: dict[UUID, int] = field(default_factory=dict)
    refusals: int = 0

    async def activity(self, request: Request) -> Response:
        if request.headers["Authorization"] != f"Bearer {SERVICE_TOKEN}":
            return JSONResponse({"error": {"code": "ACCESS_DENIED"}}, 403)
        student_id = UUID(request.path_params["student_id"])
        if status := self.refused.get(student_id):
            self.refusals += 1
            return JSONResponse({"error": {}}, status)
        self.heard.append((student_id, Activity.model_validate_json(await request.body()).acted_at))
        return Response(status_code=204)

    @property
    def ear(self) -> Route:
        return Route("/internal/v1/learners/{student_id}/activity", self.activity, methods=["POST"])


@dataclass
class FakeCore(Hearing):
    """Core's internal endpoints: whom each token belongs to. None of them has done anything yet."""

    learners: dict[str, Learner] = field(default_factory=dict)
    asked: int = 0

    def sign_in(
        self,
        student_id: UUID,
        tier: SubscriptionTier = "premium",
        *,
        role: Literal["student", "admin"] = "student",
        expires: datetime | None = None,
    ) -> dict[str, str]:
        """The headers of a signed-in student."""
        token = uuid4().hex
        self.learners[token] = learner(student_id, tier, role=role, expires=expires)
        return {"Authorization": f"Bearer {token}"}

    def app(self) -> Starlette:
        async def resolve(request: Request) -> Response:
            self.asked += 1
            if request.headers["Authorization"] != f"Bearer {SERVICE_TOKEN}":
                return JSONResponse({"error": {"code": "ACCESS_DENIED"}}, 403)
            found = self.learners.get((await request.json())["token"])
            if found is None:
                return JSONResponse({"error": {"code": "UNAUTHORIZED"}}, 401)
            return Response(found.model_dump_json(), media_type="application/json")

        async def snapshot(request: Request) -> Response:
            resolved = await resolve(request)
            if resolved.status_code != 200:
                return resolved
            known = self.learners[(await request.json())["token"]]
            nothing = LearnerSnapshot(
                student_id=known.student_id, taken_at=datetime.now(UTC), chapters=[], quiz_attempts=[]
            )
            body = LearnerWithSnapshot(learner=known, snapshot=nothing)
            return Response(body.model_dump_json(), media_type="application/json")

        async def health(_: Request) -> Response:
            return JSONResponse({"status": "healthy"})

        return Starlette(
            routes=[
                Route("/internal/v1/learners/resolve", resolve, methods=["POST"]),
                Route("/internal/v1/learners/snapshot", snapshot, methods=["POST"]),
                self.ear,
                Route("/api/v1/health", health),
            ]
        )


def learner(
    student_id: UUID,
    tier: SubscriptionTier = "premium",
    *,
    role: Literal["student", "admin"] = "student",
    expires: datetime | None = None,
) -> Learner:
    return Learner(
        student_id=student_id,
        session_id=uuid4(),
        role=role,
        subscription_tier=tier,
        subscription_expires_at=expires,
        token_expires_at=datetime.now(UTC) + timedelta(hours=1),
    )


Responder = Callable[[Request], Awaitable[Response]]


class ScriptedProvider:
    """A model's server that answers each request with the next of the given responders, the last one for ever."""

    def __init__(self) -> None:
        self.script: list[Responder] = []
        self.bodies: list[dict[str, Any]] = []

    async def respond(self, request: Request) -> Response:
        self.bodies.append(await request.json())
        responder = self.script[0] if len(self.script) == 1 else self.script.pop(0)
        return await responder(request)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/v1/messages", self.respond, methods=["POST"])])


class Said(BaseModel):
    """The smallest structured answer."""

    reply: str


def prompt(user: str = '<task>check</task>\n<input>{"word": "ready"}</input>') -> Prompt[Said]:
    return Prompt(
        task="check", version="check.v1", system="Answer in one word.", user=user, answer_type=Said, max_tokens=200
    )


def message(text: str | None = '{"reply": "ready"}', **changes: Any) -> dict[str, Any]:
    """A whole answer of the Messages API: 100 tokens in, 20 out."""
    blocks = [{"type": "thinking", "thinking": "", "signature": "s"}]
    if text is not None:
        blocks.append({"type": "text", "text": text})
    return {
        "id": "msg_test",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5-5",
        "content": blocks,
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 100, "output_tokens": 20},
    } | changes


def says(text: str | None = '{"reply": "ready"}', **changes: Any) -> Responder:
    async def respond(_: Request) -> Response:
        return JSONResponse(message(text, **changes), headers={"request-id": "req_said"})

    return respond


def fails(status: int, code: str = "api_error", **headers: str) -> Responder:
    async def respond(_: Request) -> Response:
        body = {"type": "error", "error": {"type": code, "message": "no"}}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return JSONResponse(body, status, headers={"request-id": "req_failed", **named})

    return respond


def answers(content: bytes, content_type: str) -> Responder:
    async def respond(_: Request) -> Response:
        return Response(content, media_type=content_type, headers={"request-id": "req_odd"})

    return respond


def hangs() -> Responder:
    async def respond(request: Request) -> Response:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        return Response(status_code=499)

    return respond

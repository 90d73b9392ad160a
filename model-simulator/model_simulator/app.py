"""The HTTP side: the Messages API, and the operator's own endpoints beside it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from model_simulator import contract
from model_simulator.answering import Answer, answer, fault
from model_simulator.control import Control, Mode, Setting
from model_simulator.errors import ApiError
from model_simulator.ledger import Ledger
from model_simulator.tutor import Oracle, read_oracle
from model_simulator.usage import PromptCache, input_tokens

ANNOUNCEMENT = "simulated model, no real answers"


@dataclass
class Simulator:
    """Everything one running simulator remembers."""

    control: Control = field(default_factory=lambda: Control(Setting()))
    ledger: Ledger = field(default_factory=Ledger)
    oracle: Oracle = field(default_factory=dict)
    cache: PromptCache = field(default_factory=PromptCache)

    async def create_message(self, request: Request) -> Response:
        """POST /v1/messages: seen, checked, answered as the current setting wants."""
        raw = await request.body()
        request_id = request.state.request_id
        self.ledger.record_seen(request_id, path=request.url.path, headers=request.headers, raw=raw)
        mode, status, usage = None, None, None
        try:
            contract.check_headers(request.headers)
            body = contract.read_body(raw)
            contract.check_create(body)
            setting = self.control.take()
            mode = setting.mode.value
            response, usage = await self._respond(request, body, setting)
            status = response.status_code if response else None
        except ApiError as refusal:
            response = _error_response(refusal, request_id)
            status = refusal.status
        finally:
            self.ledger.record_answered(request_id, status=status, usage=usage, mode=mode)
        return response or Response(status_code=499)  # the caller of a held request is gone: nobody reads this

    async def _respond(
        self, request: Request, body: Mapping[str, Any], setting: Setting
    ) -> tuple[Response | None, Mapping[str, Any] | None]:
        if setting.mode is Mode.TIMEOUT:
            await _wait_for_hang_up(request)
            return None, None
        if setting.latency_ms:
            await asyncio.sleep(setting.latency_ms / 1000)
        if setting.mode is Mode.ERROR:
            raise fault(setting)
        made = answer(body, setting.mode, oracle=self.oracle, cache=self.cache)
        return AnswerResponse(made), made.usage

    async def count_tokens(self, request: Request) -> Response:
        """POST /v1/messages/count_tokens: the input tokens a message would have; no mode changes it."""
        contract.check_headers(request.headers)
        body = contract.read_body(await request.body())
        contract.check_count(body)
        return JSONResponse({"input_tokens": input_tokens(body)})

    async def health(self, _: Request) -> Response:
        """GET /health."""
        return JSONResponse({"status": "healthy", "simulated": True, "notice": ANNOUNCEMENT})

    async def get_control(self, _: Request) -> Response:
        """GET /control: the setting now."""
        return JSONResponse(self.control.current())

    async def put_control(self, request: Request) -> Response:
        """PUT /control: a new setting, answered as GET would."""
        self.control.put(contract.read_body(await request.body()))
        return JSONResponse(self.control.current())

    async def put_oracle(self, request: Request) -> Response:
        """PUT /oracle: what the oracle knows from now on."""
        self.oracle = read_oracle(contract.read_body(await request.body()))
        return JSONResponse({"answers": len(self.oracle)})

    async def count_ledger(self, _: Request) -> Response:
        """GET /ledger/count: since the start; ``connections`` are all accepted ones, also the one asking."""
        ledger = self.ledger
        return JSONResponse({"seen": ledger.seen, "answered": ledger.answered, "connections": ledger.connections})


class AnswerResponse(Response):
    """Sends an answer; one that promises more than it holds ends with the connection closed in mid-body."""

    def __init__(self, made: Answer) -> None:
        super().__init__(made.payload, headers={"content-type": made.content_type})
        self.headers["content-length"] = str(made.promised)
        self._made = made

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The headers, the bytes there are, and the end only where nothing is missing."""
        if self._made.promised == len(self._made.payload):
            await super().__call__(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        # Left open: the server closes the connection when the application returns without the rest.
        await send({"type": "http.response.body", "body": self._made.payload, "more_body": True})


class Labelled:
    """Gives every request an id and every answer its ``request-id`` and ``x-simulated`` headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = f"req_simulated_{uuid4().hex}"
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_labelled(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["request-id"] = request_id
                headers["x-simulated"] = "true"
            await send(message)

        await self._app(scope, receive, send_labelled)


async def _wait_for_hang_up(request: Request) -> None:
    try:
        while (await request.receive())["type"] != "http.disconnect":
            pass
    except asyncio.CancelledError:  # the server ends and cancels what it still holds: that too is worth an answer
        raise ApiError(503, f"{ANNOUNCEMENT}: shutting down") from None


def _error_response(error: ApiError, request_id: str) -> Response:
    return JSONResponse(error.body(request_id), status_code=error.status, headers=error.headers)


async def _on_api_error(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException):
        error = ApiError(error.status_code, error.detail, headers=error.headers)
    if not isinstance(error, ApiError):
        raise error
    return _error_response(error, request.state.request_id)


def create_app(simulator: Simulator) -> ASGIApp:
    """The ASGI application of one simulator."""
    routes = [
        Route("/v1/messages", simulator.create_message, methods=["POST"]),
        Route("/v1/messages/count_tokens", simulator.count_tokens, methods=["POST"]),
        Route("/health", simulator.health),
        Route("/control", simulator.get_control),
        Route("/control", simulator.put_control, methods=["PUT"]),
        Route("/oracle", simulator.put_oracle, methods=["PUT"]),
        Route("/ledger/count", simulator.count_ledger),
    ]
    handlers = {ApiError: _on_api_error, HTTPException: _on_api_error}
    return Labelled(Starlette(routes=routes, exception_handlers=handlers))

"""Where a request enters and its answer leaves: request id, size limit, quota headers, one log line."""

import json
import logging
import re
import time
import traceback
from uuid import UUID, uuid4

from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from intelligence.database import connection, describe
from intelligence.errors import ServiceError
from intelligence.usage import service

logger = logging.getLogger("intelligence.requests")

MAXIMUM_BODY_BYTES = 1024 * 1024
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class BodyTooLarge(ServiceError):
    """The body is over 1 MB."""

    status = 413
    code = "PAYLOAD_TOO_LARGE"
    message = "The request body is larger than 1 MB."


class Edge:
    """The one middleware, in plain ASGI: it never reads an answer's body, so streams pass untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; anything that is not HTTP passes."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        passage = _Passage(scope, receive, send)
        try:
            await passage.run(self.app)
        finally:
            passage.log()


class _Passage:
    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self._receive = receive
        self._send = send
        self.started = time.monotonic()
        self.received = 0
        self.status = 500
        self.answering = False
        offered = Headers(scope=scope).get("X-Request-ID", "")
        self.request_id = offered if REQUEST_ID.fullmatch(offered) else uuid4().hex
        scope.setdefault("state", {})["request_id"] = self.request_id

    async def run(self, app: ASGIApp) -> None:
        try:
            length = Headers(scope=self.scope).get("Content-Length", "")
            if length.isdecimal() and int(length) > MAXIMUM_BODY_BYTES:
                return await self.fail(BodyTooLarge())
            return await app(self.scope, self.receive, self.send)
        except Exception as error:  # noqa: BLE001  # the last line: nothing may leave without the envelope
            # Where it happened and what kind it is: an exception's own words can hold what a student wrote.
            where = "".join(traceback.format_tb(error.__traceback__))
            logger.error("unexpected %s in request %s\n%s", describe(error), self.request_id, where)  # noqa: TRY400  # the same
            await self.fail(ServiceError())

    async def fail(self, error: ServiceError) -> None:
        """Answer with an error, unless an answer has begun: then the connection just ends."""
        if not self.answering:
            await JSONResponse(error.envelope(), status_code=error.status)(self.scope, self._receive, self.send)

    async def receive(self) -> Message:
        message = await self._receive()
        self.received += len(message.get("body", b""))
        if self.received > MAXIMUM_BODY_BYTES:
            raise HTTPException(BodyTooLarge.status)  # the one kind of exception that FastAPI lets through here
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.answering = True
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = self.request_id
            for name, value in (await self._quota_headers()).items():
                headers[name] = value
        await self._send(message)

    async def _quota_headers(self) -> dict[str, str]:
        """The six headers of a known learner; none when the database is away.

        They are read after the commit, or were by the request's last statement, which then left them in its state.
        """
        state = self.scope["state"]
        learner = state.get("learner")
        if learner is None or state.get("database_away"):
            return {}
        try:
            use = state.get("quota_use") or await self._quota_use(learner.student_id)
        except (SQLAlchemyError, OSError) as error:
            logger.warning("no quota headers: %s", type(error).__name__)
            return {}
        service.mirror_quota(learner.student_id, use)
        return service.quota_headers(learner, use)

    async def _quota_use(self, student_id: UUID) -> service.QuotaUse:
        async with connection() as postgres:
            return await service.quota_use(postgres, student_id)

    def log(self) -> None:
        route = self.scope.get("route")
        logger.info(
            json.dumps(
                {
                    "request_id": self.request_id,
                    "method": self.scope["method"],
                    "route": getattr(route, "path", None),  # the template: ids stay out of the log
                    "status": self.status,
                    "ms": round((time.monotonic() - self.started) * 1000, 1),
                }
            )
        )

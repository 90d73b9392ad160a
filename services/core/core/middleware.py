"""What happens to every request, whatever its route: an id, a limit on its size, a line in the log, no bare 500."""

import logging
import re
import time
import traceback
import uuid

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core import errors

logger = logging.getLogger("core.requests")

LARGEST_BODY = 1_048_576
READING = {"GET", "HEAD", "OPTIONS"}
INTERNAL = "/internal/"  # with POST too, the other services change nothing here that a process remembers
ACCEPTABLE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class Reception:
    """The outermost middleware of core. Bodies are read whole, up to 1 MB, before a route sees them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        headers = Headers(scope=scope)
        request_id = _request_id(headers)
        state = scope.setdefault("state", {})
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                if _may_have_changed_something(scope):
                    await scope["app"].state.push.caught_up()  # so that the client finds here what it has done
                status = message["status"]
                own = [(b"x-request-id", request_id.encode())]
                if "rate_limit" in state:
                    own += state["rate_limit"].headers()
                message["headers"] = [*message["headers"], *own]
            await send(message)

        try:
            replay = await _read_body(headers, receive)
            if replay is None:
                await errors.too_large(LARGEST_BODY)(scope, receive, send_with_headers)
            else:
                await self._app(scope, replay, send_with_headers)
        except Exception as error:  # noqa: BLE001  # whatever broke, the client gets the envelope and the log the place
            _log_failure(error, request_id)
            if not status:
                await errors.unexpected()(scope, receive, send_with_headers)
        finally:
            _log_request(scope, status=status, seconds=time.perf_counter() - started, request_id=request_id)


def _may_have_changed_something(scope: Scope) -> bool:
    path: str = scope["path"]
    return scope["method"] not in READING and not path.startswith(INTERNAL)


def _request_id(headers: Headers) -> str:
    given = headers.get("x-request-id", "")
    return given if ACCEPTABLE_REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


async def _read_body(headers: Headers, receive: Receive) -> Receive | None:
    """A ``receive`` that gives the whole body at once, or None where it is too large."""
    length = headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length) > LARGEST_BODY:
        return None
    if not length and "transfer-encoding" not in headers:
        return receive
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            break
        body += message.get("body", b"")
        if len(body) > LARGEST_BODY:
            return None
        if not message.get("more_body", False):
            break
    whole: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

    async def replay() -> Message:
        return whole.pop() if whole else await receive()

    return replay


def _log_request(scope: Scope, *, status: int, seconds: float, request_id: str) -> None:
    """One line for each request: its route, never its address, which may hold what a student wrote."""
    said = {
        "method": scope["method"],
        "route": getattr(scope.get("route"), "path", None),
        "status": status,
        "ms": round(seconds * 1000, 2),
        "request_id": request_id,
    }
    logger.info("request", extra=said)


def _log_failure(error: Exception, request_id: str) -> None:
    """Name and place of an unexpected error; never its text, which may hold what a student wrote."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    logger.error("failure", extra={"error": type(error).__name__, "where": places, "request_id": request_id})

"""The server under the application: uvicorn, counting accepted connections and ending quietly."""

import asyncio
import signal
import socket
from typing import NoReturn

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from model_simulator.ledger import Ledger

KEEP_ALIVE_SECONDS = 75
GRACE_SECONDS = 5


def run(app: ASGIApp, listener: socket.socket, *, ledger: Ledger, workers: int) -> None:
    """Serve until SIGTERM or Ctrl-C; requests under way get ``GRACE_SECONDS`` to finish, then the process exits 0."""
    config = uvicorn.Config(
        app,
        http=_counting_protocol(ledger),
        loop="uvloop",
        lifespan="off",
        workers=workers,
        log_level="warning",
        access_log=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    # uvicorn finishes its requests, then raises the signal again: that is the moment to leave with 0.
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    uvicorn.Server(config).run(sockets=[listener])


def _counting_protocol(ledger: Ledger) -> type[HttpToolsProtocol]:
    """The HTTP protocol of uvicorn, counting every accepted TCP connection, whether or not anything is sent over it."""

    class CountingProtocol(HttpToolsProtocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
            ledger.connections += 1
            super().connection_made(transport)

    return CountingProtocol


def _leave(_signal: int, _frame: object) -> NoReturn:
    raise SystemExit(0)

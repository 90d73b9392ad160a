"""The server's side of counting: accepted connections, whether or not anything is sent over them."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from model_simulator.ledger import Ledger


def counting_protocol(ledger: Ledger) -> type[HttpToolsProtocol]:
    """The HTTP protocol of uvicorn, counting every accepted TCP connection in the ledger."""

    class CountingProtocol(HttpToolsProtocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
            ledger.connections += 1
            super().connection_made(transport)

    return CountingProtocol

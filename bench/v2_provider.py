"""A provider that answers every call with one prepared message, at once: what is measured then is ours.

`python -m bench.v2_provider PORT MESSAGE_FILE` listens on 127.0.0.1 until it is ended.
"""

import asyncio
import sys
from pathlib import Path
from typing import cast

import uvloop


class Prepared(asyncio.Protocol):
    """Keep-alive HTTP/1.1, just enough of it: requests with a Content-Length, answered in order."""

    answer = b""

    def __init__(self) -> None:
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where answers go."""
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer every request that has arrived whole."""
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end].lower()
            _, named, rest = head.partition(b"content-length:")
            whole = end + 4 + (int(rest.split(b"\r\n", 1)[0]) if named else 0)
            if len(self._received) < whole:
                return
            self._received = self._received[whole:]
            self._transport.write(self.answer)


async def serve(port: int, message: bytes) -> None:
    """Answer until cancelled."""
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(message)}\r\n"
    Prepared.answer = f"{head}request-id: req_prepared\r\n\r\n".encode() + message
    server = await asyncio.get_running_loop().create_server(Prepared, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), Path(sys.argv[2]).read_bytes()))

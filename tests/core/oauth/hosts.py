"""A host of client documents: a real HTTPS server on this machine, under any name."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from uuid import uuid4

import trustme

from core.auth.oauth import documents
from core.auth.oauth.registry import Fetch

NAME = "documents.test"


@dataclass
class DocumentHost:
    """Answers every request with ``reply``, bytes as they go over the wire, and remembers what it was asked."""

    tls: ssl.SSLContext
    port: int = 0
    reply: bytes = b""
    asked: list[dict[str, str]] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)
    hold: asyncio.Event | None = None
    folder: str = field(default_factory=lambda: uuid4().hex)

    @property
    def netloc(self) -> str:
        return f"{NAME}:{self.port}"

    def url(self, path: str = "/client.json") -> str:
        """An address nobody asked before: a port may have been another host's, which core still remembers."""
        return f"https://{self.netloc}/{self.folder}{path}"

    def answer(self, body: bytes, status: str = "200 OK", **headers: str) -> None:
        lines = {"Content-Length": str(len(body)), **{name.replace("_", "-"): value for name, value in headers.items()}}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self.reply = f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body

    def fetch(self, *addresses: str) -> Fetch:
        """Core's own fetching, told that the host lives on this machine and whom to trust."""

        async def found(host: str, port: int) -> list[str]:
            return list(addresses) or ["127.0.0.1"]

        return partial(documents.fetch, addresses=found, tls=self.tls)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        self.asked.append({"": head[0], **dict(line.split(": ", 1) for line in head[1:] if line)})
        if self.hold is not None:
            await self.hold.wait()
        writer.write(self.reply)
        writer.close()


@asynccontextmanager
async def document_host(certified: str = NAME) -> AsyncIterator[DocumentHost]:
    """A host with a certificate for ``certified``, from an authority that its fetching trusts."""
    authority = trustme.CA()
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(certified).configure_cert(serving)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    host = DocumentHost(trusting)
    serving.sni_callback = lambda _socket, name, _context: host.names.append(name)
    server = await asyncio.start_server(host.serve, "127.0.0.1", 0, ssl=serving)
    host.port = server.sockets[0].getsockname()[1]
    try:
        yield host
    finally:
        server.close()
        await server.wait_closed()

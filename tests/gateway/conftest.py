"""A real nginx with the rendered template, small upstream servers behind it, and a client that sends bytes as told."""

import asyncio
import dataclasses
import http.client
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from devstack import binaries
from devstack.gateway import local_values, render, servers
from tests.conftest import free_port

ROOT = Path(__file__).parents[2]
TEMPLATE = (ROOT / "gateway" / "nginx.conf.template").read_text()


@dataclasses.dataclass
class Request:
    """What an upstream received; header names in lower case. Nothing more comes on `connection` until it ends."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: asyncio.StreamReader = dataclasses.field(compare=False)


@dataclasses.dataclass
class Answer:
    """What a client received."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


Handler = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]
StartGateway = Callable[..., AbstractAsyncContextManager["Gateway"]]


class Upstream:
    """One replica of an application: remembers its requests, answers 200 with its name unless told otherwise."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.port = 0
        self.connections: set[asyncio.StreamWriter] = set()
        self.accepted = 0
        self.reset()

    def reset(self) -> None:
        self.requests: list[Request] = []
        self.handle: Handler = self.answer_with_name

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def answer_with_name(self, request: Request, writer: asyncio.StreamWriter) -> None:
        del request
        self.write(writer, 200, {"served_by": self.name})

    def write(self, writer: asyncio.StreamWriter, status: int, document: Any, headers: str = "") -> None:
        """One whole JSON answer; `headers` are further lines, each ending with CRLF."""
        body = json.dumps(document).encode()
        head = f"HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        writer.write(head.encode() + body)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Upstream"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for connection in self.connections:
                connection.transport.abort()
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.add(writer)
        self.accepted += 1
        try:
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                first, *lines = head.strip().split("\r\n")
                headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                method, target, _ = first.split(" ")
                request = Request(method, target, headers, body, reader)
                self.requests.append(request)
                await self.handle(request, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the gateway closed an idle connection
        finally:
            self.connections.remove(writer)
            writer.close()


@dataclasses.dataclass
class Gateway:
    """A running nginx."""

    port: int
    prefix: Path

    async def send(self, raw: bytes) -> bytes:
        """Everything that comes back for these bytes until the gateway closes the connection."""
        async with asyncio.timeout(10):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.write(raw)
            try:
                return await reader.read()
            finally:
                writer.close()

    async def ask(
        self, target: str, *, method: str = "GET", headers: dict[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        """One request, its target sent exactly as given."""
        return await self.answer_to(request_bytes(target, method=method, headers=headers, body=body))

    async def answer_to(self, raw: bytes) -> Answer:
        """The one answer to these bytes, with its transfer coding undone."""
        return parse(await self.send(raw))

    @asynccontextmanager
    async def stream(self, target: str, *, method: str, headers: dict[str, str]) -> AsyncIterator[asyncio.StreamReader]:
        """One request whose answer the caller reads as it comes."""
        async with asyncio.timeout(10):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.write(request_bytes(target, method=method, headers=headers))
            try:
                yield reader
            finally:
                writer.close()

    async def log_line(self, request_id: str) -> dict[str, Any]:
        """The access log's line about a request; nginx writes it a moment after the client has its answer."""
        async with asyncio.timeout(10):
            while True:
                for line in (self.prefix / "access.log").read_text(errors="replace").splitlines():
                    if request_id in line:
                        return dict(json.loads(line))
                await asyncio.sleep(0.01)


def request_bytes(target: str, *, method: str, headers: dict[str, str] | None = None, body: bytes = b"") -> bytes:
    """A request after whose answer the gateway closes the connection."""
    fields = {"Host": "course.example", "Connection": "close", "Content-Length": str(len(body)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode() + body


def parse(raw: bytes) -> Answer:
    class Received:
        def makefile(self, mode: str) -> io.BytesIO:
            del mode
            return io.BytesIO(raw)

    response = http.client.HTTPResponse(Received())  # type: ignore[arg-type]  # it only ever calls makefile
    response.begin()
    return Answer(response.status, response.headers, response.read())


async def until_listening(port: int, process: asyncio.subprocess.Process) -> None:
    """Returns once the port answers; fails when nginx ends first or ten seconds pass."""
    async with asyncio.timeout(10):
        while process.returncode is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.01)
            else:
                writer.close()
                return
    pytest.fail("nginx ended while starting; its reason is in the captured output")


@asynccontextmanager
async def running_gateway(prefix: Path, **values: str) -> AsyncIterator[Gateway]:
    """A gateway with nothing behind it, save for the values given."""
    port = free_port()
    given = local_values(
        prefix=prefix,
        listen=f"127.0.0.1:{port}",
        public_url=f"http://127.0.0.1:{port}",
        core=[],
        intelligence=[],
        chatgpt_app=[],
        worker_processes=1,
    )
    configuration = prefix / "nginx.conf"
    configuration.write_text(render(TEMPLATE, given | values))
    with (prefix / "error.log").open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            binaries.nginx(), "-p", prefix, "-e", "stderr", "-c", configuration, stderr=errors
        )
    try:
        await until_listening(port, process)
        yield Gateway(port, prefix)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@pytest.fixture(scope="session")
def start_gateway(tmp_path_factory: pytest.TempPathFactory) -> StartGateway:
    """Starts a further gateway: `async with start_gateway(GATEWAY_...="...") as gateway`."""
    return lambda **values: running_gateway(tmp_path_factory.mktemp("gateway"), **values)


@dataclasses.dataclass
class Stack:
    """A gateway with two replicas of each service behind it."""

    gateway: Gateway
    core: list[Upstream]
    intelligence: list[Upstream]
    chatgpt_app: list[Upstream]

    @property
    def upstreams(self) -> list[Upstream]:
        return [*self.core, *self.intelligence, *self.chatgpt_app]

    def requests(self) -> list[Request]:
        """Whatever reached any application."""
        return [request for upstream in self.upstreams for request in upstream.requests]


def lines_of(replicas: list[Upstream]) -> str:
    return servers([replica.address for replica in replicas])


@pytest.fixture(scope="session")
async def running_stack(start_gateway: StartGateway) -> AsyncIterator[Stack]:
    async with AsyncExitStack() as running:
        core, intelligence, chatgpt_app = [
            [await running.enter_async_context(Upstream(f"{service}-{n}").listening()) for n in (1, 2)]
            for service in ("core", "intelligence", "chatgpt-app")
        ]
        gateway = await running.enter_async_context(
            start_gateway(
                GATEWAY_CORE_SERVERS=lines_of(core),
                GATEWAY_INTELLIGENCE_SERVERS=lines_of(intelligence),
                GATEWAY_CHATGPT_APP_SERVERS=lines_of(chatgpt_app),
            )
        )
        yield Stack(gateway, core, intelligence, chatgpt_app)


@pytest.fixture
def stack(running_stack: Stack) -> Stack:
    """The common stack, its replicas back to their plain answer and remembering nothing."""
    for upstream in running_stack.upstreams:
        upstream.reset()
    return running_stack


@pytest.fixture
def gateway(stack: Stack) -> Gateway:
    return stack.gateway

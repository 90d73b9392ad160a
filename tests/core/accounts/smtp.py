"""A mail server for tests: it speaks SMTP over a socket, keeps what it is given, and fails as it is told."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

TOKEN_LINE = re.compile(r"^[A-Za-z0-9_-]{64}$", re.MULTILINE)
PATIENCE_SECONDS = 15


@dataclass
class MailServer:
    """``fail`` so many deliveries for now, ``refuse`` these recipients for good, and answer DATA when ``open``."""

    port: int = 0
    fail: int = 0
    refuse: set[str] = field(default_factory=set)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    commands: list[str] = field(default_factory=list)
    mails: list[EmailMessage] = field(default_factory=list)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def until(self, question: Callable[[], bool], what: str) -> None:
        async def wait() -> None:
            async with self.arrived:
                await self.arrived.wait_for(question)

        try:
            await asyncio.wait_for(wait(), PATIENCE_SECONDS)
        except TimeoutError as error:
            raise AssertionError(f"not in time: {what}") from error

    def to(self, email: str, subject: str = "") -> list[EmailMessage]:
        return [mail for mail in self.mails if mail["To"] == email and subject in mail["Subject"]]

    async def mail(self, email: str, subject: str, number: int = 1) -> EmailMessage:
        """That mail to ``email``, once it has come."""
        await self.until(lambda: len(self.to(email, subject)) >= number, f"mail {number} to {email}: {subject}")
        return self.to(email, subject)[number - 1]

    async def token(self, email: str, subject: str, number: int = 1) -> str:
        return token_in(await self.mail(email, subject, number))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(line: str) -> None:
            writer.write(f"{line}\r\n".encode())

        say("220 here")
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while (line := (await reader.readline()).decode().strip()) and not line.upper().startswith("QUIT"):
                await self._note(line)
                if line.upper() == "DATA":
                    say("354 go on")
                    data = await reader.readuntil(b"\r\n.\r\n")
                    await self.open.wait()
                    say(await self._take(data[:-5]))
                elif line.upper().startswith("RCPT") and any(one in line for one in self.refuse):
                    say("550 nobody here")
                else:
                    say("250 fine")
            say("221 bye")
        writer.close()

    async def _note(self, command: str) -> None:
        async with self.arrived:
            self.commands.append(command)
            self.arrived.notify_all()

    async def _take(self, data: bytes) -> str:
        if self.fail:
            self.fail -= 1
            return "451 not now"
        async with self.arrived:
            self.mails.append(message_from_bytes(data, policy=policy.default))
            self.arrived.notify_all()
        return "250 kept"


def token_in(mail: EmailMessage) -> str:
    [token] = TOKEN_LINE.findall(mail.get_content().replace("\r\n", "\n"))
    return str(token)


@contextlib.asynccontextmanager
async def mail_server() -> AsyncIterator[MailServer]:
    sink = MailServer()
    sink.open.set()
    server = await asyncio.start_server(sink.serve, "127.0.0.1", 0)
    sink.port = server.sockets[0].getsockname()[1]
    try:
        yield sink
    finally:
        server.close()

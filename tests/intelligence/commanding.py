"""Running the operator's commands: in this process, and as the installed program where the process is the point."""

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from intelligence import commands
from tests.conftest import Database
from tests.intelligence.conftest import forget_settings, set_names

PROGRAM = Path(sys.executable).with_name("intelligence")
WIDE = {"COLUMNS": "200"}


@dataclass
class Ended:
    code: int
    out: str
    err: str


Run = Callable[..., Awaitable[Ended]]


@pytest.fixture
def environment(base_environment: dict[str, str], intelligence_database: Database) -> dict[str, str]:
    return base_environment | {"INTELLIGENCE_DATABASE_URL": intelligence_database.intelligence_url}


@pytest.fixture
async def run(environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Run]:
    """Run a command to its end in this process, one at a time: a new process would take seconds to import it all."""
    monkeypatch.chdir(tmp_path)  # no .env of the developer is read
    root = logging.getLogger()

    async def execute(*arguments: str, **settings: str) -> Ended:
        await forget_settings()
        before, root.handlers = root.handlers, []  # the command is to log where it prints, as in a process of its own
        told = dict.fromkeys(set_names()) | environment | WIDE | settings
        try:  # in a thread, because a command runs an event loop of its own
            ended = await asyncio.to_thread(CliRunner().invoke, commands.app, arguments, env=told)
        finally:
            root.handlers = before
        if ended.exception is not None and not isinstance(ended.exception, SystemExit):
            raise ended.exception
        return Ended(ended.exit_code, ended.stdout, ended.stderr)

    yield execute
    await forget_settings()


@pytest.fixture
def run_installed(environment: dict[str, str], tmp_path: Path) -> Run:
    """Run a command of the installed program to its end, in a process of its own."""

    async def execute(*arguments: str, **settings: str) -> Ended:
        process = await asyncio.create_subprocess_exec(
            PROGRAM,
            *arguments,
            cwd=tmp_path,
            env=environment | WIDE | {"PATH": os.environ["PATH"]} | settings,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), 60)
        return Ended(process.returncode or 0, out.decode(), err.decode())

    return execute

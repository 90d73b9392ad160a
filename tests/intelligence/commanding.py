"""Running the commands of the installed program."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import Database

PROGRAM = Path(sys.executable).with_name("intelligence")


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
def run(environment: dict[str, str], tmp_path: Path) -> Run:
    """Run a command of the installed program to its end."""

    async def execute(*arguments: str, **settings: str) -> Ended:
        process = await asyncio.create_subprocess_exec(
            PROGRAM,
            *arguments,
            cwd=tmp_path,
            env=environment | {"COLUMNS": "200", "PATH": os.environ["PATH"]} | settings,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), 60)
        return Ended(process.returncode or 0, out.decode(), err.decode())

    return execute

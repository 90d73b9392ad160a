"""Fixtures of both v2 features; each folder's conftest takes them from here."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.conftest import Database, Servers
from tests.intelligence.assessments.running import World, publish_course, running_intelligence
from tests.simulator.running import Simulator, start, stop


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    simulator = start(tmp_path_factory.mktemp("simulator") / "ledger.jsonl")
    yield simulator
    stop(simulator)


@pytest.fixture(scope="session")
def published_course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("course")
    publish_course(folder)
    return folder


@pytest.fixture(scope="session")
def v2_database(servers: Servers) -> Database:
    return servers.new_database()


@pytest.fixture
async def world(
    model: Simulator, v2_database: Database, redis_url: str, published_course: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[World]:
    model.control()
    async with running_intelligence(model, v2_database, redis_url, published_course, monkeypatch) as world:
        await world.rows("DELETE FROM students")  # an empty queue: what other tests left behind goes with its student
        yield world
        model.control()

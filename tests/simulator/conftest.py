from collections.abc import AsyncIterator, Iterator

import pytest
from anthropic import AsyncAnthropic

from tests.simulator.running import KEY, Simulator, start, stop


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    simulator = start(tmp_path_factory.mktemp("simulator") / "ledger.jsonl")
    yield simulator
    stop(simulator)


@pytest.fixture(autouse=True)
def simulator(running: Simulator) -> Simulator:
    """The shared simulator, an honest tutor again at the start of every test."""
    running.control()
    return running


@pytest.fixture(scope="session")
async def claude(running: Simulator) -> AsyncIterator[AsyncAnthropic]:
    """The official client, which never tries again."""
    async with AsyncAnthropic(api_key=KEY, base_url=running.url, max_retries=0, timeout=20) as client:
        yield client

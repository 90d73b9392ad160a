"""Real servers for every test: one PostgreSQL and one Valkey a run, started from their wheels on free ports."""

import gc
import importlib
import pkgutil
import random
import secrets
import socket
import tempfile
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from coverage import Coverage

from devstack.plan import DATABASE, Plan, make_plan, port_in_use
from devstack.servers import valkey
from devstack.stack import Stack, remove_data
from tests.live import Live

ROOT = Path(__file__).resolve().parents[1]
# They take longest though they hold few tests: begun last, one of them would go on alone while the other workers rest.
BEGIN_WITH = ("live", "intelligence/test_commands.py", "test_phase_isolation.py", "intelligence/proofs/test_limits.py")
# The tests of the code whose coverage `make test` asks for. Elsewhere tracing every call would only take its time.
MEASURED = (
    *("intelligence", "services", "core/test_tokens.py"),
    *(f"core/progress/test_{name}.py" for name in ("progress", "streaks")),
    *(f"core/publishing/test_{name}.py" for name in ("limits_of_texts", "reading", "versions")),
    *(f"core/quizzes/test_{name}.py" for name in ("marking", "resemblance", "verdicts", "wording")),
)


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in this same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One worker runs all that needs the whole system, so that it is started once; the rest is shared out by file."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group_of(item)))


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Let coverage, which makes collecting take twice as long, see what is measured imported, and then rest."""
    if coverage := coverage_of(session.config):
        for name in ("core", "intelligence"):
            for module in pkgutil.walk_packages(importlib.import_module(name).__path__, f"{name}."):
                if not module.name.endswith(".app"):  # what needs settings is imported by the tests that make them
                    importlib.import_module(module.name)
        coverage.pause()
        while below := Coverage.current():  # pytest-cov begins one more in a worker, which now measures in its place
            below.stop()
    gc.disable()  # what is imported stays until the end: the collector need not look through it again and again
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    measured = any(item.path.is_relative_to(ROOT / "tests" / name) for name in MEASURED)
    if not measured or not (coverage := coverage_of(item.config)):
        return (yield)
    coverage.resume()
    try:
        return (yield)
    finally:
        coverage.pause()


def coverage_of(config: pytest.Config) -> Any:
    """What measures coverage in this process, if anything does: where xdist runs tests, only its workers do."""
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        return None
    return getattr(config.pluginmanager.getplugin("_cov"), "cov_controller", None)


def group_of(item: pytest.Item) -> str:
    return "live" if "live" in getattr(item, "fixturenames", ()) else str(item.path)


@pytest.hookimpl(specname="pytest_collection_modifyitems", trylast=True)  # after the shuffle, which stays within groups
def pytest_longest_groups_first(items: list[pytest.Item]) -> None:
    """Begin with the groups that take longest, then with those of many tests, so that no worker goes on alone."""
    groups: dict[str, list[pytest.Item]] = {}
    for item in items:
        groups.setdefault(group_of(item), []).append(item)

    def place(group: str) -> tuple[bool, int]:
        return not group.endswith(BEGIN_WITH), -len(groups[group])

    items[:] = [item for group in sorted(groups, key=place) for item in groups[group]]


def pytest_collection_finish(session: pytest.Session) -> None:
    """A pytest that xdist does not know well enough once ignored the groups in silence, and took twice as long."""
    shared_out = hasattr(session.config, "workerinput") and session.config.option.loadgroup
    if shared_out and not all("@" in item.nodeid for item in session.items):
        pytest.exit("pytest-xdist ignores the groups: is there a new pytest?", returncode=4)


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def free_plan(state: Path, **settings: str) -> Plan:
    """A plan on a free block of ports, with only the settings given and nothing of the machine's environment.

    The block stays this process's: nobody else who asks here is given it, though its servers may start much later.
    """
    for _ in range(500):
        # A block reaches 10,011 further up, and above 32,767 the kernel gives ports to whoever connects.
        first = random.randrange(10_000, 20_000, 16)
        if not claimed(first + 15):  # the last of the block, where no server listens
            continue
        plan = make_plan(ROOT, port=first, state=state, environment=settings)
        if not any(port_in_use(port) for port in plan.ports.named().values()):
            return plan
    raise RuntimeError("no free block of ports was found")


def claimed(port: int) -> bool:
    """Whether this process has just taken the port, which it keeps until it ends."""
    probe = socket.socket()
    try:
        probe.bind(("127.0.0.1", port))
    except OSError:
        probe.close()
        return False
    probe.detach()
    return True


@dataclass(frozen=True)
class Database:
    """One migrated database, by the login of each role."""

    owner_url: str
    core_url: str
    intelligence_url: str


@dataclass(frozen=True)
class Servers:
    """The servers of this run. `new_database()` copies the migrated one in a few hundredths of a second."""

    stack: Stack

    @property
    def redis_url(self) -> str:
        return self.stack.plan.redis_url

    def database(self, name: str = DATABASE) -> Database:
        plan = self.stack.plan
        urls = (plan.database_url, plan.core_database_url, plan.intelligence_database_url)
        return Database(*(url.removesuffix(DATABASE) + name for url in urls))

    def new_database(self) -> Database:
        name = f"test_{secrets.token_hex(6)}"
        assert self.stack.postgres is not None
        self.stack.postgres.psql(f"CREATE DATABASE {name} TEMPLATE {DATABASE} OWNER course_owner")
        self.stack.postgres.psql(f"ALTER DATABASE {name} SET timezone = 'UTC'")
        return self.database(name)


@pytest.fixture(scope="session")
def state_folder() -> Iterator[Path]:
    """A folder for servers' data that another user may pass through, removed at the end."""
    with tempfile.TemporaryDirectory(prefix="cc-test-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@pytest.fixture(scope="session")
def servers(state_folder: Path) -> Iterator[Servers]:
    """PostgreSQL, migrated to head, and Valkey."""
    plan = replace(free_plan(state_folder / "servers"), extra={"postgres.fsync": "off"})
    stack = Stack(plan)
    try:
        stack.start_postgres()
        stack.run(valkey(plan))
        stack.alembic("upgrade", "head")
        yield Servers(stack)
    finally:
        stack.stop()
        remove_data(plan)


@pytest.fixture(scope="session")
def postgres(servers: Servers) -> Database:
    """A database of its own for the tests that ask for it, migrated to head."""
    return servers.new_database()


@pytest.fixture(scope="session")
def redis_url(servers: Servers) -> str:
    return servers.redis_url


@pytest.fixture(scope="session")
def live(state_folder: Path) -> Iterator[Live]:
    """The whole system behind its gateway, with the model simulator, on free ports. Make students of your own."""
    plan = free_plan(state_folder / "live", GATEWAY_FLOOD_RATE="100000r/s", SIGN_IN_LIMITS_SCALE="1000")
    plan = replace(plan, extra={"postgres.fsync": "off"})
    stack = Stack(plan)
    try:
        stack.start()
        with httpx.Client(base_url=f"http://127.0.0.1:{plan.ports.gateway}", timeout=40) as client:
            yield Live(stack, client)
    finally:
        stack.stop()
        remove_data(plan)

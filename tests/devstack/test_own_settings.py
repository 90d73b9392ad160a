"""Each process of the local stack is told its own settings; what cannot be started is ended and said beforehand."""

import socket
from pathlib import Path

import pytest

from devstack import services, stack
from devstack.plan import CannotStart, make_plan
from devstack.processes import MINIMAL_ENVIRONMENT, Child, Program
from devstack.stack import Stack
from tests.conftest import ROOT, Servers, free_plan

GIVEN = {
    "DATABASE_URL": "postgresql://owner:of-the-owner@db.example/courses",
    "CORE_DATABASE_URL": "postgresql://core:of-core@db.example/courses",
    "INTELLIGENCE_DATABASE_URL": "postgresql://intelligence:of-intelligence@db.example/courses",
    "JWT_SECRET_KEY": "signing-key-of-core-alone-0123456789",
    "ANTHROPIC_API_KEY": "sk-ant-api03-realistic",
}


def test_each_process_is_told_its_own_secrets_and_no_other(tmp_path: Path) -> None:
    plan = make_plan(ROOT, state=tmp_path, environment=GIVEN)
    told = {
        "core": services.core_environment(plan),
        "intelligence": services.intelligence_environment(plan),
        "chatgpt-app": services.chatgpt_app_environment(plan),
    }
    found = {process: {name for name in GIVEN if name in environment} for process, environment in told.items()}
    assert found == {
        "core": {"CORE_DATABASE_URL", "JWT_SECRET_KEY"},
        "intelligence": {"INTELLIGENCE_DATABASE_URL", "ANTHROPIC_API_KEY"},
        "chatgpt-app": set(),
    }


def test_valkey_takes_nobody_without_its_password(servers: Servers) -> None:
    with (
        socket.create_connection(("127.0.0.1", servers.stack.plan.ports.redis), timeout=5) as connection,
        connection.makefile("rb") as said,
    ):
        connection.sendall(b"KEYS *\r\n")
        assert said.readline().startswith(b"-NOAUTH ")
    pid = servers.stack.children["Valkey"].pid
    password = servers.stack.plan.secrets["redis_password"]
    assert password.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_what_a_process_writes_is_for_its_owner_only(tmp_path: Path) -> None:
    program = Program("probe", ["touch", "written"], MINIMAL_ENVIRONMENT, tmp_path, lambda: True)
    child = Child(program, tmp_path / "logs" / "probe.log")
    child.start()
    assert child.process is not None
    assert child.process.wait(20) == 0
    assert (tmp_path / "written").stat().st_mode & 0o077 == 0


def test_a_start_that_fails_stops_what_it_began(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Path) -> None:
        raise CannotStart("the disk is nearly full")

    stopped: list[Stack] = []

    def stop(begun: Stack) -> None:
        stopped.append(begun)

    monkeypatch.setattr(stack, "free_space", full)
    monkeypatch.setattr(Stack, "stop", stop)
    begun = Stack(free_plan(tmp_path / "state"))
    with (
        socket.create_server(
            ("127.0.0.1", begun.plan.ports.redis)
        ),  # so that no start gets far, whatever was looked at
        pytest.raises(CannotStart, match="nearly full"),
    ):
        begun.start()
    assert stopped == [begun]

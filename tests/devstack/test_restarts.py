"""What ends by itself is started again, later each time; only what all the rest needs takes the rest with it."""

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from devstack import processes
from devstack import stack as stack_module
from devstack.plan import CannotStart
from devstack.processes import Child, Program
from devstack.roster import birth_of
from devstack.stack import Stack
from tests.conftest import ROOT, free_plan


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    monkeypatch.setattr(stack_module, "WATCH_SECONDS", 0.01)
    return Stack(free_plan(tmp_path / "state"))


def ended(stack: Stack, name: str, *, restart: bool) -> Child:
    program = Program(name, [sys.executable, "-c", ""], dict(os.environ), ROOT, lambda: True, restart=restart)
    child = stack.children[name] = stack.run(program)
    assert child.process is not None
    child.process.wait(20)
    return child


def test_who_ends_again_and_again_is_started_later_each_time_and_for_ever(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = ended(stack, "core", restart=True)
    monkeypatch.setattr(child, "start", lambda: None)
    started = [second for second in range(300) if child.start_again(float(second))]
    assert started[:6] == [0, 2, 6, 14, 30, 60]
    assert len([second for second in started if second >= 240]) in range(2, 6)
    assert child.start_again(1000.0)
    assert not child.start_again(1001.0)


def test_one_that_cannot_stay_up_does_not_end_the_rest(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "RESTARTS_COUNT_SECONDS", 0)  # so that none is waited for
    ended(stack, "core", restart=True)
    said: list[str] = []
    stop = threading.Event()

    def hear(line: str) -> None:
        said.append(line)
        if len(said) == 8:
            stop.set()

    stack.say = hear
    stack.watch(stop)
    assert said[7].startswith("  core ended by itself and is started again")
    stack.stop()


def test_what_a_killed_one_had_started_itself_ends_before_it_is_started_again(stack: Stack) -> None:
    """It would hold the port on which the new one is to listen."""
    sleep = "import time; time.sleep(60)"
    parent = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {sleep!r}]).pid, flush=True)"
    program = Program("core", [sys.executable, "-c", parent], dict(os.environ), ROOT, lambda: True, restart=True)
    child = stack.run(program)
    assert child.process is not None
    assert child.process.wait(20) == 0
    orphan = int(child.log.read_text())
    assert birth_of(orphan)
    try:
        assert child.start_again(0)
        deadline = time.monotonic() + 20
        while birth_of(orphan):
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        child.process.wait(20)
        stack.stop()


def test_without_postgresql_or_nginx_the_stack_ends_and_says_why(stack: Stack) -> None:
    ended(stack, "nginx", restart=False)
    with pytest.raises(CannotStart, match="nginx ended by itself"):
        stack.watch(threading.Event())

"""A start in the background is one at a time, can be stopped at any moment and leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from devstack import background, commands
from devstack.plan import CannotStart, Plan, make_plan
from devstack.processes import Program
from devstack.roster import birth_of
from devstack.stack import Stack
from tests.conftest import ROOT

# What `devstack run --lock N` does, without what it takes to start.
STACK = """
import sys, time
from pathlib import Path
from devstack import background, commands
from devstack.plan import make_plan
plan = make_plan(Path(sys.argv[1]), state=Path(sys.argv[1]), environment={})
with background.only_one(plan, int(sys.argv[-1])):
    background.record(plan, ready=False)
    print("starting", flush=True)
    time.sleep(float(sys.argv[2]))
    background.record(plan, ready=True)
    time.sleep(60)
"""
NEVER = "60"


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return make_plan(tmp_path, state=tmp_path, environment={})


def stand_in(plan: Plan, ready_after: str) -> list[str]:
    return [sys.executable, "-c", STACK, str(plan.state), ready_after]


def starting(plan: Plan) -> background.Running:
    """Who starts, as soon as it has written that down itself."""
    deadline = time.monotonic() + 20
    while (found := background.running(plan)) is None or found.pid == os.getpid():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def test_a_second_start_of_the_same_folder_is_refused(plan: Plan) -> None:
    with background.only_one(plan), pytest.raises(CannotStart, match="running already"), background.only_one(plan):
        pass


def test_nobody_else_may_hold_the_lock(plan: Plan) -> None:
    (plan.state / "lock").touch(mode=0o644)  # of an earlier version
    with background.only_one(plan):
        assert (plan.state / "lock").stat().st_mode & 0o077 == 0


def test_a_pid_of_somebody_else_does_not_count_as_running(plan: Plan) -> None:
    ours = background.Running(os.getpid(), birth_of(os.getpid()), 8000, ready=True)
    note = plan.state / "running.json"
    note.write_text(json.dumps(asdict(ours)))
    assert background.running(plan) is None
    with background.only_one(plan):
        assert background.running(plan) == ours
        note.write_text(
            json.dumps({**asdict(ours), "birth": "1"})
        )  # of a stack that was killed; its pid is another process now
        assert background.running(plan) is None
        assert not background.stop(plan)


def test_the_settings_of_a_start_are_known_in_another_shell_until_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env.example").write_text("# for the tests\n#DATABASE_URL=\nREDIS_URL=\n")
    monkeypatch.setattr(commands, "ROOT", tmp_path)
    for name in ("DATABASE_URL", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    given = {"DATABASE_URL": "postgresql://me:secret@db.example/courses", "AWS_SECRET_ACCESS_KEY": "of-another"}
    started = make_plan(tmp_path, environment=given, port=8123)
    (tmp_path / ".env").write_text("REDIS_URL=redis://of-a-later-start\n")
    with background.only_one(started):
        background.record(started, ready=True)
        found = commands.running_plan()
        assert (found.database_url, found.own_redis, found.ports.gateway) == (given["DATABASE_URL"], True, 8123)
        record = started.state / "running.json"
        assert record.stat().st_mode & 0o077 == 0
        assert "of-another" not in record.read_text()
        background.record(started, ready=False, ended=True)
        assert "secret" not in record.read_text()


def test_a_start_that_takes_too_long_is_stopped_and_says_why(plan: Plan) -> None:
    with pytest.raises(CannotStart, match=r"^Not healthy after 0 s; stopped\. Its log is .*stack\.log\.$"):
        background.start(plan, stand_in(plan, NEVER), seconds=0.3)
    assert background.running(plan) is None


def test_an_interrupted_start_is_stopped(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def interrupted(*_arguments: object) -> None:
        seen.append(background.running(plan))
        raise KeyboardInterrupt

    monkeypatch.setattr(background, "_wait_until_ready", interrupted)
    with pytest.raises(KeyboardInterrupt):
        background.start(plan, stand_in(plan, NEVER))
    assert seen != [None]
    assert background.running(plan) is None


def test_down_stops_what_is_starting_and_a_second_start_leaves_its_log_alone(plan: Plan) -> None:
    refused: list[CannotStart] = []

    def first() -> None:
        try:
            background.start(plan, stand_in(plan, NEVER))
        except CannotStart as error:
            refused.append(error)

    up = threading.Thread(target=first)
    up.start()
    assert not starting(plan).ready
    with pytest.raises(CannotStart, match="running already"):
        background.start(plan, stand_in(plan, NEVER))
    log = plan.state / "logs" / "stack.log"
    while not log.read_text():
        time.sleep(0.02)
    assert background.stop(plan)
    up.join(20)
    assert not up.is_alive()
    assert len(refused) == 1
    assert log.read_text() == "starting\n"
    assert not background.stop(plan)


def test_a_ready_stack_outlives_the_command_that_started_it_and_is_stopped_by_down(plan: Plan) -> None:
    command = f"from tests.devstack.test_background import *; up(Path({str(plan.state)!r}))"
    subprocess.run([sys.executable, "-c", command], cwd=ROOT, check=True)
    found = background.running(plan)
    assert found is not None
    assert found.ready
    assert (plan.state / "logs" / "stack.log").read_text() == "starting\n"
    assert background.stop(plan)


def test_what_the_stack_before_said_is_kept_at_the_next_start(plan: Plan) -> None:
    for said in ("first", "second"):
        with pytest.raises(CannotStart, match=said):
            background.start(plan, [sys.executable, "-c", f"raise SystemExit('{said}')"])
    assert (plan.state / "logs" / "stack.log.1").read_text() == "first\n"
    assert (plan.state / "logs" / "stack.log").read_text() == "second\n"


def up(folder: Path) -> None:
    plan = make_plan(folder, state=folder, environment={})
    background.start(plan, stand_in(plan, "0"))


def test_an_interruption_ends_what_several_at_once_were_starting(plan: Plan) -> None:
    """Otherwise the stack that is told to stop goes on waiting for them, or starts one after it has stopped all."""
    stack = Stack(plan)
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    program = Program("probe", sleeper, dict(os.environ), ROOT, ready=lambda: False)
    before = signal.signal(signal.SIGUSR1, signal.default_int_handler)
    timer = threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGUSR1])
    began = time.monotonic()
    try:
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            stack._together([lambda: stack.run(program)])
        stack.stop()
    finally:
        timer.cancel()
        signal.signal(signal.SIGUSR1, before)
    assert time.monotonic() - began < 20
    assert stack.children == {}

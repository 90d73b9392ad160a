"""What a killed stack has left running is ended, in its order, and nothing else is."""

import json
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from devstack import commands
from devstack.plan import Plan
from devstack.processes import Child, Program
from devstack.roster import birth_of, end_leftovers, listed, write_down
from tests.conftest import ROOT, free_plan

SLEEP = "import time; time.sleep(60)"
# Says which signal has ended it, and that in the order of all that share the file.
LAST_WORDS = """
import os, signal, sys, time
def end(number, _):
    with open(sys.argv[2], "a") as order:
        order.write(f"{sys.argv[1]} {signal.Signals(number).name}\\n")
    os._exit(0)
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, end)
print("listening", flush=True)
time.sleep(60)
"""
PARENT = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {SLEEP!r}]).pid, flush=True); {SLEEP}"


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return free_plan(tmp_path / "state")


@pytest.fixture
def children() -> Iterator[list[Child]]:
    started: list[Child] = []
    yield started
    for child in started:
        child.kill()


def begin(
    plan: Plan, children: list[Child], name: str, *arguments: str, sent: signal.Signals = signal.SIGTERM
) -> Child:
    program = Program(name, [sys.executable, "-c", *arguments], dict(os.environ), ROOT, lambda: True, stop_signal=sent)
    child = Child(program, plan.state / "logs" / name)
    children.append(child)
    child.start()
    return child


def wait_for(path: Path) -> str:
    deadline = time.monotonic() + 20
    while not path.exists() or not path.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return path.read_text()


def test_postgresql_is_ended_last_and_by_its_fast_shutdown(plan: Plan, children: list[Child]) -> None:
    order = plan.state / "order"
    for name, sent in (("Valkey", signal.SIGTERM), ("PostgreSQL", signal.SIGINT), ("core", signal.SIGTERM)):
        begin(plan, children, name, LAST_WORDS, name, str(order), sent=sent)
    for child in children:
        wait_for(child.log)
    write_down(plan, children)
    said: list[str] = []
    assert end_leftovers(plan, said.append)
    assert order.read_text().splitlines() == ["core SIGTERM", "Valkey SIGTERM", "PostgreSQL SIGINT"]
    assert len(said) == len(children)
    assert listed(plan) == []
    assert not end_leftovers(plan, said.append)


@pytest.mark.parametrize("first_is_killed", [False, True])
def test_what_a_leftover_has_started_itself_ends_with_it(
    plan: Plan, children: list[Child], *, first_is_killed: bool
) -> None:
    parent = begin(plan, children, "core", PARENT)
    of_its_group = int(wait_for(parent.log))
    write_down(plan, children)
    if first_is_killed:
        kill_alone(parent)
    assert end_leftovers(plan, print)
    assert birth_of(of_its_group) is None


def test_a_group_of_before_the_machine_was_started_again_is_left_alone(plan: Plan, children: list[Child]) -> None:
    parent = begin(plan, children, "core", PARENT)
    stranger = int(wait_for(parent.log))
    write_down(plan, children)
    record = plan.state / "pids.json"
    record.write_text(json.dumps([{**entry, "boot": "another"} for entry in json.loads(record.read_text())]))
    kill_alone(parent)
    assert not end_leftovers(plan, print)
    assert birth_of(stranger)


def kill_alone(child: Child) -> None:
    """End a process without its group."""
    assert child.process is not None
    child.process.kill()
    child.process.wait(20)


def test_a_pid_that_is_another_process_by_now_is_left_alone(plan: Plan, children: list[Child]) -> None:
    stranger = begin(plan, children, "core", SLEEP)
    write_down(plan, children)
    record = plan.state / "pids.json"
    record.write_text(json.dumps([{**entry, "birth": "1"} for entry in json.loads(record.read_text())]))
    assert not end_leftovers(plan, print)
    assert stranger.pid is not None


@pytest.mark.parametrize("command", [commands.down, commands.clean])
def test_down_and_clean_end_what_a_killed_stack_left(
    plan: Plan,
    children: list[Child],
    command: object,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    begin(plan, children, "core", SLEEP)
    write_down(plan, children)
    monkeypatch.setattr(commands, "make_plan", lambda _root: plan)
    assert callable(command)
    command()
    assert "ending core, left over" in capsys.readouterr().out
    assert [child.pid for child in children] == [None]


def test_status_names_what_does_not_run(
    plan: Plan, children: list[Child], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begin(plan, children, "Valkey", SLEEP)
    begin(plan, children, "grading worker", SLEEP)
    write_down(plan, children)
    monkeypatch.setattr(commands, "running_plan", lambda: plan)
    monkeypatch.setattr(commands, "make_plan", lambda _root: plan)
    commands.status()
    assert "NOT" not in capsys.readouterr().out
    children[1].kill()
    with pytest.raises(typer.Exit):
        commands.status()
    told = capsys.readouterr()
    assert re.search(r"Valkey +running\n +grading worker +NOT RUNNING\n", told.out)
    assert told.err.startswith("Not everything runs; the logs are in ")


def test_status_says_what_a_killed_stack_has_left_running_and_otherwise_where_its_log_is(
    plan: Plan, children: list[Child], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    child = begin(plan, children, "core", SLEEP)
    write_down(plan, children)
    monkeypatch.setattr(commands, "make_plan", lambda _root: plan)
    log = plan.state / "logs" / "stack.log"
    log.touch()
    for said in (commands.LEFT_OVER, f"{commands.NOTHING_RUNS} What the last one said is in {log}."):
        with pytest.raises(typer.Exit):
            commands.status()
        assert capsys.readouterr().err == f"{said}\n"
        child.kill()

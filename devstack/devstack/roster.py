"""What a stack has started, written down: to be shown, and to be ended by another should the stack be killed."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from devstack.files import write_whole
from devstack.plan import Plan
from devstack.processes import POLL_SECONDS, Child

KILLED_SECONDS = 10.0  # as long as a SIGKILL may take to be seen


@dataclass(frozen=True)
class Listed:
    """A process of a stack. Its pid and its birth together name it for good."""

    name: str
    pid: int
    birth: str | None
    stop_signal: int
    stop_seconds: float

    @property
    def runs(self) -> bool:
        """Whether it still does; a pid that has become another process does not count."""
        return self.birth is not None and birth_of(self.pid) == self.birth

    def end(self) -> None:
        """Ask it to end, wait, and end its whole group when it does not."""
        for send, sent, seconds in (
            (os.kill, self.stop_signal, self.stop_seconds),
            (os.killpg, signal.SIGKILL, KILLED_SECONDS),
        ):
            with suppress(ProcessLookupError):
                send(self.pid, sent)
            deadline = time.monotonic() + seconds
            while self.runs and time.monotonic() < deadline:
                time.sleep(POLL_SECONDS)


def write_down(plan: Plan, children: Iterable[Child]) -> None:
    """List the children that have been started, in place of what was listed before."""
    listed = [
        Listed(program.name, process.pid, birth_of(process.pid), program.stop_signal, program.stop_seconds)
        for program, process in ((child.program, child.process) for child in children)
        if process is not None
    ]
    write_whole(_file(plan), json.dumps([asdict(process) for process in listed], indent=1))


def listed(plan: Plan) -> list[Listed]:
    """What the stack of this plan has started, in that order; empty once it has stopped all of it."""
    try:
        return [Listed(**entry) for entry in json.loads(_file(plan).read_text())]
    except (OSError, ValueError, TypeError):
        return []


def forget(plan: Plan) -> None:
    """Say that all of it has been stopped."""
    _file(plan).unlink(missing_ok=True)


def end_leftovers(plan: Plan, say: Callable[[str], None]) -> bool:
    """End what a killed stack has left running, the last started first and PostgreSQL last; returns whether any was.

    For whoever holds the stack's lock.
    """
    left = [process for process in reversed(listed(plan)) if process.runs]
    for process in sorted(left, key=lambda process: process.name == "PostgreSQL"):
        say(f"  ending {process.name}, left over from a start that was killed")
        process.end()
    forget(plan)
    return bool(left)


def birth_of(pid: int) -> str | None:
    """When a process began, in the kernel's ticks. None if it has ended, whether or not its parent has noticed."""
    try:
        state, *facts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if state in "ZX" else facts[18]


def _file(plan: Plan) -> Path:
    return plan.state / "pids.json"

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
    """A process of a stack, the first of a group of its own. Its pid and its birth together name it."""

    name: str
    pid: int
    birth: str | None
    stop_signal: int
    stop_seconds: float
    boot: str | None = None

    @property
    def runs(self) -> bool:
        """Whether it still does; a pid that has become another process does not count."""
        return self.birth is not None and birth_of(self.pid) == self.birth

    @property
    def is_left(self) -> bool:
        """Whether it, or what it has started itself, still runs."""
        if self.runs or self.birth is None or self.boot != _boot() or birth_of(self.pid):
            return self.runs
        # The system gives no new process a pid that still names a group: who is in this one belongs to it.
        groups = (_facts(int(entry.name)) for entry in Path("/proc").iterdir() if entry.name.isdecimal())
        return any(int(facts[1]) == self.pid and int(facts[18]) >= int(self.birth) for facts in groups if facts)

    def end(self) -> None:
        """Ask it to end, wait, and end its whole group."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, self.stop_signal)
        _wait_while(lambda: self.runs, self.stop_seconds)
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        _wait_while(lambda: self.is_left, KILLED_SECONDS)


def write_down(plan: Plan, children: Iterable[Child]) -> None:
    """List the children that have been started, in place of what was listed before."""
    listed = [
        Listed(program.name, process.pid, birth_of(process.pid), program.stop_signal, program.stop_seconds, _boot())
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
    left = [process for process in reversed(listed(plan)) if process.is_left]
    for process in sorted(left, key=lambda process: process.name == "PostgreSQL"):
        say(f"  ending {process.name}, left over from a start that was killed")
        process.end()
    forget(plan)
    return bool(left)


def birth_of(pid: int) -> str | None:
    """When a process began, in the kernel's ticks. None if it has ended, whether or not its parent has noticed."""
    facts = _facts(pid)
    return facts[18] if facts else None


def _wait_while(still: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while still() and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def _facts(pid: int) -> list[str] | None:
    """What the kernel says of a process, from its parent's pid on; None if it has ended."""
    try:
        state, *facts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return None
    return None if state in "ZX" else facts


def _boot() -> str:
    """Which start of the machine this is: births count from it."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _file(plan: Plan) -> Path:
    return plan.state / "pids.json"

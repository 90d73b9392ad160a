"""Who runs this folder's stack, and how it is started and stopped in the background."""

import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from devstack.files import write_whole
from devstack.plan import CannotStart, Plan, given_settings
from devstack.roster import birth_of

UP_SECONDS = 120
STOP_SECONDS = 120
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Running:
    """Who holds the stack's lock and since when it lives, the gateway's port, and whether requests are answered yet.

    The settings are those that it was started with.
    """

    pid: int
    birth: str | None
    port: int
    ready: bool
    settings: Mapping[str, str] | None = None


@contextmanager
def only_one(plan: Plan, held: int | None = None) -> Iterator[int]:
    """Hold the stack's lock and yield its descriptor; raises CannotStart when another process holds it.

    ``held`` is the descriptor that the process which started us has handed over, with the lock on it.
    """
    file = plan.state / "lock"
    if held is None:
        file.touch(mode=0o600)
        file.chmod(0o600)  # whoever may read a file may lock it
    with file.open("w") if held is None else os.fdopen(held, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CannotStart("It is running already: make status shows it, make down stops it.") from None
        os.set_inheritable(lock.fileno(), False)  # the function has no other name for it
        yield lock.fileno()


def record(plan: Plan, *, ready: bool, ended: bool = False) -> None:
    """Write down that this process holds the lock, for whoever finds it held; once all has ended, no settings."""
    pid = os.getpid()
    settings = None if ended else given_settings(plan)
    told = Running(pid, birth_of(pid), plan.ports.gateway, ready, settings)
    write_whole(_record_file(plan), json.dumps(asdict(told)))


def running(plan: Plan) -> Running | None:
    """The stack of this folder that runs or is starting, or None."""
    try:
        with only_one(plan):
            return None  # nobody holds the lock: a pid that is written down somewhere is somebody else's by now
    except CannotStart:
        pass
    try:
        found = Running(**json.loads(_record_file(plan).read_text()))
    except (OSError, ValueError, TypeError):
        return None  # its first act is to write it down
    # Who holds the lock for a moment only writes nothing down: what stands there may be of one that was killed.
    return found if birth_of(found.pid) == found.birth else None


def start(plan: Plan, command: Sequence[str], *, seconds: float = UP_SECONDS) -> Path:
    """Start ``command`` as this folder's stack; returns its log when it is ready.

    The lock is handed to it as `--lock DESCRIPTOR`, so that it is held all the time. On CannotStart and on an
    interruption nothing is left running.
    """
    log = log_file(plan)
    with only_one(plan) as lock:
        record(plan, ready=False)
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # it holds the table with its passwords
        with suppress(FileNotFoundError):
            log.replace(log.with_name(f"{log.name}.1"))  # what a crash said is not gone at the next start
        with log.open("wb") as output:
            child = subprocess.Popen(  # noqa: S603  # ourselves
                [*command, "--lock", str(lock)],
                cwd=plan.root,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                pass_fds=[lock],
            )
    try:
        _wait_until_ready(plan, child, log, seconds)
    except BaseException:
        _end(child)
        raise
    return log


def _wait_until_ready(plan: Plan, child: subprocess.Popen[bytes], log: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not ((found := running(plan)) and found.ready):
        if child.poll() == 0:
            raise CannotStart("It was stopped while it was starting.")
        if child.poll() is not None:
            raise CannotStart(log.read_text(errors="replace").strip())
        if time.monotonic() > deadline:
            raise CannotStart(f"Not healthy after {seconds:.0f} s; stopped. Its log is {log}.")
        time.sleep(POLL_SECONDS)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Let it stop everything it has started; what does not end is killed."""
    child.terminate()
    try:
        child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()


def stop(plan: Plan) -> bool:
    """Stop the stack of this folder, also one that is still starting; returns whether there was one."""
    found = running(plan)
    if found is None:
        return False
    with suppress(ProcessLookupError):
        os.kill(found.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while running(plan) is not None:
        if time.monotonic() > deadline:
            raise CannotStart(f"It has not stopped after {STOP_SECONDS} s; its pid is {found.pid}.")
        time.sleep(POLL_SECONDS)
    return True


def log_file(plan: Plan) -> Path:
    """What the last stack that was started in the background has said, also why it ended; the one before: with `.1`."""
    return plan.state / "logs" / "stack.log"


def _record_file(plan: Plan) -> Path:
    return plan.state / "running.json"

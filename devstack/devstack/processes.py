"""Child processes: started, watched until ready, and ended by their own pid."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from devstack.plan import CannotStart

Command = Sequence[str | Path]
MINIMAL_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
CANNOT_START = " cannot start: "  # how our services say in one line what is wrong with their settings
READY_SECONDS = 60.0
POLL_SECONDS = 0.03
LOG_LINES_SHOWN = 12
RESTARTS_COUNT_SECONDS = 60.0


@dataclass(frozen=True)
class Program:
    """How to run one process. ``ready`` is asked until true; ``account`` is the user to run as, if not us."""

    name: str
    command: Command
    environment: Mapping[str, str]
    folder: Path
    ready: Callable[[], bool]
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 15
    account: str | None = None
    restart: bool = False


class GivenUp(CannotStart):
    """Something else could not start, so there is nothing to wait for."""


@dataclass
class Child:
    """A running program with its log."""

    program: Program
    log: Path
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    stopping: bool = field(default=False, init=False)
    log_start: int = field(default=0, init=False)
    _restarts: list[float] = field(default_factory=list[float], init=False)

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self.process.pid if self.process and self.process.poll() is None else None

    def start(self) -> None:
        """Start it in a process group of its own, so that a Ctrl-C reaches only the one who stops things in order."""
        self.stopping = False
        self.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.log_start = log.tell()
            self.process = subprocess.Popen(  # noqa: S603  # every command is built here, from no outside text
                [str(part) for part in self.program.command],
                cwd=self.program.folder,
                env=dict(self.program.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=self.program.account,
                group=_group_of(self.program.account),
                extra_groups=[] if self.program.account else None,
                umask=0o077,
            )

    def wait_until_ready(self, seconds: float = READY_SECONDS, *, give_up: threading.Event | None = None) -> None:
        """Return when it is ready; raises CannotStart with the end of its log when it ends or takes too long.

        Raises GivenUp when ``give_up`` is set meanwhile.
        """
        deadline = time.monotonic() + seconds
        while not self.program.ready():
            if give_up is not None and give_up.is_set():
                raise GivenUp(f"{self.program.name} was not waited for.")
            if self.pid is None:
                raise CannotStart(f"{self.program.name} ended while starting. {self.last_words()}")
            if time.monotonic() > deadline:
                raise CannotStart(f"{self.program.name} was not ready after {seconds:.0f} s. {self.last_words()}")
            time.sleep(POLL_SECONDS)

    def start_again(self, now: float) -> bool:
        """Start what has ended by itself; returns whether it was time to.

        At once the first time in a minute, and twice as long after each further one: 2 s, 4 s, 8 s and so on.
        """
        self._restarts = [before for before in self._restarts if now - before < RESTARTS_COUNT_SECONDS]
        if self._restarts and now - self._restarts[-1] < 2 ** len(self._restarts):
            return False
        self._restarts.append(now)
        self._end_group()  # what it has started itself may hold its port still
        self.start()
        return True

    def stop(self) -> None:
        """Ask it to end, wait, and end its whole group when it does not."""
        self.stopping = True
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(self.program.stop_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(self.program.stop_seconds)
        self._end_group()
        self.process.wait()

    def kill(self) -> None:
        """End it at once, with its group, as a crash would."""
        self.stopping = True
        if self.process is not None:
            self._end_group()
            self.process.wait()

    def _end_group(self) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def last_words(self) -> str:
        """The end of the log, for an error message."""
        written = self.log.read_bytes()[self.log_start :].decode(errors="replace") if self.log.exists() else ""
        lines = written.splitlines()
        plain = [line for line in lines if CANNOT_START in line]
        if plain:
            return plain[-1]
        return f"Its log is {self.log}; it ends with:\n    " + "\n    ".join(lines[-LOG_LINES_SHOWN:])


def _group_of(account: str | None) -> int | None:
    if account is None:
        return None
    import pwd  # noqa: PLC0415  # exists on POSIX only, and is needed only when root drops its rights

    return pwd.getpwnam(account).pw_gid


def run_once(
    name: str,
    command: Command,
    *,
    environment: Mapping[str, str],
    folder: Path,
    account: str | None = None,
) -> str:
    """Run a command to its end and return its standard output; raises CannotStart with its last words on failure."""
    result = subprocess.run(  # noqa: S603  # as above
        [str(part) for part in command],
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        user=account,
        group=_group_of(account),
        extra_groups=[] if account else None,
    )
    if result.returncode != 0:
        words = (result.stderr or result.stdout).strip().splitlines()[-LOG_LINES_SHOWN:]
        raise CannotStart(f"{name} failed:\n    " + "\n    ".join(words))
    return result.stdout

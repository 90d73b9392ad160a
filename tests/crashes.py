"""Killing a process as a crash would, and starting it again."""

import time

from devstack.plan import CannotStart
from devstack.processes import Child

PATIENCE_SECONDS = 60.0


def crash(child: Child) -> None:
    """SIGKILL, and a new start; returns when it is ready again.

    PostgreSQL refuses to start while a backend of the killed server is still there: then it is tried again.
    """
    child.kill()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        child.start()
        try:
            return child.wait_until_ready()
        except CannotStart:
            if time.monotonic() > deadline:
                raise

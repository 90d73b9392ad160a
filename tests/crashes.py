"""Killing a process as a crash would, starting it again, and ending the leases of the dead."""

import time

from devstack.plan import CannotStart
from devstack.processes import Child
from tests.live import Live

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


def leases_run_out(live: Live) -> bool:
    """End the leases of the dead, and those of the living with them: the work is then taken up again or swept. True.

    Who is still at work finds that it was, and its result is dropped or accepted once: that is what leases are for.
    """
    live.stack.sql("UPDATE llm_usage_logs SET lease_until = now() WHERE outcome = 'open'")
    live.stack.sql("UPDATE llm_reservations SET lease_until = now() WHERE state = 'open' AND lease_until IS NOT NULL")
    live.stack.sql("UPDATE intelligence_idempotency_keys SET lease_until = now() WHERE status_code IS NULL")
    live.stack.sql("UPDATE assessment_submissions SET lease_until = now() WHERE grading_status = 'processing'")
    time.sleep(2)
    return True

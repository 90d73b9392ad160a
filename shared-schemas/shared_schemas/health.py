"""Health of a service, in the same shape everywhere."""

from typing import Literal

from pydantic import AwareDatetime

from shared_schemas.wire import Response


class Health(Response):
    """``phase2_enabled`` says that a feature flag of phase 2 is on, not that phase 2 can be reached."""

    status: Literal["healthy"]
    phase1_enabled: bool
    phase2_enabled: bool
    timestamp: AwareDatetime


class Readiness(Response):
    """Whether this process can serve: each check is ``ok`` or a plain sentence that says what is wrong."""

    status: Literal["ready", "not_ready"]
    checks: dict[str, str]
    warnings: list[str]
    timestamp: AwareDatetime

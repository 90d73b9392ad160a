"""What can go wrong between the app and what stands behind it, before it is put into words for a learner."""

import traceback
from pathlib import PurePath
from typing import Any

from pydantic import ValidationError

NEAREST_PLACES = 4


class Unreachable(Exception):
    """The service did not answer, or not in the form that was agreed."""


class SignedOut(Exception):
    """The token is nobody's (any more): signed out, expired, or meant for somebody else."""


class Refused(Exception):
    """The API said no. ``body`` is what stands in its error envelope."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(f"{status} {body.get('code')}")
        self.status = status
        self.body = body

    @property
    def code(self) -> str:
        """The code for programs."""
        return str(self.body.get("code", ""))

    def detail(self, name: str) -> Any:
        """A member of the error or of its details; None when it has neither."""
        details = self.body.get("details") or {}
        return self.body.get(name, details.get(name))


class NothingThere(Exception):
    """What was asked for does not exist yet; the text says what to do instead."""


def outline(error: BaseException) -> str:
    """Kind and place of an error, for the log; its own text may hold an account, or what somebody wrote."""
    if isinstance(error, ValidationError):
        problems = error.errors(include_url=False, include_input=False, include_context=False)
        return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['type']}" for one in problems)
    places = traceback.extract_tb(error.__traceback__)[-NEAREST_PLACES:]
    return f"{type(error).__name__} at " + ", ".join(f"{PurePath(one.filename).name}:{one.lineno}" for one in places)

"""What can go wrong between the app and what stands behind it, before it is put into words for a learner."""

from typing import Any


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

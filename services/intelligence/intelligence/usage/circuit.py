"""What the last attempts say of the provider, so that a sick one is left alone for a while."""

import time
from functools import lru_cache

from intelligence.usage.trouble import Notices

IN_A_ROW = 5
PAUSE_SECONDS, LONGEST_ASKED_FOR_SECONDS = 10.0, 60.0  # only the clock closes it, so no provider says for how long
LONGEST_PAUSE_SECONDS = 300.0
TRIAL_SECONDS = 30.0


class Circuit:
    """Opens after five overloaded, or five lost, answers in a row. Knows of a connection not made, and what was told.

    Once open, one attempt at a time finds out whether the provider is well again. A lost answer may have been billed,
    and holds its worst case: so the pauses double with each one more, up to five minutes.
    """

    def __init__(self) -> None:
        self._overloaded = 0
        self._lost = 0
        self._open_until = 0.0
        self.unreachable = False
        self.notices = Notices()

    @property
    def is_well(self) -> bool:
        """Whether the last attempt was answered, or there was none yet."""
        return not (self._overloaded or self._lost or self.unreachable)

    def seconds_to_wait(self) -> float:
        """Seconds until the next attempt is welcome; 0 when it is now, and then it must be made."""
        now = time.monotonic()
        if self._open_until > now:
            return self._open_until - now
        if max(self._overloaded, self._lost) >= IN_A_ROW:
            self._open_until = now + TRIAL_SECONDS  # for everybody else, until this one's outcome is known
        return 0.0

    def overloaded(self, retry_after: float | None) -> None:
        """Note a 529: the provider has more to do than it can."""
        self._overloaded += 1
        self._lost = 0
        if self._overloaded >= IN_A_ROW:
            self._open_until = time.monotonic() + min(retry_after or PAUSE_SECONDS, LONGEST_ASKED_FOR_SECONDS)

    def lost(self, *, unreachable: bool) -> None:
        """Note an attempt without an answer; ``unreachable``: not even a connection was made, so nobody billed it."""
        self.unreachable = unreachable
        if unreachable:
            return
        self._lost += 1
        if self._lost >= IN_A_ROW:
            pause = PAUSE_SECONDS * 2 ** min(self._lost - IN_A_ROW, 10)
            self._open_until = time.monotonic() + min(pause, LONGEST_PAUSE_SECONDS)

    def answered(self) -> None:
        """Note any other answer."""
        self._overloaded = self._lost = 0
        self._open_until = 0.0
        self.unreachable = False


@lru_cache
def provider() -> Circuit:
    """What this process knows of the provider."""
    return Circuit()

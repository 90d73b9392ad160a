"""What the last attempts say of the provider, so that a sick one is left alone for a while."""

import time

from intelligence.usage.trouble import Notices

OVERLOADED_IN_A_ROW = 5
PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 10.0, 60.0  # nothing but the clock closes it: no provider says for how long


class Circuit:
    """Opens after several overloaded answers in a row; knows of a connection not made, and what operators were told."""

    def __init__(self) -> None:
        self._overloaded = 0
        self._open_until = 0.0
        self.unreachable = False
        self.notices = Notices()

    def open_for(self) -> float:
        """Seconds until the next attempt is welcome; 0 when it is now."""
        return max(0.0, self._open_until - time.monotonic())

    def overloaded(self, retry_after: float | None) -> None:
        """Note a 529: the provider has more to do than it can."""
        self._overloaded += 1
        if self._overloaded >= OVERLOADED_IN_A_ROW:
            self._open_until = time.monotonic() + min(retry_after or PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)

    def answered(self) -> None:
        """Note any other answer."""
        self._overloaded = 0
        self.unreachable = False

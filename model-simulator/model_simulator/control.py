"""How the simulator answers now: the mode, and for how many calls."""

from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from model_simulator.errors import invalid

DEFAULT_LATENCY_MS = 1000
DEFAULT_ERROR_STATUS = 529


class Mode(StrEnum):
    """What happens to the next calls."""

    TUTOR = "tutor"  # honest rule-based answers
    LATENCY = "latency"  # the same, later
    ERROR = "error"  # an error status
    TIMEOUT = "timeout"  # the connection is held and never answered
    DROP = "drop"  # the connection is closed in mid-body
    CUT = "cut"  # the JSON of the whole answer ends early
    HTML = "html"  # 200 with a web page
    MALFORMED = "malformed"  # the model's text is not JSON
    CUT_TEXT = "cut_text"  # stop_reason max_tokens, the text's JSON ends early
    REFUSAL = "refusal"  # stop_reason refusal, no content
    NO_USAGE = "no_usage"  # an answer without usage
    GULLIBLE = "gullible"  # obeys any instruction in a student's answer
    ORACLE = "oracle"  # grades as it was told beforehand
    CONSTANT = "constant"  # always partial
    LENIENT = "lenient"  # always full
    INVENT = "invent"  # names sections that do not exist, quotes what was never written


@dataclass(frozen=True)
class Setting:
    """One setting. ``count`` calls are answered so (None: until changed); ``retry_after`` in seconds."""

    mode: Mode = Mode.TUTOR
    status: int = DEFAULT_ERROR_STATUS
    latency_ms: int = 0
    count: int | None = None
    retry_after: int | None = None
    error_code: str | None = None


class Control:
    """Holds the current setting; falls back to the tutor when its count is used up."""

    def __init__(self, start: Setting) -> None:
        self._rest = Setting(latency_ms=start.latency_ms)
        self._current = start

    def current(self) -> dict[str, Any]:
        """The setting as JSON, with the calls it still holds for."""
        return asdict(self._current)

    def take(self) -> Setting:
        """The setting for one call, which is counted."""
        taken = self._current
        if taken.count is not None:
            left = taken.count - 1
            self._current = replace(taken, count=left) if left > 0 else self._rest
        return taken

    def put(self, wanted: Any) -> None:
        """Replace the setting; a member left out takes its default, latency that of the start. 400 on nonsense."""
        if not isinstance(wanted, dict):
            raise invalid("control: Input should be a JSON object")
        for name in wanted:
            if name not in Setting.__dataclass_fields__:
                raise invalid(f"{name}: Extra inputs are not permitted")
        members = {name: value for name, value in wanted.items() if value is not None}
        try:
            mode = Mode(members.pop("mode", Mode.TUTOR))
        except ValueError as error:
            raise invalid(f"mode: Input should be one of {', '.join(Mode)}") from error
        _check_numbers(members)
        if not isinstance(members.get("error_code", ""), str):
            raise invalid("error_code: Input should be a string")
        latency_ms = DEFAULT_LATENCY_MS if mode is Mode.LATENCY else self._rest.latency_ms
        self._current = Setting(**{"mode": mode, "latency_ms": latency_ms, **members})


def _check_numbers(members: dict[str, Any]) -> None:
    for name, least, most in (
        ("status", 400, 599),
        ("latency_ms", 0, 600_000),
        ("count", 1, 1_000_000),
        ("retry_after", 0, 4_294_967),
    ):
        value = members.get(name, least)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise invalid(f"{name}: Input should be a whole number from {least} to {most}")

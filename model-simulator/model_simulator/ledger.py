"""The simulator's own account of what it was asked, independent of any other: what a proof compares against.

Every line is one JSON object. ``seen`` is written before the request is looked at, ``answered`` before the answer goes
out; ``status`` and ``usage`` are null where none was sent. The file is only ever appended to.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SECRET_HEADERS = frozenset({"authorization", "x-api-key", "cookie"})


class Ledger:
    """Counts of this process, and the lines in ``path`` (counts only where it is None)."""

    def __init__(self, path: Path | None = None) -> None:
        self.seen = 0
        self.answered = 0
        self.connections = 0
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        self._descriptor = os.open(path, flags, 0o600) if path else None

    def record_seen(self, request_id: str, *, path: str, headers: Mapping[str, str], raw: bytes) -> None:
        """A request arrived: its body whole (as text where it is not JSON), its headers without the secret ones."""
        try:
            body: Any = json.loads(raw)
        except ValueError:
            body = raw.decode("utf-8", "replace")
        self.seen += 1
        self._append(
            event="seen",
            request_id=request_id,
            path=path,
            sha256=hashlib.sha256(raw).hexdigest(),
            model=body.get("model") if isinstance(body, dict) else None,
            headers={name: value for name, value in headers.items() if name not in SECRET_HEADERS},
            body=body,
        )

    def record_answered(
        self, request_id: str, *, status: int | None, usage: Mapping[str, Any] | None, mode: str | None
    ) -> None:
        """The answer about to leave: its status, the usage a provider would bill, the mode (none for a refusal)."""
        self.answered += 1
        self._append(event="answered", request_id=request_id, status=status, usage=usage, mode=mode)

    def _append(self, **line: Any) -> None:
        if self._descriptor is None:
            return
        stamped = {"time": datetime.now(UTC).isoformat(), **line}
        # One unbuffered write a line: with O_APPEND no line can be torn or lost when the process is killed.
        os.write(self._descriptor, json.dumps(stamped, ensure_ascii=False).encode("utf-8", "replace") + b"\n")

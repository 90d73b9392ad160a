"""Logging: one JSON object a line, on standard output."""

import logging
import sys
from datetime import UTC, datetime
from typing import Any

import orjson

OWN_MEMBERS = ("method", "route", "status", "ms", "request_id", "error", "where")


class JsonLines(logging.Formatter):
    """Time, level and message, and what a record of ours carries beside them."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: value for name in OWN_MEMBERS if (value := record.__dict__.get(name)) is not None}
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__name__
        return orjson.dumps(line).decode()


def write_json_lines(level: str) -> None:
    """Send what core logs to standard output; called once, where the process is core's own."""
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = (
        False  # every request pays for what it costs
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    core = logging.getLogger("core")
    core.handlers[:] = [handler]
    core.setLevel(level.upper())
    core.propagate = False

"""The clock, read once at the edge of a request and passed on."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


Now = Annotated[datetime, Depends(now)]

"""The clock, read once at the edge of a request and passed on."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends


async def now() -> datetime:
    """This moment, in UTC. Like every small dependency it is async: FastAPI runs a plain function in a thread."""
    return datetime.now(UTC)


Now = Annotated[datetime, Depends(now)]

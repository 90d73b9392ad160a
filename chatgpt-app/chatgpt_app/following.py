"""Long work: the API tells its stages as events, and the host hears of each as progress."""

import asyncio
from contextlib import aclosing
from typing import TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from chatgpt_app.errors import NothingThere, Refused, Unreachable
from chatgpt_app.tooling import Ctx, learner_of
from shared_schemas.errors import ErrorEnvelope

Message = TypeVar("Message")

# Hosts give a tool call about a minute.
PATIENCE_SECONDS = 45.0


async def followed(
    ctx: Ctx,
    method: str,
    path: str,
    message: TypeAdapter[Message],
    *,
    stages: dict[str, str],
    still: str,
    body: BaseModel | None = None,
    key: str | None = None,
) -> Message:
    """What the last event brings, after each stage was reported in the words of ``stages``.

    Raises what `Doors.ask` raises, and NothingThere with the text ``still`` when it takes too long to wait for.
    """
    names = list(stages)
    try:
        events = learner_of(ctx).follow(method, path, body=body, key=key)
        async with asyncio.timeout(PATIENCE_SECONDS), aclosing(events):
            async for name, data in events:
                if name == "done":
                    return message.validate_json(data)
                if name == "error":
                    raise Refused(0, ErrorEnvelope.model_validate_json(data).error.model_dump())
                if name in stages:
                    await ctx.report_progress(names.index(name), len(names), stages[name])
    except TimeoutError:
        raise NothingThere(still) from None
    except ValidationError as error:
        raise Unreachable(path) from error
    raise Unreachable(path)

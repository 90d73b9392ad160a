"""What every process of this service does at its start and at its end."""

import asyncio
import gc
import logging
import sys

from intelligence import background, cache, content, core_client, database, llm
from intelligence.settings import get_settings
from intelligence.usage import pricing


def start() -> None:
    """Set logging up, then end the process with one line when a setting is unsafe or the model has no price."""
    _configure_logging()
    try:
        llm.current_price()
    except pricing.UnpricedModel as error:
        sys.exit(f"intelligence cannot start: ANTHROPIC_MODEL: {error}")


async def warm_up(*, after_seconds: float = 0) -> None:
    """Load what the first model call needs, so that no student waits for it; later, where others wait for the start."""
    await asyncio.sleep(after_seconds)
    await llm.warm_up()
    # What was imported stays until the end: the collector need not look through all of it again and again.
    gc.freeze()


async def shut_down() -> None:
    """Finish what must be finished, then close every connection."""
    await background.drain()
    content.forget()
    await llm.close()
    await core_client.close()
    await cache.close()
    await database.dispose()


def _configure_logging() -> None:
    """One line a record on standard output; prompts and answers are never logged, so no level can show them."""
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
    logging.getLogger().setLevel(get_settings().log_level.upper())
    for talkative in ("httpx", "httpx2"):
        logging.getLogger(talkative).setLevel(logging.WARNING)

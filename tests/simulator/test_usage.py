"""Tokens and the prompt cache by their plain rules."""

import secrets
from typing import Any

from anthropic import AsyncAnthropic, Omit, omit
from anthropic.types import Message

from model_simulator.usage import PromptCache
from tests.simulator.running import MODEL, text_of


async def say(claude: AsyncAnthropic, system: list[Any], cache_control: Any = omit) -> Message:
    marker: Any | Omit = cache_control
    question: Any = [{"role": "user", "content": "12345678"}]
    return await claude.messages.create(
        model=MODEL, max_tokens=900, system=system, messages=question, cache_control=marker
    )


def block(letters: int, *, ttl: str | None = None, salt: str) -> dict[str, Any]:
    marker = {"cache_control": {"type": "ephemeral", "ttl": ttl}} if ttl else {}
    return {"type": "text", "text": salt.ljust(letters, "x"), **marker}


async def test_tokens_are_bytes_by_four(claude: AsyncAnthropic) -> None:
    message = await claude.messages.create(
        model=MODEL,
        max_tokens=900,
        system="123456789",
        messages=[{"role": "user", "content": "ä" * 5}],
        output_config={"effort": "low"},
    )
    assert message.usage.input_tokens == 3 + 3
    assert message.usage.output_tokens_details is not None
    assert message.usage.output_tokens_details.thinking_tokens == 16
    assert message.usage.output_tokens == 16 + -(-len(text_of(message).encode()) // 4)
    counted = await claude.messages.count_tokens(
        model=MODEL, system="123456789", messages=[{"role": "user", "content": "ä" * 5}]
    )
    assert counted.input_tokens == 6


async def test_more_effort_thinks_more(claude: AsyncAnthropic) -> None:
    thought = []
    for effort in ("low", "medium", "high", "xhigh", "max"):
        message = await claude.messages.create(
            model=MODEL,
            max_tokens=900,
            messages=[{"role": "user", "content": "x"}],
            output_config={"effort": effort},
        )
        assert message.usage.output_tokens_details is not None
        thought.append(message.usage.output_tokens_details.thinking_tokens)
    assert thought == sorted(set(thought))


async def test_a_marked_prefix_is_written_once_and_read_afterwards(claude: AsyncAnthropic) -> None:
    salt = secrets.token_hex(8)
    system = [block(5000, ttl="1h", salt=salt), block(4000, ttl="5m", salt=salt)]
    first, second = (await say(claude, system)).usage, (await say(claude, system)).usage
    assert (first.input_tokens, first.cache_read_input_tokens, first.cache_creation_input_tokens) == (2, 0, 2250)
    assert first.cache_creation is not None
    assert first.cache_creation.ephemeral_1h_input_tokens == 1250
    assert first.cache_creation.ephemeral_5m_input_tokens == 1000
    assert (second.input_tokens, second.cache_read_input_tokens, second.cache_creation_input_tokens) == (2, 2250, 0)
    longer = (await say(claude, [*system, block(400, ttl="5m", salt="more")])).usage
    assert (longer.cache_read_input_tokens, longer.cache_creation_input_tokens) == (2250, 100)


async def test_another_byte_in_front_or_no_marker_reads_nothing(claude: AsyncAnthropic) -> None:
    salt = secrets.token_hex(8)
    await say(claude, [block(5000, ttl="5m", salt=salt)])
    changed = (await say(claude, [block(5000, ttl="5m", salt=f"{salt}!")])).usage
    unmarked = (await say(claude, [block(5000, salt=salt)])).usage
    assert changed.cache_read_input_tokens == 0
    assert (unmarked.cache_read_input_tokens, unmarked.input_tokens) == (0, 1252)


async def test_a_prefix_under_1024_tokens_is_not_cached(claude: AsyncAnthropic) -> None:
    system = [block(4000, ttl="5m", salt=secrets.token_hex(8))]
    await say(claude, system)
    usage = (await say(claude, system)).usage
    assert (usage.input_tokens, usage.cache_creation_input_tokens, usage.cache_read_input_tokens) == (1002, 0, 0)


async def test_the_automatic_marker_stands_on_the_last_block(claude: AsyncAnthropic) -> None:
    system = [block(5000, salt=secrets.token_hex(8))]
    first = (await say(claude, system, {"type": "ephemeral"})).usage
    second = (await say(claude, system, {"type": "ephemeral"})).usage
    assert (first.input_tokens, first.cache_creation_input_tokens) == (0, 1252)
    assert (second.input_tokens, second.cache_read_input_tokens) == (0, 1252)


async def test_an_answer_longer_than_max_tokens_is_cut(claude: AsyncAnthropic) -> None:
    message = await claude.messages.create(
        model=MODEL, max_tokens=20, messages=[{"role": "user", "content": "x"}], output_config={"effort": "low"}
    )
    assert message.stop_reason == "max_tokens"
    assert message.usage.output_tokens == 20
    assert len(text_of(message)) == 16


def test_a_prefix_is_forgotten_after_its_lifetime_without_use() -> None:
    clock = [0.0]
    cache = PromptCache(now=lambda: clock[0])
    request = {
        "model": MODEL,
        "system": [block(5000, ttl="5m", salt="s")],
        "messages": [{"role": "user", "content": "x"}],
    }
    assert cache.settle(request).written["5m"] == 1250
    clock[0] = 299
    assert cache.settle(request).read == 1250
    clock[0] = 299 + 299
    assert cache.settle(request).read == 1250
    clock[0] += 301
    assert cache.settle(request).read == 0

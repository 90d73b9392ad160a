"""Tokens and the prompt cache, by rules simple enough to check by hand.

A block of text is ceil(UTF-8 bytes / 4) tokens; a block of another kind counts as its JSON. Input is the sum over
tools, system, messages and the output schema. Thinking is a fixed number of tokens for each effort, inside the output.
A prefix is cached where a block carries ``cache_control`` and the prefix has at least 1,024 tokens; it lives 5 minutes
or an hour from its last use.
"""

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

BYTES_PER_TOKEN = 4
LEAST_CACHED_TOKENS = 1024
LIFETIME_SECONDS = {"5m": 300, "1h": 3600}
MOST_PREFIXES = 1000
THINKING_TOKENS = {"low": 16, "medium": 64, "high": 128, "xhigh": 256, "max": 512}


@dataclass(frozen=True)
class Block:
    """One piece of a prompt in the order the model reads it, with the lifetime of its cache marker, if any."""

    text: str
    tokens: int
    ttl: str | None


@dataclass(frozen=True)
class Prefix:
    """A prompt from its start to the end of one block."""

    sha256: str
    tokens: int
    ttl: str | None


@dataclass(frozen=True)
class InputUsage:
    """Input tokens of one request: plain, read from the cache, written to it for 5 minutes and for an hour."""

    plain: int
    read: int
    written: Mapping[str, int]


def count_tokens(text: str) -> int:
    """ceil(UTF-8 bytes / 4)."""
    return -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)


def thinking_tokens(body: Mapping[str, Any]) -> int:
    """What the simulated thinking costs; the default effort is high, as the API's."""
    effort = (body.get("output_config") or {}).get("effort") or "high"
    return THINKING_TOKENS[effort]


def input_tokens(body: Mapping[str, Any]) -> int:
    """All input of a request, cached or not."""
    return sum(block.tokens for block in _blocks(body)) + _schema_tokens(body)


def _schema_tokens(body: Mapping[str, Any]) -> int:
    answer_format = (body.get("output_config") or {}).get("format")
    return count_tokens(_canonical(answer_format["schema"])) if answer_format else 0


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _blocks(body: Mapping[str, Any]) -> list[Block]:
    contents: list[tuple[str, Any]] = [("tool", body.get("tools")), ("system", body.get("system"))]
    contents += [(message["role"], message["content"]) for message in body["messages"]]
    blocks: list[Block] = []
    for role, content in contents:
        pieces: list[dict[str, Any]] = (
            [{"type": "text", "text": content}] if isinstance(content, str) else content or []
        )
        for piece in pieces:
            marker = piece.get("cache_control")
            bare = {name: value for name, value in piece.items() if name != "cache_control"}
            text = bare["text"] if bare.get("type") == "text" else _canonical(bare)
            blocks.append(Block(f"{role}\n{text}", count_tokens(text), marker.get("ttl", "5m") if marker else None))
    marker = body.get("cache_control")
    if marker and blocks:  # the automatic marker stands on the last block
        blocks[-1] = Block(blocks[-1].text, blocks[-1].tokens, marker.get("ttl", "5m"))
    return blocks


class PromptCache:
    """The prefixes this simulated model has seen marked, by hash."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._expiry: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def settle(self, body: Mapping[str, Any]) -> InputUsage:
        """Account one request's input: read the longest known prefix, write the marked ones behind it."""
        prefixes: list[Prefix] = []
        digest, tokens = hashlib.sha256(str(body["model"]).encode()), 0
        for block in _blocks(body):
            digest.update(hashlib.sha256(block.text.encode("utf-8", "replace")).digest())
            tokens += block.tokens
            prefixes.append(Prefix(digest.hexdigest(), tokens, block.ttl))
        total = tokens + _schema_tokens(body)
        written = {"5m": 0, "1h": 0}
        marked = [prefix for prefix in prefixes if prefix.ttl and prefix.tokens >= LEAST_CACHED_TOKENS]
        if not marked:
            return InputUsage(plain=total, read=0, written=written)
        known = [prefix.tokens for prefix in prefixes if prefix.tokens <= marked[-1].tokens and self._is_known(prefix)]
        done = read = max(known, default=0)
        for prefix in marked:
            ttl = prefix.ttl or "5m"
            written[ttl] += max(0, prefix.tokens - done)
            done = max(done, prefix.tokens)
            self._keep(prefix.sha256, LIFETIME_SECONDS[ttl])
        return InputUsage(plain=total - done, read=read, written=written)

    def _is_known(self, prefix: Prefix) -> bool:
        expiry, lifetime = self._expiry.get(prefix.sha256, (0.0, 0))
        if expiry <= self._now():
            return False
        self._keep(prefix.sha256, lifetime)
        return True

    def _keep(self, prefix: str, lifetime: int) -> None:
        self._expiry[prefix] = (self._now() + lifetime, lifetime)
        self._expiry.move_to_end(prefix)
        if len(self._expiry) > MOST_PREFIXES:
            self._expiry.popitem(last=False)


def usage_of(spent: InputUsage, *, output: int, thinking: int) -> dict[str, Any]:
    """The ``usage`` member of an answer; ``output`` holds the thinking."""
    return {
        "input_tokens": spent.plain,
        "cache_creation_input_tokens": sum(spent.written.values()),
        "cache_read_input_tokens": spent.read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": spent.written["5m"],
            "ephemeral_1h_input_tokens": spent.written["1h"],
        },
        "output_tokens": output,
        "output_tokens_details": {"thinking_tokens": thinking},
        "service_tier": "standard",
    }

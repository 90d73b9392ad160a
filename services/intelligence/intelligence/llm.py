"""The door to the model, and the only importer of its SDK: a prompt goes in, a text with its usage comes out.

One call here is one HTTP attempt. Retries, the ledger and money are the business of `usage/metering.py`.

The SDK is imported where it is first used: it costs more than a second of processor time, and a process that starts can
answer meanwhile. `warm_up` has it loaded before the first call needs it.
"""

import asyncio
import json
import logging
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from functools import lru_cache
from importlib import import_module
from importlib.resources import files
from math import isfinite
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import httpx2
from pydantic import BaseModel

from intelligence import token_estimate
from intelligence.settings import get_settings
from intelligence.usage import pricing

if TYPE_CHECKING:
    import anthropic
    from anthropic.types import Message

T = TypeVar("T", bound=BaseModel)

# At DEBUG, which ANTHROPIC_LOG can switch on, the SDK logs whole prompts.
logging.getLogger("anthropic").setLevel(logging.WARNING)

CONNECT_SECONDS = 5.0
SIMULATED_MODEL = "simulated-"  # how the model simulator begins its name; the model it stands in for follows
TRY_AGAIN_STATUSES = frozenset({408, 409, 429})
MODELS_WITHOUT_EFFORT = ("claude-sonnet-4-5", "claude-haiku-4-5")
# A gateway that gave up waiting, or lost the answer: the model may have given it, and billed.
UNCERTAIN_STATUSES = frozenset({408, 502, 504, *range(520, 525)})


@dataclass(frozen=True)
class Prompt(Generic[T]):
    """One question to the model. `answer_type` is the JSON it must answer with; `version` names the prompt file.

    `system` is the same for many questions, so the provider may cache it; `notice` goes behind it.
    """

    task: str
    version: str
    system: str
    user: str
    answer_type: type[T]
    max_tokens: int
    effort: str = "low"
    notice: str = ""

    def request_body(self, model: str) -> dict[str, Any]:
        """What is sent, as the Messages API names it."""
        output_config: dict[str, Any] = {"format": {"type": "json_schema", "schema": _schema(self.answer_type)}}
        if not model.startswith(MODELS_WITHOUT_EFFORT):
            output_config["effort"] = self.effort
        system: list[dict[str, Any]] = [
            {"type": "text", "text": self.system, "cache_control": {"type": "ephemeral", "ttl": "5m"}}
        ]
        if self.notice:
            system.append({"type": "text", "text": self.notice})
        return {
            "model": model,
            "max_tokens": self.max_tokens,
            "system": system,
            "messages": [{"role": "user", "content": self.user}],
            "output_config": output_config,
        }

    def corrected(self, problem: str) -> "Prompt[T]":
        """The same question after an answer that could not be used, with more room for the next one."""
        notice = f"An earlier answer could not be used: {problem}. Answer with exactly one complete JSON document."
        return replace(self, notice=notice, max_tokens=self.max_tokens * 3 // 2)


@dataclass(frozen=True)
class PromptFile:
    """A prompt's system text, with the version its file name gives it, such as `path.v1`."""

    version: str
    system: str


@dataclass(frozen=True)
class Reply:
    """What came back of an answered call. `text` is None when the model refused or wrote none."""

    text: str | None
    stop_reason: str | None
    model: str
    usage: pricing.TokenUsage
    raw_usage: dict[str, Any]
    request_id: str | None


class ProviderRefused(Exception):
    """The provider answered with an error, so it billed nothing. `retry_after` in seconds, where it said so."""

    def __init__(
        self, status: int, error_code: str, *, request_id: str | None, retry_after: float | None, can_try_again: bool
    ) -> None:
        super().__init__(f"{status} {error_code}")
        self.status = status
        self.error_code = error_code
        self.request_id = request_id
        self.retry_after = retry_after
        self.can_try_again = can_try_again


class NoUsableReply(Exception):
    """The attempt ended without a reply that says what it cost: it may have been billed.

    `unreachable` says that not even a connection could be made.
    """

    def __init__(self, error_code: str, *, request_id: str | None = None, unreachable: bool = False) -> None:
        super().__init__(error_code)
        self.error_code = error_code
        self.request_id = request_id
        self.unreachable = unreachable


@lru_cache
def load_prompt(name: str) -> PromptFile:
    """The newest version of a prompt by its name (`path`), or exactly one version (`path.v1`)."""
    folder = files("intelligence").joinpath("prompts")
    pattern = re.compile(rf"{re.escape(name)}(?:\.v(\d+))?\.md")
    matches = [(match, entry) for entry in folder.iterdir() if (match := pattern.fullmatch(entry.name))]
    if not matches:
        raise FileNotFoundError(f"There is no prompt named {name!r}.")
    _, newest = max(matches, key=lambda found: int(found[0][1] or 0))
    return PromptFile(version=newest.name.removesuffix(".md"), system=newest.read_text(encoding="utf-8").strip())


def worst_case_usd(prompt: Prompt[Any]) -> Decimal:
    """The most one attempt at this prompt can cost with the configured model, in US dollars."""
    body = prompt.request_body(get_settings().anthropic_model)
    parts = (prompt.system, prompt.notice, prompt.user, json.dumps(body["output_config"]))
    return pricing.worst_case(
        prompt_tokens=token_estimate.at_most(*parts), max_tokens=prompt.max_tokens, at_price=current_price()
    )


def current_price() -> pricing.Price:
    """The price of the configured model today; raises UnpricedModel."""
    return pricing.price(get_settings().anthropic_model, datetime.now(UTC))


async def create(prompt: Prompt[Any], *, timeout_seconds: float) -> Reply:
    """Send one attempt. Raises ProviderRefused (nothing billed) or NoUsableReply (may have been billed)."""
    import anthropic
    from anthropic.types import Message

    body = prompt.request_body(get_settings().anthropic_model)
    request_id: str | None = None
    try:
        raw = await _client().messages.with_raw_response.create(
            **body, timeout=httpx2.Timeout(timeout_seconds, connect=min(CONNECT_SECONDS, timeout_seconds))
        )
        request_id = raw.headers.get("request-id")
        message = await raw.parse()
    except anthropic.APIStatusError as error:
        raise _refusal(error) from error
    except anthropic.APITimeoutError as error:
        unreachable = isinstance(error.__cause__, httpx2.ConnectTimeout)
        raise NoUsableReply("CONNECT_TIMEOUT" if unreachable else "TIMEOUT", unreachable=unreachable) from error
    except anthropic.APIConnectionError as error:
        unreachable = isinstance(error.__cause__, httpx2.ConnectError)
        raise NoUsableReply("CONNECT_FAILED" if unreachable else "CONNECTION_LOST", unreachable=unreachable) from error
    except (anthropic.APIError, httpx2.HTTPError, ValueError) as error:  # a cut body is a plain JSONDecodeError
        raise NoUsableReply("UNREADABLE_BODY", request_id=request_id) from error
    # An HTML page comes back as str, and a body without usage as a Message: neither says what was billed.
    if not isinstance(message, Message):
        raise NoUsableReply("NOT_A_MESSAGE", request_id=request_id)
    try:
        raw_usage = message.usage.model_dump(mode="json", exclude_none=True)
        return _read(message, raw_usage, pricing.read_usage(raw_usage), request_id)
    except (AttributeError, pricing.UnreadableUsage) as error:
        raise NoUsableReply("NO_USAGE", request_id=request_id) from error


async def warm_up() -> None:
    """Load what the first call needs, outside the event loop: the SDK, the token encoding and the certificates."""
    await asyncio.to_thread(import_module, "anthropic")
    await asyncio.to_thread(token_estimate.encoding)
    await asyncio.to_thread(_certificates)


async def is_reachable() -> bool:
    """Whether the model's server accepts connections: any HTTP answer will do, and no model is asked."""
    try:
        await _connections().head(get_settings().anthropic_base_url, timeout=CONNECT_SECONDS)
    except httpx2.HTTPError:
        return False
    return True


async def close() -> None:
    """Close the connections to the model; the next use opens new ones."""
    if _connections.cache_info().currsize:
        await _connections().aclose()
    _client.cache_clear()
    _connections.cache_clear()


@lru_cache
def _certificates() -> ssl.SSLContext:
    """Whom this process trusts. Reading them takes a twentieth of a second, so it is done once."""
    return httpx2.create_ssl_context()


@lru_cache
def _connections() -> httpx2.AsyncClient:
    import anthropic

    # aiohttp below the SDK takes two thirds of the processor time of httpx's own
    return anthropic.DefaultAioHttpClient(verify=_certificates(), follow_redirects=False)


@lru_cache
def _client() -> "anthropic.AsyncAnthropic":
    import anthropic

    settings = get_settings()
    return anthropic.AsyncAnthropic(
        api_key=settings.model_key,
        base_url=settings.anthropic_base_url,
        max_retries=0,  # retries are ours: the SDK's sleep as long as Retry-After says, and each is a call of its own
        http_client=_connections(),
        open_telemetry=False,  # no prompt may leave through a tracer
    )


@lru_cache
def _schema(answer_type: type[BaseModel]) -> dict[str, Any]:
    import anthropic

    return anthropic.transform_schema(answer_type)


def _read(message: "Message", raw_usage: dict[str, Any], usage: pricing.TokenUsage, request_id: str | None) -> Reply:
    """The reply, whatever its content is: the SDK checks none of it, and what was billed must be settled first."""
    # Thinking may come before the text, so blocks are picked by what they are and never by position.
    blocks: list[Any] = message.content if isinstance(message.content, list) else []
    texts = [block.text for block in blocks if getattr(block, "type", None) == "text" and isinstance(block.text, str)]
    return Reply(
        text="".join(texts) or None,
        stop_reason=message.stop_reason,
        model=str(message.model),
        usage=usage,
        raw_usage=raw_usage,
        request_id=request_id,
    )


def _refusal(error: "anthropic.APIStatusError") -> Exception:
    import anthropic

    status = error.status_code
    code = str(error.error_code or error.type or f"http_{status}")
    if status in UNCERTAIN_STATUSES:
        return NoUsableReply(code, request_id=error.request_id)
    spend_cap = "spend_limit" in code or isinstance(error, anthropic.EnforcedSpendLimitReachedError)
    return ProviderRefused(
        status,
        code,
        request_id=error.request_id,
        retry_after=_retry_after(error.response.headers),
        can_try_again=not spend_cap and (status in TRY_AGAIN_STATUSES or status >= httpx2.codes.INTERNAL_SERVER_ERROR),
    )


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait as the provider asks: milliseconds, seconds or a date; None when it does not say."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * unit
        except (KeyError, ValueError):
            continue
        return max(0.0, seconds) if isfinite(seconds) else None
    try:
        at = parsedate_to_datetime(headers["retry-after"])
    except (KeyError, ValueError):
        return None
    # "-0000" says that the zone is not known: read as the UTC that a server's clock goes by
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())

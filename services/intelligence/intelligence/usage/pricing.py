"""What a model call costs: a dated price table and exact decimal arithmetic. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, ConfigDict

MILLION = Decimal(1_000_000)
MOST_TOKENS = 1_000_000_000  # more than any model takes, and less than the ledger's columns hold


class UnpricedModel(Exception):
    """The price table has no price for this model at this time, so it must not be called."""

    def __init__(self, model: str) -> None:
        super().__init__(f"There is no price for the model {model!r}: add it to prices.json or choose another.")


class UnreadableUsage(ValueError):
    """The provider's usage does not say how many tokens went in and out, so nobody knows what the call cost."""


class Band(BaseModel):
    """Rates in US dollars for a million tokens, for prompts up to so many tokens (None: any number)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    up_to_prompt_tokens: int | None
    input: Decimal
    output: Decimal
    cache_write_5m: Decimal
    cache_write_1h: Decimal
    cache_read: Decimal


class Price(BaseModel):
    """The rates of one model from one day (UTC, inclusive) until another (exclusive)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    effective_from: date
    effective_until: date | None
    bands: tuple[Band, ...]

    @property
    def version(self) -> str:
        """What a ledger row names this price by, such as `claude-sonnet-5-5@2026-10-07`."""
        return f"{self.model}@{self.effective_from.isoformat()}"

    def band(self, prompt_tokens: int) -> Band:
        """The rates for a prompt of this size, cache reads and writes counted in."""
        for band in self.bands:
            if band.up_to_prompt_tokens is None or prompt_tokens <= band.up_to_prompt_tokens:
                return band
        raise UnpricedModel(self.model)


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    about: str
    source: str
    retrieved_on: date
    multipliers: dict[str, Decimal]
    retirements: dict[str, date]
    prices: tuple[Price, ...]


@dataclass(frozen=True)
class TokenUsage:
    """Tokens of one call as the provider counts them. `input_tokens`: those the cache has nothing to do with."""

    input_tokens: int
    output_tokens: int
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    cache_read: int = 0
    batch: bool = False
    us_only: bool = False

    @property
    def prompt_tokens(self) -> int:
        """All input: plain, written to the cache, read from the cache."""
        return self.input_tokens + self.cache_write + self.cache_read

    @property
    def cache_write(self) -> int:
        """Tokens written to the cache, for however long."""
        return self.cache_write_5m + self.cache_write_1h


def price(model: str, at: datetime) -> Price:
    """The price of a model at a moment; raises UnpricedModel."""
    day = at.date()
    for entry in _table().prices:
        until = entry.effective_until
        if entry.model == model and entry.effective_from <= day and (until is None or day < until):
            return entry
    raise UnpricedModel(model)


def cost(usage: TokenUsage, at_price: Price) -> Decimal:
    """What these tokens cost in US dollars, exact."""
    band = at_price.band(usage.prompt_tokens)
    total = (
        usage.input_tokens * band.input
        + usage.output_tokens * band.output
        + usage.cache_write_5m * band.cache_write_5m
        + usage.cache_write_1h * band.cache_write_1h
        + usage.cache_read * band.cache_read
    )
    multipliers = _table().multipliers
    if usage.batch:
        total *= multipliers["batch"]
    if usage.us_only:
        total *= multipliers["inference_geo_us"]
    return total / MILLION


def worst_case(*, prompt_tokens: int, max_tokens: int, at_price: Price) -> Decimal:
    """The most a call can cost: no token read from the cache, every allowed token written, all at the dearest rate."""
    band = at_price.band(prompt_tokens)
    total = prompt_tokens * max(band.input, band.cache_write_5m) + max_tokens * band.output
    return total * max(Decimal(1), *_table().multipliers.values()) / MILLION


def retirement(model: str) -> date | None:
    """The day on which the provider retires this model, where it is known."""
    return _table().retirements.get(model)


def read_usage(raw: Mapping[str, Any]) -> TokenUsage:
    """The provider's usage object as numbers; a cache write without its duration counts as one of five minutes.

    Raises UnreadableUsage where tokens in or out are not told, or any number is none.
    """
    written = _count(raw.get("cache_creation_input_tokens"))
    parts = raw.get("cache_creation") or {}
    if not isinstance(parts, Mapping) or raw.get("input_tokens") is None or raw.get("output_tokens") is None:
        raise UnreadableUsage
    for_an_hour = min(_count(parts.get("ephemeral_1h_input_tokens")), written)
    return TokenUsage(
        input_tokens=_count(raw.get("input_tokens")),
        output_tokens=_count(raw.get("output_tokens")),
        cache_write_5m=written - for_an_hour,
        cache_write_1h=for_an_hour,
        cache_read=_count(raw.get("cache_read_input_tokens")),
        batch=raw.get("service_tier") == "batch",
        us_only=raw.get("inference_geo") == "us",
    )


def _count(value: object) -> int:
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST_TOKENS:
        raise UnreadableUsage
    if value != int(value):
        raise UnreadableUsage
    return int(value)


@lru_cache
def _table() -> _Table:
    return _Table.model_validate_json(files("intelligence.usage").joinpath("prices.json").read_bytes())

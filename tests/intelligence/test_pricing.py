from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intelligence.usage import pricing
from intelligence.usage.pricing import TokenUsage, UnpricedModel, UnreadableUsage, cost, price, read_usage

NOW = datetime(2026, 11, 22, tzinfo=UTC)
SONNET_4_5 = "claude-sonnet-4-5-20250929"


@pytest.mark.parametrize(
    ("model", "usage", "expected"),
    [
        (SONNET_4_5, TokenUsage(812, 420), "0.008736"),
        (SONNET_4_5, TokenUsage(3, 550, cache_read=12_304), "0.0119502"),
        (SONNET_4_5, TokenUsage(3, 550, cache_write_5m=12_304), "0.054399"),
        (SONNET_4_5, TokenUsage(3, 550, cache_write_1h=12_304), "0.082083"),
        ("claude-haiku-5-5", TokenUsage(120_000, 1_000), "0.0625"),
        ("claude-haiku-5-5", TokenUsage(100_000, 1_000), "0.0105"),
        ("claude-haiku-5-5", TokenUsage(60_000, 0, cache_read=60_000), "0.033"),
        ("claude-sonnet-5-5", TokenUsage(1_000, 1_500), "0.017"),
        ("claude-sonnet-5-5", TokenUsage(1_000, 1_500, batch=True), "0.0085"),
        ("claude-sonnet-5-5", TokenUsage(1_000, 1_500, us_only=True), "0.0187"),
    ],
)
def test_hand_computed_costs(model: str, usage: TokenUsage, expected: str) -> None:
    assert cost(usage, price(model, NOW)) == Decimal(expected)


def test_a_rate_changes_on_its_day() -> None:
    usage = TokenUsage(0, 0, cache_read=1_000_000)
    before = price("claude-sonnet-5-5", datetime(2026, 10, 6, 23, 59, tzinfo=UTC))
    after = price("claude-sonnet-5-5", datetime(2026, 10, 7, tzinfo=UTC))
    assert (cost(usage, before), cost(usage, after)) == (Decimal("0.20"), Decimal("0.10"))
    assert before.version != after.version == "claude-sonnet-5-5@2026-10-07"


def test_an_unknown_model_has_no_price() -> None:
    with pytest.raises(UnpricedModel, match="claude-nobody"):
        price("claude-nobody", NOW)


def test_entries_of_one_model_never_overlap_and_end_with_an_open_band() -> None:
    by_model: dict[str, list[pricing.Price]] = {}
    for entry in pricing._table().prices:
        by_model.setdefault(entry.model, []).append(entry)
        assert entry.bands[-1].up_to_prompt_tokens is None
    for entries in by_model.values():
        ordered = sorted(entries, key=lambda entry: entry.effective_from)
        for earlier, later in pairwise(ordered):
            assert earlier.effective_until == later.effective_from
        assert ordered[-1].effective_until is None


def test_the_first_default_model_retires_on_its_day() -> None:
    assert pricing.retirement(SONNET_4_5) == date(2026, 11, 30)


def test_usage_is_read_as_the_provider_names_it() -> None:
    usage = read_usage(
        {
            "input_tokens": 5,
            "output_tokens": 7,
            "cache_creation_input_tokens": 30,
            "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
            "cache_read_input_tokens": 40,
            "service_tier": "batch",
            "inference_geo": "us",
        }
    )
    expected = TokenUsage(5, 7, cache_write_5m=10, cache_write_1h=20, cache_read=40, batch=True, us_only=True)
    assert usage == expected
    assert usage.prompt_tokens == 75
    undated = read_usage({"input_tokens": 1, "output_tokens": 1, "cache_creation_input_tokens": 9})
    assert (undated.cache_write_5m, undated.cache_write_1h) == (9, 0)
    assert read_usage({"input_tokens": 5.0, "output_tokens": 7}) == TokenUsage(5, 7)


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"input_tokens": None, "output_tokens": 1},
        {"input_tokens": 1},
        {"input_tokens": "many", "output_tokens": 1},
        {"input_tokens": 1.5, "output_tokens": 1},
        {"input_tokens": float("nan"), "output_tokens": 1},
        {"input_tokens": -1, "output_tokens": 1},
        {"input_tokens": 10**12, "output_tokens": 1},
        {"input_tokens": 1, "output_tokens": 1, "cache_creation": [1]},
    ],
)
def test_usage_that_does_not_say_what_was_used_is_no_usage(raw: dict[str, Any]) -> None:
    with pytest.raises(UnreadableUsage):
        read_usage(raw)


tokens = st.integers(0, 2_000_000)


@given(tokens, tokens, tokens, tokens, st.booleans())
def test_the_worst_case_is_never_less_than_the_cost(
    plain: int, written: int, read: int, output: int, us_only: bool
) -> None:
    at_price = price("claude-sonnet-5-5", NOW)
    usage = TokenUsage(plain, output, cache_write_5m=written, cache_read=read, us_only=us_only)
    worst = pricing.worst_case(prompt_tokens=usage.prompt_tokens, max_tokens=output, at_price=at_price)
    assert worst >= cost(usage, at_price) >= 0


@given(tokens, tokens, tokens, tokens)
def test_costs_add_up_exactly(a: int, b: int, c: int, d: int) -> None:
    at_price = price("claude-opus-5-5", NOW)
    assert cost(TokenUsage(a + c, b + d), at_price) == cost(TokenUsage(a, b), at_price) + cost(
        TokenUsage(c, d), at_price
    )

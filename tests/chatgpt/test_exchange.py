"""A caller's token becomes one of the API at core, once a minute."""

import itertools
from types import SimpleNamespace
from typing import cast

import pytest

from chatgpt_app import auth
from chatgpt_app.auth import TokenExchange
from chatgpt_app.errors import SignedOut, Unreachable
from chatgpt_app.gateway import Doors, ExchangedToken


class Core:
    """Stands in for core: numbers the tokens it gives out, and remembers what was shown to it."""

    def __init__(self, seconds: int = 900) -> None:
        self.seconds = seconds
        self.shown: list[str] = []
        self.trouble: Exception | None = None
        self._numbers = itertools.count(1)

    async def exchange(self, bearer: str) -> ExchangedToken:
        self.shown.append(bearer)
        if self.trouble is not None:
            raise self.trouble
        return ExchangedToken(access_token=f"api-{next(self._numbers)}", expires_in=self.seconds)


def exchanging(core: Core) -> TokenExchange:
    return TokenExchange(cast("Doors", core))


async def test_a_token_is_exchanged_once_and_kept() -> None:
    core = Core()
    exchange = exchanging(core)
    assert [await exchange.api_token(bearer) for bearer in ("a", "b", "a", "a")] == ["api-1", "api-2", "api-1", "api-1"]
    assert core.shown == ["a", "b"]
    exchange.forget("a")
    assert [await exchange.api_token(bearer) for bearer in ("b", "a")] == ["api-2", "api-3"]
    assert not {b"a", b"b"} & exchange._kept.keys(), "kept by their digests"


@pytest.mark.parametrize(("seconds", "exchanges"), [(60, 2), (1, 2), (90, 1)])
async def test_one_that_is_about_to_end_is_not_begun_with(seconds: int, exchanges: int) -> None:
    core = Core(seconds)
    exchange = exchanging(core)
    for _ in range(2):
        await exchange.api_token("a")
    assert len(core.shown) == exchanges


async def test_core_is_asked_again_after_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(auth, "time", SimpleNamespace(monotonic=lambda: now))
    core = Core()
    exchange = exchanging(core)
    await exchange.api_token("a")
    now += 59
    assert await exchange.api_token("a") == "api-1"
    now += 1
    core.trouble = SignedOut()
    with pytest.raises(SignedOut):
        await exchange.api_token("a")


@pytest.mark.parametrize("trouble", [SignedOut(), Unreachable("core")])
async def test_a_refusal_is_not_remembered(trouble: Exception) -> None:
    core = Core()
    exchange = exchanging(core)
    core.trouble = trouble
    with pytest.raises(type(trouble)):
        await exchange.api_token("a")
    core.trouble = None
    assert await exchange.api_token("a") == "api-1"


@pytest.mark.parametrize("bearer", ["", "x" * 4097])
async def test_what_can_be_no_token_is_never_shown_to_core(bearer: str) -> None:
    core = Core()
    with pytest.raises(SignedOut):
        await exchanging(core).api_token(bearer)
    assert core.shown == []


async def test_the_oldest_is_given_up_for_a_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "KEPT_TOKENS", 2)
    core = Core()
    exchange = exchanging(core)
    for bearer in ("a", "b", "c", "b", "c", "a"):
        await exchange.api_token(bearer)
    assert core.shown == ["a", "b", "c", "a"]

"""Browsers and clients that talk to core as the gateway would hand them on."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from tests.core.oauth.browsing import ISSUER, App, Browser, register


def browser_on(app: FastAPI, address: str = "127.0.0.1") -> httpx.AsyncClient:
    """At an address of its own where its limits are to be reached, which others share otherwise."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 123))
    return httpx.AsyncClient(transport=transport, base_url=ISSUER)


@pytest.fixture
async def browser(app: FastAPI) -> AsyncIterator[Browser]:
    async with browser_on(app) as client:
        yield Browser(client)


@pytest.fixture
async def other_browser(app: FastAPI) -> AsyncIterator[Browser]:
    async with browser_on(app) as client:
        yield Browser(client)


@pytest.fixture
async def asking(client: httpx.AsyncClient) -> App:
    """A client that has registered itself."""
    return await register(client)


@pytest.fixture
async def on_this_machine(client: httpx.AsyncClient) -> App:
    """The same, with an address on the student's own machine."""
    return await register(client, redirect_uris=["http://127.0.0.1:3055/callback?kept=1"])

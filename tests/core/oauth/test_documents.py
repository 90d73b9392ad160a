"""Fetching a client's document: what is taken, for how long, and where core never goes."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from core.auth.oauth import documents
from core.auth.oauth.documents import DocumentRefused, DocumentUnreachable, fetch, freshness, is_public
from tests.core.oauth.hosts import NAME, DocumentHost, document_host

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
async def host() -> AsyncIterator[DocumentHost]:
    async with document_host() as host:
        yield host


async def test_a_document_is_read_at_the_address_that_was_checked(host: DocumentHost) -> None:
    host.answer(b'{"a": 1}', Cache_Control="max-age=3600")
    document = await host.fetch()(host.url("/oauth/client.json"))
    assert (document.content, document.fresh_for) == (b'{"a": 1}', timedelta(hours=1))
    [asked] = host.asked
    assert asked[""] == f"GET /{host.folder}/oauth/client.json HTTP/1.1"
    assert asked["Host"] == host.netloc, "the name is asked for, though the connection goes to an address"
    assert host.names == [NAME]
    assert asked["Accept"] == "application/json"
    assert "Cookie" not in asked


async def test_the_next_address_is_tried_where_nobody_is_at_the_first(host: DocumentHost) -> None:
    host.answer(b"{}")
    assert (await host.fetch("127.0.0.2", "127.0.0.1")(host.url())).content == b"{}"
    with pytest.raises(DocumentUnreachable):
        await host.fetch("127.0.0.2")(host.url())


async def test_the_certificate_has_to_be_that_of_the_name() -> None:
    async with document_host(certified="127.0.0.1") as impostor:
        impostor.answer(b"{}")
        with pytest.raises(DocumentUnreachable):
            await impostor.fetch()(impostor.url())
        assert impostor.asked == []


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        ("404 Not Found", DocumentRefused),
        ("410 Gone", DocumentRefused),
        *((status, DocumentUnreachable) for status in ("302 Found", "301 Moved", "204 No Content", "500 Broken")),
        *((status, DocumentUnreachable) for status in ("503 Away", "429 Too Many Requests", "403 Forbidden")),
    ],
)
async def test_only_a_200_counts_and_nobody_is_followed(
    host: DocumentHost, status: str, meaning: type[Exception]
) -> None:
    host.answer(b"{}", status, Location=host.url("/elsewhere"))
    with pytest.raises(meaning, match=status[:3]):
        await host.fetch()(host.url())
    assert len(host.asked) == 1


async def test_five_kilobytes_are_enough(host: DocumentHost) -> None:
    host.answer(b"x" * 5120)
    assert len((await host.fetch()(host.url())).content) == 5120
    host.answer(b"x" * 5121)
    with pytest.raises(DocumentRefused, match="larger"):
        await host.fetch()(host.url())
    host.reply = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1000\r\n" + b"x" * 4096 + b"\r\n"
    host.reply += b"1000\r\n" + b"x" * 4096 + b"\r\n0\r\n\r\n"
    with pytest.raises(DocumentRefused, match="larger"):
        await host.fetch()(host.url())
    host.answer(b"\x1f\x8b", Content_Encoding="gzip")
    with pytest.raises(DocumentRefused, match="compressed"):
        await host.fetch()(host.url())


async def test_a_host_that_does_not_answer_is_given_up(host: DocumentHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "FETCH_SECONDS", 0.2)
    host.hold = asyncio.Event()
    with pytest.raises(DocumentUnreachable):
        await host.fetch()(host.url())
    host.hold.set()


@pytest.mark.parametrize("reply", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"])
async def test_a_broken_answer_is_none(host: DocumentHost, reply: bytes) -> None:
    host.reply = reply
    with pytest.raises(DocumentUnreachable):
        await host.fetch()(host.url())


async def test_a_name_of_this_machine_is_never_asked() -> None:
    async with document_host() as host:
        for url in (
            f"https://localhost:{host.port}/c",
            f"https://127.0.0.1:{host.port}/c",
            f"https://[::1]:{host.port}/c",
        ):
            with pytest.raises(DocumentUnreachable, match="public"):
                await fetch(url, tls=host.tls)
        assert host.names == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("104.18.32.47", True),
        ("2606:4700::1", True),
        ("::ffff:104.18.32.47", True),
        ("64:ff9b::104.18.32.47", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1", False),
        ("fc00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::10.0.0.1", False),
        ("64:ff9b:1::1", False),
        ("2002:7f00:1::", False),
    ],
)
def test_what_the_public_internet_is(address: str, *, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize(
    ("headers", "minutes"),
    [
        ({}, 5),
        ({"cache-control": "max-age=1"}, 5),
        ({"cache-control": "public, max-age=3600"}, 60),
        ({"cache-control": "max-age=3600", "age": "600"}, 50),
        ({"cache-control": "max-age=3600, no-store"}, 5),
        ({"cache-control": "max-age=999999999999"}, 1440),
        ({"cache-control": 'Max-Age="3600"'}, 60),
        ({"cache-control": "max-age=soon"}, 5),
        ({"expires": "Sun, 22 Nov 2026 14:00:00 GMT"}, 120),
        ({"expires": "Sun, 22 Nov 2026 14:00:00 GMT", "cache-control": "max-age=600"}, 10),
        ({"expires": "Sun, 22 Nov 2020 14:00:00 GMT"}, 5),
        ({"expires": "0"}, 5),
    ],
)
def test_how_long_an_answer_is_kept(headers: dict[str, str], minutes: int) -> None:
    assert freshness(headers, now=NOW) == timedelta(minutes=minutes)

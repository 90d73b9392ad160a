"""Client documents: the only place where core asks a machine over HTTP that somebody else has named.

A client may be known by the address of a JSON document that describes it (OAuth Client ID Metadata Document). Whoever
asks for access names that address, so fetching it must never reach into our own network: the host has to be one that
OAUTH_CLIENT_HOSTS names, its addresses public, and the connection goes to the very address that was checked.
"""

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import httpx

LARGEST_DOCUMENT = 5 * 1024
FETCH_SECONDS = 5.0
CONNECT_SECONDS = 1.5
SHORTEST_FRESHNESS = timedelta(minutes=5)
LONGEST_FRESHNESS = timedelta(hours=24)
GONE = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")  # Python 3.11 takes it for global

Addresses = Callable[[str, int], Awaitable[list[str]]]


class DocumentRefused(Exception):
    """What stands at the address is no document we take; the text says why."""


class DocumentUnreachable(Exception):
    """Nobody could be asked, or who was asked cannot say at the moment."""


@dataclass(frozen=True)
class Document:
    """The bytes that stand at an address, and for how long they may be kept."""

    content: bytes
    fresh_for: timedelta


async def fetch(url: str, *, addresses: Addresses | None = None, tls: ssl.SSLContext | None = None) -> Document:
    """What stands at ``url`` (https): at most 5 KB within 5 seconds, redirects not followed.

    Raises DocumentRefused and DocumentUnreachable. ``addresses`` looks a host up, by default as ``public_addresses``.
    """
    import httpx  # noqa: PLC0415  # takes long to load, and is needed once a day

    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 443
    headers = {"Host": parts.netloc, "Accept": "application/json", "Accept-Encoding": "identity"}
    timeout = httpx.Timeout(FETCH_SECONDS, connect=CONNECT_SECONDS)
    try:
        async with asyncio.timeout(FETCH_SECONDS):
            found = await (addresses or public_addresses)(host, port)
            # trust_env=False: a proxy would look the name up again
            async with httpx.AsyncClient(verify=tls or True, trust_env=False, timeout=timeout) as client:
                for address in found:
                    request = client.build_request(
                        "GET",
                        httpx.URL(url).copy_with(host=address),
                        headers=headers,
                        extensions={"sni_hostname": host},  # the certificate is that of the name
                    )
                    with contextlib.suppress(httpx.ConnectError, httpx.ConnectTimeout):
                        return await _read(await client.send(request, stream=True))
    except (OSError, httpx.HTTPError) as error:  # a TimeoutError is an OSError too
        raise DocumentUnreachable from error
    raise DocumentUnreachable


async def public_addresses(host: str, port: int) -> list[str]:
    """The addresses of ``host``; DocumentUnreachable where one of them is not on the public internet."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]) for entry in found]
    if not all(is_public(address) for address in addresses):
        raise DocumentUnreachable("its host is not on the public internet")
    return addresses


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet, also where it wraps an IPv4 address."""
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour
        if parsed in NAT64:
            inner = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return parsed.is_global and not parsed.is_multicast and parsed not in LOCAL_NAT64


def freshness(headers: Mapping[str, str], *, now: datetime) -> timedelta:
    """How long an answer may be kept by its headers (RFC 9111), but at least 5 minutes and at most a day."""
    written = [directive.partition("=") for directive in headers.get("cache-control", "").split(",")]
    directives = {name.strip().lower(): value.strip('" ') for name, _, value in written}
    seconds = 0.0
    if not directives.keys() & {"no-store", "no-cache"}:
        if directives.get("max-age", "").isdecimal():
            age = headers.get("age", "")
            seconds = float(directives["max-age"]) - (float(age) if age.isdecimal() else 0)
        elif "expires" in headers:
            seconds = _seconds_until(headers["expires"], now)
    longest = LONGEST_FRESHNESS.total_seconds()
    return max(SHORTEST_FRESHNESS, timedelta(seconds=min(seconds, longest)))


async def _read(answer: "httpx.Response") -> Document:
    if answer.status_code in GONE:
        raise DocumentRefused(f"its host answered {answer.status_code}")
    if answer.status_code != HTTPStatus.OK:
        raise DocumentUnreachable(f"its host answered {answer.status_code}")
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise DocumentRefused("it is compressed")
    content = bytearray()
    async for piece in answer.aiter_raw():
        content += piece
        if len(content) > LARGEST_DOCUMENT:
            raise DocumentRefused(f"it is larger than {LARGEST_DOCUMENT} bytes")
    return Document(bytes(content), freshness(answer.headers, now=datetime.now(UTC)))


def _seconds_until(moment: str, now: datetime) -> float:
    try:
        parsed = parsedate_to_datetime(moment)
    except ValueError:
        return 0
    return (parsed.replace(tzinfo=parsed.tzinfo or UTC) - now).total_seconds()

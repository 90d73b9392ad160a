from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from devstack.gateway import servers

if TYPE_CHECKING:
    from tests.gateway.conftest import Answer, Gateway, Request, Stack, StartGateway


def assert_envelope(answer: Answer, status: int, code: str) -> None:
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/json"
    assert len(answer.headers["X-Request-ID"]) >= 8
    error = answer.json()["error"]
    assert error.keys() == {"code", "message", "details"}
    assert error["code"] == code
    assert error["message"].endswith(".")
    assert error["details"] == {}


@pytest.mark.parametrize("target", ["/api/v1/auth/login", "/api/v2/adaptive/path", "/mcp"])
async def test_a_body_over_1_mb_is_refused_before_it_is_sent_on(stack: Stack, target: str) -> None:
    answer = await stack.gateway.ask(target, method="POST", body=b"x" * (1024 * 1024 + 1))
    assert_envelope(answer, 413, "PAYLOAD_TOO_LARGE")
    assert stack.requests() == []


async def test_a_body_over_1_mb_without_a_length_is_refused(stack: Stack) -> None:
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    raw = (
        b"POST /api/v1/auth/login HTTP/1.1\r\nHost: course.example\r\nConnection: close\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 17 + b"0\r\n\r\n"
    )
    assert_envelope(await stack.gateway.answer_to(raw), 413, "PAYLOAD_TOO_LARGE")
    assert stack.requests() == []


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (b"NONSENSE\r\n\r\n", 400, "INVALID_REQUEST"),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400, "INVALID_REQUEST"),
        (b"GET /api/v1/chapters HTTP/1.1\r\n\r\n", 400, "INVALID_REQUEST"),
        (b"GET /api/v1/chapters HTTP/1.1\r\nHost: a\r\nContent-Length: no\r\n\r\n", 400, "INVALID_REQUEST"),
        (b"GET /api/v1/a b/../c HTTP/1.1\r\nHost: a\r\n\r\n", 400, "INVALID_REQUEST"),
        (b"GET /api/v1//a HTTP/1.1\r\n\r\n", 400, "INVALID_REQUEST"),
        (b"GET /api/v1/%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400, "INVALID_REQUEST"),
        (b"GET /api/v1/a%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "INVALID_REQUEST"),
        ("GET /api/v1/search?q=café HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode(), 400, "INVALID_REQUEST"),
        (b"GET /api/v1/\xe9 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 400, "INVALID_REQUEST"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX-Long: " + b"x" * 9000 + b"\r\n\r\n", 400, "INVALID_REQUEST"),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414, "INVALID_REQUEST"),
        (b"TRACE /api/v1/chapters HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 405, "METHOD_NOT_ALLOWED"),
    ],
)
async def test_malformed_http_gets_the_envelope_too(stack: Stack, raw: bytes, status: int, code: str) -> None:
    assert_envelope(await stack.gateway.answer_to(raw), status, code)
    assert stack.requests() == []


async def test_intelligence_down_costs_its_own_routes_only(start_gateway: StartGateway, stack: Stack) -> None:
    async with start_gateway(
        GATEWAY_CORE_SERVERS=servers([stack.core[0].address]), GATEWAY_INTELLIGENCE_SERVERS=servers(["127.0.0.1:9"])
    ) as gateway:
        assert_envelope(await gateway.ask("/api/v2/health"), 502, "SERVICE_UNAVAILABLE")
        assert (await gateway.ask("/api/v1/health")).status == 200


async def test_a_service_whose_name_does_not_resolve_stops_nothing_else(
    start_gateway: StartGateway, stack: Stack
) -> None:
    async with start_gateway(
        GATEWAY_CORE_SERVERS=servers([stack.core[0].address]),
        GATEWAY_INTELLIGENCE_SERVERS="server intelligence.invalid:8002 resolve max_fails=0;",
    ) as gateway:
        answer = await gateway.ask("/api/v2/adaptive/path", method="POST")
        assert_envelope(answer, 502, "SERVICE_UNAVAILABLE")
        assert int(answer.headers["Retry-After"]) > 0
        assert (await gateway.ask("/api/v1/health")).status == 200


async def test_a_service_that_comes_back_is_used_at_once(start_gateway: StartGateway, stack: Stack) -> None:
    replica = type(stack.core[0])("core-returning")
    async with replica.listening():
        pass
    async with start_gateway(GATEWAY_CORE_SERVERS=servers([replica.address])) as gateway:
        for _ in range(3):
            assert_envelope(await gateway.ask("/api/v1/health"), 502, "SERVICE_UNAVAILABLE")
        async with replica.listening():
            assert (await gateway.ask("/api/v1/health")).status == 200


async def test_a_flood_from_one_address_is_refused(start_gateway: StartGateway) -> None:
    requests = 1100
    async with start_gateway(GATEWAY_FLOOD_RATE="1r/m") as gateway:
        one = b"GET /api/v1/chapters HTTP/1.1\r\nHost: a\r\n\r\n"
        last = b"GET /api/v1/chapters HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        statuses = (await gateway.send(one * (requests - 1) + last)).count
        assert statuses(b"HTTP/1.1 502") == 1001, "the first and the burst"
        assert statuses(b"HTTP/1.1 429") == requests - 1001
        answer = await gateway.ask("/api/v1/chapters")
        assert_envelope(answer, 429, "RATE_LIMIT_EXCEEDED")
        assert answer.headers["Retry-After"] == "1"
        assert (await gateway.ask("/healthz")).status == 200


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 429, 500, 502, 503, 504])
async def test_an_applications_error_passes_unchanged(stack: Stack, status: int) -> None:
    error = {"error": {"code": "PREMIUM_REQUIRED", "message": "its own words", "benefits": ["paths"]}}

    async def refuse(request: Request, writer: asyncio.StreamWriter) -> None:
        del request
        upstream.write(writer, status, error, "Retry-After: 17\r\nWWW-Authenticate: Bearer\r\n")

    for upstream in stack.chatgpt_app:
        upstream.handle = refuse
    answer = await stack.gateway.ask("/mcp")
    assert (answer.status, answer.json()) == (status, error)
    assert answer.headers.get_all("Retry-After") == ["17"]
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_the_callers_request_id_stands_in_the_gateways_errors(gateway: Gateway) -> None:
    answer = await gateway.ask("/nowhere", headers={"X-Request-ID": "support-case-17"})
    assert answer.headers.get_all("X-Request-ID") == ["support-case-17"]

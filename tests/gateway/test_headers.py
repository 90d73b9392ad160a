from __future__ import annotations

import asyncio
import gzip
import json
import re
from typing import TYPE_CHECKING

import pytest

from devstack.gateway import servers

if TYPE_CHECKING:
    from tests.gateway.conftest import Gateway, Request, Stack, StartGateway

EVERY_KIND_OF_ANSWER = ["/", "/healthz", "/nowhere", "/api/v1/chapters", "/api/v2/usage/quota", "/mcp"]


@pytest.mark.parametrize("target", EVERY_KIND_OF_ANSWER)
async def test_every_answer_carries_a_request_id_and_security_headers(gateway: Gateway, target: str) -> None:
    headers = (await gateway.ask(target)).headers
    assert re.fullmatch("[0-9a-f]{32}", headers["X-Request-ID"])
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "camera=()" in headers["Permissions-Policy"]
    assert headers["Server"] == "nginx"


@pytest.mark.parametrize("given", ["support-case-17", "a" * 64, "0A1b.2-3_4"])
async def test_a_good_request_id_is_kept_and_passed_on(stack: Stack, given: str) -> None:
    answer = await stack.gateway.ask("/api/v1/chapters", headers={"X-Request-ID": given})
    (request,) = stack.requests()
    assert answer.headers.get_all("X-Request-ID") == [given] == [request.headers["x-request-id"]]


@pytest.mark.parametrize("given", ["short", "a" * 65, "with space", 'quote"quote', "semi;colon", "élève-1234"])
async def test_any_other_request_id_is_replaced(stack: Stack, given: str) -> None:
    answer = await stack.gateway.ask("/api/v1/chapters", headers={"X-Request-ID": given})
    (request,) = stack.requests()
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-ID"])
    assert request.headers["x-request-id"] == answer.headers["X-Request-ID"]


async def test_what_an_application_says_itself_is_said_once(stack: Stack) -> None:
    async def answer_with_own_headers(request: Request, writer: asyncio.StreamWriter) -> None:
        own = (
            "Server: uvicorn/0.54\r\nX-Frame-Options: SAMEORIGIN\r\nX-Request-ID: other\r\nX-RateLimit-Limit: 1000\r\n"
        )
        stack.core[0].write(writer, 200, {"method": request.method}, own)

    for upstream in stack.core:
        upstream.handle = answer_with_own_headers
    headers = (await stack.gateway.ask("/api/v1/chapters", headers={"X-Request-ID": "support-case-17"})).headers
    assert headers.get_all("Server") == ["nginx"]
    assert headers.get_all("X-Frame-Options") == ["DENY"]
    assert headers.get_all("X-Request-ID") == ["support-case-17"]
    assert headers["X-RateLimit-Limit"] == "1000"


async def test_a_client_cannot_say_where_it_comes_from(stack: Stack) -> None:
    lies = {
        "X-Forwarded-For": "203.0.113.7",
        "X-Real-IP": "203.0.113.7",
        "Forwarded": "for=203.0.113.7",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.example",
    }
    answer = await stack.gateway.ask("/api/v1/chapters", headers=lies)
    (request,) = stack.requests()
    forwarded = {name: value for name, value in request.headers.items() if "forwarded" in name or "real-ip" in name}
    assert forwarded == {"x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "http"}
    assert "Strict-Transport-Security" not in answer.headers


async def test_a_named_proxy_is_believed(stack: Stack, start_gateway: StartGateway) -> None:
    async with start_gateway(
        GATEWAY_CORE_SERVERS=f"server {stack.core[0].address};",
        GATEWAY_TRUSTED_PROXIES_DIRECTIVE="set_real_ip_from 127.0.0.0/8; set_real_ip_from 10.0.0.0/8;",
    ) as gateway:
        await gateway.ask("/api/v1/chapters", headers={"X-Forwarded-For": "198.51.100.1, 203.0.113.7, 10.1.1.1"})
    (request,) = stack.requests()
    assert request.headers["x-forwarded-for"] == "203.0.113.7", "the last hop that no trusted proxy is"


async def test_https_is_demanded_where_the_public_address_has_it(start_gateway: StartGateway, stack: Stack) -> None:
    async with start_gateway(
        GATEWAY_CORE_SERVERS=f"server {stack.core[0].address};", GATEWAY_PUBLIC_URL="https://course.example"
    ) as gateway:
        answer = await gateway.ask("/api/v1/chapters")
        assert (await gateway.ask("/nowhere")).headers["Strict-Transport-Security"]
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    (request,) = stack.requests()
    assert request.headers["x-forwarded-proto"] == "https"


async def test_long_json_is_compressed_for_who_asks(stack: Stack) -> None:
    document = {"chapters": ["a chapter"] * 200}

    async def answer_at_length(request: Request, writer: asyncio.StreamWriter) -> None:
        stack.core[0].write(writer, 200, document if request.target.endswith("chapters") else {})

    for upstream in stack.core:
        upstream.handle = answer_at_length
    compressed = await stack.gateway.ask("/api/v1/chapters", headers={"Accept-Encoding": "gzip"})
    assert compressed.headers["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(compressed.body)) == document
    assert (await stack.gateway.ask("/api/v1/chapters")).json() == document
    short = await stack.gateway.ask("/api/v1/progress", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in short.headers


async def test_the_log_names_the_path_and_none_of_the_secrets(stack: Stack) -> None:
    await stack.gateway.ask(
        "/api/v1/search?q=privatequery&token=secrettoken",
        method="POST",
        headers={"X-Request-ID": "logged-request-1", "Authorization": "Bearer secrettoken", "Referer": "secrettoken"},
        body=b'{"password":"secrettoken"}',
    )
    line = await stack.gateway.log_line("logged-request-1")
    assert (line["method"], line["path"], line["status"], line["client"]) == (
        "POST",
        "/api/v1/search",
        200,
        "127.0.0.1",
    )
    assert line["upstream"] in [upstream.address for upstream in stack.core]
    assert "secrettoken" not in str(line)
    assert "privatequery" not in str(line)


async def test_the_log_of_an_error_keeps_the_address_that_was_asked(gateway: Gateway) -> None:
    await gateway.ask("/nowhere/at?all", headers={"X-Request-ID": "logged-request-2"})
    line = await gateway.log_line("logged-request-2")
    assert (line["path"], line["status"]) == ("/nowhere/at", 404)


async def test_no_trouble_of_an_upstream_writes_a_request_down(start_gateway: StartGateway) -> None:
    async with start_gateway(GATEWAY_CORE_SERVERS=servers(["127.0.0.1:9"])) as gateway:
        target = "/api/v1/search?q=privatequery&token=secrettoken"
        headers = {"Referer": "http://x/?code=secrettoken", "X-Request-ID": "logged-request-3"}
        assert (await gateway.ask(target, headers=headers)).status == 502
        line = await gateway.log_line("logged-request-3")
        assert (line["path"], line["upstream_status"][:3]) == ("/api/v1/search", "502")
        written = (gateway.prefix / "error.log").read_text()
    assert "secrettoken" not in written
    assert "privatequery" not in written

"""A POST that a dying replica cut off is sent again, and the key that makes this safe is never missing."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from devstack.gateway import servers

if TYPE_CHECKING:
    from tests.gateway.conftest import Request, Stack, StartGateway, Upstream

TEMPLATE = (Path(__file__).parents[2] / "gateway" / "nginx.conf.template").read_text()


def cut_the_first(upstreams: list[Upstream]) -> None:
    """Whichever replica is asked first reads the whole request and drops the connection."""
    pending = True

    def cutting(upstream: Upstream) -> None:
        answer = upstream.handle

        async def cut_or_answer(request: Request, writer: asyncio.StreamWriter) -> None:
            nonlocal pending
            if pending:
                pending = False
                writer.transport.abort()
            else:
                await answer(request, writer)

        upstream.handle = cut_or_answer

    for upstream in upstreams:
        cutting(upstream)


async def ask_and_cut(stack: Stack, upstreams: list[Upstream], target: str, headers: dict[str, str]) -> list[Request]:
    cut_the_first(upstreams)
    answer = await stack.gateway.ask(target, method="POST", headers=headers, body=b'{"answers":{"q1":"a"}}')
    assert answer.status == 200
    return stack.requests()


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": ""}, {"Idempotency-Key": "  "}])
async def test_a_cut_post_without_a_key_is_sent_again_under_the_same_made_key(
    stack: Stack, headers: dict[str, str]
) -> None:
    first, second = await ask_and_cut(stack, stack.core, "/api/v1/quizzes/01-intro-quiz/submit", headers)
    assert re.fullmatch(r"gateway-[0-9a-f]{32}", first.headers["idempotency-key"])
    assert second == first


async def test_a_cut_post_keeps_the_callers_key(stack: Stack) -> None:
    headers = {"Idempotency-Key": "attempt-0001"}
    first, second = await ask_and_cut(stack, stack.intelligence, "/api/v2/assessments/submit", headers)
    assert first.headers["idempotency-key"] == "attempt-0001"
    assert second == first


async def test_two_requests_under_one_request_id_do_not_share_a_key(stack: Stack) -> None:
    for _ in range(2):
        await stack.gateway.ask(
            "/api/v1/quizzes/01-intro-quiz/submit", method="POST", headers={"X-Request-ID": "a" * 8}
        )
    first, second = stack.requests()
    assert first.headers["x-request-id"] == second.headers["x-request-id"] == "a" * 8
    assert first.headers["idempotency-key"] != second.headers["idempotency-key"]


@pytest.mark.parametrize("action", ["login", "logout", "refresh", "password/change", "password/reset", "email/verify"])
async def test_what_works_once_at_the_account_desk_is_not_repeated(stack: Stack, action: str) -> None:
    cut_the_first(stack.core)
    answer = await stack.gateway.ask(f"/api/v1/auth/{action}", method="POST", body=b"{}")
    assert answer.status == 502
    assert len(stack.requests()) == 1


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("DELETE", "/api/v1/auth/me"),
        ("DELETE", "/api/v1/auth/%6de?really=yes"),
        ("PUT", "/api/v1/admin/students/0b6e9a1e-7d5f-4a4e-9a53-1f6f2f6c7d10/subscription"),
    ],
)
async def test_what_nginx_would_repeat_but_works_once_is_sent_once(stack: Stack, method: str, target: str) -> None:
    for _ in stack.core:  # so that the gateway holds a connection to each: a kept one is tried again most readily
        await stack.gateway.ask("/api/v1/chapters")
    for upstream in stack.core:
        upstream.reset()
    cut_the_first(stack.core)
    assert (await stack.gateway.ask(target, method=method, body=b"{}")).status == 502
    ((sent, body),) = [(request.target, request.body) for request in stack.requests()]
    assert (sent, body) == (target, b"{}")
    assert (await stack.gateway.ask(target, method=method)).status == 200


@pytest.mark.parametrize("target", ["/api/v1/auth/me", "/oauth/authorize?client_id=a", "/api/v1/chapters"])
async def test_what_is_only_read_is_asked_for_again(stack: Stack, target: str) -> None:
    cut_the_first(stack.core)
    assert (await stack.gateway.ask(target)).status == 200
    assert [request.target for request in stack.requests()] == [target] * 2


async def test_a_registration_has_a_key_and_is_sent_again(stack: Stack) -> None:
    first, second = await ask_and_cut(stack, stack.core, "/api/v1/auth/register", {})
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]


async def test_a_tool_call_that_was_sent_is_not_repeated(stack: Stack) -> None:
    cut_the_first(stack.chatgpt_app)
    answer = await stack.gateway.ask("/mcp", method="POST", body=b"{}")
    assert answer.status == 502
    assert len(stack.requests()) == 1


async def test_a_replica_that_is_down_costs_no_request(stack: Stack, start_gateway: StartGateway) -> None:
    lines = servers(["127.0.0.1:9", stack.core[0].address])
    async with start_gateway(GATEWAY_CORE_SERVERS=lines, GATEWAY_CHATGPT_APP_SERVERS=lines) as gateway:
        answers = [await gateway.ask(path, method="POST") for path in ("/api/v1/auth/login", "/mcp") for _ in range(4)]
    assert {answer.status for answer in answers} == {200}
    assert len(stack.requests()) == 8


@pytest.mark.parametrize("location", re.findall(r"location [^{]+\{\n[^}]*proxy_pass[^}]+\}", TEMPLATE))
def test_a_slow_replica_is_never_asked_twice(location: str) -> None:
    """No second try starts once a read timeout has passed."""
    (read,) = re.findall(r"proxy_read_timeout (\d+)s;", location)
    retries = re.findall(r"proxy_next_upstream_timeout (\d+)s;|proxy_next_upstream (off);", location)
    ((retry, never),) = retries
    assert never or int(retry) < int(read)


@pytest.mark.parametrize(
    ("location", "deadline"),
    [("location /api/v2/ {", 25), ("location ~ ^/api/v2/.+/events$ {", 60), ("location = /mcp {", 60)],
)
def test_what_works_towards_a_deadline_is_waited_for_longer_than_that(location: str, deadline: int) -> None:
    """The application says itself that it was too late: 25 s for a path, 60 s for a grade."""
    (inside,) = re.findall(re.escape(location) + r"\n([^}]+)\}", TEMPLATE)
    (read,) = re.findall(r"proxy_read_timeout (\d+)s;", inside)
    assert int(read) >= deadline + 5

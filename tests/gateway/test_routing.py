from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.gateway.conftest import Gateway, Stack


@pytest.mark.parametrize(
    ("target", "service"),
    [
        ("/api/v1/chapters", "core"),
        ("/api/v1/search?q=tokens&limit=5", "core"),
        ("/api/v2/usage/quota", "intelligence"),
        ("/api/v2/assessments/feedback/5b/events", "intelligence"),
        ("/mcp", "chatgpt-app"),
        ("/.well-known/oauth-protected-resource", "core"),
        ("/.well-known/oauth-protected-resource/mcp", "core"),
        ("/.well-known/oauth-authorization-server", "core"),
        ("/oauth/authorize?client_id=https%3A%2F%2Fchatgpt.com%2Foauth%2Fclient.json", "core"),
        ("/oauth/token", "core"),
        ("/.well-known/openai-apps-challenge", "chatgpt-app"),
        ("/privacy", "chatgpt-app"),
        ("/terms", "chatgpt-app"),
        ("/support", "chatgpt-app"),
        ("/preview", "chatgpt-app"),
        ("/preview/preview.js", "chatgpt-app"),
    ],
)
async def test_each_prefix_reaches_its_service_with_the_target_unchanged(
    stack: Stack, target: str, service: str
) -> None:
    answer = await stack.gateway.ask(target)
    assert answer.status == 200
    assert answer.json()["served_by"].startswith(service)
    (request,) = stack.requests()
    assert request.target == target


@pytest.mark.parametrize(
    "target",
    [
        "/internal",
        "/internal/learners/resolve",
        "//internal/learners/resolve",
        "///internal",
        "/INTERNAL/learners",
        "/%69nternal/learners",
        "/./internal/learners",
        "/api/v1/../../internal/learners",
        "/api/v1/..%2f..%2finternal/learners",
        "/api/v1/%2e%2e/%2e%2e/internal/learners",
        "/api/v1/%2E%2E/%2E%2E/internal",
        "/internal/../api/v1/chapters",
        "/internal/%2e%2e/api/v1/chapters",
        "/internal/..%2fapi/v1/chapters",
        "/internal\\..\\api/v1/chapters",
        "/internal%5c../api/v1/chapters",
        "/api/v1//internal",
        "/internal/../api/v1/x%20/gateway-error",
        "/internal/../api/v1/x%3F",
        "/internal/../gateway-error",
        "/api/v1/..",
        "/api/v1/x/.?q=1",
        "/api/v2/../internal",
        "/api/v2/x/../../../internal/events",
        "/mcp/../internal",
        "/.well-known/oauth-protected-resource/../../internal",
        "http://core/internal/learners",
        "/api/v1",
        "/api/v2",
        "/api/v3/chapters",
        "/api/",
        "/mcp/",
        "/mcp-other",
        "/.well-known/anything",
        "/oauth",
        "/oauth/../internal/v1/oauth/token",
        "/internal/v1/oauth/token",
        "/gateway-error",
        "/gateway-home",
        "/nginx.conf",
        "/favicon.ico",
    ],
)
async def test_anything_else_is_a_404_of_the_gateway_and_reaches_nobody(stack: Stack, target: str) -> None:
    answer = await stack.gateway.ask(target)
    assert answer.status == 404
    assert answer.json()["error"]["code"] == "RESOURCE_NOT_FOUND"
    assert stack.requests() == []


async def test_dots_and_slashes_in_a_query_are_nobodys_business(stack: Stack) -> None:
    answer = await stack.gateway.ask("/api/v1/search?q=a//b/../c%2Fd%2e")
    assert answer.status == 200


async def test_the_absolute_form_of_a_target_is_routed_by_its_path(stack: Stack) -> None:
    answer = await stack.gateway.ask("http://course.example/api/v1/chapters")
    assert answer.json()["served_by"].startswith("core")


async def test_the_root_names_the_product_its_documentation_and_health(stack: Stack) -> None:
    answer = await stack.gateway.ask("/")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Vary"] == "Accept"
    assert answer.json()["name"] == "Course Companion"
    assert set(answer.json()) == {"name", "documentation", "health"}
    assert stack.requests() == []


async def test_who_reads_pages_is_shown_the_apps_at_the_root(stack: Stack) -> None:
    answer = await stack.gateway.ask(
        "/?from=a-listing", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    )
    assert answer.json()["served_by"].startswith("chatgpt-app")
    (request,) = stack.requests()
    assert request.target == "/?from=a-listing"


async def test_the_gateways_own_health_asks_nobody(stack: Stack) -> None:
    answer = await stack.gateway.ask("/healthz")
    assert (answer.status, answer.json()) == (200, {"status": "healthy"})
    assert stack.requests() == []


async def test_a_body_arrives_whole(stack: Stack) -> None:
    body = bytes(range(256)) * 4096
    answer = await stack.gateway.ask("/api/v1/quizzes/01-intro-quiz/submit", method="POST", body=body)
    assert answer.status == 200
    (request,) = stack.requests()
    assert request.body == body
    assert len(body) == 1024 * 1024, "the largest body that is allowed"


async def test_the_replicas_of_a_service_share_its_requests(stack: Stack) -> None:
    seen = {(await stack.gateway.ask("/api/v1/chapters")).json()["served_by"] for _ in range(4)}
    assert seen == {"core-1", "core-2"}


async def test_connections_to_a_service_are_kept(stack: Stack) -> None:
    accepted_before = sum(upstream.accepted for upstream in stack.core)
    for _ in range(10):
        assert (await stack.gateway.ask("/api/v1/chapters")).status == 200
    assert sum(upstream.accepted for upstream in stack.core) - accepted_before <= 2, "one a replica"


async def test_the_host_keeps_its_port(gateway: Gateway, stack: Stack) -> None:
    await gateway.ask("/mcp", headers={"Host": "course.example:8443"})
    (request,) = stack.requests()
    assert request.headers["host"] == "course.example:8443"

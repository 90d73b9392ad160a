"""Who is let in, writes that happen once, and two replicas that share nothing."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import jwt
import pytest
from mcp_authlab.cli import main as authlab

from core.tokens import mint_access_token
from devstack import services
from devstack.gateway import servers
from tests.chatgpt.chat import app_token, chatting, public_url
from tests.conftest import free_port
from tests.gateway.conftest import Gateway, running_gateway
from tests.live import GOOD_ANSWER, PASSWORD, Live, Student, eventually


@pytest.fixture(scope="module")
def student(live: Live) -> Student:
    return live.learner()


@pytest.fixture(scope="module")
async def token(live: Live, student: Student) -> str:
    return await app_token(live, student.email)


async def post(live: Live, token: str | None) -> httpx.Response:
    headers = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    async with httpx.AsyncClient(timeout=30) as client:
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
        return await client.post(f"{public_url(live)}/mcp", json=body, headers=headers)


async def test_without_a_token_the_challenge_says_where_to_get_one(live: Live) -> None:
    answer = await post(live, None)
    metadata = f"{public_url(live)}/.well-known/oauth-protected-resource/mcp"
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == f'Bearer resource_metadata="{metadata}", scope="learn"'
    assert live.client.get("/.well-known/oauth-protected-resource/mcp").json()["resource"] == f"{public_url(live)}/mcp"


def minted(
    live: Live, token: str, *, age: timedelta = timedelta(0), audience: str | None = None, secret: str | None = None
) -> str:
    """A token of the same session as ``token``, as core would make it, but for what is given."""
    claims = jwt.decode(token, options={"verify_signature": False})
    return mint_access_token(
        student_id=UUID(claims["sub"]),
        session_id=UUID(claims["sid"]),
        secret=secret or live.stack.plan.secrets["jwt_secret_key"],
        now=datetime.now(UTC) - age,
        audience=audience or claims["aud"],
    )


async def test_no_other_token_opens_the_app(live: Live, student: Student, token: str) -> None:
    assert (await post(live, minted(live, token))).status_code == 200
    refused = {
        "expired": minted(live, token, age=timedelta(hours=2)),
        "for the API": student.token,
        "for another resource": minted(live, token, audience="https://elsewhere.example/mcp"),
        "for the resource with a slash": minted(live, token, audience=f"{public_url(live)}/mcp/"),
        "signed by somebody else": minted(live, token, secret="a secret that is nobody's, 32 characters"),
        "cut short": token[:-1],
        "no token at all": "nothing",
    }
    metadata = f"{public_url(live)}/.well-known/oauth-protected-resource/mcp"
    told = f'Bearer resource_metadata="{metadata}", scope="learn", error="invalid_token"'
    for what, one in refused.items():
        answer = await post(live, one)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, told), what
        assert answer.json()["error"] == "invalid_token", what


async def test_the_apps_token_does_not_open_the_api(live: Live, token: str) -> None:
    api = live.client.get("/api/v1/auth/me", headers={"Authorization": f"Bearer {token}"})
    assert api.status_code == 401


async def test_a_changed_password_ends_the_chat_and_offers_to_sign_in(live: Live) -> None:
    student = live.register()
    async with chatting(f"{public_url(live)}/mcp", await app_token(live, student.email)) as chat:
        await chat.shown("get_streak")
        changed = {"current_password": PASSWORD, "new_password": "another-long-password-7"}
        assert student.post("/api/v1/auth/password/change", changed).status_code == 204
        result = await chat.call("get_streak")
    assert result.is_error
    assert result.meta is not None
    assert 'error="invalid_token"' in result.meta["mcp/www_authenticate"][0]


async def test_a_scan_of_the_sign_in_gives_an_a(live: Live, token: str, student: Student, tmp_path: Path) -> None:
    report = tmp_path / "authlab.json"
    arguments = ["scan", f"{public_url(live)}/mcp", "--no-login", "--token", token, "--foreign-token", student.token]
    code = await asyncio.to_thread(
        authlab, [*arguments, "--format", "json", "--output", str(report), "--fail-under", "A"]
    )
    assert code == 0, report.read_text()


async def test_what_is_handed_in_twice_counts_once(live: Live) -> None:
    student = live.learner()
    async with chatting(f"{public_url(live)}/mcp", await app_token(live, student.email)) as chat:
        orders = [{"q1": "a", "q9": "because"}, {"q9": "because", "q1": "a"}] * 2
        results = await asyncio.gather(
            *(chat.shown("submit_quiz", quiz_id="03-prompting-quiz", answers=order) for order in orders)
        )
        answer = {"question_id": "04-rag-q1", "answer_text": GOOD_ANSWER}
        receipts = await asyncio.gather(*(chat.shown("submit_answer", **answer) for _ in range(4)))
        paths = [await chat.shown("create_learning_path") for _ in range(2)]
    assert all(result == results[0] for result in results)
    assert student.get("/api/v1/quizzes/03-prompting-quiz/results").json()["pagination"]["total"] == 1
    assert [receipt["attempt"] for receipt in receipts] == [1] * 4
    assert paths[0]["steps"] == paths[1]["steps"]
    quota = student.quota()
    assert (quota["adaptive_paths"]["used"], quota["assessments"]["used"]) == (1, 1)


async def test_what_is_ticked_off_twice_and_the_last_answer_of_a_card_count_once(live: Live) -> None:
    student = live.learner()
    async with chatting(f"{public_url(live)}/mcp", await app_token(live, student.email)) as chat:

        async def four_times(name: str, **arguments: Any) -> list[dict[str, Any]]:
            return await asyncio.gather(*(chat.shown(name, **arguments) for _ in range(4)))

        section = (await chat.shown("get_chapter", chapter_id="01-intro"))["sections"][0]["section_id"]
        read = await four_times("update_progress", chapter_id="01-intro", section_id=section)
        first = (await chat.shown("create_learning_path"))["steps"][0]
        step = {name: first[name] for name in ("chapter_id", "section_id")}
        ticked = await four_times("complete_recommendation", **step)
        paper = await chat.shown("get_quiz", quiz_id="03-prompting-quiz")
        answers = {one["question_id"]: one["type"] == "true-false" or "a" for one in paper["questions"]}
        last = {"quiz_id": "03-prompting-quiz", "question_id": list(answers)[-1], "answers": answers}
        marked = await four_times("answer_question", **last)
    assert [one["read_sections"] for one in read] == [1] * 4
    assert [one["completed_steps"] for one in ticked] == [1] * 4
    assert all(one == marked[0] for one in marked)
    assert student.get("/api/v1/quizzes/03-prompting-quiz/results").json()["pagination"]["total"] == 1


async def test_the_same_tool_answers_clients_of_the_first_era(live: Live, token: str) -> None:
    async with chatting(f"{public_url(live)}/mcp", token, mode="legacy") as chat:
        assert chat.client.protocol_version == "2025-11-25"
        assert len((await chat.shown("list_chapters"))["chapters"]) == 6
        assert "04-rag, 05-fine-tuning" in await chat.refused("get_chapter", chapter_id="nothing")


@pytest.fixture(scope="module")
async def replicas(live: Live, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """Two processes of the app behind a gateway of their own, which hands requests to each in turn."""
    plan, folder = live.stack.plan, tmp_path_factory.mktemp("replicas")
    ports = [free_port(), free_port()]
    uvicorn = services.environment_folder(plan, "chatgpt-app") / "uvicorn"
    environment = services.chatgpt_app_environment(plan)
    async with AsyncExitStack() as running:
        for port in ports:
            process = await asyncio.create_subprocess_exec(
                uvicorn,
                "chatgpt_app.app:app",
                "--port",
                str(port),
                "--log-level",
                "error",
                env=environment,
                cwd=folder,
            )
            running.push_async_callback(process.wait)
            running.callback(process.terminate)
        for port in ports:
            await asyncio.to_thread(eventually, lambda port=port: answers(port), f"replica {port}", 90)
        addresses = servers([f"127.0.0.1:{port}" for port in ports])
        yield await running.enter_async_context(running_gateway(folder, GATEWAY_CHATGPT_APP_SERVERS=addresses))


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz").is_success
    except httpx.ConnectError:
        return False


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_any_replica_answers_any_request_of_a_chat(replicas: Gateway, token: str, mode: str) -> None:
    async with chatting(f"http://127.0.0.1:{replicas.port}/mcp", token, mode) as chat:
        for _ in range(4):
            await chat.shown("get_streak")
    lines = [json.loads(line) for line in (replicas.prefix / "access.log").read_text().splitlines()]
    assert len(lines) > 4
    assert {line["status"] for line in lines} <= {200, 202}
    assert len({line["upstream"] for line in lines}) == 2

import json
import secrets

import asyncpg
import httpx
import pytest

from migrations.grants import CORE_ROLE, GRANTS
from tests.core.accounts.conftest import AUTH, House, client_of
from tests.core.conftest import PASSWORD, Student, running
from tests.core.oauth.browsing import Browser, grant, register

TEXT_TYPES = ("text", "jsonb", "json", "bytea", "character varying", "uuid", "ARRAY", "name")

CANNOT_HOLD_TEXT = {"boolean", "date", "integer", "bigint", "smallint", "numeric", "timestamp with time zone"}


async def leave(house: House, student: Student, password: str = PASSWORD) -> httpx.Response:
    return await house.client.request("DELETE", f"{AUTH}/me", json={"password": password}, headers=student.headers)


async def full_life(house: House, word: str) -> Student:
    """A student with a row in every table of either service that can hold one; ``word`` stands in all their texts."""
    student = await house.register(full_name=f"Name {word}")
    quiz = (await house.client.get("/api/v1/chapters", headers=student.headers)).json()["chapters"][0]["chapter_id"]
    chapter = (await house.client.get(f"/api/v1/chapters/{quiz}", headers=student.headers)).json()
    section = chapter["sections"][0]["section_id"]
    await house.client.put(
        f"/api/v1/progress/chapter/{quiz}",
        json={"section_id": section, "completed": True, "time_spent_seconds": 0},
        headers=student.headers,
    )
    questions = (await house.client.get(f"/api/v1/quizzes/{quiz}-quiz", headers=student.headers)).json()["questions"]
    written = {q["question_id"]: f"my answer {word}" for q in questions if q["type"] == "short-answer"}
    taken = await house.client.post(
        f"/api/v1/quizzes/{quiz}-quiz/submit",
        json={"answers": written},
        headers={**student.headers, "Idempotency-Key": f"key-{word}"},
    )
    assert taken.status_code == 200, taken.text
    await house.forget(student)
    await grant(Browser(house.client), await register(house.client), student.email)
    statements = [
        "INSERT INTO milestones VALUES ($1, 'first_chapter') ON CONFLICT DO NOTHING",
        """INSERT INTO subscription_changes (student_id, previous_tier, new_tier, changed_by)
           VALUES ($1, 'free', 'premium', $1)""",
    ]
    for statement in statements:
        await house.owner.execute(statement, student.student_id)
    await phase_2(house.owner, student, word)
    return student


async def phase_2(owner: asyncpg.Connection, student: Student, word: str) -> None:
    path = await owner.fetchval(
        """INSERT INTO adaptive_paths (student_id, content_version, recommendations, reasoning, basis, expires_at)
           VALUES ($1, 'v', '[]', $2, '{}', now()) RETURNING path_id""",
        student.student_id,
        f"because {word}",
    )
    submission = await owner.fetchval(
        """INSERT INTO assessment_submissions
               (student_id, question_id, chapter_id, content_version, answer_text, attempt_number)
           VALUES ($1, 'q', 'c', 'v', rpad($2, 60), 1) RETURNING submission_id""",
        student.student_id,
        word,
    )
    await owner.execute(
        """INSERT INTO assessment_feedback (submission_id, student_id, quality_score, strengths, improvements,
               detailed_feedback, criteria, off_topic, instructions_in_answer, confidence, model_version,
               prompt_version, tokens_used, cost_usd, latency_ms)
           VALUES ($1, $2, 5, '[]', '[]', $3, '[]', false, false, 'high', 'm', 'p', 1, 0.1, 1)""",
        submission,
        student.student_id,
        f"feedback {word}",
    )
    call = await owner.fetchval(
        """INSERT INTO llm_usage_logs (student_id, feature, reference_id, attempt, model, prompt_version, price_version,
               worst_case_usd, cost_usd, tokens_input, tokens_output, spend_month, lease_until, outcome, success)
           VALUES ($1, 'adaptive_path', $2, 1, 'm', 'p', 'v', 1, 0.25, 10, 5, '2026-01-01', now(), 'succeeded', true)
           RETURNING call_id""",
        student.student_id,
        path,
    )
    await owner.execute(
        "INSERT INTO llm_exchanges (call_id, student_id, request_body, response_text) VALUES ($1, $2, $3, $4)",
        call,
        student.student_id,
        json.dumps({"sent": word}),
        f"received {word}",
    )
    statements = [
        "INSERT INTO learning_actions (student_id) VALUES ($1)",
        "INSERT INTO premium_usage_quotas (student_id, month) VALUES ($1, '2026-01-01')",
        "INSERT INTO llm_student_spend (student_id, month) VALUES ($1, '2026-01-01')",
        "INSERT INTO llm_cost_alerts (student_id, month, cost_usd) VALUES ($1, '2026-01-01', 1)",
        """INSERT INTO llm_reservations (student_id, feature, reference_id, quota_month, hold_month, held_usd, state)
           VALUES ($1, 'assessment', gen_random_uuid(), '2026-01-01', '2026-01-01', 0, 'kept')""",
    ]
    for statement in statements:
        await owner.execute(statement, student.student_id)
    await owner.execute(
        """INSERT INTO intelligence_idempotency_keys
               (student_id, idempotency_key, request_digest, status_code, response_body, lease_until)
           VALUES ($1, $2, 'd', 200, convert_to($3, 'UTF8'), now())""",
        student.student_id,
        f"key {word}",
        f"answer {word}",
    )
    await owner.execute(
        "INSERT INTO operator_actions (student_id, action, details, note) VALUES ($1, 'review', $2, $3)",
        student.student_id,
        json.dumps({"of": word}),
        f"note {word}",
    )


async def where_stands(owner: asyncpg.Connection, words: list[str]) -> set[str]:
    """Every column of the database in which one of ``words`` stands, whatever its case."""
    columns = await owner.fetch(
        """SELECT table_name, column_name, data_type FROM information_schema.columns
           WHERE table_schema = 'public' AND data_type = ANY($1)""",
        TEXT_TYPES,
    )
    assert len(columns) > 60
    found = set()
    for table, column, kind in columns:
        text = f"encode({column}, 'escape')" if kind == "bytea" else f"{column}::text"
        query = f"SELECT EXISTS (SELECT FROM {table} WHERE {text} ILIKE ANY($1))"
        if await owner.fetchval(query, [f"%{word}%" for word in words]):
            found.add(f"{table}.{column}")
    return found


async def test_the_text_of_a_deleted_student_is_nowhere_in_the_database(house: House) -> None:
    word = f"zq{secrets.token_hex(8)}"
    student = await full_life(house, word)
    traces = [word, student.email, student.student_id]
    before = await where_stands(house.owner, traces)
    assert before >= {
        *("students.email", "students.full_name", "quiz_results.answers", "core_idempotency_keys.idempotency_key"),
        *("adaptive_paths.reasoning", "assessment_submissions.answer_text", "assessment_feedback.detailed_feedback"),
        *("llm_exchanges.request_body", "llm_exchanges.response_text", "llm_usage_logs.student_id"),
        *("account_mails.student_id", "sessions.student_id", "subscription_changes.changed_by"),
        *("operator_actions.note", "operator_actions.details", "intelligence_idempotency_keys.response_body"),
        "oauth_consents.student_id",
    }
    sums = "SELECT count(*), sum(cost_usd), sum(tokens_total) FROM llm_usage_logs"
    ledger = await house.owner.fetchrow(sums)
    assert (await leave(house, student)).status_code == 204
    assert await where_stands(house.owner, traces) == set()
    assert await house.owner.fetchrow(sums) == ledger, "the ledger's numbers stay"


async def test_no_place_for_text_is_overlooked(house: House) -> None:
    """Every column that can hold text is searched above, and a full life leaves a row in every table of students."""
    kinds = await house.owner.fetch(
        "SELECT DISTINCT data_type FROM information_schema.columns WHERE table_schema = 'public'"
    )
    assert {row["data_type"] for row in kinds} - set(TEXT_TYPES) <= CANNOT_HOLD_TEXT
    student = await full_life(house, f"zq{secrets.token_hex(8)}")
    tables = await house.owner.fetch(
        "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'student_id'"
    )
    empty = [
        name
        for (name,) in tables
        if not await house.owner.fetchval(f"SELECT count(*) FROM {name} WHERE student_id = $1", student.student_id)
    ]
    assert empty == []


async def test_a_deleted_account_is_gone_at_once(house: House) -> None:
    student = await house.register()
    verification, reset = await house.smtp.token(student.email, "Confirm"), await house.forget(student)
    assert (await leave(house, student)).status_code == 204
    assert not await house.works(student)
    assert (await leave(house, student)).status_code == 401
    answers = [
        await house.post("/refresh", {"refresh_token": student.refresh_token}),
        await house.post("/login", {"email": student.email, "password": PASSWORD}),
        await house.post("/email/verify", {"token": verification}),
        await house.post("/password/reset", {"token": reset, "new_password": "something long"}),
    ]
    assert [answer.status_code for answer in answers] == [401] * 4
    again = await house.post("/register", {"email": student.email, "password": PASSWORD})
    assert again.status_code == 201
    assert again.json()["user_id"] != student.student_id


async def test_who_has_spent_the_hour_cannot_keep_the_owner_from_leaving(house: House) -> None:
    """A stolen token may use up the hourly limit; signing out, a new password and leaving do not ask for it."""
    people = [await house.register() for _ in range(3)]
    few = house.settings.model_copy(update={"hourly_limit_free": 2})
    change = {"current_password": PASSWORD, "new_password": f"{PASSWORD}, another"}
    async with running(few) as app, client_of(app) as client:
        for student in people:
            spent = [await client.get(f"{AUTH}/me", headers=student.headers) for _ in range(3)]
            assert [answer.status_code for answer in spent] == [200, 200, 429]
        out, changing, leaving = (student.headers for student in people)
        answers = [
            await client.post(f"{AUTH}/logout", headers=out),
            await client.post(f"{AUTH}/password/change", json=change, headers=changing),
            await client.request("DELETE", f"{AUTH}/me", json={"password": PASSWORD}, headers=leaving),
        ]
    assert [answer.status_code for answer in answers] == [204] * 3
    assert {answer.headers["X-RateLimit-Remaining"] for answer in answers} == {"0"}
    assert not any([await house.works(student) for student in people])


@pytest.mark.parametrize(
    ("body", "status"), [({"password": "not this one"}, 403), ({}, 422), (None, 422), ({"password": 5}, 422)]
)
async def test_an_account_is_not_erased_without_its_password(house: House, body: object, status: int) -> None:
    student = await house.register()
    answer = await house.client.request("DELETE", f"{AUTH}/me", json=body, headers=student.headers)
    assert answer.status_code == status
    assert await house.works(student)


async def test_an_operator_who_leaves_leaves_the_audit(house: House) -> None:
    operator, student = await house.register(), await house.register()
    await house.owner.execute(
        "INSERT INTO subscription_changes (student_id, previous_tier, new_tier, changed_by) VALUES ($1, 'a', 'b', $2)",
        student.student_id,
        operator.student_id,
    )
    assert (await leave(house, operator)).status_code == 204
    row = await house.owner.fetchrow("SELECT * FROM subscription_changes WHERE student_id = $1", student.student_id)
    assert (row["new_tier"], row["changed_by"]) == ("b", None)


async def test_the_export_holds_every_row_and_no_secret(house: House) -> None:
    word, other_word = f"zq{secrets.token_hex(8)}", f"zq{secrets.token_hex(8)}"
    student, other = await full_life(house, word), await full_life(house, other_word)
    answer = await house.client.get(f"{AUTH}/me/export", headers=student.headers)
    assert answer.status_code == 200
    document = answer.json()
    assert (document["student_id"], document["user_id"]) == (student.student_id, student.student_id)
    assert document["account"]["email"] == student.email
    assert document["account"]["full_name"] == f"Name {word}"
    owned = await house.owner.fetch(
        "SELECT table_name FROM information_schema.columns WHERE column_name = 'student_id' AND table_name = ANY($1)",
        list(GRANTS[CORE_ROLE]),
    )
    names = {row["table_name"] for row in owned} - {"students"}
    assert document["records"].keys() == names | {"oauth_grants"}
    for name in names:
        count = await house.owner.fetchval(f"SELECT count(*) FROM {name} WHERE student_id = $1", student.student_id)
        assert len(document["records"][name]) == count > 0, name
    [attempt] = document["records"]["quiz_results"]
    assert f"my answer {word}" in attempt["answers"].values()
    [stored] = [one for one in document["records"]["core_idempotency_keys"] if word in one["idempotency_key"]]
    assert stored.keys() == {"idempotency_key", "status_code", "created_at"}
    [granted] = document["records"]["oauth_grants"]
    [consent] = document["records"]["oauth_consents"]
    assert (granted["client_id"], granted["scope"]) == (consent["client_id"], consent["scope"])
    assert granted["session_id"] in [one["session_id"] for one in document["records"]["sessions"]]
    for secret in ("argon2", "code_challenge", "response_body", other_word, other.student_id, other.email):
        assert secret not in answer.text


async def test_a_new_account_exports_too(house: House) -> None:
    student = await house.register()
    document = (await house.client.get(f"{AUTH}/me/export", headers=student.headers)).json()
    assert document["records"]["quiz_results"] == []
    assert len(document["records"]["sessions"]) == 1

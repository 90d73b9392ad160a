"""Schemathesis against the running system: it reads an OpenAPI document and tries what nobody thought of."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.live import PASSWORD, Live, Student

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
# Where this run's own property tests keep their tables too: to make those of Unicode again takes many seconds.
TABLES = Path(__file__).resolve().parents[2] / ".hypothesis"
QUIZ = "01-intro-quiz"
TEXT = {"type": "string", "maxLength": 2000}


def explore(live: Live, document: str, folder: Path, *, examples: int, seed: int) -> str:
    """Run every check over every operation of ``document``; what was found, or nothing when all is well.

    Two premium students are peers: neither may see what is the other's. What is for operators is called as one. A run
    in which no quiz was marked has found that: it has not come as far as the work itself.
    """
    student, peer, operator, subject = (live.register(tier) for tier in ("premium", "premium", "free", "free"))
    live.stack.sql(f"UPDATE students SET role = 'admin' WHERE student_id = '{operator.student_id}'")
    accounts = {"a student": student, "another student": peer, "an operator": operator}
    signing_in = [_signing_in(name, account.email) for name, account in accounts.items()]
    (folder / "accounts.json").write_text(json.dumps({"auth": signing_in}))
    (folder / "students.dict").write_text(f'"{subject.student_id}"\n')
    (folder / "openapi.json").write_text(json.dumps(_with_questions(student, document)))
    shutil.copy(CONFIGURATION, folder)
    program = str(Path(sys.executable).with_name("st"))
    # One worker: two threads of it can fall over each other while they look for constants in the same source file.
    command = [program, "run", "openapi.json", "--url", str(live.client.base_url), "--workers", "1", "--no-color"]
    command += ["--max-examples", str(examples), "--seed", str(seed)]
    # Of the environment nothing: before each request it would be searched for proxies.
    own = {"HYPOTHESIS_STORAGE_DIRECTORY": str(TABLES), "PYTHONUTF8": "1"}
    done = subprocess.run(command, cwd=folder, env=own, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return done.stdout + done.stderr
    return "" if _marked(live, student, peer) else f"no answer was marked in this run:\n{done.stdout}"


def _with_questions(student: Student, document: str) -> dict[str, Any]:
    """The document with real questions in it, one of each type: no schema can name the questions of any course."""
    described: dict[str, Any] = student.get(document).json()
    questions = {one["type"]: one for one in student.get(f"/api/v1/quizzes/{QUIZ}").json()["questions"]}
    chosen, judged, written = (questions[kind] for kind in ("multiple-choice", "true-false", "short-answer"))
    answers = described["components"]["schemas"]["QuizSubmission"]["properties"]["answers"]
    answers["properties"] = {
        # every other text is an answer of the right type too: that it is none of the options is for core to say
        chosen["question_id"]: {"anyOf": [{"enum": [option["id"] for option in chosen["options"]]}, TEXT]},
        judged["question_id"]: {"anyOf": [{"type": "boolean"}, TEXT]},
        written["question_id"]: TEXT,
    }
    sheet = {chosen["question_id"]: "a", judged["question_id"]: True, written["question_id"]: "It predicts a word."}
    answers["examples"] = [sheet, {chosen["question_id"]: chosen["options"][-1]["text"]}]
    return described


def _marked(live: Live, *students: Student) -> bool:
    """Whether an answer was marked: to a real question, for one to any other is refused with all that is beside it."""
    theirs = ", ".join(f"'{student.student_id}'" for student in students)
    return bool(live.rows(f"SELECT attempt_id FROM quiz_results WHERE student_id IN ({theirs}) AND answers <> '{{}}'"))


def _signing_in(name: str, email: str) -> dict[str, Any]:
    """How to sign in, also again after a session has ended, in the format of the Web Fuzzing Commons."""
    return {
        "name": name,
        "loginEndpointAuth": {
            "verb": "POST",
            "endpoint": "/api/v1/auth/login",
            "payloadRaw": json.dumps({"email": email, "password": PASSWORD}),
            "contentType": "application/json",
            "token": {
                "extractFrom": "body",
                "extractSelector": "/access_token",
                "sendIn": "header",
                "sendName": "Authorization",
                "sendTemplate": "Bearer {token}",
            },
        },
    }

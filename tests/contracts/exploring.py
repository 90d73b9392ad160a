"""Schemathesis against the running system: it reads an OpenAPI document and tries what nobody thought of."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.live import PASSWORD, Live

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")


def explore(live: Live, document: str, folder: Path, *, examples: int, seed: int) -> str:
    """Run every check over every operation of ``document``; what was found, or nothing when all is well.

    Two premium students are peers: neither may see what is the other's. What is for operators is called as one.
    """
    student, peer, operator, subject = (live.register(tier) for tier in ("premium", "premium", "free", "free"))
    live.stack.sql(f"UPDATE students SET role = 'admin' WHERE student_id = '{operator.student_id}'")
    accounts = {"a student": student, "another student": peer, "an operator": operator}
    signing_in = [_signing_in(name, account.email) for name, account in accounts.items()]
    (folder / "accounts.json").write_text(json.dumps({"auth": signing_in}))
    (folder / "students.dict").write_text(f'"{subject.student_id}"\n')
    shutil.copy(CONFIGURATION, folder)
    program = str(Path(sys.executable).with_name("st"))
    # One worker: two threads of it can fall over each other while they look for constants in the same source file.
    command = [program, "run", str(live.client.base_url.join(document)), "--workers", "1", "--no-color"]
    command += ["--max-examples", str(examples), "--seed", str(seed)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


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

"""What a newcomer does, word by word: clone, make up, ask, stop, start again, remove. Root does it as another user."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from devstack.plan import Ports, port_in_use
from tests.conftest import ROOT, free_plan

ORDINARY = "nobody"
STEP_SECONDS = 400
OF_MAKE = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PORT", "PYTHONDONTWRITEBYTECODE"}


@dataclass(frozen=True)
class Newcomer:
    """A fresh clone, whoever it belongs to, and a free block of ports."""

    clone: Path
    ports: Ports
    python: str
    account: str | None

    def make(self, target: str) -> subprocess.CompletedProcess[str]:
        settings = set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
        told = {name: value for name, value in os.environ.items() if name not in settings | OF_MAKE}
        return subprocess.run(
            ["make", target],
            cwd=self.clone,
            env={**told, "PORT": str(self.ports.gateway), "PYTHON": self.python},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=STEP_SECONDS,
            check=False,
            user=self.account,
            group="nogroup" if self.account else None,
            extra_groups=[] if self.account else None,
        )

    def done(self, target: str) -> str:
        ended = self.make(target)
        assert ended.returncode == 0, f"make {target}: {ended.stdout}{ended.stderr}"
        return ended.stdout

    def refused(self, target: str) -> str:
        ended = self.make(target)
        assert ended.returncode != 0, ended.stdout
        return ended.stderr

    def nothing_listens(self) -> bool:
        return not any(port_in_use(port) for port in self.ports.named().values())


@pytest.fixture
def newcomer() -> Iterator[Newcomer]:
    # Root's interpreter may stand where nobody else may enter; the system's does not.
    system = shutil.which("python3", path="/usr/local/bin:/usr/bin") if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="cc-newcomer-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        clone = Path(folder, "clone")
        subprocess.run(["git", "clone", "--quiet", "--depth=1", ROOT.as_uri(), clone], check=True, timeout=STEP_SECONDS)
        ports = free_plan(Path(folder, "ports")).ports
        installs = Newcomer(clone, ports, system or sys.executable, None)
        installs.done("install")
        found = Newcomer(clone, ports, installs.python, ORDINARY if system else None)
        if found.account:
            subprocess.run(["chown", "-R", f"{ORDINARY}:nogroup", clone], check=True)
        try:
            yield found
        finally:
            for target in ("down", "clean"):
                found.make(target)


@pytest.mark.prove
@pytest.mark.timeout(1500)
def test_a_fresh_clone_starts_answers_stops_starts_warm_and_is_removed(newcomer: Newcomer) -> None:
    assert "Nothing is running" in newcomer.refused("status")
    assert re.search(r"demo accounts \(.*Ready after", newcomer.done("up"), re.DOTALL)
    student = premium_student(newcomer)
    shown = newcomer.done("status")
    for name in ("PostgreSQL", "Valkey", "SeaweedFS", "grading worker", "model simulator"):
        assert re.search(rf"^  {name} +running$", shown, re.MULTILINE), shown
    for name in ("nginx", "core", "intelligence", "chatgpt-app"):
        assert re.search(rf"^  {name} +answering$", shown, re.MULTILINE), shown
    assert f"It is running already on http://localhost:{newcomer.ports.gateway}." in newcomer.done("up")
    assert newcomer.done("down") == "Stopped; the data stay.\n"
    assert newcomer.nothing_listens()

    assert "demo accounts" not in newcomer.done("up"), "a warm start fills nothing"
    assert premium_student(newcomer) == student
    supervisor = json.loads((newcomer.clone / ".local" / "running.json").read_text())["pid"]
    os.kill(supervisor, signal.SIGKILL)
    assert "ending PostgreSQL, left over from a start that was killed" in newcomer.done("clean")
    assert newcomer.nothing_listens()
    assert not (newcomer.clone / ".local").exists()
    assert newcomer.done("down") == "Nothing is running.\n"


def premium_student(newcomer: Newcomer) -> str:
    """The id of the demo student, who may read all chapters."""
    with httpx.Client(base_url=f"http://localhost:{newcomer.ports.gateway}", timeout=40) as client:
        login = client.post("/api/v1/auth/login", json={"email": "premium@test.com", "password": "premium123"})
        assert login.status_code == 200, login.text
        client.headers["Authorization"] = f"Bearer {login.json()['access_token']}"
        chapters = client.get("/api/v1/chapters").json()["chapters"]
        assert len(chapters) == 6
        assert all(chapter["user_has_access"] for chapter in chapters)
        return str(client.get("/api/v1/auth/me").json()["student_id"])

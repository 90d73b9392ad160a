"""What the Makefile finds before anything is installed, and when it installs again."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

SYNCS = "uv sync"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the project as far as `make` looks at it, before the first installation."""
    copy = tmp_path / "project"
    copy.mkdir()
    shutil.copy(ROOT / "Makefile", copy)
    (copy / "tools.txt").touch()
    locked = re.search(r"^LOCKED := ((?:.*\\\n)*.*)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert locked is not None
    for name in locked[1].replace("\\\n", " ").split():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).touch()
    return copy


def installed(folder: Path) -> None:
    """What an installation leaves behind."""
    tools = folder / ".tools" / "bin"
    tools.mkdir(parents=True)
    (tools / "python").symlink_to(sys.executable)
    (tools / "uv").touch()
    for name in (".venv", ".venvs"):
        (folder / name).mkdir()
        (folder / name / ".installed").write_text(f"{folder} {Path(sys.executable).resolve()}\n")


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # As typed into a shell: the make that runs the tests would hand its own flags down.
    environment = {
        name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    }
    command = ["make", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_what_is_installed_is_not_installed_again(folder: Path) -> None:
    installed(folder)
    assert SYNCS not in make(folder, "-n", "install", ".venv/.installed").stdout


@pytest.mark.parametrize("target", ["install", ".venv/.installed"])
def test_a_moved_folder_and_another_interpreter_are_installed_again(folder: Path, target: str) -> None:
    installed(folder)
    moved = folder.rename(folder.with_name("moved"))
    assert SYNCS in make(moved, "-n", target).stdout
    moved.rename(folder)
    assert SYNCS not in make(folder, "-n", target).stdout
    python = folder / ".tools" / "bin" / "python"
    python.unlink()
    python.symlink_to("/no/longer/there")
    printed = make(folder, "-n", target).stdout
    assert "-m venv --clear .tools" in printed
    assert SYNCS in printed


def test_a_missing_interpreter_is_said_in_one_line(folder: Path) -> None:
    done = make(folder, "PYTHON=/none/python3", "install")
    assert done.returncode != 0
    assert re.fullmatch(r".*Python 3\.11 or newer is needed; '/none/python3' is not\. .*\n", done.stderr)


def test_a_path_with_a_space_is_said_in_one_line(folder: Path) -> None:
    done = make(folder.rename(folder.with_name("my project")), "install")
    assert done.returncode != 0
    assert re.fullmatch(r".*holds a space.*\n", done.stderr)

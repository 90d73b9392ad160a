"""A version is named by what readers get: the same everywhere, and another one when any object differs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.publishing import compile as compiling
from core.publishing.compile import compile_course
from core.publishing.source import read_course

SOURDOUGH = Path(__file__).parent / "courses" / "sourdough"
NAME_IT = """
import sys
from pathlib import Path
from core.publishing.compile import compile_course
from core.publishing.source import read_course
print(compile_course(read_course(Path(sys.argv[1]))).course.content_version)
"""


def version() -> str:
    return compile_course(read_course(SOURDOUGH)).course.content_version


def test_another_process_gives_the_same_name() -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONHASHSEED": "7"}
    command = [sys.executable, "-c", NAME_IT, str(SOURDOUGH)]
    named = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert named.stdout.strip() == version()


def test_what_is_compiled_otherwise_gets_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    before = version()
    monkeypatch.setattr(compiling, "WORDS_PER_MINUTE", 10)
    assert version() != before


def test_the_version_stands_in_no_key_or_object_under_its_stand_in() -> None:
    compiled = compile_course(read_course(SOURDOUGH))
    assert not [key for key, body in compiled.versioned.items() if compiling.UNNAMED in key or b"unnamed" in body]

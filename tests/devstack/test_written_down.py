"""What is written down twice, for people and for programs, agrees."""

import re
import tomllib
from pathlib import Path

from chatgpt_app.settings import Settings as AppSettings
from tests.conftest import ROOT

EXAMPLE = set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))


def quoted_in(*folders: str) -> set[str]:
    """Every NAME or name between quotes, or at the start of a line of a settings class, in capitals."""
    texts = [path.read_text() for folder in folders for path in (ROOT / folder).rglob("*.py")]
    found = {
        name
        for text in texts
        for name in re.findall(r"[\"']([A-Z][A-Z0-9_]+)[\"']|^ {4}([a-z_0-9]+): ", text, re.MULTILINE)
    }
    return {(capitals or small).upper() for capitals, small in found}


def test_every_setting_of_the_example_is_read_by_something() -> None:
    in_compose = set(re.findall(r"\${([A-Z][A-Z0-9_]+)", (ROOT / "docker-compose.yml").read_text()))
    assert in_compose <= EXAMPLE
    read = quoted_in("devstack/devstack", "services/core/core", "services/intelligence/intelligence")
    assert EXAMPLE - in_compose - read == set()


def test_every_setting_of_the_chatgpt_app_is_in_the_example() -> None:
    assert {name.upper() for name in AppSettings.model_fields} <= EXAMPLE


def test_the_coverage_of_core_is_asked_of_every_pure_module() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    [pure] = [contract["source_modules"] for contract in contracts if contract["id"] == "pure"]
    paths = {str(Path("services/core", *module.split("."))) + ".py" for module in pure if module.startswith("core.")}
    listed = re.search(r"^PURE := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert listed is not None
    assert set(listed[1].split(",")) == paths

"""The Dockerfiles, as far as they can be checked without an engine."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from devstack import binaries
from devstack.gateway import render

ROOT = Path(__file__).parents[2]
DOCKERFILES = sorted(
    ROOT / room / "Dockerfile"
    for room in (
        "chatgpt-app",
        "gateway",
        "migrations",
        "model-simulator",
        "services/core",
        "services/intelligence",
    )
)
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]

each_image = pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.parent.name)


def instructions(dockerfile: Path) -> list[tuple[str, str]]:
    """(instruction, its arguments) with continued lines joined and comments gone."""
    text = re.sub(r"^#.*\n", "", dockerfile.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in text.splitlines() if line)]


def final_stage(dockerfile: Path) -> list[tuple[str, str]]:
    whole = instructions(dockerfile)
    return whole[max(number for number, (name, _) in enumerate(whole) if name == "FROM") :]


def test_every_image_that_compose_builds_is_checked_here() -> None:
    built = {ROOT / service["build"]["dockerfile"] for service in SERVICES.values() if "build" in service}
    assert built == set(DOCKERFILES)


@each_image
def test_hadolint_finds_nothing(dockerfile: Path) -> None:
    found = subprocess.run(
        [Path(sys.executable).with_name("hadolint"), dockerfile], capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stdout + found.stderr) == (0, "")


@each_image
def test_the_process_is_nobody_in_particular_and_no_shell_stands_before_it(dockerfile: Path) -> None:
    stage = dict(final_stage(dockerfile))
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", stage["USER"])
    assert stage["CMD"].startswith("[")
    assert "HEALTHCHECK" in stage


@each_image
def test_what_is_copied_exists_and_is_let_through(dockerfile: Path) -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [shlex.split(rest)[:-1] for name, rest in instructions(dockerfile) if name == "COPY"]
    sources = [source for words in copied if not words[0].startswith("--from") for source in words]
    assert sources
    for source in sources:
        assert (ROOT / source).exists()
        assert {source, *map(str, Path(source).parents)} & allowed, f".dockerignore keeps {source} out"


def test_the_build_context_lets_nothing_else_in() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert next(line for line in lines if not line.startswith("#")) == "*"


@each_image
def test_no_secret_is_baked_in(dockerfile: Path) -> None:
    environment = " ".join(rest for name, rest in instructions(dockerfile) if name in ("ENV", "ARG"))
    assert not re.search(r"KEY|TOKEN|PASSWORD|SECRET|DATABASE_URL", environment)


def test_the_worker_and_the_api_of_intelligence_start_as_their_image_says() -> None:
    """Compose puts a shell before the command, so it must repeat it; `--name=value` there, two words in the image."""
    stage = dict(final_stage(ROOT / "services/intelligence/Dockerfile"))
    in_compose = [part for word in SERVICES["intelligence"]["command"] for part in word.split("=", 1)]
    assert in_compose == yaml.safe_load(stage["CMD"])


@pytest.mark.parametrize("room", ["services/core", "services/intelligence", "chatgpt-app"])
def test_an_image_speaks_the_protocol_that_refuses_in_the_envelope(room: str) -> None:
    command = yaml.safe_load(dict(final_stage(ROOT / room / "Dockerfile"))["CMD"])
    package = command[1].partition(".")[0]
    assert command[command.index("--http") + 1] == f"{package}.protocol:EnvelopeProtocol"


def with_defaults(value: str) -> str:
    """A compose value where nothing is set: each `${NAME:-default}` is its default, the innermost first."""
    while (filled := re.sub(r"\$\{\w+:-([^${}]*)\}", r"\1", value)) != value:
        value = filled
    return value


def gateway_environment() -> dict[str, str]:
    words = [shlex.split(rest) for name, rest in instructions(ROOT / "gateway/Dockerfile") if name == "ENV"]
    image = dict(word.split("=", 1) for line in words for word in line)
    return image | {name: with_defaults(value) for name, value in SERVICES["gateway"]["environment"].items()}


def test_the_gateway_of_the_image_has_a_valid_configuration(tmp_path: Path) -> None:
    template = (ROOT / "gateway" / "nginx.conf.template").read_text()
    configuration = tmp_path / "nginx.conf"
    configuration.write_text(render(template, gateway_environment() | {"GATEWAY_PREFIX": str(tmp_path)}))
    tested = subprocess.run(
        [binaries.nginx(), "-t", "-p", tmp_path, "-e", "stderr", "-c", configuration],
        capture_output=True,
        text=True,
        check=False,
    )
    assert tested.returncode == 0, tested.stderr
    assert "warn" not in tested.stderr


def test_the_gateway_fills_in_its_own_names_only() -> None:
    """What the image's start script replaces, and all that the template needs."""
    template = (ROOT / "gateway" / "nginx.conf.template").read_text()
    environment = gateway_environment()
    replaced = {name for name in environment if re.search(environment["NGINX_ENVSUBST_FILTER"], name)}
    assert replaced == set(re.findall(r"\$\{(\w+)\}", template))


def test_the_gateway_looks_for_services_where_they_listen() -> None:
    for name, value in gateway_environment().items():
        if name.endswith("_SERVERS"):
            ((service, port),) = re.findall(r"^server ([\w-]+):(\d+) resolve max_fails=0;$", value)
            stage = dict(final_stage(ROOT / SERVICES[service]["build"]["dockerfile"]))
            assert stage["EXPOSE"] == port
            assert "edge" in SERVICES[service]["networks"]

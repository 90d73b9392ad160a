"""The compose file: valid, and each process given only what is its own."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE = yaml.safe_load(TEXT)
SERVICES = COMPOSE["services"]
JOBS = {"roles", "migrations", "publish"}
OURS = {name for name, service in SERVICES.items() if "build" in service}


def environment(service: str) -> dict[str, str]:
    return dict(SERVICES[service].get("environment", {}))


def test_it_is_a_valid_compose_file() -> None:
    checker = Path(sys.executable).with_name("check-jsonschema")
    checked = subprocess.run(
        [checker, "--builtin-schema", "vendor.compose-spec", ROOT / "docker-compose.yml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(
    ("foreign", "owners"),
    [
        ("ANTHROPIC_", {"intelligence", "worker"}),
        ("LLM_", {"intelligence", "worker"}),
        ("SMTP_", {"core", "intelligence", "worker"}),
        ("INTELLIGENCE_DATABASE_URL", {"intelligence", "worker"}),
        ("JWT_SECRET_KEY", {"core"}),
        ("CORE_DATABASE_URL", {"core"}),
        ("DATABASE_URL", {"migrations"}),
        ("CORE_SERVICE_TOKEN", {"core", "intelligence", "worker", "chatgpt-app"}),
        ("CLOUDFLARE_R2_", {"core", "intelligence", "worker", "publish"}),
        ("POSTGRES_PASSWORD", {"postgres"}),
        ("PGPASSWORD", {"roles"}),
        ("OWNER_PASSWORD", {"roles"}),
    ],
)
def test_only_its_owners_are_given_a_setting(foreign: str, owners: set[str]) -> None:
    given = {service for service in SERVICES if any(name.startswith(foreign) for name in environment(service))}
    assert given == owners


@pytest.mark.parametrize(
    ("secret", "readers"),
    [
        ("JWT_SECRET_KEY", {"core"}),
        ("ANTHROPIC_API_KEY", {"intelligence", "worker"}),
        ("POSTGRES_PASSWORD", {"postgres", "roles"}),
        ("OWNER_DB_PASSWORD", {"migrations", "roles"}),
        ("CORE_DB_PASSWORD", {"core", "roles"}),
        ("INTELLIGENCE_DB_PASSWORD", {"intelligence", "worker", "roles"}),
    ],
)
def test_a_secret_is_handed_to_its_readers_only_under_whatever_name(secret: str, readers: set[str]) -> None:
    handed = {
        service
        for service in SERVICES
        if any(re.search(rf"\${{{secret}[:}}]", str(value)) for value in environment(service).values())
    }
    assert handed == readers


def new_secrets(folder: Path) -> dict[str, str]:
    printed = subprocess.run(
        [sys.executable, ROOT / "deploy" / "new_secrets.py"], cwd=folder, capture_output=True, text=True, check=True
    )
    return dict(line.split("=", 1) for line in printed.stdout.splitlines())


def test_each_secret_is_required_and_new_secrets_makes_all_of_them(tmp_path: Path) -> None:
    made = new_secrets(tmp_path)
    assert made.keys() == set(re.findall(r"\$\{(\w+):\?", TEXT))
    assert len(set(made.values())) == len(made)
    for value in made.values():
        assert re.fullmatch(r"[\w-]{32,}", value, re.ASCII), "safe inside a URL, long enough for every service"


def test_a_secret_that_servers_were_made_with_is_not_made_again(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("POSTGRES_PASSWORD=kept\nJWT_SECRET_KEY=\n#OWNER_DB_PASSWORD=a-note\n")
    made = new_secrets(tmp_path)
    assert "POSTGRES_PASSWORD" not in made
    assert {"JWT_SECRET_KEY", "OWNER_DB_PASSWORD"} <= made.keys()


def test_only_the_gateway_is_published() -> None:
    assert {name for name, service in SERVICES.items() if "ports" in service} == {"gateway"}


def test_core_cannot_reach_the_model_and_leaves_only_to_send_mail() -> None:
    networks = set(SERVICES["core"]["networks"]) - {"mail"}
    assert [name for name, service in SERVICES.items() if "mail" in service["networks"]] == ["core"]
    assert all(COMPOSE["networks"][network].get("internal") for network in networks)
    assert not networks & set(SERVICES["model-simulator"]["networks"])


def test_the_data_is_out_of_the_gateways_reach() -> None:
    stores = {network for name in ("postgres", "redis", "s3") for network in SERVICES[name]["networks"]}
    assert stores == {"data"}
    assert "data" not in SERVICES["gateway"]["networks"]


def test_what_runs_for_long_is_started_again_and_jobs_are_not() -> None:
    restart = {name: service["restart"] for name, service in SERVICES.items()}
    assert {name for name, policy in restart.items() if policy == "no"} == JOBS
    assert {policy for name, policy in restart.items() if name not in JOBS} == {"unless-stopped"}


def test_who_is_waited_for_until_healthy_says_when_it_is() -> None:
    """A base image's own health check counts for none of ours: the servers' images have none."""
    awaited = {
        needed
        for service in SERVICES.values()
        for needed, how in service.get("depends_on", {}).items()
        if how["condition"] == "service_healthy"
    }
    assert awaited >= {"postgres", "redis", "s3"}
    assert {name for name in awaited if "healthcheck" not in SERVICES[name]} <= OURS


@pytest.mark.parametrize(("age_seconds", "healthy"), [(None, False), (5, True), (300, False)])
def test_a_worker_that_hangs_is_unhealthy(tmp_path: Path, age_seconds: int | None, healthy: bool) -> None:
    worker = SERVICES["worker"]
    kept = worker["command"][-1].removeprefix("--alive-file=")
    alive = tmp_path / "alive"
    if age_seconds is not None:
        alive.touch()
        os.utime(alive, (time.time() - age_seconds,) * 2)
    kind, command = worker["healthcheck"]["test"]
    assert (kind, kept in command) == ("CMD-SHELL", True)
    looked = subprocess.run(
        ["/bin/sh", "-c", command.replace("$$", "$").replace(kept, str(alive))], capture_output=True, check=False
    )
    assert (looked.returncode == 0) == healthy


def test_the_course_that_a_start_publishes_replaces_no_other() -> None:
    assert "--unless-another" in SERVICES["publish"]["command"]


@pytest.mark.parametrize("service", sorted(OURS))
def test_our_processes_have_no_privileges(service: str) -> None:
    settings = SERVICES[service]
    assert settings["read_only"] is True
    assert settings["cap_drop"] == ["ALL"]
    assert settings["security_opt"] == ["no-new-privileges:true"]


def test_v1_waits_for_nothing_of_v2() -> None:
    """Nothing that core or the gateway needs, near or far, is part of intelligence."""
    needed: set[str] = set()
    waiting = ["core", "gateway"]
    while waiting:
        for name in SERVICES[waiting.pop()].get("depends_on", {}):
            if name not in needed:
                needed.add(name)
                waiting.append(name)
    assert needed == {"core", "redis", "postgres", "s3", *JOBS}


@pytest.mark.parametrize(
    ("key", "seen"),
    [("", "simulated-key http://model-simulator:8004"), ("sk-real", "sk-real ")],
)
def test_the_simulator_answers_exactly_where_there_is_no_key(key: str, seen: str) -> None:
    entrypoint = [word.replace("$$", "$") for word in SERVICES["intelligence"]["entrypoint"]]
    shown = subprocess.run(
        [*entrypoint, "sh", "-c", 'printf "%s %s" "$ANTHROPIC_API_KEY" "$ANTHROPIC_BASE_URL"'],
        env={"PATH": "/usr/bin:/bin", "ANTHROPIC_API_KEY": key, "ANTHROPIC_BASE_URL": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout == seen

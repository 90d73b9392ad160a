"""Valkey, SeaweedFS and nginx as programs: how each is set up, started and known to be ready."""

import json
import signal
import socket
import subprocess
import urllib.request
from pathlib import Path

from devstack import binaries
from devstack.files import write_whole
from devstack.gateway import render
from devstack.places import short_socket
from devstack.plan import BUCKET, HOST, CannotStart, Plan
from devstack.processes import MINIMAL_ENVIRONMENT, Command, Program


def answers(url: str) -> bool:
    """Whether the URL answers 200 within a second."""
    try:
        with urllib.request.urlopen(url, timeout=1) as response:  # noqa: S310  # only ever our own http:// URLs
            return bool(response.status == 200)  # noqa: PLR2004  # 200 is 200
    except OSError:
        return False


def valkey(plan: Plan) -> Program:
    """Valkey, keeping nothing on disk: what it holds is a speed-up that may vanish."""
    port, password = str(plan.ports.redis), plan.secrets["redis_password"]
    config = plan.state / "valkey.conf"
    write_whole(config, f"requirepass {password}\n")  # everybody may read a process list
    return Program(
        name="Valkey",
        command=[binaries.valkey_server(), config, "--port", port, "--bind", HOST, "--save", "", "--appendonly", "no"],
        environment=MINIMAL_ENVIRONMENT,
        folder=plan.state,
        ready=lambda: _pings(plan.ports.redis, password),
        restart=True,
    )


def _pings(port: int, password: str) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=1) as connection, connection.makefile("rb") as said:
            connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            return [said.readline(), said.readline()] == [b"+OK\r\n", b"+PONG\r\n"]
    except OSError:
        return False


def s3_folder(plan: Plan) -> Path:
    """Where the bucket's data are."""
    return plan.state / "s3"


def seaweedfs(plan: Plan) -> Program:
    """A real S3 server with one bucket and one pair of keys."""
    folder = s3_folder(plan)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)  # the published course holds the keys of its quizzes
    config = plan.state / "s3.json"
    key = {"accessKey": plan.secrets["s3_access_key"], "secretKey": plan.secrets["s3_secret_key"]}
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    write_whole(config, json.dumps({"identities": [{"name": "app", "credentials": [key], "actions": actions}]}))
    ports = plan.ports
    flags = {
        "dir": folder,
        "ip": HOST,
        "ip.bind": HOST,
        "bucket": BUCKET,
        "master.port": ports.s3_master,
        "volume.port": ports.s3_volume,
        "filer.port": ports.s3_filer,
        "s3.port": ports.s3,
        "admin.port": ports.s3_admin,
        "s3.config": config,
        "filer.localSocket": short_socket(plan, "filer"),
        "s3.localSocket": short_socket(plan, "s3"),
        "master.electionTimeout": "1s",
        "master.resumeState": "false",  # else its disk may call before it leads, and again only after five seconds
        "master.telemetry": "false",
        "webdav": "false",
        "admin.ui": "false",
        "s3.port.iceberg": "0",
        "s3.port.lance": "0",
        "volume.preStopSeconds": "0",
    }
    return Program(
        name="SeaweedFS",
        command=[binaries.weed(), "-logtostderr=true", "mini", *(f"-{name}={value}" for name, value in flags.items())],
        environment=MINIMAL_ENVIRONMENT | {"HOME": str(plan.state)},
        folder=plan.state,
        ready=lambda: answers(f"http://{HOST}:{ports.s3}/healthz"),
        restart=True,
        stop_seconds=5,  # now and then it takes half a minute; its data is safe when it is killed
    )


def nginx(plan: Plan, values: dict[str, str]) -> Program:
    """The gateway, from the template it shares with the compose stack."""
    prefix = plan.state / "nginx"
    (prefix / "tmp").mkdir(parents=True, exist_ok=True)
    prefix.chmod(0o700)  # its log says who asked for what
    config = prefix / "nginx.conf"
    config.write_text(render((plan.root / "gateway" / "nginx.conf.template").read_text(), values))
    command: Command = [binaries.nginx(), "-p", prefix, "-e", "stderr", "-c", config]
    checked = subprocess.run([*map(str, command), "-t"], capture_output=True, text=True, check=False)  # noqa: S603  # ours
    if checked.returncode:
        raise CannotStart(f"nginx refuses its configuration: {checked.stderr.strip()}")
    return Program(
        name="nginx",
        command=command,
        environment=MINIMAL_ENVIRONMENT,
        folder=prefix,
        ready=lambda: answers(f"http://{HOST}:{plan.ports.gateway}/healthz"),
        stop_signal=signal.SIGTERM,
    )

"""Our own processes: what each is started with. Each gets the settings that are its own, and no other."""

import sys
from collections.abc import Mapping
from pathlib import Path

from devstack.gateway import local_values
from devstack.plan import BUCKET, HOST, Plan
from devstack.processes import MINIMAL_ENVIRONMENT, Command, Program
from devstack.servers import answers

# A setting given in the environment or in .env goes to the processes that own it; what the stack decides stands below.
SHARED = ["ENVIRONMENT", "DATABASE_POOL_SIZE", "ENABLE_ADAPTIVE_PATHS", "ENABLE_LLM_ASSESSMENTS", "LOG_LEVEL"]
SHARED += ["SMTP_SERVER", "SMTP_PORT", "SMTP_USERNAME", "SMTP_PASSWORD", "SMTP_FROM"]
CORE_ONLY = ["JWT_SECRET_KEY", "JWT_SECRET_KEY_PREVIOUS", "HOURLY_LIMIT_FREE", "HOURLY_LIMIT_PREMIUM"]
CORE_ONLY += ["CONTENT_RELOAD_SECONDS", "PASSWORD_HASH_THREADS", "SIGN_IN_LIMITS_SCALE", "MAIL_POLL_SECONDS"]
CORE_ONLY += ["OAUTH_CLIENT_HOSTS"]
INTELLIGENCE_ONLY = ["ANTHROPIC_MODEL", "ANTHROPIC_TIMEOUT", "ANTHROPIC_MAX_RETRIES", "ENABLE_PHASE2_CACHING"]
INTELLIGENCE_ONLY += ["PREMIUM_ADAPTIVE_PATHS_LIMIT", "PREMIUM_ASSESSMENTS_LIMIT", "LLM_CONCURRENCY", "LLM_WAITING"]
INTELLIGENCE_ONLY += ["LLM_STUDENT_MONTHLY_CEILING_USD", "LLM_MONTHLY_CEILING_USD", "CONTENT_RELOAD_SECONDS"]
INTELLIGENCE_ONLY += ["LLM_COST_ALERT_THRESHOLD", "LLM_COST_ALERT_EMAIL"]
APP_ONLY = ["ENVIRONMENT", "LOG_LEVEL", "OPENAI_APPS_CHALLENGE", "PUBLISHER_NAME", "SUPPORT_EMAIL"]
BUCKET_SETTINGS = ["CLOUDFLARE_R2_BUCKET", "CLOUDFLARE_R2_ACCESS_KEY", "CLOUDFLARE_R2_SECRET_KEY"]
SIMULATED_KEY = "simulated-key-of-the-local-stack"
SERVICE_STOP_SECONDS = 70.0  # a grade in progress may take its whole deadline


def _given(plan: Plan, names: list[str]) -> dict[str, str]:
    values = {name: plan.setting(name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def _content(plan: Plan) -> dict[str, str]:
    """Where courses are published and read: in the folder that the settings name, otherwise in the bucket."""
    if plan.content_directory:
        return {"CONTENT_SOURCE": "local", "CONTENT_DIRECTORY": str(plan.content_directory)}
    given = {} if plan.own_s3 else _given(plan, BUCKET_SETTINGS)  # our own bucket knows only our own keys
    return {
        "CONTENT_SOURCE": "r2",
        "CLOUDFLARE_R2_ENDPOINT": plan.s3_endpoint,
        "CLOUDFLARE_R2_BUCKET": BUCKET,
        "CLOUDFLARE_R2_ACCESS_KEY": plan.secrets["s3_access_key"],
        "CLOUDFLARE_R2_SECRET_KEY": plan.secrets["s3_secret_key"],
        **given,
    }


def _public_url(plan: Plan) -> str:
    return plan.setting("PUBLIC_URL") or plan.gateway_url


def _service_token(plan: Plan) -> str:
    return plan.setting("CORE_SERVICE_TOKEN") or plan.secrets["core_service_token"]


def _common(plan: Plan) -> dict[str, str]:
    return {
        **MINIMAL_ENVIRONMENT,
        "ENVIRONMENT": "development",
        "PYTHONUNBUFFERED": "1",
        **_given(plan, SHARED),
        **_content(plan),
        "REDIS_URL": plan.redis_url,
        "PUBLIC_URL": _public_url(plan),
        "CORE_SERVICE_TOKEN": _service_token(plan),
    }


def core_environment(plan: Plan) -> dict[str, str]:
    """Everything core is told; nothing of the model is among it."""
    return {
        **_common(plan),
        "JWT_SECRET_KEY": plan.secrets["jwt_secret_key"],
        **_given(plan, CORE_ONLY),
        "CORE_DATABASE_URL": plan.core_database_url,
        **{key.removeprefix("core."): value for key, value in plan.extra.items() if key.startswith("core.")},
    }


def intelligence_environment(plan: Plan) -> dict[str, str]:
    """Everything intelligence is told; the key that signs tokens is not among it."""
    key, url = plan.setting("ANTHROPIC_API_KEY"), plan.setting("ANTHROPIC_BASE_URL")
    if plan.simulated_model:
        key, url = SIMULATED_KEY, f"http://{HOST}:{plan.ports.model_simulator}"
    return {
        **_common(plan),
        **_given(plan, INTELLIGENCE_ONLY),
        "ANTHROPIC_API_KEY": key or "",
        **({"ANTHROPIC_BASE_URL": url} if url else {}),
        "CORE_URL": f"http://{HOST}:{plan.ports.core}",
        "INTELLIGENCE_DATABASE_URL": plan.intelligence_database_url,
        **{k.removeprefix("intelligence."): v for k, v in plan.extra.items() if k.startswith("intelligence.")},
    }


def chatgpt_app_environment(plan: Plan) -> dict[str, str]:
    """Everything the ChatGPT app is told: neither a database nor the bucket nor the model is among it."""
    return {
        **MINIMAL_ENVIRONMENT,
        "ENVIRONMENT": "development",
        "PYTHONUNBUFFERED": "1",
        **_given(plan, APP_ONLY),
        "PUBLIC_URL": _public_url(plan),
        "GATEWAY_URL": f"http://{HOST}:{plan.ports.gateway}",
        "CORE_URL": f"http://{HOST}:{plan.ports.core}",
        "CORE_SERVICE_TOKEN": _service_token(plan),
    }


def migration_environment(database_url: str) -> dict[str, str]:
    """What Alembic is told: the owner's login."""
    return {**MINIMAL_ENVIRONMENT, "DATABASE_URL": database_url}


def environment_folder(plan: Plan, room: str) -> Path:
    """Where the programs of a room's own environment are."""
    return plan.root / ".venvs" / room / "bin"


def _uvicorn(plan: Plan, room: str, port: int, source: str) -> Command:
    module = room.replace("-", "_")
    command: list[str | Path] = [environment_folder(plan, room) / "uvicorn", f"{module}.app:app"]
    command += ["--host", HOST, "--port", str(port), "--loop", "uvloop"]
    command += ["--http", f"{module}.protocol:EnvelopeProtocol"]
    command += ["--no-access-log", "--no-server-header", "--timeout-keep-alive", "75"]
    if plan.reload:
        return [*command, "--reload", "--reload-dir", plan.root / source, "--reload-dir", plan.root / "shared-schemas"]
    return [*command, "--workers", str(plan.workers)] if plan.workers > 1 else command


def _service(name: str, command: Command, environment: Mapping[str, str], plan: Plan, health: str) -> Program:
    return Program(
        name=name,
        command=command,
        environment=environment,
        folder=plan.state,
        ready=lambda: answers(health),
        restart=True,
        stop_seconds=SERVICE_STOP_SECONDS,
    )


def core(plan: Plan) -> Program:
    """The core service."""
    command = _uvicorn(plan, "core", plan.ports.core, "services/core")
    health = f"http://{HOST}:{plan.ports.core}/api/v1/health/ready"
    return _service("core", command, core_environment(plan), plan, health)


def intelligence(plan: Plan) -> Program:
    """The intelligence service."""
    command = _uvicorn(plan, "intelligence", plan.ports.intelligence, "services/intelligence")
    health = f"http://{HOST}:{plan.ports.intelligence}/api/v2/health/ready"
    return _service("intelligence", command, intelligence_environment(plan), plan, health)


def chatgpt_app(plan: Plan) -> Program:
    """The MCP server that ChatGPT speaks to."""
    command = _uvicorn(plan, "chatgpt-app", plan.ports.chatgpt_app, "chatgpt-app")
    health = f"http://{HOST}:{plan.ports.chatgpt_app}/healthz"
    return _service("chatgpt-app", command, chatgpt_app_environment(plan), plan, health)


def worker(plan: Plan) -> Program:
    """The process that grades written answers."""
    return Program(
        name="grading worker",
        command=[environment_folder(plan, "intelligence") / "intelligence", "worker"],
        environment=intelligence_environment(plan),
        folder=plan.state,
        ready=lambda: True,
        restart=True,
        stop_seconds=SERVICE_STOP_SECONDS,
    )


def model_simulator(plan: Plan) -> Program:
    """The stand-in for the model; every answer of its says that it is one."""
    port = str(plan.ports.model_simulator)
    ledger = plan.state / "model-simulator.jsonl"
    command: Command = [Path(sys.executable).parent / "model-simulator", "serve", "--host", HOST, "--port", port]
    return Program(
        name="model simulator",
        command=[*command, "--ledger", ledger],
        environment={**MINIMAL_ENVIRONMENT, "PYTHONUNBUFFERED": "1"},
        folder=plan.state,
        ready=lambda: answers(f"http://{HOST}:{port}/health"),
        restart=True,
    )


def gateway_values(plan: Plan) -> dict[str, str]:
    """What the gateway's template is filled in with here."""
    ports = plan.ports
    return local_values(
        prefix=plan.state / "nginx",
        listen=f"{plan.setting('GATEWAY_HOST') or HOST}:{ports.gateway}",
        public_url=plan.setting("PUBLIC_URL") or plan.gateway_url,
        core=[f"{HOST}:{ports.core}"],
        intelligence=[f"{HOST}:{ports.intelligence}"],
        chatgpt_app=[f"{HOST}:{ports.chatgpt_app}"],
        flood_rate=plan.setting("GATEWAY_FLOOD_RATE") or "500r/s",
    )

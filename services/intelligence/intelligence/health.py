"""Whether this service is alive, and whether it can serve."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Response, status
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from intelligence import cache, content, core_client, llm
from intelligence.content import CourseUnavailable
from intelligence.database import transaction
from intelligence.settings import Settings, get_settings
from intelligence.usage import pricing
from shared_schemas.health import Health, Readiness

REVISION_NEEDED = "013"
RETIREMENT_NOTICE = timedelta(days=30)
OK = "ok"

router = APIRouter(prefix="/api/v2/health", tags=["health"])
CurrentSettings = Annotated[Settings, Depends(get_settings)]


@router.head("", include_in_schema=False)  # for monitors that want no body
@router.get("")
async def health(settings: CurrentSettings) -> Health:
    """That the process answers, and which features are switched on."""
    return Health(
        status="healthy",
        phase1_enabled=True,
        phase2_enabled=settings.enable_adaptive_paths or settings.enable_llm_assessments,
        timestamp=datetime.now(UTC),
    )


@router.head("/live", include_in_schema=False)
@router.get("/live")
async def live(settings: CurrentSettings) -> Health:
    """The same: a process that answers is alive."""
    return await health(settings)


@router.head("/ready", include_in_schema=False)
@router.get("/ready")
async def ready(response: Response, settings: CurrentSettings) -> Readiness:
    """Every outside thing this service needs, asked now; 503 when one is missing."""
    checks = {
        "database": await _database(),
        "core": OK if await core_client.is_reachable() else "core does not answer at CORE_URL",
        "course": await _course(),
        "model": _model(settings),
    }
    is_ready = all(result == OK for result in checks.values())
    if not is_ready:
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    return Readiness(
        status="ready" if is_ready else "not_ready",
        checks=checks,
        warnings=await _warnings(settings),
        timestamp=datetime.now(UTC),
    )


async def _database() -> str:
    try:
        async with transaction() as session:
            revision: str | None = await session.scalar(text("SELECT version_num FROM alembic_version"))
    except (SQLAlchemyError, OSError) as error:
        return f"the database does not answer ({type(error).__name__})"
    if revision is None or revision[:3] < REVISION_NEEDED:
        return f"the database is at revision {revision}: run alembic upgrade head"
    return OK


async def _course() -> str:
    try:
        await content.current_course()
    except CourseUnavailable:
        return "no course is published, or it can not be read"
    return OK


def _model(settings: Settings) -> str:
    try:
        llm.current_price()
    except pricing.UnpricedModel as error:
        return str(error)
    if settings.production and settings.model_key is None:
        return "ANTHROPIC_API_KEY is not set"
    return OK


async def _warnings(settings: Settings) -> list[str]:
    warnings = []
    if settings.model_key is None:
        warnings.append("ANTHROPIC_API_KEY is not set: everything that asks the model answers 503")
    notice = retirement_notice(settings.anthropic_model)
    if notice is not None:
        warnings.append(notice)
    if stale := content.warning():
        warnings.append(stale)
    if await cache.answers() is False:
        warnings.append("Redis does not answer: going on without it")
    return warnings


def retirement_notice(model: str) -> str | None:
    """A sentence for operators when the model is retired, or will be within 30 days."""
    retires = pricing.retirement(model)
    if retires is None or retires - datetime.now(UTC).date() > RETIREMENT_NOTICE:
        return None
    return f"ANTHROPIC_MODEL {model} retires on {retires}: change to claude-sonnet-5-5"

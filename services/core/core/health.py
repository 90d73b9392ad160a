"""Whether core is alive, and whether it can serve."""

from fastapi import Request, Response, status
from sqlalchemy import text

from core.cache import Cache
from core.clock import Now
from core.content import CourseUnavailable, Shelf
from core.database import Database, DatabaseUnavailable, RequestDatabase
from core.routing import router as new_router
from core.security import RequestSettings
from shared_schemas.health import Health, Readiness

NEEDED_REVISION = "010_credited_time"

router = new_router("/api/v1/health", "health")


@router.head("", include_in_schema=False)  # for monitors that want no body
@router.get("")
async def read_health(settings: RequestSettings, now: Now) -> Health:
    """What is switched on."""
    return _health(settings, now)


@router.head("/live", include_in_schema=False)
@router.get("/live")
async def read_liveness(settings: RequestSettings, now: Now) -> Health:
    """That this process answers."""
    return _health(settings, now)


@router.head("/ready", include_in_schema=False)
@router.get("/ready")
async def read_readiness(request: Request, response: Response, database: RequestDatabase, now: Now) -> Readiness:
    """Whether this process can serve; 503 when it cannot."""
    cache: Cache = request.app.state.cache
    shelf: Shelf = request.app.state.shelf
    checks = {"database": await _database(database), "course": _course(shelf)}
    warnings = [shelf.warning] if shelf.warning else []
    if not await cache.reachable():
        warnings.append(
            "Redis cannot be reached: hourly limits are off"
            if cache.configured
            else "REDIS_URL is not set: hourly limits are off"
        )
    ready = all(check == "ok" for check in checks.values())
    response.status_code = status.HTTP_200_OK if ready else status.HTTP_503_SERVICE_UNAVAILABLE
    return Readiness(status="ready" if ready else "not_ready", checks=checks, warnings=warnings, timestamp=now)


def _health(settings: RequestSettings, now: Now) -> Health:
    return Health(
        status="healthy",
        phase1_enabled=True,
        phase2_enabled=settings.enable_adaptive_paths or settings.enable_llm_assessments,
        timestamp=now,
    )


async def _database(database: Database) -> str:
    try:
        async with database.transaction() as session:
            revision = await session.scalar(text("SELECT max(version_num) FROM alembic_version"))
    except DatabaseUnavailable:
        return "the database cannot be reached"
    if revision is None or revision < NEEDED_REVISION:
        return f"the database is at revision {revision}, and {NEEDED_REVISION} is needed: run alembic upgrade head"
    return "ok"


def _course(shelf: Shelf) -> str:
    try:
        shelf.published  # noqa: B018  # raises when there is none
    except CourseUnavailable as error:
        return error.message
    return "ok"

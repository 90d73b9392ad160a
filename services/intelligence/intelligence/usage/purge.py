"""Erasing what may not be kept: texts sent to the model, and keys of requests long answered."""

from dataclasses import dataclass

from sqlalchemy import text

from intelligence.database import transaction

BATCH = 1000

_OLD = "created_at < now() - make_interval(days => CAST(:days AS integer))"
_TABLES = ("llm_exchanges", "intelligence_idempotency_keys")


@dataclass(frozen=True)
class Purged:
    """How many rows of one table were erased, or would be."""

    table: str
    rows: int


async def count_old(days: int) -> list[Purged]:
    """What a purge would erase now."""
    async with transaction() as session:
        return [
            Purged(
                table,
                (
                    await session.execute(
                        text(f"SELECT count(*) FROM {table} WHERE {_OLD}"),  # noqa: S608  # names from this module only
                        {"days": days},
                    )
                ).scalar_one(),
            )
            for table in _TABLES
        ]


async def erase_batch(table: str, days: int) -> int:
    """Erase at most a thousand old rows of this table in a transaction of its own; how many there were."""
    statement = text(
        f"DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE {_OLD} LIMIT {BATCH})) RETURNING 1"  # noqa: S608  # names from this module only
    )
    async with transaction() as session:
        return len((await session.execute(statement, {"days": days})).all())

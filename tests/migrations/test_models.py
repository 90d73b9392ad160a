"""The models of both services describe exactly the schema that the migrations make."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, make_url
from sqlalchemy.ext.asyncio import create_async_engine

from core.models import Base as CoreBase
from intelligence.models import Table as IntelligenceBase
from tests.conftest import Database


def joined() -> MetaData:
    """Both services' tables; intelligence's stub of `students` gives way to core's table."""
    both = MetaData(naming_convention=CoreBase.metadata.naming_convention)
    for metadata in (CoreBase.metadata, IntelligenceBase.metadata):
        for name, table in metadata.tables.items():
            if name not in both.tables:
                table.to_metadata(both)
    return both


def differences(connection: Connection) -> list[object]:
    options = {"compare_type": True, "compare_server_default": True}
    context = MigrationContext.configure(connection, opts=options)
    return [found for found in compare_metadata(context, joined()) if "alembic_version" not in str(found)]


async def test_models_and_migrations_agree(postgres: Database) -> None:
    engine = create_async_engine(make_url(postgres.owner_url).set(drivername="postgresql+asyncpg"))
    try:
        async with engine.connect() as connection:
            found = await connection.run_sync(differences)
    finally:
        await engine.dispose()
    assert found == []
    assert len(joined().tables) > 15


def test_intelligence_knows_of_students_nothing_but_the_key() -> None:
    assert [column.name for column in IntelligenceBase.metadata.tables["students"].columns] == ["student_id"]

"""How Alembic reaches the database: DATABASE_URL, the owner's login, from the environment or `.env`."""

import asyncio
import os
import sys
from pathlib import Path

from alembic import context
from sqlalchemy import Connection, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from migrations.grants import GRANTS, statements

LOCK_TIMEOUT = "5s"
STATEMENT_TIMEOUT = "10min"


def database_url() -> str:
    """DATABASE_URL with the asynchronous driver put in; exits with one clear line when it is not set."""
    value = os.environ.get("DATABASE_URL") or _from_env_file()
    if not value:
        sys.exit("DATABASE_URL is not set: export it, or copy .env.example to .env and fill it in.")
    url = make_url(value).set(drivername="postgresql+asyncpg")
    sslmode = url.query.get("sslmode")  # libpq's word; asyncpg's is ssl
    if isinstance(sslmode, str):
        url = url.difference_update_query(["sslmode"]).update_query_dict({"ssl": sslmode})
    return url.render_as_string(hide_password=False)


def _from_env_file() -> str | None:
    path = Path(__file__).parent.parent / ".env"
    if not path.exists():
        return None
    for line in path.read_text().splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "DATABASE_URL":
            return value.strip().strip("'\"") or None
    return None


def apply_grants(connection: Connection) -> None:
    """Set the rights of the service roles; a role that does not exist yet is named on standard error."""
    tables = set(connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")))
    roles = set(connection.scalars(text("SELECT rolname FROM pg_roles")))
    for missing in sorted(GRANTS.keys() - roles):
        print(f"role {missing} does not exist yet: make it (deploy/roles.sql) and run this again", file=sys.stderr)  # noqa: T201  # Alembic's own output is plain text too
    for statement in statements(tables, roles):
        connection.execute(text(statement))


def run(connection: Connection) -> None:
    """One transaction: every revision asked for, then the rights of the roles."""
    connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.execute(text(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'"))
    connection.execute(text("SET timezone = 'UTC'"))
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=None,  # revisions are written by hand; tests/migrations compares them with the models
    )
    with context.begin_transaction():
        context.run_migrations()
        if context.get_context().opts.get("destination_rev"):  # an upgrade or downgrade, not `current` or `check`
            apply_grants(connection)


async def run_online() -> None:
    """Connect as the owner and run."""
    engine = create_async_engine(database_url(), poolclass=NullPool, connect_args={"timeout": 10})
    async with engine.connect() as connection:
        await connection.run_sync(run)
    await engine.dispose()


if context.is_offline_mode():
    sys.exit("Offline mode is not supported: the rights of the service roles depend on the roles that exist.")
asyncio.run(run_online())

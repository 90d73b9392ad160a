"""An address that nobody has costs the same work as one that somebody has: the same statements, the same hashing."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import pytest
from argon2 import Parameters, PasswordHasher, extract_parameters
from sqlalchemy import event

from core.auth import passwords
from tests.core.accounts.conftest import House, new_email

# What a request runs is noted in its own context: that the app sends mail meanwhile is not its doing.
STATEMENTS: ContextVar[list[str] | None] = ContextVar("STATEMENTS", default=None)


class Watched:
    """The real hasher, with a note of each hash that a password was checked against: how dear that was."""

    def __init__(self, real: PasswordHasher) -> None:
        self.real = real
        self.checked: list[Parameters] = []

    def verify(self, stored_hash: str, password: str) -> bool:
        self.checked.append(extract_parameters(stored_hash))
        return self.real.verify(stored_hash, password)


def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
    noted = STATEMENTS.get()
    if noted is not None:
        noted.append(statement)


@contextmanager
def statements(house: House) -> Iterator[list[str]]:
    """The statements of the requests that are made inside."""
    engine = house.app.state.database._engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    noted: list[str] = []
    token = STATEMENTS.set(noted)
    try:
        yield noted
    finally:
        STATEMENTS.reset(token)
        event.remove(engine, "before_cursor_execute", note)


@pytest.mark.usefixtures("shipped_hashing")
@pytest.mark.parametrize(("path", "hashed"), [("/login", 1), ("/password/forgot", 0)])
async def test_nobody_costs_as_much_as_somebody(
    house: House, monkeypatch: pytest.MonkeyPatch, path: str, hashed: int
) -> None:
    student = await house.register()
    watched = Watched(passwords._hasher)
    work = []
    for email in (student.email, new_email()):
        body = {"email": email} | ({"password": "not this one"} if hashed else {})
        watched.checked.clear()
        with monkeypatch.context() as patch, statements(house) as noted:
            patch.setattr(passwords, "_hasher", watched)
            await house.post(path, body)
        work.append((noted, watched.checked.copy()))
    assert work[0] == work[1]
    assert all(noted and len(checked) == hashed for noted, checked in work)

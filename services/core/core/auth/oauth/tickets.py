"""The ticket that a sign-in page carries from one form to the next: who asks for what, and who has signed in. No I/O.

It is signed with a key that is different in each browser, made of a cookie, so a page made for one browser is of no use
in another: it is the pages' token against forged requests too. Nothing of it is stored.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Self
from uuid import UUID

import jwt

from core.tokens import ALGORITHM, keyed_digest

PURPOSE = b"course-companion sign-in page"
LIFETIME = timedelta(hours=1)


class InvalidTicket(Exception):
    """Not a ticket of ours for this browser, or one that has run out."""


@dataclass(frozen=True)
class Ticket:
    """What a client asks for; ``session_id`` once the student has signed in."""

    client_id: str
    redirect_uri: str
    code_challenge: str
    scope: str
    resource: str
    state: str | None
    session_id: UUID | None = None

    def signed_in(self, session_id: UUID) -> Self:
        """The ticket of the next page."""
        return replace(self, session_id=session_id)


def seal(ticket: Ticket, *, browser: str, secret: str, now: datetime) -> str:
    """The ticket as text, good for an hour in the browser that has this cookie."""
    claims = {**asdict(ticket), "session_id": str(ticket.session_id) if ticket.session_id else None}
    claims["exp"] = int((now + LIFETIME).timestamp())
    return jwt.encode(claims, _key(browser, secret), algorithm=ALGORITHM)


def unseal(sealed: str, *, browser: str, secrets: Sequence[str]) -> Ticket:
    """The ticket; InvalidTicket for anything that was not sealed for this browser within the hour."""
    for secret in secrets:
        try:
            claims = jwt.decode(sealed, _key(browser, secret), algorithms=[ALGORITHM], options={"require": ["exp"]})
        except jwt.InvalidSignatureError:
            continue
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise InvalidTicket from error
        del claims["exp"]
        session_id = claims.pop("session_id")
        return Ticket(**claims, session_id=UUID(session_id) if session_id else None)
    raise InvalidTicket


def _key(browser: str, secret: str) -> bytes:
    return keyed_digest(browser.encode(), purpose=PURPOSE, secret=secret)

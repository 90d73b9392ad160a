"""The sign-in desk: what every request that checks or sets a password needs."""

import ipaddress
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from core.auth.passwords import Passwords
from core.database import Database, RequestDatabase
from core.security import LeavingLearner, RequestSettings
from core.settings import Settings

IPV6_NETWORK_BITS = 64  # what one household or one server gets of IPv6 counts as one address


@dataclass(frozen=True)
class Desk:
    """Has the pool and not a session: passwords are checked between two transactions. ``address`` is the client's."""

    database: Database
    passwords: Passwords
    settings: Settings
    address: str


async def client_address(request: Request) -> str:
    """Where a request comes from, as the gateway says it."""
    host = request.client.host if request.client else "unknown"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address), IPV6_NETWORK_BITS), strict=False))


ClientAddress = Annotated[str, Depends(client_address)]


async def request_desk(
    request: Request, database: RequestDatabase, settings: RequestSettings, address: ClientAddress
) -> Desk:
    """The desk of the app that serves ``request``."""
    return Desk(database, request.app.state.passwords, settings, address)


SignInDesk = Annotated[Desk, Depends(request_desk)]


# Resolving a learner gives its connection back, so what follows may hash a password, which takes long.
# Their guesses are throttled, and the hourly limit is not asked: it may be a thief who has spent it.
LearnerAtDesk = LeavingLearner

"""Which OAuth clients there are: they register themselves, or their document is read when they first ask."""

import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta
from importlib.resources import files
from urllib.parse import urlsplit

from pydantic import ValidationError
from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from core.auth.oauth.clients import AUTH_METHOD, Client, ClientDocument, ClientMetadata
from core.auth.oauth.documents import SHORTEST_FRESHNESS, Document, DocumentRefused, DocumentUnreachable
from core.auth.oauth.tickets import LIFETIME as SIGN_IN_LIFETIME
from core.auth.throttle import CLIENT_BY_ADDRESS, DOCUMENT_BY_ADDRESS, Attempt, TooManyAttempts, take
from core.database import Database
from core.errors import ServiceError
from core.models import OAuthClient
from core.settings import Settings

LONGEST_CLIENT_ID = 2000
MOST_UNUSED_CLIENTS = 10_000
ROOM_FOR = 100
CHATGPT_DOCUMENT = "https://chatgpt.com/oauth/client.json"
# The one redirect address of a client whose document was refused: a row needs one, and no request can name this.
WITHDRAWN = ""

Fetch = Callable[[str], Awaitable[Document]]

REGISTER = text("""
    INSERT INTO oauth_clients (client_id, client_name, redirect_uris)
    SELECT :client_id, :client_name, CAST(:redirect_uris AS text[])
    WHERE (SELECT count(*) FROM oauth_clients c
           WHERE NOT EXISTS (SELECT FROM oauth_consents o WHERE o.client_id = c.client_id)) < :most
    RETURNING client_id
""")
# One that comes back registers, or its document is read, again.
FORGET = text("""
    DELETE FROM oauth_clients WHERE client_id IN (
        SELECT client_id FROM oauth_clients c WHERE created_at < now() - CAST(:age AS interval)
        AND NOT EXISTS (SELECT FROM oauth_consents o WHERE o.client_id = c.client_id)
        AND NOT EXISTS (SELECT FROM oauth_grants g WHERE g.client_id = c.client_id)
        ORDER BY created_at LIMIT :most FOR UPDATE SKIP LOCKED)
""")


class UnknownClient(ServiceError):
    """The app that sent you here is not known to Course Companion."""

    status = 400
    code = "INVALID_REQUEST"


class ClientUnreachable(ServiceError):
    """The app that sent you here could not be asked who it is. Please try again shortly."""

    status = 503
    code = "SERVICE_UNAVAILABLE"


class TooManyClients(ServiceError):
    """No more apps can be registered at the moment. Please try again later."""

    status = 503
    code = "SERVICE_UNAVAILABLE"


async def known(session: AsyncSession, client_id: str) -> Client | None:
    """The client with this id, if it was ever seen here; nobody is asked."""
    row = await session.scalar(select(OAuthClient).where(OAuthClient.client_id == client_id))
    return None if row is None else Client.of(row)


async def find(database: Database, client_id: str, *, fetch: Fetch, address: str, settings: Settings) -> Client:
    """The client that asks for access; UnknownClient, ClientUnreachable, or TooManyAttempts.

    A document is read anew when it is old, with no transaction open, and each reading counts for ``address``. One that
    cannot be read now is used as it was last seen, and one that is refused lets nobody in until a better one is read;
    in both cases its host is asked again in five minutes.
    """
    client = await _look_up(database, client_id, fetch=fetch, address=address, settings=settings)
    if WITHDRAWN in client.redirect_uris:
        raise UnknownClient
    return client


async def _look_up(database: Database, client_id: str, *, fetch: Fetch, address: str, settings: Settings) -> Client:
    async with database.transaction() as session:
        last_seen = await known(session, client_id)
        stale = select(OAuthClient.client_id).where(
            OAuthClient.client_id == client_id, OAuthClient.fresh_until <= func.now()
        )
        if last_seen is not None and await session.scalar(stale) is None:
            return last_seen
        if not is_document_address(client_id, settings=settings):
            raise UnknownClient
        try:
            await take(session, Attempt(DOCUMENT_BY_ADDRESS, address), settings=settings)
        except TooManyAttempts:
            if last_seen is None:
                raise
            return last_seen
    try:
        document = await fetch(client_id)
        described = read_document(document.content, client_id=client_id)
    except DocumentRefused as error:
        await _ask_later(database, client_id, redirect_uris=[WITHDRAWN])
        raise UnknownClient from error
    except DocumentUnreachable as error:
        if last_seen is not None:
            await _ask_later(database, client_id)
            return last_seen
        if client_id != CHATGPT_DOCUMENT:
            raise ClientUnreachable from error
        document = Document(_chatgpt_as_we_know_it(), SHORTEST_FRESHNESS)
        described = read_document(document.content, client_id=client_id)
    async with database.transaction() as session:
        return await _keep(session, described, document=document)


def is_document_address(client_id: str, *, settings: Settings) -> bool:
    """Whether an id is the address of a document that we would fetch: https, on a trusted host, and with a path."""
    if len(client_id) > LONGEST_CLIENT_ID or not client_id.isascii() or not client_id.isprintable():
        return False
    try:
        parts = urlsplit(client_id)
    except ValueError:
        return False
    plain = parts.path not in {"", "/"} and not parts.query and "#" not in client_id
    steps = parts.path.split("/")
    return (
        client_id.startswith("https://")
        and parts.netloc in settings.trusted_client_hosts
        and plain
        and not {".", ".."} & set(steps)
    )


def read_document(content: bytes, *, client_id: str) -> ClientDocument:
    """What the document at ``client_id`` says; DocumentRefused where that is not a public client of that very id."""
    try:
        described = ClientDocument.model_validate_json(content)
    except ValidationError as error:
        raise DocumentRefused("it does not describe a client") from error
    if described.client_id != client_id or AUTH_METHOD not in described.auth_methods:
        raise DocumentRefused("it describes another client, or one that is not public")
    return described


async def register(session: AsyncSession, *, metadata: ClientMetadata, address: str, settings: Settings) -> Client:
    """A new client, for which the oldest that nobody has let in make room.

    Raises TooManyAttempts, and TooManyClients while too many wait that are so young that a sign-in may be under way.
    """
    await take(session, Attempt(CLIENT_BY_ADDRESS, address), settings=settings)
    row = {
        "client_id": str(uuid.uuid4()),
        "client_name": metadata.client_name,
        "redirect_uris": metadata.redirect_uris,
        "most": MOST_UNUSED_CLIENTS,
    }
    client_id = await session.scalar(REGISTER, row)
    if client_id is None:
        await forget_unused(session, age=SIGN_IN_LIFETIME, most=ROOM_FOR)
        client_id = await session.scalar(REGISTER, row)
    if client_id is None:
        raise TooManyClients
    return Client(client_id, metadata.client_name, frozenset(metadata.redirect_uris), documented=False)


async def forget_unused(session: AsyncSession, *, age: timedelta, most: int) -> None:
    """Delete the oldest clients that are older than ``age`` and that no student has let in."""
    await session.execute(FORGET, {"age": age, "most": most})


async def _ask_later(database: Database, client_id: str, **learned: list[str]) -> None:
    later = update(OAuthClient).where(OAuthClient.client_id == client_id)
    async with database.transaction() as session:
        await session.execute(later.values(fresh_until=func.now() + SHORTEST_FRESHNESS, **learned))


async def _keep(session: AsyncSession, described: ClientDocument, *, document: Document) -> Client:
    values = {
        "client_name": described.client_name,
        "redirect_uris": described.redirect_uris,
        "fresh_until": func.now() + document.fresh_for,
    }
    statement = insert(OAuthClient).values(client_id=described.client_id, **values)
    row = await session.scalar(
        statement.on_conflict_do_update(index_elements=["client_id"], set_=values).returning(OAuthClient)
    )
    if row is None:
        raise UnknownClient
    return Client.of(row)


def _chatgpt_as_we_know_it() -> bytes:
    """ChatGPT's document, as it was when this was written."""
    return files("core.auth.oauth").joinpath("chatgpt_client.json").read_bytes()

"""The authorization server's endpoints for programs: metadata, tokens, revocation, registration, exchange."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Request, Response, status
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import ValidationError

from core import security
from core.auth.desk import ClientAddress
from core.auth.oauth import issuing, registry
from core.auth.oauth.clients import AUTH_METHOD, GRANT_TYPES, SCOPE, ClientMetadata
from core.auth.oauth.grants import ClientAuthenticated, OAuthRefused, Parameters
from core.clock import Now
from core.database import RequestDatabase
from core.errors import ServiceError
from core.security import RequestSettings
from core.settings import Settings

FORM = "application/x-www-form-urlencoded"
MOST_PARAMETERS = 40
LARGEST_REGISTRATION = 16 * 1024
OPEN_TO_ANY_PAGE = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "Content-Type, MCP-Protocol-Version",
    "Access-Control-Max-Age": "86400",
}
NOT_KEPT = {"Cache-Control": "no-store", "Pragma": "no-cache"}
METADATA = "/.well-known/oauth-authorization-server"
RESOURCE_METADATA = "/.well-known/oauth-protected-resource"
APP_RESOURCE_METADATA = f"{RESOURCE_METADATA}/mcp"


class ProtocolRoute(APIRoute):
    """A route whose refusals are those of RFC 6749, section 5.2, and which a page of any origin may call.

    No cookie counts here, so nothing is given away by that. These routes open their transactions themselves: the one
    that FastAPI would open for them is committed outside, where a failure could not be worded.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's own handler, with the refusals rendered."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                answer = await handler(request)
            except ServiceError as error:
                word = error.error if isinstance(error, OAuthRefused) else _word_for(error)
                body = {"error": word, "error_description": error.message}
                answer = JSONResponse(body, error.status, headers={**error.headers, **NOT_KEPT})
            answer.headers.update(OPEN_TO_ANY_PAGE)
            return answer

        return handle


def _word_for(error: ServiceError) -> str:
    busy = error.status in {status.HTTP_429_TOO_MANY_REQUESTS, status.HTTP_503_SERVICE_UNAVAILABLE}
    return "temporarily_unavailable" if busy else "invalid_request"


async def read_form(request: Request) -> Parameters:
    """The parameters of a form; OAuthRefused for any other body."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise OAuthRefused("invalid_request", f"A body of the type {FORM} is expected.")
    body = (await request.body()).decode("utf-8", "replace")
    try:
        return Parameters(parse_qsl(body, keep_blank_values=True, max_num_fields=MOST_PARAMETERS))
    except ValueError as error:
        raise OAuthRefused("invalid_request", "The body cannot be read.") from error


async def refuse_authentication(request: Request) -> None:
    """Raise ClientAuthenticated where a client shows more than its id."""
    if "authorization" in request.headers:
        raise ClientAuthenticated


Form = Annotated[Parameters, Depends(read_form)]

router = APIRouter(route_class=ProtocolRoute, include_in_schema=False)
exchange_router = APIRouter(route_class=ProtocolRoute, include_in_schema=False)


@router.get(METADATA)
async def read_metadata(settings: RequestSettings) -> JSONResponse:
    """Where everything is, and what this server can (RFC 8414)."""
    return JSONResponse(metadata(settings))


@router.get(RESOURCE_METADATA)
@router.get(APP_RESOURCE_METADATA)
async def read_resource_metadata(settings: RequestSettings) -> JSONResponse:
    """Whose tokens the ChatGPT app takes (RFC 9728), at the address that its own makes, and at the shortest."""
    return JSONResponse(
        {
            "resource": settings.app_resource,
            "authorization_servers": [settings.public_url],
            "scopes_supported": [SCOPE],
            "bearer_methods_supported": ["header"],
            "resource_name": "Course Companion",
        }
    )


@router.options("/oauth/token")
@router.options("/oauth/revoke")
@router.options("/oauth/register")
@router.options(METADATA)
@router.options(RESOURCE_METADATA)
@router.options(APP_RESOURCE_METADATA)
async def allow_any_page() -> Response:
    """What a browser asks before a page of another origin may call."""
    return Response(status_code=status.HTTP_204_NO_CONTENT)


@router.post("/oauth/token", dependencies=[Depends(refuse_authentication)])
async def issue_tokens(asked: Form, database: RequestDatabase, settings: RequestSettings, now: Now) -> JSONResponse:
    """Tokens for a code or a refresh token."""
    async with database.transaction() as session:
        tokens = await issuing.issue(session, asked=asked, settings=settings, now=now)
    return JSONResponse(tokens, headers=NOT_KEPT)


@router.post("/oauth/revoke", dependencies=[Depends(refuse_authentication)])
async def revoke_token(asked: Form, database: RequestDatabase, settings: RequestSettings) -> Response:
    """End what a token belongs to."""
    async with database.transaction() as session:
        await issuing.revoke(session, asked=asked, settings=settings)
    return Response(headers=NOT_KEPT)


@router.post("/oauth/register")
async def register_client(
    request: Request, database: RequestDatabase, settings: RequestSettings, address: ClientAddress, now: Now
) -> JSONResponse:
    """A new client (RFC 7591), which is a public one whatever it asked to be."""
    described = read_client_metadata(await request.body())
    async with database.transaction() as session:
        client = await registry.register(session, metadata=described, address=address, settings=settings)
    made = {
        "client_id": client.client_id,
        "client_id_issued_at": int(now.timestamp()),
        **described.model_dump(exclude_none=True),
        "grant_types": GRANT_TYPES,
        "response_types": ["code"],
        "token_endpoint_auth_method": AUTH_METHOD,
        "scope": SCOPE,
    }
    return JSONResponse(made, status.HTTP_201_CREATED, headers=NOT_KEPT)


@exchange_router.post("/internal/v1/oauth/token", dependencies=[Depends(security.trusted_service)])
async def exchange_token(asked: Form, database: RequestDatabase, settings: RequestSettings, now: Now) -> JSONResponse:
    """A token of the API for one of the ChatGPT app (RFC 8693), for the app only: the gateway never routes this."""
    async with database.transaction() as session:
        token = await issuing.exchange(session, asked=asked, settings=settings, now=now)
    return JSONResponse(token, headers=NOT_KEPT)


def metadata(settings: Settings) -> dict[str, Any]:
    """The authorization server's description of itself (RFC 8414)."""
    base = f"{settings.public_url}/oauth"
    return {
        "issuer": settings.public_url,
        "authorization_endpoint": f"{base}/authorize",
        "token_endpoint": f"{base}/token",
        "revocation_endpoint": f"{base}/revoke",
        "registration_endpoint": f"{base}/register",
        "scopes_supported": [SCOPE],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": GRANT_TYPES,
        "token_endpoint_auth_methods_supported": [AUTH_METHOD],
        "revocation_endpoint_auth_methods_supported": [AUTH_METHOD],
        "code_challenge_methods_supported": ["S256"],
        "client_id_metadata_document_supported": True,
        "authorization_response_iss_parameter_supported": True,
        "protected_resources": [settings.app_resource],
    }


def read_client_metadata(body: bytes) -> ClientMetadata:
    """What a client says of itself; OAuthRefused in the words of RFC 7591, section 3.2.2."""
    if len(body) > LARGEST_REGISTRATION:
        raise OAuthRefused("invalid_client_metadata", f"More than {LARGEST_REGISTRATION} bytes are not read.")
    try:
        return ClientMetadata.model_validate_json(body)
    except ValidationError as error:
        place = error.errors(include_url=False, include_input=False)[0]["loc"]
        if place[:1] == ("redirect_uris",):
            problem = "One to twenty addresses are needed: https, http on this machine, or an app's own scheme."
            raise OAuthRefused("invalid_redirect_uri", problem) from error
        raise OAuthRefused("invalid_client_metadata", "This is not the metadata of a client.") from error

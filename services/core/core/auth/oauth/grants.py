"""What the library checks in an authorization or token request, and the words it refuses with. No I/O.

authlib validates; what follows from a valid request (a code, a session, tokens) is the service's to do. So its grants
are handed what they would look up, and their methods that would write are never called.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from authlib.oauth2 import OAuth2Error, OAuth2Request
from authlib.oauth2.rfc6749 import AuthorizationServer, OAuth2Payload
from authlib.oauth2.rfc6749.errors import InvalidClientError, InvalidRequestError, UnsupportedResponseTypeError
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, RefreshTokenGrant
from authlib.oauth2.rfc7636 import CodeChallenge

from core.auth.oauth.clients import AUTH_METHOD, SCOPE, Client
from core.errors import ServiceError

MAY_REPEAT = {"resource"}


class OAuthRefused(ServiceError):
    """A request that OAuth refuses: ``error`` is the standard's word for it."""

    status = 400
    code = "INVALID_REQUEST"
    keeps_changes = True  # a family that a replayed code or token has ended stays ended

    def __init__(self, error: str, description: str | None = None) -> None:
        super().__init__(description)
        self.error = error


class ClientAuthenticated(OAuthRefused):
    """Clients do not authenticate here: send the client_id in the body, and no Authorization header."""

    status = 401

    def __init__(self) -> None:
        super().__init__(InvalidClientError.error)
        self.headers = {"WWW-Authenticate": 'Basic realm="Course Companion"'}  # RFC 6749, section 5.2, wants it


class Parameters(OAuth2Payload):
    """The parameters of one request, as they were sent: each name with all its values, empty ones left out."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._values: dict[str, list[str]] = defaultdict(list)
        for name, value in pairs:
            if value:  # RFC 6749, section 3.1: one without a value counts as left out
                self._values[name].append(value)

    @property
    def data(self) -> dict[str, str]:
        """The first value of each."""
        return {name: values[0] for name, values in self._values.items()}

    @property
    def datalist(self) -> dict[str, list[str]]:
        """All values of each."""
        return dict(self._values)

    def only(self, name: str) -> str | None:
        """The one value of a parameter; None where there is none, or more than one."""
        values = self._values.get(name, [])
        return values[0] if len(values) == 1 else None

    def needed(self, name: str) -> str:
        """The value of a parameter; OAuthRefused where it was left out."""
        value = self.data.get(name)
        if value is None:
            raise OAuthRefused("invalid_request", f"The parameter {name} is missing.")
        return value

    def refuse_repeated(self) -> None:
        """Raise OAuthRefused where a parameter that may stand once stands twice, or one cannot be stored."""
        for name, values in self._values.items():
            if len(values) > 1 and name not in MAY_REPEAT:
                raise OAuthRefused("invalid_request", "A parameter was sent more than once.")
            if any("\0" in value for value in values):
                raise OAuthRefused("invalid_request", "A parameter holds the character U+0000.")

    def refuse_other_resource(self, resource: str) -> None:
        """Raise OAuthRefused where access to anything but ``resource`` is asked for (RFC 8707); none means it."""
        if any(asked != resource for asked in self._values.get("resource", [])):
            raise OAuthRefused("invalid_target", f"There is one resource here: {resource}")


@dataclass(frozen=True)
class Credential:
    """A code or a refresh token that was shown and is ours: what it was given out for."""

    session_id: UUID
    client_id: str
    redirect_uri: str
    code_challenge: str
    scope: str
    resource: str
    generation: int = 0
    code_challenge_method: str = "S256"

    def get_redirect_uri(self) -> str:
        """Where the code was sent."""
        return self.redirect_uri

    def get_scope(self) -> str:
        """What was granted."""
        return self.scope

    def check_client(self, client: Client) -> bool:
        """Whether it was given to this client."""
        return self.client_id == client.client_id


def check_authorization(asked: Parameters, *, client: Client) -> str:
    """The scope that a valid authorization request asks for; OAuthRefused for any other."""
    if asked.data.get("response_type") != "code":  # authlib would put what was sent into its answer
        raise OAuthRefused(UnsupportedResponseTypeError.error, "The response type is code.")
    try:
        grant: Any = _Server(client).get_authorization_grant(_request("GET", asked))
        grant.validate_consent_request()
    except OAuth2Error as error:
        raise _refused(error) from error
    scope: str = grant.request.scope
    return scope


def check_client(asked: Parameters, *, client: Client | None) -> None:
    """Raise OAuthRefused where a request does not come from a client that we know."""
    try:
        _Server(client).authenticate_client(_request("POST", asked), [AUTH_METHOD])
    except OAuth2Error as error:
        raise _refused(error) from error


def check_token_request(asked: Parameters, *, client: Client | None, credential: Credential | None) -> None:
    """Raise OAuthRefused where a token request is not one for which ``credential`` was given out."""
    try:
        grant: Any = _Server(client, credential).get_token_grant(_request("POST", asked))
        grant.validate_token_request()
    except OAuth2Error as error:
        raise _refused(error) from error


class _S256(CodeChallenge):
    """Proof Key for Code Exchange, which every client needs here, by S256 only."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]  # noqa: RUF012  # set as the library wants it

    def validate_code_challenge(self, grant: AuthorizationCodeGrant, redirect_uri: str) -> None:
        """Refuse a request without a challenge, which the library would take for an old client's."""
        payload = grant.request.payload
        if payload is None or not {"code_challenge", "code_challenge_method"} <= payload.data.keys():
            raise InvalidRequestError("A code_challenge with code_challenge_method S256 is needed.")
        super().validate_code_challenge(grant, redirect_uri)


class _CodeGrant(AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = [AUTH_METHOD]  # noqa: RUF012  # set as the library wants it

    def query_authorization_code(self, code: str, client: Any) -> Credential | None:  # noqa: ARG002  # it is at hand
        credential: Credential | None = self.server.credential
        return credential if credential and credential.check_client(client) else None


class _RefreshGrant(RefreshTokenGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = [AUTH_METHOD]  # noqa: RUF012  # set as the library wants it

    def authenticate_refresh_token(self, refresh_token: str) -> Any:  # noqa: ARG002  # it is at hand
        return self.server.credential


class _Server(AuthorizationServer):
    """The library's server for one request."""

    def __init__(self, client: Client | None, credential: Credential | None = None) -> None:
        super().__init__(scopes_supported=[SCOPE])
        self.client = client
        self.credential = credential
        self.register_grant(_CodeGrant, [_S256()])
        self.register_grant(_RefreshGrant)

    def query_client(self, client_id: str) -> Any:
        return self.client if self.client and self.client.client_id == client_id else None

    def create_oauth2_request(self, request: OAuth2Request) -> OAuth2Request:
        return request

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Nobody listens."""


class _Request(OAuth2Request):
    @property
    def form(self) -> dict[str, str]:
        return {} if self.payload is None else self.payload.data


def _request(method: str, asked: Parameters) -> OAuth2Request:
    # TLS ends at the gateway, whose address the operator sets; the library's own check of it has nothing to see here.
    request = _Request(method, "https://core.internal/oauth")
    request.payload = asked
    return request


def _refused(error: OAuth2Error) -> OAuthRefused:
    if error.error == InvalidClientError.error:  # the library would name its methods, as Python writes a list
        return OAuthRefused(error.error, "Send the client_id of a client that is known here, and no client_secret.")
    return OAuthRefused(
        error.error or "invalid_request", error.get_error_description() or "It is not valid here, or not any more."
    )

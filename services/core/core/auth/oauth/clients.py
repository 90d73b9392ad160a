"""OAuth clients: what a program that asks students for access says of itself, and what of that is taken.

Two kinds. A *documented* client's id is the https address of its metadata document, so its host is known for certain. A
*registered* one has told us about itself (RFC 7591), and nothing it says is proved.
"""

import re
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, Field

from core.models import OAuthClient

SCOPE = "learn"
GRANT_TYPES = ("authorization_code", "refresh_token")
AUTH_METHOD = "none"
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
LOOPBACK_PORT = re.compile(r"\A(http://(?:127\.0\.0\.1|\[::1\])):[0-9]{1,5}(?=[/?]|\Z)")
# It is shown to students and written into a page's policy: so nothing but a host name or a bracketed IP, and a port.
HOST_AND_PORT = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")


def _redirect_uri(uri: str) -> str:
    """An address that a browser may be sent to with a code: https, this very machine, or an app's own scheme."""
    if not all("!" <= character <= "~" for character in uri) or "\\" in uri:
        raise ValueError("an address has no spaces, backslashes or characters outside ASCII")
    parts = urlsplit(uri)
    if "#" in uri or "@" in parts.netloc:
        raise ValueError("an address here has neither a fragment nor a user name")
    if parts.netloc and not HOST_AND_PORT.fullmatch(parts.netloc):
        raise ValueError("a host is a name of letters, digits, dots and hyphens, or an IP address")
    web = parts.scheme == "https" and parts.hostname
    loopback = parts.scheme == "http" and parts.hostname in LOOPBACK
    own_scheme = "." in parts.scheme  # RFC 8252, section 7.1: a domain name in reverse
    if not (web or loopback or own_scheme):
        raise ValueError("https, http on localhost, or an app's own scheme such as com.example.app is expected")
    return uri


def _client_name(name: str) -> str:
    """A name to show on a page: printable, so that it can hide or turn round nothing."""
    if not name.isprintable():
        raise ValueError("a name holds no control characters")
    return name


def is_loopback(uri: str) -> bool:
    """Whether an address is on the very machine that asks for it."""
    parts = urlsplit(uri)
    return parts.scheme in {"http", "https"} and parts.hostname in LOOPBACK


def _without_port(uri: str) -> str:
    return LOOPBACK_PORT.sub(r"\1", uri)


def place_of(uri: str) -> str:
    """What a student is told about where an address leads: its host, or an app's own scheme."""
    parts = urlsplit(uri)
    return parts.netloc or parts.scheme


RedirectUri = Annotated[str, Field(max_length=2000), AfterValidator(_redirect_uri)]


class ClientMetadata(BaseModel):
    """What a client says of itself, as far as it matters here (RFC 7591, section 2). Other members are ignored."""

    client_name: Annotated[str, Field(max_length=200), AfterValidator(_client_name)] | None = None
    redirect_uris: Annotated[list[RedirectUri], Field(min_length=1, max_length=20)]


class ClientDocument(ClientMetadata):
    """A client's metadata document. ChatGPT names its methods in the plural member, and another in the singular."""

    client_id: str
    token_endpoint_auth_method: str = AUTH_METHOD
    token_endpoint_auth_methods_supported: list[str] | None = None

    @property
    def auth_methods(self) -> set[str]:
        """How the client can authenticate itself."""
        return set(self.token_endpoint_auth_methods_supported or [self.token_endpoint_auth_method])


@dataclass(frozen=True)
class Client:
    """A client as authlib's grants ask about it, and as the consent page names it."""

    client_id: str
    name: str | None
    redirect_uris: frozenset[str]
    documented: bool

    @classmethod
    def of(cls, row: OAuthClient) -> "Client":
        """The client that a row describes."""
        documented = row.fresh_until is not None
        return cls(row.client_id, row.client_name, frozenset(row.redirect_uris), documented)

    @property
    def host(self) -> str:
        """The host of a client's document, which is what it is known by."""
        return place_of(self.client_id)

    def vouches_for(self, redirect_uri: str) -> bool:
        """Whether an address of the client is known to be its own, or at least to lead nowhere but to this machine."""
        return self.documented or is_loopback(redirect_uri)

    def get_client_id(self) -> str:
        """The id."""
        return self.client_id

    def get_default_redirect_uri(self) -> str:
        """None: a request has to say where its answer goes."""
        return ""

    def get_allowed_scope(self, scope: str | None) -> str:
        """The scope that is granted, also where none was asked for."""
        return " ".join((scope or "").split()) or SCOPE

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Whether this is, character by character, an address that the client has named; on this machine but its port.

        A program of the student's own takes the port that is free (RFC 8252, section 7.3). The name localhost is exact.
        """
        return _without_port(redirect_uri) in map(_without_port, self.redirect_uris)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:  # noqa: ARG002  # authlib's signature
        """Every client here is a public one."""
        return method == AUTH_METHOD

    def check_response_type(self, response_type: str) -> bool:
        """Codes only."""
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        """Codes and refresh tokens."""
        return grant_type in GRANT_TYPES

"""Access and refresh tokens: minted and read here, and nothing else. No I/O.

An access token is a JWT that names a student, a session and its audience: the API, or the ChatGPT app; never a tier or
a role. A token for one of them is worth nothing to the other. A refresh token is
``<session_id>.<generation>.<mac>``: nothing secret has to be stored, and the next generation is one update away.
The first key of ``secrets`` signs and every one verifies, so that a key can be replaced while people are signed in.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import jwt

ALGORITHM = "HS256"
AUDIENCE = "course-companion-api"
ISSUER = "course-companion"
ACCESS_TOKEN_LIFETIME = timedelta(hours=1)
REQUIRED_CLAIMS = ["sub", "sid", "aud", "iss", "iat", "exp"]
LONGEST_TOKEN = 4096
REFRESH_PURPOSE = b"course-companion refresh token"
OAUTH_REFRESH_PURPOSE = b"course-companion refresh token of an OAuth client"


class InvalidToken(Exception):
    """Not a token of ours, or one that has run out."""


@dataclass(frozen=True)
class AccessClaims:
    """What an access token says: whose, of which session, until when."""

    student_id: UUID
    session_id: UUID
    expires_at: datetime


@dataclass(frozen=True)
class RefreshClaims:
    """What a refresh token says: which session, and how often that had been rotated before."""

    session_id: UUID
    generation: int


def mint_access_token(
    *,
    student_id: UUID,
    session_id: UUID,
    secret: str,
    now: datetime,
    audience: str = AUDIENCE,
    lifetime: timedelta = ACCESS_TOKEN_LIFETIME,
) -> str:
    """A bearer token for ``audience``, valid from ``now``; by default for the API, and an hour."""
    claims = {
        "sub": str(student_id),
        "sid": str(session_id),
        "aud": audience,
        "iss": ISSUER,
        "iat": int(now.timestamp()),
        "exp": int((now + lifetime).timestamp()),
    }
    return jwt.encode(claims, secret, algorithm=ALGORITHM)


def read_access_token(
    token: str, *, secrets: Sequence[str], audience: str = AUDIENCE, also_expired: bool = False
) -> AccessClaims:
    """The claims of a token for ``audience`` that one of ``secrets`` signed and that has not run out.

    InvalidToken for anything else; ``also_expired`` takes one that has run out, which says still whose it was.
    """
    if len(token) > LONGEST_TOKEN:
        raise InvalidToken
    for secret in secrets:
        try:
            claims = jwt.decode(
                token,
                secret,
                algorithms=[ALGORITHM],
                audience=audience,
                issuer=ISSUER,
                options={"require": REQUIRED_CLAIMS, "verify_exp": not also_expired},
            )
            return AccessClaims(
                student_id=UUID(claims["sub"]),
                session_id=UUID(claims["sid"]),
                expires_at=datetime.fromtimestamp(claims["exp"], UTC),
            )
        except jwt.InvalidSignatureError:
            continue
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError, OverflowError, OSError, RecursionError) as error:
            raise InvalidToken from error
    raise InvalidToken


def mint_refresh_token(claims: RefreshClaims, *, secret: str, purpose: bytes = REFRESH_PURPOSE) -> str:
    """The refresh token of one generation of one session: always the same for the same claims, key and purpose."""
    named = f"{claims.session_id}.{claims.generation}"
    return f"{named}.{_mac(named, secret, purpose)}"


def read_refresh_token(token: str, *, secrets: Sequence[str], purpose: bytes = REFRESH_PURPOSE) -> RefreshClaims:
    """The claims of a refresh token that core made for ``purpose``, current or not; InvalidToken for anything else."""
    named, _, mac = token.rpartition(".")
    if not any(hmac.compare_digest(_mac(named, secret, purpose).encode(), mac.encode()) for secret in secrets):
        raise InvalidToken
    session_id, _, generation = named.partition(".")
    return RefreshClaims(session_id=UUID(session_id), generation=int(generation))


def keyed_digest(data: bytes, *, purpose: bytes, secret: str) -> bytes:
    """A digest that only a holder of ``secret`` can compute, and that is of no use for another ``purpose``."""
    key = hmac.digest(secret.encode(), purpose, hashlib.sha256)
    return hmac.digest(key, data, hashlib.sha256)


def _mac(named: str, secret: str, purpose: bytes) -> str:
    digest = keyed_digest(named.encode(), purpose=purpose, secret=secret)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

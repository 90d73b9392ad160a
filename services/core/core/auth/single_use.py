"""The tokens that work once: minted and read here, and nothing else. No I/O.

A mail carries one, and the redirect back to an OAuth client. It is the id of a row and a MAC over it for one purpose,
in base64: like a refresh token it need not be stored. That it works once is for the row to say.
"""

import base64
import binascii
import hmac
from collections.abc import Sequence
from uuid import UUID

from core.tokens import InvalidToken, keyed_digest

ID_BYTES = 16
TOKEN_BYTES = ID_BYTES + 32


def mint(row_id: UUID, *, kind: str, secret: str) -> str:
    """64 characters that are good in an address and in a line of mail."""
    return base64.urlsafe_b64encode(row_id.bytes + _mac(row_id, kind, secret)).decode()


def read(token: str, *, kind: str, secrets: Sequence[str]) -> UUID:
    """The id of the row that a ``token`` of this kind names; InvalidToken for anything that core did not make."""
    try:
        raw = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise InvalidToken from error
    if len(raw) != TOKEN_BYTES:
        raise InvalidToken
    row_id = UUID(bytes=raw[:ID_BYTES])
    if not any(hmac.compare_digest(_mac(row_id, kind, secret), raw[ID_BYTES:]) for secret in secrets):
        raise InvalidToken
    return row_id


def _mac(row_id: UUID, kind: str, secret: str) -> bytes:
    return keyed_digest(row_id.bytes, purpose=f"course-companion {kind}".encode(), secret=secret)

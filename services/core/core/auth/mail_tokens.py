"""The tokens that mails carry: minted and read here, and nothing else. No I/O.

A token is the mail's id and a MAC over it for one purpose, in base64: like a refresh token it need not be stored. That
it works once is for the mail's row to say.
"""

import base64
import binascii
import hmac
from collections.abc import Sequence
from uuid import UUID

from core.tokens import InvalidToken, keyed_digest

ID_BYTES = 16
TOKEN_BYTES = ID_BYTES + 32


def mint(mail_id: UUID, *, kind: str, secret: str) -> str:
    """64 characters that are good in an address and in a line of mail."""
    return base64.urlsafe_b64encode(mail_id.bytes + _mac(mail_id, kind, secret)).decode()


def read(token: str, *, kind: str, secrets: Sequence[str]) -> UUID:
    """The id of the mail of this kind that carries ``token``; InvalidToken for anything that core did not make."""
    try:
        raw = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise InvalidToken from error
    if len(raw) != TOKEN_BYTES:
        raise InvalidToken
    mail_id = UUID(bytes=raw[:ID_BYTES])
    if not any(hmac.compare_digest(_mac(mail_id, kind, secret), raw[ID_BYTES:]) for secret in secrets):
        raise InvalidToken
    return mail_id


def _mac(mail_id: UUID, kind: str, secret: str) -> bytes:
    return keyed_digest(mail_id.bytes, purpose=f"course-companion {kind}".encode(), secret=secret)

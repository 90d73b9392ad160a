import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.tokens import (
    AUDIENCE,
    ISSUER,
    InvalidToken,
    RefreshClaims,
    mint_access_token,
    mint_refresh_token,
    read_access_token,
    read_refresh_token,
)
from tests.texts import any_text

SECRET, OLD_SECRET, FOREIGN = "s" * 64, "o" * 64, "f" * 64
STUDENT, SESSION = uuid4(), uuid4()


def minted(**changes: Any) -> str:
    return mint_access_token(
        **{"student_id": STUDENT, "session_id": SESSION, "secret": SECRET, "now": datetime.now(UTC), **changes}
    )


def with_claims(**changes: Any) -> str:
    now = int(datetime.now(UTC).timestamp())
    claims = {"sub": str(STUDENT), "sid": str(SESSION), "aud": AUDIENCE, "iss": ISSUER, "iat": now, "exp": now + 60}
    claims = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    return jwt.encode(claims, SECRET, algorithm="HS256")


def test_a_token_names_student_and_session_and_nothing_of_entitlement() -> None:
    claims = read_access_token(minted(), secrets=[SECRET])
    assert (claims.student_id, claims.session_id) == (STUDENT, SESSION)
    assert timedelta(minutes=59) < claims.expires_at - datetime.now(UTC) <= timedelta(hours=1)
    said = jwt.decode(minted(), options={"verify_signature": False})
    assert said.keys() == {"sub", "sid", "aud", "iss", "iat", "exp"}


def test_the_key_before_a_rotation_still_verifies() -> None:
    old = minted(secret=OLD_SECRET)
    assert read_access_token(old, secrets=[SECRET, OLD_SECRET]).student_id == STUDENT
    with pytest.raises(InvalidToken):
        read_access_token(old, secrets=[SECRET])


def alg_none() -> str:
    parts = [{"alg": "none", "typ": "JWT"}, jwt.decode(minted(), options={"verify_signature": False})]
    return ".".join([*(base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=").decode() for p in parts), ""])


def deep_header() -> str:
    return base64.urlsafe_b64encode(b"[" * 2900).decode() + ".e30.x"


BAD: list[str] = [
    "",
    ".",
    "...",
    "token",
    "t\u00f6k\u00ebn",
    "\ud800",
    "a" * 5000,
    alg_none(),
    deep_header(),
    minted(secret=FOREIGN),
    minted(now=datetime.now(UTC) - timedelta(hours=2)),
    jwt.encode({"sub": str(STUDENT)}, SECRET, algorithm="HS512"),
    with_claims(aud="another"),
    with_claims(iss="another"),
    with_claims(sub="not-an-id"),
    with_claims(sid="not-an-id"),
    with_claims(exp="soon"),
    with_claims(exp=10**30),
    with_claims(iat=int(datetime.now(UTC).timestamp()) + 3600),
    *(with_claims(**{name: None}) for name in ("sub", "sid", "aud", "iss", "iat", "exp")),
]


@pytest.mark.parametrize("token", BAD, ids=range(len(BAD)))
def test_anything_else_is_refused_and_never_breaks(token: str) -> None:
    with pytest.raises(InvalidToken):
        read_access_token(token, secrets=[SECRET])


@given(st.uuids(), st.integers(min_value=0, max_value=2**31 - 1))
def test_a_refresh_token_comes_back_and_is_always_the_same(session_id: UUID, generation: int) -> None:
    claims = RefreshClaims(session_id, generation)
    token = mint_refresh_token(claims, secret=SECRET)
    assert token == mint_refresh_token(claims, secret=SECRET)
    assert read_refresh_token(token, secrets=[OLD_SECRET, SECRET]) == claims
    with pytest.raises(InvalidToken):
        read_refresh_token(token, secrets=[FOREIGN])


@given(any_text(200))
def test_no_text_is_a_refresh_token_by_chance(text: str) -> None:
    with pytest.raises(InvalidToken):
        read_refresh_token(text, secrets=[SECRET])


def test_a_refresh_token_cannot_be_moved_to_another_generation() -> None:
    named, _, mac = mint_refresh_token(RefreshClaims(SESSION, 3), secret=SECRET).rpartition(".")
    with pytest.raises(InvalidToken):
        read_refresh_token(f"{named.removesuffix('3')}4.{mac}", secrets=[SECRET])

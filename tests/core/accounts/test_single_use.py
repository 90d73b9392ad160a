from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.auth.single_use import mint, read
from core.tokens import InvalidToken
from tests.texts import any_text

NEW, OLD = "n" * 40, "o" * 40


@given(st.uuids())
def test_a_token_names_its_mail(mail_id: UUID) -> None:
    token = mint(mail_id, kind="password_reset", secret=NEW)
    assert len(token) == 64
    assert read(token, kind="password_reset", secrets=[NEW]) == mail_id


def test_a_token_outlives_a_change_of_key() -> None:
    token = mint(uuid4(), kind="password_reset", secret=OLD)
    read(token, kind="password_reset", secrets=[NEW, OLD])
    with pytest.raises(InvalidToken):
        read(token, kind="password_reset", secrets=[NEW])


@given(st.integers(0, 63), st.sampled_from("ABab01-_"))
def test_a_changed_token_is_none(position: int, letter: str) -> None:
    token = mint(UUID(int=7), kind="password_reset", secret=NEW)
    changed = token[:position] + letter + token[position + 1 :]
    if changed != token:
        with pytest.raises(InvalidToken):
            read(changed, kind="password_reset", secrets=[NEW])


@given(any_text(140))
def test_any_other_text_is_none(text: str) -> None:
    with pytest.raises(InvalidToken):
        read(text, kind="password_reset", secrets=[NEW])


def test_a_token_is_for_one_kind() -> None:
    token = mint(uuid4(), kind="email_verification", secret=NEW)
    with pytest.raises(InvalidToken):
        read(token, kind="password_reset", secrets=[NEW])

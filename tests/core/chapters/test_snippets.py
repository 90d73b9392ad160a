"""The piece of text beside a search hit."""

import re

from hypothesis import given
from hypothesis import strategies as st

from core.chapters.snippets import LENGTH, Span, snippet

TEXT = (
    "Roots hold a plant in the ground. They also take up water. "
    + "Much could be said of stems and of bark and of wood. " * 8
    + "In spring the sap rises, and sap brings sugar to the buds. "
    + "Then summer comes and leaves do the work of feeding. " * 8
)


def spans(text: str, *words: str) -> list[Span]:
    return [match.span() for match in re.finditer("|".join(words), text)]


def test_it_shows_the_most_different_words_together() -> None:
    piece = snippet(TEXT, spans(TEXT, "water", "sap", "sugar", "buds"))
    assert piece.startswith("… In spring the **sap** rises, and **sap** brings **sugar** to the **buds**.")
    assert piece.endswith(" …")


def test_without_a_match_it_is_the_beginning() -> None:
    piece = snippet(TEXT, [])
    assert piece.startswith("Roots hold")
    assert "**" not in piece


def test_a_short_text_is_shown_whole() -> None:
    assert snippet("Bees carry pollen.", [(5, 10)]) == "Bees **carry** pollen."
    assert snippet("", []) == ""


def test_neighbours_are_marked_as_one() -> None:
    text = "The fine-tuning set is small, and tuning, fine as it is, costs."
    assert snippet(text, spans(text, "fine", "tuning")).startswith(
        "The **fine-tuning** set is small, and **tuning**, **fine**"
    )


def test_a_text_without_spaces_is_cut_all_the_same() -> None:
    assert len(snippet("x" * 5_000, [(3_000, 3_010)])) < LENGTH + 20


@given(st.text(alphabet="ab -.", min_size=1, max_size=900))
def test_it_is_a_piece_of_the_text_with_marks(text: str) -> None:
    matched = spans(text, "a+b")
    piece = snippet(text, matched)
    plain = piece.removeprefix("… ").removesuffix(" …").replace("**", "")
    assert plain in text
    assert len(plain) <= LENGTH
    assert piece.count("**") % 2 == 0
    if matched:
        assert "**" in piece

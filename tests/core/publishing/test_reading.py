"""Words counted and reading levels, on texts whose numbers can be worked out by hand."""

import pytest

from core.publishing.reading import (
    count_words,
    overlap,
    reading_grade,
    syllables,
    unclosed_block,
    without_code,
    word_runs,
)


@pytest.mark.parametrize(
    ("markdown", "words"),
    [
        ("", 0),
        ("One two three.", 3),
        ("It's a well-known 16-bit number: 1,200.50!", 6),
        ("## A heading\n\n- one\n- two\n\n1. three", 5),
        ("| Guest | Eats |\n|---|:---:|\n| wild yeast | sugar |", 5),
        ("Before\n\n```mermaid\nflowchart LR\n  A[not counted] --> B\n```\n\nafter", 2),
        ("~~~\nnot counted\n~~~\nafter", 1),
        ("Call `print` now.", 3),
        ("See [two words](section:not-counted) here.", 4),
        ("**Bold** and *slanted* words", 4),
    ],
)
def test_words_of_prose_are_counted(markdown: str, words: int) -> None:
    assert count_words(markdown) == words


@pytest.mark.parametrize(
    ("word", "number"),
    [
        ("a", 1),
        ("bread", 1),
        ("rises", 2),
        ("baked", 1),
        ("wanted", 2),
        ("table", 2),
        ("model", 2),
        ("being", 2),
        ("science", 2),
        ("patient", 2),
        ("client", 2),
        ("friend", 1),
        ("variable", 4),
        ("mechanism", 4),
        ("probability", 5),
        ("hmm", 1),
    ],
)
def test_syllables_are_estimated(word: str, number: int) -> None:
    assert syllables(word) == number


def test_the_grade_is_that_of_flesch_and_kincaid() -> None:
    # ten words of one syllable in two sentences
    assert reading_grade("The cat sat on it. The dog ran to us.") == pytest.approx(0.39 * 5 + 11.8 * 1 - 15.59)
    # four words, one sentence, 1 + 4 + 4 + 1 syllables
    assert reading_grade("A community activity, too!") == pytest.approx(0.39 * 4 + 11.8 * 10 / 4 - 15.59)
    assert reading_grade("") == 0


def test_paragraphs_and_list_items_end_sentences_and_tables_are_none() -> None:
    sentences = "The cat sat on it. The dog ran to us."
    assert reading_grade("- The cat sat on it\n- The dog ran to us") == reading_grade(sentences)
    assert reading_grade("The cat sat on it\n\nThe dog ran to us") == reading_grade(sentences)
    decorated = (
        f"## Extraordinary considerations\n\n{sentences}\n\n| community | activity |\n|---|---|\n| organisation | x |"
    )
    assert reading_grade(decorated) == reading_grade(sentences)


def test_code_leaves_the_lines_where_they_are() -> None:
    text = "one\n```python\n# no heading\n```\nfive"
    assert without_code(text).split("\n")[4] == "five"
    assert "heading" not in without_code(text)
    assert unclosed_block(text) is None
    assert unclosed_block("one\n\n```\ntwo") == 2
    assert unclosed_block("````\n```\n````\nend") is None


def test_copies_are_told_from_texts_of_ones_own() -> None:
    one = word_runs("The yeast eats sugar and makes gas, which lifts the dough.")
    assert overlap(one, one) == 1
    assert overlap(one, word_runs("Bacteria turn what they eat into acids that taste sour.")) == 0
    assert (
        overlap(one, word_runs("Long ago: the yeast eats sugar and makes gas, which lifts the dough. So there.")) == 1
    )
    assert overlap(word_runs("gas"), one) == 0
    assert overlap(word_runs(""), one) == 0

"""Ranking, stems, typing mistakes: what a search over the small course finds."""

import pytest
from hypothesis import given, settings

from core.chapters.search import Hit, Index, plain_text
from tests.core.factories import tiny_course
from tests.texts import any_text

INDEX = Index(tiny_course().chapters.values())


def found(query: str, **filters: str) -> list[str]:
    return [hit.section.section_id for hit in INDEX.search(query, **filters)]


@pytest.mark.parametrize(
    ("query", "best"),
    [
        ("germination", "how-seeds-wake"),
        ("swelling", "how-seeds-wake"),  # the text says "swells"
        ("SEEDLINGS", "what-seeds-store"),
        ("insect", "colours-that-call"),
        ("clorophyl", "catching-light"),  # two letters left out
        ("photosyntesis", "making-sugar"),
        ("strach", "what-seeds-store"),  # two letters exchanged
        ("carb", "making-sugar"),  # a word not yet typed to its end
        ("who carries the pollen?", "carrying-pollen"),
        ("making sugar", "making-sugar"),
        ("leaf's pores", "making-sugar"),
    ],
)
def test_the_best_section_comes_first(query: str, best: str) -> None:
    assert found(query)[0] == best


@pytest.mark.parametrize("query", ["", "   ", "?!*", "zeppelin", "xyz", "sta ste", "\0", "🌱"])
def test_what_stands_nowhere_is_not_found(query: str) -> None:
    assert found(query) == []


def test_short_words_are_not_guessed() -> None:
    assert "how-seeds-wake" in found("air")
    assert found("aur") == []


def test_a_word_in_a_title_counts_for_more_than_one_in_the_text() -> None:
    hits = INDEX.search("seeds")
    assert hits[0].chapter.chapter_id == "01-first"
    assert [hit.section.section_id for hit in hits][-1] == "carrying-pollen"


def test_small_words_alone_decide_nothing_beside_others() -> None:
    assert found("what is the nectar") == found("nectar")
    assert len(found("the")) > 1


def test_the_filter_keeps_one_chapter() -> None:
    assert "making-sugar" in found("water")
    assert found("water", chapter_id="01-first") == ["how-seeds-wake"]
    assert found("water", chapter_id="03-third") == []


def test_more_of_the_words_is_more_relevant() -> None:
    both, one = INDEX.search("nectar colour")[0], INDEX.search("nectar zeppelin")[0]
    assert both.section == one.section
    assert both.relevance > one.relevance


def test_a_word_written_right_is_more_relevant_than_one_written_wrong() -> None:
    right, wrong = INDEX.search("chlorophyll")[0], INDEX.search("chlorophylk")[0]
    assert right.section == wrong.section
    assert right.relevance > wrong.relevance


def test_the_places_are_those_of_the_words() -> None:
    hit = INDEX.search("sugar")[0]
    assert {hit.text[a:b].lower() for a, b in hit.matched} == {"sugar"}


def test_an_empty_course_can_be_searched() -> None:
    assert Index([]).search("anything at all") == []


@settings(deadline=None)
@given(any_text(200))
def test_any_query_gets_an_ordered_answer_within_bounds(query: str) -> None:
    hits: list[Hit] = INDEX.search(query)
    relevances = [hit.relevance for hit in hits]
    assert relevances == sorted(relevances, reverse=True)
    assert all(0 < relevance < 1 for relevance in relevances)
    assert hits == INDEX.search(query)


def test_markdown_leaves_no_marks() -> None:
    markdown = (
        '# A title\n\nOne *small* `word` and [a link](https://example.org/x "t").\nNext line<br>here.\n\n'
        "- first\n- **second**;\n\n| a | b |\n|---|---|\n| c | d |\n\n"
        "```mermaid\ngraph TD\n  A-->B\n```\n\n```python\nx = 2 ** 3\n```\n"
    )
    assert plain_text(markdown) == (
        "A title. One small word and a link. Next linehere. first. second; a. b. c. d. x = 2 3."
    )


def test_diagrams_are_not_searched() -> None:
    assert "flowchart" in tiny_course().chapters["01-first"].sections[0].content_markdown
    assert found("flowchart") == []

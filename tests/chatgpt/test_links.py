import re
from pathlib import Path

import pytest

from chatgpt_app.tools.chapters import _readable
from tests.simulator.running import ROOT

TEXTS = sorted((ROOT / "content").glob("*/sections/*.md"))


def test_a_link_to_a_section_becomes_words_that_a_tool_understands() -> None:
    written = "As [few-shot\nprompting](section:teaching-by-example) showed, `a[0](b)` and [b] stay."
    assert _readable(written) == (
        "As few-shot\nprompting (section teaching-by-example) showed, `a[0](b)` and [b] stay."
    )


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_no_text_of_the_course_keeps_a_link_that_a_chat_cannot_open(path: Path) -> None:
    assert not re.search(r"\]\(", _readable(path.read_text(encoding="utf-8")))

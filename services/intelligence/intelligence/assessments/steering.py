"""Finds sentences of an answer that talk to whoever grades it instead of answering. Pure.

Such sentences are taken out before the model sees the answer: what is not there can not be obeyed. `orders.py` holds
what they look like in fifteen languages. A lesson on prompt injection quotes such orders, so a turn of phrase that the
question, its rubric or its examples use counts for nothing.
"""

import re
from collections.abc import Iterable

from intelligence.assessments.orders import ORDERS
from intelligence.assessments.visible import visible

_ENDS = r".!?。！？｡؟।\n"  # noqa: RUF001  # full stops of other scripts
_SENTENCE = re.compile(rf"[^{_ENDS}]+(?:[{_ENDS}]+|$)\s*|[{_ENDS}]+\s*")
# The same, but a line that goes on with a letter goes on with its sentence.
_WRAPPED_SENTENCE = re.compile(rf"(?:[^{_ENDS}]|(?<![{_ENDS}])\n(?=[ \t]*[^\W\d_]))+(?:[{_ENDS}]+|$)\s*|[{_ENDS}]+\s*")
# A word of Latin letters with Greek or Cyrillic ones among them that look the same.
_MIXED_WORD = re.compile(r"\b(?=\w*[a-zA-Z])(?=\w*[\u0370-\u04ff])\w+\b")
_LOOKS_LATIN = str.maketrans(
    "\u0430\u0432\u0435\u0456\u043a\u043c\u043d\u043e\u0440\u0441\u0442\u0443\u0445\u0455\u0458\u03b1\u03b5\u03b9\u03ba\u03bf\u03bd\u03c1\u03c4\u03c5",
    "abeikmhopctyxsjaeikonptu",
)
_SPACED_WORD = re.compile(r"\b\w(?: \w){2,}\b")
_ORDERS = tuple(re.compile(pattern, re.IGNORECASE) for patterns in ORDERS.values() for pattern in patterns)


def sentences(text: str) -> list[str]:
    """The text cut into sentences and lines; joined again they are the text."""
    return _SENTENCE.findall(text)


def steers(sentence: str, course_texts: Iterable[str]) -> bool:
    """Whether the sentence gives orders to its grader in words that no text of the question uses."""
    course_text = "\n".join(course_texts)
    plain = _undisguised(sentence)
    return any(order.search(plain) and not order.search(course_text) for order in _ORDERS)


def _undisguised(sentence: str) -> str:
    """The sentence as a reader sees it, in one line: no invisible, look-alike or spread letters."""
    in_one_line = " ".join(line.strip() for line in visible(sentence).splitlines())
    latin = _MIXED_WORD.sub(lambda word: word[0].casefold().translate(_LOOKS_LATIN), in_one_line)
    return _SPACED_WORD.sub(lambda word: word[0].replace(" ", ""), latin)


def without_steering(answer: str, course_texts: Iterable[str]) -> str:
    """The answer with every steering sentence left out; the same text when there is none."""
    texts = tuple(course_texts)
    harmless: set[str] = set()  # most sentences are the same however the answer is cut
    for cut in (_SENTENCE, _WRAPPED_SENTENCE):
        kept = [one for one in cut.findall(answer) if one in harmless or not steers(one, texts)]
        harmless.update(kept)
        answer = "".join(kept)
    return answer

"""Finds sentences of an answer that talk to whoever grades it instead of answering. Pure.

Such sentences are taken out before the model sees the answer: what is not there can not be obeyed. `orders.py` holds
what they look like in eleven languages. A lesson on prompt injection quotes such orders, so a turn of phrase that the
question, its rubric or its examples use counts for nothing.
"""

import re
from collections.abc import Iterable

from intelligence.assessments.orders import ORDERS

_ENDS = r".!?。！？｡؟।\n"  # noqa: RUF001  # full stops of other scripts
_SENTENCE = re.compile(rf"[^{_ENDS}]+(?:[{_ENDS}]+|$)\s*|[{_ENDS}]+\s*")
_ORDERS = tuple(re.compile(pattern, re.IGNORECASE) for patterns in ORDERS.values() for pattern in patterns)


def sentences(text: str) -> list[str]:
    """The text cut into sentences and lines; joined again they are the text."""
    return _SENTENCE.findall(text)


def steers(sentence: str, course_texts: Iterable[str]) -> bool:
    """Whether the sentence gives orders to its grader in words that no text of the question uses."""
    course_text = "\n".join(course_texts)
    return any(order.search(sentence) and not order.search(course_text) for order in _ORDERS)


def without_steering(answer: str, course_texts: Iterable[str]) -> str:
    """The answer with every steering sentence left out; the same text when there is none."""
    texts = tuple(course_texts)
    return "".join(sentence for sentence in sentences(answer) if not steers(sentence, texts))

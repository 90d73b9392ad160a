"""Telling an answer from an attempt to steer whoever grades it."""

import re

GAP = r"[^.!?\n]{0,30}\b"  # a few words of the same sentence
RULES = r"(instructions?|prompts?|rules|rubric|criteria|guidelines)"
MARKS = r"(marks?|points?|credits?|scores?|grades?|10)"

# Each is worded so that lessons on prompts, scores and rankings do not trip it.
ADDRESSES_THE_GRADER = tuple(
    re.compile(pattern, re.IGNORECASE | re.MULTILINE)
    for pattern in (
        rf"\b(ignore|disregard|forget|override)\b{GAP}(all|any|previous|prior|above|your)\b{GAP}{RULES}\b",
        rf"\b(give|award|grant|assign)\b{GAP}(full|maximum|max|perfect|highest|top|10)\b{GAP}{MARKS}\b",
        r"\b(grade|score|mark|rate|judge|treat|count|accept) (this|my|the) (answer|response|essay|text|work)\b",
        r"\b(mark|grade|count) (this|it|me|everything) (as )?(full|fully|correct|excellent|perfect)\b",
        r"\b(dear|attention|hey|note to|message to) (the )?(ai |llm )?(grad|examin|teach|evaluat|mark)(er|or|ing)\b",
        r"\byou (are now|(must|will|should) (now )?(give|grade|award|score|mark))\b",
        r"\b(new|updated|secret) instructions?\s*:",
        r"^\W*(system|developer|admin|assistant)\s*:",
        r"\b(system|developer|admin) (override|mode|note)\b",
        r"\blevel[\"']?\s*[:=]\s*[\"']?(full|partial|none)\b",
        r"</?(input|task)>",
        r"\bset (the |my |every |each |all )?(levels?|grades?|marks?|confidence|off_topic)\b[^.!?\n]{0,20}( to |=)",
        r"\b(score|grade|mark)s?\s*[:=]\s*\d+\s*(/|out of)",
    )
)
# What a reader who obeys everything would obey besides: any talk of marks or of whoever gives them.
SOUNDS_LIKE_AN_ORDER = re.compile(
    r"\b(ignore|disregard|override|full (marks|scores?|credit|points)|grader|examiner|evaluator|rubric|award"
    r"|you (must|should|will)|deserves?)\b",
    re.IGNORECASE,
)


def addresses_the_grader(text: str, *, course_texts: str = "") -> bool:
    """Whether a text tries to steer whoever grades it.

    A turn of phrase the course itself uses (a lesson on prompt injection quotes attacks) is no sign.
    """
    return any(pattern.search(text) and not pattern.search(course_texts) for pattern in ADDRESSES_THE_GRADER)


def sounds_like_an_order(text: str) -> bool:
    """Whether a reader who obeys everything would take something here for an order."""
    return bool(SOUNDS_LIKE_AN_ORDER.search(text)) or addresses_the_grader(text)

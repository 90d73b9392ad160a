"""Finds sentences of an answer that talk to whoever grades it instead of answering. Pure.

Such sentences are taken out before the model sees the answer: what is not there can not be obeyed. A lesson on prompt
injection quotes such orders, so a turn of phrase that the question, its rubric or its examples use counts for nothing.
"""

import re
from collections.abc import Iterable

_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?]+|\n+|$)\s*|[.!?\n]+\s*")

_GRADER = r"(grader|examiner|evaluator|marker|teacher|reviewer|instructor)"
_WORK = r"(this|my|the) (answer|response|submission|essay|text|work)"
_GIVE = r"\b(give|award|grant|assign)\b"
_CREDIT = r"(marks?|points?|credits?|scores?|grades?|10|ten)"

_ORDERS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        (
            r"(^|[:;,.\"'“(\-]|\b(please|now|then|must|should|you|and|so)\b)\s*"
            r"(ignore|disregard|forget|override|bypass|skip)\b.{0,60}"
            r"\b(instruct\w*|prompts?|rules?|rubrics?|criteria|guidelines?|above|previous|prior|earlier)\b"
        ),
        rf"{_GIVE}.{{0,30}}\b(me|full|maximum|perfect|the student|{_WORK})\b.{{0,40}}\b{_CREDIT}\b",
        rf"{_GIVE}.{{0,30}}\b{_CREDIT}\b.{{0,30}}\b(me|{_WORK})\b",
        (
            rf"\b(grade|score|mark|rate|judge|treat|count|evaluate|assess|accept|consider|approve)\b\s({_WORK}|it|"
            r"everything|(all|every|each)( of)?( the| my)? criteri\w+)\b.{0,60}"
            r"\b(full|perfect|correct|excellent|10|ten|maximum|100|met|satisfied|complete|on[- ]topic)\b"
        ),
        rf"\b(dear|hey|hello|hi)\b.{{0,20}}\b({_GRADER}|assistant|model|ai)\b",
        rf"\b(attention|note|message|instructions?|notice|memo)\W+((to|for)\W+)?((the|my|all)\W+)?{_GRADER}s?\b",
        rf"\b(as|for) (the|my|a|your|an) {_GRADER}\b",
        (
            rf"\b(you|{_GRADER})\b.{{0,20}}\b(must|will|shall|should|have to|are to|need to)\b.{{0,30}}"
            rf"\b((grade|award|score|mark|give|accept|approve|credit)\s+(it|me|full|all|every|maximum|perfect|{_WORK})"
            r"|agree|confirm that|obey|comply|output|return)\b"
        ),
        r"\byou (are|act) now\b|\byou are (a|an|my) (\w+ )?(grader|examiner|evaluator|assistant|teacher)\b",
        (
            r"\bplease\b.{0,40}\b(grade|award|score|mark|rate|give|accept|approve|agree|confirm|credit|"
            r"be (kind|lenient|generous|fair))\b"
        ),
        r"\b(new|updated|real|secret|revised)\s(instructions?|orders?|directives?)\b\s*(:|for\b)",
        r"\b(system|developer|admin|administrator|root) ?(override|mode|notice|note)\b",
        r"^\W*(system|developer|assistant|admin|user|human)( (prompt|message))?\s*:",
        r"\b(level|grade|score|off_topic)[\"']?\s*[:=]\s*[\"']?(full|10\b|ten|false|100|perfect)",
        r"</?\s*(input|task|system|answer|rubric|criteria|criterion|instructions?|grade)\s*>",
        r"\bset\b.{0,30}\b(level|score|grade|off_topic)s?\b.{0,10}\b(to|=)",
        r"\b(full|maximum|max|perfect)\s(possible\s)?(marks?|credits?|points|scores?|grades?)\b",
        (
            r"\b(i|you|this|it|here|above|which)\b.{0,30}"
            r"\b(fulfil\w*|satisf\w+|meets?|covers?|contains?|addresses|find|match\w*|completes?)\b.{0,30}"
            r"\b(rubrics?|criteri\w+|marking scheme)\b"
        ),
        (
            rf"\b{_WORK}\b.{{0,40}}\b(meets|satisfies|fulfils|fulfills|deserves|earns|covers|merits)\b.{{0,30}}"
            r"\b(all|every|each|full|highest|maximum|10|ten)\b"
        ),
    )
)


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

"""Tells plain gibberish from an answer, however poor. Pure, and in doubt on the student's side.

Only what no reader could call an answer is refused: one thing over and over, no word at all, or mostly words that
nobody could pronounce. Words are judged in the Latin alphabet alone; other scripts pass.
"""

import re

_WORD = re.compile(r"[^\W\d_]+")
_LATIN_WORD = re.compile(r"[a-zà-öø-ÿ]+")
_NO_VOWEL = re.compile(r"[^aeiouyà-æè-ïò-öù-ýÿø]+")
_UNSPEAKABLE = re.compile(
    r"(.)\1{3}"  # one letter four times
    r"|[bcdfghjklmnpqrstvwxz]{6}"
    r"|asdf|sdfg|dfgh|fghj|ghjk|hjkl|jkl$|zxcv|xcvb|cvbn|vbnm|qwer|yuio|uiop|lkjh|fdsa|poiu|rewq|qaz|wsx"
    r"|q[^uw]|[^acegiklnoqstuyz]q|[jqvxz][jqvxz]|[bcdfghjklmpqrstvwxz]j[bcdfghjklmpqrstvwxz]"
    r"|[fghjkpqtvwxz]x|x[bdgjkmnqrvwxz]|v[bcdfghjklmnpqtwxz]|[jkpqxz]v|z[bcdfgjknpqrsx]|j[bcdfghjklmnpqrstvwxyz]|[bcfgmpqvwx]z"
)
_SHORTEST_JUDGED_WORD = 4
_LONGEST_WORD = 45
_FEWEST_DISTINCT_CHARACTERS = 8
_FEWEST_DISTINCT_WORDS = 4
_REPETITIVE_FROM_WORDS = 8
_UNSPEAKABLE_SHARE = 0.4


def is_gibberish(text: str) -> bool:
    """Whether no reader could take the text for an answer."""
    lowered = text.lower()
    if len(set(lowered) - set(" \t\r\n")) < _FEWEST_DISTINCT_CHARACTERS:
        return True
    words = _WORD.findall(lowered)
    if not words or (len(words) >= _REPETITIVE_FROM_WORDS and len(set(words)) < _FEWEST_DISTINCT_WORDS):
        return True
    judged = [word for word in words if len(word) >= _SHORTEST_JUDGED_WORD and _LATIN_WORD.fullmatch(word)]
    unspeakable = sum(_is_unspeakable(word) for word in judged)
    return bool(judged) and unspeakable > _UNSPEAKABLE_SHARE * len(judged)


def _is_unspeakable(word: str) -> bool:
    return len(word) > _LONGEST_WORD or bool(_UNSPEAKABLE.search(word) or _NO_VOWEL.fullmatch(word))

"""A text as a reader sees it: plain forms of its characters, and nothing that nobody sees. Pure."""

import re
import unicodedata
from collections.abc import Sequence

# Soft hyphens, zero-width and direction marks: nobody sees them, and they hide a word from a pattern.
_INVISIBLE = re.compile("[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")


def visible(text: str) -> str:
    """The text without invisible characters, and with the plain form of wide, raised or joined ones."""
    return _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))


def visible_from(text: str) -> tuple[str, Sequence[int]]:
    """As ``visible``, character by character, and for each one left its place in the text."""
    if text.isascii():
        return text, range(len(text))
    seen = [(character, place) for place, written in enumerate(text) for character in visible(written)]
    return "".join(character for character, _ in seen), [place for _, place in seen]

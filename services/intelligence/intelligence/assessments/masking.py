"""Hides e-mail addresses and phone numbers in a text before it leaves for the model. Pure.

They are looked for in the text as a reader sees it: an invisible character or a wide letter hides nothing.
"""

import re

from intelligence.assessments.visible import visible_from

EMAIL_MARK = "[email address]"
PHONE_MARK = "[phone number]"

_EMAIL = re.compile(
    r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}+\s?(?:@|[(\[]at[)\]])\s?(?:[\w-]{1,63}\.){1,9}[^\W\d_][\w-]{1,62}", re.IGNORECASE
)
_DASHES = r"\u2010-\u2015\u2212-"
# Between two digits of a number. A full stop ends a sentence and not a part of a number, and "2." on a line of its own
# begins the next point of a list.
_BETWEEN = rf"(?!\.\s|[^\S\n]{{0,2}}\n[^\S\n]{{0,2}}\d{{1,2}}[.)]\s)[\s()./_{_DASHES}]{{0,3}}"
_PHONE = re.compile(  # of seven to fifteen digits
    rf"""(?=[+(\d])(?<!\d)(?<!\d[.,])(?:
        (?:\+|00)(?!0)\d(?:{_BETWEEN}\d){{6,14}}                                         # with a country code
      | (?:\(0\)|\(?0(?!00)\d{{1,4}}\)?)(?:{_BETWEEN}\d){{6,10}}                # with a leading zero
      | (?!\d[\d\s.]{{0,14}}0{{5}}(?!\d))(?:                                          # no amount such as 175 000 000
            \(?\d{{3}}\)?[\s.{_DASHES}]\d{{3}}[\s.{_DASHES}]\d{{4}}
          | \(?\d{{3}}\)?[\s{_DASHES}]\d{{7}}
          | [78][\s{_DASHES}]?\(?\d{{3}}\)?[\s{_DASHES}]?\d{{3}}[\s{_DASHES}]?\d\d[\s{_DASHES}]?\d\d
          | \d{{5}}\s\d{{5}}
          | \d{{9,15}}
        )
    )(?!\d)""",
    re.VERBOSE,
)


def mask(text: str) -> str:
    """The text with every e-mail address and phone number replaced by a mark that says what stood there."""
    return _replaced(_PHONE, PHONE_MARK, _replaced(_EMAIL, EMAIL_MARK, text))


def _replaced(pattern: re.Pattern[str], mark: str, text: str) -> str:
    seen, places = visible_from(text)
    kept, position = [], 0
    for match in pattern.finditer(seen):
        kept += [text[position : places[match.start()]], mark]
        position = places[match.end() - 1] + 1
    return "".join([*kept, text[position:]])

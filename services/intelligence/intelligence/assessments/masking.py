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
_PHONE = re.compile(
    rf"""(?=[+(\d])(?<!\d)(?<!\d[.,])(?:
        (?:\+|00)(?!0)\d[\d\s()./_{_DASHES}]{{5,20}}\d                              # with a country code
      | (?:\(0\)|\(?0(?!00)\d{{1,4}}\)?)[\s./_{_DASHES}]?\d[\d\s./_{_DASHES}]{{4,14}}\d  # with a leading zero
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
_FEWEST_DIGITS, _MOST_DIGITS = 7, 15


def mask(text: str) -> str:
    """The text with every e-mail address and phone number replaced by a mark that says what stood there."""
    return _replaced(_PHONE, PHONE_MARK, _replaced(_EMAIL, EMAIL_MARK, text))


def _replaced(pattern: re.Pattern[str], mark: str, text: str) -> str:
    seen, places = visible_from(text)
    kept, position = [], 0
    for match in pattern.finditer(seen):
        if pattern is _EMAIL or _FEWEST_DIGITS <= sum(map(str.isdigit, match.group())) <= _MOST_DIGITS:
            kept += [text[position : places[match.start()]], mark]
            position = places[match.end() - 1] + 1
    return "".join([*kept, text[position:]])

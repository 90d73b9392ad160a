"""Hides e-mail addresses and phone numbers in a text before it leaves for the model. Pure."""

import re

EMAIL_MARK = "[email address]"
PHONE_MARK = "[phone number]"

_EMAIL = re.compile(r"[\w.+'-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_PHONE = re.compile(
    r"""(?<![\w.,])(?:
        (?:\+|00)\d[\d\s()./-]{5,20}\d                  # with a country code
      | \(?0\d{1,4}\)?[\s./-]?\d[\d\s./-]{4,14}\d       # with a leading zero
      | \(?\d{3}\)?[\s.-]\d{3}[\s.-]\d{4}               # three, three and four digits
    )(?!\w)""",
    re.VERBOSE,
)
_FEWEST_DIGITS, _MOST_DIGITS = 7, 15


def mask(text: str) -> str:
    """The text with every e-mail address and phone number replaced by a mark that says what stood there."""
    return _PHONE.sub(_mask_phone, _EMAIL.sub(EMAIL_MARK, text))


def _mask_phone(match: re.Match[str]) -> str:
    digits = sum(character.isdigit() for character in match.group())
    return PHONE_MARK if _FEWEST_DIGITS <= digits <= _MOST_DIGITS else match.group()

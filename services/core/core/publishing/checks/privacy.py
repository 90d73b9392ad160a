"""Addresses and numbers that could be a real person's, and web addresses, in any file of the course.

Those that are reserved for examples are allowed: `example.com` and its sisters (RFC 2606), numbers with 555-01.
"""

import re
from collections.abc import Iterator

from core.publishing.source import CourseSource, Finding

EMAIL = re.compile(r"\b[\w.+-]+@(?P<host>[\w-]+(?:\.[\w-]+)+)")
URL = re.compile(r"\b(?:(?:https?|ftp)://|www\.)(?P<host>[^\s/:\"'<>()]+)", re.IGNORECASE)
DIGITS = re.compile(r"(?<![\w.,+(-])[+(]?\d[\d ()./-]{6,}\d(?![\w,-])")
PHONE = re.compile(
    r"\+(?:[ ()./-]*\d){8,15}"  # with a country code
    r"|\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}"  # as in North America
    r"|\(?0\d{2,4}\)?(?:[ /-]\d{2,5}){1,4}"  # with a trunk 0, in groups
)
RESERVED_HOST = re.compile(r"(?:^|\.)(?:example(?:\.(?:com|net|org))?|test|invalid|localhost)$", re.IGNORECASE)
RESERVED_NUMBER = re.compile(r"555[ .-]?01\d\d$")


def check_privacy(source: CourseSource) -> Iterator[Finding]:
    """Findings about every file."""
    for file, read in source.files.items():
        for position, message in _private(read.text):
            yield Finding(file, read.text.count("\n", 0, position) + 1, message)


def _private(text: str) -> Iterator[tuple[int, str]]:
    """What should not stand in a text, with its position."""
    for kind, pattern in (("an e-mail address", EMAIL), ("a web address", URL)):
        for found in pattern.finditer(text):
            if not RESERVED_HOST.search(found["host"].rstrip(".,;!?")):
                yield found.start(), f"this holds {kind}: “{found[0]}”"
    for found in DIGITS.finditer(text):
        if PHONE.fullmatch(found[0].strip()) and not RESERVED_NUMBER.search(found[0]):
            yield found.start(), f"this looks like a telephone number: “{found[0]}”"

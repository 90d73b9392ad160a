"""Addresses and numbers that could be a real person's, and web addresses, in any file of the course.

Each file is searched as it is written, and each of its texts as a reader would see it, for escapes and entities can
hide what they stand for. Those that are reserved for examples are allowed: `example.com` and its sisters (RFC 2606),
numbers with 555-01. Bank accounts and cards are told from other numbers by their check digits (ISO 7064, Luhn).
"""

import html
import re
from collections.abc import Iterator

from core.publishing.source import CourseSource, Finding

EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@(?P<host>[\w-]+(?:\.[\w-]+)+)")
URL = re.compile(r"\b(?:(?:https?|ftp)://|www\.)(?P<host>[^\s/:\"'<>()]+)", re.IGNORECASE)
DIGITS = re.compile(r"(?<![\w.,+(-])[+(]?\d[\d ()./-]{6,40}\d(?!\w|[,-]\d)")
PHONE = re.compile(
    r"\+(?:[ ()./-]*\d){8,15}"  # with a country code
    r"|\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}"  # as in North America
    r"|[2-9]\d{2}[2-9]\d{2}(?!0000)\d{4}"  # the same without a space
    r"|\(?0\d{2,4}\)?(?:(?: ?[/-] ?| )\d{2,8}){1,4}"  # with a trunk 0, in groups
    r"|0[1-9]\d{8,9}"  # the same without a space
)
BOOK = re.compile(r"ISBN(?:-1[03])?:? *$", re.IGNORECASE)
RESERVED_HOST = re.compile(r"(?:^|\.)(?:example(?:\.(?:com|net|org))?|test|invalid|localhost)$", re.IGNORECASE)
RESERVED_NUMBER = re.compile(r"555[ .-]?01\d\d$")
ACCOUNT = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)")
CARD = re.compile(
    r"(?<![\w.,-])(?:[3-6]\d{3}(?P<by>[ -]?)\d{4}(?P=by)\d{4}(?P=by)\d{4}"
    r"|3[47]\d{2}(?P<then>[ -]?)\d{6}(?P=then)\d{5})(?!\w|[.,-]\d)"
)
DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)  # twice a digit, its own digits added up


def check_privacy(source: CourseSource) -> Iterator[Finding]:
    """Findings about every file."""
    for file, read in source.files.items():
        told: set[str] = set()
        for position, message in _private(read.text):
            told.add(message)
            yield Finding(file, read.text.count("\n", 0, position) + 1, message)
        for one in read.shown():
            meant = html.unescape(one.text)
            if meant in read.text:
                continue  # it was searched with all the rest
            for position, message in _private(meant):
                if message not in told:
                    yield Finding(file, one.line + meant.count("\n", 0, position), message)


def _private(text: str) -> Iterator[tuple[int, str]]:
    """What should not stand in a text, with its position."""
    for kind, pattern in (("an e-mail address", EMAIL), ("a web address", URL)):
        for found in pattern.finditer(text):
            if not RESERVED_HOST.search(found["host"].rstrip(".,;!?")):
                yield found.start(), f"this holds {kind}: “{found[0]}”"
    for found in DIGITS.finditer(text):
        number = found[0].strip()
        if PHONE.fullmatch(number) and not RESERVED_NUMBER.search(number) and not _book(text, found.start()):
            yield found.start(), f"this looks like a telephone number: “{number}”"
    for kind, pattern, is_valid in (("a bank account", ACCOUNT, _is_account), ("a payment card", CARD, _is_card)):
        for found in pattern.finditer(text):
            if is_valid(re.sub(r"[ -]", "", found[0])):
                yield found.start(), f"this is the number of {kind}: “{found[0]}”"


def _book(text: str, position: int) -> bool:
    """Whether the number at a position is called an ISBN."""
    return BOOK.search(text, max(0, position - 10), position) is not None


def _is_account(iban: str) -> bool:
    return int("".join(str(int(letter, 36)) for letter in iban[4:] + iban[:4])) % 97 == 1


def _is_card(digits: str) -> bool:
    every_second = [DOUBLED[int(digit)] for digit in digits[-2::-2]]
    return (sum(every_second) + sum(map(int, digits[-1::-2]))) % 10 == 0

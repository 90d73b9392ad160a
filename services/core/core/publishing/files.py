"""Reads one file of a course folder: text that can be shown, of a size that a person writes, from nowhere else."""

import os
import re
import stat
from pathlib import Path

MOST_BYTES = 1_000_000  # the longest section of a large course has some 20,000
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]")


class Unreadable(Exception):
    """A text cannot be read: ``line``, counted from 1, is where, the message is why."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def read_text(folder: Path, file: str) -> str:
    """The text of a file of the folder, its lines ended by line feeds; raises Unreadable."""
    path = folder / file
    try:
        refuse_what_is_no_file(folder, file)
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise Unreadable(1, "the file is missing") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise Unreadable(line, "the text is not UTF-8") from None
    except OSError as error:
        raise Unreadable(1, f"cannot be read: {error.strerror}") from None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    refuse_control_characters(text)
    return text


def refuse_what_is_no_file(folder: Path, file: str) -> None:
    """Raises Unreadable for what leads out of the folder, is no ordinary file or is too large, OSError without it."""
    path = os.path.realpath(folder / file)
    if not Path(path).is_relative_to(os.path.realpath(folder)):
        raise Unreadable(1, "this leads out of the course's folder; copy the file into it")
    found = (folder / file).stat()
    if not stat.S_ISREG(found.st_mode):
        raise Unreadable(1, "a file is wanted here, and this is none")
    if found.st_size > MOST_BYTES:
        raise Unreadable(1, f"the file has {found.st_size:,} bytes; {MOST_BYTES:,} are the most")


def refuse_control_characters(text: str, first_line: int | None = None) -> None:
    """Raises Unreadable on the line of the first, or on ``first_line`` where the text's lines are not the file's."""
    if found := CONTROL.search(text):
        line = text.count("\n", 0, found.start()) + 1 if first_line is None else first_line
        raise Unreadable(line, f"the control character U+{ord(found[0]):04X} stands here, and nobody can read it")

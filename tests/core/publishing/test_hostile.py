"""Files that a course should not hold: whatever they are, the author hears which file and line, and soon."""

import os
import shutil
import threading
from pathlib import Path

import pytest

from core.publishing.compile import compile_course
from core.publishing.source import Finding, read_course
from tests.core.publishing.broken import COURSE, FEEDING, JAR, OPEN, QUIZ, findings, messages

TOO_LARGE = "the file has 1,000,001 bytes; 1,000,000 are the most"
LARGE = 120_000  # letters: what takes time in proportion to their square takes minutes, everything else a second


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


@pytest.mark.parametrize("depth", [200, 5_000, 100_000])
@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_brackets_in_brackets_are_refused_before_they_are_read(course: Path, opening: str, depth: int) -> None:
    (course / "glossary.yaml").write_text(f"terms:\n  {opening * depth}")
    [message] = messages(course, "glossary.yaml")
    assert "more than 100 brackets" in message


@pytest.mark.parametrize("bomb", ["a1: &a1 [x, x]\na2: [*a1, *a1]\n", "m0: &m0 {k: v}\nm1: {<<: [*m0, *m0]}\n"])
def test_what_stands_for_more_than_is_written_is_refused(course: Path, bomb: str) -> None:
    append(course / COURSE, bomb)
    [one] = [one for one in findings(course) if one.file == COURSE]
    assert one.line == (course / COURSE).read_text().count("\n")
    assert "between quotes" in one.message or "not understood" in one.message


def test_a_file_that_nobody_would_write_by_hand_is_not_read(course: Path) -> None:
    path = course / QUIZ
    path.write_text(path.read_text().ljust(1_000_000, "\n"))
    assert findings(course) == []
    append(path, "\n")
    assert Finding(QUIZ, 1, TOO_LARGE) in findings(course)


@pytest.mark.parametrize(
    "piece", ["\n", "a.", "[", "[]", "](", "[](", "....", "1 ", "`", " ", "a@", "<", "![", "[a](", "_a"]
)
def test_no_text_keeps_the_check_waiting(course: Path, piece: str) -> None:
    append(course / JAR, f"\n\n{piece * (LARGE // len(piece))}x")
    work = threading.Thread(target=findings, args=[course], daemon=True)
    work.start()
    work.join(60)
    assert not work.is_alive()


def test_brackets_without_end_are_no_text(course: Path) -> None:
    append(course / JAR, f"\n\n{'[' * 1_001}\n")
    assert "more than 1000 opening square brackets" in "\n".join(messages(course, JAR))


def test_a_pipe_is_no_file(course: Path) -> None:
    (course / QUIZ).unlink()
    os.mkfifo(course / QUIZ)
    assert messages(course, QUIZ) == ["a file is wanted here, and this is none"]


def test_a_link_of_the_file_system_stays_in_the_course(course: Path, tmp_path: Path) -> None:
    shutil.move(course / JAR, tmp_path / "elsewhere.md")
    (course / JAR).symlink_to(tmp_path / "elsewhere.md")
    assert messages(course, JAR) == ["this leads out of the course's folder; copy the file into it"]
    (course / JAR).unlink()
    shutil.move(tmp_path / "elsewhere.md", course / "01-starter/jar.md")
    (course / JAR).symlink_to(course / "01-starter/jar.md")
    assert [one.severity for one in findings(course)] == ["warning"]
    (course / JAR).unlink()
    (course / JAR).symlink_to(course / JAR)
    assert messages(course, JAR) == ["cannot be read: Too many levels of symbolic links"]


def test_a_course_may_be_reached_through_a_link(course: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(course)
    assert findings(tmp_path / "link") == []


def test_a_chapter_from_elsewhere_is_refused(course: Path, tmp_path: Path) -> None:
    shutil.move(course / "01-starter", tmp_path / "elsewhere")
    (course / "01-starter").symlink_to(tmp_path / "elsewhere")
    assert {one.file for one in findings(course)} >= {QUIZ, OPEN, JAR, FEEDING}


@pytest.mark.parametrize("digits", ["\uff10\uff12", "\u0660\u0662"])
def test_digits_of_other_scripts_are_no_number_of_a_section(course: Path, digits: str) -> None:
    name = FEEDING.replace("02-f", f"{digits}-f")
    (course / FEEDING).rename(course / name)
    assert any("call it 02-slug.md" in one for one in messages(course, name))


@pytest.mark.parametrize(("length", "is_fine"), [(75, True), (76, False), (80, False)])
def test_a_chapter_id_leaves_room_for_what_is_called_after_it(course: Path, length: int, is_fine: bool) -> None:
    name = "a" * length
    (course / "01-starter").rename(course / name)
    for file in (COURSE, "02-baking/chapter.yaml", f"{name}/assessments.yaml"):
        (course / file).write_text((course / file).read_text().replace("01-starter", name))
    if is_fine:
        assert findings(course) == []
        assert compile_course(read_course(course)).course.chapters[0].chapter_id == name
    else:
        assert "chapter 1 (" in messages(course, COURSE)[0]
        assert "at most 75 characters are wanted" in messages(course, COURSE)[0]


def test_a_name_cannot_look_like_a_finding() -> None:
    one = Finding("x\ncourse.yaml:1: error: made up", 1, "nothing reads this file", "warning")
    assert str(one) == "x?course.yaml:1: error: made up:1: warning: nothing reads this file"


def test_a_control_character_is_found_on_its_line(course: Path) -> None:
    text = (course / QUIZ).read_text()
    (course / QUIZ).write_text(text.replace("Where do the living", "Where do\0the living"))
    assert findings(course)[0] == Finding(QUIZ, 8, "the control character U+0000 stands here, and nobody can read it")


def test_line_ends_and_marks_of_other_systems_are_fine(course: Path) -> None:
    (course / JAR).write_bytes((course / JAR).read_bytes().replace(b"\n", b"\r\n"))
    (course / QUIZ).write_bytes(b"\xef\xbb\xbf" + (course / QUIZ).read_bytes())
    assert findings(course) == []


def test_a_mistake_in_every_line_is_told_a_few_times(course: Path) -> None:
    text = (course / JAR).read_text()
    (course / JAR).write_text(text.replace("teaches: [", f"teaches: [{'A, ' * 10_000}"))
    found = messages(course, JAR)
    assert len(found) <= 51
    assert any("9950 more mistakes" in one for one in found)

"""Publishing to a real S3 server: whole or not at all, whatever goes wrong on the way, and whoever else publishes."""

import asyncio
import os
import resource
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

import obstore
import pytest
from typer.testing import CliRunner

from core.commands import app as commands
from core.content import PublishedCourse, Shelf, load_version
from core.publishing.compile import CompiledCourse, compile_course
from core.publishing.publish import AnotherPublisherWon, publish
from core.publishing.source import read_course
from core.storage import Storage, StorageError, open_storage
from shared_schemas.course import POINTER_KEY, CoursePointer
from tests.core.publishing.conftest import Bucket
from tests.core.publishing.generated import write_generated
from tests.core.publishing.storages import FailingFrom, Waiting

SOURDOUGH = Path(__file__).parent / "courses" / "sourdough"
NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)
CORE = Path(sys.executable).parent / "core"


def edition(title: str) -> CompiledCourse:
    """The small course under another title: another version, of the same keys below it."""
    written = read_course(SOURDOUGH)
    return compile_course(written.model_copy(update={"facts": written.facts.model_copy(update={"title": title})}))


FIRST, SECOND, THIRD = edition("First"), edition("Second"), edition("Third")
WRITES = len(SECOND.versioned) + 1 + len(SECOND.plain)


async def pointer(storage: Storage) -> CoursePointer:
    return CoursePointer.model_validate_json((await storage.read(POINTER_KEY))[0])


async def read_published(storage: Storage) -> PublishedCourse:
    return await load_version(storage, (await pointer(storage)).content_version)


async def assert_published(storage: Storage, compiled: CompiledCourse) -> None:
    """The bucket shows this course, every byte of it."""
    assert (await pointer(storage)).content_version == compiled.course.content_version
    for key, body in {**compiled.versioned, **compiled.plain}.items():
        assert (await storage.read(key))[0] == body, key


async def test_a_course_is_published_and_read_back(storage: Storage) -> None:
    told: list[str] = []
    done = await publish(storage, FIRST, now=NOW, wrote=told.append)
    assert (done.changed, done.objects, done.content_version) == (True, WRITES - 1, FIRST.course.content_version)
    assert sorted(told) == sorted([*FIRST.versioned, POINTER_KEY, *FIRST.plain])
    assert set(told[: len(FIRST.versioned)]) == set(FIRST.versioned)
    assert told[len(FIRST.versioned)] == POINTER_KEY
    await assert_published(storage, FIRST)
    assert (await pointer(storage)).published_at == NOW
    assert (await read_published(storage)).course == FIRST.course


async def test_the_same_version_again_leaves_the_pointer_and_mends_the_rest(storage: Storage, bucket: Bucket) -> None:
    await publish(storage, FIRST, now=NOW)
    before = await storage.read(POINTER_KEY)
    key = next(iter(FIRST.versioned))
    obstore.delete(bucket.store, key)
    assert not await storage.exists(key)
    done = await publish(storage, FIRST, now=datetime(2027, 1, 1, tzinfo=UTC))
    assert not done.changed
    assert await storage.read(POINTER_KEY) == before
    await assert_published(storage, FIRST)


async def test_an_old_version_stays_and_can_come_back(storage: Storage) -> None:
    for compiled in (FIRST, SECOND):
        await publish(storage, compiled, now=NOW)
    assert (await load_version(storage, FIRST.course.content_version)).course == FIRST.course
    assert (await publish(storage, FIRST, now=NOW)).changed
    await assert_published(storage, FIRST)


async def test_a_broken_pointer_is_mended(storage: Storage) -> None:
    await storage.write(POINTER_KEY, b"{")
    assert (await publish(storage, FIRST, now=NOW)).changed
    await assert_published(storage, FIRST)


@pytest.mark.parametrize("number", range(1, WRITES + 1))
async def test_a_failure_at_any_write_leaves_one_whole_course_and_the_next_publish_mends(
    used_storage: Storage, number: int
) -> None:
    storage = used_storage
    await publish(storage, FIRST, now=NOW)
    with pytest.raises(StorageError, match="network"):
        await publish(FailingFrom(storage, number), SECOND, now=NOW)
    reached_pointer = number > len(SECOND.versioned) + 1
    published = await read_published(storage)
    assert published.course == (SECOND if reached_pointer else FIRST).course
    assert {c.content_version for c in published.chapters.values()} == {published.content_version}
    assert (await publish(storage, SECOND, now=NOW)).changed is not reached_pointer
    await assert_published(storage, SECOND)


@pytest.mark.parametrize("already", [True, False])
async def test_of_two_publishers_at_once_one_wins_and_the_other_says_so(
    storage: Storage, bucket: Bucket, already: bool
) -> None:
    if already:
        await publish(storage, FIRST, now=NOW)
    both = asyncio.Barrier(2)
    async with open_storage(bucket.settings) as other:
        doors = Waiting(storage, POINTER_KEY, both.wait), Waiting(other, POINTER_KEY, both.wait)
        outcomes = await asyncio.gather(
            *(publish(door, course, now=NOW) for door, course in zip(doors, (SECOND, THIRD), strict=True)),
            return_exceptions=True,
        )
    [loser] = [one for one in outcomes if isinstance(one, AnotherPublisherWon)]
    assert "their course stands" in str(loser)
    assert [door.written.count(POINTER_KEY) for door in doors] == [int(one is not loser) for one in outcomes]
    await assert_published(storage, THIRD if loser is outcomes[0] else SECOND)


async def test_two_publishers_of_one_course_both_succeed(storage: Storage, bucket: Bucket) -> None:
    both = asyncio.Barrier(2)
    async with open_storage(bucket.settings) as other:
        outcomes = await asyncio.gather(
            publish(Waiting(storage, POINTER_KEY, both.wait), SECOND, now=NOW),
            publish(Waiting(other, POINTER_KEY, both.wait), SECOND, now=NOW),
        )
    assert sorted(one.changed for one in outcomes) == [False, True]
    await assert_published(storage, SECOND)


async def test_who_is_overtaken_while_writing_the_plain_keys_says_so(storage: Storage) -> None:
    moved, overtaken = asyncio.Event(), asyncio.Event()
    waiting = Waiting(storage, "chapters/", overtaken.wait)
    slow = asyncio.create_task(
        publish(waiting, SECOND, now=NOW, wrote=lambda key: moved.set() if key == POINTER_KEY else None)
    )
    await moved.wait()
    assert (await publish(storage, THIRD, now=NOW)).changed
    overtaken.set()
    with pytest.raises(AnotherPublisherWon):
        await slow
    assert (await read_published(storage)).course == THIRD.course
    await publish(storage, THIRD, now=NOW)
    await assert_published(storage, THIRD)


async def test_readers_see_one_version_at_a_time_while_courses_are_published(storage: Storage, bucket: Bucket) -> None:
    await publish(storage, FIRST, now=NOW)
    seen: list[str] = []
    async with open_storage(bucket.settings) as readers:
        shelf = Shelf(readers)
        await shelf.refresh()
        looking = asyncio.create_task(shelf.refresh_every(0.001))
        reading = asyncio.create_task(_read_on(shelf, seen))
        try:
            for compiled in (SECOND, THIRD, FIRST):
                await publish(storage, compiled, now=NOW)
                await shelf.refresh()
                assert shelf.published.content_version == compiled.course.content_version
        finally:
            for task in (looking, reading):
                task.cancel()
            ended = await asyncio.gather(looking, reading, return_exceptions=True)
    assert [type(one) for one in ended] == [asyncio.CancelledError, asyncio.CancelledError]
    versions = [compiled.course.content_version for compiled in (FIRST, SECOND, THIRD, FIRST)]
    changes = [version for before, version in zip([None, *seen], seen, strict=False) if version != before]
    assert changes in (versions, versions[:-1])  # the last one may come after the last read


async def _read_on(shelf: Shelf, seen: list[str]) -> None:
    """Read as requests do, again and again; every part of what is read is of one version."""
    while True:
        course = shelf.published
        assert {chapter.content_version for chapter in course.chapters.values()} == {course.content_version}
        assert {key.content_version for key in course.quiz_keys.values()} == {course.content_version}
        assert course.quizzes.keys() == course.quiz_keys.keys()
        seen.append(course.content_version)
        await asyncio.sleep(0)


@pytest.mark.prove
async def test_five_hundred_chapters_take_less_than_a_minute_of_the_processor(
    storage: Storage, bucket: Bucket, tmp_path: Path
) -> None:
    folder = write_generated(tmp_path / "course", 500)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    code, out, err = await core_as_a_process("publish", folder, bucket=bucket)
    assert (code, err.splitlines()[-1]) == (0, f"{folder}: 0 errors, 0 warnings")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 60
    assert "is published: 4001 objects" in out
    assert len((await read_published(storage)).chapters) == 500


async def start(*command: str | Path, bucket: Bucket) -> asyncio.subprocess.Process:
    """A process of its own, which publishes to the bucket."""
    environment = {"PATH": os.environ["PATH"], **bucket.environment}
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(*command, env=environment, stdout=pipe, stderr=pipe)


async def core_as_a_process(*arguments: str | Path, bucket: Bucket) -> tuple[int | None, str, str]:
    """Exit code, output and errors of one of core's commands, run as an operator runs it."""
    process = await start(CORE, *arguments, bucket=bucket)
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def core(*arguments: str | Path, bucket: Bucket) -> tuple[int, str, str]:
    """The same without a process of its own, whose start takes longer than publishing a small course."""
    run = CliRunner().invoke
    ended = await asyncio.to_thread(run, commands, [str(one) for one in arguments], env=bucket.environment)
    return ended.exit_code, ended.stdout, ended.stderr


async def test_a_publisher_killed_half_way_leaves_the_old_course_and_the_next_publishes_sixty_chapters_whole(
    storage: Storage, bucket: Bucket, tmp_path: Path
) -> None:
    await publish(storage, FIRST, now=NOW)
    folder = write_generated(tmp_path / "course", 60)
    publisher = await start(sys.executable, "-m", "tests.core.publishing.stopping", folder, "100", bucket=bucket)
    assert publisher.stdout is not None
    assert await publisher.stdout.readline() == b"stopped before write 100\n"
    publisher.kill()
    await publisher.communicate()
    assert publisher.returncode == -signal.SIGKILL
    assert (await read_published(storage)).course == FIRST.course
    code, out, _ = await core_as_a_process("publish", folder, bucket=bucket)
    assert (code, out.count(" %  "), "is published" in out) == (0, 10, True)
    assert len((await read_published(storage)).chapters) == 60


async def test_another_course_stays_when_asked_to_and_the_same_one_is_renewed(
    storage: Storage, bucket: Bucket, tmp_path: Path
) -> None:
    folder = write_generated(tmp_path / "course", 2)
    await publish(storage, FIRST, now=NOW)
    code, out, _ = await core("publish", folder, "--unless-another", bucket=bucket)
    [line] = out.splitlines()
    assert (code, line.startswith("First is published here, another course than "), line[-9:]) == (0, True, "it stays.")
    await assert_published(storage, FIRST)
    code, _, _ = await core("publish", SOURDOUGH, "--unless-another", bucket=bucket)
    assert code == 0
    await assert_published(storage, compile_course(read_course(SOURDOUGH)))
    code, _, _ = await core("publish", folder, bucket=bucket)
    await assert_published(storage, compile_course(read_course(folder)))


async def test_seeding_the_questions_leaves_another_course_and_says_so(
    storage: Storage, bucket: Bucket, tmp_path: Path
) -> None:
    await publish(storage, FIRST, now=NOW)
    code, out, _ = await core("seed-assessments", write_generated(tmp_path / "course", 2), bucket=bucket)
    stays, advice = out.splitlines()
    assert (code, stays.startswith("First is published here, another course than ")) == (0, True)
    assert advice == "Nothing was uploaded. To replace it: core publish FOLDER"
    await assert_published(storage, FIRST)
    code, out, _ = await core("seed-assessments", SOURDOUGH, bucket=bucket)
    assert (code, "Total: " in out) == (0, True)
    await assert_published(storage, compile_course(read_course(SOURDOUGH)))


async def test_a_course_with_a_mistake_is_refused_whole(storage: Storage, bucket: Bucket, tmp_path: Path) -> None:
    await publish(storage, FIRST, now=NOW)
    before = await storage.read(POINTER_KEY)
    folder = write_generated(tmp_path / "course", 2)
    quiz = folder / "002-harbour" / "quiz.yaml"
    quiz.write_text(quiz.read_text().replace('"answer": "b"', '"answer": "z"', 1))
    code, out, err = await core("publish", folder, bucket=bucket)
    assert (code, out) == (1, "")
    assert f"{folder}/002-harbour/quiz.yaml:" in err
    assert "1 error, 0 warnings; nothing is published." in err
    assert await storage.read(POINTER_KEY) == before
    written = compile_course(read_course(folder)).versioned
    assert not any([await storage.exists(key) for key in written])

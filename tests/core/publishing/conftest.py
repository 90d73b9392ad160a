"""A real S3 server for the tests of publishing, and a bucket of its own for each that asks."""

import itertools
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import obstore
import pytest
from obstore.store import S3Store

from core.publishing.checks import short_answers
from core.quizzes.criteria import ShortMark, mark_short_answer
from core.settings import ContentSettings
from core.storage import Storage, open_storage
from devstack.plan import HOST, Plan
from devstack.servers import seaweedfs
from devstack.stack import Stack, remove_data
from shared_schemas.course import ShortAnswerKey
from tests.conftest import free_plan
from tests.core.publishing.broken import COURSES

NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Bucket:
    """An empty bucket and how to reach it."""

    name: str
    endpoint: str
    access_key: str
    secret_key: str

    @property
    def environment(self) -> dict[str, str]:
        """The settings of a process that publishes to it or reads it."""
        return {
            "CONTENT_SOURCE": "r2",
            "CLOUDFLARE_R2_BUCKET": self.name,
            "CLOUDFLARE_R2_ENDPOINT": self.endpoint,
            "CLOUDFLARE_R2_ACCESS_KEY": self.access_key,
            "CLOUDFLARE_R2_SECRET_KEY": self.secret_key,
        }

    @property
    def settings(self) -> ContentSettings:
        return ContentSettings.model_validate({name.lower(): value for name, value in self.environment.items()})

    @property
    def store(self) -> S3Store:
        """The bucket as an operator's own tool would open it."""
        return S3Store(
            self.name,
            endpoint=self.endpoint,
            region="auto",
            access_key_id=self.access_key,
            secret_access_key=self.secret_key,
            client_options={"allow_http": True},
        )


@cache
def _marked(text: str, question: str, key: str) -> ShortMark:
    return mark_short_answer(text, question=question, key=ShortAnswerKey.model_validate_json(key))


def remembered_mark(text: str, *, question: str, key: ShortAnswerKey) -> ShortMark:
    """The very mark, worked out once: hundreds of tests check the same small course, each with another mistake."""
    return _marked(text, question, key.model_dump_json())


@pytest.fixture(autouse=True)
def marking(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What checks a course has every short answer marked once a run: the mark follows from what is marked alone."""
    if "changed_marking" not in request.fixturenames:
        monkeypatch.setattr(short_answers, "mark_short_answer", remembered_mark)


@pytest.fixture
def changed_marking() -> None:
    """For tests that make marking itself another: every answer is marked anew."""


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A copy of the small course, to be broken."""
    return Path(shutil.copytree(COURSES / "sourdough", tmp_path / "sourdough"))


@pytest.fixture(scope="session")
def s3_plan(state_folder: Path) -> Iterator[Plan]:
    """SeaweedFS on free ports."""
    plan = free_plan(state_folder / "publishing")
    stack = Stack(plan)
    try:
        stack.run(seaweedfs(plan))
        yield plan
    finally:
        stack.stop()
        remove_data(plan)


NewBucket = Callable[[], Awaitable[Bucket]]


@pytest.fixture(scope="session")
def new_bucket(s3_plan: Plan) -> NewBucket:
    async def make() -> Bucket:
        secrets = s3_plan.secrets
        endpoint = f"http://{HOST}:{s3_plan.ports.s3}"
        bucket = Bucket(f"course-{next(NUMBERS)}", endpoint, secrets["s3_access_key"], secrets["s3_secret_key"])
        obstore.put(bucket.store, "made", b"")  # this server makes a bucket with its first object
        return bucket

    return make


@pytest.fixture
async def bucket(new_bucket: NewBucket) -> Bucket:
    return await new_bucket()


@pytest.fixture(scope="session")
async def used_storage(new_bucket: NewBucket) -> AsyncIterator[Storage]:
    """A bucket that other tests have published to: making one takes longer than a publish."""
    async with open_storage((await new_bucket()).settings) as storage:
        yield storage


@pytest.fixture
async def storage(bucket: Bucket) -> AsyncIterator[Storage]:
    async with open_storage(bucket.settings) as storage:
        yield storage

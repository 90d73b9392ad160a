import asyncio
from uuid import UUID

import pytest
from fastapi import Response
from pydantic import BaseModel

from intelligence import idempotency
from intelligence.database import driver, transaction
from intelligence.errors import InvalidRequest
from intelligence.idempotency import Claim, IdempotencyConflict
from tests.intelligence.conftest import Configure, Rows


class Made(BaseModel):
    number: int


class Failed(Exception):
    pass


class Counter:
    """Work that counts how often it ran; each run takes a moment."""

    def __init__(self, *, failures: int = 0) -> None:
        self.runs = 0
        self.failures = failures

    async def __call__(self, _: Claim) -> tuple[int, Made]:
        self.runs += 1
        number = self.runs
        await asyncio.sleep(0.05)
        if number <= self.failures:
            raise Failed
        return 201, Made(number=number)


async def once(
    work: Counter, student: UUID, *, key: str | None = "key", digest: str = "d", lease: float = 30
) -> Response:
    return await idempotency.run_once(key, student_id=student, request_digest=digest, work=work, lease_seconds=lease)


async def test_50_at_once_have_one_effect_and_one_answer(configure: Configure, student: UUID) -> None:
    work = Counter()
    answers = await asyncio.gather(*(once(work, student) for _ in range(50)))
    assert work.runs == 1
    assert {(answer.status_code, bytes(answer.body)) for answer in answers} == {(201, b'{"number":1}')}
    assert sum("Idempotency-Replayed" in answer.headers for answer in answers) == 49


async def test_another_body_is_a_conflict(configure: Configure, student: UUID) -> None:
    work = Counter()
    await once(work, student)
    with pytest.raises(IdempotencyConflict):
        await once(work, student, digest="other")
    assert work.runs == 1


async def test_another_student_has_keys_of_their_own(configure: Configure, student: UUID, make_student: object) -> None:
    work = Counter()
    other = await make_student()  # type: ignore[operator]  # the fixture is a coroutine function
    await once(work, student)
    await once(work, other)
    assert work.runs == 2


async def test_a_failure_frees_the_key(configure: Configure, student: UUID) -> None:
    work = Counter(failures=1)
    with pytest.raises(Failed):
        await once(work, student)
    assert (await once(work, student)).status_code == 201
    assert work.runs == 2


async def test_a_dead_request_gives_way_when_its_lease_has_run_out(configure: Configure, student: UUID) -> None:
    claimed, forever = asyncio.Event(), asyncio.Event()

    async def dies(_: Claim) -> tuple[int, Made]:
        claimed.set()
        await forever.wait()
        return 200, Made(number=0)

    dead = asyncio.create_task(
        idempotency.run_once("key", student_id=student, request_digest="d", work=dies, lease_seconds=0.3)
    )
    await claimed.wait()
    work = Counter()
    assert (await once(work, student)).status_code == 201
    forever.set()
    with pytest.raises(idempotency.ClaimLost):  # it may not overwrite the answer that was given
        await dead
    assert bytes((await once(work, student)).body) == b'{"number":1}'


async def test_an_answer_stored_with_its_effect_survives_a_crash_after_it(configure: Configure, student: UUID) -> None:
    async def crashes(claim: Claim) -> tuple[int, Made]:
        async with transaction() as session:
            await claim.store(await driver(session), 200, Made(number=7))
        raise Failed

    with pytest.raises(Failed):
        await idempotency.run_once("key", student_id=student, request_digest="d", work=crashes)
    work = Counter()
    assert bytes((await once(work, student)).body) == b'{"number":7}'
    assert work.runs == 0


async def test_within_one_transaction_a_repetition_waits_for_the_commit(
    configure: Configure, student: UUID, rows: Rows
) -> None:
    effects = []

    async def work() -> Response:
        async with transaction() as session:
            claim = await idempotency.claim_within(session, "key", student_id=student, request_digest="d")
            if isinstance(claim, Response):
                return claim
            effects.append(1)
            await asyncio.sleep(0.05)
            await claim.store(await driver(session), 202, Made(number=1))
        return Response(status_code=202)

    answers = await asyncio.gather(*(work() for _ in range(8)))
    assert len(effects) == 1
    assert {answer.status_code for answer in answers} == {202}


async def test_within_one_transaction_a_rollback_frees_the_key(configure: Configure, student: UUID) -> None:
    async def fail() -> None:
        async with transaction() as session:
            await idempotency.claim_within(session, "key", student_id=student, request_digest="d")
            raise Failed

    with pytest.raises(Failed):
        await fail()
    async with transaction() as session:
        claim = await idempotency.claim_within(session, "key", student_id=student, request_digest="d")
    assert isinstance(claim, Claim)


@pytest.mark.parametrize("key", ["", "k" * 201, "ä", "a\x00b", "a\nb"])
async def test_a_key_has_to_be_printable_and_short(configure: Configure, student: UUID, key: str) -> None:
    with pytest.raises(InvalidRequest):
        await once(Counter(), student, key=key)


async def test_without_a_key_every_request_works(configure: Configure, student: UUID) -> None:
    work = Counter()
    for _ in range(2):
        await once(work, student, key=None)
    assert work.runs == 2

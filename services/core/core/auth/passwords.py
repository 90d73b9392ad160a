"""Passwords: argon2id, in a few threads of its own, so that no login ever holds up the event loop."""

import asyncio
import unicodedata
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import cache
from importlib.resources import files

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from core.errors import ServiceError

PLACES_A_THREAD = 2  # one is hashed while another is looked up or gets its session
PLACE_SECONDS = 12  # the gateway waits 15 for the whole answer

_hasher = PasswordHasher(memory_cost=46 * 1024, time_cost=1, parallelism=1)

# The hash of a random password nobody kept: checking against it takes as long as checking a real one.
NOBODYS_HASH = "$argon2id$v=19$m=47104,t=1,p=1$32Kkm/YpQ8CQgDLxSRBe1A$PVbalCFh7z8d+aTjs3o4stsQAbOg3Ym5ktZVWuK/9RQ"


class TooManyAtOnce(ServiceError):
    """Very many people are signing in at this moment. Please try again shortly."""

    status = 503
    code = "SERVICE_UNAVAILABLE"

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "5"})


class Passwords:
    """Hashes and checks passwords in ``threads`` threads: no more of them at once, the rest wait their turn."""

    def __init__(self, threads: int) -> None:
        self._places = asyncio.Semaphore(PLACES_A_THREAD * threads)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="argon2")

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """One of few places to sign in at: a crowd waits here, where it takes neither time nor connections of others.

        TooManyAtOnce where none becomes free in time.
        """
        try:
            async with asyncio.timeout(PLACE_SECONDS):
                await self._places.acquire()
        except TimeoutError as error:
            raise TooManyAtOnce from error
        try:
            yield
        finally:
            self._places.release()

    async def hash(self, password: str) -> str:
        """The hash to store."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, _hash, password)

    async def match(self, password: str, *, stored_hash: str | None) -> bool:
        """Whether ``password`` was hashed; without a hash it was not, and finding that out takes as long."""
        loop = asyncio.get_running_loop()
        matches = await loop.run_in_executor(self._threads, _verify, stored_hash or NOBODYS_HASH, password)
        return matches and stored_hash is not None

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def what_is_weak(password: str, *, email: str) -> str | None:
    """Why this password, whose length is right, is no good one for this account; None when it is good enough."""
    written, address = _one_form(password).casefold(), _one_form(email).casefold()
    if written.strip() in (address, address.partition("@")[0]):
        return "Choose something other than your e-mail address or its first part."
    if len(set(written)) == 1 or not written.strip():
        return "Use more than one character over and over."
    if written in _common_passwords():
        return "This is one of the passwords that are tried first. Please choose another."
    return None


def same_password(one: str, other: str) -> bool:
    """Whether both are one password, however its accents were typed."""
    return _one_form(one) == _one_form(other)


@cache
def _common_passwords() -> frozenset[str]:
    lines = files("core.auth").joinpath("common_passwords.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))


def _one_form(password: str) -> str:
    """The same characters for the same password, whichever keyboard composed its accents (NIST SP 800-63B)."""
    return unicodedata.normalize("NFKC", password)


def _hash(password: str) -> str:
    return _hasher.hash(_one_form(password))


def _verify(stored_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(stored_hash, _one_form(password))
    except (Argon2Error, InvalidHashError):
        return False

"""Students who work without pause and insist: each request is repeated with its key until it is answered for good."""

import random
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self, TypeVar

import httpx

from tests.live import GOOD_ANSWER, Live, Student

T = TypeVar("T")
QUESTIONS = [f"{chapter}-q{n}" for chapter in ("04-rag", "05-fine-tuning", "06-ai-apps") for n in (1, 2, 3)]
PAUSE_SECONDS = 0.25
INSIST_SECONDS = 300.0


def for_good(answer: httpx.Response) -> bool:
    """Whether asking again would give the same: an effect, or a refusal that is no passing trouble."""
    passing = answer.status_code >= 500 or (
        answer.status_code == 409 and answer.json()["error"]["code"] == "IDEMPOTENCY_CONFLICT"
    )
    return not passing


def insist(send: Callable[[], httpx.Response]) -> httpx.Response:
    """The answer for good, through lost connections and services that are away."""
    deadline = time.monotonic() + INSIST_SECONDS
    last: object = None
    while time.monotonic() < deadline:
        try:
            last = answer = send()
        except httpx.HTTPError as error:
            last = error
        else:
            if for_good(answer):
                return answer
        time.sleep(PAUSE_SECONDS)
    raise AssertionError(f"no answer for good: {last!r} {getattr(last, 'text', '')}")


@dataclass
class Life:
    """What one student was told: by kind, the ids of everything acknowledged."""

    student: Student
    acknowledged: dict[str, list[str]] = field(default_factory=lambda: {"paths": [], "submissions": [], "attempts": []})
    refusals: list[str] = field(default_factory=list)

    def go_on(self, chosen: random.Random) -> None:
        """One more request, of one of three kinds."""
        kinds: list[Callable[[], None]] = [self.path, self.quiz, partial(self.submit, chosen)]
        chosen.choice(kinds)()

    def path(self) -> None:
        self._ask("paths", "path_id", "/api/v2/adaptive/path", {"force_refresh": True})

    def submit(self, chosen: random.Random) -> None:
        body = {
            "question_id": chosen.choice(QUESTIONS),
            "answer_text": f"{GOOD_ANSWER}\n\nNumber {secrets.token_hex(4)}.",
        }
        self._ask("submissions", "submission_id", "/api/v2/assessments/submit", body)

    def quiz(self) -> None:
        self._ask("attempts", "attempt_id", "/api/v1/quizzes/01-intro-quiz/submit", {"answers": {"q1": "a"}})

    def _ask(self, kind: str, id_name: str, path: str, body: dict[str, Any]) -> None:
        key = secrets.token_hex(8)
        answer = insist(lambda: self.student.post(path, body, Idempotency_Key=key))
        if answer.is_success:
            self.acknowledged[kind].append(answer.json()[id_name])
        else:
            self.refusals.append(answer.json()["error"]["code"])


class Load:
    """So many threads of students at work between entering and leaving the block; `lives` is what each was told."""

    def __init__(self, live: Live, *, threads: int, seed: int) -> None:
        self.live = live
        self.lives: list[Life] = []
        self.errors: list[BaseException] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(random.Random(seed + n),)) for n in range(threads)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Ask for nothing new; what has been asked is insisted on."""
        self._stop.set()

    def over(self) -> bool:
        """Whether everybody has their last answer; raises what went wrong for any."""
        done = not any(thread.is_alive() for thread in self._threads)
        if done and self.errors:
            raise self.errors[0]
        return done

    def _work(self, chosen: random.Random) -> None:
        try:
            while not self._stop.is_set():
                life = Life(patiently(self.live.learner))
                self.lives.append(life)
                while not self._stop.is_set() and not life.refusals:
                    life.go_on(chosen)
        except BaseException as error:  # noqa: BLE001  # a thread's failure belongs to the test
            self.errors.append(error)


def patiently(make: Callable[[], T]) -> T:
    """What `make` gives, tried again while services are away."""
    deadline = time.monotonic() + INSIST_SECONDS
    while True:
        try:
            return make()
        except (httpx.HTTPError, AssertionError):
            if time.monotonic() > deadline:
                raise
            time.sleep(PAUSE_SECONDS)

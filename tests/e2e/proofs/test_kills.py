"""kill -9 at random points under load: nothing acknowledged is lost, nothing is charged twice, no unit leaks.

The points follow pytest-randomly's seed, which stands at the head of every run: `-p randomly_seed=N` repeats one.
"""

import random
import time
from functools import partial

import pytest

from tests.crashes import crash, leases_run_out
from tests.e2e.proofs.books import Witness, books_balance, nothing_open
from tests.e2e.proofs.load import Life, Load
from tests.live import Live, eventually

VICTIMS = ("intelligence", "grading worker", "core")
LATENCIES_MS = (20, 150, 600)
LONGEST_PAUSE_SECONDS = 3.0


def test_one_kill_of_each_service(live: Live, request: pytest.FixtureRequest) -> None:
    """The short form: three kills, and the leases of the dead are made to run out at once."""
    kill_under_load(live, kills=3, threads=3, seed=request.config.getoption("randomly_seed", 0), hurry=True)


@pytest.mark.prove
@pytest.mark.timeout(3000)
def test_fifty_kills(live: Live, request: pytest.FixtureRequest) -> None:
    """The long form: everything comes right by itself, in its own time."""
    kill_under_load(live, kills=50, threads=4, seed=request.config.getoption("randomly_seed", 0), hurry=False)


def kill_under_load(live: Live, *, kills: int, threads: int, seed: int, hurry: bool) -> None:
    chosen = random.Random(seed)
    witness = Witness.of(live)
    victims = [VICTIMS[n % len(VICTIMS)] for n in range(kills)]
    chosen.shuffle(victims)
    try:
        with Load(live, threads=threads, seed=seed) as load:
            eventually(lambda: len(witness.lines("seen")) > threads, "the load to reach the model", 60)
            for victim in victims:
                live.simulate(mode="latency", latency_ms=chosen.choice(LATENCIES_MS))
                time.sleep(chosen.uniform(0, LONGEST_PAUSE_SECONDS))  # where in its work it is hit is the point
                crash(live.stack.children[victim])
    finally:
        live.simulate(mode="tutor")
    settle(live, load, witness, hurry=hurry)
    for life in load.lives:
        told_the_truth(live, life)
    assert {refusal for life in load.lives for refusal in life.refusals} <= {
        "RATE_LIMIT_EXCEEDED",
        "SPEND_CEILING_REACHED",
        "ATTEMPTS_EXHAUSTED",
    }
    witness.agrees_with_the_ledger()
    books_balance(live)


def settle(live: Live, load: Load, witness: Witness, *, hurry: bool) -> None:
    """Wait until everybody has an answer for good, and nothing is open any more."""
    if hurry:
        eventually(witness.idle, "the model's stand-in to answer all it was asked", 60)
        eventually(lambda: leases_run_out(live) and load.over(), "everybody's last answer", 120)
        eventually(lambda: leases_run_out(live) and nothing_open(live), "nothing open", 120)
        return
    eventually(load.over, "everybody's last answer", 330)
    eventually(partial(nothing_open, live), "the sweeper to settle what the kills left open", 180)


def told_the_truth(live: Live, life: Life) -> None:
    """What a student was told is what there is: no less, no more, and paid for once."""
    mine = f"student_id = '{life.student.student_id}'"
    told = {kind: sorted(ids) for kind, ids in life.acknowledged.items()}
    paths = live.rows(f"SELECT path_id FROM adaptive_paths WHERE {mine}")
    assert sorted(row["path_id"] for row in paths) == told["paths"]
    graded = live.rows(
        f"SELECT s.submission_id, f.feedback_id FROM assessment_submissions s "
        f"LEFT JOIN assessment_feedback f USING (submission_id) WHERE s.{mine}"
    )
    assert sorted(row["submission_id"] for row in graded) == told["submissions"]
    assert all(row["feedback_id"] for row in graded), "each answer has its grade"
    attempts = live.rows(f"SELECT attempt_id FROM quiz_results WHERE {mine}")
    assert {row["attempt_id"] for row in attempts} >= set(told["attempts"])
    assert len(attempts) == len(told["attempts"]) + 2, "two were taken to begin with"
    kept = live.rows(f"SELECT reference_id FROM llm_reservations WHERE {mine} AND state = 'kept'")
    references = [row["path_id"] for row in paths] + [row["feedback_id"] for row in graded]
    assert sorted(row["reference_id"] for row in kept) == sorted(references), "one reservation kept for each"
    used = life.student.quota()
    assert used["adaptive_paths"]["used"] == len(told["paths"])
    assert used["assessments"]["used"] == len(told["submissions"])

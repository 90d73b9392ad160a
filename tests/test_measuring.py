"""Whether coverage rests where it should: tracing every call made a run of all tests take twice the processor time."""

import sys


def test_nothing_traces_the_tests_of_code_that_is_not_measured() -> None:
    assert "coverage" not in type(sys.gettrace()).__module__

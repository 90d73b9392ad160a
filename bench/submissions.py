"""Quiz submissions, against a route that runs the same statements in one transaction."""

import json

from bench.compare import Line, compare
from bench.house import ANSWERS, QUIZ, House


async def lines(house: House) -> list[Line]:
    """A submission that is neither the day's first nor the best so far: what such a student sends most often."""
    return await compare(house, "quiz submit", 1 / 3, method="POST", path=QUIZ, body=json.dumps({"answers": ANSWERS}))

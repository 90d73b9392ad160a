"""Pages, against a route that does one primary-key select and sends the same bytes."""

import httpx

from bench.compare import Line, compare
from bench.house import House

CHAPTER, LIST, PAPER = "/api/v1/chapters/01-intro", "/api/v1/chapters", "/api/v1/quizzes/01-intro-quiz"
PATHS = [CHAPTER, LIST, PAPER]


async def lines(house: House) -> list[Line]:
    """The three pages that are read most."""
    _check_same_bytes(house)
    found = await compare(house, "chapter", 1.0, method="GET", path=CHAPTER)
    found += await compare(house, "chapter list", 0.7, method="GET", path=LIST)
    return found + await compare(house, "quiz", 0.7, method="GET", path=PAPER)


def _check_same_bytes(house: House) -> None:
    """Whoever of the students asks, the yardstick answers what the system answers."""
    for path in PATHS:
        for student in house.students[1:3]:
            headers = {"Authorization": f"Bearer {student.token}", "X-Student": str(student.student_id)}
            doors = (house.system, house.yardstick)
            bodies = {httpx.get(f"http://127.0.0.1:{port}{path}", headers=headers).content for port in doors}
            if len(bodies) != 1:
                raise RuntimeError(f"the yardstick's {path} is not the system's")

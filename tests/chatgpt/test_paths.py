"""What the steps of a learning path are called, also when a chapter is not open any more."""

from types import SimpleNamespace
from typing import Any, cast

from chatgpt_app.auth import Learner
from chatgpt_app.errors import Refused
from chatgpt_app.tools import paths
from shared_schemas.paths import Recommendation


class Api:
    """Two chapters, of which the learner may open the first."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def get(self, path: str, _: type[Any]) -> Any:
        self.asked.append(path)
        if path == "/api/v1/chapters":
            named = {"01-intro": "What It Is", "04-rag": "Retrieval"}
            summaries = [SimpleNamespace(chapter_id=one, title=title) for one, title in named.items()]
            return SimpleNamespace(chapters=summaries)
        if path == "/api/v1/chapters/04-rag":
            raise Refused(403, {"code": "ACCESS_DENIED"})
        sections = [SimpleNamespace(section_id="first-steps", title="First steps")]
        return SimpleNamespace(sections=sections)


def step(chapter_id: str, section_id: str) -> Recommendation:
    return cast("Recommendation", SimpleNamespace(chapter_id=chapter_id, section_id=section_id))


async def test_a_step_bears_its_sections_title_and_its_id_where_that_is_closed() -> None:
    api = Api()
    steps = [step("04-rag", "chunks"), step("01-intro", "first-steps"), step("01-intro", "gone")]
    titles = await paths._titles(cast("Learner", api), steps)
    assert titles == {
        ("04-rag", "chunks"): ("Retrieval", "chunks"),
        ("01-intro", "first-steps"): ("What It Is", "First steps"),
        ("01-intro", "gone"): ("What It Is", "gone"),
    }
    assert sorted(api.asked) == ["/api/v1/chapters", "/api/v1/chapters/01-intro", "/api/v1/chapters/04-rag"]

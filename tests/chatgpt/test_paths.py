"""What the steps of a learning path are called, also when a chapter is not open any more."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from chatgpt_app.auth import Learner
from chatgpt_app.errors import NothingThere, Refused
from chatgpt_app.tools import paths
from chatgpt_app.wording import NO_GRADED_WORK
from shared_schemas.paths import AdaptivePaths, Recommendation


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


class NoPath:
    """Nothing was ever made for this learner."""

    async def get(self, _: str, message: type[Any], **__: Any) -> Any:
        return SimpleNamespace(paths=[]) if message is AdaptivePaths else SimpleNamespace(subscription_tier="free")


async def test_a_plan_without_paths_is_not_sent_to_make_one() -> None:
    request = SimpleNamespace(state=SimpleNamespace(learner=NoPath()))
    ctx = cast("Any", SimpleNamespace(request_context=SimpleNamespace(request=request)))
    with pytest.raises(NothingThere) as refused:
        await paths.complete_recommendation.function(ctx, chapter_id="01-intro", section_id="first-steps")
    assert str(refused.value) == NO_GRADED_WORK


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

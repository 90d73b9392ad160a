"""What becomes of a path: it is followed, listed, and still read when the subscription has ended."""

from datetime import UTC, datetime
from uuid import uuid4

from tests.intelligence.assessments.running import World


async def test_a_path_is_followed_step_by_step(world: World) -> None:
    student = await world.student()
    path = (await student.post("/adaptive/path")).json()
    url = f"/adaptive/path/{path['path_id']}/complete"
    steps = [{name: step[name] for name in ("chapter_id", "section_id")} for step in path["recommendations"]]
    first = (await student.post(url, steps[0])).json()
    again = (await student.post(url, steps[0])).json()
    assert first == again
    assert first["completed_recommendations"] == 1
    assert (first["next_recommendation"]["priority"], first["suggestion"]) == (2, None)
    progress = (await student.get(f"/adaptive/path/{path['path_id']}")).json()["progress"]
    assert progress["followed_at"]
    assert progress["completed_steps"] == steps[:1]
    for step in steps[1:]:
        last = (await student.post(url, step)).json()
    assert (last["completion_percentage"], last["next_recommendation"], last["status"]) == (100, None, "completed")
    assert "take the quiz of each chapter" in last["suggestion"]
    assert (await student.post("/adaptive/path")).json()["metadata"]["cached"] is False


async def test_only_a_step_of_the_path_can_be_completed(world: World) -> None:
    student = await world.student()
    path_id = (await student.post("/adaptive/path")).json()["path_id"]
    answer = await student.post(
        f"/adaptive/path/{path_id}/complete", {"chapter_id": "06-ai-apps", "section_id": "no-such-section"}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "INVALID_REQUEST")


async def test_anothers_path_does_not_exist(world: World) -> None:
    owner, other = await world.student(), await world.student()
    path = (await owner.post("/adaptive/path")).json()
    step = {name: path["recommendations"][0][name] for name in ("chapter_id", "section_id")}
    for answer in (
        await other.get(f"/adaptive/path/{path['path_id']}"),
        await other.post(f"/adaptive/path/{path['path_id']}/complete", step),
        await other.get(f"/adaptive/path/{uuid4()}"),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "PATH_NOT_FOUND")


async def test_paths_are_listed_newest_first_page_by_page(world: World) -> None:
    student = await world.student()
    made = [(await student.post("/adaptive/path", {"force_refresh": True})).json()["path_id"] for _ in range(3)]
    page = (await student.get("/adaptive/paths?limit=2")).json()
    assert [path["path_id"] for path in page["paths"]] == made[:0:-1]
    assert page["pagination"] == {"total": 3, "limit": 2, "offset": 0, "has_more": True}
    rest = (await student.get("/adaptive/paths?limit=2&offset=2")).json()
    assert ([path["path_id"] for path in rest["paths"]], rest["pagination"]["has_more"]) == (made[:1], False)
    active = (await student.get("/adaptive/paths?status=active")).json()
    assert [path["path_id"] for path in active["paths"]] == made[-1:]
    await world.rows("UPDATE adaptive_paths SET expires_at = now() WHERE path_id = $1::uuid", made[-1])
    expired = (await student.get("/adaptive/paths?status=expired")).json()
    assert [path["status"] for path in expired["paths"]] == ["expired"]
    assert (await student.get("/adaptive/paths?limit=51")).status_code == 400


async def test_an_expired_student_still_reads(world: World) -> None:
    student = await world.student()
    path_id = (await student.post("/adaptive/path")).json()["path_id"]
    ended_at = datetime(2026, 3, 9, 23, 30, tzinfo=UTC)
    expired = student.learner.model_copy(update={"subscription_expires_at": ended_at})
    world.core.learners[student.token] = expired
    assert (await student.get(f"/adaptive/path/{path_id}")).status_code == 200
    assert (await student.get("/adaptive/paths")).status_code == 200
    refused = (await student.post("/adaptive/path")).json()["error"]
    assert refused["code"] == "PREMIUM_REQUIRED"
    assert refused["message"].startswith("Your subscription ended on 9 March 2026 (UTC). ")
    assert refused["details"] == {"subscription_ended_at": "2026-03-09T23:30:00+00:00"}
    never = (await (await world.student("free")).post("/adaptive/path")).json()["error"]
    assert (never["message"], never["details"]) == ("This is part of the premium plan.", {})

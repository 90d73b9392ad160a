from tests.intelligence.assessments.running import World


async def test_smoke(world: World) -> None:
    student = await world.student()
    answer = await student.post("/adaptive/path")
    assert answer.status_code == 200, answer.text
    print(answer.text, answer.headers)
    s = await student.submit()
    assert s.status_code == 202, s.text
    async with world.worker():
        print(await student.graded(s.json()["submission_id"]))

"""The quickstart's journey, through nginx, as a newcomer would type it."""

from datetime import UTC, datetime

from tests.live import GOOD_ANSWER, Live, Student, eventually


def test_a_premium_student_goes_from_login_to_a_graded_answer(live: Live) -> None:
    student = live.sign_in("premium@test.com", "premium123")
    reads_and_takes_quizzes(student)
    path_id = gets_a_path(live, student)
    gets_a_graded_answer(live, student)
    finds_the_speed_ups_in_redis(live, student, path_id)


def reads_and_takes_quizzes(student: Student) -> None:
    chapters = student.get("/api/v1/chapters").json()
    assert chapters["total_chapters"] == 6
    assert [c["chapter_id"] for c in chapters["chapters"]][:2] == ["01-intro", "02-llms"]
    assert all(c["user_has_access"] for c in chapters["chapters"])
    chapter = student.get("/api/v1/chapters/01-intro").json()
    assert chapter["sections"]
    assert chapter["next_chapter"]
    quiz = student.get("/api/v1/quizzes/01-intro-quiz").json()
    assert quiz["total_questions"] == 10
    attempt = student.take_quiz("01-intro", {"q1": "a", "q2": "b"})
    assert attempt.status_code == 200
    assert set(attempt.json()["grading_details"]) == {f"q{n}" for n in range(1, 11)}
    second = student.take_quiz("03-prompting")
    assert second.status_code == 200
    progress = student.get("/api/v1/progress").json()
    assert progress["streak"]
    history = student.get("/api/v1/progress/quiz-history").json()
    listed = [a["attempt_id"] for a in history["attempts"]]
    assert listed[:2] == [second.json()["attempt_id"], attempt.json()["attempt_id"]]


def gets_a_path(live: Live, student: Student) -> str:
    answer = student.new_path()
    assert answer.status_code == 200, answer.text
    path = answer.json()
    assert 1 <= len(path["recommendations"]) <= 5
    assert path["metadata"]["cached"] is False
    [row] = [r for r in live.calls(student) if r["reference_id"] == path["path_id"] and r["success"]]
    assert row["tokens_input"] > 0
    assert row["tokens_output"] > 0
    assert row["tokens_total"] == row["tokens_input"] + row["tokens_output"]
    assert row["cost_usd"] > 0
    assert student.get(f"/api/v2/adaptive/path/{path['path_id']}").json()["path_id"] == path["path_id"]
    first = path["recommendations"][0]
    step = {"chapter_id": first["chapter_id"], "section_id": first["section_id"]}
    done = student.post(f"/api/v2/adaptive/path/{path['path_id']}/complete", step).json()
    again = student.post(f"/api/v2/adaptive/path/{path['path_id']}/complete", step).json()
    assert done["completed_recommendations"] == again["completed_recommendations"] == 1
    assert student.quota()["adaptive_paths"]["used"] == 1
    return str(path["path_id"])


def gets_a_graded_answer(live: Live, student: Student) -> None:
    answer = student.post("/api/v2/assessments/submit", {"question_id": "04-rag-q1", "answer_text": GOOD_ANSWER})
    assert answer.status_code == 202, answer.text
    feedback = student.graded(answer.json()["submission_id"])
    assert feedback["grading_status"] == "completed"
    assert 0 < feedback["quality_score"] <= 10
    assert feedback["strengths"]
    assert feedback["improvements"]
    assert feedback["metadata"]["cost_usd"] > 0
    assert any(r["reference_id"] == feedback["feedback_id"] and r["success"] for r in live.calls(student))
    assert student.quota()["assessments"]["used"] == 1


def finds_the_speed_ups_in_redis(live: Live, student: Student, path_id: str) -> None:
    month = datetime.now(UTC).strftime("%Y-%m")
    with live.redis() as cache:
        assert path_id in str(cache.get(f"adaptive_path:{student.student_id}"))
        assert 86_000 < int(cache.ttl(f"adaptive_path:{student.student_id}")) <= 86_400
        assert cache.get(f"quota:{student.student_id}:{month}:adaptive_paths") == "1"
        assert cache.get(f"quota:{student.student_id}:{month}:assessments") == "1"


def test_the_eleventh_path_of_a_month_is_refused(live: Live) -> None:
    student = live.learner()
    answers = [student.new_path() for _ in range(10)]
    assert [a.status_code for a in answers] == [200] * 10
    assert [a.json()["metadata"]["cached"] for a in answers] == [False] + [True] * 9
    eleventh = student.new_path()
    assert eleventh.status_code == 429
    error = eleventh.json()["error"]
    assert error["code"] == "RATE_LIMIT_EXCEEDED"
    assert error["quota"]["used"] == error["quota"]["limit"] == 10
    assert error["upgrade_option"]
    assert eleventh.headers["X-RateLimit-Remaining-Paths"] == "0"
    assert len(live.calls(student)) == 1, "cached paths cost no call"


def test_a_free_student_is_shown_what_premium_holds(live: Live) -> None:
    student = live.register()
    answer = student.new_path()
    assert answer.status_code == 403
    error = answer.json()["error"]
    assert error["code"] == "PREMIUM_REQUIRED"
    assert error["upgrade_url"]
    assert error["benefits"]


def test_one_quiz_is_not_enough_for_a_path(live: Live) -> None:
    student = live.register("premium")
    student.take_quiz("01-intro")
    answer = student.new_path()
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["code"] == "INSUFFICIENT_DATA"
    assert error["required_quizzes"] == 2
    assert error["completed_quizzes"] == 1
    assert student.quota()["adaptive_paths"]["used"] == 0


def test_costs_are_for_admins_and_add_up(live: Live) -> None:
    student = live.learner()
    assert student.new_path().status_code == 200
    assert student.get("/api/v2/admin/costs").json()["error"]["code"] == "ADMIN_REQUIRED"
    today = datetime.now(UTC).date().isoformat()
    totals = set()
    for group in ("feature", "student", "day"):
        query = f"start_date={today}&end_date={today}&group_by={group}"
        answer = live.admin.get(f"/api/v2/admin/costs?{query}")
        assert answer.status_code == 200, answer.text
        body = answer.json()
        groups = body[f"breakdown_by_{group}"]
        assert abs(sum(g["total_cost_usd"] for g in groups) - body["total_cost_usd"]) < 1e-9
        totals.add(sum(g["total_requests"] for g in groups) == body["total_requests"])
    assert totals == {True}


def test_written_answers_and_steps_of_a_path_keep_the_streak(live: Live) -> None:
    writer = live.register("premium")
    assert streak_of(writer) == 0
    body = {"question_id": "04-rag-q1", "answer_text": GOOD_ANSWER}
    assert writer.post("/api/v2/assessments/submit", body).status_code == 202
    eventually(lambda: streak_of(writer) == 1, "core to hear of the answer")
    follower = live.learner()
    path = follower.new_path().json()
    live.stack.sql(f"DELETE FROM activity_days WHERE student_id = '{follower.student_id}'")  # the quizzes' own day
    assert streak_of(follower) == 0
    step = {name: path["recommendations"][0][name] for name in ("chapter_id", "section_id")}
    assert follower.post(f"/api/v2/adaptive/path/{path['path_id']}/complete", step).status_code == 200
    eventually(lambda: streak_of(follower) == 1, "core to hear of the step")


def streak_of(student: Student) -> int:
    current: int = student.get("/api/v1/progress/streaks").json()["current"]
    return current

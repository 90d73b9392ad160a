"""What a learner is told of their progress where no card is drawn."""

from chatgpt_app.tools.progress import ChapterStanding, NextGoal, ProgressPage, StreakPage, _words


def test_progress_is_told_in_words_chapter_by_chapter_with_the_next_goal() -> None:
    streak = StreakPage(
        current=2,
        longest=4,
        calendar=[False, True, True],
        encouragement="Two days.",
        reached=[],
        next_goal=NextGoal(description="Learn three days in a row.", current=2, target=3),
    )
    page = ProgressPage(
        percent=50,
        completed_chapters=1,
        total_chapters=2,
        chapters=[
            ChapterStanding(chapter_id="01-intro", title="What It Is", percent=100, status="completed", quiz_score=80),
            ChapterStanding(chapter_id="02-llms", title="How It Works", percent=0, status="not_started"),
        ],
        streak=streak,
        go_on_chapter="02-llms",
        go_on_section="tokens",
    )
    assert _words(page).splitlines() == [
        "50 % of the course, 1 of 2 chapters completed. Go on with 02-llms, section tokens.",
        "- 01-intro “What It Is”: 100 %, best quiz 80 %",
        "- 02-llms “How It Works”: 0 %",
        "Streak: 2 days (longest 4), active on 2 of the last 3. Next: Learn three days in a row (2 of 3).",
    ]

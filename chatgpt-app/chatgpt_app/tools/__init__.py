"""The tools, one file a feature. Each is a verb of its own, and together they are all the app can do."""

from chatgpt_app.tooling import CourseTool
from chatgpt_app.tools import access, answers, chapters, paths, profile, progress, quizzes

ALL: list[CourseTool] = [
    chapters.list_chapters,
    chapters.get_chapter,
    chapters.get_section,
    chapters.explain,
    chapters.search_course,
    quizzes.get_quiz,
    quizzes.submit_quiz,
    quizzes.answer_question,
    progress.get_progress,
    progress.update_progress,
    progress.get_streak,
    access.check_access,
    access.get_quota,
    paths.get_learning_path,
    paths.create_learning_path,
    paths.complete_recommendation,
    answers.list_open_questions,
    answers.submit_answer,
    answers.get_feedback,
    profile.profile,
]

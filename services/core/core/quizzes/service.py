"""Quizzes: the paper, an attempt, and earlier attempts."""

import json
import uuid
from datetime import datetime
from functools import lru_cache
from math import ceil
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.content import PublishedCourse
from core.database import driver
from core.errors import InvalidFields
from core.models import QuizResult
from core.pages import ReadyPage
from core.progress.service import record_attempt
from core.quizzes.marking import FULL_MARKS, AnswersNotUnderstood, Mark, MarkedQuiz, mark_quiz
from shared_schemas.course import Key, Quiz
from shared_schemas.quizzes import (
    Answer,
    AttemptRecord,
    AttemptSummary,
    Page,
    QuestionGrade,
    QuizAttempt,
    QuizHistory,
    QuizPaper,
    QuizResults,
    ReviewSection,
)

PAPERS_KEPT = 200
KEEP = """
    INSERT INTO quiz_results (attempt_id, student_id, quiz_id, chapter_id, content_version, score, passed,
        correct_answers, total_questions, answers, grading_details, completed_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
"""


@lru_cache(PAPERS_KEPT)
def paper(course: PublishedCourse, quiz_id: str) -> ReadyPage:
    """The QuizPaper of a quiz: what a student sees of it before answering."""
    quiz = course.quizzes[quiz_id]
    return ReadyPage(
        QuizPaper(
            quiz_id=quiz.quiz_id,
            chapter_id=quiz.chapter_id,
            title=quiz.title,
            passing_score=quiz.passing_score,
            total_questions=len(quiz.questions),
            questions=quiz.questions,
        )
    )


async def submit_attempt(
    session: AsyncSession,
    *,
    student_id: UUID,
    course: PublishedCourse,
    quiz: Quiz,
    answers: dict[str, Answer],
    now: datetime,
) -> QuizAttempt:
    """Mark the answers and keep the attempt with the progress it makes. Raises InvalidFields and then keeps nothing."""
    marked = _marked(course, quiz, answers)
    passed = marked.score >= quiz.passing_score
    grades = {mark.question_id: _grade(mark, quiz, course) for mark in marked.marks}
    recorded = await record_attempt(
        session,
        student_id=student_id,
        course=course,
        chapter_id=quiz.chapter_id,
        score=marked.score,
        passed=passed,
        now=now,
    )
    attempt_id = await _store(session, student_id, course, quiz, answers, marked, grades, now)
    return QuizAttempt(
        attempt_id=attempt_id,
        quiz_id=quiz.quiz_id,
        chapter_id=quiz.chapter_id,
        score=marked.score,
        passed=passed,
        passing_score=quiz.passing_score,
        total_questions=len(marked.marks),
        correct_answers=marked.correct_answers,
        submitted_at=now,
        grading_details=grades,
        sections_to_review=[] if passed else _sections_to_review(marked, quiz, course),
        progress_updated=True,
        best_score=marked.score if recorded.best_quiz_score is None else recorded.best_quiz_score,
        milestones_reached=recorded.milestones_reached,
    )


def _marked(course: PublishedCourse, quiz: Quiz, answers: dict[str, Answer]) -> MarkedQuiz:
    try:
        return mark_quiz(quiz, course.quiz_keys[quiz.quiz_id], answers)
    except AnswersNotUnderstood as problem:
        raise InvalidFields({f"answers.{name}": text for name, text in problem.problems.items()}) from problem


async def _store(  # noqa: PLR0917  # one row's columns, from one caller
    session: AsyncSession,
    student_id: UUID,
    course: PublishedCourse,
    quiz: Quiz,
    answers: dict[str, Answer],
    marked: MarkedQuiz,
    grades: dict[str, QuestionGrade],
    now: datetime,
) -> UUID:
    attempt_id = uuid.uuid4()
    kept = _kept(grades, course.keys_of(quiz.quiz_id))
    connection = await driver(session)
    await connection.execute(
        KEEP,
        attempt_id,
        student_id,
        quiz.quiz_id,
        quiz.chapter_id,
        course.content_version,
        marked.score,
        marked.score >= quiz.passing_score,
        marked.correct_answers,
        len(marked.marks),
        json.dumps(answers),
        json.dumps(kept),
        now,
    )
    return attempt_id


async def results(session: AsyncSession, *, student_id: UUID, quiz: Quiz, page: int, per_page: int) -> QuizResults:
    """One page of a student's attempts at one quiz, newest first."""
    mine = (QuizResult.student_id == student_id) & (QuizResult.quiz_id == quiz.quiz_id)
    total, best = (await session.execute(select(func.count(), func.max(QuizResult.score)).where(mine))).one()
    rows = await session.scalars(_newest(mine, page, per_page))
    return QuizResults(
        quiz_id=quiz.quiz_id,
        best_score=best,
        attempts=[AttemptRecord(**_summary(row).model_dump(), grading_details=_grades(row)) for row in rows],
        pagination=_page(page, per_page, total),
    )


async def history(session: AsyncSession, *, student_id: UUID, page: int, per_page: int) -> QuizHistory:
    """One page of a student's attempts at all quizzes, newest first."""
    mine = QuizResult.student_id == student_id
    total = await session.scalar(select(func.count()).select_from(QuizResult).where(mine)) or 0
    rows = await session.scalars(_newest(mine, page, per_page))
    return QuizHistory(attempts=[_summary(row) for row in rows], pagination=_page(page, per_page, total))


def _newest(mine: ColumnElement[bool], page: int, per_page: int) -> Select[QuizResult]:
    newest_first = select(QuizResult).where(mine).order_by(QuizResult.completed_at.desc(), QuizResult.attempt_id.desc())
    return newest_first.limit(per_page).offset((page - 1) * per_page)


def _page(page: int, per_page: int, total: int) -> Page:
    return Page(page=page, per_page=per_page, total=total, total_pages=ceil(total / per_page))


def _summary(row: QuizResult) -> AttemptSummary:
    return AttemptSummary(
        attempt_id=row.attempt_id,
        quiz_id=row.quiz_id,
        chapter_id=row.chapter_id,
        score=row.score,
        passed=row.passed,
        total_questions=row.total_questions,
        correct_answers=row.correct_answers,
        submitted_at=row.completed_at,
    )


def _kept(grades: dict[str, QuestionGrade], keys: list[Key]) -> dict[str, dict[str, Any]]:
    """The grades with what each question tested, as it stood then: a later version of the course may ask otherwise."""
    tested = {key.question_id: {"concept": key.concept, "section_id": key.section_id} for key in keys}
    return {name: grade.model_dump() | tested[name] for name, grade in grades.items()}


def _grades(row: QuizResult) -> dict[str, QuestionGrade]:
    return {name: QuestionGrade.model_validate(grade) for name, grade in row.grading_details.items()}


def _grade(mark: Mark, quiz: Quiz, course: PublishedCourse) -> QuestionGrade:
    return QuestionGrade(
        correct=mark.correct,
        score=mark.score,
        max_score=FULL_MARKS,
        explanation=mark.explanation,
        feedback=mark.feedback,
        matched=list(mark.matched),
        missing=list(mark.missing),
        review=None if mark.correct else _review(quiz.chapter_id, mark.section_id, course),
    )


def _sections_to_review(marked: MarkedQuiz, quiz: Quiz, course: PublishedCourse) -> list[ReviewSection]:
    """Where the questions that went wrong are taught, in reading order."""
    wrong = {mark.section_id for mark in marked.marks if not mark.correct}
    order = [section.section_id for section in course.outlines[quiz.chapter_id].sections]
    return [_review(quiz.chapter_id, section_id, course) for section_id in order if section_id in wrong]


def _review(chapter_id: str, section_id: str, course: PublishedCourse) -> ReviewSection:
    return ReviewSection(section_id=section_id, title=course.section_titles[chapter_id, section_id])

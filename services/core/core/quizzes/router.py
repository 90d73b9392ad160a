"""Quizzes over HTTP."""

from typing import Annotated, Any

from fastapi import Query, Request, Response

from core.access.gate import KnownQuiz, OpenQuiz, enter
from core.access.service import open_quiz
from core.clock import Now
from core.content import CurrentCourse
from core.database import RequestDatabase, Session
from core.idempotency import ClientKey, Effect, digest, run_once
from core.pages import NOT_MODIFIED
from core.quizzes import service
from core.routing import PageRoute
from core.routing import router as new_router
from core.security import CurrentLearner, RequestSettings
from shared_schemas.quizzes import QuizAttempt, QuizHistory, QuizPaper, QuizResults, QuizSubmission

PageNumber = Annotated[int, Query(ge=1, le=100_000, description="Counts from 1.")]
PageSize = Annotated[int, Query(ge=1, le=50)]

paper_router = new_router("/api/v1/quizzes", "quizzes", kind=PageRoute)
router = new_router("/api/v1", "quizzes")


@paper_router.get("/{quiz_id}", response_model=QuizPaper, responses=NOT_MODIFIED)
async def read_quiz(request: Request, quiz_id: str) -> Response:
    """A quiz without its keys."""
    visit = await enter(request)
    quiz = open_quiz(visit.course, quiz_id, reader=visit.reader)
    return service.paper(visit.course, quiz.quiz_id).answer(request)


@router.post("/quizzes/{quiz_id}/submit", response_model=QuizAttempt)
async def submit_quiz(
    *,
    learner: CurrentLearner,
    quiz: OpenQuiz,
    course: CurrentCourse,
    submission: QuizSubmission,
    database: RequestDatabase,
    settings: RequestSettings,
    now: Now,
    key: ClientKey = None,
) -> Any:
    """Mark an attempt and keep it; any number of attempts is allowed, and the best counts."""
    request_digest = digest(submission, operation=f"submit {quiz.quiz_id}", secret=settings.token_secrets[0])
    # Begun here and not by a dependency, which costs more than the transaction itself; the commit is before the answer.
    async with database.transaction() as session:

        async def work() -> Effect:
            attempt = await service.submit_attempt(
                session, student_id=learner.student_id, course=course, quiz=quiz, answers=submission.answers, now=now
            )
            return Effect(student_id=learner.student_id, status=200, answer=attempt)

        owner = str(learner.student_id)
        return await run_once(session, owner=owner, key=key, request_digest=request_digest, work=work)


@router.get("/quizzes/{quiz_id}/results")
async def list_quiz_results(
    learner: CurrentLearner, quiz: KnownQuiz, session: Session, page: PageNumber = 1, per_page: PageSize = 10
) -> QuizResults:
    """The caller's attempts at a quiz, newest first; also where its chapter is locked now."""
    return await service.results(session, student_id=learner.student_id, quiz=quiz, page=page, per_page=per_page)


@router.get("/progress/quiz-history")
async def list_quiz_history(
    learner: CurrentLearner, session: Session, page: PageNumber = 1, per_page: PageSize = 10
) -> QuizHistory:
    """The caller's attempts at all quizzes, newest first."""
    return await service.history(session, student_id=learner.student_id, page=page, per_page=per_page)

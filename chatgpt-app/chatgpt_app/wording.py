"""What went wrong, in words a learner can act on: what happened, and what to do next. No code, price or plan's name."""

from datetime import datetime

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from chatgpt_app.errors import NothingThere, Refused, SignedOut, Unreachable

NOT_OPEN = "This is not part of your current plan."
NO_GRADED_WORK = "Learning paths and graded answers are not part of your current plan; "
NO_GRADED_WORK += "reading, quizzes and progress are."
OPEN_CHAPTERS = "Use list_chapters to see which chapters are open to you and go on with one of those."
TRY_AGAIN = "Please try again in a minute; nothing was lost."
SIGN_IN = "You are signed out of Course Companion. Please connect it again to go on; everything you did is kept."

# Where the API's own message fits a learner and holds nothing a listing may not show, it is said as it is.
API_SPEAKS = {"RESOURCE_NOT_FOUND", "INSUFFICIENT_DATA", "INVALID_ANSWER_LENGTH", "INVALID_SUBMISSION"}
API_SPEAKS |= {"LLM_SERVICE_UNAVAILABLE", "SERVICE_BUSY", "VALIDATION_ERROR", "INVALID_REQUEST", "ATTEMPTS_EXHAUSTED"}

NEXT_STEP = {
    "RESOURCE_NOT_FOUND": "Call it again with one of those.",
    "PATH_NOT_FOUND": "Use get_learning_path to see the current path.",
    "QUESTION_NOT_FOUND": "Use list_open_questions for the questions there are.",
    "SUBMISSION_NOT_FOUND": "Use list_open_questions to choose a question and submit_answer to answer it.",
    "ATTEMPTS_EXHAUSTED": "Read the feedback with get_feedback, or choose another question with list_open_questions.",
    "INVALID_ANSWER_LENGTH": "Change the length and submit it again; nothing was counted.",
    "VALIDATION_ERROR": "Correct this and call the tool again.",
    "INVALID_REQUEST": "Correct this and call the tool again.",
    "INSUFFICIENT_DATA": "Take a quiz with get_quiz, then ask for the path again.",
}
WHAT_HAPPENED = {
    "PATH_NOT_FOUND": "There is no such learning path.",
    "QUESTION_NOT_FOUND": "There is no such open question in this course.",
    "SUBMISSION_NOT_FOUND": "There is no answer of yours to this question.",
    "FEATURE_DISABLED": "This part of the course is switched off at the moment. Everything else works.",
    "SERVICE_BUDGET_EXHAUSTED": "This part of the course rests until next month. Reading, quizzes and progress go on.",
    "SPEND_CEILING_REACHED": "You have used all of this month's graded work. Reading, quizzes and progress go on.",
    "IDEMPOTENCY_CONFLICT": "This was asked for before in another form. Please look at the result of that first.",
}
# What is wrong with an argument, by pydantic's type of error; ids by the tool that shows them.
WRONG = {
    "missing": "is missing",
    "dict_type": "should be an object, with a value for each name",
    "string_type": "should be text",
    "string_pattern_mismatch": "is not written as it should be",
    "string_too_short": "is too short: {min_length} or more characters are needed",
    "string_too_long": "is too long: at most {max_length} characters are taken",
    "too_long": "holds too much: at most {max_length} are taken",
    "bool_type": "should be true or false",
    "bool_parsing": "should be true or false",
    "literal_error": "should be {expected}",
}
SHOWN_BY = {
    "chapter_id": "list_chapters",
    "section_id": "get_chapter",
    "quiz_id": "get_chapter",
    "question_id": "list_open_questions",
}


def explain(error: BaseException) -> str:
    """What an expected error means for the learner, ending with a next step."""
    match error:
        case NothingThere():
            return str(error)
        case SignedOut():
            return SIGN_IN
        case Refused():
            return _refused(error)
        case ValidationError():
            return _arguments(error)
        case Unreachable():
            return f"The course can not be reached at the moment. {TRY_AGAIN}"
        case _:
            return f"Something went wrong on our side. {TRY_AGAIN}"


def _refused(error: Refused) -> str:
    match error.code:
        case "ACCESS_DENIED":
            return f"{NOT_OPEN} {OPEN_CHAPTERS}"
        case "PREMIUM_REQUIRED":
            return NO_GRADED_WORK
        case "RATE_LIMIT_EXCEEDED":
            return _used_up(error)
        case code if code in API_SPEAKS | WHAT_HAPPENED.keys():
            happened = _fields(error) or WHAT_HAPPENED.get(code) or str(error.body.get("message", ""))
            return " ".join(part for part in (happened, *_details(error), NEXT_STEP.get(code)) if part)
        case _:
            return f"Something went wrong on our side. {TRY_AGAIN}"


def _details(error: Refused) -> list[str]:
    """What the API suggests beyond its message."""
    fallback = error.detail("fallback") or {}
    found = [error.detail("suggestion"), fallback.get("suggestion")]
    return [str(text) for text in found if text and str(text) not in str(error.body.get("message"))]


def _fields(error: Refused) -> str:
    """What is wrong with which field, as one sentence; nothing where the API names none."""
    fields = [field for field in error.detail("fields") or [] if isinstance(field, dict)]
    told = "; ".join(f"{field.get('field')}: {str(field.get('message')).rstrip('.')}" for field in fields)
    return told and f"{told}."


def _used_up(error: Refused) -> str:
    quota = error.detail("quota")
    if not quota:
        return "Many requests came in a short time. Please wait a few minutes and go on then."
    what = "learning paths" if "path" in str(quota.get("feature")) else "graded answers"
    again = datetime.fromisoformat(str(quota["reset_date"])).strftime("%-d %B")
    return (
        f"This month's {quota['limit']} {what} are used up. There are new ones from {again}; reading and quizzes go on."
    )


def _arguments(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_input=False)
    told = "; ".join(f"{'.'.join(map(str, problem['loc']))} {_problem(problem)}" for problem in problems)
    return f"The tool was called with something it does not take: {told}. Correct this and call it again."


def _problem(problem: ErrorDetails) -> str:
    """What is wrong with one argument, after its name."""
    name, limits = str(problem["loc"][-1]), problem.get("ctx", {})
    if name in SHOWN_BY and problem["type"].startswith("string_"):
        return f"is no id; {SHOWN_BY[name]} shows them"
    if known := WRONG.get(problem["type"]):
        return known.format(**limits)
    return f"does not fit: {problem['msg'].removeprefix('Value error, ')}"

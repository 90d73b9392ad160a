"""Everything that can be found about a course before it is published. Pure: it looks at what was read, and at no file.

An error would mislead a student or a service, and the course is refused whole. A warning is for a person to judge.
"""

from collections.abc import Callable, Iterable

from core.publishing.checks.assessments import check_assessments
from core.publishing.checks.links import check_links
from core.publishing.checks.outline import check_ids, check_outline
from core.publishing.checks.privacy import check_privacy
from core.publishing.checks.quizzes import check_quizzes
from core.publishing.checks.short_answers import check_short_answers
from core.publishing.checks.texts import check_texts
from core.publishing.source import CourseSource, Finding, Step, say_nothing

CHECKS: dict[str, Callable[[CourseSource], Iterable[Finding]]] = {
    "ids": check_ids,
    "concepts and chapters": check_outline,
    "texts": check_texts,
    "links": check_links,
    "quizzes": check_quizzes,
    "open questions": check_assessments,
    "addresses and numbers": check_privacy,
    "short answers": check_short_answers,
}


def validate(source: CourseSource, *, step: Step = say_nothing) -> list[Finding]:
    """Every finding once, by file and line, those about ids first.

    A course without an error among them can be published. ``step`` is told each check.
    """
    ids = set(check_ids(source))
    found: set[Finding] = set()
    for name, check in CHECKS.items():
        found.update(check(source))
        step(len(CHECKS), f"{name} are checked")
    found |= {Finding(file, 1, "nothing reads this file", "warning") for file in source.unread}
    places = {file: place for place, file in enumerate(source.files)}
    return sorted(
        found, key=lambda one: (one not in ids, places.get(one.file, len(places)), one.file, one.line, one.message)
    )

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
from core.publishing.source import CourseSource, Finding

CHECKS: tuple[Callable[[CourseSource], Iterable[Finding]], ...] = (
    check_outline,
    check_texts,
    check_links,
    check_quizzes,
    check_short_answers,
    check_assessments,
    check_privacy,
)


def validate(source: CourseSource) -> list[Finding]:
    """Every finding once, by file and line, those about ids first.

    A course without an error among them can be published.
    """
    ids = set(check_ids(source))
    found = ids | {finding for check in CHECKS for finding in check(source)}
    found |= {Finding(file, 1, "nothing reads this file", "warning") for file in source.unread}
    places = {file: place for place, file in enumerate(source.files)}
    return sorted(
        found, key=lambda one: (one not in ids, places.get(one.file, len(places)), one.file, one.line, one.message)
    )

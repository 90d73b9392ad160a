"""What a student should do next, computed from what core knows. Pure: the same snapshot gives the same answer.

A chapter is weak when its best quiz score is under 60, or when it took more than 1.5 times the student's own average.
The model may word and order the candidates found here; it can add nothing to them.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property

from intelligence.paths.findings import Analysis, Cause, Kind, Step, WeakArea
from intelligence.paths.mastery import FULL_MARK, mastery_by_chapter
from shared_schemas.claims import SubscriptionTier
from shared_schemas.course import ChapterOutline, Course, SectionOutline
from shared_schemas.learners import ChapterFacts, LearnerSnapshot, QuizAttemptFacts, SectionFacts
from shared_schemas.paths import Impact

WEAK_SCORE = 60
SLOW_RATIO = 1.5
MAXIMUM_CANDIDATES = 12
NEXT_SECTIONS = 3


def quizzes_taken(snapshot: LearnerSnapshot) -> int:
    """How many different quizzes the student has attempted."""
    return len({attempt.quiz_id for attempt in snapshot.quiz_attempts})


def best_scores(snapshot: LearnerSnapshot) -> dict[str, int]:
    """Chapter id to best quiz score in percent; chapters without an attempt are absent."""
    scores: dict[str, int] = {}
    for attempt in snapshot.quiz_attempts:
        scores[attempt.chapter_id] = max(attempt.score, scores.get(attempt.chapter_id, 0))
    return scores


def is_open(chapter: ChapterOutline, tier: SubscriptionTier) -> bool:
    """Whether a student of this tier may read the chapter."""
    return chapter.access_tier == "free" or tier != "free"


def analyse(snapshot: LearnerSnapshot, course: Course, tier: SubscriptionTier) -> Analysis:
    """Weak areas and ranked next steps among the sections open to ``tier``, most urgent first."""
    return _Learner(snapshot, course, tier).analysis()


class _Learner:
    """The snapshot seen through the course."""

    def __init__(self, snapshot: LearnerSnapshot, course: Course, tier: SubscriptionTier) -> None:
        self.chapters = [chapter for chapter in course.chapters if is_open(chapter, tier)]
        self.attempts: dict[str, list[QuizAttemptFacts]] = {}
        marked: dict[str, list[int]] = {}
        for attempt in snapshot.quiz_attempts:
            self.attempts.setdefault(attempt.chapter_id, []).append(attempt)
        for attempts in self.attempts.values():
            for question_id, mark in sorted(attempts[-1].marks.items()):
                marked.setdefault(attempts[-1].sections.get(question_id, ""), []).append(mark)
        self.scores = {
            section_id: round(100 * sum(marks) / (FULL_MARK * len(marks))) for section_id, marks in marked.items()
        }
        self.facts: dict[str, ChapterFacts] = {facts.chapter_id: facts for facts in snapshot.chapters}
        self.sections: dict[tuple[str, str], SectionFacts] = {
            (facts.chapter_id, section.section_id): section for facts in snapshot.chapters for section in facts.sections
        }
        self.completed = {place for place, facts in self.sections.items() if facts.completed}
        self.best = best_scores(snapshot)
        self.mastery = mastery_by_chapter(snapshot.quiz_attempts)
        self.average_chapter_time = _mean(facts.time_spent_seconds for facts in snapshot.chapters)
        self.average_section_time = _mean(section.time_spent_seconds for section in self.sections.values())

    def analysis(self) -> Analysis:
        best: dict[tuple[str, str], Step] = {}
        for step in self._steps():
            key = (step.chapter_id, step.section_id)
            if key not in best or step.weight > best[key].weight:
                best[key] = step
        position = {
            (chapter.chapter_id, section.section_id): (chapter.chapter_number, section.order)
            for chapter in self.chapters
            for section in chapter.sections
        }
        ranked = sorted(best.values(), key=lambda s: (-s.weight, position[s.chapter_id, s.section_id]))
        return Analysis(
            weak_areas=tuple(self.weak.values()),
            candidates=tuple(ranked[:MAXIMUM_CANDIDATES]),
            best_scores=self.best,
            mastery=self.mastery,
        )

    @cached_property
    def weak(self) -> dict[str, WeakArea]:
        areas = {}
        for chapter in self.chapters:
            attempts = self.attempts.get(chapter.chapter_id, [])
            best = self.best.get(chapter.chapter_id)
            ratio = self._time_ratio(chapter)
            causes: list[Cause] = []
            if best is not None and best < WEAK_SCORE:
                causes.append("score")
            if ratio is not None and ratio > SLOW_RATIO:
                causes.append("time")
            if causes:
                mastery = self.mastery.get(chapter.chapter_id)
                areas[chapter.chapter_id] = WeakArea(
                    chapter_id=chapter.chapter_id,
                    title=chapter.title,
                    causes=tuple(causes),
                    best_score=best,
                    latest_score=attempts[-1].score if attempts else None,
                    attempts=len(attempts),
                    time_ratio=None if ratio is None else round(ratio, 2),
                    expected=None if mastery is None else round(mastery.expected, 2),
                    verdict=mastery.verdict if mastery else "unsure",
                )
        return areas

    def _time_ratio(self, chapter: ChapterOutline) -> float | None:
        facts = self.facts.get(chapter.chapter_id)
        if facts is None or not self.average_chapter_time:
            return None
        return facts.time_spent_seconds / self.average_chapter_time

    def _score(self, section: SectionOutline) -> int | None:
        return self.scores.get(section.section_id)

    def _is_completed(self, chapter: ChapterOutline, section: SectionOutline) -> bool:
        return (chapter.chapter_id, section.section_id) in self.completed

    def _is_firm(self, chapter: ChapterOutline, section: SectionOutline) -> bool:
        """Whether its quiz questions, or else reading it or its chapter's quiz, speak for the section."""
        score = self._score(section)
        if score is not None:
            return score >= WEAK_SCORE
        return self._is_completed(chapter, section) or self.best.get(chapter.chapter_id, 0) >= WEAK_SCORE

    def _time(self, chapter: ChapterOutline, section: SectionOutline) -> int:
        facts = self.sections.get((chapter.chapter_id, section.section_id))
        return facts.time_spent_seconds if facts else 0

    def _steps(self) -> list[Step]:
        steps = [step for chapter in self.chapters for step in self._chapter_steps(chapter)]
        steps += self._prerequisites([step for step in steps if step.kind in {"review", "strengthen"}])
        steps += self._next()
        return steps or self._refresh()

    def _chapter_steps(self, chapter: ChapterOutline) -> list[Step]:
        weak = self.weak.get(chapter.chapter_id)
        weak_by_score = weak is not None and "score" in weak.causes
        started = chapter.chapter_id in self.attempts or any(self._is_completed(chapter, s) for s in chapter.sections)
        last_read = max((s.order for s in chapter.sections if self._is_completed(chapter, s)), default=0)
        steps = []
        for section in chapter.sections:
            score = self._score(section)
            if score is not None and score < WEAK_SCORE:
                steps.append(self._missed(chapter, section, score, weak_by_score))
            elif weak_by_score and score is None:
                reason = f"Your best score in “{chapter.title}” is {self.best[chapter.chapter_id]} %; read this again."
                steps.append(self._step(chapter, section, "review", 70, "high", reason))
            if weak and "time" in weak.causes and self._time(chapter, section) > SLOW_RATIO * self.average_section_time:
                reason = "You spent much longer here than on your other sections; a second look can make it click."
                steps.append(self._step(chapter, section, "slow", 50, "medium", reason))
            skipped = chapter.chapter_id in self.attempts or section.order < last_read
            if started and skipped and not self._is_completed(chapter, section) and (score or 0) < WEAK_SCORE:
                reason = f"You have worked on “{chapter.title}” but not finished this section."
                steps.append(self._step(chapter, section, "skipped", 75 if weak_by_score else 45, "medium", reason))
        return self._retaking(chapter, steps) + self._unsure(chapter)

    def _retaking(self, chapter: ChapterOutline, steps: list[Step]) -> list[Step]:
        """The steps, with one to take the quiz again in place of the weak sections once all of them were read since."""
        gaps = [step for step in steps if step.kind in {"review", "strengthen"}]
        if not gaps or not all(self._was_read_since_the_quiz(chapter, step.section_id) for step in gaps):
            return steps
        reason = f"You have read what you missed in “{chapter.title}” since. Take its quiz again to show what you know."
        weakest = max(gaps, key=lambda step: step.weight)
        return [*(step for step in steps if step not in gaps), replace(weakest, kind="retake", reason=reason)]

    def _was_read_since_the_quiz(self, chapter: ChapterOutline, section_id: str) -> bool:
        facts = self.sections.get((chapter.chapter_id, section_id))
        read_at = facts.last_activity_at if facts and facts.completed else None
        return read_at is not None and read_at > self.attempts[chapter.chapter_id][-1].completed_at

    def _missed(self, chapter: ChapterOutline, section: SectionOutline, score: int, weak: bool) -> Step:
        retries = len(self.attempts[chapter.chapter_id]) - 1
        tries = f" after {retries + 1} attempts" if retries else ""
        reason = f"The quiz questions on this section earned {score} %{tries}."
        if weak:
            return self._step(chapter, section, "review", 100 + (WEAK_SCORE - score) / 10, "high", reason)
        return self._step(chapter, section, "strengthen", 60 + (WEAK_SCORE - score) / 10, "medium", reason)

    def _unsure(self, chapter: ChapterOutline) -> list[Step]:
        """Where a passed quiz is too little evidence: its lowest section, so that the student can make sure."""
        mastery = self.mastery.get(chapter.chapter_id)
        scored = [section for section in chapter.sections if self._score(section) is not None]
        if mastery is None or mastery.verdict != "unsure" or not scored:
            return []
        lowest = min(scored, key=lambda section: (self._score(section), section.order))
        reason = f"Your quiz answers do not show yet whether “{chapter.title}” is firm; this section scored lowest."
        return [self._step(chapter, lowest, "unsure", 30, "low", reason)]

    def _prerequisites(self, gaps: list[Step]) -> list[Step]:
        """Sections that a weak section builds on and that are themselves unread or weak."""
        teachers = {
            concept: (chapter, section)
            for chapter in self.chapters
            for section in chapter.sections
            for concept in section.teaches
        }
        outlines = {section.section_id: section for chapter in self.chapters for section in chapter.sections}
        steps = []
        for gap in gaps:
            for concept in outlines[gap.section_id].requires:
                if concept not in teachers or teachers[concept][1].section_id == gap.section_id:
                    continue
                chapter, section = teachers[concept]
                if gap.score is None and gap.chapter_id == chapter.chapter_id:
                    continue  # the whole chapter is to be read again, in its own order
                if not self._is_firm(chapter, section):
                    reason = f"“{gap.title}” builds on this section, and it is not firm yet."
                    weight = 95 if gap.kind == "review" else 55
                    steps.append(self._step(chapter, section, "prerequisite", weight, "high", reason))
        return steps

    def _next(self) -> list[Step]:
        unread = [
            (chapter, section)
            for chapter in self.chapters
            for section in chapter.sections
            if not self._is_completed(chapter, section) and chapter.chapter_id not in self.attempts
        ]
        reason = "It comes next in the course."
        return [
            self._step(chapter, section, "next", 20 - place, "low", reason)
            for place, (chapter, section) in enumerate(unread[:NEXT_SECTIONS])
        ]

    def _refresh(self) -> list[Step]:
        reason = "You are through the course; this section is worth refreshing first."
        return [
            self._step(chapter, section, "refresh", (100 - (self._score(section) or 0)) / 10, "low", reason)
            for chapter in self.chapters
            for section in chapter.sections
        ]

    def _step(  # noqa: PLR0917  # a table row, read best in one line
        self,
        chapter: ChapterOutline,
        section: SectionOutline,
        kind: Kind,
        weight: float,
        impact: Impact,
        reason: str,
    ) -> Step:
        return Step(
            chapter_id=chapter.chapter_id,
            section_id=section.section_id,
            title=section.title,
            kind=kind,
            weight=weight,
            impact=impact,
            reason=reason,
            estimated_time_minutes=section.estimated_time_minutes,
            score=self._score(section),
        )


def _mean(values: Iterable[int]) -> float:
    """Mean of the values above zero; 0 when there are none."""
    spent = [value for value in values if value > 0]
    return sum(spent) / len(spent) if spent else 0.0

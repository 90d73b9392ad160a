"""The accounts of a running system, compared with each other and with what the model's stand-in has seen."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.live import Live

TOKENS = {
    "tokens_input": ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"],
    "tokens_output": ["output_tokens"],
}


def nothing_open(live: Live) -> bool:
    """Whether every reservation and every call is closed, no answer waits to be graded, and core has heard of all."""
    [still] = live.rows(
        """
        SELECT (SELECT count(*) FROM llm_reservations WHERE state = 'open')
            + (SELECT count(*) FROM llm_usage_logs WHERE outcome = 'open')
            + (SELECT count(*) FROM assessment_submissions WHERE grading_status IN ('pending', 'processing'))
            + (SELECT count(*) FROM learning_actions) AS open
        """
    )
    return bool(still["open"] == 0)


def books_balance(live: Live) -> None:
    """The sums of the months are those of the ledger, of what is held and of the units kept, for each and for all."""
    wrong = live.rows(
        """
        SELECT * FROM (
            SELECT s.student_id, s.spent_usd - coalesce(sum(c.cost_usd), 0) AS spent_off,
                s.unknown_usd - coalesce(sum(c.worst_case_usd) FILTER (WHERE c.outcome = 'unknown'), 0) AS unknown_off
            FROM llm_student_spend s LEFT JOIN llm_usage_logs c
                ON c.student_id = s.student_id AND c.spend_month = s.month
            GROUP BY s.student_id, s.month, s.spent_usd, s.unknown_usd
        ) sums WHERE spent_off <> 0 OR unknown_off <> 0
        """
    )
    assert wrong == []
    [all_students] = live.rows(
        """
        SELECT (SELECT sum(spent_usd) FROM llm_installation_spend)
            = (SELECT sum(cost_usd) FROM llm_usage_logs) AS spent_agrees,
            (SELECT sum(unknown_usd) FROM llm_installation_spend)
            = (SELECT coalesce(sum(worst_case_usd), 0) FROM llm_usage_logs WHERE outcome = 'unknown') AS unknown_agrees,
            (SELECT sum(held_usd) FROM llm_installation_spend)
            = (SELECT coalesce(sum(held_usd), 0) FROM llm_reservations WHERE state = 'open')
            + (SELECT coalesce(sum(worst_case_usd), 0) FROM llm_usage_logs WHERE outcome = 'open') AS held_agrees
        """
    )
    assert all_students == {"spent_agrees": True, "unknown_agrees": True, "held_agrees": True}
    leaks = live.rows(
        """
        SELECT q.student_id, q.month, q.adaptive_paths_used, q.assessments_used, r.paths, r.answers
        FROM premium_usage_quotas q JOIN LATERAL (
            SELECT count(*) FILTER (WHERE feature = 'adaptive_path') AS paths,
                count(*) FILTER (WHERE feature = 'assessment') AS answers
            FROM llm_reservations WHERE student_id = q.student_id AND quota_month = q.month AND state <> 'released'
        ) r ON true WHERE (q.adaptive_paths_used, q.assessments_used) <> (r.paths, r.answers)
        """
    )
    assert leaks == [], "a unit used is a reservation that was kept"
    twice = live.rows(
        "SELECT reference_id FROM llm_usage_logs WHERE success AND reference_id IS NOT NULL "
        "GROUP BY reference_id HAVING count(*) > 1"
    )
    assert twice == [], "what was made of one answer is not bought again"


@dataclass(frozen=True)
class Witness:
    """The simulator's own ledger from one moment on: the other side's account of every attempt."""

    live: Live
    file: Path
    offset: int
    since: str

    @classmethod
    def of(cls, live: Live) -> "Witness":
        """From now on."""
        file = live.stack.plan.state / "model-simulator.jsonl"
        return cls(live, file, file.stat().st_size, live.stack.sql("SELECT clock_timestamp()"))

    def text(self) -> str:
        """All that it has been sent, as it stands in its file."""
        with self.file.open("rb") as lines:
            lines.seek(self.offset)
            return lines.read().decode()

    def lines(self, event: str) -> list[dict[str, Any]]:
        """Its lines of one event, `seen` or `answered`."""
        return [line for line in map(json.loads, self.text().splitlines()) if line["event"] == event]

    def idle(self) -> bool:
        """Whether it has answered all it has seen."""
        return len(self.lines("seen")) == len(self.lines("answered"))

    def agrees_with_the_ledger(self) -> None:
        """Every attempt it saw has a row of ours with the same tokens; a row it never saw is unknown, and nothing else.

        A row whose process was killed never learned the request's id: it is found by the body that was sent.
        """
        rows = self.live.rows(
            f"""
            SELECT c.call_id, c.outcome, c.provider_request_id, c.tokens_input, c.tokens_output, e.request_body
            FROM llm_usage_logs c LEFT JOIN llm_exchanges e USING (call_id)
            WHERE c.request_timestamp >= '{self.since}'
            """
        )
        billed = {line["request_id"]: line["usage"] for line in self.lines("answered")}
        known = {row["provider_request_id"]: row for row in rows if row["provider_request_id"]}
        nameless = defaultdict(list)
        for row in rows:
            if row["provider_request_id"] is None:
                nameless[_canonical(row["request_body"])].append(row["outcome"])
        without_row: list[str] = []
        for line in self.lines("seen"):
            if line["request_id"] in known:
                row = known.pop(line["request_id"])
                assert _tokens(row) == _billed(billed[line["request_id"]]), line["request_id"]
            elif nameless[_canonical(line["body"])]:
                assert nameless[_canonical(line["body"])].pop() == "unknown"
            else:
                without_row.append(line["request_id"])
        assert without_row == [], "attempts that the provider saw and our ledger does not hold"
        assert known == {}, "request ids that the provider never gave"
        assert {outcome for rest in nameless.values() for outcome in rest} <= {"unknown"}, "never sent, yet not unknown"


def _canonical(body: Any) -> str:
    return json.dumps(body, sort_keys=True)


def _tokens(row: Mapping[str, Any]) -> dict[str, int]:
    return {name: row[name] for name in TOKENS}


def _billed(usage: Mapping[str, Any] | None) -> dict[str, int]:
    return {name: _sum(usage, parts) for name, parts in TOKENS.items()}


def _sum(usage: Mapping[str, Any] | None, parts: Iterable[str]) -> int:
    return sum(usage[part] or 0 for part in parts) if usage else 0

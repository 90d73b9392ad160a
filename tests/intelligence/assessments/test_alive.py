"""What the worker's health check looks at: a file that is touched whenever the queue was looked at."""

import asyncio
import os
from pathlib import Path

import pytest

from intelligence.assessments import worker
from intelligence.settings import get_settings
from tests.intelligence.conftest import Configure
from tests.live import eventually


@pytest.mark.parametrize("enabled", [True, False])
async def test_a_worker_that_turns_keeps_its_file_young(
    configure: Configure, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, enabled: bool
) -> None:
    await configure()
    monkeypatch.setattr(get_settings(), "enable_llm_assessments", enabled)
    stop, alive = asyncio.Event(), tmp_path / "alive"
    grading = asyncio.create_task(worker.run(stop, worker.Rhythm(poll_seconds=0.01), alive.touch))
    try:
        for what in ("made", "touched again"):
            await asyncio.to_thread(eventually, lambda: alive.exists() and alive.stat().st_mtime > 1, what)
            os.utime(alive, (0, 0))
    finally:
        stop.set()
        await grading

import asyncio
import os
import re
import sys
from pathlib import Path

import httpx

from tests.intelligence.assessments.running import World

ENDS_WITHIN_SECONDS = 5


async def serve_elsewhere(folder: Path) -> tuple[asyncio.subprocess.Process, str]:
    """The service in a process of its own, so that it can be told to end; and its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "uvicorn",
        "intelligence.app:app",
        "--port",
        "0",
        cwd=folder,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    async for line in process.stdout:
        if address := re.search(rb"running on (http://[\d.:]+)", line):
            return process, address[1].decode()
    raise AssertionError("the service ended before it listened")


async def test_an_open_stream_does_not_hold_up_the_end_of_the_process(world: World, tmp_path: Path) -> None:
    student = await world.student()
    submission_id = (await student.submit()).json()["submission_id"]
    process, url = await serve_elsewhere(tmp_path)
    try:
        async with (
            httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {student.token}"}) as client,
            client.stream("GET", f"/api/v2/assessments/feedback/{submission_id}/events") as stream,
        ):
            lines = stream.aiter_lines()
            assert await anext(lines) == "event: queued"
            process.terminate()
            async with asyncio.timeout(ENDS_WITHIN_SECONDS):
                assert [line async for line in lines if line.startswith("event:")] == []
                await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

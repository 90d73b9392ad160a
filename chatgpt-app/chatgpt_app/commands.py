"""`chatgpt-app`: what an operator does with the app beside running it."""

import asyncio
import zipfile
from pathlib import Path
from typing import Annotated

import typer

from chatgpt_app import kit
from chatgpt_app.errors import Unreachable
from chatgpt_app.gateway import Doors
from chatgpt_app.server import CourseServer
from chatgpt_app.settings import Settings, get_settings

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help="The ChatGPT app of Course Companion.")


@app.callback()
def main() -> None:
    """The ChatGPT app of Course Companion."""


@app.command("kit")
def make_kit(
    folder: Annotated[Path, typer.Argument(help="Where the kit is written; a .zip of it stands beside it.")],
    demo_recording: Annotated[str, typer.Option(help="The https address of a recording that shows the app.")] = "",
) -> None:
    """Write what a plugin directory asks for; exits 1 when something is still missing. The services must be running."""
    settings = get_settings()
    try:
        made = asyncio.run(_documents(settings, demo_recording))
    except Unreachable as error:
        typer.secho(
            f"The services can not be reached at {settings.gateway_url}: {error}", err=True, fg=typer.colors.RED
        )
        raise typer.Exit(1) from None
    for name, content in made.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    packed = folder.with_name(f"{folder.name}.zip")
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in made.items():
            package.writestr(name, content)
    typer.echo(f"✓ {len(made)} files in {folder} and {packed.name}")
    for problem in (problems := kit.missing(settings, recording=demo_recording)):
        typer.secho(f"Before you hand it in: {problem}.", err=True, fg=typer.colors.YELLOW)
    raise typer.Exit(1 if problems else 0)


async def _documents(settings: Settings, recording: str) -> dict[str, bytes]:
    doors = Doors(settings)
    try:
        specifications = [await doors.specification(f"/api/{v}/openapi.json") for v in ("v1", "v2")]
    finally:
        await doors.close()
    tools = await CourseServer(settings).list_tools()
    return kit.documents(settings, tools, specifications, recording=recording)

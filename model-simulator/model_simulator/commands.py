"""The command line: `model-simulator serve`."""

import json
import socket
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from model_simulator.app import ANNOUNCEMENT, Simulator, create_app
from model_simulator.control import DEFAULT_ERROR_STATUS, DEFAULT_LATENCY_MS, Control, Mode, Setting
from model_simulator.errors import ApiError
from model_simulator.ledger import Ledger
from model_simulator.server import run
from model_simulator.tutor import Oracle, read_oracle

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def main() -> None:
    """A stand-in for the Anthropic Messages API: keyless trial, tests, benchmarks, faults. No model is ever asked."""


@app.command()
def serve(
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8010,
    mode: Annotated[Mode, typer.Option(help="How to answer at first; PUT /control changes it.")] = Mode.TUTOR,
    status: Annotated[
        int, typer.Option(min=400, max=599, help="HTTP status of the mode `error`.")
    ] = DEFAULT_ERROR_STATUS,
    latency_ms: Annotated[
        int | None,
        typer.Option(
            min=0,
            help=f"Wait before every answer, in any mode; {DEFAULT_LATENCY_MS} in mode latency unless given, else 0.",
        ),
    ] = None,
    ledger: Annotated[Path | None, typer.Option(help="JSON-lines file to append every request and answer to.")] = None,
    oracle: Annotated[
        Path | None, typer.Option(help="JSON file for the mode `oracle`: sha256 of an answer to its levels.")
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, max=1, help="Always one: mode, counts and prompt cache live in one process.")
    ] = 1,
) -> None:
    """Serve until SIGTERM or Ctrl-C; requests under way may finish."""
    wait = latency_ms if latency_ms is not None else DEFAULT_LATENCY_MS if mode is Mode.LATENCY else 0
    try:
        simulator = Simulator(
            control=Control(Setting(mode=mode, status=status, latency_ms=wait)),
            ledger=Ledger(ledger),
            oracle=_read_oracle_file(oracle) if oracle else {},
        )
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        _fail(f"cannot start on {host}:{port}: {error}")
    typer.echo(f"model-simulator: {ANNOUNCEMENT}; mode {mode}, http://{host}:{listener.getsockname()[1]}")
    run(create_app(simulator), listener, ledger=simulator.ledger, workers=workers)


def _read_oracle_file(path: Path) -> Oracle:
    try:
        return read_oracle(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, ApiError) as error:
        _fail(f"{path}: {error}")


def _fail(reason: str) -> NoReturn:
    typer.echo(f"model-simulator: {reason}", err=True)
    raise typer.Exit(1)

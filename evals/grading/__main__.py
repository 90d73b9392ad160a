"""How well the product grades: `make eval-grading`.

Without a key, or with --simulator, the model simulator's modes answer, which tells whether these measures tell good
from bad; with one the model itself, on a sample of at most --limit answers.
"""

import asyncio
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

# The settings of the service ask for a database; nothing here opens it.
os.environ.setdefault("INTELLIGENCE_DATABASE_URL", "postgresql://nobody@localhost/nothing")

from evals.grading import paid, simulated  # the settings are read when these are imported or used
from evals.grading.cases import Case, saf_cases, semeval_cases
from intelligence.settings import get_settings

DEFAULT_LIMIT = 120

# What settings warn of matters to a service that answers students.
logging.getLogger("intelligence.settings").setLevel(logging.ERROR)


def main(
    *,
    limit: Annotated[int, typer.Option(min=5, help="At most this many answers of each collection.")] = DEFAULT_LIMIT,
    simulator: Annotated[bool, typer.Option(help="Use the simulator even where a key is set.")] = False,
) -> None:
    """Print how grades agree with the known worth of answers; exit 1 where these measures do not measure."""
    collections = foreign_collections(limit)
    if get_settings().model_key is None or simulator:
        problems = simulated.run(collections)
        print(f"\n{simulated.verdict(problems)}")
    else:
        problems = asyncio.run(paid.run(collections, limit=limit))
    for problem in problems:
        typer.secho(f"✗ {problem}", fg=typer.colors.RED)
    raise typer.Exit(1 if problems else 0)


def foreign_collections(limit: int) -> dict[str, Sequence[Case]]:
    """The collections that EVAL_DATA names a folder with; what is missing is said."""
    folder = Path(os.environ.get("EVAL_DATA") or "evals/data")
    found: dict[str, Sequence[Case]] = {}
    for name, read in (("saf2", saf_cases), ("semeval2013", semeval_cases)):
        if (folder / f"{name}_train_answers.jsonl").is_file():
            found[name] = read(folder, limit=limit)
        else:
            print(f"{name}: not there; EVAL_DATA should name a folder with {name}_train_answers.jsonl")
    return found


typer.run(main)

"""Whether our own servers hold already what this code would put there."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from devstack.plan import Plan

MARK = "course_companion.filled"


def mark(folders: Sequence[Path], plan: Plan, revision: str) -> None:
    """Note in each folder of data that this code has filled it, with the schema at ``revision``.

    The note stands in the data, so that it goes wherever they go.
    """
    for folder in folders:
        (folder / MARK).write_text(f"{_fingerprint(plan)} {revision}")


def marked_revision(folders: Sequence[Path], plan: Plan) -> str | None:
    """The schema's revision that this very code has filled all the folders at, or None."""
    notes = {path.read_text() if (path := folder / MARK).is_file() else "" for folder in folders}
    fingerprint, _, revision = notes.pop().partition(" ")
    return revision if not notes and fingerprint == _fingerprint(plan) else None


def _fingerprint(plan: Plan) -> str:
    digest = hashlib.sha256(str(plan.setting("ENVIRONMENT")).encode())
    for folder in ("migrations", "content", "services/core/core", "shared-schemas/shared_schemas", "deploy"):
        for path in sorted((plan.root / folder).rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                digest.update(f"{path}\n".encode() + path.read_bytes())
    return digest.hexdigest()

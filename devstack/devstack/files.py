"""Files that are written whole or not at all."""

from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Write a file for its owner's eyes only, so that nobody, not even after a full disk, finds half of it."""
    fresh = path.with_name(f"{path.name}.new")
    try:
        fresh.touch(mode=0o600)
        fresh.write_text(text)
        fresh.replace(path)
    except OSError as error:
        error.filename = error.filename or str(path)  # a failing write does not name its file
        fresh.unlink(missing_ok=True)
        raise

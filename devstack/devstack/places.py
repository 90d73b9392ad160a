"""Where a stack's files are: in the project's folder, and outside it only what cannot be there."""

import hashlib
import os
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

from devstack.plan import CannotStart, Plan

FREE_BYTES_NEEDED = 500_000_000


def others_may_enter(path: Path) -> bool:
    """Whether a user with no rights here could reach ``path``: every folder above it lets others pass."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in path.resolve().parents)


def free_space(path: Path) -> None:
    """Raise CannotStart when the disk is nearly full."""
    free = shutil.disk_usage(path).free
    if free < FREE_BYTES_NEEDED:
        raise CannotStart(f"The disk is nearly full: {free // 1_000_000} MB free at {path}, 500 MB are needed.")


def home_of_data(state: Path, name: str, *, user: str, preferred: bool) -> Path:
    """The folder that holds, or is to hold, the data ``name`` of a server that runs as another user.

    That is ``state`` where it is ``preferred`` and the user can reach it, otherwise `private_home`; data that exist are
    never left behind in the other of the two: raises CannotStart rather than begin anew.
    """
    outside = private_home_path(state)
    is_inside, is_outside = ((home / name / "PG_VERSION").exists() for home in (state, outside))
    is_open = others_may_enter(state / "x")
    if is_inside and is_outside:
        raise CannotStart(f"There are two databases, {state / name} and {outside / name}: move one of them away.")
    if is_inside and not is_open:
        raise CannotStart(
            f"The database is {state / name}, where PostgreSQL, which runs as the user {user}, may not enter: "
            f"chmod o+x the folders above it, or move it to {private_home(state) / name}."
        )
    return state if is_inside or (is_open and preferred and not is_outside) else private_home(state)


def private_home(state: Path) -> Path:
    """A folder below /var/tmp for this project's server files, made by root and open for nobody else to change."""
    home = private_home_path(state)
    home.mkdir(mode=0o700, exist_ok=True)
    facts = home.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid():
        raise CannotStart(f"{home} exists and is not ours: look at it, and remove it.")
    home.chmod(0o711)  # whatever the umask says
    return home


def readable_copy(folders: Sequence[Path], into: Path) -> None:
    """Copy the folders side by side to ``into``, whole or not at all, for every user to read whatever the umask is."""
    if into.is_dir():
        return
    free_space(into.parent)
    fresh = into.with_name(f"{into.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    for folder in folders:
        shutil.copytree(folder, fresh / folder.name)
    for path in (fresh, *fresh.rglob("*")):
        is_program = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
        path.chmod(0o755 if is_program else 0o644)
    fresh.rename(into)


def private_home_path(state: Path) -> Path:
    """Where `private_home` is, whether it exists or not."""
    return Path("/var/tmp") / f"course-companion-{_digest(state)}"  # noqa: S108  # private_home checks owner and kind


def _digest(path: Path) -> str:
    return hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]


def short_socket(plan: Plan, name: str) -> Path:
    """A socket path that stays under the 107 bytes the kernel allows."""
    folder = short_socket_folder(plan)
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.lstat().st_uid != os.geteuid() or folder.is_symlink():
        raise CannotStart(f"{folder} exists and is not ours: look at it, and remove it.")
    return folder / f"{name}.sock"


def short_socket_folder(plan: Plan) -> Path:
    """Where `short_socket` puts them."""
    return Path("/tmp") / f"cc-{os.geteuid()}-{_digest(plan.state)}"  # noqa: S108  # short_socket checks the owner

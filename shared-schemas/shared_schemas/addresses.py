"""Addresses that several services must read in the same way."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator


def _origin(value: str) -> str:
    parts = urlsplit(value.rstrip("/"))
    if (
        parts.scheme not in {"http", "https"}
        or not parts.hostname
        or parts.geturl() != f"{parts.scheme}://{parts.netloc}"
    ):
        raise ValueError("write http:// or https://, a host, and a port if need be; no path may follow")
    if parts.username is not None or parts.port == 0:
        raise ValueError("write neither a name nor a password, and no port 0")
    return parts.geturl()


# Where browsers and ChatGPT reach the gateway: every path below it is ours, so it has none itself, nor a slash.
PublicUrl = Annotated[str, AfterValidator(_origin)]

"""Addresses that several services must read in the same way."""

import re
from typing import Annotated

from pydantic import AfterValidator

ORIGIN = re.compile(r"(?P<scheme>https?)://(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::(?P<port>[1-9]\d{0,4}))?")
OF_THE_SCHEME = {"http": "80", "https": "443"}


def _origin(value: str) -> str:
    address = value.rstrip("/")
    parts = ORIGIN.fullmatch(address)
    if parts is None:
        raise ValueError("write http:// or https://, a host in small letters, a port if need be, and no path")
    port = parts["port"]
    return address.removesuffix(f":{port}") if port == OF_THE_SCHEME[parts["scheme"]] else address


# Where browsers and ChatGPT reach the gateway, as a browser writes it: every path below it is ours, so it has none.
PublicUrl = Annotated[str, AfterValidator(_origin)]

"""The gateway's nginx configuration, filled in for one machine."""

import grp
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

_PLACEHOLDER = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")


class MissingGatewayValue(Exception):
    """The gateway template names a value that was not given."""


def render(template: str, values: Mapping[str, str]) -> str:
    """The template with every `${NAME}` replaced; nginx's own `$names` stay. A name without a value raises."""
    missing = sorted(set(_PLACEHOLDER.findall(template)) - values.keys())
    if missing:
        raise MissingGatewayValue(f"The gateway template needs {', '.join(missing)}.")
    return _PLACEHOLDER.sub(lambda placeholder: values[placeholder[1]], template)


def servers(addresses: Sequence[str]) -> str:
    """The lines of an upstream for `host:port` addresses. Without any, its routes answer 502 and the rest works."""
    if not addresses:
        return "server 127.0.0.1:9 down;"
    return " ".join(f"server {address} max_fails=0;" for address in addresses)


def local_values(
    *,
    prefix: Path,
    listen: str,
    public_url: str,
    core: Sequence[str],
    intelligence: Sequence[str],
    chatgpt_app: Sequence[str],
    flood_rate: str = "500r/s",
    worker_processes: int = 2,
) -> dict[str, str]:
    """Every value of the template for this machine.

    `prefix` is an existing absolute directory for the pid, the access log and temporary files; `listen` and the
    services are `host:port`; `public_url` decides whether answers demand https; `flood_rate` is nginx's form, per
    client address.
    """
    return {
        # A root nginx runs its workers as nobody, who may not enter a private project directory.
        "GATEWAY_USER_DIRECTIVE": f"user root {grp.getgrgid(0).gr_name};" if os.geteuid() == 0 else "",
        "GATEWAY_WORKER_PROCESSES": str(worker_processes),
        "GATEWAY_PREFIX": str(prefix),
        "GATEWAY_ACCESS_LOG": str(prefix / "access.log"),
        "GATEWAY_LISTEN": listen,
        "GATEWAY_PUBLIC_URL": public_url,
        "GATEWAY_FLOOD_RATE": flood_rate,
        # `set_real_ip_from ADDRESS;` for each proxy in front; nothing stands in front of the local stack.
        "GATEWAY_TRUSTED_PROXIES_DIRECTIVE": "",
        # Required by nginx's grammar; addresses need no resolver, so it is never asked.
        "GATEWAY_RESOLVER": "127.0.0.1",
        "GATEWAY_CORE_SERVERS": servers(core),
        "GATEWAY_INTELLIGENCE_SERVERS": servers(intelligence),
        "GATEWAY_CHATGPT_APP_SERVERS": servers(chatgpt_app),
    }

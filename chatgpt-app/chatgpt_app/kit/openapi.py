"""One OpenAPI document for API clients, of the operations a learner's assistant needs."""

import json
import re
from importlib.metadata import version
from typing import Any

from chatgpt_app.settings import Settings

MOST_OPERATIONS = 30
LONGEST_SUMMARY = 300
# Accounts, operators and health are not for a learner's assistant; two neighbours and a stream add nothing to it.
LEFT_OUT = ("/auth/", "/admin/", "/health", "/export", "/events", "/next", "/previous", "/upgrade")


def document(settings: Settings, specifications: list[dict[str, Any]]) -> dict[str, Any]:
    """The document, made of those of the services; raises ValueError when it has more operations than clients take."""
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    for one in specifications:
        schemas |= one["components"]["schemas"]
        for path, methods in one["paths"].items():
            if not any(part in path for part in LEFT_OUT):
                paths[path] = {method: _operation(operation, path) for method, operation in methods.items()}
    if sum(len(methods) for methods in paths.values()) > MOST_OPERATIONS:
        raise ValueError(f"API clients take at most {MOST_OPERATIONS} operations")
    return {
        "openapi": "3.1.0",
        "info": {"title": "Course Companion", "version": version("chatgpt-app")},
        "servers": [{"url": settings.public_url}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": _reached(paths, schemas),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _reached(part: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """Those of ``schemas`` that ``part`` names, and those that they name in turn."""
    found: dict[str, Any] = {}
    names = _named(part)
    while names:
        name = names.pop()
        found[name] = schemas[name]
        names |= _named(schemas[name]) - found.keys()
    return dict(sorted(found.items()))


def _named(part: Any) -> set[str]:
    return set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(part)))


def _operation(operation: dict[str, Any], path: str) -> dict[str, Any]:
    suffix = re.sub(r"\W", "_", path.strip("/"))
    shortened = operation["operationId"].partition(f"_{suffix}")[0]
    told = str(operation.get("description", ""))[:LONGEST_SUMMARY]
    kept = {name: part for name, part in operation.items() if name not in {"security", "tags"}}
    return {**kept, "operationId": shortened, "description": told}

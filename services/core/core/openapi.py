"""What the OpenAPI document says beyond what FastAPI finds out itself: which operations want a bearer token."""

from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from core.routing import PageRoute
from core.security import current_learner, leaving_learner

SCHEME = {"type": "http", "scheme": "bearer", "description": "The access_token of POST /api/v1/auth/login"}


def describe_sign_in(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    """Mark in the document of ``app`` every operation of ``routers`` that resolves a learner; costs no request time."""
    generate = app.openapi
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]

    def document() -> dict[str, Any]:
        found = generate()
        found["components"]["securitySchemes"] = {"bearer": SCHEME}
        for route in routes:
            if route.include_in_schema and (isinstance(route, PageRoute) or _signs_in(route.dependant)):
                for method in route.methods or ():
                    found["paths"][route.path][method.lower()]["security"] = [{"bearer": []}]
        return found

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's documented way of extending its document


def _signs_in(dependant: Dependant) -> bool:
    return dependant.call in (current_learner, leaving_learner) or any(map(_signs_in, dependant.dependencies))

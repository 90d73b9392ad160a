"""Pages: JSON answers that are made once for all readers, with gaps for what is each reader's own."""

import hashlib
from collections.abc import Sequence
from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel

NOT_MODIFIED: dict[int | str, dict[str, Any]] = {
    304: {"description": "Not modified: what the client holds under this ETag is still right"}
}


class ReadyPage:
    """A JSON answer whose bytes stand ready. It carries an ETag, and is not sent again while that is the same."""

    def __init__(self, content: BaseModel, *, gap: str | None = None) -> None:
        """``gap`` names a member: wherever it is null in ``content``, a value of the reader's own will stand."""
        body = content.model_dump_json().encode()
        self._digest = hashlib.sha256(body).digest()
        self._parts = [body]
        if gap is not None:
            member = f'"{gap}":'.encode()  # unmistakable: inside of a string its quotes would be escaped
            *before, last = body.split(member + b"null")
            self._parts = [part for piece in before for part in (piece + member, b"")] + [last]

    def answer(self, request: Request, own: Sequence[bytes] = ()) -> Response:
        """The page with ``own`` in its gaps, one JSON value for each; 304 where the client holds the same already."""
        tag = f'"{hashlib.sha256(self._digest + b",".join(own)).hexdigest()[:32]}"'
        headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Authorization"}
        held = request.headers.get("If-None-Match")
        if held is not None and {one.strip().removeprefix("W/") for one in held.split(",")} & {tag, "*"}:
            return Response(status_code=304, headers=headers)
        parts = self._parts.copy()
        parts[1::2] = own
        return Response(b"".join(parts), media_type="application/json", headers=headers)

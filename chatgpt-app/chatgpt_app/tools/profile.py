"""Who is signed in, for hosts that let a person connect several accounts."""

import hashlib
from typing import Annotated

from mcp.types import CallToolResult
from pydantic import ConfigDict

from chatgpt_app.tooling import Ctx, Shown, course_tool, learner_of, said
from shared_schemas.accounts import Profile


class WhoIsSignedIn(Shown):
    """``id`` tells accounts apart and means nothing elsewhere; it never changes and is never given to anybody else."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"required": ["id", "email"]})

    id: str
    email: str
    name: str = ""


@course_tool(
    title="Who is signed in",
    use="Use this when the host or the learner asks which Course Companion account is connected.",
    invoking="Looking up the account",
    invoked="The connected account",
    meta={"openai/profile": True},
)
async def profile(ctx: Ctx) -> Annotated[CallToolResult, WhoIsSignedIn]:
    """The connected account."""
    account = await learner_of(ctx).get("/api/v1/auth/me", Profile)
    opaque = hashlib.sha256(f"course-companion profile {account.user_id}".encode()).hexdigest()[:32]
    shown = WhoIsSignedIn(id=opaque, email=account.email, name=account.full_name or "")
    return said(shown.model_dump_json(), shown)

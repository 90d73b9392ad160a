"""A bearer token becomes a learner, and a learner passes a gate or does not. No feature is known here."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request

from intelligence import core_client
from intelligence.core_client import Unauthorized
from intelligence.errors import ServiceError
from intelligence.plans import PREMIUM_BENEFITS, PREMIUM_PRICING, upgrade_url
from shared_schemas.claims import Learner
from shared_schemas.learners import LearnerWithSnapshot


class PremiumRequired(ServiceError):
    """New work is for premium and pro students."""

    status = 403
    code = "PREMIUM_REQUIRED"
    message = "This is part of the premium plan."

    def __init__(self, ended_at: datetime | None = None) -> None:
        """``ended_at``: when the student's own paid plan ran out."""
        message, details = self.message, {}
        if ended_at is not None:
            day = ended_at.astimezone(UTC)
            message = (
                f"Your subscription ended on {day.day} {day:%B %Y} (UTC). Your paths and feedback are kept. {message}"
            )
            details = {"subscription_ended_at": ended_at.isoformat()}
        super().__init__(
            message,
            details=details,
            extra={"benefits": PREMIUM_BENEFITS, "upgrade_url": upgrade_url(), "pricing": PREMIUM_PRICING},
        )


class AdminRequired(ServiceError):
    """Only an operator may see this."""

    status = 403
    code = "ADMIN_REQUIRED"
    message = "This is for course operators only."

    def __init__(self) -> None:
        super().__init__(extra={"required_role": "admin"})


async def current_learner(request: Request) -> Learner:
    """Any signed-in student; kept on the request, so that the rate-limit headers know whose answer it is."""
    known: Learner | None = getattr(request.state, "learner", None)
    if known is None:
        known = request.state.learner = await core_client.resolve(_bearer(request))
    return known


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthorized
    return token.strip()


CurrentLearner = Annotated[Learner, Depends(current_learner)]


async def premium_learner(learner: CurrentLearner) -> Learner:
    """A student whose plan is premium or pro at this moment; an expired plan counts as free."""
    now = datetime.now(UTC)
    if learner.effective_tier(now) == "free":
        raise PremiumRequired(learner.ended_at(now))
    return learner


async def admin_learner(learner: CurrentLearner) -> Learner:
    """A course operator."""
    if learner.role != "admin":
        raise AdminRequired
    return learner


PremiumLearner = Annotated[Learner, Depends(premium_learner)]


async def learner_with_snapshot(request: Request) -> LearnerWithSnapshot:
    """Any signed-in student with what they have done; kept like `current_learner`, which then need not ask core."""
    known = await core_client.resolve_with_snapshot(_bearer(request))
    request.state.learner = known.learner
    return known


async def premium_learner_with_snapshot(
    known: Annotated[LearnerWithSnapshot, Depends(learner_with_snapshot)], _: PremiumLearner
) -> LearnerWithSnapshot:
    """Who passes the gate for premium, with what they have done: core is asked once, before the gate."""
    return known


PremiumLearnerWithSnapshot = Annotated[LearnerWithSnapshot, Depends(premium_learner_with_snapshot)]
AdminLearner = Annotated[Learner, Depends(admin_learner)]
_GATES = {current_learner, premium_learner, admin_learner}


async def refuse_first(request: Request) -> None:
    """Raise what the gate of this route raises, for requests that failed before FastAPI came to the gate.

    FastAPI parses a JSON body before it resolves dependencies, but 401 and 403 come before 400 here.
    """
    route = request.scope.get("route")
    gates = _gates(getattr(route, "dependant", None))
    if not gates:
        return
    learner = await current_learner(request)
    if premium_learner in gates:
        await premium_learner(learner)
    if admin_learner in gates:
        await admin_learner(learner)


def _gates(dependant: object) -> set[object]:
    found: set[object] = set()
    for inner in getattr(dependant, "dependencies", ()):
        found |= _gates(inner) | ({inner.call} if inner.call in _GATES else set())
    return found

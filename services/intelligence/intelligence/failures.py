"""Any failure as the error it is answered with, by a plain answer and by the last event of a stream alike."""

import logging

from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from intelligence.core_client import CoreUnavailable, Unauthorized
from intelligence.database import describe, is_temporary
from intelligence.errors import ServiceError

logger = logging.getLogger(__name__)


def told(failure: BaseException) -> ServiceError:
    """The error that says it: 401 for an account deleted meanwhile, 503 while the database is away, otherwise 500.

    A refusal is one already. All the rest is logged, a database's error without the rows it quotes.
    """
    if isinstance(failure, ServiceError):
        return failure
    if not isinstance(failure, (SQLAlchemyError, OSError)):
        logger.error("something went wrong", exc_info=failure)
        return ServiceError()
    if isinstance(failure, IntegrityError) and "_student_id_students" in str(failure):
        return Unauthorized()
    logger.error("a database error: %s", describe(failure))
    return CoreUnavailable() if is_temporary(failure) else ServiceError()

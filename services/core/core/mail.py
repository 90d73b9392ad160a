"""The one door to the mail server. Without a server, mail is written to the log."""

import asyncio
import logging
from email.message import EmailMessage

import aiosmtplib

from core.settings import Settings

logger = logging.getLogger(__name__)

STEP_SECONDS = 10.0  # to connect, and for each answer of the server
SEND_SECONDS = 30.0  # for all of it
SUBMISSIONS_PORT = 465  # TLS from the first byte; elsewhere STARTTLS


class MailNotSent(Exception):
    """The mail server could not be reached, or would not take the mail now: worth another try later."""


class MailRefused(Exception):
    """The mail server will never take mail for this recipient."""


class Mailer:
    """Sends mail by the server that SMTP_SERVER names; where it is unset, recipient and subject go to the log.

    Only in development the log shows the text too: it may hold a token.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def send(self, message: EmailMessage) -> None:
        """Hand over one mail; raises MailNotSent or MailRefused. A password is never sent to a server without TLS."""
        settings = self._settings
        if settings.smtp_server is None:
            self._write(message)
            return
        tls = settings.smtp_port == SUBMISSIONS_PORT
        try:
            message["From"] = settings.smtp_from or settings.smtp_username or "course-companion@localhost"
            async with asyncio.timeout(SEND_SECONDS):
                await aiosmtplib.send(
                    message,
                    hostname=settings.smtp_server,
                    port=settings.smtp_port,
                    username=settings.smtp_username,
                    password=settings.smtp_password.get_secret_value() or None,
                    use_tls=tls,
                    start_tls=True if settings.smtp_username and not tls else None,
                    timeout=STEP_SECONDS,
                )
        except aiosmtplib.SMTPRecipientsRefused as error:
            if all(_is_permanent(refusal.code) for refusal in error.recipients):
                raise MailRefused(str([refusal.code for refusal in error.recipients])) from error
            raise MailNotSent(type(error).__name__) from error
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise MailNotSent(f"{settings.smtp_server}:{settings.smtp_port}: {type(error).__name__}") from error

    def _write(self, message: EmailMessage) -> None:
        shown = f"mail to {message['To']}: {message['Subject']}"
        if self._settings.environment == "development":
            shown += f"\n{message.get_content()}"
        logger.info(shown)


def _is_permanent(code: int) -> bool:
    return code >= 500  # noqa: PLR2004  # RFC 5321: 5yz is for good, 4yz for now

"""E-mails through a mail server, with Django's own backend.

SMTP offers no way to ask what became of a message: one whose answer was lost is sent again, under the same Message-ID.
"""

import re
import smtplib
import ssl
from contextlib import suppress
from datetime import datetime
from typing import Any

import environ
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.smtp import EmailBackend

from reminders.transports import mail, web
from reminders.transports.base import Envelope, Fault, Receipt, TransportError

# Replies about one mailbox (RFC 5321, 4.2.3): it does not exist, is elsewhere, has a name that is not allowed, or takes no
# mail at all (RFC 7504). A class in the reply itself (RFC 3463) tells more: 5.1 is the address, 5.7 is what is permitted.
NO_SUCH_MAILBOX = {550, 551, 553, 556}
NOT_ALLOWED_IN = {530, 534, 535, 538}


class Smtp:
    name = "smtp"

    def __init__(self, *, url: str, email_from: str, timeout: float) -> None:
        self._server = server(url)
        self._email_from = email_from
        self._timeout = timeout
        # Reading all certificates takes longer than sending an e-mail.
        self._tls = ssl.create_default_context()

    def send(self, envelope: Envelope) -> Receipt:
        backend = Backend(**self._server, timeout=self._timeout)
        backend.ssl_context = self._tls
        try:
            backend.open()
            backend.send_messages([self._mail(envelope)])
        except (OSError, smtplib.SMTPException) as error:
            raise explained(error, may_have_been_sent=backend.text_was_handed_over) from error
        except ValueError as error:
            # A line break in a header, or an address that cannot be written.
            raise TransportError(web.excerpt(error), permanent=True) from error
        finally:
            with suppress(OSError, smtplib.SMTPException):
                backend.close()
        return Receipt()

    def find(self, envelope: Envelope, *, handed_over_at: datetime, now: datetime) -> Receipt | None:
        """There is no way to know."""
        return None

    def _mail(self, envelope: Envelope) -> EmailMultiAlternatives:
        letter = envelope.letter
        message = EmailMultiAlternatives(
            letter.subject,
            letter.text,
            mail.sender_line(envelope, self._email_from),
            [envelope.to],
            headers=mail.headers(envelope, self._email_from),
        )
        if letter.html:
            message.attach_alternative(letter.html, "text/html")
        if letter.invitation:
            # Some programs understand the one, some the other.
            message.attach_alternative(letter.invitation, mail.calendar_type(letter.invitation))
            message.attach(mail.INVITATION_NAME, letter.invitation.encode(), "application/ics")
        return message


class Watched(smtplib.SMTP):
    text_was_handed_over = False

    def data(self, msg: Any) -> tuple[int, bytes]:
        self.text_was_handed_over = True
        return super().data(msg)


class WatchedOverTls(Watched, smtplib.SMTP_SSL):
    pass


class Backend(EmailBackend):
    """Knows whether the server has begun to take the text, from where on a silence leaves it open what became of it."""

    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return WatchedOverTls if self.use_ssl else Watched

    @property
    def text_was_handed_over(self) -> bool:
        return isinstance(self.connection, Watched) and self.connection.text_was_handed_over


def server(url: str) -> dict[str, Any]:
    """What `smtp+tls://user:password@host:587` says, as the arguments of Django's backend. Raises ValueError."""
    try:
        found = environ.Env.email_url_config(url)
    except environ.ImproperlyConfigured as error:
        raise ValueError(str(error)) from error
    if not found["EMAIL_HOST"] or not found["EMAIL_BACKEND"].endswith(".smtp.EmailBackend"):
        raise ValueError("It names no mail server.")
    is_tls, is_ssl = found.get("EMAIL_USE_TLS", False), found.get("EMAIL_USE_SSL", False)
    return {
        "host": found["EMAIL_HOST"],
        "port": found["EMAIL_PORT"] or (465 if is_ssl else 587 if is_tls else 25),
        "username": found["EMAIL_HOST_USER"] or "",
        "password": found["EMAIL_HOST_PASSWORD"] or "",
        "use_tls": is_tls,
        "use_ssl": is_ssl,
    }


def explained(error: Exception, *, may_have_been_sent: bool) -> TransportError:
    code, words = _reply(error)
    if not code and not isinstance(error, smtplib.SMTPNotSupportedError):
        words = f"The mail server cannot be reached or did not answer ({type(error).__name__})."
        return TransportError(words, permanent=False, may_have_been_sent=may_have_been_sent)
    is_permanent = code >= 500 or not code
    return TransportError(
        f"The mail server answered {code}: {words}" if code else words,
        permanent=is_permanent,
        code=str(code or ""),
        fault=_blame(error, code, words) if is_permanent else Fault.MESSAGE,
    )


def _reply(error: Exception) -> tuple[int, str]:
    """Code and words of the server; 0 if it said nothing."""
    code: int
    words: bytes | str
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, words = next(iter(error.recipients.values()))
    elif isinstance(error, smtplib.SMTPResponseException):
        code, words = error.smtp_code, error.smtp_error
    else:
        code, words = 0, str(error)
    text = words.decode(errors="replace") if isinstance(words, bytes) else str(words)
    return max(code, 0), web.excerpt(text)


def _blame(error: Exception, code: int, words: str) -> Fault:
    detail = re.match(r"5\.(\d+)\.", words)
    about = detail[1] if detail else ""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        if code in NOT_ALLOWED_IN:
            return Fault.ACCOUNT
        is_mailbox = about == "1" or (about != "7" and code in NO_SUCH_MAILBOX)
        return Fault.ADDRESS if is_mailbox else Fault.MESSAGE
    if isinstance(error, smtplib.SMTPDataError) or code == 552:
        return Fault.ADDRESS if about == "1" else Fault.MESSAGE
    # Greeting, sign-in and sender: the same for every message.
    return Fault.ACCOUNT

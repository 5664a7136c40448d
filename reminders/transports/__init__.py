"""Ways to send a message. The settings say which; without credentials it is the console."""

import threading
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from appointments.models import Channel
from reminders.transports.base import Transport
from reminders.transports.console import Console

# The clients of providers are imported where they are used: most processes never send anything.


class _Kept(threading.local):
    """Each thread's own: the clients and their connections are not made for sharing."""

    def __init__(self) -> None:
        self.transports: dict[str, tuple[Any, Transport]] = {}


_kept = _Kept()


def of(channel: str) -> Transport:
    """What sends messages of this channel. Built once for as long as the settings stay, and kept by the calling thread."""
    wanted = _for_texts() if channel == Channel.PHONE else _for_emails()
    known = _kept.transports.get(channel)
    if known is None or known[0] != wanted:
        build, given = wanted
        known = _kept.transports[channel] = (wanted, build(**given))
    return known[1]


def status() -> list[tuple[str, str, str]]:
    """Channel, transport and a sentence for staff about each, e-mail first."""
    emails, texts = _for_emails()[0].name, _for_texts()[0].name
    return [
        (Channel.EMAIL, emails, _EMAILS[emails].format(**_places())),
        (Channel.PHONE, texts, _TEXTS[texts].format(**_places())),
    ]


_EMAILS = {
    "console": "E-mails are off: neither SendGrid nor a mail server is set.",
    "sendgrid": "E-mails are sent through SendGrid, from {email_from}.",
    "smtp": "E-mails are sent through the mail server {mail_server}, from {email_from}.",
}
_TEXTS = {
    "console": "Text messages are off: no Twilio account is set.",
    "twilio": "Text messages are sent through Twilio, from {texts_from}.",
}


def _places() -> dict[str, str]:
    service = settings.TWILIO_MESSAGING_SERVICE_SID
    return {
        "email_from": settings.EMAIL_FROM,
        "mail_server": urlsplit(settings.SMTP_URL).hostname or "",
        "texts_from": f"messaging service {service}" if service else settings.TWILIO_FROM,
    }


def _for_emails() -> tuple[Any, dict[str, Any]]:
    timeout = settings.PROVIDER_TIMEOUT_SECONDS
    if settings.SENDGRID_API_KEY:
        from reminders.transports.sendgrid import SendGrid

        return SendGrid, {
            "key": settings.SENDGRID_API_KEY,
            "base": settings.SENDGRID_API_BASE,
            "email_from": settings.EMAIL_FROM,
            "event_minutes": settings.SENDGRID_EVENT_MINUTES,
            "timeout": timeout,
        }
    if settings.SMTP_URL:
        from reminders.transports.smtp import Smtp

        return Smtp, {"url": settings.SMTP_URL, "email_from": settings.EMAIL_FROM, "timeout": timeout}
    return Console, {}


def _for_texts() -> tuple[Any, dict[str, Any]]:
    if not settings.TWILIO_ACCOUNT_SID:
        return Console, {}
    from reminders.transports.twilio import Twilio

    return Twilio, {
        "account": settings.TWILIO_ACCOUNT_SID,
        "token": next(iter(settings.TWILIO_AUTH_TOKENS), ""),
        "service": settings.TWILIO_MESSAGING_SERVICE_SID,
        "number": settings.TWILIO_FROM,
        "base": settings.TWILIO_API_BASE,
        "public_base": settings.PUBLIC_BASE_URL,
        "codes": settings.TWILIO_CODES,
        "timeout": settings.PROVIDER_TIMEOUT_SECONDS,
    }

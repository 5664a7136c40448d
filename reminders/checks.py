"""Django system checks: a site whose credentials are incomplete says so at once, not with the first message."""

import base64
import binascii
import re
from collections.abc import Iterator
from email.utils import parseaddr
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

# A number, a short code, or a name where a country allows one.
SENDER = re.compile(r"\+[1-9]\d{6,14}|\d{3,8}|[A-Za-z0-9 ]{1,11}")


@register
def check_providers(**_options: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = [
        Error(f"Text messages: {problem}", id="reminders.E001") for problem in twilio_problems()
    ]
    found += [Error(f"E-mails: {problem}", id="reminders.E002") for problem in email_problems()]
    found += [Error(problem, id="reminders.E003") for problem in timing_problems()]
    if settings.SENDGRID_API_KEY and not settings.SENDGRID_WEBHOOK_KEYS:
        missing = "Without SENDGRID_WEBHOOK_KEYS nobody learns which e-mails did not arrive."
        hint = "Switch on the signed event webhook at SendGrid and set its public key."
        found.append(Warning(missing, hint=hint, id="reminders.W001"))
    return found


def twilio_problems() -> Iterator[str]:
    account, service, number = (
        settings.TWILIO_ACCOUNT_SID,
        settings.TWILIO_MESSAGING_SERVICE_SID,
        settings.TWILIO_FROM,
    )
    if account:
        if not re.fullmatch(r"AC[0-9a-fA-F]{32}", account):
            yield "TWILIO_ACCOUNT_SID is AC and 32 hexadecimal digits."
        if not any(settings.TWILIO_AUTH_TOKENS):
            yield "TWILIO_ACCOUNT_SID is set without TWILIO_AUTH_TOKENS."
        if not service and not number:
            yield "Set TWILIO_MESSAGING_SERVICE_SID or TWILIO_FROM: there is nothing to send from."
    elif service or number or any(settings.TWILIO_AUTH_TOKENS):
        yield "TWILIO_ACCOUNT_SID is missing beside the other TWILIO settings."
    if service and not re.fullmatch(r"MG[0-9a-fA-F]{32}", service):
        yield "TWILIO_MESSAGING_SERVICE_SID is MG and 32 hexadecimal digits."
    if number and not SENDER.fullmatch(number):
        yield "TWILIO_FROM is a number such as +12125550100."
    if not is_web_address(settings.TWILIO_API_BASE):
        yield "TWILIO_API_BASE is an address such as https://api.twilio.com."
    yield from code_problems(settings.TWILIO_CODES)


def code_problems(codes: dict[str, str]) -> Iterator[str]:
    if codes:
        from reminders.transports.twilio import MEANINGS  # the client takes a while to import

        for code in sorted(code for code, meaning in codes.items() if meaning not in MEANINGS):
            yield f"TWILIO_CODES: {code} is {codes[code]!r}, not one of {', '.join(sorted(MEANINGS))}."


def email_problems() -> Iterator[str]:
    if "@" not in parseaddr(settings.EMAIL_FROM)[1] or "\n" in settings.EMAIL_FROM:
        yield "EMAIL_FROM is an address, or a name and <address>."
    if not is_web_address(settings.SENDGRID_API_BASE):
        yield "SENDGRID_API_BASE is an address such as https://api.sendgrid.com."
    for place, key in enumerate(settings.SENDGRID_WEBHOOK_KEYS, start=1):
        if not is_public_key(key):
            yield f"SENDGRID_WEBHOOK_KEYS: number {place} is not a public key as SendGrid shows it."
    if settings.SMTP_URL and not is_mail_server(settings.SMTP_URL):
        yield "SMTP_URL is written as smtp+tls://user:password@host:587."


def timing_problems() -> Iterator[str]:
    """A message that another worker may take over while the first still waits for an answer could be sent twice."""
    if settings.PROVIDER_TIMEOUT_SECONDS <= 0:
        yield "PROVIDER_TIMEOUT_SECONDS is more than 0: nothing may wait for ever."
    if settings.OUTBOX_CLAIM_SECONDS < 4 * settings.PROVIDER_TIMEOUT_SECONDS:
        yield "OUTBOX_CLAIM_SECONDS is at least four times PROVIDER_TIMEOUT_SECONDS."
    elif settings.SMTP_URL and settings.OUTBOX_CLAIM_SECONDS < 15 * settings.PROVIDER_TIMEOUT_SECONDS:
        # From greeting to goodbye a mail server answers a dozen times, and may take that long for each.
        yield "With SMTP_URL, OUTBOX_CLAIM_SECONDS is at least fifteen times PROVIDER_TIMEOUT_SECONDS."


def is_web_address(text: str) -> bool:
    try:
        address = urlsplit(text)
    except ValueError:
        return False
    return address.scheme in ("http", "https") and bool(address.hostname)


def is_mail_server(url: str) -> bool:
    from reminders.transports.smtp import server

    try:
        return bool(server(url))
    except ValueError:
        return False


def is_public_key(text: str) -> bool:
    try:
        key = load_der_public_key(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        return False
    return isinstance(key, EllipticCurvePublicKey)

"""Django system checks: what an administrator has to set right before documents can be sealed."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Tags, Warning, register

from reminders.checks import is_web_address

OWN_MAKING = (
    "Documents are sealed with a certificate made under DATA_DIR: each machine makes its own, and readers of PDFs call its "
    "issuer unknown."
)
OWN_MAKING_HINT = (
    "Set SEALING_CERTIFICATE_FILE and SEALING_CERTIFICATE_PASSPHRASE to the same for web and workers."
)
WAITS = "Signing goes on, and sealing waits until it is set right."


@register
def check_sealing(**_options: Any) -> list[CheckMessage]:
    """A seal that cannot be made stops nothing else: it is a warning."""
    found: list[CheckMessage] = [Error(problem, id="signatures.E001") for problem in _setting_problems()]
    if settings.SEALING_CERTIFICATE_FILE:
        found += [Warning(problem, hint=WAITS, id="signatures.W001") for problem in _file_problems()]
    return found


@register(Tags.security, deploy=True)
def check_certificate_is_given(**_options: Any) -> list[CheckMessage]:
    if settings.SEALING_CERTIFICATE_FILE:
        return []
    return [Info(OWN_MAKING, hint=OWN_MAKING_HINT, id="signatures.I001")]


def _setting_problems() -> Iterator[str]:
    if settings.SEALING_CERTIFICATE_PASSPHRASE and not settings.SEALING_CERTIFICATE_FILE:
        yield "SEALING_CERTIFICATE_PASSPHRASE is set without SEALING_CERTIFICATE_FILE."
    if settings.SEALING_TIMESTAMP_URL and not is_web_address(settings.SEALING_TIMESTAMP_URL):
        yield "SEALING_TIMESTAMP_URL is an address such as https://timestamp.example."


def _file_problems() -> Iterator[str]:
    from signatures import certificate  # what reads it takes a while to import

    try:
        certificate.given()
    except certificate.CertificateProblem as problem:
        yield str(problem)

"""A site with half-set credentials says so when it starts."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from reminders.checks import check_providers
from tests.contracts.signing import new_sendgrid_key
from tests.contracts.twilio_double import TwilioDouble

TWILIO = {
    "TWILIO_ACCOUNT_SID": TwilioDouble.account,
    "TWILIO_AUTH_TOKENS": ["token"],
    "TWILIO_MESSAGING_SERVICE_SID": TwilioDouble.service,
}
NO_EC_KEY = base64.b64encode(
    rsa.generate_private_key(65537, 2048)
    .public_key()
    .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
).decode()


def found(settings, given: dict[str, object]) -> list[str]:
    for name, value in given.items():
        setattr(settings, name, value)
    return [message.msg for message in check_providers()]


@pytest.mark.parametrize(
    "given",
    [
        {},
        TWILIO,
        {**TWILIO, "TWILIO_MESSAGING_SERVICE_SID": "", "TWILIO_FROM": "+12125550100"},
        {**TWILIO, "TWILIO_CODES": {"21617": "message", "63038": "retry", "1": "opt out"}},
        {"SENDGRID_API_KEY": "SG.x", "SENDGRID_WEBHOOK_KEYS": [new_sendgrid_key()[1], new_sendgrid_key()[1]]},
        {"SMTP_URL": "smtp+tls://u:p@mail.example.org", "EMAIL_FROM": "Northside <a@example.org>"},
    ],
)
def test_whole_credentials_pass(settings, given: dict[str, object]):
    assert found(settings, given) == []


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (
            {**TWILIO, "TWILIO_AUTH_TOKENS": []},
            "Text messages: TWILIO_ACCOUNT_SID is set without TWILIO_AUTH_TOKENS.",
        ),
        (
            {**TWILIO, "TWILIO_MESSAGING_SERVICE_SID": ""},
            "Text messages: Set TWILIO_MESSAGING_SERVICE_SID or TWILIO_FROM: there is nothing to send from.",
        ),
        (
            {**TWILIO, "TWILIO_ACCOUNT_SID": ""},
            "Text messages: TWILIO_ACCOUNT_SID is missing beside the other TWILIO settings.",
        ),
        (
            {**TWILIO, "TWILIO_ACCOUNT_SID": "SK1"},
            "Text messages: TWILIO_ACCOUNT_SID is AC and 32 hexadecimal digits.",
        ),
        (
            {**TWILIO, "TWILIO_MESSAGING_SERVICE_SID": "MG1"},
            "Text messages: TWILIO_MESSAGING_SERVICE_SID is MG and 32 hexadecimal digits.",
        ),
        (
            {**TWILIO, "TWILIO_FROM": "+1 212 555 0100"},
            "Text messages: TWILIO_FROM is a number such as +12125550100.",
        ),
        (
            {"TWILIO_API_BASE": "api.twilio.com"},
            "Text messages: TWILIO_API_BASE is an address such as https://api.twilio.com.",
        ),
        (
            {"TWILIO_CODES": {"21617": "letter"}},
            "Text messages: TWILIO_CODES: 21617 is 'letter', not one of account, address, message, opt out, retry.",
        ),
        (
            {"SENDGRID_WEBHOOK_KEYS": [new_sendgrid_key()[1], "MFkw"]},
            "E-mails: SENDGRID_WEBHOOK_KEYS: number 2 is not a public key as SendGrid shows it.",
        ),
        (
            {"SENDGRID_WEBHOOK_KEYS": [NO_EC_KEY]},
            "E-mails: SENDGRID_WEBHOOK_KEYS: number 1 is not a public key as SendGrid shows it.",
        ),
        (
            {"SENDGRID_API_KEY": "SG.x"},
            "Without SENDGRID_WEBHOOK_KEYS nobody learns which e-mails did not arrive.",
        ),
        (
            {"SENDGRID_API_BASE": "http://["},
            "E-mails: SENDGRID_API_BASE is an address such as https://api.sendgrid.com.",
        ),
        ({"SMTP_URL": "mail:p"}, "E-mails: SMTP_URL is written as smtp+tls://user:password@host:587."),
        ({"EMAIL_FROM": "Northside"}, "E-mails: EMAIL_FROM is an address, or a name and <address>."),
        (
            {"PROVIDER_TIMEOUT_SECONDS": 0},
            "PROVIDER_TIMEOUT_SECONDS is more than 0: nothing may wait for ever.",
        ),
        (
            {"PROVIDER_TIMEOUT_SECONDS": 100, "OUTBOX_CLAIM_SECONDS": 300},
            "OUTBOX_CLAIM_SECONDS is at least four times PROVIDER_TIMEOUT_SECONDS.",
        ),
        (
            {
                "SMTP_URL": "smtp://mail.example.org",
                "PROVIDER_TIMEOUT_SECONDS": 21,
                "OUTBOX_CLAIM_SECONDS": 300,
            },
            "With SMTP_URL, OUTBOX_CLAIM_SECONDS is at least fifteen times PROVIDER_TIMEOUT_SECONDS.",
        ),
    ],
)
def test_half_set_credentials_are_named(settings, given: dict[str, object], problem: str):
    assert found(settings, given) == [problem]


def test_site_does_not_start_with_them(settings):
    settings.TWILIO_ACCOUNT_SID = TwilioDouble.account
    with pytest.raises(SystemCheckError, match="TWILIO_AUTH_TOKENS"):
        call_command("check")

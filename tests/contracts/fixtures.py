"""Doubles of the providers for any test: running all the time, empty at the start of each test that asks for one.

`twilio`, `sendgrid` and `mail_server` also have the settings lead there.
"""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contracts.mail_server import MailServer
from tests.contracts.sendgrid_double import SendGridDouble
from tests.contracts.twilio_double import TwilioDouble


@pytest.fixture(scope="session")
def _no_proxies() -> None:
    """The clients would ask one for addresses of this machine, too."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        os.environ.pop(name, None)
        os.environ.pop(name.upper(), None)


@pytest.fixture(scope="session")
def _running_twilio(_no_proxies: None) -> Iterator[TwilioDouble]:
    double = TwilioDouble()
    yield double
    double.stop()


@pytest.fixture(scope="session")
def _running_sendgrid(_no_proxies: None) -> Iterator[SendGridDouble]:
    double = SendGridDouble()
    yield double
    double.stop()


@pytest.fixture(scope="session")
def _running_mail_server() -> Iterator[MailServer]:
    server = MailServer()
    yield server
    server.stop()


@pytest.fixture
def twilio(_running_twilio: TwilioDouble, settings: Any) -> Iterator[TwilioDouble]:
    double = _running_twilio
    double.reset()
    settings.TWILIO_ACCOUNT_SID = double.account
    settings.TWILIO_AUTH_TOKENS = [double.token]
    settings.TWILIO_MESSAGING_SERVICE_SID = double.service
    settings.TWILIO_API_BASE = double.base
    yield double
    assert double.crashes == []


@pytest.fixture
def sendgrid(_running_sendgrid: SendGridDouble, settings: Any) -> Iterator[SendGridDouble]:
    double = _running_sendgrid
    double.reset()
    settings.EMAIL_FROM = "Northside <appointments@northside.example.org>"
    settings.SENDGRID_API_KEY = double.key
    settings.SENDGRID_API_BASE = double.base
    settings.SENDGRID_WEBHOOK_KEYS = [double.public_key]
    yield double
    assert double.crashes == []


@pytest.fixture
def mail_server(_running_mail_server: MailServer, settings: Any) -> MailServer:
    _running_mail_server.reset()
    settings.EMAIL_FROM = "Northside <appointments@northside.example.org>"
    settings.SMTP_URL = _running_mail_server.url
    return _running_mail_server

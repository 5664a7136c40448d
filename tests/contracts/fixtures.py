"""Doubles of the providers for any test: running all the time, empty at the start of each test that asks for one.

`twilio`, `sendgrid`, `mail_server` and `google_calendar_double` also have the settings lead there.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.google_double import GoogleDouble
from tests.contracts.mail_server import MailServer
from tests.contracts.radicale import Radicale, RadicaleRoad
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


@pytest.fixture(scope="session")
def _running_google(
    _no_proxies: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[GoogleDouble, Path]]:
    double = GoogleDouble()
    key_file = tmp_path_factory.mktemp("google") / "service-account.json"
    key_file.write_text(json.dumps(double.accounts.key_file()))
    yield double, key_file
    double.stop()


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


@pytest.fixture(scope="session")
def _running_radicale(_no_proxies: None) -> Iterator[RadicaleRoad]:
    server = Radicale()
    road = RadicaleRoad(server)
    yield road
    road.stop()
    server.stop()


@pytest.fixture
def radicale(_running_radicale: RadicaleRoad, settings: Any) -> Iterator[RadicaleRoad]:
    road = _running_radicale
    road.reset()
    settings.CALDAV_PRIVATE_HOSTS = [road.address]
    settings.CALENDAR_REQUESTS_PER_SECOND = 10_000
    yield road
    assert road.crashes == []


@pytest.fixture
def google_calendar_double(
    _running_google: tuple[GoogleDouble, Path], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[GoogleDouble]:
    double, key_file = _running_google
    double.reset()
    for name, value in double.settings.items():
        setattr(settings, name, value)
    settings.GOOGLE_SERVICE_ACCOUNT_FILE = str(key_file)
    # oauthlib speaks plain HTTP with nobody else.
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    yield double
    assert double.crashes == []

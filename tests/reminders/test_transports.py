import threading

import pytest

from reminders import transports
from reminders.models import Channel
from reminders.transports.base import Receipt
from tests.contracts.mail_server import MailServer
from tests.contracts.sendgrid_double import SendGridDouble
from tests.contracts.twilio_double import TwilioDouble
from tests.factories import NOW
from tests.reminders.envelopes import email, text

SERVICE = TwilioDouble.service


def names() -> list[str]:
    return [transports.of(channel).name for channel in (Channel.EMAIL, Channel.PHONE)]


def test_nothing_is_sent_without_credentials():
    assert names() == ["console", "console"]
    for channel, envelope in ((Channel.EMAIL, email()), (Channel.PHONE, text())):
        console = transports.of(channel)
        assert console.send(envelope) == Receipt("")
        assert console.find(envelope, handed_over_at=NOW, now=NOW) is None


def test_credentials_say_who_sends(twilio: TwilioDouble, mail_server: MailServer, settings):
    assert names() == ["smtp", "twilio"]
    settings.SENDGRID_API_KEY = "SG.x"
    assert names() == ["sendgrid", "twilio"]


def test_a_transport_stays_as_long_as_its_settings(twilio: TwilioDouble, settings):
    first = transports.of(Channel.PHONE)
    assert transports.of(Channel.PHONE) is first
    settings.TWILIO_AUTH_TOKENS = ["new", *settings.TWILIO_AUTH_TOKENS]
    second = transports.of(Channel.PHONE)
    assert second is not first
    assert transports.of(Channel.PHONE) is second


def test_each_thread_has_its_own(twilio: TwilioDouble):
    found = [transports.of(Channel.PHONE)]
    thread = threading.Thread(target=lambda: found.append(transports.of(Channel.PHONE)))
    thread.start()
    thread.join()
    assert found[0] is not found[1]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {},
            [
                ("email", "console", "E-mails are off: neither SendGrid nor a mail server is set."),
                ("phone", "console", "Text messages are off: no Twilio account is set."),
            ],
        ),
        (
            {
                "SMTP_URL": "smtp+tls://mailer:secret@mail.example.org:587",
                "TWILIO_ACCOUNT_SID": TwilioDouble.account,
                "TWILIO_FROM": "+12125550100",
            },
            [
                (
                    "email",
                    "smtp",
                    "E-mails are sent through the mail server mail.example.org, from a@example.org.",
                ),
                ("phone", "twilio", "Text messages are sent through Twilio, from +12125550100."),
            ],
        ),
        (
            {
                "SENDGRID_API_KEY": SendGridDouble.key,
                "TWILIO_ACCOUNT_SID": TwilioDouble.account,
                "TWILIO_MESSAGING_SERVICE_SID": SERVICE,
            },
            [
                ("email", "sendgrid", "E-mails are sent through SendGrid, from a@example.org."),
                (
                    "phone",
                    "twilio",
                    f"Text messages are sent through Twilio, from messaging service {SERVICE}.",
                ),
            ],
        ),
    ],
)
def test_staff_are_told_what_sends(settings, given: dict[str, str], words: list[tuple[str, str, str]]):
    settings.EMAIL_FROM = "a@example.org"
    for name, value in given.items():
        setattr(settings, name, value)
    assert transports.status() == words

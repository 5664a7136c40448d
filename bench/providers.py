"""Twilio, SendGrid, Google Calendar and a mail server, each beside the site in a process of its own, and what they took."""

import json
import sys
import tempfile
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import mailbox
from bench.outside import Google
from bench.site import HOST, Site, answers, free_port, wait_until
from tests.contracts.sendgrid_double import SendGridDouble
from tests.contracts.twilio_double import TwilioDouble

SENDER = "Northside <appointments@northside.example.org>"
NOBODY = {"TWILIO_ACCOUNT_SID": "", "SENDGRID_API_KEY": "", "SMTP_URL": ""}
# Numbers are not counted against each other here: every customer has one text.
COMMON = {**NOBODY, "EMAIL_FROM": SENDER, "LOG_LEVEL": "WARNING"}


@dataclass(frozen=True)
class Providers:
    """The contract doubles, as light as they can be: they share this machine with what is measured."""

    twilio: int
    sendgrid: int

    @property
    def environment(self) -> dict[str, str]:
        return {
            **COMMON,
            "TWILIO_ACCOUNT_SID": TwilioDouble.account,
            "TWILIO_AUTH_TOKENS": TwilioDouble.token,
            "TWILIO_MESSAGING_SERVICE_SID": TwilioDouble.service,
            "TWILIO_API_BASE": f"http://{HOST}:{self.twilio}",
            "SENDGRID_API_KEY": SendGridDouble.key,
            "SENDGRID_API_BASE": f"http://{HOST}:{self.sendgrid}",
        }

    def taken(self) -> Counter[str]:
        """How many messages each number and each e-mail address was sent."""
        texts = (message["to"] for message in accepted(self.twilio))
        mails = (recipient(message) for message in accepted(self.sendgrid))
        return Counter([*texts, *mails])


@dataclass(frozen=True)
class MailServer:
    port: int
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return {**COMMON, "SMTP_URL": f"smtp://{HOST}:{self.port}"}

    def taken(self) -> Counter[str]:
        return mailbox.taken(self.folder)

    def first(self) -> bytes:
        return (self.folder / mailbox.FIRST).read_bytes()


def accepted(port: int) -> list[dict[str, Any]]:
    """What the double on this port accepted, in order. Raises RuntimeError if it met a fault of its own."""
    with urllib.request.urlopen(f"http://{HOST}:{port}/_double/messages", timeout=60) as answer:
        found = json.load(answer)
    if found["crashes"]:
        raise RuntimeError(f"The double failed: {found['crashes'][0]}")
    return list(found["messages"])


def recipient(message: dict[str, Any]) -> str:
    return str(message["mail"]["personalizations"][0]["to"][0]["email"])


def command(twilio: int, sendgrid: int, *options: str) -> list[str]:
    ports = ["--twilio-port", str(twilio), "--sendgrid-port", str(sendgrid)]
    return [sys.executable, "-m", "tests.contracts.serve", *ports, *options]


@contextmanager
def started(*, delay_ms: int) -> Iterator[Providers]:
    both = Providers(free_port(), free_port())
    options = ["--delay-ms", str(delay_ms), "--light"]
    with _running("providers", command(both.twilio, both.sendgrid, *options), both.twilio, both.sendgrid):
        yield both


def google_command(port: int, *options: str) -> list[str]:
    return [sys.executable, "-m", "tests.contracts.serve", "--google-port", str(port), *options]


@contextmanager
def google(*, delay_ms: int) -> Iterator[Google]:
    port = free_port()
    with _running("google", google_command(port, "--delay-ms", str(delay_ms), "--light"), port):
        yield Google(port)


@contextmanager
def mail_server() -> Iterator[MailServer]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        mail = MailServer(free_port(), Path(folder))
        program = [sys.executable, "-m", "bench.mailbox", str(mail.port), folder]
        with _running("mailbox", program, mail.port):
            yield mail


@contextmanager
def _running(name: str, program: list[str], *ports: int) -> Iterator[None]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        beside = Site(Path(folder))
        try:
            started = beside.start(name, program)
            wait_until(lambda: all(map(answers, ports)), waiting_for=started.last_lines)
            yield
        finally:
            beside.end()

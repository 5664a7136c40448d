"""The doubles as a process of their own: `python -m tests.contracts.serve --twilio-port 9001 --sendgrid-port 9002`.

Prints one line of JSON once they listen: their addresses and credentials. Troubles are asked for, and what was accepted is
read, at `/_double/trouble` and `/_double/messages` of each. Google's also has `/_double/accounts`, where people are made and
their permissions given, and `/_double/calendars`, with what stands in each and the most requests to it in any one second.
Ends with SIGTERM or SIGINT.
"""

import argparse
import contextlib
import json
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from tests.contracts.google_double import GoogleDouble
from tests.contracts.mail_server import MailServer
from tests.contracts.sendgrid_double import SendGridDouble
from tests.contracts.twilio_double import TwilioDouble

REPORTERS = 4


class ReportingTwilio(TwilioDouble):
    """Calls back for each message that asked for it: sent, then delivered."""

    def __init__(self, *, later: Callable[..., Any], **given: Any) -> None:
        super().__init__(**given)
        self._later = later

    def accept(self, message: dict[str, Any]) -> None:
        super().accept(message)
        self._later(self._report, message["sid"])

    def _report(self, sid: str) -> None:
        for status in ("sent", "delivered"):
            with contextlib.suppress(requests.RequestException):
                self.report(sid, status)


class ReportingSendGrid(SendGridDouble):
    """Posts the events of each e-mail to a webhook: processed, then delivered."""

    def __init__(self, *, later: Callable[..., Any], events_to: str, **given: Any) -> None:
        super().__init__(**given)
        self._later, self._events_to = later, events_to

    def accept(self, message: dict[str, Any]) -> None:
        super().accept(message)
        self._later(self._report, message)

    def _report(self, message: dict[str, Any]) -> None:
        for kind in ("processed", "delivered"):
            with contextlib.suppress(requests.RequestException):
                self.post(self._events_to, [self.event(message, kind)])


def main(arguments: list[str] | None = None) -> None:
    asked = _arguments().parse_args(arguments)
    stop = {signal.SIGTERM, signal.SIGINT}
    # Before there are threads, which take the mask over.
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    with ThreadPoolExecutor(REPORTERS) as reporters:
        print(json.dumps(started(asked, reporters.submit)), flush=True)
        signal.sigwait(stop)
        reporters.shutdown(wait=False, cancel_futures=True)


def started(asked: argparse.Namespace, later: Callable[..., Any]) -> dict[str, Any]:
    common = {"delay": asked.delay_ms / 1000, "light": asked.light, "seed": asked.seed}
    found: dict[str, Any] = {}
    if asked.twilio_port is not None:
        given = {"port": asked.twilio_port, **common}
        twilio = ReportingTwilio(later=later, **given) if asked.callbacks else TwilioDouble(**given)
        found["twilio"] = {
            "base": twilio.base,
            "account": twilio.account,
            "token": twilio.token,
            "service": twilio.service,
        }
    if asked.sendgrid_port is not None:
        given = {"port": asked.sendgrid_port, **common}
        to = asked.events_to
        sendgrid = ReportingSendGrid(later=later, events_to=to, **given) if to else SendGridDouble(**given)
        found["sendgrid"] = {
            "base": sendgrid.base,
            "key": sendgrid.key,
            "webhook_key": sendgrid.public_key,
        }
    if asked.google_port is not None:
        google = GoogleDouble(port=asked.google_port, **common)
        google.accounts.person = asked.google_person
        found["google"] = {
            "base": google.base,
            "settings": google.settings,
            "key_file": google.accounts.key_file(),
        }
        if asked.google_person:
            google.account(asked.google_person)
    if asked.smtp_port is not None:
        found["smtp"] = {"url": MailServer(asked.smtp_port).url}
    return found


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("twilio", "sendgrid", "google", "smtp"):
        parser.add_argument(f"--{name}-port", type=int, help="0 for a free one; without it there is none")
    parser.add_argument("--delay-ms", type=float, default=0, help="how long an answer takes")
    parser.add_argument("--light", action="store_true", help="check no more than who is asking")
    parser.add_argument("--seed", type=int, default=0, help="of the troubles that befall a share of requests")
    parser.add_argument("--callbacks", action="store_true", help="have texts reported as sent and delivered")
    parser.add_argument(
        "--google-person", default="", metavar="E-MAIL", help="who sits before the consent page"
    )
    parser.add_argument("--events-to", default="", metavar="URL", help="post the events of e-mails there")
    return parser


if __name__ == "__main__":
    main()

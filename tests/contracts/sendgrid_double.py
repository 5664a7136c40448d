"""SendGrid's Mail Send over real HTTP, as strict as its specification and documentation, and its signed events.

https://www.twilio.com/docs/sendgrid/api-reference/mail-send; the specification is in `specs/`.
"""

import base64
import binascii
import json
import re
import secrets
import time
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import requests

from tests.contracts.doubles import Answer, Asked, Double
from tests.contracts.signing import new_sendgrid_key, sendgrid_headers
from tests.contracts.specification import Specification

SEND = "/v3/mail/send"
ADDRESS = re.compile(r"[^@\s<>]+@[^@\s<>.]+(\.[^@\s<>.]+)+")
RESERVED = {
    *("x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding"),
    *("to", "from", "subject", "reply-to", "cc", "bcc"),
}
ORDER = ["text/plain", "text/html"]


class SendGridDouble(Double):
    key = "SG.key-of-the-double"

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.private_key, self.public_key = new_sendgrid_key()

    @cached_property
    def specification(self) -> Specification:
        return Specification("sendgrid_tsg_mail_v3.send.json", is_closed=True)

    def respond(self, asked: Asked) -> Answer:
        if asked.headers.get("Authorization") != f"Bearer {self.key}":
            return refusal(401, "The provided authorization grant is invalid, expired, or revoked")
        if (asked.method, asked.path) != ("POST", SEND):
            return refusal(404, "Not found")
        mail = _json(asked.body)
        if mail is None:
            return refusal(400, "Bad Request")
        if not self.is_light and (faults := list(self._faults(asked, mail))):
            field, message = faults[0]
            return refusal(400, message, field)
        sent_as = secrets.token_urlsafe(16)
        self.accept({"mail": mail, "x_message_id": sent_as, "accepted_at": time.time()})
        return Answer(202, "", {"X-Message-Id": sent_as})

    def _faults(self, asked: Asked, mail: dict[str, Any]) -> Iterator[tuple[str, str]]:
        yield from wrong_addresses(mail)
        if problem := self.specification.problem(asked):
            yield "", problem
            return
        yield from wrong_recipients(mail)
        yield from wrong_content(mail)
        yield from wrong_headers(mail)
        yield from wrong_arguments(mail)

    # ------------------------------------------------------------------------------------------- events

    def event(self, message: dict[str, Any], kind: str, **more: Any) -> dict[str, Any]:
        """What the event webhook says about an accepted message; its custom arguments stand beside the rest."""
        first = message["mail"]["personalizations"][0]
        return {
            "email": first["to"][0]["email"],
            "timestamp": int(time.time()),
            "smtp-id": f"<{message['x_message_id']}@geopod-ismtpd-0>",
            "event": kind,
            "sg_event_id": secrets.token_urlsafe(16),
            "sg_message_id": f"{message['x_message_id']}.recvd-7c5b-0.0",
            **first.get("custom_args", {}),
            **more,
        }

    def post(self, url: str, events: list[dict[str, Any]]) -> requests.Response:
        """A signed post of events to a webhook."""
        body = json.dumps(events).encode()
        headers = {"Content-Type": "application/json", **sendgrid_headers(body, self.private_key)}
        return requests.post(url, data=body, headers=headers, timeout=15)


def refusal(status: int, message: str, field: str | None = None) -> Answer:
    return Answer(status, {"errors": [{"message": message, "field": field or None, "help": None}]})


def _json(body: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def wrong_addresses(mail: dict[str, Any]) -> Iterator[tuple[str, str]]:
    named = [("from.email", mail.get("from"))]
    for place, one in enumerate(mail.get("personalizations", [])):
        for part in ("to", "cc", "bcc"):
            named += [
                (f"personalizations.{place}.{part}.{at}.email", each)
                for at, each in enumerate(one.get(part, []))
            ]
    for field, each in named:
        if not ADDRESS.fullmatch(str((each or {}).get("email", ""))):
            yield field, "Does not contain a valid address."


def wrong_recipients(mail: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if not mail["personalizations"]:
        yield "personalizations", "The personalizations field is required and must have at least one."
    for place, one in enumerate(mail["personalizations"]):
        field = f"personalizations.{place}"
        if not one["to"]:
            yield f"{field}.to", "The to array is required, and must have at least one recipient."
        everyone = [each["email"].lower() for part in ("to", "cc", "bcc") for each in one.get(part, [])]
        if len(everyone) != len(set(everyone)):
            yield field, "Each email address in the personalization block should be unique."
        if not mail.get("template_id") and not (one.get("subject") or mail.get("subject")):
            yield "subject", "The subject is required."


def wrong_content(mail: dict[str, Any]) -> Iterator[tuple[str, str]]:
    types = [each["type"].partition(";")[0].strip() for each in mail.get("content", [])]
    if not types and not mail.get("template_id"):
        yield "content", "Unless a valid template_id is provided, the content parameter is required."
    ranks = [ORDER.index(kind) if kind in ORDER else len(ORDER) for kind in types]
    if ranks != sorted(ranks):
        yield (
            "content",
            "If present, text/plain and text/html may only be provided once, and text/plain comes first.",
        )
    for place, each in enumerate(mail.get("attachments", [])):
        try:
            base64.b64decode(each["content"], validate=True)
        except binascii.Error:
            yield f"attachments.{place}.content", "The attachment content must be base64 encoded."


def wrong_headers(mail: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for given in [mail, *mail["personalizations"]]:
        for name, value in given.get("headers", {}).items():
            if name.lower() in RESERVED:
                yield f"headers.{name}", f"The header {name} is reserved."
            if not isinstance(value, str) or not value.isascii() or "\n" in value or "\r" in value:
                yield f"headers.{name}", "A header is one line of ASCII text."


def wrong_arguments(mail: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for place, one in enumerate(mail["personalizations"]):
        arguments = one.get("custom_args", {})
        if not all(isinstance(value, str) for value in arguments.values()):
            yield f"personalizations.{place}.custom_args", "Substitutions and arguments are strings."
        if len(json.dumps(arguments)) > 10_000:
            yield f"personalizations.{place}.custom_args", "At most 10,000 bytes."

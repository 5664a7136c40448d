"""What providers post to us, signed by code of our own."""

import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from django.test import Client

from tests.contracts import signing

BASE = "https://care.example.org"
TOKEN = "0123456789abcdef0123456789abcdef"
OLD_TOKEN = "fedcba9876543210fedcba9876543210"
INBOUND, STATUS, EVENTS = (
    "/webhooks/twilio/inbound/",
    "/webhooks/twilio/status/",
    "/webhooks/sendgrid/events/",
)
FORM = "application/x-www-form-urlencoded"
SIGNED = "X-Twilio-Signature"


def twilio(
    path: str, params: Mapping[str, Any], *, token: str = TOKEN, signed: str | None = None, **more: Any
) -> Any:
    """A form as Twilio posts it. `signed` is the address that its signature is for, if not this one."""
    signature = signing.twilio_signature(signed or BASE + path, params, token)
    return raw(path, urlencode(params, doseq=True), {SIGNED: signature}, content_type=FORM, **more)


def sendgrid(
    events: Any,
    key: EllipticCurvePrivateKey,
    *,
    timestamp: int | str | None = None,
    age: int = 0,
    path: str = EVENTS,
) -> Any:
    """A batch of events; bytes are posted as they are."""
    body = events if isinstance(events, bytes) else json.dumps(events).encode()
    headers = signing.sendgrid_headers(body, key, int(time.time()) - age if timestamp is None else timestamp)
    return raw(path, body, headers, content_type="application/json")


def raw(path: str, body: str | bytes, headers: Mapping[str, str], *, content_type: str, **more: Any) -> Any:
    """By somebody without cookies, from whom the CSRF check has nothing to expect."""
    client = Client(enforce_csrf_checks=True)
    return client.post(path, body, content_type=content_type, headers=dict(headers), **more)


def answers(response: Any) -> list[str]:
    """What a TwiML answer says."""
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/xml; charset=utf-8"
    root = ElementTree.fromstring(response.content)
    assert root.tag == "Response"
    assert {each.tag for each in root} <= {"Message"}
    return [each.text or "" for each in root]

"""Requests as any client would send them, to see what a double answers."""

import base64
import json
from typing import Any

import requests

from tests.contracts.sendgrid_double import SEND, SendGridDouble
from tests.contracts.twilio_double import TwilioDouble

CUSTOMER = "+12125550143"


def text(double: TwilioDouble, *, token: str = "", **form: Any) -> requests.Response:
    """Ask Twilio for a message. A field given as None is left out."""
    fields = {"To": CUSTOMER, "Body": "Hello", "MessagingServiceSid": double.service, **form}
    return requests.post(
        f"{double.base}/2010-04-01/Accounts/{double.account}/Messages.json",
        data={name: value for name, value in fields.items() if value is not None},
        auth=(double.account, token or double.token),
        timeout=5,
    )


def mail(**changed: Any) -> dict[str, Any]:
    """The JSON of an e-mail that SendGrid takes, with fields replaced or, where None, left out."""
    fields = {
        "personalizations": [{"to": [{"email": "ada@example.org"}]}],
        "from": {"email": "appointments@northside.example.org"},
        "subject": "Your appointment",
        "content": [{"type": "text/plain", "value": "Hello"}],
        **changed,
    }
    return {name: value for name, value in fields.items() if value is not None}


def send(double: SendGridDouble, given: Any, *, key: str = "") -> requests.Response:
    headers = {"Authorization": f"Bearer {key or double.key}", "Content-Type": "application/json"}
    body = given if isinstance(given, bytes) else json.dumps(given).encode()
    return requests.post(double.base + SEND, data=body, headers=headers, timeout=5)


def encoded(content: str) -> str:
    return base64.b64encode(content.encode()).decode()

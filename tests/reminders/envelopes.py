"""Envelopes as delivery hands them to whatever sends, and what becomes of them."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from reminders import transports
from reminders.messages import Letter
from reminders.models import Channel
from reminders.transports.base import Envelope, Receipt, TransportError

REFERENCE = UUID("0b6a8f7e-5f2e-4b7e-9a53-1c2f7a9e4d10")
NUMBER = "+12125550143"
WORDS = "Northside: Tue 1 Dec at 9:00. Confirm: https://care.example.org/c/Zk1-x_9/"
INVITATION = "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nSUMMARY:Café\r\nEND:VCALENDAR\r\n"


def text(**given: Any) -> Envelope:
    fields = {"reference": REFERENCE, "to": NUMBER, "letter": Letter("", given.pop("body", WORDS))}
    return Envelope(**{**fields, "sender": "Northside", "is_wanted_for": timedelta(hours=2), **given})


def email(**given: Any) -> Envelope:
    letter = Letter(
        given.pop("subject", "Your appointment at Café Northside"),
        given.pop("body", "Dear Zoë, on Tuesday at 9:00."),
        html=given.pop("html", "<p>Dear Zoë, on <b>Tuesday</b> at 9:00.</p>"),
        invitation=given.pop("invitation", INVITATION),
    )
    fields = {"reference": REFERENCE, "to": "ada@example.org", "letter": letter, "sender": "Northside Care"}
    return Envelope(**{**fields, **given})


def sent(envelope: Envelope) -> Receipt:
    return transports.of(_channel(envelope)).send(envelope)


def failed(envelope: Envelope) -> TransportError:
    with pytest.raises(TransportError) as caught:
        sent(envelope)
    return caught.value


def _channel(envelope: Envelope) -> Channel:
    return Channel.PHONE if envelope.to.startswith("+") else Channel.EMAIL

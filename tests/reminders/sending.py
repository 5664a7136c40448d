"""Rows of the outbox and of the consent log, as their verbs write them."""

from typing import Any

from appointments.models import Appointment, Customer
from reminders import consent, messages
from reminders.models import Channel, ConsentLog, Kind, Message
from tests import factories as make


def message(**given: Any) -> Message:
    fields = {
        "kind": Kind.BOOKED,
        "channel": Channel.EMAIL,
        "address": "ada@example.org",
        "subject": "Booked",
        "text": "Wednesday, 10:45 AM EST",
        "now": make.NOW,
    }
    written = messages.write(**{**fields, **given})
    assert written is not None
    return written


def notice(*, of: Appointment, **given: Any) -> Message:
    return message(**{"appointment": of, "customer": of.customer, "address": of.email, **given})


def agreed(*, customer: Customer | None = None, **given: Any) -> ConsentLog:
    fields = {
        "phone": customer.phone if customer else "+12125550143",
        "granted": True,
        "source": ConsentLog.Source.PORTAL_BOOKING,
        "wording": consent.wording("SecureCare"),
        "now": make.NOW,
    }
    return consent.record(**{**fields, "customer": customer, **given})

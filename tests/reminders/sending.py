"""Rows of the outbox and of the consent log, as their verbs write them."""

from typing import Any

from appointments.models import Appointment, Customer
from reminders import consent, messages
from reminders.messages import Letter
from reminders.models import Channel, ConsentLog, Kind, Message
from tests import factories as make


def message(**given: Any) -> Message:
    """One about no appointment, worded from the beginning."""
    words = given.pop("subject", "Your code"), given.pop("text", "Your code is 123456")
    fields = {
        "kind": Kind.SIGN_IN,
        "channel": Channel.EMAIL,
        "address": "ada@example.org",
        "letter": Letter(*words),
        "now": make.NOW,
    }
    return messages.write(**{**fields, **given})


def notice(*, of: Appointment, **given: Any) -> Message:
    """One about an appointment, due now and not worded yet. In place of the one that planning has written."""
    channel = given.get("channel", Channel.EMAIL)
    fields = {
        "kind": Kind.BOOKED,
        "channel": channel,
        "address": of.email if channel == Channel.EMAIL else of.phone,
        "language": "en",
        "customer": of.customer,
        "appointment": of,
        "revision": of.revision,
        "due_at": make.NOW,
        "created_at": make.NOW,
        **given,
    }
    key = {name: fields.get(name) for name in ("appointment", "kind", "channel", "rule", "revision")}
    Message.objects.filter(**{name: value for name, value in key.items() if value is not None}).delete()
    return Message.objects.create(**fields)


def agreed(*, customer: Customer | None = None, **given: Any) -> ConsentLog:
    fields = {
        "phone": customer.phone if customer else "+12125550143",
        "granted": True,
        "source": ConsentLog.Source.PORTAL_BOOKING,
        "wording": consent.wording("SecureCare"),
        "now": make.NOW,
    }
    return consent.record(**{**fields, "customer": customer, **given})

"""What became of a message, in words for staff."""

from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import Q

from reminders.models import Delivery, Message

CONSOLE = "console"
FAILED = Q(state=Message.State.GIVEN_UP) | Q(delivery=Delivery.FAILED)
# Put so that the partial indexes of messages serve.
UNSETTLED = Q(state=Message.State.PENDING) | Q(state=Message.State.CLAIMED)
NOT_SENT = Q(state=Message.State.CLOSED, settled_at__isnull=False)
SENT = Q(state=Message.State.DONE, settled_at__isnull=False) & ~Q(delivery=Delivery.FAILED)


class Outcome(NamedTuple):
    """`sign` is its class on the page: planned, waiting, sent, delivered, shown, unsent or failed. `at` belongs to the words."""

    sign: str
    words: str
    at: datetime | None = None
    why: str = ""


def of(message: Message, *, now: datetime) -> Outcome:
    if message.state == Message.State.PENDING:
        return _of_waiting(message, now)
    if message.state == Message.State.CLAIMED:
        return Outcome("waiting", "Waiting for the provider")
    if message.state == Message.State.CLOSED:
        return Outcome("unsent", "Not sent", why=message.closed_reason)
    if message.state == Message.State.GIVEN_UP:
        return Outcome("failed", "Failed", why=message.last_error)
    return _of_done(message)


def _of_waiting(message: Message, now: datetime) -> Outcome:
    """A message that was tried, or put off, says so."""
    if message.handed_over_at is not None:
        return Outcome("waiting", "Waiting for the provider", why=message.last_error)
    if message.attempts:
        return Outcome("waiting", "Tried again", message.due_at, message.last_error)
    if message.due_at <= now:
        return Outcome("waiting", "About to be sent", why=message.last_error)
    return Outcome("planned", "Planned", message.due_at, message.last_error)


def _of_done(message: Message) -> Outcome:
    if message.transport == CONSOLE:
        return Outcome("shown", "Shown here only", message.settled_at)
    if message.delivery == Delivery.FAILED:
        return Outcome("failed", "Failed", message.delivery_at, message.delivery_detail)
    if message.delivery == Delivery.DELIVERED:
        return Outcome("delivered", "Delivered", message.delivery_at)
    if message.delivery == Delivery.DELAYED:
        return Outcome("sent", "Sent, delayed on its way", message.settled_at, message.delivery_detail)
    return Outcome("sent", "Sent", message.settled_at)


def when(message: Message) -> datetime:
    """The instant by which a list is ordered: when it was settled, or is due."""
    return message.settled_at or message.due_at


def what(message: Message) -> str:
    """Reminder, 2 days before at 10:00"""
    kind = str(message.get_kind_display())
    return f"{kind}, {message.rule.lead}" if message.rule else kind


class Row(NamedTuple):
    """A message as a line of a list. `zone` is the clock that it is told by."""

    message: Message
    when: datetime
    what: str
    outcome: Outcome
    zone: ZoneInfo


def row(message: Message, *, now: datetime, zone: ZoneInfo) -> Row:
    """By the clock of the facility that it is about; by `zone` where it is about no appointment."""
    at, found = when(message), of(message, now=now)
    clock = message.appointment.facility.zone if message.appointment else zone
    return Row(message, at, what(message), found._replace(at=None) if found.at == at else found, clock)

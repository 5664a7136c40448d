"""Sending a message once more: a row of its own each time, so that what became of the first stays on record."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from reminders import consent, messages, suppression, ways
from reminders.models import Channel, Delivery, Message

REASON_LIMIT = 200
# Reminders of two channels that are due so close together say the same.
SAME_OCCASION = timedelta(hours=6)


class CannotSendAgain(Exception):
    """There is nowhere to send it, or it is about no appointment: whoever wants a new code asks for one."""


def send_again(
    message: Message,
    *,
    reason: str,
    by: User | None,
    now: datetime,
    channel: str | None = None,
    due_at: datetime | None = None,
) -> Message:
    """Put it in the outbox once more, worded anew when it is sent: to where messages about the appointment go now, due at
    once, unless told otherwise. `by` is nobody where the software does it by itself.

    Asks nothing of consent: like any other it is looked at again when it is due. Raises CannotSendAgain.
    """
    channel = channel or message.channel
    if message.appointment is None:
        raise CannotSendAgain("It is about no appointment.")
    if message.kind == Message.Kind.PLEASE_SIGN:
        raise CannotSendAgain(ways.FROM_DOCUMENTS)
    to = suppression.address_of(message.appointment, channel)
    if not to:
        raise CannotSendAgain("There is no address to send it to.")
    with transaction.atomic():
        again = Message.objects.create(
            kind=message.kind,
            channel=channel,
            address=to,
            language=message.language,
            customer=message.customer,
            appointment=message.appointment,
            revision=message.revision,
            rule=message.rule,
            before=message.before,
            useful_until=message.useful_until,
            copy=max(
                1,
                messages.next_copy(
                    message.appointment,
                    kind=message.kind,
                    channel=channel,
                    rule=message.rule,
                    revision=message.revision,
                ),
            ),
            again_of=message,
            again_reason=reason[:REASON_LIMIT],
            again_by=by,
            due_at=due_at or now,
            created_at=now,
        )
        messages.hint(again, now=now)
    return again


def fall_back(message: Message, *, now: datetime) -> Message | None:
    """What tells the customer the same by the other channel: what is sent or planned there anyway, or else a copy.

    None if that channel has no address, nobody agreed to it, it was tried already, or there is nothing left to tell.
    """
    other = Channel.EMAIL if message.channel == Channel.PHONE else Channel.PHONE
    if message.kind == Message.Kind.PLEASE_SIGN:
        return None  # both channels were written to; its link is for one
    if message.appointment is None or other in {earlier.channel for earlier in _history(message)}:
        return None
    if (said := _said_by(message, other)) is not None:
        return said
    candidate = Message(
        kind=message.kind,
        channel=other,
        appointment=message.appointment,
        revision=message.revision,
        useful_until=message.useful_until,
    )
    if suppression.reason(candidate, now=now) or _is_held(candidate):
        return None
    reason = f"The {_NAMES[Channel(message.channel)]} did not arrive."
    return send_again(message, reason=reason, by=None, now=now, channel=other)


_NAMES = {Channel.EMAIL: "e-mail", Channel.PHONE: "text message"}


def _history(message: Message) -> Iterator[Message]:
    """The message and those it is a copy of, the latest first."""
    earlier: Message | None = message
    while earlier is not None:
        yield earlier
        earlier = earlier.again_of


def _said_by(message: Message, channel: str) -> Message | None:
    """A message of this channel that says the same, unless it failed too."""
    occasion = Q() if message.rule_id is None else Q(again_of=message) | _about(message.due_at)
    twins = Message.objects.filter(
        occasion,
        appointment=message.appointment,
        kind=message.kind,
        revision=message.revision,
        channel=channel,
    )
    failed = Q(state__in=[Message.State.CLOSED, Message.State.GIVEN_UP]) | Q(delivery=Delivery.FAILED)
    return twins.exclude(failed).order_by("-pk").first()


def _about(due_at: datetime) -> Q:
    return Q(due_at__gte=due_at - SAME_OCCASION, due_at__lte=due_at + SAME_OCCASION)


def _is_held(candidate: Message) -> bool:
    assert candidate.appointment is not None  # noqa: S101 - asked by the caller
    return candidate.channel == Channel.PHONE and consent.is_held(candidate.appointment.phone)

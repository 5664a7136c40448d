"""Handing messages over: to the provider once each, however often it is tried.

A message is looked at again, worded and marked as being handed over in one short transaction; the provider is called in
none. What becomes of it is recorded after. Where that record is missing (a killed worker, a call that timed out), the provider
is asked whether it has the message before the very same one is sent again.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import InterfaceError, OperationalError, close_old_connections, connection, transaction

from appointments import branding
from reminders import (
    delays,
    failures,
    letters,
    links,
    loading,
    messages,
    stops,
    suppression,
    transports,
    unsubscribing,
)
from reminders.messages import Letter
from reminders.models import NOTICES, ChannelStop, Message
from reminders.transports.base import Envelope, NotKnownYet, Receipt, Transport, TransportError
from securecare import localtime

logger = logging.getLogger(__name__)

# Together less than OUTBOX_CLAIM_SECONDS: a database takes a moment to restart.
PAUSES = (0.2, 1, 2, 4, 8, 16, 32)
CONNECTION_ERRORS = (OperationalError, InterfaceError)
_PROVIDER_ID_LIMIT = 64


@dataclass(frozen=True)
class Ready:
    """A message that nothing speaks against, and the stop of its channel that it may try to lift."""

    envelope: Envelope
    stop: ChannelStop | None


def deliver(
    message_id: int, *, now: datetime, transport_of: Callable[[str], Transport] = transports.of
) -> None:
    """Send one message, if it is due and nobody else's, and settle its row."""
    message = Message.objects.claim(message_id, now=now)
    if message is None:
        return
    try:
        _carry_out(message, transport_of(message.channel), now=now)
    except Exception as error:
        logger.exception("Message %s met a fault of our own", message.reference)
        if isinstance(error, CONNECTION_ERRORS):
            close_old_connections()
        failures.try_again(message, error=f"A fault of our own: {type(error).__name__}", now=now)


def _carry_out(message: Message, transport: Transport, *, now: datetime) -> None:
    if message.handed_over_at is not None and _is_settled_by_asking(message, transport, now=now):
        return
    ready = _prepare(message, transport, now=now)
    if ready is None:
        return
    try:
        receipt = transport.send(ready.envelope)
    except TransportError as error:
        failures.settle(message, error, now=now)
        return
    _record(message, receipt, now=now)
    if ready.stop is not None:
        stops.lift(ready.stop)


def _is_settled_by_asking(message: Message, transport: Transport, *, now: datetime) -> bool:
    """Ask what became of the earlier attempt. False if it did not arrive, as far as can be known: it is to be sent again."""
    letter = messages.read(message)
    if letter is None or message.handed_over_at is None or message.transport != transport.name:
        logger.warning("Message %s may have been sent by %s before", message.reference, message.transport)
        return False
    try:
        receipt = transport.find(
            _envelope(message, letter, now=now), handed_over_at=message.handed_over_at, now=now
        )
    except NotKnownYet as unknown:
        message.put_off(until=now + unknown.retry_after, reason="Whether it was sent is not known yet.")
        return True
    except TransportError as error:
        failures.settle_unanswered(message, error, now=now)
        return True
    if receipt is not None:
        _record(message, receipt, now=now)
    return receipt is not None


@transaction.atomic
def _prepare(message: Message, transport: Transport, *, now: datetime) -> Ready | None:
    """Look again, word it and mark it; None if it is not to be sent now, and settled, or no longer ours."""
    _load(message)
    if reason := suppression.reason(message, now=now):
        message.close(reason=reason, now=now, address=message.address, handed_over_at=None)
        return None
    if delay := delays.of(message, now=now):
        _hold(message, delay, now=now)
        return None
    stop = stops.of(message.channel)
    if stop is not None and not stops.take_turn(stop, now=now):
        message.put_off(until=stops.after_next_turn(stop, now=now), reason=stop.reason)
        return None
    letter, wording = _letter(message, now=now)
    marks = {"handed_over_at": now, "transport": transport.name, "address": message.address}
    if not message.keep(**marks, **wording):
        transaction.set_rollback(True)
        return None
    return Ready(_envelope(message, letter, now=now), stop)


def _load(message: Message) -> None:
    """What it is about as that is now, kept so until it is marked, and the address its customer is reached by today."""
    if message.appointment_id is None:
        return
    appointment = loading.lock_appointment(message)
    if message.kind != Message.Kind.PLEASE_SIGN:  # whoever signs may be somebody else, such as a guardian
        message.address = suppression.address_of(appointment, message.channel)


def _hold(message: Message, delay: delays.Delay, *, now: datetime) -> None:
    if delay.until is not None:
        message.put_off(until=delay.until, reason=delay.reason)
    else:
        # Who is not told that an appointment was moved or called off comes in vain.
        is_missed = now if message.kind in NOTICES else None
        message.close(reason=delay.reason, now=now, handed_over_at=None, needs_person_since=is_missed)


def _letter(message: Message, *, now: datetime) -> tuple[Letter, dict[str, Any]]:
    """What to send, and the fields to keep it in. What may have arrived is sent word for word, with the same links, as is what
    was worded when it was written."""
    is_worded = message.appointment_id is None or message.kind == Message.Kind.PLEASE_SIGN
    is_fixed = is_worded or message.handed_over_at is not None
    kept = messages.read(message) if is_fixed else None
    if kept is not None:
        return kept, {}
    letter = letters.compose(message, links=links.issue(message, now=now), now=now)
    return letter, messages.sealed(letter, message.reference)


def _envelope(message: Message, letter: Letter, *, now: datetime) -> Envelope:
    return Envelope(
        reference=message.reference,
        to=message.address,
        letter=letter,
        sender=branding.brand().name,
        is_wanted_for=_is_wanted_for(message, now=now),
        unsubscribe_url=unsubscribing.url(message),
    )


def _is_wanted_for(message: Message, *, now: datetime) -> timedelta | None:
    """Until it would no longer be sent: a reminder to the start, a notice to the end of the day."""
    ends = [message.useful_until] if message.useful_until is not None else []
    if message.appointment is not None:
        appointment = message.appointment
        day_ends = localtime.day_bounds(appointment.local_date, appointment.facility.zone)[1]
        ends.append(appointment.starts_at if message.kind == Message.Kind.REMINDER else day_ends)
    return max(min(ends) - now, timedelta(0)) if ends else None


def _record(message: Message, receipt: Receipt, *, now: datetime) -> None:
    """The provider has it. A database that is away for a moment must not make that be forgotten."""
    for pause in PAUSES:
        try:
            message.finish(now=now, provider_id=receipt.provider_id[:_PROVIDER_ID_LIMIT])
            return
        except CONNECTION_ERRORS as error:
            logger.warning("Message %s was sent; recording that is tried again: %s", message.reference, error)
            connection.close()
            time.sleep(pause)
    message.finish(now=now, provider_id=receipt.provider_id[:_PROVIDER_ID_LIMIT])

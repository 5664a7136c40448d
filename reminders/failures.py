"""What becomes of a message that could not be handed over."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from appointments.models import Appointment
from reminders import consent, reachability, resending, stops, suppression
from reminders.models import Kind, Message, Source
from reminders.transports.base import Fault, TransportError

# A provider may need a moment until it can tell whether it has a message.
ASKED_AFTER = timedelta(seconds=30)


def settle(message: Message, error: TransportError, *, now: datetime) -> None:
    """After an attempt to send. Only what may have been sent after all keeps its `handed_over_at`."""
    if error.may_have_been_sent:
        after = max(error.retry_after or ASKED_AFTER, ASKED_AFTER)
        try_again(message, error=str(error), now=now, retry_after=after)
    elif not error.permanent:
        try_again(message, error=str(error), now=now, retry_after=error.retry_after, handed_over_at=None)
    else:
        _FOR_GOOD[error.fault](message, error, now)


def settle_unanswered(message: Message, error: TransportError, *, now: datetime) -> None:
    """After the provider could not be asked about an earlier attempt: that may still have arrived."""
    if error.fault is Fault.ACCOUNT:
        _wait_for_account(message, error, now)
    else:
        try_again(message, error=str(error), now=now, retry_after=error.retry_after)


def try_again(
    message: Message, *, error: str, now: datetime, retry_after: timedelta | None = None, **fields: Any
) -> None:
    """Later; after the last attempt, a person has to look at it."""
    if message.is_last_attempt:
        fields["needs_person_since"] = now
    message.retry_later(error=error, now=now, retry_after=retry_after, **fields)


def _give_up(message: Message, error: TransportError, now: datetime) -> None:
    needs_person_since = _for_a_person(message, now)
    message.give_up(error=str(error), now=now, handed_over_at=None, needs_person_since=needs_person_since)


def _write_elsewhere(message: Message, error: TransportError, now: datetime) -> None:
    """The other way first: that it was needed must not be lost with this worker."""
    with transaction.atomic():
        _lock_appointment(message)
        if message.give_up(error=str(error), now=now, handed_over_at=None):
            has_other_way = resending.fall_back(message, now=now) is not None
            needs_person_since = None if has_other_way else _for_a_person(message, now)
            Message.objects.filter(pk=message.pk).update(needs_person_since=needs_person_since)
    if message.kind != Kind.CONTACT:
        reachability.flag(
            channel=message.channel, address=message.address, reason=str(error), message=message, now=now
        )


def _for_a_person(message: Message, now: datetime) -> datetime | None:
    """A code for a new address that nobody takes was asked for with a slip in it."""
    return None if message.kind == Kind.CONTACT else now


def _take_back_consent(message: Message, error: TransportError, now: datetime) -> None:
    consent.record(
        phone=message.address,
        granted=False,
        source=Source.PROVIDER,
        wording=str(error),
        now=now,
        customer=message.customer,
    )
    reason = suppression.reason(message, now=now) or str(error)
    with transaction.atomic():
        _lock_appointment(message)
        if message.close(reason=reason, now=now, handed_over_at=None):
            resending.fall_back(message, now=now)


def _wait_for_account(message: Message, error: TransportError, now: datetime, **fields: Any) -> None:
    stop = stops.put(channel=message.channel, reason=str(error), now=now, retry_after=error.retry_after)
    message.put_off(until=max(stop.next_try_at, now), reason=str(error), **fields)


def _stop_account(message: Message, error: TransportError, now: datetime) -> None:
    _wait_for_account(message, error, now, handed_over_at=None)


_FOR_GOOD: dict[Fault, Callable[[Message, TransportError, datetime], None]] = {
    Fault.MESSAGE: _give_up,
    Fault.ADDRESS: _write_elsewhere,
    Fault.OPT_OUT: _take_back_consent,
    Fault.ACCOUNT: _stop_account,
}


def _lock_appointment(message: Message) -> None:
    """Before its message, as whoever changes an appointment does: else the two could wait for each other."""
    if message.appointment_id is not None:
        Appointment.objects.select_for_update(no_key=True).only("pk").get(pk=message.appointment_id)

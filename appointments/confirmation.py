"""Customers say that they will come, by the channel that asked them.

The window opens with the third local day before the appointment's date and closes when it starts. A confirmation is a
timestamp per channel, not a status: each is given once, and a new time takes both back.
"""

from datetime import datetime, timedelta
from enum import Enum

from django.db import transaction

from appointments.models import Appointment, AppointmentEvent, Channel
from securecare import localtime

DAYS_BEFORE = timedelta(days=3)
CONFIRMABLE = frozenset({Appointment.Status.SCHEDULED, Appointment.Status.PENDING_REASSIGNMENT})
STAMPS = {Channel.EMAIL: "email_confirmed_at", Channel.PHONE: "phone_confirmed_at"}


class Window(Enum):
    """Whether an appointment can be confirmed, and if not, why."""

    TOO_EARLY = "too early"
    OPEN = "open"
    CLOSED = "closed"  # it has started, somebody came, or nobody did
    CANCELLED = "cancelled"


def opens_at(appointment: Appointment) -> datetime:
    """The first instant of the third day before its date, at the facility."""
    return localtime.day_bounds(appointment.local_date - DAYS_BEFORE, appointment.facility.zone)[0]


def window(appointment: Appointment, *, now: datetime) -> Window:
    """Needs the facility loaded."""
    if appointment.is_cancelled:
        return Window.CANCELLED
    if appointment.status not in CONFIRMABLE or now >= appointment.starts_at:
        return Window.CLOSED
    return Window.OPEN if now >= opens_at(appointment) else Window.TOO_EARLY


def confirm(*, appointment: Appointment, channel: str, now: datetime) -> bool:
    """Stamp the channel's confirmation, once. `channel` is "email" or "phone".

    True if this call stamped it; False if it was stamped before or the window is not open. The caller's object is brought to
    the saved state. Raises ValueError for another channel. Nothing follows from it: messages look at the stamps when they
    are sent.
    """
    stamp = STAMPS[Channel(channel)]
    with transaction.atomic():
        current = (
            Appointment.objects.select_for_update(of=("self",), no_key=True)
            .select_related("facility")
            .get(pk=appointment.pk)
        )
        is_stamped = (
            getattr(current, stamp) is None
            and current.revision == appointment.revision
            and window(current, now=now) is Window.OPEN
        )
        if is_stamped:
            setattr(current, stamp, now)
            current.version += 1
            current.save(update_fields=[stamp, "version"])
            AppointmentEvent.objects.create(
                appointment=current,
                kind=AppointmentEvent.Kind.CONFIRMED,
                at=now,
                actor=AppointmentEvent.Actor.CUSTOMER,
                before={stamp: None},
                after={stamp: now.isoformat()},
                revision=current.revision,
                version=current.version,
            )
    for field in Appointment._meta.concrete_fields:
        setattr(appointment, field.attname, getattr(current, field.attname))
    return is_stamped

"""What follows from a change of an appointment: the one place that sets it in motion."""

from django.db import connection

from appointments.models import AppointmentEvent
from calendarsync import queueing
from reminders import planning
from signatures import attaching

# Kinds after which the customer belongs to the appointment's facility.
_PLACED = {AppointmentEvent.Kind.BOOKED, AppointmentEvent.Kind.RESCHEDULED, AppointmentEvent.Kind.REASSIGNED}


def follow(event: AppointmentEvent) -> None:
    """Set in motion all that follows from this change, in its transaction. Outside effects become rows, never calls."""
    if event.kind in _PLACED:
        _make_known_at_facility(event)
    planning.plan(event)
    queueing.follow(event)
    attaching.follow(event)


def _make_known_at_facility(event: AppointmentEvent) -> None:
    """Staff of the facility see the customer from now on. Insert-or-ignore: one statement, no read."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO appointments_customer_facilities (customer_id, facility_id) VALUES (%s, %s) "
            "ON CONFLICT DO NOTHING",
            [event.appointment.customer_id, event.appointment.facility_id],
        )

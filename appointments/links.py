"""Making and opening the links that stand in messages about an appointment."""

from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Q

from appointments.models import Appointment, AppointmentLink
from securecare import links

OUTLIVES_APPOINTMENT = timedelta(days=1)


_ISSUE = """
INSERT INTO appointments_appointmentlink
       (digest, purpose, channel, appointment_id, revision, created_at, expires_at)
VALUES (%s, %s, %s, %s, %s, %s, %s)
"""


def issue(
    *,
    appointment: Appointment,
    purpose: str,
    now: datetime,
    channel: str = "",
    token: str | None = None,
) -> str:
    """A token for this purpose alone, good until a day after the appointment, wherever that moves. `token` is one made before;
    one that confirms says by which channel."""
    token = token or links.new_token()
    expires_at = appointment.ends_at + OUTLIVES_APPOINTMENT
    with connection.cursor() as cursor:
        cursor.execute(
            _ISSUE,
            (links.digest(token), purpose, channel, appointment.pk, appointment.revision, now, expires_at),
        )
    return token


def find(token: str, *, purpose: str, now: datetime) -> AppointmentLink | None:
    """The link with its appointment; None if it is unknown, revoked, expired or made for something else: they look the same."""
    alive = Q(expires_at__gt=now) | Q(appointment__ends_at__gt=now - OUTLIVES_APPOINTMENT)
    related = (
        "appointment__customer",
        "appointment__staff",
        "appointment__program__facility",
        "appointment__facility",
    )
    found = AppointmentLink.objects.filter(
        alive, digest=links.digest(token), purpose=purpose, revoked_at=None
    )
    return found.select_related(*related).first()
